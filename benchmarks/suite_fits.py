"""How long does a fit take end to end, with default settings, seed to convergence? Ours beside scikit-learn's.

Seeds differ from round to round, and with them the number of iterations: times are medians, and the inertia that
each library reaches stands beside them. Seeding alone is shown in dense sweeps and in reads of the rows.
"""

import time
from dataclasses import dataclass
from statistics import median

import numpy as np

from benchmarks import datasets, machine, peers
from benchmarks.report import Table

RIVALS = ("sklearn", "sklearnex")  # with a seeding of the same kind
TARGET_SKLEARNEX = 4.0


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
    Workload("blobs:1000000:2:8", 8, 8.0),
    Workload("blobs:1000000:16:64", 64, 10.0),
    Workload("blobs:1000000:32:100", 100, 12.0),
    Workload("pixels_china_rgb", 256, 12.0),
    Workload("sent_wordnet_minilm_40k", 1000, 10.0),
    Workload("blobs:200000:128:1000", 1000, 20.0),
)
QUICK = (Workload("blobs:100000:2:8", 8, 8.0), Workload("blobs:50000:32:100", 100, 12.0))
TINY = (Workload("blobs:500:2:4", 4, 1.0),)

COLUMNS = (
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("ours s", "ours", ".3f"),
    ("it", "n_iter", "d"),
    ("scikit-learn s", "sklearn", ".2f"),
    ("ratio", "sklearn_ratio", ".1f"),
    ("target", "target", ".0f"),
    ("met", "sklearn_met", ""),
    ("sklearnex s", "sklearnex", ".2f"),
    ("ratio x", "sklearnex_ratio", ".1f"),
    ("met x", "sklearnex_met", ""),
    ("inertia / scikit-learn's", "inertia_ratio", ".4f"),
    ("seeding s", "seeding", ".3f"),
    ("in sweeps", "sweeps", ".1f"),
    ("in reads of X", "reads", ".2f"),
    ("sgemm", "sgemm", ".0f"),
)


def run(options):
    """The table of the suite."""
    table = Table("Fits with default settings, seed to convergence", COLUMNS)
    table.notes.append(f"ratio x: to scikit-learn-intelex, whose target is {TARGET_SKLEARNEX:.0f} everywhere")
    table.notes.append("in sweeps: seeding's time / one predict; in reads of X: / (k times the bytes of X / bandwidth)")
    bandwidth = machine.copy_gbytes(options.threads)
    for workload in options.workloads_here(table, FULL, QUICK, TINY):
        table.rows.append(_measure(workload, options, bandwidth))
    return [table]


def _measure(workload, options, bandwidth):
    import fastkmeans
    from fastkmeans.engine.seeding import SEEDINGS
    from fastkmeans.sources.blocks import ArrayRows

    rows, k = datasets.load(workload.data), workload.k
    line = {"data": workload.data, "k": k, "target": workload.target, "sgemm": options.sgemm()}
    names = [name for name in (peers.OURS, *RIVALS) if name in options.peers]
    samples = {name: [] for name in names}
    for name in names:
        peers.run(name, rows[: max(20 * k, 4096)], k, None, None, n_threads=options.threads)
    for seed in range(options.rounds_or(3, 1)):
        for name in names:
            outcome = peers.run(name, rows, k, None, None, seed=seed, n_threads=options.threads)
            samples[name].append((outcome.seconds, outcome.n_iter, peers.inertia(rows, outcome.centers)))
    seconds = {name: median(sample[0] for sample in own) for name, own in samples.items()}
    if peers.OURS in samples:
        line |= {"ours": seconds[peers.OURS], "n_iter": int(median(sample[1] for sample in samples[peers.OURS]))}
        for name in RIVALS:
            if name in seconds:
                ratio = seconds[name] / seconds[peers.OURS]
                target = workload.target if name == "sklearn" else TARGET_SKLEARNEX
                line |= {name: seconds[name], f"{name}_ratio": ratio, f"{name}_met": ratio >= target}
        if "sklearn" in samples:
            ours, theirs = (median(sample[2] for sample in samples[name]) for name in (peers.OURS, "sklearn"))
            line["inertia_ratio"] = ours / theirs
    source, seeding = ArrayRows(rows, n_threads=options.threads), SEEDINGS["auto"]
    began = time.perf_counter()
    centers = rows[seeding(source, k, np.random.default_rng(0))]
    line["seeding"] = time.perf_counter() - began
    sweep = machine.best_seconds(lambda: fastkmeans.predict(rows, centers, n_threads=options.threads), 3)
    line |= {"sweeps": line["seeding"] / sweep, "reads": line["seeding"] / (k * rows.nbytes / bandwidth / 1e9)}
    line["samples"] = samples
    options.say(f"fits {workload.title}: " + ", ".join(f"{name} {own:.3f} s" for name, own in seconds.items()))
    return line
