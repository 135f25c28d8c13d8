"""The nearest center of rows by the sum of absolute differences, for k-medians.

The distance is the float64 sum, over features in ascending order, of |x - c| with x and c as stored; the label is the
lower center on a tie. A sweep in the computing type, rows in the lanes, finds the two least sums; where these lie too
close for its rounding, the row is measured by the definition. All terms are positive, so that the error of a sum is a
share of itself.
"""

import numpy as np

from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.packing import columns_of, pack_tile
from fastkmeans.kernels.simd import keep_two, load, repeat, splat, store, subtract_differences, winner


@inline
def two_least(columns, n_groups, d, panels, n_panels, lowest, best, second, nearest, shape):
    """Write minus the least and the next sum of each row, and the center of the least; as assign.two_best."""
    centers, vectors, lanes = shape
    m, step = len(centers), len(vectors) * len(lanes)
    zero = splat(best.dtype.type(0), lanes)
    for group in range(n_groups):
        top = repeat(splat(lowest, lanes), vectors)
        next_top = top
        index = repeat(splat(np.int32(0), lanes), vectors)
        for panel in range(n_panels):
            scores = repeat(repeat(zero, vectors), centers)
            for feature in range(d):
                values = load(columns, (group * d + feature) * step, vectors, lanes)
                scores = subtract_differences(scores, panels, (panel * d + feature) * m, 1, values)
            top, next_top, index = keep_two(top, next_top, index, scores, panel * m)
        store(best, group * step, top)
        store(second, group * step, next_top)
        store(nearest, group * step, winner(top, index, centers))


@inline
def _settled(tile, at, by_feature, dists):
    """The label of the row at tile[at] by the definition."""
    d, k = by_feature.shape
    for j in range(k):
        dists[j] = 0.0
    for feature in range(d):
        x = np.float64(tile[at + feature])
        for j in range(k):
            dists[j] += abs(x - by_feature[feature, j])
    label = 0
    for j in range(1, k):
        if dists[j] < dists[label]:
            label = j
    return label


@jit
def nearest_by_differences(
    rows,  # in     as describe_rows gives them
    start,  # rows of the slab
    stop,
    no_shift,  # in     (d,) zeros of the computing type
    panels,  # in     packing.plain_panels of the centers, padded with centers farther than all
    centers,  # in     (k, d) float64
    by_feature,  # in     (d, k) the same, feature by feature
    slack,  # share of a sum that bounds its rounding error
    tiny,  # and what to add to it, for sums near the least number
    labels,  # in/out (stop - start,) int32
    dists,  # out    (stop - start,) the distance to the nearest center
    own_dists,  # scratch (k,)
    scratch,  # as slab.scratch_for makes it
    shape,
):
    """Label the rows of a slab; return (rows whose label changed, rows settled)."""
    (tile, columns), (_, best, second, nearest, _), _ = scratch
    m, step, room = len(shape[0]), len(shape[1]) * len(shape[2]), len(best)
    k, d = centers.shape
    stride = len(tile) // room
    lowest = best.dtype.type(-np.inf)
    moved = settled = 0
    for first in range(start, stop, room):
        count = min(room, stop - first)
        n_groups = (count + step - 1) // step
        pack_tile(rows, first, count, n_groups * step, d, 0, no_shift, 0, tile, stride)
        columns_of(rows, tile, stride, n_groups, d, columns, shape)
        two_least(columns, n_groups, d, panels, (k + m - 1) // m, lowest, best, second, nearest, shape)
        for i in range(count):
            label = np.int64(nearest[i])
            least, next_least = -np.float64(best[i]), -np.float64(second[i])
            if not next_least * (1.0 - slack) > least * (1.0 + slack) + tiny:
                label = _settled(tile, i * stride, by_feature, own_dists)
                settled += 1
            total = 0.0
            for feature in range(d):
                total += abs(np.float64(tile[i * stride + feature]) - centers[label, feature])
            place = first - start + i
            moved += labels[place] != label
            labels[place], dists[place] = label, total
    return moved, settled
