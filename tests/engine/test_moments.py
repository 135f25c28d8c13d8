"""The first pass over the rows against NumPy: sums and squares of columns about the first row, and what is wrong."""

import numpy as np
import pytest

from fastkmeans import validation as check
from fastkmeans.engine import moments


@pytest.fixture(autouse=True)
def compiled(monkeypatch):
    monkeypatch.setattr(moments, "SMALL_VALUES", 0)


def source_of(X, weights=None, metric="euclidean", n_threads=2):
    return check.rows_to_ask(
        check.as_rows(X), weights, metric=metric, dtype=check.computing_type(X), n_threads=n_threads, budget=None
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("d", [1, 7, 15, 16, 17, 24, 40])
@pytest.mark.parametrize("n", [1, 2, 33, 3001])
def test_moments_are_those_of_numpy(n, d, order, weighted, dtype):
    random = np.random.default_rng(n + d)
    X = np.asarray(random.normal(50, 20, (n, d)).astype(dtype), order=order)
    weights = random.integers(0, 4, n).astype(np.float64) if weighted else None
    origin, (sums, squares, weighted_sums, weighted_squares) = moments.check_rows(source_of(X, weights))
    rows = X.astype(np.float64) - X[0].astype(np.float64)
    np.testing.assert_array_equal(origin, X[0])
    close = {"rtol": 1e-12, "atol": 1e-9}
    np.testing.assert_allclose(sums, rows.sum(axis=0), **close)
    np.testing.assert_allclose(squares, (rows**2).sum(axis=0), **close)
    if weighted:
        np.testing.assert_allclose(weighted_sums, weights @ rows, **close)
        np.testing.assert_allclose(weighted_squares, weights @ rows**2, **close)


@pytest.mark.parametrize("d", [3, 16, 40])
def test_cosine_measures_unit_rows(d):
    X = np.random.default_rng(0).normal(size=(1001, d))
    _, (sums, squares, *_) = moments.check_rows(source_of(X, metric="cosine"))
    rows = X / np.linalg.norm(X, axis=1, keepdims=True)
    np.testing.assert_allclose(sums, rows.sum(axis=0), rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(squares, (rows**2).sum(axis=0), rtol=1e-12)


@pytest.mark.parametrize("d", [3, 16, 40])
@pytest.mark.parametrize("at", [0, 1, 31, 32, 2999, 3000])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_row_that_is_wrong_is_named(d, at, value):
    X = np.zeros((3001, d), np.float32)
    X[at:, d - 1] = value
    with pytest.raises(ValueError, match=f"row {at}\\b"):
        source_of(X)


@pytest.mark.parametrize("d", [3, 40])
def test_bits_do_not_depend_on_threads(d):
    X = np.random.default_rng(0).normal(size=(200_000, d)).astype(np.float32)
    parts = [moments.check_rows(source_of(X, n_threads=n_threads))[1] for n_threads in (1, 2, 5)]
    assert all(np.array_equal(part, parts[0]) for part in parts)
