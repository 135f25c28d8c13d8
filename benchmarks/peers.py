"""One function a library, all asked for the same exact work; each is imported only when it runs.

A peer is given rows, first centers and a number of iterations, and does that many full Lloyd iterations
(tol=0) from there; `tol` lets those that stop by scikit-learn's rule (us, scikit-learn, scikit-learn-intelex) do so
before; `init=None` asks for its default seeding. Settings that make a peer do exact full-batch work, where its defaults
would not: FAISS samples 256 rows a center unless told otherwise; SuperKMeans is hierarchical, samples, and stops early.
What still differs is said beside the peer, in `PEERS`.
"""

import importlib.util
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

OURS = "fastkmeans"
TO_CONVERGENCE = 300  # iterations, where a peer stops by its own rule before
FIXED_ITERATIONS = 25  # of libraries without a rule for stopping: what FAISS does by default
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


def fastkmeans(rows, k, init, iterations, tol, seed, n_threads, algorithm="auto"):
    import fastkmeans as package

    given = {} if init is None else {"init": init, "tol": tol}
    given |= {"algorithm": algorithm, "max_iter": iterations or TO_CONVERGENCE}
    with _stopwatch() as seconds:
        result = package.fit(rows, k, n_init=1, random_state=seed, n_threads=n_threads, **given)
    return Outcome(seconds[0], result.n_iter, result.centers, result)


def _scikit_learn_like(estimator, rows, k, init, iterations, tol, seed, **more):
    given = {} if init is None else {"init": init, "tol": tol}
    given |= {"max_iter": iterations or TO_CONVERGENCE}
    model = estimator(k, n_init=1, random_state=seed, **given, **more)
    with _stopwatch() as seconds:
        model.fit(rows)
    return Outcome(seconds[0], model.n_iter_, model.cluster_centers_)


def sklearn(rows, k, init, iterations, tol, seed, n_threads, algorithm="lloyd"):
    from sklearn.cluster import KMeans

    return _scikit_learn_like(KMeans, rows, k, init, iterations, tol, seed, algorithm=algorithm)


def sklearnex(rows, k, init, iterations, tol, seed, n_threads):
    from sklearnex.cluster import KMeans

    # Its threads are TBB's, which threadpoolctl does not know.
    return _scikit_learn_like(KMeans, rows, k, init, iterations, tol, seed, n_jobs=n_threads)


def faiss(rows, k, init, iterations, tol, seed, n_threads):
    import faiss as package

    model = package.Kmeans(
        rows.shape[1], k, niter=iterations or FIXED_ITERATIONS, seed=seed,
        max_points_per_centroid=10**9, min_points_per_centroid=1,
    )  # fmt: skip
    with _stopwatch() as seconds:
        model.train(rows, init_centroids=init)
    return Outcome(seconds[0], model.cp.niter, model.centroids)


def superkmeans(rows, k, init, iterations, tol, seed, n_threads):
    from superkmeans import SuperKMeans

    iterations = iterations or FIXED_ITERATIONS
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
    done, most = 0, iterations or TO_CONVERGENCE
    with _stopwatch() as seconds:
        while done < most:
            before = labels
            labels = nearest(rows, centers)
            done += 1
            if init is None and np.array_equal(labels, before):
                break
            counts = np.bincount(labels, minlength=k)
            sums = np.stack([np.bincount(labels, weights=column, minlength=k) for column in rows.T], axis=1)
            centers = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centers).astype(rows.dtype)
    return Outcome(seconds[0], done, centers)


def scipy(rows, k, init, iterations, tol, seed, n_threads):
    from scipy.cluster.vq import kmeans2

    iterations = iterations or FIXED_ITERATIONS
    start = {"minit": "++", "seed": seed} if init is None else {"minit": "matrix"}
    with _stopwatch() as seconds:
        centers, _ = kmeans2(rows, k if init is None else init, iter=iterations, missing="warn", **start)
    return Outcome(seconds[0], iterations, centers)


def geokmeans(rows, k, init, iterations, tol, seed, n_threads):
    from geokmeans import GeoKMeans

    model = GeoKMeans(k, max_iter=iterations or TO_CONVERGENCE, tol=0 if iterations else 1e-4, random_state=seed + 1)
    with _stopwatch() as seconds:
        model.fit(rows)
    return Outcome(seconds[0], model.n_iter_, model.cluster_centers_)


def torch(rows, k, init, iterations, tol, seed, n_threads):
    """As `numpy`, by the same formula and in the same chunks: what one writes with PyTorch on a CPU."""
    import torch as package

    package.set_num_threads(n_threads)
    first = rows[np.random.default_rng(seed).choice(len(rows), k, replace=False)] if init is None else init
    points, centers = package.from_numpy(rows), package.from_numpy(np.array(first))
    labels, done, most = package.full((len(rows),), -1), 0, iterations or TO_CONVERGENCE
    with _stopwatch() as seconds:
        while done < most:
            before, half_norms = labels, (centers * centers).sum(1) / 2
            labels = package.cat([(points[part] @ centers.T - half_norms).argmax(1) for part in _chunks(rows, k)])
            done += 1
            if init is None and package.equal(labels, before):
                break
            counts = package.bincount(labels, minlength=k)[:, None]
            sums = package.zeros_like(centers).index_add_(0, labels, points)
            centers = package.where(counts > 0, sums / counts.clamp(min=1), centers)
    return Outcome(seconds[0], done, centers.numpy())


@dataclass(frozen=True)
class Peer:
    """A library, or a way to use one."""

    run: Callable
    package: str
    """What has to be importable."""

    note: str = ""
    """In what its work differs from ours."""


PEERS = {
    OURS: Peer(fastkmeans, "fastkmeans"),
    "dense": Peer(partial(fastkmeans, algorithm="dense"), "fastkmeans", "ours, every pair scored"),
    "sklearn": Peer(sklearn, "sklearn"),
    "elkan": Peer(partial(sklearn, algorithm="elkan"), "sklearn", "scikit-learn with algorithm='elkan'"),
    "sklearnex": Peer(sklearnex, "sklearnex", "Intel's oneDAL behind scikit-learn's KMeans"),
    "faiss": Peer(faiss, "faiss"),
    "superkmeans": Peer(superkmeans, "superkmeans", "from centers of its own; its pruning is statistical"),
    "geokmeans": Peer(geokmeans, "geokmeans", "from random rows of its own, in float64, on one thread"),
    "scipy": Peer(scipy, "scipy", "kmeans2, on one thread"),
    "numpy": Peer(numpy, "numpy", "plain code: a matrix product, argmax, bincount"),
    "torch": Peer(torch, "torch", "plain code: a matrix product, argmax, index_add_"),
}
ON_REQUEST = ("dense",)  # not a rival


def installed(name):
    """Whether the peer's library is there."""
    return importlib.util.find_spec(PEERS[name].package) is not None


def everybody():
    """The peers that run unless others are named: us, and every rival that is installed."""
    return tuple(name for name in PEERS if name not in ON_REQUEST and installed(name))


def run(name, rows, k, init, iterations, *, tol=0.0, seed=0, n_threads=2):
    """One run of a peer on at most n_threads threads; iterations=None: to its own end."""
    with threadpool_limits(n_threads):
        return PEERS[name].run(rows, k, init, iterations, tol, seed, n_threads)


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
