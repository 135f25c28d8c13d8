"""k-medians: k-means with the sum of absolute differences, and medians in place of means."""

from dataclasses import dataclass

import numpy as np

from fastkmeans import validation as check
from fastkmeans.engine.medians import AbsolutePass, run_medians
from fastkmeans.result import warn_too_few
from fastkmeans.variants.starts import Starts


def k_medians(X, n_clusters, *, init="k-means++", n_init=1, max_iter=300, sample_weight=None, random_state=None,
              n_threads=None, verbose=0, callback=None):  # fmt: skip
    """Cluster the rows of X around medians, by the sum of absolute differences: a row far out pulls no center along.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Numbers of any dtype and layout, a table of numbers, or a path to rows that fit in memory; not sparse.
        Computed in float32 where that holds the values exactly, else in float64.
    n_clusters : int
        Number of clusters, from 1 to n_samples.
    init : as for `fit`, default="k-means++"
        First centers. Seedings choose them by squared Euclidean distances.
    n_init : int or "auto", default=1
        Runs from different starts, of which the best is kept, the first on a tie.
    max_iter : int, default=300
        Most iterations of a run.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights >= 0, counting as repetitions, in seeding too.
    random_state : int, Generator, RandomState or None, default=None
        Seed. The same seed gives the same bits for any number of threads.
    n_threads : int or None, default=None
        Threads to use; None for all CPUs that this process may use.
    verbose : int, default=0
        1 shows a progress bar on stderr.
    callback : callable or None, default=None
        Called with an `IterationStats` after every seeding step and iteration; returning False stops the fit. Its
        `inertia` is the cost.

    Returns
    -------
    KMediansResult
        `centers`, `labels`, `cost`, `n_iter`, `converged`, `history`.

    Raises
    ------
    ValueError, TypeError
        As for `fit`.

    Warns
    -----
    TooFewDistinctRows
        If X has fewer distinct rows than `n_clusters`: the clusters left over are empty.

    Notes
    -----
    The distance of a row to a center is the float64 sum of absolute differences, features in order, and its label the
    nearest center, the lower index on a tie. A center is the median of its rows, feature by feature, as NumPy's: of an
    even number, the mean of the two in the middle. An empty cluster gets the row farthest from its center. The cost
    never rises, and a run ends where labels stay.

    O(n_samples * n_clusters * n_features) an iteration. Extra memory: 28 bytes a row, and a copy of the rows of a
    cluster for each thread.

    References
    ----------
    .. [1] P. Bradley, O. Mangasarian, W. Street, "Clustering via concave minimization", NIPS 1996.

    Examples
    --------
    >>> import fastkmeans
    >>> X = [[0.0], [1.0], [2.0], [50.0], [100.0], [101.0], [102.0]]
    >>> result = fastkmeans.k_medians(X, 2, init=[[0.0], [100.0]])
    >>> result.centers
    array([[  1.5],
           [101. ]])
    >>> result.cost
    53.0
    """
    starts = Starts(
        X, n_clusters, init=init, n_init=n_init, max_iter=max_iter, random_state=random_state, n_threads=n_threads,
        verbose=verbose, callback=callback, sample_weight=sample_weight, asker="k_medians",
    )  # fmt: skip
    best = starts.best(lambda centers, **more: run_medians(starts.source, centers, **more))
    n_found = len(np.unique(best.labels))
    if best.converged:
        warn_too_few(n_found, starts.k)
    return KMediansResult(
        best.centers, best.labels, best.objective, best.n_iter, best.converged, tuple(best.history)
    )  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class KMediansResult:
    """A clustering around medians: `labels` and `cost` are those of `centers`, exactly.

    Attributes
    ----------
    centers : ndarray of shape (n_clusters, n_features), float32 or float64
        Medians of the clusters' rows, in the type that the fit computed in.
    labels : ndarray of shape (n_samples,), int32
        Index of each row's nearest center by the sum of absolute differences.
    cost : float
        Sum over the rows of weight times distance to the nearest center.
    n_iter : int
    converged : bool
        Whether the run ended by itself, not at `max_iter` or by a callback.
    history : tuple of IterationStats
        One record an iteration of the run that was kept; its `inertia` is the cost.
    """

    centers: np.ndarray
    labels: np.ndarray
    cost: float
    n_iter: int
    converged: bool
    history: tuple

    def __repr__(self):
        k, d = self.centers.shape
        ended = "converged" if self.converged else "stopped"
        return (
            f"KMediansResult(n_clusters={k}, n_features={d}, n_samples={len(self.labels)}, cost={self.cost:.6g}, "
            f"{ended} after {self.n_iter} iterations)"
        )

    def predict(self, X, *, n_threads=None):
        """The index of the nearest center of every row of X, by the sum of absolute differences.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        n_threads : int, default=None

        Returns
        -------
        ndarray of shape (n_samples,), int32
        """
        array = check.as_rows_at_hand(X, "predict")
        dtype = np.promote_types(check.computing_type(array), self.centers.dtype)
        centers = check.as_centers(self.centers, array.shape[1], dtype, "euclidean")
        source = check.rows_to_ask(
            array, None, metric="euclidean", dtype=dtype, n_threads=check.check_n_threads(n_threads)
        )  # fmt: skip
        labels, dists = source.new_row_state(np.int32), source.new_row_state(np.float64)
        source.reduce(AbsolutePass(source, centers), row_state=(labels, dists))
        return labels
