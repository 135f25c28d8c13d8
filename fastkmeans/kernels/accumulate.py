"""Weighted sums of packed rows by cluster, in float64, while the rows are in cache."""

from fastkmeans.kernels.jit import inline
from fastkmeans.kernels.simd import (
    add_row,
    add_where,
    differing,
    load,
    lowest_bit,
    multiply,
    repeat,
    splat,
    sum_lanes,
    widen,
)

EIGHT = (None,) * 8
ONE = (None,)
# Few clusters of few features would wait for the previous row's sum of the same cluster: there the rows of a
# tile are summed in lanes under a mask. 1M x 2, k=8: 0.6 ns a row against 2.4 (python -m benchmarks.kernels).
BY_LANE_CLUSTERS = 16
BY_LANE_FEATURES = 7


@inline
def sums_by_lane(d, k):
    """Whether accumulate_by_lane is the faster way."""
    return k <= BY_LANE_CLUSTERS and d <= BY_LANE_FEATURES


@inline
def accumulate_by_lane(
    columns,  # in     (n_groups * d * step,) the columns of a packed tile
    n_groups,
    d,
    labels,  # in     (n_groups * step,) cluster of each row, negative: leave it out
    weights,  # in     (n_groups * step,), padded, or (0,) for ones
    cluster_sums,  # in/out (k * d + 8,) flat
    cluster_weights,  # in/out (k,)
    shape,
):
    """As `accumulate`, from columns: a lane a row, a masked sum a cluster."""
    centers, vectors, lanes = shape
    m, r, width = len(centers), len(vectors), len(lanes)
    k = len(cluster_weights)
    weighted = len(weights) > 0
    for first in range(0, k, m):
        for feature in range(-1, d):  # -1 stands for the weights themselves
            sums = repeat(splat(0.0, lanes), centers)
            for vector in range(n_groups * r):
                row = vector * width
                if feature < 0:
                    values = splat(1.0, lanes)
                else:
                    group = vector // r
                    at = (group * d + feature) * r * width + row - group * r * width
                    values = widen(load(columns, at, ONE, lanes)[0])
                if weighted:
                    values = multiply(values, load(weights, row, ONE, lanes)[0])
                sums = add_where(sums, load(labels, row, ONE, lanes)[0], first, values)
            for c in range(min(m, k - first)):
                if feature < 0:
                    cluster_weights[first + c] += sum_lanes(sums[c])
                else:
                    cluster_sums[(first + c) * d + feature] += sum_lanes(sums[c])


@inline
def _add_to_cluster(tile, row, stride, d, label, weight, cluster_sums, cluster_weights):
    """Add weight times the row at tile[row] to the sums of a cluster."""
    cluster_weights[label] += weight
    at = label * d
    if stride >= 8:
        for feature in range(0, d, 8):
            add_row(cluster_sums, at + feature, tile, row + feature, weight, EIGHT)
    else:
        for feature in range(d):
            cluster_sums[at + feature] += weight * tile[row + feature]


@inline
def accumulate(
    tile,  # in     (count * stride,) packed rows
    stride,
    count,
    d,
    labels,  # in     (count,) cluster of each row, negative: leave it out
    weights,  # in     (count,) or (0,) for ones
    cluster_sums,  # in/out (k * d + 8,) flat: whole vectors spill zeros into the next row
    cluster_weights,  # in/out (k,)
):
    """cluster_sums[labels[i]] += weights[i] * row i, cluster_weights[labels[i]] += weights[i]."""
    weighted = len(weights) > 0
    weight = 1.0
    for i in range(count):
        label = labels[i]
        if label < 0:
            continue
        if weighted:
            weight = weights[i]
        _add_to_cluster(tile, i * stride, stride, d, label, weight, cluster_sums, cluster_weights)


@inline
def accumulate_moves(
    tile,  # in     (count * stride,) packed rows
    stride,
    count,
    d,
    before,  # in     (count,) cluster of each row in the sums so far; equal to after up to a whole vector
    after,  # in     (count,) its cluster now, negative: leave it out
    norms,  # in     (count,) squared lengths of the rows
    cluster_sums,  # in/out (k * d + 8,) flat: what is to be added to the sums so far
    cluster_weights,  # in/out (k,)
    lanes,
):
    """As `accumulate` for rows of weight 1, but only what rows take from their old cluster to their new one.

    Returns the sum of the squared lengths of the rows that moved.
    """
    spread = 0.0
    for first in range(0, count, len(lanes)):
        moves = differing(before, after, first, lanes)
        while moves != 0:
            i = first + lowest_bit(moves)
            moves &= moves - 1
            if after[i] < 0:
                continue
            spread += norms[i]
            _add_to_cluster(tile, i * stride, stride, d, before[i], -1.0, cluster_sums, cluster_weights)
            _add_to_cluster(tile, i * stride, stride, d, after[i], 1.0, cluster_sums, cluster_weights)
    return spread
