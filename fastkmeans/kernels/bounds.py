"""Skip groups of centers that cannot be nearest: Yinyang bounds whose groups are runs of panels.

A row keeps, for every group, a lower bound on its distance to the group's centers other than its own. When centers
move, the bound falls by the group's largest movement. The distance to its own center is measured in every pass; a
group whose bound exceeds it holds no nearer center and is not swept. Rows of a tile that must meet a group are listed,
gathered and swept together, so that the lanes stay full. The group of a row's own center need not be swept either.

Why a skipped center is never the nearest: for the computed score s and squared length q of a row, and slack and tiny
of settle.py, |x - c|^2 >= q (1 - 2 slack) - 2 s - 2 tiny. Its root is taken down by 1e-6 of itself, which covers the
rounding to float32, the definition's own rounding, and then some; movements are taken up by 1e-6 and bounds down by
2e-7 in every pass, for the rounding of the difference. The distance to the own center is taken up by 1e-6 of itself,
where shifting rounds by 2 u |x|, and by 1e-36 for what float32 cannot hold; bounds below 1e-30 count as 0. A group is
skipped only if its bound is the larger.

References
----------
.. [1] Y. Ding et al., "Yinyang k-means: a drop-in replacement of the classic k-means with consistent speedup", ICML
   2015.
"""

import numpy as np

from fastkmeans.kernels.accumulate import accumulate, accumulate_moves
from fastkmeans.kernels.assign import two_best
from fastkmeans.kernels.distances import own_sq_dists
from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.packing import columns_of, lies_as_tile, pack_tile, row_stride
from fastkmeans.kernels.settle import mark_uncertain, settle_rows
from fastkmeans.kernels.simd import load, store, vector_view
from fastkmeans.kernels.slab import WITH_MOVES, WITH_SUMS, scratch_for

EIGHT = (None,) * 8
ONE = (None,)
BIG_TILE_BYTES = 256 * 1024  # rows whose lists are made together: enough to fill lanes, few enough for L2, twice
MOST_BIG_TILE_ROWS = 4096
WHOLE_FROM = 0.75  # gathering costs a quarter of a sweep: where more rows are listed, all are swept as they lie
DOWN, UP = 1.0 - 1e-6, 1.0 + 1e-6
NEAREST, FARTHEST = 1e-30, 1e38  # bounds that float32 holds with full precision; others say less than they might
FADE = np.float32(1.0 - 2e-7)


def bounds_scratch(dtype, d, shape):
    """What bound_slab needs for one thread: the big tile and what is known of its rows; a small tile's scratch."""
    step = len(shape[1]) * len(shape[2])
    stride = row_stride(d)
    dtype = np.dtype(dtype)
    room = int(np.clip(BIG_TILE_BYTES // (stride * dtype.itemsize) // step * step, 4 * step, MOST_BIG_TILE_ROWS))
    tile = np.empty(room * stride, dtype), np.empty(room * d, dtype), np.zeros(d, dtype)
    scores = np.empty(room, dtype), np.empty(room, dtype), np.empty(room, dtype)
    labels = tuple(np.empty(room, np.int32) for _ in range(5))
    late = np.empty(room + step, np.int64), np.empty(room + 2 * step, dtype)
    distances = np.empty(room), np.empty(room, np.float32)
    listed = np.empty(room + step, np.int64)
    return (tile, scores, labels, late, distances, listed), scratch_for(dtype, d, shape)


@inline
def lower_bound(norm, score, slack, tiny):
    """At most the distance between a row and every center whose computed score is at most `score`."""
    square = np.float64(norm) * (1.0 - 2.0 * slack) - 2.0 * np.float64(score) - 2.0 * tiny
    root = min(np.sqrt(max(square, 0.0)) * DOWN, FARTHEST)
    return np.float32(root if root > NEAREST else 0.0)


@inline
def forget(lower_at, lower_stride, group, i):
    """Row i knows nothing of the group."""
    vector_view(lower_at + group * lower_stride, i + 1, np.float32(0))[i] = 0


@jit
def bound_slab(
    rows,
    start,  # rows of the slab
    stop,
    weights,  # in     (stop - start,) or (0,)
    labels,  # in/out (stop - start,)
    norms,  # in/out (stop - start,) squared lengths of the packed rows; written if `fresh`
    lower,  # in/out (address of the first row's float32 bound of the first group, numbers from group to group)
    fresh,  # whether nothing is known of the rows yet
    centers,  # in     (k, d)
    shift,
    panels,  # in     centers packed in their own order, for settling
    center_norms,
    bounds,  # in     (slack, tiny, largest center norm)
    flags,  # in     (cosine, shifted, action)
    grouped,  # in     centers packed in the order of the groups, whole panels for each
    group_panels,  # panels of a group
    order,  # in     (groups * group_panels * m,) which center each place holds, -1 for none
    group_of,  # in     (k,) the group of each center
    drift,  # in     (groups,) how far centers of each group moved at most since the last pass, rounded up
    cluster_sums,
    cluster_weights,
    scratch,  # as bounds_scratch makes it
    shape,
):
    """Label the rows of a slab.

    Returns the rows whose label changed, the rows settled, the sum of the squared lengths of the rows that moved (with
    moves), and how many pairs of a row and a group were swept.
    """
    ((big, big_columns, origin), scores, label_room, late_room, distance_room, listed), small = scratch
    (top, runner_up, in_second), (nearest, before, top_group, own_swept, own_group) = scores, label_room
    (late, late_cuts), (sq_dists, reach) = late_room, distance_room
    (tile, columns), (_, best, second, index, _), settling = small
    _, _, score_tile, exact_rows, settle_dists, _, _ = settling
    cosine, shifted, action = flags
    slack, tiny, _ = bounds
    k, d = centers.shape
    m, step = len(shape[0]), len(shape[1]) * len(shape[2])
    n_panels = (k + m - 1) // m
    room, small_room = len(top), len(best)
    stride = len(big) // room
    lowest = top.dtype.type(-np.inf)
    unit = 2.0 * np.finfo(top.dtype).eps if shifted else 0.0
    address, row_bytes = rows[0], rows[1]
    in_place = lies_as_tile(rows, stride, d, big.itemsize, cosine, shifted)
    flat_centers = centers.reshape(-1)
    n_groups = len(drift)
    group_size = group_panels * m
    group_values = group_panels * (d + 1) * m
    moved, settled, swept, spread = 0, 0, 0, 0.0
    for first in range(start, stop, room):
        count = min(room, stop - first)
        lower_at, lower_stride = lower[0] + 4 * (first - start), 4 * lower[1]
        own_labels = labels[first - start : first - start + count]
        own_norms = norms[first - start : first - start + count]
        if in_place:
            rows_tile = vector_view(address + first * row_bytes, count * d, lowest)
        else:
            rows_tile = big
            pack_tile(rows, first, count, count, d, cosine, shift, shifted, big, stride)
        if fresh:
            for i in range(count):
                nearest[i] = 0
            own_sq_dists(rows_tile, stride, count, d, nearest, origin, origin, sq_dists)
            for i in range(count):
                own_norms[i] = sq_dists[i]
        own_sq_dists(rows_tile, stride, count, d, own_labels, flat_centers, shift, sq_dists)
        for i in range(count):
            reach[i] = np.sqrt(sq_dists[i]) * UP + unit * np.sqrt(np.float64(own_norms[i])) + 1e-36
            top[i] = lowest
            runner_up[i] = lowest
            nearest[i] = own_labels[i]
            before[i] = own_labels[i]
            top_group[i] = -1
            own_swept[i] = 0
            own_group[i] = group_of[before[i]]
        is_turned = False
        n_vectors = (count + step - 1) // step
        for group in range(n_groups):
            own_lower = vector_view(lower_at + group * lower_stride, count, np.float32(0))
            fall = np.float32(drift[group])
            n_listed = 0
            for i in range(count):
                bound = (own_lower[i] - fall) * FADE
                own_lower[i] = bound
                listed[n_listed] = i
                n_listed += bound <= reach[i]
            swept += n_listed
            group_part = grouped[group * group_values : (group + 1) * group_values]
            whole = n_listed >= WHOLE_FROM * count and (count % step == 0 or not in_place)
            if whole and not is_turned:
                for q in range(count * stride, n_vectors * step * stride):
                    big[q] = 0
                columns_of(rows, rows_tile, stride, n_vectors, d, big_columns, shape)
                is_turned = True
            n_taken = count if whole else n_listed
            for begin in range(0, n_taken, small_room):
                here = min(small_room, n_taken - begin)
                here_vectors = (here + step - 1) // step
                part = big_columns[begin * d : (begin + here_vectors * step) * d] if whole else columns
                if not whole:
                    for q in range(here):
                        at = listed[begin + q] * stride
                        if d >= len(EIGHT):
                            for feature in range(0, stride, len(EIGHT)):
                                store(tile, q * stride + feature, load(rows_tile, at + feature, ONE, EIGHT))
                        else:
                            for feature in range(d):
                                tile[q * stride + feature] = rows_tile[at + feature]
                    columns_of(rows, tile, stride, here_vectors, d, columns, shape)
                two_best(
                    part, here_vectors, d, group_part, group_panels, lowest, best, second, index, address, 0, shape
                )
                for q in range(here):
                    i = begin + q if whole else listed[begin + q]
                    score = best[q]
                    own_lower[i] = lower_bound(own_norms[i], score, slack, tiny)
                    own_swept[i] |= own_group[i] == group
                    if score > top[i]:
                        runner_up[i] = max(top[i], second[q])
                        in_second[i] = second[q]
                        top[i] = score
                        nearest[i] = order[group * group_size + index[q]]
                        top_group[i] = group
                    else:
                        runner_up[i] = max(runner_up[i], score)
        for i in range(count):
            if own_swept[i] == 0:
                score = top.dtype.type(0.5 * (np.float64(own_norms[i]) - sq_dists[i]))
                if score > top[i]:
                    runner_up[i] = top[i]
                    top[i] = score
                    nearest[i] = before[i]
                    top_group[i] = -1
                else:
                    runner_up[i] = max(runner_up[i], score)
                    known = vector_view(lower_at + own_group[i] * lower_stride, count, np.float32(0))
                    known[i] = min(known[i], lower_bound(own_norms[i], score, slack, tiny))
            if top_group[i] >= 0:
                others = vector_view(lower_at + top_group[i] * lower_stride, count, np.float32(0))
                others[i] = lower_bound(own_norms[i], in_second[i], slack, tiny)
        for i in range(count, n_vectors * step):
            top[i], runner_up[i], nearest[i], before[i] = 0, lowest, 0, 0
        padded_norms = in_second  # free by now
        for i in range(count):
            padded_norms[i] = own_norms[i]
        n_late = mark_uncertain(
            top, runner_up, nearest, padded_norms, count, center_norms, bounds, first, late, late_cuts, 0, shape
        )
        settled += n_late
        for begin in range(0, n_late, step):
            here = min(step, n_late - begin)
            waiting = late[begin : begin + here]
            settle_rows(
                rows, waiting, late_cuts[begin : begin + step], here, d, cosine, shift, shifted, centers, panels,
                n_panels, tile, stride, columns, score_tile, exact_rows, settle_dists, index, shape,
            )  # fmt: skip
            for q in range(here):
                i = waiting[q] - first
                nearest[i] = index[q]
                # What is known of its groups supposed another nearest center.
                forget(lower_at, lower_stride, own_group[i], i)
                forget(lower_at, lower_stride, group_of[nearest[i]], i)
                forget(lower_at, lower_stride, max(top_group[i], 0), i)
        for i in range(count):
            moved += own_labels[i] != nearest[i]
            own_labels[i] = nearest[i]
        own_weights = weights[first - start : first - start + count] if len(weights) else weights
        if action == WITH_SUMS:
            accumulate(rows_tile, stride, count, d, nearest, own_weights, cluster_sums, cluster_weights)
        elif action == WITH_MOVES:
            for i in range(count, n_vectors * step):
                before[i] = nearest[i]
            spread += accumulate_moves(
                rows_tile, stride, count, d, before, nearest, padded_norms, cluster_sums, cluster_weights, shape[2]
            )
    return moved, settled, spread, swept
