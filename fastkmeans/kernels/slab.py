"""One slab's share of an iteration: pack a tile, sweep, settle, accumulate, next tile."""

import numpy as np

from fastkmeans.kernels.accumulate import accumulate, accumulate_by_lane, sums_by_lane
from fastkmeans.kernels.assign import two_best
from fastkmeans.kernels.distances import own_sq_dist
from fastkmeans.kernels.jit import jit
from fastkmeans.kernels.packing import TILE_BYTES, pack_tile, row_stride, square_norms, turn_tile
from fastkmeans.kernels.settle import UNCERTAIN, mark_uncertain, settle_rows

LABELS_ONLY, WITH_SUMS, WITH_INERTIA, OWN_INERTIA = range(4)
MOST_TILE_ROWS = 1024


def scratch_for(dtype, d, shape):
    """What assign_slab needs for one thread, aligned to cache lines: the tile, its rows' scores, settling."""
    m, step = len(shape[0]), len(shape[1]) * len(shape[2])
    stride = row_stride(d)
    groups = TILE_BYTES // (stride * np.dtype(dtype).itemsize * step)
    room = step * min(max(1, groups), MOST_TILE_ROWS // step)

    def aligned(count, kind=dtype):
        raw = np.empty(count * np.dtype(kind).itemsize + 64, np.uint8)
        start = -raw.ctypes.data % 64
        return raw[start : start + count * np.dtype(kind).itemsize].view(kind)

    rows = [aligned(room) for _ in range(4)]
    settling = aligned(room + step, np.int64), aligned(room + 2 * step), aligned(m * step)
    return (
        (aligned(room * stride), aligned(room * d)),
        (*rows, aligned(room, np.int32), aligned(room, np.float64)),
        (*settling, aligned(step * d, np.float64), aligned(step, np.float64)),
    )


@jit
def _tile_inertia(tile, stride, count, d, labels, weights, centers, shift):
    inertia = 0.0
    for i in range(count):
        if labels[i] >= 0:
            sq_dist = own_sq_dist(tile, i * stride, centers, labels[i], shift, d)
            inertia += sq_dist * weights[i] if len(weights) else sq_dist
    return inertia


@jit
def assign_slab(
    rows,  # in     (address, row stride, column stride, dtype code, swapped)
    start,  # rows of the slab
    stop,
    weights,  # in     (stop - start,) or (0,)
    labels,  # in/out (stop - start,) int32
    centers,  # in     (k, d) in the computing type
    shift,  # in     (d,)
    panels,  # in     packed centers
    center_norms,  # in     (k,)
    bounds,  # in     (slack, tiny, largest center norm)
    flags,  # in     (cosine, shifted, action)
    cluster_sums,  # in/out (k * d + 8,)
    cluster_weights,  # in/out (k,)
    scratch,  # as scratch_for makes it
    shape,
):
    """Label the rows of a slab; return (rows whose label changed, rows settled, inertia if asked)."""
    (tile, columns), (norms, best, second, cuts, nearest, padded_weights), settling = scratch
    late, late_cuts, scores, exact_rows, sq_dists = settling
    slack, tiny, largest_norm = bounds
    cosine, shifted, action = flags
    k, d = centers.shape
    m, step = len(shape[0]), len(shape[1]) * len(shape[2])
    n_panels = (k + m - 1) // m
    room = len(best)
    stride = len(tile) // room
    lowest = best.dtype.type(-np.inf)
    moved, settled, inertia, n_late = 0, 0, 0.0, 0
    one = np.int64(1)  # a literal would be a type of its own, compiled again
    for first in range(start, stop, room):
        count = min(room, stop - first)
        n_groups = (count + step - 1) // step
        own = labels[first - start : first - start + count]
        tile_weights = weights
        if len(weights):
            tile_weights = padded_weights[: n_groups * step]
            tile_weights[:count] = weights[first - start : first - start + count]
            tile_weights[count:] = 0.0
        pack_tile(rows, first, count, n_groups * step, d, cosine, shift, shifted, tile, stride)
        if action == OWN_INERTIA:  # the labels are known
            inertia += _tile_inertia(tile, stride, count, d, own, tile_weights, centers, shift)
            continue
        turn_tile(tile, stride, n_groups, d, columns, shape)
        square_norms(columns, n_groups, d, norms, shape)
        two_best(columns, n_groups, d, panels, n_panels, lowest, best, second, nearest, shape)
        if mark_uncertain(
            best, second, nearest, norms, count, center_norms, largest_norm, slack, tiny, cuts, shape
        ):
            for i in range(count):
                if nearest[i] < 0:
                    late[n_late] = first + i
                    late_cuts[n_late] = cuts[i]
                    n_late += 1
                else:
                    moved += own[i] != nearest[i]
                    own[i] = nearest[i]
        else:
            for i in range(count):
                moved += own[i] != nearest[i]
                own[i] = nearest[i]
        if action == WITH_SUMS and sums_by_lane(d, k):
            nearest[count : n_groups * step] = UNCERTAIN
            accumulate_by_lane(columns, n_groups, d, nearest, tile_weights, cluster_sums, cluster_weights, shape)
        elif action == WITH_SUMS:
            accumulate(tile, stride, count, d, nearest, tile_weights, cluster_sums, cluster_weights)
        elif action == WITH_INERTIA:
            inertia += _tile_inertia(tile, stride, count, d, nearest, tile_weights, centers, shift)
        last = first + room >= stop
        while n_late >= step or (last and n_late > 0):
            batch = min(step, n_late)
            settled += batch
            n_late -= batch
            waiting = late[n_late : n_late + batch]
            cut = late_cuts[n_late : n_late + step]
            settle_rows(
                rows, waiting, cut, batch, d, cosine, shift, shifted, centers, panels, n_panels,
                tile, stride, columns, scores, exact_rows, sq_dists, nearest, shape,
            )  # fmt: skip
            for i in range(batch):
                row = waiting[i] - start
                moved += labels[row] != nearest[i]
                labels[row] = nearest[i]
                own_weight = weights[row : row + 1] if len(weights) else weights
                own_row, own_label = tile[i * stride :], nearest[i : i + 1]
                if action == WITH_SUMS:
                    accumulate(own_row, stride, one, d, own_label, own_weight, cluster_sums, cluster_weights)
                elif action == WITH_INERTIA:
                    inertia += _tile_inertia(own_row, stride, one, d, own_label, own_weight, centers, shift)
    return moved, settled, inertia
