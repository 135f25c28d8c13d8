"""Every vector operation against NumPy; tests/guard reads the machine code that they become."""

import numba
import numpy as np
import pytest

from fastkmeans.kernels import simd
from fastkmeans.kernels.simd import (
    add_gain,
    add_gains,
    add_moments,
    add_roots,
    add_row,
    add_squared_differences,
    add_squares,
    add_squares_at,
    add_squares_from,
    add_where,
    any_beyond,
    any_close,
    differing,
    fma_tile,
    keep_largest,
    keep_two,
    load,
    load_broadcast,
    load_four_columns,
    load_two_columns,
    lowest_bit,
    multiply,
    prefetch,
    prefetch_far,
    reaches,
    repeat,
    sift,
    splat,
    store,
    store_tile,
    store_tile_apart,
    strided_view,
    subtract_differences,
    sum_lanes,
    vector_view,
    widen,
    winner,
)
from tests.kernels import test_simd_boxes, test_simd_rows

ONE, TWO, THREE, EIGHT = ((None,) * count for count in (1, 2, 3, 8))
DTYPES = [np.float32, np.float64]
# Not the package's decorator: its cache knows the package's sources, not the tests'.
compiled = numba.njit(error_model="numpy")
random = np.random.default_rng(0)
dtypes = pytest.mark.parametrize("dtype", DTYPES)
widths = pytest.mark.parametrize("width", [4, 16])


def numbers(count, dtype):
    return random.normal(size=count).astype(dtype)


def fma(a, b, c):
    """a * b + c rounded once: exact in wider arithmetic, then rounded to the type of c."""
    wide = np.longdouble
    return (wide(a) * wide(b) + wide(c)).astype(np.asarray(c).dtype)


# ---- memory -----------------------------------------------------------------------------------------------


@compiled
def _copy(source, target, vectors, lanes, rows):
    store(target, 1, load(source, 3, vectors, lanes))
    store_tile(target, 1 + len(vectors) * len(lanes), load_broadcast(source, 2, 5, rows, vectors, lanes))


@dtypes
@widths
def test_load_store_and_broadcast(dtype, width):
    source, target = numbers(100, dtype), np.zeros(200, dtype)
    _copy(source, target, TWO, (None,) * width, THREE)
    step = 2 * width
    expected = np.concatenate([[0], source[3 : 3 + step], np.repeat(source[[2, 7, 12]], step)])
    assert np.array_equal(target[: len(expected)], expected) and not target[len(expected) :].any()


@compiled
def _turn(source, stride, target, lanes):
    c0, c1, c2, c3 = load_four_columns(source, 1, stride, lanes)
    store(target, 0, (c0, c1, c2, c3))


@dtypes
@pytest.mark.parametrize("width", [4, 8, 16])
def test_load_four_columns(dtype, width):
    source, target = numbers(16 * 7 + 1, dtype), np.zeros(4 * width, dtype)
    _turn(source, 7, target, (None,) * width)
    expected = source[1 : 1 + width * 7].reshape(width, 7)[:, :4].T
    assert np.array_equal(target, expected.ravel())


@compiled
def _halve(source, target, lanes):
    store(target, 0, load_two_columns(source, 1, lanes))


@dtypes
@widths
def test_load_two_columns(dtype, width):
    source, target = numbers(40, dtype), np.zeros(2 * width, dtype)
    _halve(source, target, (None,) * width)
    assert np.array_equal(target, source[1 : 1 + 2 * width].reshape(width, 2).T.ravel())


@compiled
def _views(address, n, d, row_bytes, column_bytes, like, out):
    view = strided_view(address, n, d, row_bytes, column_bytes, like)
    for i in range(n):
        for j in range(d):
            out[i, j] = view[i, j]
    return vector_view(address, 3, like).sum()


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8])
def test_views_of_memory(dtype):
    X = (random.normal(size=(9, 8)) * 20).astype(dtype)[::-2, 1:7:2]
    out = np.zeros(X.shape, dtype)
    total = _views(X.ctypes.data, *X.shape, *X.strides, dtype(0), out)
    assert np.array_equal(out, X)
    row = X.base if X.base is not None else X
    start = (X.ctypes.data - row.ctypes.data) // X.itemsize
    assert total == pytest.approx(row.reshape(-1)[start : start + 3].astype(np.float64).sum(), rel=1e-6)


# ---- arithmetic -------------------------------------------------------------------------------------------


@compiled
def _arithmetic(a, b, weights, out, vectors, lanes, rows):
    step = len(vectors) * len(lanes)
    x, y = load(a, 0, vectors, lanes), load(b, 0, vectors, lanes)
    tile = load_broadcast(b, 0, 1, rows, vectors, lanes)
    store_tile(out, 0, fma_tile(tile, a, 1, 2, y))
    at = len(rows) * step
    store_tile(out, at, add_squares_from(tile, a, 1, 2, y))
    at += len(rows) * step
    store(out, at, add_squares(x, y))
    store(out, at + step, add_gains(x, y, (y, x), load(weights, 0, vectors, lanes)))
    store(out, at + 2 * step, (multiply(x[0], y[1]), add_gain(x[0], b[0], y[1], weights[3])))
    at += 3 * step
    store_tile_apart(out, at, 4 * step, tile)
    store_tile(out, at + step, add_squares_at(tile, a, (np.int64(1), np.int64(3), np.int64(5)), 2, y))
    store_tile(out, at + 5 * step, subtract_differences(tile, a, 1, 2, y))
    return sum_lanes(x[0]), sum_lanes(widen(y[1]))


@dtypes
@widths
def test_arithmetic(dtype, width):
    a, b, weights = numbers(64, dtype), numbers(64, dtype), np.abs(numbers(64, dtype))
    step = 2 * width
    out = np.zeros(20 * step, dtype)
    found = _arithmetic(a, b, weights, out, TWO, (None,) * width, THREE)
    x, y, tile = a[:step], b[:step], np.repeat(b[:3], step).reshape(3, step)
    at = [1, 3, 5]
    close = {"rtol": 4 * np.finfo(dtype).eps, "atol": 4 * np.finfo(dtype).eps}
    parts = out.reshape(20, step)
    assert np.array_equal(parts[:3], fma(a[at][:, None], y[None], tile))
    difference = y[None] - a[at][:, None]
    assert np.array_equal(parts[3:6], fma(difference, difference, tile))
    assert np.array_equal(parts[6], fma(y, y, x))
    # Two sums of one vector: from y over (y[0], y[1]), which loses nothing, and over x.
    gain, share = y - np.minimum(x, y), weights[:step]
    expected = fma(share[width:], gain[width:], fma(share[:width], gain[:width], x[width:]))
    assert np.array_equal(parts[7], np.concatenate([x[:width], expected]))
    assert np.array_equal(parts[8, :width], x[:width] * y[width:])
    assert np.array_equal(parts[8, width:], fma(weights[3], b[0] - np.minimum(b[0], y[width:]), x[:width]))
    assert all(np.array_equal(parts[9 + 4 * m], tile[m]) for m in range(3))
    difference = y[None] - a[[3, 5, 7]][:, None]
    assert np.array_equal(parts[10:13], fma(difference, difference, tile))
    assert np.array_equal(parts[14:17], tile - np.abs(y[None] - a[at][:, None]))
    np.testing.assert_allclose(found, [x[:width].sum(), y[width:].sum()], **close)


@compiled
def _sums(tile, centers, shift, weights, labels, sums, moments, lanes, rows):
    add_row(sums, 1, tile, 3, 2.5, lanes)
    values = load(tile, 0, ONE, lanes)[0]
    share = load(weights, 0, ONE, lanes)[0]
    add_moments(moments, 1, values, share, 0.25)
    picked = add_where(repeat(splat(1.0, lanes), rows), load(labels, 0, ONE, lanes)[0], 4, widen(values))
    exact = add_squared_differences(splat(0.0, lanes), tile, 2, centers, 1, shift, 3, lanes)
    return sum_lanes(exact), sum_lanes(picked[0]), sum_lanes(picked[1]), sum_lanes(picked[2])


@dtypes
def test_float64_sums(dtype):
    tile, centers, shift, weights = numbers(20, dtype), numbers(20, dtype), numbers(20, dtype), numbers(8, np.float64)
    labels = np.array([4, 5, 4, 6, -1, 9, 5, 4], np.int32)
    sums, moments = numbers(20, np.float64), np.zeros(20)
    before = sums.copy()
    found = _sums(tile, centers, shift, weights, labels, sums, moments, EIGHT, THREE)
    wide, wide_centers, wide_shift = (part.astype(np.float64) for part in (tile, centers, shift))
    before[1:9] += 2.5 * wide[3:11]
    np.testing.assert_allclose(sums, before, rtol=1e-15)
    first = weights * (wide[:8] - 0.25)
    np.testing.assert_allclose(moments[1:17], np.concatenate([first, first * (wide[:8] - 0.25)]), rtol=1e-14)
    assert moments[0] == 0 and not moments[17:].any()
    exact = ((wide[2:10] - (wide_centers[1:9] - wide_shift[3:11])) ** 2).sum()
    picked = [8 + wide[:8][labels == label].sum() for label in (4, 5, 6)]
    np.testing.assert_allclose(found, [exact, *picked], rtol=1e-13)


# ---- comparisons ------------------------------------------------------------------------------------------


@compiled
def _two(scores, count, lowest, best, second, index, vectors, lanes, rows):
    top = repeat(splat(lowest, lanes), vectors)
    runner_up, ids = top, repeat(splat(np.int32(0), lanes), vectors)
    for first in range(0, count, len(rows)):
        tile = load_broadcast(scores, first, 1, rows, vectors, lanes)
        top, runner_up, ids = keep_two(top, runner_up, ids, tile, first)
    store(best, 0, top)
    store(second, 0, runner_up)
    store(index, 0, winner(top, ids, rows))


@dtypes
@pytest.mark.parametrize("seed", range(8))
def test_keep_two(dtype, seed):
    scores = np.random.default_rng(seed).integers(-5, 5, 12).astype(dtype)  # many ties
    best, second, index = np.zeros(8, dtype), np.zeros(8, dtype), np.zeros(8, np.int32)
    _two(scores, 12, dtype(-np.inf), best, second, index, ONE, EIGHT, THREE)
    ordered, off = np.sort(scores), 3 * np.spacing(np.abs(scores).max())  # tags of two bits
    assert (np.abs(best - ordered[-1]) <= off).all() and (np.abs(second - ordered[-2]) <= off).all()
    assert (scores[index] == ordered[-1]).all() and (index == index[0]).all()


@dtypes
def test_padding_scores_stay_numbers_and_lose(dtype):
    """The lowest number that a panel is padded with, tagged, is neither NaN nor a winner."""
    lowest = np.finfo(dtype).min
    for scores in ([-1e30, lowest, lowest], [lowest] * 3, [lowest, lowest, 0.0]):
        best, second, index = np.zeros(8, dtype), np.zeros(8, dtype), np.zeros(8, np.int32)
        _two(np.array(scores, dtype), 3, dtype(-np.inf), best, second, index, ONE, EIGHT, THREE)
        assert not np.isnan(best).any() and not np.isnan(second).any()
        assert (np.array(scores, dtype)[index] == max(scores)).all()


@compiled
def _bits_of_moves(before, after, bits, places, lanes):
    for i in range(len(bits)):
        bits[i] = differing(before, after, i * len(lanes), lanes)
        places[i] = lowest_bit(bits[i]) if bits[i] != 0 else -1


@pytest.mark.parametrize("width", [4, 8, 16])
def test_differing_and_lowest_bit(width):
    random = np.random.default_rng(width)
    before = random.integers(0, 3, 20 * width).astype(np.int32)
    after = np.where(random.random(len(before)) < 0.1, -1, before).astype(np.int32)
    bits, places = np.zeros(20, np.int64), np.zeros(20, np.int64)
    _bits_of_moves(before, after, bits, places, (None,) * width)
    differ = (before != after).reshape(20, width)
    assert np.array_equal(bits, differ @ (1 << np.arange(width)))
    assert np.array_equal(places, np.where(differ.any(axis=1), differ.argmax(axis=1), -1))


@compiled
def _touch(array, count):
    for i in range(count):
        prefetch(array.ctypes.data + 64 * i)
        prefetch_far(array.ctypes.data + 64 * i)


def test_prefetch_reaches_past_the_end():
    """Asking for a line changes nothing and may name any address."""
    array = np.arange(16.0)
    _touch(array, 1 << 14)
    assert np.array_equal(array, np.arange(16.0))


@compiled
def _roots(squares, counted, sums, vectors, lanes):
    tile = (load(squares, 0, vectors, lanes), load(squares, len(squares) // 2, vectors, lanes))
    store(sums, 0, add_roots(load(sums, 0, vectors, lanes), tile, counted, 1))


@dtypes
@widths
def test_add_roots(dtype, width):
    """Sums of a tile's roots are in its type, rounded once a product and sum; only then are they wide."""
    squares, counted = numbers(4 * width, dtype) ** 2, np.array([9, 1, 0.75], dtype)
    squares[::3] = 0
    sums = numbers(2 * width, np.float64)
    roots = np.sqrt(squares).reshape(2, -1)
    expected = sums + fma(counted[2], roots[1], counted[1] * roots[0]).astype(np.float64)
    _roots(squares, counted, sums, TWO, (None,) * width)
    np.testing.assert_array_equal(sums, expected)


@compiled
def _questions(values, norms, bound, vectors, lanes, rows):
    x, y = load(values, 0, vectors, lanes), load(norms, 0, vectors, lanes)
    tile = load_broadcast(norms, 0, 1, rows, vectors, lanes)
    return any_beyond(x, bound), any_close(x, y, y, bound, bound), reaches(tile, x)


@dtypes
def test_questions(dtype):
    zeros = np.zeros(8, dtype)

    def ask(values, norms, bound):
        return _questions(values, norms, dtype(bound), TWO, (None,) * 4, ONE)

    for lane in range(8):
        for value, beyond in ((2, True), (-2, True), (np.nan, True), (-np.inf, True), (1, False), (-1, False)):
            values = zeros.copy()
            values[lane] = value
            assert ask(values, zeros, 1)[0] is beyond
        lead = np.full(8, 9, dtype)
        assert not ask(lead, zeros, 2)[1]
        lead[lane] = 2
        assert ask(lead, zeros, 2)[1]  # a lead of exactly the base is close
        bounds = np.full(8, 5, dtype)
        assert not ask(bounds, np.full(8, 4.5, dtype), 1)[2]
        bounds[lane] = 4.5
        assert ask(bounds, np.full(8, 4.5, dtype), 1)[2]


@compiled
def _sifted(values, less, out, vectors, lanes):
    step = len(vectors) * len(lanes)
    one, other = load(values, 0, vectors, lanes), load(values, step, vectors, lanes)
    above, below = sift(one, other)
    store(out, 0, above)
    store(out, step, below)
    store(out, 2 * step, keep_largest(one, other, less))


@dtypes
@widths
def test_sift_and_keep_largest(dtype, width):
    step = 2 * width
    values, out = numbers(2 * step, dtype), np.zeros(3 * step, dtype)
    values[step] = values[0]
    _sifted(values, dtype(0.25), out, TWO, (None,) * width)
    one, other = values[:step], values[step:]
    expected = [np.maximum(one, other), np.minimum(one, other), np.maximum(one, other - dtype(0.25))]
    assert np.array_equal(out, np.concatenate(expected))


def test_every_operation_is_tested_here_for_boxes_or_for_rows():
    tested = (
        set(globals()) | set(vars(test_simd_boxes)) | set(vars(test_simd_rows)) | {"call_at"}
    )  # call_at runs under every pass; a test of its own would add nothing
    assert set(simd.__all__) <= tested
