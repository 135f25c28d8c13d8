"""Runs from several starts, of which the best is kept: what variants of k-means share with `fit`."""

import numpy as np

from fastkmeans import validation as check
from fastkmeans.restarts import first_centers


class Starts:
    """The settings of a fit that say where its runs begin, once they have been looked at, and its rows.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    n_clusters, init, n_init, max_iter, random_state, n_threads, verbose, callback
        As for `fit`.
    metric : as for `fit`
    sample_weight : as for `fit`
    asker : str
        The function that was called, for errors.
    """

    def __init__(self, X, n_clusters, *, init, n_init, max_iter, random_state, n_threads, verbose, callback, asker,
                 metric="euclidean", sample_weight=None):  # fmt: skip
        self.array = check.as_rows_at_hand(X, asker)
        self.k = check.check_n_clusters(n_clusters, len(self.array))
        self.n_init, self.max_iter = check.check_n_init(n_init, init), check.check_integer(max_iter, "max_iter")
        self.callback, self.verbose, self.metric = check.check_callback(callback), verbose, metric
        self.random = check.as_generator(random_state)
        weights = check.as_weights(sample_weight, len(self.array))
        n_threads = check.check_n_threads(n_threads)
        self.source, self.moments = check.checked_source(self.array, weights, metric=metric, n_threads=n_threads)
        if not callable(init):
            init = check.as_init(init, self.k, self.array, self.source, metric, None)
        self.init = init

    def best(self, run):
        """The run of least `objective` from all starts, the first on a tie.

        Parameters
        ----------
        run : callable
            run(centers, max_iter=, restart=, callback=), whose result also tells whether it was `stopped`.
        """
        seeds = [] if self.n_init == 1 else self.random.integers(2**63, size=self.n_init).tolist()
        randoms = [np.random.default_rng(seed) for seed in seeds] or [self.random]
        callback, best = self.callback, None
        if self.verbose:
            from fastkmeans.progress import ProgressBar

            callback = ProgressBar(self.k, self.max_iter, self.n_init, callback)
        try:
            for restart, random in enumerate(randoms):
                centers, stopped = first_centers(
                    self.init, self.k, self.array, self.source, self.metric, random, restart, callback
                )
                done = run(centers, max_iter=0 if stopped else self.max_iter, restart=restart, callback=callback)
                if best is None or done.objective < best.objective:
                    best = done
                if stopped or done.stopped:
                    break
        finally:
            if self.verbose:
                callback.close()
        return best
