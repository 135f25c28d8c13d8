"""How long does a fit of sparse rows take end to end? Ours with two seedings beside scikit-learn's, on the same CSR.

Seeds differ from round to round, and with them the number of iterations: times are medians, and the inertia that
each reaches, by one judge, stands beside them.
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
    """Rows, clusters, and how many times faster than scikit-learn the fit is to be."""

    data: str
    k: int
    target: float

    @property
    def title(self):
        return f"{self.data} k={self.k}"


FULL = (
    Workload("sparse:100000:5000:1:100", 100, 2.0),
    Workload("sparse:100000:1000:5:20", 8, 2.0),
    Workload("sparse:20000:50000:0.2:100", 100, 2.0),
)
QUICK = (Workload("sparse:10000:2000:1:50", 50, 2.0),)
TINY = (Workload("sparse:300:60:5:4", 4, 1.0),)

COLUMNS = (
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("ours s", "ours", ".3f"),
    ("it", "n_iter", "d"),
    ("k-means++ s", "greedy", ".3f"),
    ("its it", "greedy_n_iter", "d"),
    ("scikit-learn s", "sklearn", ".2f"),
    ("their it", "sklearn_n_iter", "d"),
    ("ratio", "ratio", ".1f"),
    ("ratio, k-means++", "greedy_ratio", ".1f"),
    ("target", "target", ".0f"),
    ("met", "met", ""),
    ("inertia / scikit-learn's", "inertia_ratio", ".4f"),
    ("k-means++'s / scikit-learn's", "greedy_inertia_ratio", ".4f"),
)


def _ours(rows, k, seed, threads, init="auto"):
    import fastkmeans

    result = fastkmeans.fit(rows, k, init=init, n_init=1, random_state=seed, n_threads=threads)
    return result.n_iter, result.centers


def _greedy(rows, k, seed, threads):
    return _ours(rows, k, seed, threads, "k-means++")


def _sklearn(rows, k, seed, threads):
    from sklearn.cluster import KMeans

    model = KMeans(k, n_init=1, random_state=seed).fit(rows)
    return model.n_iter_, model.cluster_centers_


FITTERS = {"ours": (peers.OURS, _ours), "greedy": (peers.OURS, _greedy), "sklearn": ("sklearn", _sklearn)}


def run(options):
    """The table of the suite."""
    table = Table("Fits of sparse rows (CSR, float32), seed to convergence", COLUMNS)
    table.notes.append("ours: default settings; k-means++: ours with the seeding that scikit-learn has too")
    for workload in options.workloads(FULL, QUICK, TINY):
        table.rows.append(_measure(workload, options))
    return [table]


def _measure(workload, options):
    rows, k = datasets.load(workload.data), workload.k
    line = {"data": workload.data, "k": k, "target": workload.target}
    samples = {name: [] for name, (peer, _) in FITTERS.items() if peer in options.peers}
    for name in samples:
        FITTERS[name][1](rows[: max(20 * k, 4096)], k, 0, options.threads)
    for seed in range(options.rounds_or(3, 1)):
        for name, own in samples.items():
            with threadpool_limits(options.threads):
                began = time.perf_counter()
                n_iter, centers = FITTERS[name][1](rows, k, seed, options.threads)
                seconds = time.perf_counter() - began
            own.append((seconds, n_iter, inertia(rows, centers)))
    for name, own in samples.items():
        line[name], line[f"{name}_inertia"] = (median(sample[i] for sample in own) for i in (0, 2))
        line["n_iter" if name == "ours" else f"{name}_n_iter"] = int(median(sample[1] for sample in own))
    if len(samples) == len(FITTERS):
        line["ratio"], line["greedy_ratio"] = line["sklearn"] / line["ours"], line["sklearn"] / line["greedy"]
        line["met"] = min(line["ratio"], line["greedy_ratio"]) >= workload.target
        line["inertia_ratio"] = line["ours_inertia"] / line["sklearn_inertia"]
        line["greedy_inertia_ratio"] = line["greedy_inertia"] / line["sklearn_inertia"]
    line["samples"] = samples
    shown = ", ".join(f"{name} {line[name]:.3f} s" for name in samples)
    options.say(f"sparse {workload.title}: {shown}")
    return line


def inertia(rows, centers):
    """The float64 inertia of sparse rows around centers: one judge for every peer, none of them."""
    centers = np.ascontiguousarray(centers, np.float64)
    norms = np.einsum("ij,ij->i", centers, centers)
    total = 0.0
    for first in range(0, rows.shape[0], 4096):
        own = rows[first : first + 4096].astype(np.float64)
        lengths = own.multiply(own).sum(axis=1)
        total += float((lengths + (norms - 2 * (own @ centers.T)).min(axis=1)).sum())
    return total
