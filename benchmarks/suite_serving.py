"""How long does one row take to be labelled, in a process that serves? Ours beside scikit-learn's, warm."""

import timeit
from statistics import median

import numpy as np

from benchmarks import datasets, peers
from benchmarks.report import Table

FULL = (("blobs:10000:2:8", 8), ("blobs:10000:16:64", 64), ("blobs:10000:64:100", 100), ("blobs:10000:128:1000", 1000))
QUICK = FULL[:2]
TINY = (("blobs:500:2:4", 4),)
RESULT_MICROSECONDS, ESTIMATOR_MICROSECONDS = 10.0, 50.0  # targets up to k d = 10,000

COLUMNS = (
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("KMeansResult.predict us", "result", ".1f"),
    ("KMeans.predict us", "estimator", ".1f"),
    ("scikit-learn's us", "sklearn", ".1f"),
    ("met", "met", ""),
    ("1000 rows, ours us", "thousand", ".0f"),
    ("scikit-learn's us", "sklearn_thousand", ".0f"),
)


def run(options):
    """The table of the suite."""
    table = Table("One row of float32 to its label, warm", COLUMNS)
    table.notes.append(f"targets: {RESULT_MICROSECONDS:.0f} us by the result, {ESTIMATOR_MICROSECONDS:.0f} by KMeans")
    for data, k in options.workloads(FULL, QUICK, TINY):
        table.rows.append(_measure(data, k, options))
    return [table]


def _measure(data, k, options):
    import fastkmeans

    rows = datasets.load(data)
    centers = datasets.first_centers(rows, k)
    line = {"data": data, "k": k}
    calls = {}
    if peers.OURS in options.peers:
        fitted = fastkmeans.KMeans(k, init=centers, max_iter=2, n_threads=options.threads).fit(rows)
        result = fastkmeans.fit(rows, k, init=centers, max_iter=2, n_threads=options.threads)
        calls |= {"result": result.predict, "estimator": fitted.predict}
    if "sklearn" in options.peers:
        from sklearn.cluster import KMeans

        calls["sklearn"] = KMeans(k, init=centers, n_init=1, max_iter=2).fit(rows).predict
    for size, names in ((1, {name: name for name in calls}), (1000, {"estimator": "thousand",
                                                                     "sklearn": "sklearn_thousand"})):  # fmt: skip
        some = np.ascontiguousarray(rows[:size])
        samples = {name: [] for name in names if name in calls}
        for _ in range(options.rounds_or(5, 3)):
            for name, own in samples.items():
                count = options.pick(200, 200, 3)
                own.append(1e6 * timeit.timeit(lambda call=calls[name], some=some: call(some), number=count) / count)
        line |= {names[name]: median(own) for name, own in samples.items()}
    if "result" in line:
        line["met"] = line["result"] <= RESULT_MICROSECONDS and line["estimator"] <= ESTIMATOR_MICROSECONDS
    options.say(f"serving {data} k={k}: {line}")
    return line
