"""Chosen rows, one by one: as an array in the computing type, or summed in the order of their labels."""

import numpy as np

from fastkmeans.kernels.accumulate import accumulate
from fastkmeans.kernels.distances import own_sq_dists
from fastkmeans.kernels.jit import jit
from fastkmeans.kernels.packing import pack_tile, row_stride


@jit
def own_tile_rows(d):
    """Rows that own_distances packs at once."""
    return max(1, min(64, 8192 // d))


def own_tile(dtype, d):
    """Scratch of own_distances."""
    return np.empty(own_tile_rows(d) * row_stride(d), dtype)


@jit
def gather_rows(rows, wanted, d, cosine, out):
    """out[i] = row wanted[i], converted, and of length 1 for cosine; out is (len(wanted), d)."""
    for i in range(len(wanted)):
        pack_tile(rows, wanted[i], 1, 1, d, cosine, out[i], 0, out[i], d)


@jit
def sum_in_label_order(
    rows,
    order,  # in     (n,) row numbers sorted by label, ascending within a label
    starts,  # in     (k + 1,) where each label begins in order
    start,  # the part of order to sum
    stop,
    weights,  # in     (n,) or (0,)
    d,
    cosine,
    shift,
    shifted,
    tile,  # scratch (stride,)
    own_sums,  # scratch (d + 8,)
    cluster_sums,  # out    (k, d) of the clusters that lie wholly in the part
    cluster_weights,  # out    (k,)
    edge_sums,  # out    (2, d) of the cluster that began before the part, and of the one that goes on after it
    edge_weights,  # out    (2,)
    edge_labels,  # out    (2,) those clusters, -1: none
):
    """Sum the listed rows cluster by cluster. Each cluster is written once, so parts run side by side."""
    one = np.int64(1)
    own_weight, own_label = np.zeros(1), np.zeros(1, np.int32)
    j = np.searchsorted(starts, start, side="right") - 1
    at = start
    while at < stop:
        until = min(starts[j + 1], stop)
        own_sums[:] = 0.0
        own_weight[0] = 0.0
        for i in range(at, until):
            row = order[i]
            row_weight = weights[row : row + 1] if len(weights) else weights
            pack_tile(rows, row, one, one, d, cosine, shift, shifted, tile, len(tile))
            accumulate(tile, len(tile), one, d, own_label, row_weight, own_sums, own_weight)
        if starts[j] >= start and starts[j + 1] <= stop:
            cluster_sums[j] = own_sums[:d]
            cluster_weights[j] = own_weight[0]
        else:
            edge = 0 if starts[j] < start else 1
            edge_sums[edge] = own_sums[:d]
            edge_weights[edge] = own_weight[0]
            edge_labels[edge] = j
        at = until
        j += 1
        while at < stop and starts[j + 1] <= at:
            j += 1


@jit
def follow_moves(
    rows,
    moved,  # in     (m,) numbers of the rows that moved, ascending
    before,  # in     (m,) their clusters until now
    after,  # in     (m,) and from now on
    low,  # the clusters to change
    high,
    d,
    cosine,
    shift,
    shifted,
    tile,  # scratch (stride,)
    cluster_sums,  # in/out (k * d + 8,)
    cluster_weights,  # in/out (k,)
):
    """Take rows of weight 1 from the sums of their old clusters to those of their new ones.

    Returns the sum of the squared lengths of the rows that came in. Parts of other clusters run side by side.
    """
    one, stride = np.int64(1), len(tile)
    spread = 0.0
    for q in range(len(moved)):
        takes, gives = low <= before[q] < high, low <= after[q] < high
        if not (takes or gives):
            continue
        pack_tile(rows, moved[q], one, one, d, cosine, shift, shifted, tile, stride)
        if takes:
            cluster_weights[before[q]] -= 1.0
            at = np.int64(before[q]) * d
            for feature in range(d):
                cluster_sums[at + feature] -= tile[feature]
        if gives:
            cluster_weights[after[q]] += 1.0
            at = np.int64(after[q]) * d
            for feature in range(d):
                cluster_sums[at + feature] += tile[feature]
                spread += np.float64(tile[feature]) * np.float64(tile[feature])
    return spread


@jit
def own_distances(rows, start, stop, labels, centers, shift, shifted, cosine, tile, sq_dists):
    """sq_dists[i] = squared distance of row start + i to its label's center, float64; `tile` is from own_tile."""
    d = centers.shape[1]
    stride = len(tile) // own_tile_rows(d)
    flat_centers = centers.reshape(-1)
    for first in range(start, stop, own_tile_rows(d)):
        own = first - start
        count = min(own_tile_rows(d), stop - first)
        pack_tile(rows, first, count, count, d, cosine, shift, shifted, tile, stride)
        part = labels[own : own + count]
        own_sq_dists(tile, stride, count, d, part, flat_centers, shift, sq_dists[own : own + count])
