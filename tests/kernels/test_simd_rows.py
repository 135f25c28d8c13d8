"""Operations on rows by number, and on bytes: each against NumPy."""

import numpy as np
import pytest

from fastkmeans.engine.groups import screens
from fastkmeans.kernels.jit import jit
from fastkmeans.kernels.simd import (
    add_rest_square,
    differences,
    dot_rows,
    fma_rows,
    judge,
    larger_size,
    load,
    max_lanes,
    repeat,
    row_numbers,
    splat,
    store,
    store_rounded,
    store_tile,
    upper_scores,
)
from tests.checks import assert_same_bits

LANES, ROWS, VECTORS = (None,) * 16, (None,) * 3, (None,) * 2
ONE = (None,)


@jit
def _products(words, panel, listed, first, count, stride, start, out):
    numbers = row_numbers(listed, first, count, ROWS)
    tile = repeat(load(start, 0, VECTORS, LANES), ROWS)
    for word in range(stride):
        tile = dot_rows(tile, words, numbers, stride, word, load(panel, word * 32, VECTORS, LANES))
    store_tile(out, 0, tile)


@jit
def _sums(rows, panel, listed, first, count, stride, start, out):
    numbers = row_numbers(listed, first, count, ROWS)
    tile = repeat(load(start, 0, VECTORS, LANES), ROWS)
    for feature in range(stride):
        tile = fma_rows(tile, rows, numbers, stride, feature, load(panel, feature * 32, VECTORS, LANES))
    store_tile(out, 0, tile)


@jit
def _scores(products, listed, scales, errors, lengths, terms, cuts, lows, hits, out):
    numbers = row_numbers(listed, 0, len(listed), ROWS)
    tile = (load(products, 0, VECTORS, LANES), load(products, 32, VECTORS, LANES), load(products, 64, VECTORS, LANES))
    scores = upper_scores(
        tile, numbers, scales, errors, lengths, load(terms, 0, VECTORS, LANES), load(terms, 32, VECTORS, LANES),
        load(terms, 64, VECTORS, LANES), load(terms, 96, VECTORS, LANES),
    )  # fmt: skip
    store_tile(out, 0, scores)
    return judge(scores, numbers, cuts, lows, hits)


@jit
def _rounded(tile, middle, inverse, scale, out_bytes, out):
    values = differences(tile, 0, middle, 0, LANES)
    rounded = store_rounded(out_bytes, 0, values, inverse)
    rest = add_rest_square(splat(np.float32(0), LANES), values, rounded, scale)
    store(out, 0, (rounded, rest))
    return max_lanes(larger_size(splat(np.float32(0), LANES), values))


@pytest.mark.skipif(not screens(64), reason="this machine does not multiply bytes")
@pytest.mark.parametrize("first", [0, 2, 4])
def test_dot_products_of_listed_rows(first):
    random = np.random.default_rng(0)
    rows, centers = random.integers(0, 256, (9, 5, 4)).astype(np.uint8), random.integers(-128, 128, (5, 32, 4))
    listed, start = np.array([3, 8, 0, 7, 5]), random.integers(-1000, 1000, 32).astype(np.int32)
    panel, out = np.ascontiguousarray(centers.astype(np.int8)).view(np.int32).reshape(-1), np.empty(96, np.int32)
    _products(rows.view(np.int32).reshape(-1), panel, listed, first, 5, 5, start, out)
    own = rows[listed[np.minimum(np.arange(first, first + 3), 4)]].astype(np.int64)
    assert_same_bits(out.reshape(3, 32), (start + np.einsum("rwb,wcb->rc", own, centers)).astype(np.int32))


@pytest.mark.parametrize("first", [0, 2, 4])
def test_sums_of_products_of_listed_rows(first):
    random = np.random.default_rng(0)
    rows, panel = (random.integers(-9, 9, shape).astype(np.float32) for shape in ((9, 5), (5, 32)))
    listed, start, out = np.array([3, 8, 0, 7, 5]), np.arange(32, dtype=np.float32), np.empty(96, np.float32)
    _sums(rows.reshape(-1), panel.reshape(-1), listed, first, 5, 5, start, out)
    assert_same_bits(out.reshape(3, 32), start + rows[listed[np.minimum(np.arange(first, first + 3), 4)]] @ panel)


def test_scores_and_who_reaches_the_cut():
    random = np.random.default_rng(0)
    products = random.integers(-50, 50, 96).astype(np.int32)
    listed = np.array([4, 1, 2])
    scales, errors, lengths = (2.0 ** random.integers(-1, 2, 5).astype(np.float32) for _ in range(3))
    terms = random.integers(-4, 5, 128).astype(np.float32)
    cuts, lows = np.full(5, 20, np.float32), np.full(5, -np.inf, np.float32)
    lows[1] = 1e6
    hits, out = np.empty(3, np.int64), np.empty(96, np.float32)
    union = _scores(products, listed, scales, errors, lengths, terms, cuts, lows, hits, out)
    factor, bias, by_error, by_length = terms.reshape(4, 32)
    own = [part[listed, None] for part in (scales, errors, lengths)]
    expected = products.reshape(3, 32) * own[0] * factor + bias + own[1] * by_error + own[2] * by_length
    assert_same_bits(out.reshape(3, 32), expected.astype(np.float32))
    reached = expected >= 20
    assert hits.tolist() == [int(sum(1 << int(c) for c in np.flatnonzero(row))) for row in reached]
    assert union == np.bitwise_or.reduce(hits) and 0 < reached.sum() < 96
    below = np.where(reached, -np.inf, expected).max(axis=1)
    assert lows.tolist() == [-np.inf, 1e6, below[2], -np.inf, below[0]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_to_bytes(dtype):
    random = np.random.default_rng(0)
    tile, middle = random.normal(size=16).astype(dtype), random.normal(size=16).astype(dtype)
    values = (tile - middle).astype(np.float32)
    scale = np.abs(values).max() / np.float32(127)
    stored, out = np.empty(16, np.uint8), np.empty(32, np.float32)
    largest = _rounded(tile, middle, np.float32(1) / scale, scale, stored, out)
    assert largest == np.abs(values).max()
    rounded = np.rint(values * (np.float32(1) / scale))
    assert_same_bits(out[:16], rounded)
    assert_same_bits(stored, (rounded + 128).astype(np.uint8))
    np.testing.assert_allclose(out[16:], (values - rounded * scale) ** 2, rtol=1e-3, atol=1e-12)
