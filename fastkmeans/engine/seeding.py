"""The first centers: the registry of ways to choose them, and random rows.

A seeding is a function of (source, k, random, progress, frozen) that returns the numbers of k rows, chosen beside the
`frozen` centers (m, d) where there are any. `random` is a NumPy Generator; draws depend on it and on the rows alone,
never on threads.
"""

import numpy as np

from fastkmeans.engine.afk_mc2 import afk_mc2
from fastkmeans.engine.passes import promised_bytes
from fastkmeans.engine.plus_plus import plus_plus
from fastkmeans.engine.scalable import CANDIDATES_SHARE, scalable

MANY_CLUSTERS, MANY_NARROW_CLUSTERS, NARROW = 16, 8, 16  # the second for rows of fewer columns than the third
ROWS_SHARE = 0.9  # of the memory that a fit may take beside the rows, for their distances and labels while seeding
MANY_ROWS, ROWS_A_CLUSTER = 16384, 20  # k-means|| draws about 10 rows a cluster


def random_rows(source, k, random, progress=None, frozen=None):
    """k rows drawn without replacement, with chances by weight, wherever frozen centers are."""
    drawn = source.sample(k, int(random.integers(2**63)))
    return np.resize(drawn, k)


def chosen_seeding(init, source, k):
    """The seeding that `init` names; for "auto" the quicker of two that end equally well.

    That is k-means|| for many clusters of many rows, if its candidates keep to the memory that fits promise, else
    k-means++. Milliseconds of k-means++ | k-means||: 1M x 2 k=8 89 | 54, k=16 97 | 55; 200k x 32 k=8 20 | 30, k=16
    36 | 34; 1M x 16 k=64 560 | 250; 1M x 32 k=100 1180 | 430; 200k x 128 k=1000 5500 | 2100; a photo's pixels 240k x 3
    k=256 280 | 72; 20k x 8 k=32 10 | 8, with fewer rows k-means++ leads (python -m benchmarks.compare --suite seeding).
    The inertia of the fits: --suite quality.
    """
    if hasattr(source, "no_seedings") and init in ("auto", "k-means++"):
        return "k-means||"  # where no sample of the rows will do
    if init != "auto":
        return init
    least = MANY_NARROW_CLUSTERS if source.d < NARROW else MANY_CLUSTERS
    many = k >= least and source.n >= max(MANY_ROWS, ROWS_A_CLUSTER * k)
    promised, size = promised_bytes(source, k), source.dtype.itemsize
    candidates = ROWS_A_CLUSTER / 2 * k * source.d * size  # gathered, and packed a round at a time
    held = candidates <= CANDIDATES_SHARE * promised and candidates + source.n * (size + 4) <= ROWS_SHARE * promised
    return "k-means||" if many and held else "k-means++"


def auto(source, k, random, progress=None, frozen=None):
    """The seeding that suits the rows."""
    return SEEDINGS[chosen_seeding("auto", source, k)](source, k, random, progress, frozen)


SEEDINGS = {"auto": auto, "k-means++": plus_plus, "k-means||": scalable, "afk-mc2": afk_mc2, "random": random_rows}
