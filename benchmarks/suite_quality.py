"""How good are the fits? The inertia that each seeding ends at, beside that of scikit-learn's default, seed by seed.

Inertias are compared by their logarithms, so that a difference is a share: the mean over the seeds and its 95 %
interval. A seeding is as good where the interval includes 0 or lies below it.
"""

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import datasets, peers
from benchmarks.report import Table

DATA = (
    "digits", "pixels_china_rgb", "pixels_life_rgb_2x2", "geo_cities500_latlon", "flights_raw", "fashion_mnist_train",
    "patches8_rgb_open_60k", "sift_open", "sent_wordnet_minilm_40k", "blobs:50000:8:100",
)  # fmt: skip
FULL = tuple((data, k) for data in DATA for k in (10, 100, 500))
QUICK = tuple((data, 10) for data in ("photo", "blobs:50000:8:100"))
TINY = (("blobs:500:2:4", 4),)
WEIGHTED = {"geo_cities500_latlon": "geo_cities500_population_weights"}  # fitted both ways
MOST_ROWS = 50_000
SEEDINGS = ("k-means++", "k-means||")

COLUMNS = (
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("weighted", "weighted", ""),
    ("init", "init", ""),
    ("seeds", "seeds", "d"),
    ("mean log difference", "difference", "+.5f"),
    ("95 % from", "least", "+.5f"),
    ("to", "most", "+.5f"),
    ("as good", "as_good", ""),
)


def run(options):
    """The table of the suite."""
    table = Table("Inertia at the end, beside scikit-learn's default", COLUMNS)
    table.notes.append("rows subsampled to 50,000; differences of log inertia, below 0 is better than scikit-learn")
    for data, k in options.workloads_here(table, FULL, QUICK, TINY):
        rows = datasets.load(data)
        picked = np.random.default_rng(0).permutation(len(rows))[:MOST_ROWS]
        for name in (None, WEIGHTED.get(data)) if data in WEIGHTED else (None,):
            weights = None if name is None else datasets.load(name).ravel()[picked].astype(float)
            table.rows += _measure(data, rows[picked], weights, k, options)
    return [table]


def _ours(rows, weights, k, seed, init, threads):
    import fastkmeans

    return fastkmeans.fit(rows, k, init=init, sample_weight=weights, random_state=seed, n_threads=threads).inertia


def _sklearn(rows, weights, k, seed):
    from sklearn.cluster import KMeans

    return KMeans(k, n_init=1, random_state=seed).fit(rows, sample_weight=weights).inertia_


def _measure(data, rows, weights, k, options):
    seeds = options.rounds_or(30, 5)
    with threadpool_limits(options.threads):
        theirs = [_sklearn(rows, weights, k, seed) for seed in range(seeds)] if "sklearn" in options.peers else None
    lines = []
    for init in SEEDINGS if peers.OURS in options.peers else ():
        ours = [_ours(rows, weights, k, seed, init, options.threads) for seed in range(seeds)]
        line = {"data": data, "k": k, "init": init, "seeds": seeds, "weighted": weights is not None, "ours": ours}
        if theirs is not None:
            logs = np.log(ours), np.log(theirs)
            difference = logs[0].mean() - logs[1].mean()
            error = 1.96 * np.sqrt(sum(own.var(ddof=1) if seeds > 1 else 0.0 for own in logs) / seeds)
            line |= {"difference": difference, "least": difference - error, "most": difference + error}
            line |= {"as_good": bool(difference - error <= 0), "theirs": theirs}
        lines.append(line)
        options.say(f"quality {data} k={k} {init}: {line.get('difference', 0.0):+.5f}")
    return lines
