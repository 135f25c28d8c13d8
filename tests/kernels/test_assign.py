"""The sweep: the two best scores of every row and the lowest center of the best, against NumPy."""

import numba
import numpy as np
import pytest

from fastkmeans.kernels.assign import two_best
from fastkmeans.kernels.packing import SHAPES, tile_shape
from fastkmeans.kernels.settle import TAG_ULPS
from tests.kernels.pieces import DTYPES, EDGES, columns_of, grid, panels_of


@numba.njit(error_model="numpy")
def _sweep(columns, n_groups, d, panels, n_panels, lowest, best, second, nearest, shape):
    two_best(columns, n_groups, d, panels, n_panels, lowest, best, second, nearest, 0, 0, shape)


def sweep(X, centers, shape):
    """(best, second, nearest) of the rows."""
    columns, groups = columns_of(X, shape)
    panels, n_panels, _ = panels_of(centers, shape)
    room = len(columns) // X.shape[1]
    best, second, nearest = np.empty(room, X.dtype), np.empty(room, X.dtype), np.empty(room, np.int32)
    lowest = X.dtype.type(-np.inf)
    _sweep(columns, groups, X.shape[1], panels, n_panels, lowest, best, second, nearest, shape)
    return best[: len(X)], second[: len(X)], nearest[: len(X)]


def two_largest(scores):
    ordered = np.sort(scores, axis=1)[:, ::-1]
    return ordered[:, 0], ordered[:, 1] if scores.shape[1] > 1 else np.full(len(scores), -np.inf)


@pytest.mark.parametrize("vectors", SHAPES)
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_two_best(vectors, wide, dtype):
    shape = tile_shape(vectors, dtype, 100 if wide else 1)
    for seed, (n, d, k) in enumerate(EDGES):
        X, centers = grid(n, d, seed), grid(k, d, seed + 100)  # all scores are exact: halves of integers
        best, second, nearest = sweep(X.astype(dtype), centers.astype(dtype), shape)
        scores = X @ centers.T - 0.5 * (centers * centers).sum(axis=1)
        first, next_one = two_largest(scores)
        assert np.array_equal(scores[np.arange(n), nearest], first), (n, d, k)  # any of equal centers: settling decides
        lead = first - next_one > 1
        assert np.array_equal(nearest[lead], scores.argmax(axis=1)[lead])
        for found, exact in ((best, first), (second, next_one)):
            lowest = exact == -np.inf
            assert (found[lowest] < np.finfo(dtype).min / 2).all()
            tags = TAG_ULPS * np.spacing(np.abs(exact[~lowest]).astype(dtype))
            assert (np.abs(found[~lowest] - exact[~lowest]) <= tags).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_scores_are_within_the_bound_of_their_rounding(dtype):
    random = np.random.default_rng(0)
    X, centers = (random.normal(size=(size, 40)).astype(dtype) for size in (100, 30))
    best, second, _ = sweep(X, centers, tile_shape("plain", dtype, 1))
    wide, wide_centers = X.astype(np.longdouble), centers.astype(np.longdouble)
    scores = wide @ wide_centers.T - 0.5 * (wide_centers**2).sum(axis=1)
    norms = (wide**2).sum(axis=1) / 2 + (wide_centers**2).sum(axis=1).max()
    for found, exact in zip((best, second), two_largest(scores), strict=True):
        assert (np.abs(found - exact) <= 46 * np.finfo(dtype).eps / 2 * norms).all()


def test_padding_lanes_and_centers_never_win():
    shape = tile_shape("plain", np.float64, 1)
    X, centers = np.full((3, 2), -1.0), np.full((1, 2), 1e6)  # far worse than a center at zero would be
    best, second, nearest = sweep(X, centers, shape)
    assert not nearest.any() and (second < np.finfo(np.float64).min / 2).all() and np.isfinite(best).all()
