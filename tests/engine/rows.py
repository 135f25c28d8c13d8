"""Rows for the tests of the engine."""

import numpy as np


def blobs(n=300, d=2, k=12, seed=0, dtype=np.float64):
    random = np.random.default_rng(seed)
    return (random.normal(scale=8, size=(k, d))[np.arange(n) % k] + random.normal(size=(n, d))).astype(dtype)
