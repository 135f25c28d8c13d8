"""How long does greedy k-means++ take, and how good is its start? Ours beside scikit-learn's.

A seeding is random, so rounds differ in their seed and the potential (the sum of squared distances of the rows to
the chosen centers) is a distribution: speed counts only if the medians agree.
"""

import time
from statistics import median

from threadpoolctl import threadpool_limits

from benchmarks import datasets, peers
from benchmarks.report import Table

FULL = (
    ("blobs:1000000:2:8", 8),
    ("blobs:1000000:16:64", 64),
    ("blobs:1000000:32:100", 100),
    ("blobs:200000:128:1000", 256),
    ("noise:200000:8", 100),
    ("photo", 256),
)
QUICK = (("blobs:100000:2:8", 8), ("blobs:50000:32:100", 100))
TINY = (("blobs:500:2:4", 4),)

COLUMNS = (
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("ours s", "ours", ".4f"),
    ("scikit-learn s", "sklearn", ".4f"),
    ("ratio", "ratio", ".1f"),
    ("our potential", "potential", ".6g"),
    ("scikit-learn's", "sklearn_potential", ".6g"),
    ("ours / theirs", "potential_ratio", ".4f"),
)

OTHERS = (
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("init", "init", ""),
    ("s", "seconds", ".4f"),
    ("inertia / k-means++'s", "ratio", ".4f"),
)


def _ours(rows, k, seed, threads):
    import fastkmeans

    return fastkmeans.kmeans_plusplus(rows, k, random_state=seed, n_threads=threads)


def _sklearn(rows, k, seed, threads):
    from sklearn.cluster import kmeans_plusplus

    return kmeans_plusplus(rows, k, random_state=seed)


SEEDERS = {peers.OURS: _ours, "sklearn": _sklearn}


def run(options):
    """The table of the suite."""
    table = Table("Greedy k-means++ alone", COLUMNS)
    table.notes.append("medians over rounds, a seed each; seconds include the check of X on both sides")
    for data, k in options.workloads(FULL, QUICK, TINY):
        rows = datasets.load(data)
        row = {"data": data, "k": k}
        samples = {name: [] for name in SEEDERS if name in options.peers}
        for seeder in samples:
            SEEDERS[seeder](rows[: 20 * k], k, 0, options.threads)
        for seed in range(options.rounds_or(3)):
            for name, own in samples.items():
                with threadpool_limits(options.threads):
                    began = time.perf_counter()
                    centers, _ = SEEDERS[name](rows, k, seed, options.threads)
                    own.append((time.perf_counter() - began, peers.inertia(rows, centers)))
        for name, seconds, potential in (
            (peers.OURS, "ours", "potential"),
            ("sklearn", "sklearn", "sklearn_potential"),
        ):
            if name in samples:
                row[seconds], row[potential] = (median(column) for column in zip(*samples[name], strict=True))
        if len(samples) == 2:
            row["ratio"] = row["sklearn"] / row["ours"]
            row["potential_ratio"] = row["potential"] / row["sklearn_potential"]
        row["samples"] = samples
        options.say(f"seeding {data} k={k}: ours {row.get('ours')} s")
        table.rows.append(row)
    return [table, _other_seedings(options)]


def _other_seedings(options):
    """Every seeding with one iteration after it: time, and inertia beside that of k-means++."""
    import fastkmeans
    from fastkmeans.engine.seeding import SEEDINGS

    table = Table("Every seeding, with one iteration", OTHERS)
    for data, k in options.workloads(FULL, QUICK, TINY):
        rows, reference = datasets.load(data), None
        for init in ("k-means++", *(name for name in SEEDINGS if name not in ("k-means++", "auto"))):
            samples = []
            for seed in range(options.rounds_or(3)):
                settings = {"init": init, "n_init": 1, "random_state": seed, "n_threads": options.threads}
                began = time.perf_counter()
                result = fastkmeans.fit(rows, k, max_iter=1, tol=1e9, **settings)
                samples.append((time.perf_counter() - began, result.inertia))
            seconds, inertia = (median(column) for column in zip(*samples, strict=True))
            reference = reference or inertia
            line = {"data": data, "k": k, "init": init, "seconds": seconds, "ratio": inertia / reference}
            table.rows.append(line | {"samples": samples})
    return table
