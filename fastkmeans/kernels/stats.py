"""A pass over the rows that needs no centers: the moments of every column, and the check of every value."""

import numpy as np

from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.packing import columns_of, lies_as_tile, normalise_row, pack_tile, pad_weights
from fastkmeans.kernels.simd import add_moments, any_beyond, load, splat, sum_lanes, vector_view

ONE = (None,)
ALL_GOOD, BAD_VALUE, ZERO_ROW = range(3)
WIDE = 16  # columns from which rows are added as they lie: 1M x 64 took 16.5 ms by columns, and takes 8.2


@inline
def add_wide_rows(tile, stride, count, d, weights, origin, moments):
    """Add the moments of a tile's rows, two rows at a time."""
    plain_sums, plain_squares, sums, squares = moments[0], moments[1], moments[2], moments[3]
    for i in range(0, count - 1, 2):
        row, next_row = tile[i * stride :], tile[(i + 1) * stride :]
        for feature in range(d):
            center = np.float64(origin[feature])
            a, b = np.float64(row[feature]) - center, np.float64(next_row[feature]) - center
            plain_sums[feature] += a + b
            plain_squares[feature] += a * a + b * b
    if count % 2:
        row = tile[(count - 1) * stride :]
        for feature in range(d):
            a = np.float64(row[feature]) - np.float64(origin[feature])
            plain_sums[feature] += a
            plain_squares[feature] += a * a
    for i in range(count if len(weights) else 0):
        row, weight = tile[i * stride :], np.float64(weights[i])
        for feature in range(d):
            a = np.float64(row[feature]) - np.float64(origin[feature])
            sums[feature] += weight * a
            squares[feature] += weight * a * a


@jit
def column_moments(
    rows,
    start,  # rows of the slab
    stop,
    weights,  # in     (stop - start,) or (0,)
    d,
    cosine,
    limit,  # in     what no value may exceed in size
    origin,  # in     (d,) in the computing type: moments are taken about it
    moments,  # in/out (4, d) sums of x - origin and of its square, and both weighted
    lane_sums,  # scratch (4 * d * width,) float64
    scratch,
    shape,
):
    """Add the moments of the rows; return (what is wrong, the first row that is)."""
    (own_tile, columns), (_, best, _, _, padded_weights), _ = scratch
    _, vectors, lanes = shape
    r, width = len(vectors), len(lanes)
    step, room = r * width, len(best)
    stride = len(own_tile) // room
    in_place = lies_as_tile(rows, stride, d, own_tile.itemsize, cosine, 0)
    for i in range(len(lane_sums)):
        lane_sums[i] = 0.0
    for first in range(start, stop, room):
        count = min(room, stop - first)
        n_groups = (count + step - 1) // step
        if in_place and count == n_groups * step:
            tile = vector_view(rows[0] + first * rows[1], count * d, limit)
        else:
            tile = own_tile
            pack_tile(rows, first, count, count, d, 0, origin, 0, tile, stride)
        for i in range(count, n_groups * step):
            for feature in range(d):
                tile[i * stride + feature] = origin[feature]  # padding adds nothing
            for feature in range(d, stride):
                tile[i * stride + feature] = 0
        bad = False
        for at in range(0, n_groups * step * stride, width):
            bad |= any_beyond(load(tile, at, ONE, lanes), limit)
        if bad:
            for i in range(count):
                for feature in range(d):
                    if not abs(tile[i * stride + feature]) <= limit:
                        return BAD_VALUE, first + i
        if cosine:
            for i in range(count):
                if normalise_row(tile, i * stride, d) == 0.0:
                    return ZERO_ROW, first + i
        if len(weights):
            pad_weights(weights, first - start, count, n_groups * step, padded_weights)
        if d >= WIDE:
            add_wide_rows(tile, stride, count, d, padded_weights if len(weights) else weights, origin, moments)
            continue
        columns_of(rows, tile, stride, n_groups, d, columns, shape)
        ones = splat(1.0, lanes)
        for feature in range(d):
            place = feature * 4 * width
            center = np.float64(origin[feature])
            for group in range(n_groups):
                for v in range(r):
                    row = group * step + v * width
                    values = load(columns, (group * d + feature) * step + v * width, ONE, lanes)[0]
                    add_moments(lane_sums, place, values, ones, center)
                    if len(weights):
                        own = load(padded_weights, row, ONE, lanes)[0]
                        add_moments(lane_sums, place + 2 * width, values, own, center)
    for feature in range(d if d < WIDE else 0):
        for kind in range(4):
            moments[kind, feature] += sum_lanes(load(lane_sums, (feature * 4 + kind) * width, ONE, lanes)[0])
    return ALL_GOOD, 0
