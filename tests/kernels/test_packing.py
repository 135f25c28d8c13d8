"""Rows into tiles, tiles into columns, centers into panels: every stored type, layout and byte order."""

import numba
import numpy as np
import pytest

from fastkmeans.engine import machine
from fastkmeans.kernels.packing import (
    HALF_INFINITY,
    SHAPES,
    STORED_DTYPES,
    half_value,
    pack_centers,
    pack_tile,
    pad_weights,
    row_stride,
    square_norms,
    stored_value,
    tile_shape,
    turn_tile,
)
from tests import naive
from tests.kernels.pieces import describe
from tests.strategies import DTYPES, LAYOUTS, values_of

compiled = numba.njit(error_model="numpy")
computing = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@compiled
def _pack(rows, start, count, room, d, cosine, shift, shifted, tile, stride):
    pack_tile(rows, start, count, room, d, cosine, shift, shifted, tile, stride)


def packed(X, start, count, room, dtype, cosine=False, shift=None):
    d = X.shape[1]
    stride = row_stride(d)
    tile = np.full(room * stride + 1, 77, dtype)
    moved = np.zeros(d, dtype) if shift is None else shift.astype(dtype)
    _pack(describe(X, dtype), start, count, room, d, int(cosine), moved, int(shift is not None), tile, stride)
    assert tile[-1] == 77, "wrote beyond the tile"
    return tile[:-1].reshape(room, stride)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("stored", DTYPES)
@computing
def test_rows_of_every_type_and_layout(stored, layout, dtype):
    for n, d in ((1, 1), (9, 3), (13, 8), (10, 11)):
        X = values_of(stored, (n, d))
        for start, count in {(0, n), (n // 2, n - n // 2), (n - 1, 1)}:
            tile = packed(LAYOUTS[layout](X), start, count, count + 3, dtype)
            assert np.array_equal(tile[:count, :d], X[start : start + count].astype(dtype))
            assert not tile[:count, d:].any() and not tile[count:].any()


@computing
def test_cosine_and_shift(dtype):
    X = values_of("f8", (12, 5)).astype(dtype)
    X[3] = 0
    assert np.array_equal(packed(X, 0, 12, 12, dtype, cosine=True), naive.unit_rows(X, dtype))
    shift = X[5]
    assert np.array_equal(packed(X, 2, 10, 12, dtype, shift=shift)[:10], X[2:] - shift)
    both = packed(X, 0, 12, 12, dtype, cosine=True, shift=shift)
    assert np.array_equal(both, naive.unit_rows(X, dtype) - shift)


@compiled
def _halves(bits, out):
    for i in range(len(bits)):
        out[i] = half_value(bits[i])


def test_every_half():
    bits = np.arange(1 << 16).astype(np.uint16)
    out = np.empty(1 << 16, np.float32)
    _halves(bits, out)
    with np.errstate(invalid="ignore"):
        expected = bits.view(np.float16).astype(np.float32)
    assert np.array_equal(out, expected, equal_nan=True)
    assert np.array_equal(np.signbit(out[out == 0]), np.signbit(expected[expected == 0]))
    assert np.isinf(out[HALF_INFINITY])


@pytest.mark.parametrize("stored", STORED_DTYPES)
@pytest.mark.parametrize("swapped", [0, 1])
def test_stored_values(stored, swapped):
    values = values_of(stored, 200)
    if values.dtype.kind != "f":
        info = np.iinfo(values.dtype)
        values[:5] = info.min, info.max, 0, 1, info.max // 3
    kept = values.astype(values.dtype.newbyteorder()) if swapped else values
    code = STORED_DTYPES.index(stored)
    for i, value in enumerate(values):
        assert stored_value(kept.ctypes.data + i * kept.itemsize, code, swapped) == np.float64(value)


def test_codes_name_each_type_once():
    assert len(set(STORED_DTYPES)) == len(STORED_DTYPES) == 11
    X = np.zeros((4, 3), ">i2")
    address, row, column, code, swapped = describe(X, np.float32)[:5]
    assert (address, row, column, STORED_DTYPES[code], swapped) == (X.ctypes.data, 6, 2, "i2", 1)
    assert STORED_DTYPES[describe(np.zeros((1, 1), bool), np.float32)[3]] == "u1"


# ---- columns ----------------------------------------------------------------------------------------------


@compiled
def _norms(columns, n_groups, d, norms, shape):
    square_norms(columns, n_groups, d, norms, shape)


@pytest.mark.parametrize("vectors", ["avx512", "zen4", "plain"])
@computing
def test_columns_and_norms(vectors, dtype):
    for d in range(1, 21):
        shape = tile_shape(vectors, dtype, 1)
        step, stride, n_groups = len(shape[1]) * len(shape[2]), row_stride(d), 3
        tile = np.zeros((n_groups * step, stride), dtype)
        tile[:, :d] = values_of("f8", (n_groups * step, d), seed=d)
        columns = np.full(n_groups * step * d, 77, dtype)
        turn_tile(tile.reshape(-1), stride, n_groups, d, columns, shape)
        expected = tile[:, :d].reshape(n_groups, step, d).transpose(0, 2, 1)
        assert np.array_equal(columns.reshape(n_groups, d, step), expected)
        norms = np.empty(n_groups * step, dtype)
        _norms(columns, n_groups, d, norms, shape)
        np.testing.assert_allclose(norms, (tile.astype(np.float64) ** 2).sum(axis=1), rtol=d * np.finfo(dtype).eps)


@pytest.mark.parametrize("d", [1, 7, 8, 9, 16, 100])
def test_row_stride(d):
    stride = row_stride(d)
    assert stride >= d and (stride == d or stride % 8 == 0) and stride - d < 8


@compiled
def _pad(weights, at, count, room, padded):
    pad_weights(weights, at, count, room, padded)


def test_padded_weights():
    padded = np.full(12, 7.0)
    _pad(np.arange(10.0), 3, 5, 8, padded)
    assert padded.tolist() == [3, 4, 5, 6, 7, 0, 0, 0, 7, 7, 7, 7]
    _pad(np.empty(0), 3, 5, 8, padded)
    assert padded.tolist() == [1, 1, 1, 1, 1, 0, 0, 0, 7, 7, 7, 7]


# ---- panels -----------------------------------------------------------------------------------------------


@computing
def test_panels(dtype):
    shape = tile_shape("plain", dtype, 1)
    m = len(shape[0])
    for k, d in ((1, 1), (m - 1, 3), (m, 2), (m + 1, 5), (3 * m + 2, 9)):
        centers, shift = values_of("f8", (k, d)).astype(dtype), values_of("f8", d, seed=1).astype(dtype)
        n_panels = -(-k // m)
        panels, norms = np.full(n_panels * (d + 1) * m + 1, 77, dtype), np.full(k, 77.0)
        slack = 1e-3
        pack_centers(centers, shift, slack, panels, norms, shape)
        assert panels[-1] == 77
        parts = panels[:-1].reshape(n_panels, d + 1, m).transpose(0, 2, 1).reshape(-1, d + 1)
        moved = centers - shift
        assert np.array_equal(parts[:k, 1:], moved)
        squares = (moved.astype(np.float64) ** 2).sum(axis=1)
        np.testing.assert_allclose(norms, squares, rtol=1e-14)
        np.testing.assert_allclose(parts[:k, 0], slack * squares - squares / 2, rtol=4 * np.finfo(dtype).eps)
        assert (parts[k:, 0] == np.finfo(dtype).min).all() and not parts[k:, 1:].any()


def test_shapes_by_vector_set(monkeypatch):
    for name in SHAPES:
        monkeypatch.setenv(machine.FORCE_VARIABLE, name)
        assert machine.vector_set() == name
        for dtype in (np.float32, np.float64):
            rows, vectors, lanes = tile_shape(name, dtype, 4)
            width = SHAPES[name][0][2] * 4 // np.dtype(dtype).itemsize
            assert len(lanes) == max(4, width) and (len(rows), len(vectors)) == SHAPES[name][0][:2]
    monkeypatch.setenv(machine.FORCE_VARIABLE, "abacus")
    assert machine.vector_set() == machine._native_vector_set()
