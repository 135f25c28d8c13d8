"""How long does a fit with clusters of limited sizes take? Ours, and beside k-means-constrained where that can finish.

Both start from the same rows; the inertia that each ends at stands beside them. Second table: what labelling by
absolute differences (k-medians) takes beside labelling by squares.
"""

import importlib.util
import time
import warnings
from dataclasses import dataclass
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import datasets, machine, peers
from benchmarks.report import Table

RIVAL = "k_means_constrained"
MAX_ITER = 100
SLOW = 20.0  # seconds; a rival that takes longer has one round


@dataclass(frozen=True)
class Workload:
    """Rows and clusters; the sizes as shares of n / k, None for as equal as can be; seconds that a fit is to take."""

    data: str
    k: int
    within: tuple | None = None
    target: float | None = None
    rival: bool = False

    @property
    def title(self):
        return f"{self.data} k={self.k}"

    def sizes(self, n):
        """{min_size, max_size} of the clusters."""
        least, most = self.within or (1, 1)
        return {"min_size": int(least * n / self.k), "max_size": int(np.ceil(most * n / self.k))}


FULL = (
    Workload("blobs:100000:16:50", 50, None, 5.0),
    Workload("overlap:100000:16:50", 50, None, 5.0),
    Workload("overlap:100000:16:50", 50, (0.5, 1.5), 5.0),
    Workload("overlap:1000000:16:50", 50),
    Workload("overlap:20000:32:500", 500),
    Workload("overlap:2000:8:10", 10, (0.8, 1.2), rival=True),
    Workload("overlap:5000:8:10", 10, None, rival=True),
    Workload("sklearn:digits", 10, None, rival=True),
    Workload("overlap:20000:16:50", 50, None, rival=True),
)
QUICK = (Workload("overlap:20000:8:20", 20, None, 5.0), Workload("overlap:1000:4:5", 5, (0.8, 1.2), rival=True))
TINY = (Workload("blobs:400:2:4", 4, None, 60.0),)

COLUMNS = (
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("sizes", "sizes", ""),
    ("ours s", "ours", ".3f"),
    ("it", "n_iter", "d"),
    ("first it s", "first", ".3f"),
    ("last it s", "last", ".3f"),
    ("target s", "target", ".0f"),
    ("met", "met", ""),
    ("k-means-constrained s", "rival", ".2f"),
    ("its it", "rival_n_iter", "d"),
    ("ratio", "ratio", ".0f"),
    ("inertia / its", "inertia_ratio", ".6f"),
)

MEDIANS_FULL = (("blobs:100000:16:50", 50), ("blobs:1000000:2:8", 8), ("blobs:200000:128:1000", 1000), ("photo", 64))
MEDIANS_QUICK = (("blobs:100000:16:50", 50),)
MEDIANS_TINY = (("blobs:400:2:4", 4),)
MEDIANS_TARGET = 3.0

MEDIANS = (
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("labels, ms", "medians", ".2f"),
    ("by squares, dense", "squares", ".2f"),
    ("ratio", "ratio", ".2f"),
    ("target", "target", ".1f"),
    ("met", "met", ""),
    ("medians, ms", "update", ".2f"),
)


def run(options):
    """The tables of the suite."""
    table = Table("Fits with limited sizes, from k rows to convergence", COLUMNS)
    table.notes.append(
        f"tol as by default, at most {MAX_ITER} iterations; first it: all rows are moved into place there"
    )
    table.notes.append("k-means-constrained assigns by distances, not their squares, rounded to thousandths")
    table.notes.append("inertia: of the rows around the means of their clusters, in float64")
    for workload in options.workloads(FULL, QUICK, TINY):
        table.rows.append(_measure(workload, options))
    return [table, _medians(options)]


def _measure(workload, options):
    rows, k = datasets.load(workload.data), workload.k
    sizes, init = workload.sizes(len(rows)), datasets.first_centers(rows, k)
    line = {"data": workload.data, "k": k, "sizes": f"{sizes['min_size']} to {sizes['max_size']}"}
    runs = {"ours": _ours}
    if workload.rival and set(options.peers) != {peers.OURS} and importlib.util.find_spec(RIVAL):
        runs["rival"] = _rival
    for one in runs.values():
        one(rows[: 4 * k], k, init, {"min_size": 1, "max_size": 4 * k}, options.threads)
    samples, ended = {name: [] for name in runs}, {}
    for _ in range(options.rounds_or(3, 1)):
        for name, one in runs.items():
            if name == "rival" and max(samples[name], default=0.0) > SLOW:
                continue
            with threadpool_limits(options.threads):
                began = time.perf_counter()
                ended[name] = one(rows, k, init, sizes, options.threads)
                samples[name].append(time.perf_counter() - began)
    labels, line["n_iter"], history = ended["ours"]
    line |= {"ours": median(samples["ours"]), "first": history[0].seconds, "last": history[-1].seconds}
    if workload.target is not None:
        line |= {"target": workload.target, "met": line["ours"] <= workload.target}
    if "rival" in runs:
        others, line["rival_n_iter"], _ = ended["rival"]
        line["rival"] = median(samples["rival"])
        line["ratio"] = line["rival"] / line["ours"]
        line["inertia_ratio"] = inertia(rows, labels, k) / inertia(rows, others, k)
    line["samples"] = samples
    options.say(f"balanced {workload.title}: " + ", ".join(f"{name} {line[name]:.3f} s" for name in runs))
    return line


def _ours(rows, k, init, sizes, threads):
    import fastkmeans

    result = fastkmeans.fit_balanced(rows, k, init=init, max_iter=MAX_ITER, n_threads=threads, **sizes)
    return result.labels, result.n_iter, result.history


def _rival(rows, k, init, sizes, threads):
    from k_means_constrained import KMeansConstrained

    size = {"size_min": sizes["min_size"], "size_max": sizes["max_size"]}
    model = KMeansConstrained(k, init=init.astype(np.float64), n_init=1, max_iter=MAX_ITER, n_jobs=1, **size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows.astype(np.float64))
    return model.labels_, model.n_iter_, ()


def inertia(rows, labels, k):
    """The float64 inertia of rows around the means of their clusters: one judge for both."""
    rows = rows.astype(np.float64)
    means = np.stack([rows[labels == j].mean(axis=0) for j in range(k)])
    return float(((rows - means[labels]) ** 2).sum())


def _medians(options):
    """Labels by absolute differences beside labels by squares, on one set of centers; and the medians after them."""
    table = Table("k-medians: an iteration's labels beside k-means'", MEDIANS)
    table.notes.append("labels: the nearest center of every row and its distance; the least of several passes in turn")
    for data, k in options.workloads(MEDIANS_FULL, MEDIANS_QUICK, MEDIANS_TINY):
        table.rows.append(_measure_medians(data, k, options))
    return table


def _measure_medians(data, k, options):
    from fastkmeans.engine.assigners import Dense
    from fastkmeans.engine.medians import AbsolutePass, update_medians
    from fastkmeans.sources.blocks import ArrayRows

    source = ArrayRows(datasets.load(data), n_threads=options.threads)
    centers = source.take(np.random.default_rng(0).choice(source.n, k, replace=False))
    labels, dists = source.new_row_state(np.int32), source.new_row_state(np.float64)
    nearest, others = AbsolutePass(source, centers), source.new_row_state(np.int32)
    way = Dense.for_source(source, np.zeros(source.d, source.dtype)).prepare(centers)
    calls = {
        "medians": lambda: source.reduce(nearest, row_state=(labels, dists)),
        "squares": lambda: source.map_labels(way.labels_pass(), others),
    }
    times = {name: [] for name in calls}
    for _ in range(options.pick(5, 3, 1)):
        for name, call in calls.items():
            times[name].append(1e3 * machine.best_seconds(call, options.pick(5, 3, 1)))
    line = {"data": data, "k": k, "target": MEDIANS_TARGET} | {name: min(own) for name, own in times.items()}
    line["ratio"] = line["medians"] / line["squares"]
    line["met"] = line["ratio"] <= MEDIANS_TARGET
    line["update"] = 1e3 * machine.best_seconds(lambda: update_medians(source, labels, centers.copy()), 2)
    return line
