"""Skip groups of centers that cannot be nearest: Yinyang bounds whose groups are runs of panels.

A row keeps an upper bound on its distance to its own center and, for every group, a lower bound on its distance to
the group's other centers. When centers move, the first rises by the own center's movement, the others fall by the
largest of their group. A row whose upper bound is below all others is asleep: it is not read at all. The others'
distance to their own center is measured, and a group whose bound exceeds it is not swept. Rows of a tile that must meet
a group are listed and swept together. What sweeps leave as candidates (candidates.py) is measured in float64, once all
groups are swept and the cuts are highest.

Distances to candidates and to the own center come from packed rows and centers. They are off by less than 1e-6 of
themselves, and, where packing shifts, by `unit` times the row's length: `near` is at least, `far` at most the true
distance. Bounds are rounded to float32 downwards, movements are taken up by 1e-6 and bounds down by 2e-7 in every pass,
for the rounding of the difference; bounds below 1e-30 count as 0. A group is skipped only if its bound is the larger, a
row is certain only if its second nearest center is farther by `far` than its nearest by `near`; the others are settled
by the definition.

References
----------
.. [1] Y. Ding et al., "Yinyang k-means: a drop-in replacement of the classic k-means with consistent speedup", ICML
   2015.
"""

import numpy as np

from fastkmeans.kernels.accumulate import accumulate, accumulate_moves
from fastkmeans.kernels.candidates import TERMS, sweep_scratch
from fastkmeans.kernels.distances import own_sq_dists, sq_dists_of
from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.packing import lies_as_tile, pack_tile, row_stride
from fastkmeans.kernels.settle import settle_rows
from fastkmeans.kernels.simd import call_at, vector_view
from fastkmeans.kernels.slab import WITH_MOVES, WITH_SUMS, scratch_for

BIG_TILE_BYTES = 256 * 1024  # rows whose lists are made together: enough for long lists, few enough for L2
BIG_TILE_OF_BYTES = 512 * 1024  # whose words are a quarter of it
MOST_BIG_TILE_ROWS = 2048
CANDIDATES_AT_ONCE = 1024
DOWN, UP = 1.0 - 1e-6, 1.0 + 1e-6
NEAREST, FARTHEST = 1e-30, 1e38  # bounds that float32 holds with full precision; others say less than they might
FADE, RISE = np.float32(1.0 - 2e-7), np.float32(1.0 + 2e-7)


def bounds_scratch(dtype, d, shape, sweep):
    """What bound_slab needs for one thread: the big tile and what is known of its rows; a sweep's and a tile's scratch.

    `sweep` says how a group is swept: see engine.groups.Sweep.
    """
    dtype, step, stride = np.dtype(dtype), len(shape[1]) * len(shape[2]), row_stride(d)
    tile_bytes = BIG_TILE_OF_BYTES if sweep.in_bytes else BIG_TILE_BYTES
    room = int(np.clip(tile_bytes // (stride * dtype.itemsize) // step * step, 4 * step, MOST_BIG_TILE_ROWS))
    row_bytes = np.zeros(room * sweep.stride * 4 if sweep.in_bytes else 0, np.uint8)
    big = np.zeros(room * stride, dtype)
    tiles = big, np.zeros(d, dtype), row_bytes, row_bytes.view(np.int32) if sweep.in_bytes else big
    terms = tuple(np.zeros(room, sweep.scores) for _ in range(5))
    distances = *(np.empty(room) for _ in range(6)), np.empty(CANDIDATES_AT_ONCE)
    rows = np.empty(room, sweep.scores), np.empty(room + step, dtype), *(np.empty(room + step, np.int32) for _ in "ab")
    listed, awake = (np.empty(room + step, np.int64) for _ in "ab")
    candidates = np.empty(CANDIDATES_AT_ONCE, np.int32), np.empty(CANDIDATES_AT_ONCE, np.int64)
    late = np.empty(room + step, np.int64), np.empty(room + 2 * step, dtype)
    lists = listed, awake, np.empty(room, np.int32), np.empty(room, np.float32), *candidates, *late
    own = sweep_scratch(sweep.scores, room, sweep.shape)
    return tiles, terms, distances, rows, lists, own, scratch_for(dtype, d, shape)


@inline
def far(square, off):
    """At most the distance whose computed square is `square`, as float32."""
    root = min(np.sqrt(max(square, 0.0)) * DOWN - off, FARTHEST)
    return np.float32(root if root > NEAREST else 0.0)


@inline
def near(square, off):
    """At least the distance whose computed square is `square`."""
    return np.sqrt(square) * UP + off + 1e-36


@inline
def cut_of(base, reach):
    """What a score must reach for a center that is as near as `reach`, rounded down."""
    cut = 0.5 * (base - reach * reach)
    return cut - abs(cut) * 2e-7 - 1e-30


@inline
def _fall(lower, drift, upper, labels, center_moves, least, awake):
    """Let the bounds follow the centers; list the rows that some group's bound does not rule out, return how many."""
    count = len(upper)
    for i in range(count):
        least[i] = np.inf
    for group in range(len(drift)):
        own = vector_view(lower[0] + group * lower[1], count, np.float32(0))
        fall = np.float32(drift[group])
        for i in range(count):
            bound = (own[i] - fall) * FADE
            own[i] = bound
            least[i] = bound if bound < least[i] else least[i]
    n_awake = 0
    for i in range(count):
        upper[i] = (upper[i] + center_moves[labels[i]]) * RISE
        awake[n_awake] = i
        n_awake += least[i] <= upper[i]
    return n_awake


@inline
def lower_to(lower, group, i, bound):
    """Row i may be as near as `bound` to some center of the group."""
    known = vector_view(lower[0] + group * lower[1], np.int64(i) + 1, np.float32(0))
    known[i] = min(known[i], bound)


@inline
def _measure(
    pairs,  # in     (numbers of rows, places of centers, scores), as sweeps list them
    n_pairs,
    order,
    before,
    nearest,  # in/out
    tile,
    stride,
    d,
    flat_centers,
    shift,
    norms,
    off_share,
    cuts,  # in/out
    distances,  # in/out best, second, bases, reach; scratch
    room,  # scratch (candidates, their rows)
    lower,  # in/out
    group_of,
):
    """Measure the listed pairs that reach the last cut of their row; return how many."""
    pair_rows, pair_places, pair_scores = pairs
    best, second, bases, reach, _, _, sq_dists = distances
    candidates, candidate_rows = room
    begin, measured = 0, 0
    while begin < n_pairs:
        n_here = 0
        while begin < n_pairs and n_here < len(candidates):
            i, score, j = pair_rows[begin], pair_scores[begin], order[pair_places[begin]]
            begin += 1
            if j < 0 or j == before[i]:
                continue
            if score < cuts[i]:
                lower_to(lower, group_of[j], i, far(bases[i] - 2.0 * np.float64(score), 0.0))
            else:
                candidates[n_here], candidate_rows[n_here] = j, i
                n_here += 1
        measured += n_here
        sq_dists_of(tile, stride, candidate_rows, n_here, d, candidates, flat_centers, shift, sq_dists)
        for q in range(n_here):
            i, j, square = candidate_rows[q], candidates[q], sq_dists[q]
            off = off_share * np.sqrt(np.float64(norms[i]))
            loser, lost = j, square
            if square < best[i]:
                loser, lost = nearest[i], best[i]
                best[i], nearest[i] = square, j
                reach[i] = near(square, off)
                cuts[i] = max(np.float64(cuts[i]), cut_of(bases[i], reach[i]))
            second[i] = min(second[i], lost)
            lower_to(lower, group_of[loser], i, far(lost, off))
    return measured


@jit
def bound_slab(
    rows,
    start,  # rows of the slab
    stop,
    weights,  # in     (stop - start,) or (0,)
    labels,  # in/out (stop - start,)
    norms,  # in/out (stop - start,) squared lengths of the packed rows; written if `fresh`
    lower,  # in/out (address of the first row's float32 bound of the first group, numbers from group to group)
    upper,  # in/out (stop - start,) at least the distance to the own center, float32
    fresh,  # whether nothing is known of the rows yet
    centers,  # in     (k, d)
    shift,
    panels,  # in     centers packed in their own order, for settling
    bounds,  # in     (slack, tiny, largest center norm)
    flags,  # in     (cosine, shifted, action)
    sweep,  # how panels are swept, as engine.groups.Groups describes it
    grouped,  # in     centers packed in the order of the groups, whole panels for each; and their terms
    order,  # in     (groups * places a group,) which center each place holds, -1 for none
    group_of,  # in     (k,) the group of each center, -1 for none
    ruled_out,  # in     (groups, labels) at most the distance from a label's center to any of a group; or (0, 0)
    drift,  # in     (groups,) how far centers of each group moved at most since the last pass, rounded up
    center_moves,  # in     (k,) how far each center moved, rounded up to float32
    cluster_sums,
    cluster_weights,
    scratch,  # as bounds_scratch makes it
    shape,
    sweep_shape,
):
    """Label the rows of a slab.

    Returns the rows whose label changed, the rows settled, the sum of the squared lengths of the rows that moved (with
    moves), how many pairs of a row and a group were swept, and how many candidates were measured.
    """
    tiles, row_terms, distances, row_room, lists, own_scratch, small = scratch
    big, origin, row_bytes, swept_tile = tiles
    cuts, scales, errors, lengths, widths = row_terms
    best, second, bases, reach, own_reach, sq_dists, _ = distances
    lows, padded_norms, nearest, before = row_room
    listed, awake, awake_labels, least, candidates, candidate_rows, late, late_cuts = lists
    candidate_room, pairs = (candidates, candidate_rows), own_scratch[2]
    (tile, columns), (_, _, _, index, _), settling = small
    _, _, score_tile, exact_rows, settle_dists, _, _ = settling
    (sweep_at, round_rows), (middle, sweep_stride, depth, group_panels, unit, middle_length) = sweep
    grouped_panels, grouped_terms = grouped
    cosine, shifted, action = flags
    slack, tiny, _ = bounds
    k, d = centers.shape
    m, step = len(shape[0]), len(shape[1]) * len(shape[2])
    width = len(sweep_shape[1]) * len(sweep_shape[2])
    panel_values = (depth + 1) * width
    n_panels = (k + m - 1) // m
    room = len(best)
    stride = len(big) // room
    zero, one, lowest = np.int64(0), np.int64(1), tile.dtype.type(-np.inf)
    address, row_width = rows[0], rows[1]
    in_place = lies_as_tile(rows, stride, d, big.itemsize, cosine, shifted)
    flat_centers = centers.reshape(-1)
    n_groups = len(drift)
    in_bytes = len(row_bytes) > 0
    off_share = 4.0 * unit
    moved, settled, swept, measured, spread = 0, 0, 0, 0, 0.0
    for first in range(start, stop, room):
        count = min(room, stop - first)
        own_bounds = lower[0] + 4 * (first - start), 4 * lower[1]
        own_labels = labels[first - start : first - start + count]
        own_norms = norms[first - start : first - start + count]
        own_upper = upper[first - start : first - start + count]
        remembers = not fresh and len(ruled_out) == 0
        if remembers:
            n_awake = _fall(own_bounds, drift, own_upper, own_labels, center_moves, least, awake)
        else:
            for i in range(count):
                awake[i] = i
            n_awake = count
        if in_place:
            rows_tile = vector_view(address + first * row_width, count * d, lowest)
        else:
            rows_tile = big
            if action == WITH_SUMS or 2 * n_awake > count:
                pack_tile(rows, first, count, count, d, cosine, shift, shifted, big, stride)
            else:
                for q in range(n_awake):
                    part = big[awake[q] * stride : (awake[q] + 1) * stride]
                    pack_tile(rows, first + awake[q], one, one, d, cosine, shift, shifted, part, stride)
        if fresh:
            for i in range(count):
                nearest[i] = 0
            own_sq_dists(rows_tile, stride, count, d, nearest, origin, origin, sq_dists)
            for i in range(count):
                own_norms[i] = sq_dists[i]
        for i in range(count):
            nearest[i] = own_labels[i]
            before[i] = own_labels[i]
            padded_norms[i] = own_norms[i]
        for q in range(n_awake):
            awake_labels[q] = own_labels[awake[q]]
        sq_dists_of(rows_tile, stride, awake, n_awake, d, awake_labels, flat_centers, shift, sq_dists)
        if in_bytes:
            call_at(
                round_rows,
                (rows_tile, zero + stride, awake, n_awake, zero + d, middle, unit, middle_length, row_bytes,
                 zero + sweep_stride, row_terms, bases),
                zero,
            )  # fmt: skip
        for q in range(n_awake):
            i = awake[q]
            square = np.float64(own_norms[i])
            if not in_bytes:
                bases[i] = square * (1.0 - 2.0 * slack) - 2.0 * tiny
                widths[i] = 2.1 * slack * square + 2.0 * tiny
            best[i], second[i] = sq_dists[q], np.inf
            reach[i] = near(best[i], off_share * np.sqrt(square))
            own_reach[i] = reach[i]
            cuts[i] = cut_of(bases[i], reach[i])
        source_at = swept_tile.ctypes.data if in_bytes else rows_tile.ctypes.data
        source = vector_view(source_at, count * sweep_stride, swept_tile.dtype.type(0))
        interrupted, n_pairs = False, zero
        for group in range(n_groups):
            own_lower = vector_view(own_bounds[0] + group * own_bounds[1], count, np.float32(0))
            n_listed = zero
            for q in range(n_awake):
                i = awake[q]
                listed[n_listed] = i
                if len(ruled_out):  # nothing is remembered; the triangle inequality tells
                    n_listed += ruled_out[group, before[i]] <= own_reach[i] + reach[i]
                else:
                    n_listed += fresh or own_lower[i] <= reach[i]
            if n_listed == 0:
                continue
            swept += n_listed
            for q in range(n_listed):
                lows[listed[q]] = -np.inf
                own_lower[listed[q]] = FARTHEST
            for panel in range(group * group_panels, (group + 1) * group_panels):
                if n_pairs + n_listed * width > len(pairs[0]):  # there is no room for more
                    measured += _measure(
                        pairs, n_pairs, order, before, nearest, rows_tile, stride, d, flat_centers, shift, own_norms,
                        off_share, cuts, distances, candidate_room, own_bounds, group_of,
                    )  # fmt: skip
                    n_pairs, interrupted = zero, True
                n_pairs = call_at(
                    sweep_at,
                    (source, zero + sweep_stride, listed, n_listed, zero + depth,
                     grouped_panels[panel * panel_values : (panel + 1) * panel_values],
                     grouped_terms[panel * TERMS * width : (panel + 1) * TERMS * width], row_terms, lows,
                     zero + panel * width, own_scratch, n_pairs, sweep_shape),
                    zero,
                )  # fmt: skip
            for q in range(n_listed):
                i = listed[q]
                own_lower[i] = min(own_lower[i], far(bases[i] - 2.0 * np.float64(lows[i]), 0.0))
                if interrupted and group_of[before[i]] == group and nearest[i] != before[i]:
                    # The own center has lost by now, and is among the others.
                    own_lower[i] = min(own_lower[i], far(second[i], off_share * np.sqrt(np.float64(own_norms[i]))))
        measured += _measure(
            pairs, n_pairs, order, before, nearest, rows_tile, stride, d, flat_centers, shift, own_norms, off_share,
            cuts, distances, candidate_room, own_bounds, group_of,
        )  # fmt: skip
        n_late = 0
        for q in range(n_awake):
            i = awake[q]
            off = off_share * np.sqrt(np.float64(own_norms[i]))
            if second[i] < np.inf and far(second[i], off) <= reach[i]:
                square = np.float64(own_norms[i])
                cut = cut_of(square * (1.0 - 2.0 * slack) - 2.0 * tiny, reach[i])
                late_cuts[n_late] = cut
                late[n_late] = first + i
                n_late += 1
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
                if nearest[i] != index[q]:  # its group's bound supposed that it is the row's own
                    lower_to(own_bounds, group_of[nearest[i]], i, np.float32(0))
                    nearest[i] = index[q]
        for q in range(n_awake):
            i = awake[q]
            moved += own_labels[i] != nearest[i]
            own_labels[i] = nearest[i]
            own_upper[i] = min(reach[i], FARTHEST) * UP
        own_weights = weights[first - start : first - start + count] if len(weights) else weights
        if action == WITH_SUMS:
            accumulate(rows_tile, stride, count, d, nearest, own_weights, cluster_sums, cluster_weights)
        elif action == WITH_MOVES:
            for i in range(count, min(count + step, len(nearest))):
                before[i] = nearest[i] = 0
            spread += accumulate_moves(
                rows_tile, stride, count, d, before, nearest, padded_norms, cluster_sums, cluster_weights, shape[2]
            )
    return moved, settled, spread, swept, measured
