"""Which way of labelling wins where, early and late in a fit? Every registered way on the same start.

All ways are exact, so their labels must be equal; the first iterations and the last differ for ways that
remember, so both are shown.
"""

from statistics import mean, median

import numpy as np

from benchmarks import datasets, rounds
from benchmarks.report import Table

# (rows, clusters), and their type where it is not float32. The rows of the shortcuts suite, and more.
FULL = (
    ("photo", 256),
    ("blobs:1000000:2:8", 8),
    ("blobs:1000000:2:1000", 1000),
    ("pixels_life_rgb_2x2", 256, "uint8"),
    ("geo_cities500_latlon", 1000, "float64"),
    ("blobs:1000000:32:100", 100),
    ("flights_raw", 100),
    ("flights_raw:scaled", 100),
    ("sift_open", 1000),
    ("blobs:200000:128:1000", 1000),
    ("sent_wordnet_minilm_40k", 500),
    ("sent_wordnet_minilm_40k", 1000),
    ("noise:50000:768", 500),
    ("fashion_mnist_train", 256),
    ("blobs:100000:768:1000", 1000),
)
QUICK = (("photo", 64), ("blobs:100000:2:100", 100), ("blobs:50000:32:100", 100))
TINY = (("blobs:500:2:4", 4), ("blobs:500:2:4", 5, "float64"))
END = 3  # iterations that count as early, and as late

COLUMNS = (
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("way", "way", ""),
    ("iterations went", "went", ""),
    ("it", "n_iter", "d"),
    ("fit ms", "fit", ".1f"),
    ("ms/it", "ms", ".2f"),
    ("first ms", "first", ".2f"),
    ("last ms", "late", ".2f"),
    ("times dense", "ratio", ".2f"),
    ("% of pairs met", "pairs", ".1f"),
    ("labels equal", "equal", ""),
)


def run(options):
    """The table of the suite."""
    from fastkmeans.engine.planner import ASSIGNERS

    table = Table("Ways of labelling", COLUMNS)
    table.notes.append("ms/it: of the iterations alone; fit ms: with validation, ordering and the final pass; medians")
    table.notes.append(f"first and last: medians of {END} iterations; times dense: the dense way's ms/it / this one's")
    ways = ["dense", *(name for name in ASSIGNERS if name != "dense"), "auto"]
    for data, k, *dtype in options.workloads_here(table, FULL, QUICK, TINY):
        rows = datasets.load(data, *dtype)
        table.rows += _measure(" ".join([data, *dtype]), rows, k, ways, options)
    return [table]


def _measure(data, rows, k, ways, options):
    settings = {"init": datasets.first_centers(rows, k), "tol": 0, "max_iter": options.pick(30, 10, 3)}
    runs, refused = rounds.fits_in_turn(
        rows, k, ways, least=options.rounds_or(3), n_threads=options.threads, **settings
    )
    lines = [{"data": data, "k": k, "way": way, "went": f"refused: {why[:60]}"} for way, why in refused.items()]
    reference = _mean_ms(runs["dense"])
    for way, own in runs.items():
        result, times = own.result, _iterations_ms(own)
        line = {
            "data": data,
            "k": k,
            "way": way,
            "went": rounds.ways_gone(result),
            "n_iter": result.n_iter,
            "fit": 1e3 * median(own.seconds),
            "ms": _mean_ms(own),
            "first": median(times[:END]),
            "late": median(times[-END:]),
            "ratio": reference / _mean_ms(own),
            "pairs": rounds.share_met(result),
            "plan": result.plan,
            "equal": bool(np.array_equal(result.labels, runs["dense"].result.labels)),
            "samples": [[1e3 * stats.seconds for stats in history] for history in own.histories],
        }
        lines.append(line)
        options.say(f"ways {data} k={k} {way}: {line['ms']:.2f} ms/it")
    return lines


def _iterations_ms(fits):
    """Milliseconds of each iteration, the median of the rounds."""
    return 1e3 * np.median([[stats.seconds for stats in history] for history in fits.histories], axis=0)


def _mean_ms(fits):
    return float(mean(_iterations_ms(fits)))
