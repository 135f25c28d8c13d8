"""What do the estimators cost? Ours beside scikit-learn's of the same name, and KMeans beside the function it calls.

Seeds differ from round to round, and with them the number of batches and iterations: times are medians, and the
median of the inertia that each reaches stands beside them.
"""

import time
from dataclasses import dataclass, field
from statistics import median

from benchmarks import datasets, peers
from benchmarks.report import Table

THEIRS = "sklearn"
MOST_OVERHEAD = 1.05  # of KMeans, in times of fastkmeans.fit
CHECKS_MS = 0.25  # or so much: what scikit-learn's checks of parameters take, whatever the rows


@dataclass(frozen=True)
class Workload:
    """An estimator, its rows and clusters, and how many times faster than scikit-learn's it is to be."""

    estimator: str
    data: str
    k: int
    target: float
    settings: dict = field(default_factory=dict)

    @property
    def title(self):
        return f"{self.estimator} {self.data} k={self.k}"


FULL = (
    Workload("MiniBatchKMeans", "blobs:1000000:32:100", 100, 4.0, {"batch_size": 10_000}),
    Workload("MiniBatchKMeans", "blobs:100000:32:100", 100, 4.0),
    Workload("BisectingKMeans", "blobs:1000000:16:64", 64, 8.0),
    Workload("KMeans", "blobs:1000000:16:64", 64, 10.0),
)
QUICK = (
    Workload("MiniBatchKMeans", "blobs:50000:32:100", 100, 4.0, {"batch_size": 10_000}),
    Workload("BisectingKMeans", "blobs:50000:16:64", 64, 8.0),
    Workload("KMeans", "blobs:50000:16:64", 64, 10.0),
)
TINY = (
    Workload("MiniBatchKMeans", "blobs:500:2:4", 4, 1.0, {"batch_size": 100}),
    Workload("BisectingKMeans", "blobs:500:2:4", 4, 1.0),
    Workload("KMeans", "blobs:500:2:4", 4, 1.0),
)

COLUMNS = (
    ("estimator", "estimator", ""),
    ("settings", "settings", ""),
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("ours s", "ours", ".3f"),
    ("scikit-learn s", "theirs", ".2f"),
    ("ratio", "ratio", ".1f"),
    ("target", "target", ".0f"),
    ("met", "met", ""),
    ("inertia / scikit-learn's", "inertia_ratio", ".4f"),
    ("sgemm", "sgemm", ".0f"),
)

FUNCTION_FULL = (("blobs:1000000:16:64", 64), ("blobs:100000:2:8", 8), ("blobs:2000:2:8", 8))
FUNCTION_QUICK = (("blobs:100000:2:8", 8),)
FUNCTION_TINY = (("blobs:500:2:4", 4),)
FUNCTION_COLUMNS = (
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("KMeans ms", "estimator", ".3f"),
    ("fit ms", "function", ".3f"),
    ("ratio", "ratio", ".3f"),
    ("at most", "target", ".2f"),
    ("met", "met", ""),
)


def run(options):
    """The tables of the suite."""
    beside_theirs = Table("Estimators, default settings but for those shown", COLUMNS)
    for workload in options.workloads(FULL, QUICK, TINY):
        beside_theirs.rows.append(_beside_theirs(workload, options))
    beside_fit = Table("KMeans beside fastkmeans.fit, from the same first centers", FUNCTION_COLUMNS)
    beside_fit.notes.append(f"or {CHECKS_MS} ms more, the checks of parameters")
    for data, k in options.workloads(FUNCTION_FULL, FUNCTION_QUICK, FUNCTION_TINY):
        beside_fit.rows.append(_beside_fit(data, k, options))
    return [table for table in (beside_theirs, beside_fit) if table.rows]


def _beside_theirs(workload, options):
    import sklearn.cluster

    import fastkmeans

    rows, name = datasets.load(workload.data), workload.estimator
    makers = {peers.OURS: getattr(fastkmeans, name)}
    if THEIRS in options.peers:
        makers[THEIRS] = getattr(sklearn.cluster, name)
    more = {peers.OURS: {"n_threads": options.threads}}
    samples = {library: [] for library in makers}

    def measure(library, X, seed):
        model = makers[library](workload.k, random_state=seed, **workload.settings, **more.get(library, {}))
        began = time.perf_counter()
        model.fit(X)
        return time.perf_counter() - began, peers.inertia(X, model.cluster_centers_), float(model.inertia_)

    for library in makers:
        measure(library, rows[: max(20 * workload.k, 4096)], 0)
    for seed in range(options.rounds_or(5, 1)):
        for library in makers:
            samples[library].append(measure(library, rows, seed))
    shown = ", ".join(f"{key}={value}" for key, value in workload.settings.items())
    line = {"estimator": name, "settings": shown, "data": workload.data, "k": workload.k, "target": workload.target}
    line |= {"sgemm": options.sgemm(), "samples": samples, "ours": median(one[0] for one in samples[peers.OURS])}
    if THEIRS in samples:
        line["theirs"] = median(one[0] for one in samples[THEIRS])
        line["ratio"] = line["theirs"] / line["ours"]
        line["met"] = line["ratio"] >= workload.target
        at = 2 if name == "BisectingKMeans" else 1  # labels of a tree are not those of the nearest centers
        line["inertia_ratio"] = median(one[at] for one in samples[peers.OURS]) / median(
            one[at] for one in samples[THEIRS]
        )
    options.say(
        f"estimators {workload.title}: " + ", ".join(f"{name} {own[-1][0]:.3f} s" for name, own in samples.items())
    )
    return line


def _beside_fit(data, k, options):
    import fastkmeans

    rows = datasets.load(data)
    settings = {"init": datasets.first_centers(rows, k), "max_iter": 20, "tol": 0, "n_threads": options.threads}

    def function():
        return fastkmeans.fit(rows, k, **settings)

    def estimator():
        return fastkmeans.KMeans(k, **settings).fit(rows)

    seconds = {"estimator": [], "function": []}
    for _ in range(1 + options.rounds_or(15, 5)):
        for name, call in (("function", function), ("estimator", estimator)):
            began = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - began)
    line = {name: 1e3 * median(own[1:]) for name, own in seconds.items()}
    ratio = line["estimator"] / line["function"]
    options.say(f"estimators KMeans beside fit {data} k={k}: {ratio:.3f}")
    met = ratio <= MOST_OVERHEAD or line["estimator"] - line["function"] <= CHECKS_MS
    return line | {"data": data, "k": k, "ratio": ratio, "target": MOST_OVERHEAD, "met": met}
