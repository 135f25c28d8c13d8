"""How long do the silhouettes of all rows take? Ours beside scikit-learn's silhouette_samples, in turn.

The distance of every pair of rows is taken both ways, so a rate in pairs is the rows squared over the time. The last
columns say how far the values are from scikit-learn's in float64.
"""

import time
from dataclasses import dataclass
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import datasets, peers
from benchmarks.report import Table


@dataclass(frozen=True)
class Workload:
    """Rows, their type and clusters, and how many times faster than scikit-learn the silhouettes are to be."""

    data: str
    k: int
    dtype: str
    target: float = 5.0

    @property
    def title(self):
        return f"{self.data} k={self.k} {self.dtype}"


SHAPES = (("blobs:30000:24:10", 10), ("overlap:20000:2:8", 8), ("overlap:10000:128:50", 50))
FULL = tuple(Workload(data, k, dtype) for data, k in SHAPES for dtype in ("float32", "float64"))
QUICK = FULL[:2]
TINY = (Workload("blobs:300:3:4", 4, "float32", 0.0),)

COLUMNS = (
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("type", "dtype", ""),
    ("ours s", "ours", ".3f"),
    ("ns a pair", "pair", ".3f"),
    ("scikit-learn s", "sklearn", ".2f"),
    ("ratio", "ratio", ".1f"),
    ("target", "target", ".0f"),
    ("met", "met", ""),
    ("largest difference", "difference", ".1e"),
    ("scikit-learn's own", "its_difference", ".1e"),
)


def run(options):
    """The table of the suite."""
    table = Table("Silhouettes of all rows, every pair measured", COLUMNS)
    table.notes.append("differences: from scikit-learn's values of the same rows in float64")
    for workload in options.workloads(FULL, QUICK, TINY):
        table.rows.append(_measure(workload, options))
    return [table]


def _measure(workload, options):
    import fastkmeans

    rows = datasets.load(workload.data, np.dtype(workload.dtype))
    labels = fastkmeans.fit(rows, workload.k, random_state=0, n_threads=options.threads).labels
    line = {"data": workload.data, "k": workload.k, "dtype": workload.dtype, "target": workload.target}
    calls = {}
    if peers.OURS in options.peers:
        calls["ours"] = lambda rows, labels: fastkmeans.silhouette_samples(rows, labels, n_threads=options.threads)
    if "sklearn" in options.peers:
        from sklearn.metrics import silhouette_samples

        calls["sklearn"] = silhouette_samples
    for call in calls.values():
        call(rows[:1000], labels[:1000])
    samples, values = {name: [] for name in calls}, {}
    for _ in range(options.rounds_or(3, 1)):
        for name, call in calls.items():
            with threadpool_limits(options.threads):
                began = time.perf_counter()
                values[name] = call(rows, labels)
                samples[name].append(time.perf_counter() - began)
    line |= {name: median(own) for name, own in samples.items()}
    if "ours" in line:
        line["pair"] = 1e9 * line["ours"] / len(rows) ** 2
    if len(calls) == 2:
        line["ratio"] = median(theirs / own for theirs, own in zip(samples["sklearn"], samples["ours"], strict=True))
        line["met"] = line["ratio"] >= workload.target
        exact = values["sklearn"]
        if rows.dtype != np.float64:
            exact = calls["sklearn"](rows.astype(np.float64), labels)
        line["difference"] = float(np.abs(values["ours"] - exact).max())
        line["its_difference"] = float(np.abs(values["sklearn"] - exact).max())
    options.say(f"silhouette {workload.title}: " + ", ".join(f"{name} {line[name]:.3f} s" for name in calls))
    return line
