"""Which way of labelling wins where, early and late in a fit? Every registered way on the same start.

All ways are exact, so their labels must be equal; the first iterations and the last differ for ways that
remember, so both are shown.
"""

from statistics import median

import numpy as np

from benchmarks import datasets
from benchmarks.report import Table

FULL = (
    ("photo", 256),
    ("blobs:1000000:2:8", 8),
    ("blobs:1000000:2:1000", 1000),
    ("blobs:1000000:32:100", 100),
    ("blobs:200000:128:1000", 1000),
    ("noise:50000:768", 500),
    ("flights_raw", 100),
    ("sift_open", 1000),
    ("fashion_mnist_train", 256),
    ("sent_wordnet_minilm_40k", 500),
)
QUICK = (("photo", 64), ("blobs:100000:2:100", 100), ("blobs:50000:32:100", 100))
TINY = (("blobs:500:2:4", 4),)
END = 3  # iterations that count as early, and as late

COLUMNS = (
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("way", "way", ""),
    ("ran", "ran", ""),
    ("it", "n_iter", "d"),
    ("ms/it", "ms", ".2f"),
    ("first ms", "first", ".2f"),
    ("last ms", "late", ".2f"),
    ("times dense", "ratio", ".2f"),
    ("labels equal", "equal", ""),
)


def run(options):
    """The table of the suite."""
    from fastkmeans.engine.planner import ASSIGNERS

    table = Table("Ways of labelling", COLUMNS)
    table.notes.append(f"first and last: medians of {END} iterations; times dense: the dense way's ms/it / this one's")
    ways = ["dense", *(name for name in ASSIGNERS if name != "dense"), "auto"]
    for data, k in options.workloads(FULL, QUICK, TINY):
        if not datasets.available(data):
            table.notes.append(f"{data}: not on this machine")
            continue
        rows = datasets.load(data)
        table.rows += _measure(data, rows, k, ways, options)
    return [table]


def _measure(data, rows, k, ways, options):
    import fastkmeans

    init = datasets.first_centers(rows, k)
    settings = {"init": init, "tol": 0, "n_threads": options.threads}
    samples, results, refused = {way: [] for way in ways}, {}, {}
    for turn in range(-1, options.rounds_or(3)):
        for way in ways:
            if way in refused:
                continue
            few = 1 if turn < 0 else options.pick(30, 10, 3)  # turn -1 compiles
            try:
                results[way] = fastkmeans.fit(rows, k, max_iter=few, algorithm=way, **settings)
            except ValueError as error:  # a way may be for some shapes only
                refused[way] = str(error)
                continue
            if turn >= 0:
                samples[way].append([1e3 * stats.seconds for stats in results[way].history])
    reference = results["dense"]
    lines = []
    for way in ways:
        line = {"data": data, "k": k, "way": way}
        lines.append(line)
        if way in refused:
            line["ran"] = f"refused: {refused[way][:60]}"
            continue
        times = np.median(samples[way], axis=0)
        line |= {
            "ran": results[way].plan,
            "n_iter": results[way].n_iter,
            "ms": float(times.mean()),
            "first": median(times[:END]),
            "late": median(times[-END:]),
            "equal": bool(np.array_equal(results[way].labels, reference.labels)),
            "samples": samples[way],
        }
        line["ratio"] = lines[0]["ms"] / line["ms"]
        options.say(f"ways {data} k={k} {way}: {line['ms']:.2f} ms/it")
    return lines
