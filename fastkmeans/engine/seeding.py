"""The first centers: the registry of ways to choose them, and random rows.

A seeding is a function of (source, k, random, progress) that returns the numbers of k rows. `random` is a NumPy
Generator; draws depend on it and on the rows alone, never on threads.
"""

import numpy as np

from fastkmeans.engine.afk_mc2 import afk_mc2
from fastkmeans.engine.plus_plus import plus_plus
from fastkmeans.engine.scalable import scalable

MANY_CLUSTERS, ROWS_A_CLUSTER = 100, 20  # k-means|| draws about 10 rows a cluster


def random_rows(source, k, random, progress=None):
    """k rows drawn without replacement, with chances by weight."""
    drawn = source.sample(k, int(random.integers(2**63)))
    return np.resize(drawn, k)


def auto(source, k, random, progress=None):
    """k-means|| for many clusters of many rows, else k-means++: the quicker of two that end equally well.

    Seconds of k-means++ | k-means||: 1M x 32 k=100 1.1 | 0.6, 200k x 128 k=256 1.8 | 0.9, a photo's pixels 240k x 3
    k=256 0.32 | 0.09; 1M x 2 k=8 0.10 | 0.14 (python -m benchmarks.compare --suite seeding).
    """
    many = k >= MANY_CLUSTERS and source.n >= ROWS_A_CLUSTER * k
    return (scalable if many else plus_plus)(source, k, random, progress)


SEEDINGS = {"auto": auto, "k-means++": plus_plus, "k-means||": scalable, "afk-mc2": afk_mc2, "random": random_rows}
