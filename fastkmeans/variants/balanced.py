"""k-means whose clusters hold neither too few rows nor too many."""

from dataclasses import dataclass

import numpy as np

from fastkmeans import validation as check
from fastkmeans.engine.balanced import Transport, bytes_needed, run_balanced
from fastkmeans.sources.blocks import METRICS
from fastkmeans.variants.starts import Starts


def fit_balanced(X, n_clusters, *, min_size=None, max_size=None, init="auto", n_init=1, max_iter=100, tol=1e-4,
                 random_state=None, metric="euclidean", n_threads=None, verbose=0, callback=None,
                 memory_budget=None):  # fmt: skip
    """Cluster the rows of X into groups of `min_size` to `max_size` rows, of the least inertia that these allow.

    Alternates two steps, of which neither can raise the inertia: every row is assigned so that the sum of the squared
    distances is the least of all assignments within the sizes, exactly, and every center becomes the mean of its rows.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Numbers of any dtype and layout, a table of numbers, or a path to rows that fit in memory; not sparse.
    n_clusters : int
        Number of clusters, from 1 to n_samples.
    min_size, max_size : int, default=None
        Rows of a cluster, at least and at most. With neither, clusters are as equal as can be: n_samples / n_clusters,
        rounded down or up. With one of them the other is left open, though no cluster is ever empty.
    init : as for `fit`, default="auto"
        First centers. They are chosen without regard to sizes.
    n_init : int or "auto", default=1
        Runs from different starts, of which the best is kept, the first on a tie.
    max_iter : int, default=100
        Most iterations of a run.
    tol : float, default=1e-4
        A run ends when labels stay, or when the squared movements of the centers sum to at most `tol` times the mean
        variance of the columns.
    random_state : int, Generator, RandomState or None, default=None
        Seed. The same seed gives the same bits for any number of threads.
    metric : {"euclidean", "cosine"}, default="euclidean"
        "cosine" clusters unit rows around unit centers; inertia is Euclidean there: 2 (1 - cos) a row.
    n_threads : int or None, default=None
        Threads to use; None for all CPUs that this process may use. Distances, lists and means are shared out; the
        moves of rows between clusters, most of the first iterations, are the work of one.
    verbose : int, default=0
        1 shows a progress bar on stderr.
    callback : callable or None, default=None
        Called with an `IterationStats` after every seeding step and iteration; returning False stops the fit.
    memory_budget : int, default=None
        Bytes that the distances may take, 8 n_samples * n_clusters and what goes with them; None for half of what is
        free.

    Returns
    -------
    BalancedResult
        `centers`, `labels`, `inertia`, `sizes`, `n_iter`, `converged`, `history`.

    Raises
    ------
    ValueError, TypeError
        If no assignment has such sizes (``n_clusters * max_size < n_samples``, ``n_clusters * min_size > n_samples``,
        ``min_size > max_size``), distances have no room in memory, or as for `fit`. There is no `sample_weight`, as a
        row counts as one for the sizes and goes to one cluster whole.

    Notes
    -----
    The assignment is a transportation problem, a linear program whose solutions are whole numbers [1]_. It is solved by
    successive shortest paths on the graph of the clusters alone: a path moves one row along each edge, and costs about
    n_clusters^2 steps. Prices of the clusters carry over from one iteration to the next, so that few rows have to be
    moved once centers settle, and begin with those of a sample of the rows: iterations of 100,000 x 16 rows and 50
    clusters take 0.03 to 0.2 seconds on two cores. The least cost is that of float64 squared distances, up to their
    rounding.

    An iteration takes O(n_samples * n_clusters * n_features + rows to move * n_clusters^2). Extra memory: 8 bytes for
    each pair of a row and a center, 48 for each row, a sixth more, and lists for each pair of clusters: 120 bytes, or 6
    times the root of n_samples / n_clusters if that is more.

    References
    ----------
    .. [1] P. Bradley, K. Bennett, A. Demiriz, "Constrained k-means clustering", Microsoft Research MSR-TR-2000-65,
       2000.
    .. [2] R. Ahuja, T. Magnanti, J. Orlin, "Network Flows", 1993, section 9.7: successive shortest paths.

    Examples
    --------
    >>> import fastkmeans
    >>> X = [[0.0], [1.0], [2.0], [3.0], [9.0], [10.0]]
    >>> fastkmeans.fit(X, 2, init=[[1.0], [9.5]]).labels
    array([0, 0, 0, 0, 1, 1], dtype=int32)
    >>> result = fastkmeans.fit_balanced(X, 2, init=[[1.0], [9.5]])
    >>> result.labels
    array([0, 0, 0, 1, 1, 1], dtype=int32)
    >>> result.sizes
    array([3, 3])
    """
    check.check_name(metric, METRICS, "metric")
    starts = Starts(
        X, n_clusters, init=init, n_init=n_init, max_iter=max_iter, random_state=random_state, metric=metric,
        n_threads=n_threads, verbose=verbose, callback=callback, asker="fit_balanced",
    )  # fmt: skip
    k, source, moments = starts.k, starts.source, starts.moments
    least, most = check.check_sizes(min_size, max_size, k, source.n)
    check.check_magnitude(starts.array)
    if isinstance(starts.init, np.ndarray):
        check.check_magnitude(starts.init, "init")
    tol = check.check_tol(tol) * moments.mean_variance
    check.check_room(bytes_needed(source.n, k), memory_budget, source.n, k)
    rows = Transport(source, k, least, most)
    best = starts.best(lambda centers, **more: run_balanced(rows, moments.shift, centers, tol=tol, **more))
    return BalancedResult(
        best.centers, best.labels, np.bincount(best.labels, minlength=k), best.objective, best.n_iter, best.converged,
        tuple(best.history), least, most, metric,
    )  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class BalancedResult:
    """A clustering within sizes: of all labels that keep to these, `labels` has the least inertia around `centers`.

    Attributes
    ----------
    centers : ndarray of shape (n_clusters, n_features), float32 or float64
        Cluster means, in the type that the fit computed in. Unit vectors for ``metric="cosine"``.
    labels : ndarray of shape (n_samples,), int32
        Cluster of each row: often, but not always, that of the nearest center.
    sizes : ndarray of shape (n_clusters,), int64
        Rows of each cluster.
    inertia : float
        Sum over the rows of the squared distance to the center of the label.
    n_iter : int
    converged : bool
        Whether the run ended by itself, not at `max_iter` or by a callback.
    history : tuple of IterationStats
        One record an iteration of the run that was kept.
    min_size, max_size : int
        The sizes that clusters were kept to.
    metric : {"euclidean", "cosine"}
    """

    centers: np.ndarray
    labels: np.ndarray
    sizes: np.ndarray
    inertia: float
    n_iter: int
    converged: bool
    history: tuple
    min_size: int
    max_size: int
    metric: str = "euclidean"

    def __repr__(self):
        k, d = self.centers.shape
        ended = "converged" if self.converged else "stopped"
        return (
            f"BalancedResult(n_clusters={k}, n_features={d}, n_samples={len(self.labels)}, "
            f"sizes={self.sizes.min()} to {self.sizes.max()}, inertia={self.inertia:.6g}, "
            f"{ended} after {self.n_iter} iterations)"
        )

    def predict(self, X, *, n_threads=None):
        """The index of the nearest center of every row of X, whatever sizes that gives; see `fastkmeans.predict`."""
        from fastkmeans import api

        return api.predict(X, self.centers, metric=self.metric, n_threads=n_threads)

    def assign(self, X, *, min_size=None, max_size=None, n_threads=None, memory_budget=None):
        """Labels of other rows within sizes, of the least inertia around the centers of this result.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        min_size, max_size : int, default=None
            Rows of X in a cluster; with neither, as equal as can be. Clusters may be empty, unlike in `fit_balanced`.
        n_threads : int, default=None
        memory_budget : int, default=None

        Returns
        -------
        ndarray of shape (n_samples,), int32
        """
        array, k = check.as_rows_at_hand(X, "assign"), len(self.centers)
        dtype = np.promote_types(check.computing_type(array), self.centers.dtype)
        centers = check.as_centers(self.centers, array.shape[1], dtype, self.metric)
        source, _ = check.checked_source(
            array, metric=self.metric, dtype=dtype, n_threads=check.check_n_threads(n_threads)
        )
        check.check_magnitude(array)
        least, most = check.check_sizes(min_size, max_size, k, source.n, floor=0)
        check.check_room(bytes_needed(source.n, k), memory_budget, source.n, k)
        rows = Transport(source, k, least, most)
        rows.assign(centers)
        return rows.labels
