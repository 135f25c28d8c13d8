"""Where should a fit of many rows start: from a seeding over all of them, or from the best fits of a sample?

Whole fits, seed by seed; inertia beside the least that any of them ended at. That of "rare" has clusters of a few rows,
which a sample may miss: there the start is not trusted, and all rows are seeded after all.
"""

import time
from statistics import fmean, median

from benchmarks import datasets
from benchmarks.report import Table

FULL = (
    ("blobs:65536:2:2", 2),
    ("blobs:65536:2:8", 8),
    ("blobs:65536:128:8", 8),
    ("blobs:1000000:2:8", 8),
    ("blobs:1000000:16:64", 64),
    ("blobs:1000000:32:100", 100),
    ("blobs:1000000:64:10", 10),
    ("overlap:500000:8:40", 40),
    ("noise:500000:16", 20),
    ("rare:1000000:4:16", 16),
    ("geo_cities500_latlon", 50),
    ("flights_raw", 16),
    ("flights_raw:scaled", 16),
    ("sift_open", 16),
    ("sent_wordnet_minilm_40k", 8),
    ("sklearn:china", 64),
)
QUICK = (("blobs:200000:16:32", 32), ("rare:100000:4:8", 8))
TINY = (("blobs:500:2:4", 4),)

COLUMNS = (
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("all rows: s", "all_seconds", ".4f"),
    ("from a sample: s", "auto_seconds", ".4f"),
    ("ratio", "ratio", ".2f"),
    ("trusted", "trusted", ""),
    ("all rows: inertia, mean", "all_mean", ".4f"),
    ("worst", "all_worst", ".4f"),
    ("from a sample: inertia, mean", "auto_mean", ".4f"),
    ("worst", "auto_worst", ".4f"),
)


def run(options):
    """The table of the suite."""
    table = Table("Starts: a seeding over all rows beside fits of a sample", COLUMNS)
    table.notes.append('medians of whole fits; "all rows" is what init="auto" takes where it does not sample')
    for data, k in options.workloads_here(table, FULL, QUICK, TINY):
        table.rows.append(_measure(data, k, options))
    return [table]


def _measure(data, k, options):
    import fastkmeans
    from fastkmeans.engine.seeding import chosen_seeding
    from fastkmeans.sources.blocks import ArrayRows

    rows = datasets.load(data)
    inits = {"all": chosen_seeding("auto", ArrayRows(rows), k), "auto": "auto"}
    samples, trusted, seeds = {name: [] for name in inits}, 0, options.rounds_or(8, 3)
    for seed in range(-1, seeds):  # the first warms up
        for name, init in inits.items():
            began = time.perf_counter()
            result = fastkmeans.fit(rows, k, init=init, random_state=seed + 1, n_threads=options.threads)
            if seed >= 0:
                samples[name].append((time.perf_counter() - began, result.inertia))
                trusted += "sampled rows" in str(result.plan)
    least = min(inertia for own in samples.values() for _, inertia in own)
    line = {"data": data, "k": k, "trusted": f"{trusted} of {seeds}", "samples": samples}
    for name, own in samples.items():
        seconds, inertias = zip(*own, strict=True)
        line |= {f"{name}_seconds": median(seconds)}
        line |= {f"{name}_mean": fmean(inertias) / least, f"{name}_worst": max(inertias) / least}
    line["ratio"] = line["all_seconds"] / line["auto_seconds"]
    options.say(f"starts {data} k={k}: {line['all_seconds']:.4f} s, {line['auto_seconds']:.4f} s from a sample")
    return line
