"""Rows and centers in the form that the sweeps read: the tile, its columns, the panels.

Rows reach a kernel as seven integers (address, strides, dtype code, swapped, reader, turner), so one compiled
kernel serves every dtype, layout and byte order, and nothing of X is copied beyond a tile. A tile is a few
rows converted to the computing type, normalised for cosine, and moved by `shift`; its columns are the same
numbers feature by feature, a row in every lane. A panel is a few centers, feature-major, bias first.
"""

from functools import cache

import numpy as np

from fastkmeans.kernels.jit import address_of, inline, jit
from fastkmeans.kernels.simd import (
    add_squares,
    call_at,
    load,
    load_four_columns,
    load_two_columns,
    repeat,
    splat,
    store,
    strided_view,
    vector_view,
)

# The order is the code: a kernel tells stored types apart by it.
STORED_DTYPES = ("f4", "f8", "f2", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
F4, F8, F2, I1, U1, I2, U2, I4, U4, I8, U8 = range(len(STORED_DTYPES))
HALF_INFINITY = 0x7C00

# Register tiles (centers broadcast, vectors of rows, lanes of float32; float64 has half the lanes), and the
# features from which the second shape is used. Accumulators + columns + 1 broadcast fit the registers:
# 8 x 2 + 2 + 1 and the running best (6) in 32, 6 x 4 + 4 + 1 in 32 (the running best spills, once a panel).
# On AVX-512 (Zen 5), ms a pass for labels on two threads, 8x2 | 6x4: 1M x 64 k=2 12.2 | 14.1, k=32 13.9 | 17.9, k=300
# 82 | 82; 100k x 256 k=32 7.2 | 8.3, k=1000 107 | 109; 40k x 1024 k=1000 177 | 189. Zen 4 multiplies one vector of 16 a
# cycle and not two, so that half as many accumulators keep it busy, and a short panel's comparisons overlap with the
# next one's products. GFLOP/s there, one thread, 8x2 | 8x1 | 6x1: d=8 k=64 81 | 96 | 101, d=16 k=64 95 | 106 | 109,
# d=32 k=100 102 | 107 | 112, d=128 k=1000 114 | 115 | 116 (python -m benchmarks.kernels --shapes 8x2x16,8x1x16,6x1x16).
# Two features of 8 clusters need the 8.
SHAPES = {
    "avx512": ((8, 2, 16), (8, 2, 16), 48),
    "zen4": ((8, 1, 16), (6, 1, 16), 8),
    "avx2": ((4, 2, 8), (6, 2, 8), 48),
    "neon": ((8, 2, 4), (6, 4, 4), 48),
    "plain": ((4, 2, 4), (4, 2, 4), 48),
}
# Rows of a tile, and as much again for their columns. With four times as many, few centers are slower (labels of 1M x
# 64, k=2: 12.4 ms for 8.0; 500k x 64, k=8: 6.3 for 4.1), and of 13 more shapes, up to 200k x 128, k=1000, none is
# quicker.
TILE_BYTES = 8 * 1024


def tile_shape(vector_set, dtype, d):
    """The register tile for this machine as tuples of Nones, whose lengths kernels read from their types."""
    narrow, wide, wide_from = SHAPES[vector_set]
    rows, vectors, width = wide if d >= wide_from else narrow
    width = width * 4 // np.dtype(dtype).itemsize
    # Four lanes at least: columns are loaded in groups of four; narrower registers are paired by the compiler.
    return (None,) * rows, (None,) * vectors, (None,) * max(4, width)


def row_stride(d):
    """Elements from one row of a tile to the next: whole vectors of eight where rows are summed by vectors."""
    return d if d < 8 else -(-d // 8) * 8


@jit
def stored_value(address, code, swapped):
    """The number at `address` in float64, whatever its type and byte order."""
    size = 4 if code == F4 or code == I4 or code == U4 else 8
    if code == I1 or code == U1:
        size = 1
    elif code == F2 or code == I2 or code == U2:
        size = 2
    raw = vector_view(address, size, np.uint8(0))
    bits = np.uint64(0)
    for i in range(size):
        byte = raw[i] if swapped else raw[size - 1 - i]
        bits = (bits << np.uint64(8)) | np.uint64(byte)
    if code == F8:
        return np.uint64(bits).view(np.float64)
    if code == F4:
        return np.float64(np.uint32(bits).view(np.float32))
    if code == F2:
        return np.float64(half_value(np.uint16(bits)))
    if code == U1 or code == U2 or code == U4 or code == U8:
        return np.float64(bits)
    unused = np.uint64(64 - 8 * size)
    return np.float64(np.int64(bits << unused) >> np.int64(unused))


@inline
def half_value(bits):
    """The float32 value of an IEEE half given as uint16, without the instruction that old machines lack."""
    magnitude = np.uint32(bits & np.uint16(0x7FFF))
    value = np.uint32(magnitude << np.uint32(13)).view(np.float32) * np.float32(2.0**112)
    if magnitude >= HALF_INFINITY:
        value = np.float32(np.inf) if magnitude == HALF_INFINITY else np.float32(np.nan)
    return -value if bits & np.uint16(0x8000) else value


@inline
def _copy_rows(view, count, d, out, stride):
    for i in range(count):
        for feature in range(d):
            out[i * stride + feature] = view[i, feature]


@inline
def _copy_runs(address, row_bytes, column_bytes, like, count, d, out, stride):
    if stride == d and row_bytes == d * column_bytes:
        flat = vector_view(address, count * d, like)
        for q in range(count * d):
            out[q] = flat[q]
    else:
        for i in range(count):
            run = vector_view(address + i * row_bytes, d, like)
            at = i * stride
            for feature in range(d):
                out[at + feature] = run[feature]


@inline
def _copy_halves(address, row_bytes, count, d, out, stride):
    for i in range(count):
        run = vector_view(address + i * row_bytes, d, np.uint16(0))
        for feature in range(d):
            out[i * stride + feature] = half_value(run[feature])


@inline
def normalise_row(row, at, d):
    """Divide row[at : at + d] by its length; return the length (0 leaves the row as it is)."""
    squares = 0.0
    for feature in range(d):
        squares += np.float64(row[at + feature]) * np.float64(row[at + feature])
    length = np.sqrt(squares)
    if length > 0.0:
        for feature in range(d):
            row[at + feature] = np.float64(row[at + feature]) / length
    return length


def _read(rows, start, count, room, d, cosine, shift, shifted, tile, stride):
    """What pack_tile documents; `rows` without the reader."""
    address, row_bytes, column_bytes, code, swapped = rows
    address += start * row_bytes
    native = swapped == 0
    if native and code == F4 and column_bytes == 4:
        _copy_runs(address, row_bytes, column_bytes, np.float32(0), count, d, tile, stride)
    elif native and code == F8 and column_bytes == 8:
        _copy_runs(address, row_bytes, column_bytes, np.float64(0), count, d, tile, stride)
    elif native and code == U1 and column_bytes == 1:
        _copy_runs(address, row_bytes, column_bytes, np.uint8(0), count, d, tile, stride)
    elif native and code == I1 and column_bytes == 1:
        _copy_runs(address, row_bytes, column_bytes, np.int8(0), count, d, tile, stride)
    elif native and code == U2 and column_bytes == 2:
        _copy_runs(address, row_bytes, column_bytes, np.uint16(0), count, d, tile, stride)
    elif native and code == I2 and column_bytes == 2:
        _copy_runs(address, row_bytes, column_bytes, np.int16(0), count, d, tile, stride)
    elif native and code == I4 and column_bytes == 4:
        _copy_runs(address, row_bytes, column_bytes, np.int32(0), count, d, tile, stride)
    elif native and code == I8 and column_bytes == 8:
        _copy_runs(address, row_bytes, column_bytes, np.int64(0), count, d, tile, stride)
    elif native and code == F2 and column_bytes == 2:
        _copy_halves(address, row_bytes, count, d, tile, stride)
    elif native and code == F4:
        _copy_rows(strided_view(address, count, d, row_bytes, column_bytes, np.float32(0)), count, d, tile, stride)
    elif native and code == F8:
        _copy_rows(strided_view(address, count, d, row_bytes, column_bytes, np.float64(0)), count, d, tile, stride)
    else:
        for i in range(count):
            for feature in range(d):
                place = address + i * row_bytes + feature * column_bytes
                tile[i * stride + feature] = stored_value(place, code, swapped)
    if cosine:
        for i in range(count):
            normalise_row(tile, i * stride, d)
    if shifted:
        for i in range(count):
            at = i * stride
            for feature in range(d):
                tile[at + feature] -= shift[feature]
    if stride > d:
        for i in range(count):
            for feature in range(d, stride):
                tile[i * stride + feature] = 0
    for q in range(count * stride, room * stride):
        tile[q] = 0
    return 0


@cache
def reader(dtype):
    """The address of the compiled code that reads rows into tiles of the computing type `dtype`."""
    array = np.empty(1, dtype)
    return address_of(_read, (0,) * 5, 0, 0, 0, 0, 0, array, 0, array, 0, result=0)


@cache
def turner(dtype, shape):
    """The address of the compiled `turn_tile` for a computing type and register tile."""
    array = np.empty(1, dtype)
    return address_of(turn_tile.py_func, array, 0, 0, 0, array, shape, result=0)


def describe_rows(array, dtype, vector_set):
    """The integers by which kernels know the rows of a 2-D array: where they lie, what they are, how to read them.

    Reading and turning are called by address, as many kernels need them: compiled into each, they were half the
    time of the first fit.
    """
    dtype = np.dtype(dtype)
    stored = "u1" if array.dtype == np.bool_ else array.dtype.str[1:]
    place = (array.ctypes.data, *array.strides, STORED_DTYPES.index(stored), int(not array.dtype.isnative))
    return (*place, reader(dtype), turner(dtype, tile_shape(vector_set, dtype, array.shape[1])))


@inline
def lies_as_tile(rows, stride, d, itemsize, cosine, shifted):
    """Whether stored rows are a tile as they lie: numbers of the computing type (of itemsize bytes), `stride` apart."""
    _, row_bytes, column_bytes, code, swapped, _, _ = rows
    same = row_bytes == stride * itemsize and column_bytes == itemsize and stride == d
    return same and code == (F4 if itemsize == 4 else F8) and not (swapped or cosine or shifted)


@inline
def pack_tile(
    rows,  # in     as describe_rows gives them
    start,  # first row
    count,  # rows to pack, at most room
    room,  # rows of the tile
    d,
    cosine,
    shift,  # in     (d,) in the computing type
    shifted,  # whether any shift is not zero
    tile,  # out    (room * stride,) padded with zeros
    stride,
):
    """Pack rows [start, start + count) as a tile: converted, normalised for cosine, minus shift, zero-padded."""
    address, row_bytes, column_bytes, code, swapped, read, _ = rows
    place = (address, row_bytes, column_bytes, code, swapped)
    zero = np.int64(0)
    call_at(
        read,
        (place, zero + start, zero + count, zero + room, zero + d, zero + cosine, shift, zero + shifted, tile,
         zero + stride),
        zero,
    )  # fmt: skip


@jit
def turn_tile(tile, stride, n_groups, d, columns, shape):
    """Write the tile's columns: per group of rows and feature, one number a row."""
    _, vectors, lanes = shape
    width = len(lanes)
    step = len(vectors) * width
    if d == 1:
        for i in range(n_groups * step):
            columns[i] = tile[i]
    elif d == 2:
        for group in range(n_groups):
            at = group * 2 * step
            for r in range(len(vectors)):
                evens, odds = load_two_columns(tile, at + 2 * r * width, lanes)
                store(columns, at + r * width, (evens,))
                store(columns, at + step + r * width, (odds,))
    elif d == 3:
        for group in range(n_groups):
            at = group * 3 * step
            for i in range(step):
                columns[at + i] = tile[at + 3 * i]
                columns[at + step + i] = tile[at + 3 * i + 1]
                columns[at + 2 * step + i] = tile[at + 3 * i + 2]
    else:
        for group in range(n_groups):
            for r in range(len(vectors)):
                first_row = (group * step + r * width) * stride
                base = group * d * step + r * width
                for quad in range(0, d, 4):
                    feature = min(quad, d - 4)  # the last four overlap where d is no multiple of four
                    c0, c1, c2, c3 = load_four_columns(tile, first_row + feature, stride, lanes)
                    store(columns, base + feature * step, (c0,))
                    store(columns, base + (feature + 1) * step, (c1,))
                    store(columns, base + (feature + 2) * step, (c2,))
                    store(columns, base + (feature + 3) * step, (c3,))
    return 0


@inline
def columns_of(rows, tile, stride, n_groups, d, columns, shape):
    """`turn_tile`, by address."""
    zero = np.int64(0)
    call_at(rows[6], (tile, zero + stride, zero + n_groups, zero + d, columns, shape), zero)


@inline
def pad_weights(weights, at, count, room, padded):
    """padded[:room] = count weights from `at` on (ones where there are none), then zeros."""
    # Loops, here and elsewhere: a slice assignment would compile the text of its error message in.
    for i in range(count):
        padded[i] = weights[at + i] if len(weights) else 1.0
    for i in range(count, room):
        padded[i] = 0.0


@inline
def square_norms(columns, n_groups, d, norms, shape):
    """norms[i] = the squared length of row i of the tile, in the computing type."""
    _, vectors, lanes = shape
    step = len(vectors) * len(lanes)
    for group in range(n_groups):
        place = group * d * step
        sums = repeat(splat(norms.dtype.type(0), lanes), vectors)
        for _ in range(d):
            sums = add_squares(sums, load(columns, place, vectors, lanes))
            place += step
        store(norms, group * step, sums)


def plain_panels(centers, m):
    """Centers as flat panels of m without a bias row, padded with zeros: for sums of squared differences."""
    k, d = centers.shape
    padded = np.zeros((-(-k // m) * m, d), centers.dtype)
    padded[:k] = centers
    return np.ascontiguousarray(padded.reshape(-1, m, d).transpose(0, 2, 1)).reshape(-1)


@jit
def pack_centers(
    centers,  # in     (k, d) in the computing type
    shift,  # in     (d,)
    slack,  # share of a squared norm that bounds a score's rounding error (settle.py)
    panels,  # out    (n_panels * (d + 1) * m,)
    center_norms,  # out    (k,) squared lengths of the shifted centers, float64
    shape,
):
    """Write the centers as panels: the bias slack * |c|^2 - |c|^2 / 2, then the features; padding never wins."""
    k, d = centers.shape
    m = len(shape[0])
    n_panels = (k + m - 1) // m
    lowest = np.finfo(panels.dtype).min  # not -inf: tagged (simd/choices.py), it would be a NaN
    for panel in range(n_panels):
        at = panel * (d + 1) * m
        for i in range(m):
            j = panel * m + i
            if j < k:
                squares = 0.0
                for feature in range(d):
                    value = centers[j, feature] - shift[feature]
                    panels[at + (feature + 1) * m + i] = value
                    squares += np.float64(value) * np.float64(value)
                center_norms[j] = squares
                panels[at + i] = slack * squares - 0.5 * squares
            else:
                panels[at + i] = lowest
                for feature in range(d):
                    panels[at + (feature + 1) * m + i] = 0
