"""A pass over the rows that needs no centers: the moments of every column, and the check of every value."""

import numpy as np

from fastkmeans.kernels.jit import jit
from fastkmeans.kernels.packing import columns_of, normalise_row, pack_tile, pad_weights
from fastkmeans.kernels.simd import add_moments, any_beyond, load, splat, sum_lanes

ONE = (None,)
ALL_GOOD, BAD_VALUE, ZERO_ROW = range(3)


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
    (tile, columns), (_, best, _, _, padded_weights), _ = scratch
    _, vectors, lanes = shape
    r, width = len(vectors), len(lanes)
    step, room = r * width, len(best)
    stride = len(tile) // room
    for i in range(len(lane_sums)):
        lane_sums[i] = 0.0
    for first in range(start, stop, room):
        count = min(room, stop - first)
        n_groups = (count + step - 1) // step
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
    for feature in range(d):
        for kind in range(4):
            moments[kind, feature] += sum_lanes(load(lane_sums, (feature * 4 + kind) * width, ONE, lanes)[0])
    return ALL_GOOD, 0
