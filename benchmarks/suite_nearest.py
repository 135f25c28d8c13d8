"""How long do the nearest few of many centers take? Ours beside FAISS's flat index and scikit-learn's neighbours."""

import gc
import time
from statistics import median

from threadpoolctl import threadpool_limits

from benchmarks import datasets, peers
from benchmarks.report import Table

FULL = (
    ("blobs:100000:64:1000", 1000, 1),
    ("blobs:100000:64:1000", 1000, 8),
    ("blobs:20000:64:1000", 1000, 100),
    ("blobs:100000:8:1000", 1000, 8),
    ("blobs:100000:16:64", 64, 8),
    ("blobs:20000:384:1000", 1000, 8),
    ("blobs:20000:128:4096", 4096, 16),
)
QUICK = (("blobs:20000:64:1000", 1000, 8),)
TINY = (("blobs:500:4:20", 20, 3),)
RIVALS = ("faiss", "sklearn")

COLUMNS = (
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("nearest", "n_nearest", "d"),
    ("ours ms", "fastkmeans", ".1f"),
    ("faiss ms", "faiss", ".1f"),
    ("ratio", "faiss_ratio", ".1f"),
    ("scikit-learn ms", "sklearn", ".1f"),
    ("ratio", "sklearn_ratio", ".1f"),
    ("% of faiss's as ours", "agreed", ".3f"),
)


def run(options):
    """The table of the suite."""
    table = Table("The nearest few centers of every row, float32", COLUMNS)
    table.notes.append("FAISS: IndexFlatL2.search; scikit-learn: NearestNeighbors(algorithm='brute').kneighbors")
    table.notes.append("medians over rounds in which all take their turn; ratio: theirs / ours")
    table.notes.append("where FAISS's indices differ, two centers are as near within the rounding of float32")
    for data, k, n_nearest in options.workloads(FULL, QUICK, TINY):
        table.rows.append(_measure(data, k, n_nearest, options))
    return [table]


def _measure(data, k, n_nearest, options):
    rows = datasets.load(data)
    calls = _calls(rows, datasets.first_centers(rows, k), n_nearest, options)
    samples, found = {name: [] for name in calls}, {}
    for turn in range(-1, options.rounds_or(5, 3)):
        for name, call in calls.items():
            gc.collect()
            time.sleep(options.pick(0.3, 0.3, 0))  # threads of OpenMP may spin after the work of the one before
            began = time.perf_counter()
            with threadpool_limits(options.threads):
                found[name] = call()
            if turn >= 0:
                samples[name].append(1e3 * (time.perf_counter() - began))
    line = {"data": data, "k": k, "n_nearest": n_nearest, "samples": samples}
    line |= {name: median(own) for name, own in samples.items()}
    for name in RIVALS:
        if name in line and peers.OURS in line:
            line[f"{name}_ratio"] = line[name] / line[peers.OURS]
    if {"faiss", peers.OURS} <= set(found):
        line["agreed"] = 100 * float((found["faiss"] == found[peers.OURS]).mean())
    shown = ", ".join(f"{name} {line[name]:.1f} ms" for name in calls)
    options.say(f"nearest {data} k={k}, {n_nearest} of them: {shown}")
    return line


def _calls(rows, centers, n_nearest, options):
    """A function of no arguments for each library, which gives the indices."""
    calls = {}
    if peers.OURS in options.peers:
        import fastkmeans

        calls[peers.OURS] = lambda: fastkmeans.nearest_centers(rows, centers, n_nearest, n_threads=options.threads)[0]
    if "faiss" in options.peers:
        import faiss

        index = faiss.IndexFlatL2(rows.shape[1])
        index.add(centers)
        calls["faiss"] = lambda: index.search(rows, n_nearest)[1]
    if "sklearn" in options.peers:
        from sklearn.neighbors import NearestNeighbors

        neighbours = NearestNeighbors(n_neighbors=n_nearest, algorithm="brute").fit(centers)
        calls["sklearn"] = lambda: neighbours.kneighbors(rows, return_distance=False)
    return calls
