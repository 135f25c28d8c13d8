"""One slab's share of an iteration: pack a tile, sweep, settle, accumulate, next tile."""

from functools import cache

import numpy as np

from fastkmeans.kernels.accumulate import accumulate, accumulate_by_lane, accumulate_moves, sums_by_lane
from fastkmeans.kernels.assign import two_best
from fastkmeans.kernels.distances import own_sq_dists
from fastkmeans.kernels.jit import address_of, jit
from fastkmeans.kernels.memory import CACHE_LINE, aligned_parts
from fastkmeans.kernels.packing import (
    TILE_BYTES,
    columns_of,
    lies_as_tile,
    pack_tile,
    pad_weights,
    row_stride,
    square_norms,
)
from fastkmeans.kernels.settle import UNCERTAIN, mark_uncertain, settle_rows
from fastkmeans.kernels.simd import call_at, vector_view

LABELS_ONLY, WITH_SUMS, WITH_MOVES, WITH_INERTIA, OWN_INERTIA = range(5)
MOST_TILE_ROWS = 1024


def scratch_for(dtype, d, shape):
    """What assign_slab needs for one thread, aligned to cache lines: the tile, its rows' scores, settling."""
    m, step = len(shape[0]), len(shape[1]) * len(shape[2])
    stride = row_stride(d)
    groups = TILE_BYTES // (stride * np.dtype(dtype).itemsize * step)
    room = step * min(max(1, groups), MOST_TILE_ROWS // step)

    lane = np.dtype(dtype)
    parts = (
        (lane, room * stride), (lane, room * d), (lane, room), (lane, room), (lane, room), (np.dtype(np.int32), room),
        (np.dtype(np.float64), room), (np.dtype(np.int64), room + step), (lane, room + 2 * step), (lane, m * step),
        (np.dtype(np.float64), step * d), (np.dtype(np.float64), step), (np.dtype(np.float64), room),
        (np.dtype(np.int32), room),
    )  # fmt: skip
    arrays = aligned_parts(parts)
    return tuple(arrays[:2]), tuple(arrays[2:7]), tuple(arrays[7:])


def _assign_slab(
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
    """Label the rows of a slab; return (rows whose label changed, rows settled, inertia if asked).

    With moves, in place of the inertia: the sum of the squared lengths of the rows that moved.
    """
    (own_tile, columns), (norms, best, second, nearest, padded_weights), settling = scratch
    late, late_cuts, scores, exact_rows, sq_dists, own_distances, before = settling
    cosine, shifted, action = flags
    k, d = centers.shape
    m, step = len(shape[0]), len(shape[1]) * len(shape[2])
    n_panels = (k + m - 1) // m
    room = len(best)
    stride = len(own_tile) // room
    lowest = best.dtype.type(-np.inf)
    moved, settled, inertia, n_late = 0, 0, 0.0, 0
    tile_weights = padded_weights if len(weights) else weights
    address, row_bytes = rows[0], rows[1]
    # Rows that are a tile as they lie are not copied: 0.2 of 1.9 ns a row at d=2 k=8, 3 of 47 at d=32 k=100.
    in_place = lies_as_tile(rows, stride, d, own_tile.itemsize, cosine, shifted)
    flat_centers = centers.reshape(-1)
    first = start
    while first < stop or n_late > 0:
        moved_before = moved
        tile_is_settled = n_late >= step or first >= stop
        if tile_is_settled:  # settle a group of rows that tiles left in doubt
            tile, count, n_groups = own_tile, min(step, n_late), 1
            n_late -= count
            settled += count
            waiting = late[n_late : n_late + count]
            settle_rows(
                rows, waiting, late_cuts[n_late : n_late + step], count, d, cosine, shift, shifted, centers, panels,
                n_panels, tile, stride, columns, scores, exact_rows, sq_dists, nearest, shape,
            )  # fmt: skip
            for i in range(step):
                row = waiting[i] - start if i < count else 0
                if i < count:
                    before[i] = labels[row]
                    moved += labels[row] != nearest[i]
                    labels[row] = nearest[i]
                if len(weights):
                    padded_weights[i] = weights[row] if i < count else 0.0
        else:
            count = min(room, stop - first)
            n_groups = (count + step - 1) // step
            own = labels[first - start : first - start + count]
            if len(weights):
                pad_weights(weights, first - start, count, n_groups * step, padded_weights)
            if in_place and count == n_groups * step:
                tile = vector_view(address + first * row_bytes, count * d, lowest)
            else:
                tile = own_tile
                pack_tile(rows, first, count, n_groups * step, d, cosine, shift, shifted, tile, stride)
            if action == OWN_INERTIA:  # the labels are known
                for i in range(count):
                    nearest[i] = own[i]
            else:
                columns_of(rows, tile, stride, n_groups, d, columns, shape)
                square_norms(columns, n_groups, d, norms, shape)
                ahead = address + (first + count) * row_bytes
                lines = (step * row_bytes // CACHE_LINE + n_panels - 1) // n_panels if first + count < stop else 0
                two_best(columns, n_groups, d, panels, n_panels, lowest, best, second, nearest, ahead, lines, shape)
                n_late = mark_uncertain(
                    best, second, nearest, norms, count, center_norms, bounds, first, late, late_cuts, n_late, shape
                )
                if action == WITH_MOVES:
                    for i in range(count):
                        before[i] = own[i]
                for i in range(count):
                    label = nearest[i]
                    if label != UNCERTAIN:
                        moved += own[i] != label
                        own[i] = label
            first += count
        if action == WITH_SUMS and sums_by_lane(d, k):
            for i in range(count, n_groups * step):
                nearest[i] = UNCERTAIN
            accumulate_by_lane(columns, n_groups, d, nearest, tile_weights, cluster_sums, cluster_weights, shape)
        elif action == WITH_SUMS:
            accumulate(tile, stride, count, d, nearest, tile_weights, cluster_sums, cluster_weights)
        elif action == WITH_MOVES:
            if moved > moved_before:
                for i in range(count, n_groups * step):
                    before[i] = nearest[i]
                if tile_is_settled:
                    square_norms(columns, n_groups, d, norms, shape)
                inertia += accumulate_moves(
                    tile, stride, count, d, before, nearest, norms, cluster_sums, cluster_weights, shape[2]
                )
        elif action == WITH_INERTIA or action == OWN_INERTIA:
            own_sq_dists(tile, stride, count, d, nearest, flat_centers, shift, own_distances)
            for i in range(count):
                inertia += own_distances[i] * tile_weights[i] if len(weights) else own_distances[i]
    return moved, settled, inertia


@cache
def assigner(dtype, shape):
    """The address of the compiled slab kernel for a computing type and register tile, as `assign_slab` takes it.

    Called by address, as Lloyd's loop and the small fit both call it: compiled into the second, it was a sixth of
    the first fit.
    """
    lanes, numbers = np.empty(1, dtype), np.empty(1)
    scratch = scratch_for(dtype, 1, shape)
    return address_of(
        _assign_slab, (0,) * 7, 0, 0, numbers, np.empty(1, np.int32), np.empty((1, 1), dtype), lanes, lanes, numbers,
        (0.0,) * 3, (0,) * 3, numbers, numbers, scratch, shape, result=(0, 0, 0.0),
    )  # fmt: skip


@jit
def assign_slab(
    address, rows, start, stop, weights, labels, centers, shift, panels, center_norms, bounds, flags, cluster_sums,
    cluster_weights, scratch, shape,
):  # fmt: skip
    """Label the rows of a slab with the kernel at `address`; arguments and result as `_assign_slab` has them."""
    arguments = (
        rows, start, stop, weights, labels, centers, shift, panels, center_norms, bounds, flags, cluster_sums,
        cluster_weights, scratch, shape,
    )  # fmt: skip
    return call_at(address, arguments, (np.int64(0), np.int64(0), 0.0))
