"""Labels of a few rows: by the definition for every shape and mix of types; values that cannot be used are noticed."""

import numpy as np
import pytest

from fastkmeans.kernels.few import label_few
from tests import naive
from tests.checks import assert_same_bits

TYPES = [(np.float32, np.float32), (np.float64, np.float64), (np.float64, np.float32), (np.float32, np.float64)]


@pytest.mark.parametrize("rows_type, centers_type", TYPES)
@pytest.mark.parametrize("n, d, k", [(1, 1, 1), (1, 3, 8), (5, 1, 9), (7, 2, 7), (3, 5, 16), (2, 70, 33)])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_labels(n, d, k, rows_type, centers_type, offset):
    random = np.random.default_rng(0)
    for _ in range(5):
        rows = (random.normal(size=(n, d)) + offset).astype(rows_type)
        centers = (random.normal(size=(k, d)) + offset).astype(centers_type)
        centers[k // 2 :] = centers[: k - k // 2]  # ties
        labels = np.full(n, -1, np.int32)
        assert label_few(rows, centers, 1e15, labels)
        assert_same_bits(labels, naive.assign(rows, centers))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e18, -1e18])
@pytest.mark.parametrize("at", [0, 17, 29])
def test_values_that_cannot_be_used(bad, at):
    for place in (0, 1):
        arrays = [np.zeros((10, 3), np.float32), np.zeros((10, 3), np.float32)]
        arrays[place].flat[at] = bad
        assert not label_few(*arrays, 1e15, np.empty(10, np.int32))
