"""FAISS's Kmeans over our engine: change one import. FAISS itself is not needed.

>>> import numpy as np
>>> from fastkmeans.compat.faiss import Kmeans
>>> x = np.array([[0, 0], [0, 1], [9, 9], [9, 8]], np.float32)
>>> kmeans = Kmeans(2, 2, niter=10)
>>> kmeans.train(x)
1.0
>>> distances, labels = kmeans.assign(x)
>>> distances
array([0.25, 0.25, 0.25, 0.25], dtype=float32)
"""

from itertools import accumulate
from types import SimpleNamespace

import numpy as np

from fastkmeans import validation as check
from fastkmeans.api import fit
from fastkmeans.nearest import nearest_centers

__all__ = ["CentroidIndex", "Kmeans"]

SEEDINGS = {None: "auto", 0: "random", 1: "k-means++", 2: "afk-mc2"}  # FAISS's ClusteringInitMethod
# Parameters of FAISS's Clustering about how it works, not what it gives; and a warning of few points.
WITHOUT_EFFECT = {
    "afkmc2_chain_length", "check_input_data_for_NaNs", "decode_block_size", "min_points_per_centroid", "update_index",
    "use_faster_subsampling", "use_super_kmeans",
}  # fmt: skip
UNIT = 1e-5  # rows whose lengths are this near to 1 are unit rows, rounded


def _as_rows(x, name="x"):
    """x as rows that are computed in float32: as they lie, or converted."""
    x = check.as_rows(x, name)
    return x if check.computing_type(x) == np.float32 else x.astype(np.float32)


def _lengths(x):
    """The length of every row, float64."""
    return np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))


class Kmeans:
    """FAISS's Kmeans: the same parameters, attributes and methods, and our exact fit on all CPUs.

    Parameters
    ----------
    d : int
        Columns.
    k : int
        Clusters.
    niter : int, default=25
        Most iterations; fewer where labels stay, after which nothing changes.
    nredo : int, default=1
        Runs from different starts, of which the best is kept.
    verbose : bool, default=False
        Show a progress bar.
    spherical : bool, default=False
        Centroids of length 1, and rows go to the one of the largest inner product.
    int_centroids : bool, default=False
        Round the coordinates of the trained centroids.
    frozen_centroids : bool, default=False
        Leave `init_centroids` as they are; only the others move.
    max_points_per_centroid : int or None, default=None
        Train on so many rows for each centroid, drawn at random, if there are more. FAISS's default is 256; ours is all
        rows.
    seed : int, default=1234
    gpu : bool or int, default=False
        There is no GPU in this: anything but False is an error.
    init_method : {None, 0, 1, 2}, default=None
        As FAISS's ClusteringInitMethod: 0 random rows (FAISS's default), 1 k-means++, 2 AFK-MC2; None for the default
        of `fastkmeans.fit`.
    n_threads : int or None, default=None
    **others
        FAISS's other parameters that do not change what is found are taken and ignored.

    Attributes
    ----------
    centroids : ndarray of shape (k, d), float32
    obj : ndarray of float64
        The objective in each iteration of the run that was kept, weighted: the sum of the squared distances of the rows
        to the centroids that the iteration began with; if spherical, of inner products.
    iteration_stats : list of dict
        `obj`, `time` and `time_search` (seconds since the run began), `imbalance_factor` (of the last iteration, NaN
        before), `nsplit` (empty clusters that were given a row).
    index : CentroidIndex
        Searches the centroids.
    result : KMeansResult
        What `fastkmeans.fit` gave.
    """

    def __init__(self, d, k, niter=25, nredo=1, verbose=False, spherical=False, int_centroids=False,
                 frozen_centroids=False, max_points_per_centroid=None, seed=1234, gpu=False, init_method=None,
                 n_threads=None, **others):  # fmt: skip
        unknown = sorted(set(others) - WITHOUT_EFFECT)
        if unknown:
            raise TypeError(f"Kmeans has no parameter {unknown[0]!r} here; leave it out, or use faiss.Kmeans")
        if spherical and int_centroids:
            raise ValueError(
                "spherical=True gives centroids of length 1, which int_centroids=True would round; drop one"
            )
        if gpu:
            raise ValueError(f"gpu={gpu!r}: fastkmeans runs on CPUs alone; leave gpu out, or use faiss.Kmeans")
        self.d, self.gpu, self.n_threads = check.check_integer(d, "d"), False, n_threads
        # FAISS keeps them here, and code sets them here between two trainings.
        self.cp = SimpleNamespace(
            niter=niter, nredo=nredo, verbose=verbose, spherical=spherical, int_centroids=int_centroids,
            frozen_centroids=frozen_centroids, max_points_per_centroid=max_points_per_centroid, seed=seed,
            init_method=init_method, **others,
        )  # fmt: skip
        self.reset(k)

    def reset(self, k=None):
        """Forget what was trained; k : another number of clusters."""
        if k is not None:
            self.k = check.check_integer(k, "k")
        self.centroids = self.obj = self.iteration_stats = self.result = None
        self.index = CentroidIndex(self.d, self.cp.spherical, self.n_threads)

    def train(self, x, weights=None, init_centroids=None):
        """Find the centroids of the rows.

        Parameters
        ----------
        x : array-like of shape (n, d)
            Read in place if float32 holds its values, else converted to float32.
        weights : array-like of shape (n,), default=None
        init_centroids : array-like of shape (m, d), default=None
            First centroids, m <= k; random rows are added to fewer.

        Returns
        -------
        float
            The objective of the last iteration.

        Raises
        ------
        ValueError, TypeError
            As for `fastkmeans.fit`; spherical: also where a row is all zeros.
        """
        cp, x = self.cp, self._checked(x)
        weights = None if weights is None else check.plain_weights(weights, len(x))
        x, weights = self._sampled(x, weights)
        metric, total = "euclidean", 0.0
        if cp.spherical:  # sums of rows, not of their directions: unit rows that weigh as much as rows are long
            metric, lengths = "cosine", _lengths(x)
            shares = lengths if weights is None else weights * lengths
            total = float(shares.sum())
            weights = weights if (np.abs(lengths - 1) <= UNIT).all() else shares
        init, frozen = self._start(init_centroids)
        result = fit(
            x, self.k, init=init, n_init=check.check_integer(cp.nredo, "nredo"), tol=0.0,
            max_iter=check.check_integer(cp.niter, "niter"), sample_weight=weights, random_state=cp.seed, metric=metric,
            n_threads=self.n_threads, verbose=int(bool(cp.verbose)), frozen_centers=frozen,
        )  # fmt: skip
        self.result = result
        self.centroids = np.rint(result.centers) if cp.int_centroids else result.centers
        self.index = CentroidIndex(self.d, cp.spherical, self.n_threads, self.centroids)
        inertias = np.array([stats.inertia for stats in result.history])
        self.obj = total - inertias / 2 if cp.spherical else inertias
        self.iteration_stats = self._stats(result)
        return float(self.obj[-1])

    def assign(self, x):
        """The nearest centroid of every row.

        Returns
        -------
        distances : ndarray of shape (n,), float32
            Squared; inner products if spherical.
        labels : ndarray of shape (n,), int64
        """
        if self.centroids is None:
            raise ValueError("this Kmeans is not trained; call train(x) first")
        distances, labels = self.index.search(self._checked(x), 1)
        return distances.ravel(), labels.ravel()

    def _checked(self, x, name="x"):
        x = _as_rows(x, name)
        if x.shape[1] != self.d:
            raise ValueError(f"{name} has {x.shape[1]} columns, but this Kmeans was made for d={self.d}")
        return x

    def _sampled(self, x, weights):
        """x and weights, or those of as many rows as the parameters allow."""
        most = self.cp.max_points_per_centroid
        if most is None or len(x) <= self.k * check.check_integer(most, "max_points_per_centroid"):
            return x, weights
        rows = np.random.default_rng(self.cp.seed).choice(len(x), self.k * most, replace=False, shuffle=False)
        rows.sort()
        return x[rows], None if weights is None else weights[rows]

    def _start(self, init_centroids):
        """(init, frozen_centers) of the fit."""
        method = self.cp.init_method
        if method not in SEEDINGS:
            raise ValueError(f"init_method={method!r} is unknown; choose one of {', '.join(map(repr, SEEDINGS))}")
        if init_centroids is None:
            return SEEDINGS[method], None
        given = self._checked(init_centroids, "init_centroids")
        if len(given) > self.k:
            raise ValueError(f"init_centroids has {len(given)} rows, but k={self.k}; leave some out")
        if self.cp.frozen_centroids:
            return SEEDINGS[method], given
        if len(given) == self.k:
            return given, None

        def and_random_rows(x, k, random_state):
            rows = random_state.choice(len(x), k - len(given), replace=False)
            return np.concatenate([given, x[rows]])

        return and_random_rows, None

    def _stats(self, result):
        """The records that FAISS keeps of iterations."""
        sizes = np.bincount(result.labels, minlength=self.k) / len(result.labels)
        imbalance = [np.nan] * (len(result.history) - 1) + [float(self.k * (sizes @ sizes))]
        times = accumulate(stats.seconds for stats in result.history)
        parts = zip(self.obj.tolist(), times, imbalance, result.history, strict=True)
        return [
            {"obj": obj, "time": time, "time_search": time, "imbalance_factor": factor, "nsplit": stats.n_relocated}
            for obj, time, factor, stats in parts
        ]


class CentroidIndex:
    """The centroids as an index: what is asked of FAISS's IndexFlatL2, or IndexFlatIP if spherical.

    Attributes
    ----------
    d : int
    ntotal : int
        How many centroids there are.
    """

    is_trained = True

    def __init__(self, d, spherical=False, n_threads=None, centroids=None):
        self.d, self.spherical, self.n_threads, self.centroids = d, spherical, n_threads, centroids

    @property
    def ntotal(self):
        return 0 if self.centroids is None else len(self.centroids)

    def search(self, x, k):
        """The k nearest centroids of every row, nearest first.

        Returns
        -------
        distances : ndarray of shape (n, k), float32
            Squared; inner products if spherical.
        labels : ndarray of shape (n, k), int64
            Where k is more than there are centroids, -1, as FAISS has it.
        """
        x, k = _as_rows(x), check.check_integer(k, "k")
        farthest = np.finfo(np.float32).max
        distances = np.full((len(x), k), -farthest if self.spherical else farthest, np.float32)
        labels = np.full((len(x), k), -1, np.int64)
        n_found = min(k, self.ntotal)
        if n_found:
            metric = "cosine" if self.spherical else "euclidean"
            found = nearest_centers(x, self.centroids, n_found, metric=metric, n_threads=self.n_threads)
            labels[:, :n_found] = found[0]
            squares = found[1] * found[1]
            distances[:, :n_found] = _lengths(x)[:, None] * (1 - squares / 2) if self.spherical else squares
        return distances, labels
