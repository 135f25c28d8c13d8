"""The sweep in bytes: rows and centers rounded to numbers of one byte, dot products of four of them at a time.

A row of the tile less `middle`, v, is stored as s b with a scale s and whole numbers |b| <= 127, a center, g, as t e.
With x the row as stored, less shift and middle, and c the center likewise, both in real numbers,

    |x.c - s t (b.e)| = |(x - s b).c + s b.(c - t e)| <= |x - s b| |c| + |s b| |c - t e|

by Cauchy and Schwarz, and b.e is an exact int32: 255 * 127 * d stays below 2^31 up to MOST_FEATURES. So the score

    s t (b.e) - |c|^2 / 2 + error(x) |c| + length(x) |c - t e|,     error(x) >= |x - s b|, length(x) >= |s b|

is at least x.c - |c|^2 / 2, and |x - c|^2 >= |x|^2 - 2 score, as candidates.py wants it; it exceeds the true one by at
most twice the last two terms. Terms of a row and of a center are taken up, each for its own roundings, with u = 2^-24:

- Values: v is x rounded once (u of itself; twice from float64), and once more where packing shifted it (the unit of the
  computing type of its own size, which is at most |v| + |middle|): `strayed` adds both.
- Sums of d squares of float32: (d + 8) u of themselves, roots half of that.
- The score: a product rounded to float32, three further roundings: 6 u of length |c| and 4 u of |c|^2 / 2 and of what
  is added. Added to |c - t e| and to the bias.
- Underflow: scales outside of [SMALLEST, LARGEST] are not used: such a row has an infinite error, every center is its
  candidate, and such a center is a candidate of every row. FLOOR is added to all that multiplies, which exceeds what
  smaller values lose.
"""

from functools import cache

import numpy as np

from fastkmeans.kernels.candidates import TERMS, list_candidates, sweep_scratch
from fastkmeans.kernels.jit import address_of, inline, jit
from fastkmeans.kernels.packing import row_stride
from fastkmeans.kernels.simd import (
    add_rest_square,
    add_squares,
    differences,
    dot_rows,
    larger_size,
    load,
    max_lanes,
    repeat,
    row_numbers,
    splat,
    store_rounded,
    sum_lanes,
    upper_scores,
)

EIGHT = (None,) * 8
LARGEST_BYTE = 127
SIGN = 128  # a row's byte is its number + 128; the same bits with the highest turned are the number, signed
LEAST_FEATURES, MOST_FEATURES = 8, 1 << 15
SMALLEST, LARGEST = 1e-12, 1e12
FLOOR = 1e-20
UNIT = 2.0**-24


def words_of(d):
    """Words of four bytes that the numbers of a row take, those beyond its features 0."""
    return row_stride(d) // 4


@inline
def round_row(tile, at, stride, middle, scale_limits, row_bytes, place):
    """Write the row's bytes; return (scale, sum of squares, sum of squares of what rounding left), not a scale: 0.

    A row of scale 0 holds only zeros if its sum of squares is 0, and else cannot be stored as bytes.
    """
    smallest, largest = scale_limits
    top = splat(np.float32(0), EIGHT)
    squares, rests = (top,), top
    for feature in range(0, stride, len(EIGHT)):
        values = differences(tile, at + feature, middle, feature, EIGHT)
        top = larger_size(top, values)
        squares = add_squares(squares, (values,))
    size, total = max_lanes(top), sum_lanes(squares[0])
    if size < smallest or size > largest:
        for feature in range(stride):
            row_bytes[place + feature] = SIGN
        return np.float32(0), total, np.float32(0)
    scale = size / np.float32(LARGEST_BYTE)
    inverse = np.float32(1) / scale
    for feature in range(0, stride, len(EIGHT)):
        values = differences(tile, at + feature, middle, feature, EIGHT)
        rounded = store_rounded(row_bytes, place + feature, values, inverse)
        rests = add_rest_square(rests, values, rounded, scale)
    return scale, total, sum_lanes(rests)


@inline
def strayed(squares, d, unit, middle_length):
    """At least |x - v| for a v of this computed sum of squares; `unit` is 0 unless packing shifted the row."""
    length = np.sqrt(squares) * (1.0 + (d + 8) * UNIT)
    return 1.1 * (UNIT * length + unit * (length + middle_length))


def _round_rows(
    tile,  # in     (rows * stride,) packed rows
    stride,
    numbers,  # in     (count,) which rows of the tile
    count,
    d,
    middle,  # in     (stride,) in the tile's type, zeros beyond d
    unit,  # unit roundoff of the tile's type where packing shifted the rows, else 0
    middle_length,
    row_bytes,  # out    (rows * word_stride * 4,) uint8
    word_stride,
    row_terms,  # out    cuts (not written), scales, errors, lengths, widths
    bases,  # out    (rows,) float64
):
    """Rows as bytes, and the terms of their scores."""
    _, scales, errors, lengths, widths = row_terms
    more = 1.0 + (d + 16) * UNIT
    limits = np.float32(SMALLEST), np.float32(LARGEST)
    for q in range(count):
        i = numbers[q]
        scale, squares, rests = round_row(tile, i * stride, stride, middle, limits, row_bytes, i * word_stride * 4)
        squares, rests = np.float64(squares), np.float64(rests)
        scales[i] = scale
        if scale == 0 and not squares == 0.0:
            errors[i], lengths[i], widths[i], bases[i] = np.inf, 0, np.inf, 0.0
            continue
        off = strayed(squares, d, unit, middle_length)
        length, error = np.sqrt(squares) * more, np.sqrt(rests) * more + off + FLOOR
        errors[i], lengths[i] = error * more, (length + error) * more
        least = max(length / more / more - off, 0.0)
        most = length + off + FLOOR
        bases[i] = least * least * (1.0 - 4 * UNIT)
        widths[i] = (0.5 * (most * most - least * least) + 8 * UNIT * most * most + FLOOR) * more
    return 0


def _sweep_words(
    words,  # in     (rows * stride,) int32
    stride,
    listed,
    count,
    depth,  # words of a row
    panel,  # in     ((depth + 1) * width,) int32, packed by pack_words
    terms,
    row_terms,
    lows,
    first_place,
    scratch,
    n_pairs,
    shape,
):
    """As candidates._sweep_scores, in bytes."""
    rows, vectors, lanes = shape
    m, width = len(rows), len(vectors) * len(lanes)
    _, scales, errors, lengths, _ = row_terms
    begin = repeat(load(panel, 0, vectors, lanes), rows)
    factor, bias = load(terms, 0, vectors, lanes), load(terms, width, vectors, lanes)
    by_error, by_length = load(terms, 2 * width, vectors, lanes), load(terms, 3 * width, vectors, lanes)
    for first in range(0, count, m):
        numbers = row_numbers(listed, first, count, rows)
        products = begin
        for word in range(depth):
            products = dot_rows(products, words, numbers, stride, word, load(panel, (word + 1) * width, vectors, lanes))
        scores = upper_scores(products, numbers, scales, errors, lengths, factor, bias, by_error, by_length)
        n_pairs = list_candidates(
            scores, numbers, listed, first, count, terms, row_terms, lows, first_place, scratch, n_pairs, shape
        )
    return n_pairs


@cache
def word_sweeper(shape):
    """The address of the compiled sweep in bytes."""
    lanes, places, words = np.empty(1, np.float32), np.empty(1, np.int64), np.empty(1, np.int32)
    scratch = sweep_scratch(np.float32, 1, shape)
    return address_of(
        _sweep_words, words, 0, places, 0, 0, words, lanes, (lanes,) * 5, lanes, 0, scratch, 0, shape, result=0
    )


@cache
def row_rounder(dtype):
    """The address of the compiled code that rounds the rows of a tile of this computing type to bytes."""
    array, lanes, values = np.empty(1, dtype), np.empty(1, np.float32), np.empty(1)
    numbers, row_bytes = np.empty(1, np.int64), np.empty(1, np.uint8)
    arguments = (array, 0, numbers, 0, 0, array, 0.0, 0.0, row_bytes, 0, (lanes,) * 5, values)
    return address_of(_round_rows, *arguments, result=0)


@jit
def pack_words(
    centers,  # in     (k, d)
    order,  # in     (places,) which center each place of the groups holds, -1 for none
    shift,
    middle,  # in     (stride,)
    unit,
    middle_length,
    row,  # scratch (stride,) in the computing type, zeros beyond d
    row_bytes,  # scratch (stride,) uint8
    panels,  # out    (places / width * (depth + 1) * width,) int32
    terms,  # out    (places * TERMS,) float32
    width,
):
    """Write the centers as panels of words in the order of their groups, each begun by -128 times its sum."""
    d, m, stride = centers.shape[1], width, len(row)
    depth = stride // 4
    more = 1.0 + (d + 16) * UNIT
    limits = np.float32(SMALLEST), np.float32(LARGEST)
    for place in range(len(order)):
        panel, c = place // m, place % m
        at, j, own = panel * (depth + 1) * m + c, order[place], panel * TERMS * m + c
        if j < 0:
            for word in range(depth + 1):
                panels[at + word * m] = 0
            for term in range(TERMS):
                terms[own + term * m] = 0
            terms[own + m] = np.finfo(np.float32).min
            continue
        for feature in range(d):
            row[feature] = centers[j, feature] - shift[feature]
        scale, squares, rests = round_row(row, 0, stride, middle, limits, row_bytes, 0)
        squares, rests = np.float64(squares), np.float64(rests)
        total = 0
        for word in range(depth):
            bits = np.int64(0)
            for i in range(4):
                total += np.int64(row_bytes[4 * word + i]) - SIGN
                bits |= np.int64(row_bytes[4 * word + i] ^ np.uint8(SIGN)) << (8 * i)
            panels[at + (word + 1) * m] = bits if bits < 1 << 31 else bits - (1 << 32)
        panels[at] = -SIGN * total
        off = strayed(squares, d, unit, middle_length)
        length, error = np.sqrt(squares) * more + off, np.sqrt(rests) * more + off + FLOOR
        least = max((length - off) / more / more - off, 0.0)
        unusable = scale == 0 and not squares == 0.0
        terms[own] = scale
        terms[own + m] = 0.0 if unusable else -0.5 * least * least * (1.0 - 8 * UNIT)
        terms[own + 2 * m] = np.inf if unusable else (length + FLOOR) * more
        terms[own + 3 * m] = 0.0 if unusable else (error + 8 * UNIT * length) * more + FLOOR
        terms[own + 4 * m] = np.inf if unusable else 0.5 * (length * length - least * least) * more + FLOOR
