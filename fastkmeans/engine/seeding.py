"""The first centers: the registry of ways to choose them, and random rows.

A seeding is a function of (source, k, random, progress) that returns the numbers of k rows. `random` is a NumPy
Generator; draws depend on it and on the rows alone, never on threads.
"""

import numpy as np

from fastkmeans.engine.afk_mc2 import afk_mc2
from fastkmeans.engine.plus_plus import plus_plus
from fastkmeans.engine.scalable import scalable


def random_rows(source, k, random, progress=None):
    """k rows drawn without replacement, with chances by weight."""
    drawn = source.sample(k, int(random.integers(2**63)))
    return np.resize(drawn, k)


SEEDINGS = {"k-means++": plus_plus, "k-means||": scalable, "afk-mc2": afk_mc2, "random": random_rows}
