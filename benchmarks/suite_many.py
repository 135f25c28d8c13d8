"""How much quicker are many problems in one call than in a loop? And the codebooks of a product quantiser than FAISS's?

Small fits: `fit_many` beside a loop over our fit and one over scikit-learn's KMeans (n_init=1, the rest its defaults,
from starts of its own), a share of the problems each, which is scaled; the loops on one thread, as more only hinder
fits so small. Codebooks: both from the same first centers, the
same number of full iterations over all rows; FAISS trains one column group after the other, as ProductQuantizer does.
"""

import time
from dataclasses import dataclass
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import datasets, peers
from benchmarks.report import Table

ITERATIONS = 25  # of codebooks: FAISS's own number
LOOPED = 100  # problems that the loops solve


@dataclass(frozen=True)
class Small:
    """So many problems of so many rows and columns, and clusters."""

    m: int
    n: int
    d: int
    k: int

    @property
    def title(self):
        return f"{self.m} x ({self.n} x {self.d}) k={self.k}"


@dataclass(frozen=True)
class Codebooks:
    """Rows whose columns are quantised in m groups."""

    data: str
    m: int
    k: int

    @property
    def title(self):
        return f"{self.data} in {self.m} groups k={self.k}"


FULL = (Small(10_000, 200, 4, 4), Small(5_000, 300, 8, 4), Small(2_000, 1000, 2, 8), Small(10_000, 64, 16, 3))
QUICK = (Small(2_000, 200, 4, 4),)
TINY = (Small(20, 30, 2, 3),)
BOOKS_FULL = (Codebooks("blobs:100000:64:1000", 8, 256), Codebooks("sift_open", 16, 256))
BOOKS_QUICK = (Codebooks("blobs:20000:32:100", 4, 64),)
BOOKS_TINY = (Codebooks("blobs:500:8:4", 2, 4),)

SMALL_COLUMNS = (
    ("problems", "workload", ""),
    ("ours s", "ours", ".3f"),
    ("us a fit", "us", ".1f"),
    ("loop over fit s", "loop", ".2f"),
    ("loop over KMeans s", "sklearn", ".2f"),
    ("fit / ours", "loop_ratio", ".1f"),
    ("KMeans / ours", "sklearn_ratio", ".1f"),
)
BOOK_COLUMNS = (
    ("rows", "workload", ""),
    ("ours s", "ours", ".3f"),
    ("FAISS s", "faiss", ".3f"),
    ("ratio", "ratio", ".2f"),
    ("least", "least", ".2f"),
    ("most", "most", ".2f"),
    ("their inertia / ours", "inertia_ratio", ".6f"),
)


def run(options):
    """Both tables of the suite."""
    small = Table(
        "Many small fits", SMALL_COLUMNS, notes=[f"loops: {LOOPED} of the problems, scaled; medians of rounds"]
    )
    for workload in options.workloads(FULL, QUICK, TINY):
        small.rows.append(_small(workload, options))
    books = Table(f"Codebooks of a product quantiser, {ITERATIONS} iterations", BOOK_COLUMNS)
    books.notes.append("from the same first centers; ratio: FAISS's time / ours, the median of rounds")
    for workload in options.workloads_here(books, BOOKS_FULL, BOOKS_QUICK, BOOKS_TINY):
        books.rows.append(_codebooks(workload, options))
    return [small, books]


def _many(problems, k, threads):
    import fastkmeans

    return fastkmeans.fit_many(problems, k, random_state=0, n_threads=threads)


def _loop(problems, k, threads):
    import fastkmeans

    return [fastkmeans.fit(rows, k, random_state=seed, n_threads=1) for seed, rows in enumerate(problems)]


def _sklearn_loop(problems, k, threads):
    from sklearn.cluster import KMeans

    with threadpool_limits(1):
        return [KMeans(k, n_init=1, random_state=seed).fit(rows) for seed, rows in enumerate(problems)]


def _small(workload, options):
    """The line of a workload of small problems."""
    m, n, d, k = workload.m, workload.n, workload.d, workload.k
    random = np.random.default_rng(datasets.SEED)
    middles = random.normal(scale=3, size=(m, k, d))
    problems = middles[np.arange(m)[:, None], random.integers(k, size=(m, n))] + random.normal(size=(m, n, d))
    problems = problems.astype(np.float32)
    part = problems[:LOOPED]
    runs = {"ours": (_many, problems), "loop": (_loop, part)}
    if "sklearn" in options.peers:
        runs["sklearn"] = _sklearn_loop, part
    samples = {name: [] for name in runs}
    for solve, given in runs.values():
        solve(given[:3], k, options.threads)
    for _ in range(options.rounds_or(3)):
        for name, (solve, given) in runs.items():
            with threadpool_limits(options.threads):
                began = time.perf_counter()
                solve(given, k, options.threads)
                samples[name].append((time.perf_counter() - began) * m / len(given))
    line = {"workload": workload.title, "samples": samples} | {name: median(own) for name, own in samples.items()}
    line["us"] = 1e6 * line["ours"] / m
    for name in ("loop", "sklearn"):
        if name in samples:
            line[f"{name}_ratio"] = median(a / b for a, b in zip(samples[name], samples["ours"], strict=True))
    options.say(f"{workload.title}: {line['ours']:.3f} s")
    return line


def _our_books(parts, init, threads):
    import fastkmeans

    return fastkmeans.fit_many(
        parts, init.shape[1], init=init, max_iter=ITERATIONS, tol=0, random_state=0, n_threads=threads
    ).centers


def _faiss_books(parts, init, threads):
    import faiss

    m, k, d = init.shape
    rows = np.concatenate(parts, axis=1)
    quantizer = faiss.ProductQuantizer(m * d, m, int(np.log2(k)))
    quantizer.cp.niter, quantizer.cp.max_points_per_centroid, quantizer.cp.min_points_per_centroid = (
        ITERATIONS,
        10**9,
        1,
    )
    faiss.copy_array_to_vector(init.ravel(), quantizer.centroids)
    quantizer.train_type = faiss.ProductQuantizer.Train_hot_start
    began = time.perf_counter()
    quantizer.train(rows)
    return time.perf_counter() - began, faiss.vector_to_array(quantizer.centroids).reshape(m, k, d)


def _codebooks(workload, options):
    """The line of a workload of codebooks."""
    rows = datasets.load(workload.data)
    parts = rows.reshape(len(rows), workload.m, -1).swapaxes(0, 1)
    init = np.stack([datasets.first_centers(part, workload.k) for part in parts])
    line, times = {"workload": workload.title}, {"ours": [], "faiss": []}
    _our_books(parts[:, : 4 * workload.k], init, options.threads)
    theirs = None
    for _ in range(options.rounds_or(3)):
        with threadpool_limits(options.threads):
            began = time.perf_counter()
            ours = _our_books(parts, init, options.threads)
            times["ours"].append(time.perf_counter() - began)
            if "faiss" in options.peers:
                seconds, theirs = _faiss_books(parts, init, options.threads)
                times["faiss"].append(seconds)
    line |= {"samples": times} | {name: median(own) for name, own in times.items() if own}
    if theirs is not None:
        ratios = [a / b for a, b in zip(times["faiss"], times["ours"], strict=True)]
        line |= {"ratio": median(ratios), "least": min(ratios), "most": max(ratios)}
        inertias = [sum(map(peers.inertia, parts, books)) for books in (theirs, ours)]
        line["inertia_ratio"] = inertias[0] / inertias[1]
    options.say(f"{workload.title}: {line['ours']:.3f} s, FAISS {line.get('faiss')} s")
    return line
