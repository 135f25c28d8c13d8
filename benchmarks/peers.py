"""One function a library, all asked for the same exact work; each is imported only when it runs.

A peer is given rows, first centers and a number of iterations, and does that many full Lloyd iterations
(tol=0) from there; `tol` lets those that stop by scikit-learn's rule (us, scikit-learn, scikit-learn-intelex) do so
before; `init=None` asks for its default seeding, run to convergence. Settings that make a peer do
exact full-batch work, where its defaults would not: FAISS samples 256 rows a center unless told otherwise;
SuperKMeans is hierarchical, samples, and stops early (its pruning stays statistical, and it takes no first
centers from outside).
"""

import importlib.util
import time
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

OURS = "fastkmeans"
TO_CONVERGENCE = 300  # iterations, where a peer stops by its own rule before
FAISS_DEFAULT = 25  # libraries without a rule for stopping get the iterations that FAISS runs by default
CHUNK_ELEMENTS = 1 << 22  # scores held at once by the plain NumPy code: 16 MB


@dataclass(frozen=True)
class Outcome:
    """What one run took and gave."""

    seconds: float
    n_iter: int
    centers: np.ndarray
    result: object = None
    """What the library returned, where a suite looks further."""

    @property
    def ms(self):
        """Milliseconds an iteration."""
        return 1e3 * self.seconds / self.n_iter


@contextmanager
def _stopwatch():
    """A list that holds the seconds of the block once it has ended."""
    seconds = []
    began = time.perf_counter()
    yield seconds
    seconds.append(time.perf_counter() - began)


def fastkmeans(rows, k, init, iterations, tol, seed, n_threads):
    import fastkmeans as package

    given = {} if init is None else {"init": init, "tol": tol}
    with _stopwatch() as seconds:
        result = package.fit(rows, k, n_init=1, max_iter=iterations, random_state=seed, n_threads=n_threads, **given)
    return Outcome(seconds[0], result.n_iter, result.centers, result)


def _scikit_learn_like(estimator, rows, k, init, iterations, tol, seed, **more):
    given = {} if init is None else {"init": init, "tol": tol}
    model = estimator(k, n_init=1, max_iter=iterations, random_state=seed, **given, **more)
    with _stopwatch() as seconds:
        model.fit(rows)
    return Outcome(seconds[0], model.n_iter_, model.cluster_centers_)


def sklearn(rows, k, init, iterations, tol, seed, n_threads):
    from sklearn.cluster import KMeans

    return _scikit_learn_like(KMeans, rows, k, init, iterations, tol, seed)


def sklearnex(rows, k, init, iterations, tol, seed, n_threads):
    from sklearnex.cluster import KMeans

    # Its threads are TBB's, which threadpoolctl does not know.
    return _scikit_learn_like(KMeans, rows, k, init, iterations, tol, seed, n_jobs=n_threads)


def faiss(rows, k, init, iterations, tol, seed, n_threads):
    import faiss as package

    model = package.Kmeans(
        rows.shape[1], k, niter=iterations if init is not None else FAISS_DEFAULT, seed=seed,
        max_points_per_centroid=10**9, min_points_per_centroid=1,
    )  # fmt: skip
    with _stopwatch() as seconds:
        model.train(rows, init_centroids=init)
    return Outcome(seconds[0], model.cp.niter, model.centroids)


def superkmeans(rows, k, init, iterations, tol, seed, n_threads):
    from superkmeans import SuperKMeans

    iterations = iterations if init is not None else FAISS_DEFAULT
    model = SuperKMeans(
        n_clusters=k, dimensionality=rows.shape[1], iters=iterations, sampling_fraction=1.0, hierarchical=False,
        early_termination=False, tol=0, seed=seed, n_threads=n_threads,
    )  # fmt: skip
    with _stopwatch() as seconds:
        centers = model.train(rows)
    return Outcome(seconds[0], iterations, centers)


def numpy(rows, k, init, iterations, tol, seed, n_threads):
    """What one writes oneself: a matrix product, an argmax, a bincount a feature; random rows if init is None."""
    centers = np.array(rows[np.random.default_rng(seed).choice(len(rows), k, replace=False)] if init is None else init)
    labels = np.full(len(rows), -1)
    done = 0
    with _stopwatch() as seconds:
        while done < iterations:
            before = labels
            labels = nearest(rows, centers)
            done += 1
            if init is None and np.array_equal(labels, before):
                break
            counts = np.bincount(labels, minlength=k)
            sums = np.stack([np.bincount(labels, weights=column, minlength=k) for column in rows.T], axis=1)
            centers = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centers).astype(rows.dtype)
    return Outcome(seconds[0], done, centers)


PEERS = {
    OURS: fastkmeans,
    "sklearn": sklearn,
    "sklearnex": sklearnex,
    "faiss": faiss,
    "superkmeans": superkmeans,
    "numpy": numpy,
}


def installed(name):
    """Whether the peer's library is there."""
    return importlib.util.find_spec(name) is not None


def run(name, rows, k, init, iterations, *, tol=0.0, seed=0, n_threads=2):
    """One run of a peer on at most n_threads threads."""
    with threadpool_limits(n_threads):
        return PEERS[name](rows, k, init, iterations if init is not None else TO_CONVERGENCE, tol, seed, n_threads)


def _chunks(rows, k):
    step = max(1, CHUNK_ELEMENTS // max(k, rows.shape[1]))
    for first in range(0, len(rows), step):
        yield slice(first, first + step)


def nearest(rows, centers):
    """Labels by the score x.c - c.c/2 in the type of the rows: quick, and wrong where it cancels."""
    half_norms = 0.5 * np.einsum("ij,ij->i", centers, centers)
    labels = np.empty(len(rows), np.int64)
    for part in _chunks(rows, len(centers)):
        labels[part] = (rows[part] @ centers.T - half_norms).argmax(axis=1)
    return labels


def inertia(rows, centers):
    """The float64 inertia of rows around centers: one judge for every peer, none of them."""
    centers = np.ascontiguousarray(centers, np.float64)
    half_norms = 0.5 * np.einsum("ij,ij->i", centers, centers)
    total = 0.0
    for part in _chunks(rows, len(centers)):
        own = rows[part].astype(np.float64)
        difference = own - centers[(own @ centers.T - half_norms).argmax(axis=1)]
        total += float(np.einsum("ij,ij->", difference, difference))
    return total
