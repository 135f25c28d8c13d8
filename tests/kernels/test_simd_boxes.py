"""The vector operations of boxes against NumPy: sums under masks, ranges, the nearest of a list, packing."""

import numba
import numpy as np
import pytest

from fastkmeans.kernels.simd import (
    add_corner_squares,
    add_where_each,
    count_bits,
    count_where_each,
    fold_four,
    keep_least,
    keep_nearer,
    keep_range,
    lanes_differing,
    lanes_not_beyond,
    least_place,
    load,
    packed,
    range_of,
    repeat,
    splat,
    store,
    subtract,
)

ONE, TWO, FOUR = ((None,) * count for count in (1, 2, 4))
compiled = numba.njit(error_model="numpy")
random = np.random.default_rng(0)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
widths = pytest.mark.parametrize("width", [4, 8, 16])


def whole(count, dtype):
    """Small integers: every sum is exact."""
    return random.integers(-9, 10, count).astype(dtype)


@compiled
def _masked_sums(values, labels, numbers, start, out, lanes):
    sums = repeat(splat(0.0, lanes), FOUR)
    counts = repeat(0, FOUR)
    for i in range(0, len(values), len(lanes)):
        own = load(labels, i, ONE, lanes)[0]
        sums = add_where_each(sums, own, numbers, 1, subtract(load(values, i, ONE, lanes)[0], start))
        counts = count_where_each(counts, own, numbers, 1)
    store(out, 0, (fold_four(sums),))
    for c in range(4):
        out[4 + c] = counts[c]


@widths
def test_masked_sums_and_counts(width):
    values, labels = whole(3 * width, np.float64), random.integers(0, 5, 3 * width).astype(np.int32)
    numbers, out = np.array([9, 4, 0, -2, 3], np.int32), np.zeros(8)
    _masked_sums(values, labels, numbers, 2.0, out, (None,) * width)
    assert np.array_equal(out[:4], [(values - 2)[labels == number].sum() for number in numbers[1:]])
    assert np.array_equal(out[4:], [(labels == number).sum() for number in numbers[1:]])


@compiled
def _range(values, lanes):
    low, high = load(values, 0, ONE, lanes)[0], load(values, 0, ONE, lanes)[0]
    for i in range(0, len(values), len(lanes)):
        low, high = keep_range(low, high, load(values, i, ONE, lanes)[0])
    return range_of(low, high)


@dtypes
@widths
def test_range(dtype, width):
    for place in range(3 * width):
        values = whole(3 * width, dtype)
        values[place], values[-1 - place] = -50, 50
        assert _range(values, (None,) * width) == (values.min(), values.max())


@compiled
def _two_least(values, numbers, out, index, lanes):
    infinity = splat(values.dtype.type(np.inf), lanes)
    best, second, own = repeat(infinity, TWO), repeat(infinity, TWO), repeat(splat(np.int32(0), lanes), TWO)
    step = 2 * len(lanes)
    for s in range(0, len(numbers), 2):
        tile = (load(values, s * step, TWO, lanes), load(values, (s + 1) * step, TWO, lanes))
        best, second, own = keep_least(best, second, own, tile, numbers, s)
    store(out, 0, best)
    store(out, step, second)
    store(index, 0, own)


@dtypes
@widths
def test_keep_least(dtype, width):
    values = random.integers(0, 6, (6, 2 * width)).astype(dtype)  # with ties
    values[5] = np.inf
    numbers = np.array([3, 4, 8, 11, 20, -2], np.int32)
    out, index = np.empty(4 * width, dtype), np.empty(2 * width, np.int32)
    _two_least(values.ravel(), numbers, out, index, (None,) * width)
    ranked = np.sort(values, axis=0)
    assert np.array_equal(out.reshape(2, -1), ranked[:2])
    assert np.array_equal(index, numbers[values.argmin(axis=0)])


@compiled
def _least(values, lanes):
    best, place = splat(values.dtype.type(np.inf), lanes), splat(np.int32(0), lanes)
    for i in range(0, len(values), len(lanes)):
        best, place = keep_nearer(best, place, load(values, i, ONE, lanes)[0], i)
    return least_place(best, place)


@dtypes
@widths
def test_least_place(dtype, width):
    for place in range(3 * width):
        values = 5 + np.abs(whole(3 * width, dtype))
        values[place] = 1
        assert _least(values, (None,) * width) == place
    assert 0 <= _least(np.full(2 * width, np.nan, dtype), (None,) * width) < 2 * width


@compiled
def _corners(centers, own, low, high, out, lanes):
    zero = splat(centers.dtype.type(0), lanes)
    out_of = add_corner_squares(zero, zero, load(centers, 0, ONE, lanes)[0], own, low, high)
    store(out, 0, out_of)


@dtypes
@widths
def test_corner_squares(dtype, width):
    centers, out = whole(width, dtype), np.empty(2 * width, dtype)
    own, low, high = dtype(1), dtype(-3), dtype(4)
    _corners(centers, own, low, high, out, (None,) * width)
    corner = np.where(centers > own, high, low)
    assert np.array_equal(out, np.concatenate([(corner - centers) ** 2, (corner - own) ** 2]))


@compiled
def _not_beyond(far, near, slope, base, count, lanes):
    return lanes_not_beyond(load(far, 0, ONE, lanes)[0], load(near, 0, ONE, lanes)[0], slope, base, count)


@dtypes
@widths
def test_lanes_not_beyond(dtype, width):
    far, near = np.abs(whole(width, dtype)), np.abs(whole(width, dtype))
    far[0], near[1] = np.nan, np.nan  # what is not a number is not beyond anything
    far[2], near[2] = 6, 2  # nor is what is equal
    with np.errstate(invalid="ignore"):
        beyond = far - near > 0.25 * (far + near) + 2
    for count in (1, width - 1, width, width + 5):
        bits = _not_beyond(far, near, dtype(0.25), dtype(2), count, (None,) * width)
        assert [bool(bits >> i & 1) for i in range(64)] == [
            i < min(count, width) and not beyond[min(i, width - 1)] for i in range(64)
        ]


@compiled
def _pack(values, bits, filling, out, lanes):
    store(out, 0, (packed(load(values, 0, ONE, lanes)[0], bits, splat(filling, lanes)),))
    return count_bits(bits)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
@widths
def test_packed(dtype, width):
    if np.dtype(dtype).itemsize * width > 64:
        pytest.skip("no kernel packs more than a register")
    values, out = whole(width, dtype), np.empty(width, dtype)
    for kept in (np.zeros(width, bool), np.ones(width, bool), *(random.random((20, width)) < 0.5)):
        bits = sum(1 << i for i in np.flatnonzero(kept).tolist())
        assert _pack(values, bits, dtype(77), out, (None,) * width) == kept.sum()
        assert np.array_equal(out, np.concatenate([values[kept], np.full((~kept).sum(), 77, dtype)]))


@compiled
def _differing(a, b, lanes):
    return lanes_differing(load(a, 0, ONE, lanes)[0], load(b, 0, ONE, lanes)[0])


@widths
def test_lanes_differing(width):
    a = whole(width, np.int32)
    for lane in range(width):
        b = a.copy()
        b[lane] += 1
        assert _differing(a, b, (None,) * width) == 1 << lane
    assert _differing(a, a, (None,) * width) == 0
