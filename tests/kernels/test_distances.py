"""Squared distances: the definition, own distances, distances to all centers."""

import numba
import numpy as np
import pytest

from fastkmeans.kernels.distances import defined_sq_dist, own_sq_dists, stored_row
from fastkmeans.kernels.gather import gather_rows, own_distances, own_tile
from fastkmeans.kernels.packing import row_stride, tile_shape
from fastkmeans.kernels.slab import scratch_for
from fastkmeans.kernels.transform import distances_to_all
from tests import naive
from tests.checks import assert_same_bits
from tests.kernels.pieces import DTYPES, EDGES, describe
from tests.strategies import LAYOUTS, values_of

compiled = numba.njit(error_model="numpy")


@compiled
def _defined(rows, n, d, cosine, centers, limit, lane_row, out):
    row = np.empty(d)
    for i in range(n):
        stored_row(rows, i, d, cosine, lane_row, row)
        for j in range(len(centers)):
            out[i, j] = defined_sq_dist(row, centers, j, d, limit)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 2, 63, 64, 65, 200])
def test_the_definition_has_the_bits_of_the_oracle(dtype, d):
    X = (values_of("f8", (20, d)) + 1e3).astype(dtype)
    centers = X[:7][:, ::-1].copy()
    out = np.empty((20, 7))
    for layout in ("C", "Fortran", "byte-swapped"):
        stored = LAYOUTS[layout](X)
        _defined(describe(stored, dtype), 20, d, 0, centers, np.inf, np.empty(d, dtype), out)
        assert_same_bits(out, naive.sq_dists(X, centers))
    _defined(describe(X, dtype), 20, d, 1, centers, np.inf, np.empty(d, dtype), out)
    assert_same_bits(out, naive.sq_dists(naive.unit_rows(X, dtype), centers))


def test_an_early_end_only_rejects():
    X, d = values_of("f8", (30, 300)), 300
    exact, out = naive.sq_dists(X, X[:9]), np.empty((30, 9))
    limit = float(np.median(exact))
    _defined(describe(X, np.float64), 30, d, 0, X[:9].copy(), limit, np.empty(d), out)
    below = exact < limit
    assert_same_bits(out[below], exact[below])
    assert (out[~below] >= limit).all()
    assert (out < exact).any(), "no sum ended early: the test shows nothing"


@compiled
def _own(tile, stride, n, d, centers, labels, shift, out):
    own_sq_dists(tile, stride, n, d, labels, centers.reshape(-1), shift, out)


@pytest.mark.parametrize("dtype", DTYPES)
def test_own_distances(dtype):
    for n, d, k in EDGES:
        X, centers = values_of("f8", (n, d)).astype(dtype), values_of("f8", (k, d), 1).astype(dtype)
        labels = (np.arange(n) % k).astype(np.int32)
        expected = naive.own_sq_dists(X, labels, centers)
        for shift in (np.zeros(d, dtype), X[0]):
            out, tile = np.empty(n), own_tile(dtype, d)
            rows = describe(X, dtype)
            own_distances(rows, 0, n, labels, centers, shift, int(shift.any()), 0, tile, out)
            np.testing.assert_allclose(out, expected, rtol=8 * np.finfo(dtype).eps, atol=20 * np.finfo(dtype).eps ** 2)
        moved = np.zeros((n, row_stride(d)), dtype)
        moved[:, :d] = X
        _own(moved.reshape(-1), row_stride(d), n, d, centers, labels, np.zeros(d, dtype), out)
        np.testing.assert_allclose(out, expected, rtol=1e-14)


@pytest.mark.parametrize("vectors", ["avx512", "zen4", "plain"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_distances_to_all(vectors, dtype):
    shape = tile_shape(vectors, dtype, 1)
    m = len(shape[0])
    for n, d, k in EDGES:
        X, centers = values_of("f8", (n, d)).astype(dtype), values_of("f8", (k, d), 1).astype(dtype)
        padded = np.zeros((-(-k // m) * m, d), dtype)
        padded[:k] = centers
        panels = np.ascontiguousarray(padded.reshape(-1, m, d).transpose(0, 2, 1)).reshape(-1)
        out = np.full((n, k), 77, dtype)
        rows, shift = describe(X, dtype, vectors), np.zeros(d, dtype)
        distances_to_all(rows, 0, n, 0, shift, 0, panels, out, scratch_for(dtype, d, shape), shape)
        np.testing.assert_allclose(out, np.sqrt(naive.sq_dists(X, centers)), rtol=d * np.finfo(dtype).eps)


@pytest.mark.parametrize("stored", ["f2", "f4", ">f8", "u1"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_gathered_rows(stored, dtype):
    X = values_of(stored, (20, 9))
    wanted, out = np.array([3, 19, 0, 3]), np.empty((4, 9), dtype)
    gather_rows(describe(X, dtype), wanted, 9, 0, out)
    assert_same_bits(out, X[wanted].astype(dtype))
    gather_rows(describe(X, dtype), wanted, 9, 1, out)
    assert_same_bits(out, naive.unit_rows(X[wanted], dtype))
