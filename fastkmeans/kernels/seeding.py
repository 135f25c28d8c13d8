"""Greedy k-means++: what trial centers would gain, row by row, and the rows that the taken one wins.

A row knows its squared distance to the nearest center so far and which one that is. A trial farther from that
center than twice the row's distance cannot win the row (the triangle inequality; E. Raff, "Exact acceleration of
K-Means++ and K-Means||", IJCAI 2021): its values are not read. Where few rows of a tile may be won they are
measured one by one against all trials, a trial in every lane; where many, the whole tile is, a row in every lane.
Distances are sums of squared differences, which do not cancel wherever the data lie, in one order of steps: a row
has the same bits whichever way it was measured, and those it would have had where it was skipped.
"""

from functools import cache

import numpy as np

from fastkmeans.kernels.jit import address_of, inline, jit
from fastkmeans.kernels.memory import CACHE_LINE
from fastkmeans.kernels.packing import lies_as_tile, pack_tile
from fastkmeans.kernels.simd import (
    add_gain,
    add_gains,
    add_squares_at,
    add_squares_from,
    call_at,
    load,
    prefetch_far,
    repeat,
    splat,
    store,
    store_tile,
    store_tile_apart,
    sum_lanes,
    vector_view,
    widen,
)

EIGHT = (None,) * 8  # trials a panel, and rows that are measured together
ONE = (None,)
TILE_ROWS = 512  # rows whose potential is one number: a draw looks through one such tile
TILE_BYTES = 256 * 1024
COLUMN_BYTES = 16 * 1024
ROWS_AHEAD = 16  # listed rows between the one that is measured and the one that is asked for
WHOLE_FROM = 0.3  # share of a tile's rows from which measuring all of them is the faster way


def seeding_tile_rows(dtype, d):
    """Rows a tile: whole groups for every register tile."""
    return int(np.clip(TILE_BYTES // (d * np.dtype(dtype).itemsize) // 64 * 64, 64, TILE_ROWS))


def seeding_scratch(dtype, d, tile_rows, shape):
    """What score_trials needs for one thread: tile, columns; lists; distances; weights and sums."""
    centers, vectors, lanes = map(len, shape)
    step = vectors * lanes
    tile = np.empty(tile_rows * d, dtype)
    columns = np.empty(max(step * d, COLUMN_BYTES // tile.itemsize // step * step), dtype)
    lists = np.empty(tile_rows + 8, np.int64), np.empty(tile_rows + 8, np.int64)
    measured = np.empty(max(64, centers * step), dtype), np.empty(tile_rows, dtype), np.empty(tile_rows, dtype)
    return (tile, columns), lists, measured, (np.empty(tile_rows, dtype), np.empty(centers * lanes, dtype))


@inline
def measure_eight(tile, places, d, trials, at, like):
    """Squared distances of eight rows of a tile to a panel of trials: a tuple of rows of one vector."""
    sums = repeat((splat(like, EIGHT),), EIGHT)
    for feature in range(d):
        sums = add_squares_at(sums, tile, places, feature, load(trials, at, ONE, EIGHT))
        at += len(EIGHT)
    return sums


@inline
def _eight_of(listed, at, scale):
    """scale * listed[at + q] for q < 8."""
    return (
        scale * listed[at], scale * listed[at + 1], scale * listed[at + 2], scale * listed[at + 3],
        scale * listed[at + 4], scale * listed[at + 5], scale * listed[at + 6], scale * listed[at + 7],
    )  # fmt: skip


@inline
def _score_listed(
    rows,
    first,  # the tile's first row
    own,  # its place in the slab
    listed,  # in     (n_listed + 8,) rows of the tile, the last one repeated
    n_listed,
    in_order,  # scratch (n_listed + 8,)
    weights,
    scale,
    closest,
    d,
    cosine,
    narrow,  # in     trials in panels of 8
    n_trials,
    kept,
    kept_stride,
    gains,
    gain_at,
    in_place,
    own_tile,
    distances,
    first_distances,  # out    (rows of the tile,) to the first trial, of listed rows
):
    """Measure the listed rows of a tile against all trials, a trial in every lane."""
    address, row_bytes = rows[0], rows[1]
    zero, one = own_tile.dtype.type(0), np.int64(1)
    places_of, tile = listed, own_tile
    if in_place:
        tile = vector_view(address + first * row_bytes, (listed[n_listed - 1] + 1) * d, zero)
    else:
        places_of = in_order
        for place in range(n_listed + len(EIGHT)):
            in_order[place] = min(place, n_listed - 1)
        for place in range(n_listed):
            room = own_tile[place * d : (place + 1) * d]
            pack_tile(rows, first + listed[place], one, one, d, cosine, narrow, 0, room, d)
    lines = (d * own_tile.itemsize + CACHE_LINE - 1) // CACHE_LINE
    ahead = in_place
    for i in range(min(ROWS_AHEAD, n_listed) if ahead else 0):
        line = address + (first + listed[i]) * row_bytes
        for _ in range(lines):
            prefetch_far(line)
            line += CACHE_LINE
    for trial in range(0, n_trials, len(EIGHT)):
        count = min(len(EIGHT), n_trials - trial)
        total = splat(zero, EIGHT)
        for at in range(0, n_listed, len(EIGHT)):
            for q in range(min(len(EIGHT), n_listed - at - ROWS_AHEAD) if ahead else 0):
                line = address + (first + listed[at + ROWS_AHEAD + q]) * row_bytes
                for _ in range(lines):
                    prefetch_far(line)
                    line += CACHE_LINE
            store_tile(distances, 0, measure_eight(tile, _eight_of(places_of, at, d), d, narrow, trial * d, zero))
            for q in range(min(len(EIGHT), n_listed - at)):
                i = own + listed[at + q]
                weight = zero + weights[i] * scale if len(weights) else zero + 1.0
                values = load(distances, q * len(EIGHT), ONE, EIGHT)[0]
                total = add_gain(total, closest[i], values, own_tile.dtype.type(weight))
                if kept_stride != 0:
                    for c in range(count):
                        kept[(trial + c) * kept_stride + i] = distances[q * len(EIGHT) + c]
                if trial == 0:
                    first_distances[i - own] = distances[q * len(EIGHT)]
        ahead = False  # the first panel has asked for all
        store(gains, gain_at + trial, (widen(total),))


@inline
def _score_whole(
    rows,
    first,
    own,
    count,
    weights,
    scale,
    closest,
    d,
    cosine,
    turn,  # address of the code that turns a group of rows
    wide,  # in     trials in panels of as many as a register tile has
    n_trials,
    kept,
    kept_stride,
    gains,
    gain_at,
    in_place,
    ahead,  # address of the next tile's rows, 0 for none
    own_tile,
    columns,  # scratch, some groups
    distances,
    padded,
    first_distances,  # out    (count,) to the first trial
    padded_weights,
    lane_sums,  # scratch (m * width,)
    shape,
):
    """Measure all rows of a tile against all trials, a row in every lane."""
    centers, vectors, lanes = shape
    m, width = len(centers), len(lanes)
    step = len(vectors) * width
    address, row_bytes = rows[0], rows[1]
    zero, none = own_tile.dtype.type(0), np.int64(0)
    n_groups = (count + step - 1) // step
    if in_place and count == n_groups * step:
        tile_address = address + first * row_bytes
    else:
        pack_tile(rows, first, count, n_groups * step, d, cosine, wide, 0, own_tile, d)
        tile_address = own_tile.ctypes.data
    # A call counts references, a hundred cycles; more rows than fit the first cache level would be read from the next.
    groups_a_turn = max(1, min(n_groups, len(columns) // (step * d)))
    for i in range(count):
        padded[i] = closest[own + i]
        padded_weights[i] = weights[own + i] * scale if len(weights) else 1.0
    for i in range(count, n_groups * step):
        padded[i] = zero
        padded_weights[i] = zero
    # One memory access lasts as long as a few groups: lines of the next tile are asked for a few a feature.
    lines = (step * row_bytes // CACHE_LINE + d - 1) // d if ahead != 0 else 0
    for trial in range(0, n_trials, m):
        sums = repeat(splat(zero, lanes), centers)
        for first_group in range(0, n_groups, groups_a_turn):
            turned = min(groups_a_turn, n_groups - first_group)
            size = first_group * step * d
            turned_rows = vector_view(tile_address + size * own_tile.itemsize, turned * step * d, zero)
            call_at(turn, (turned_rows, none + d, none + turned, none + d, columns, shape), none)
            for group in range(first_group, first_group + turned):
                place = (group - first_group) * step * d
                measured = repeat(repeat(splat(zero, lanes), vectors), centers)
                at = trial * d
                for _ in range(d):
                    for _ in range(lines):
                        prefetch_far(ahead)
                        ahead += CACHE_LINE
                    measured = add_squares_from(measured, wide, at, 1, load(columns, place, vectors, lanes))
                    at += m
                    place += step
                limits = load(padded, group * step, vectors, lanes)
                sums = add_gains(sums, limits, measured, load(padded_weights, group * step, vectors, lanes))
                if trial == 0:
                    store(first_distances, group * step, measured[0])
                if kept_stride != 0:
                    base, here = own + group * step, min(step, count - group * step)
                    if here == step:
                        store_tile_apart(kept, trial * kept_stride + base, kept_stride, measured)
                    else:
                        store_tile(distances, 0, measured)
                        for c in range(m):
                            for i in range(here):
                                kept[(trial + c) * kept_stride + base + i] = distances[c * step + i]
        lines = 0  # the first panel has asked for all
        store(lane_sums, 0, sums)
        for c in range(min(m, n_trials - trial)):
            gains[gain_at + trial + c] = sum_lanes(widen(load(lane_sums, c * width, ONE, lanes)[0]))


def _score_trials(
    rows,
    start,  # rows of the slab
    stop,
    weights,  # in     (stop - start,) or (0,)
    closest,  # in/out (stop - start,) squared distance of each row to the nearest center so far
    labels,  # in/out (stop - start,) that center
    d,
    cosine,
    trials,  # in     (trials in panels of 8, in panels of a register tile, how many, turner, scale of weights)
    limits,  # in     (centers,) rows of a center with no greater `closest` cannot be won by a trial
    taken,  # the label of the first trial where rows are to take it at once, -1 to leave them
    wanted,  # in     (tiles,) what tiles gained from this trial before, those that gained nothing are left; or (0,)
    kept,  # where distances of the measured rows go: (address of the first, numbers to the next trial's), or 0s
    gains,  # out    (tiles * lanes,) sum of weight * what `closest` would fall by, in the computing type by tile
    lanes,  # n_trials, rounded up to whole panels of 8
    tile_rows,
    scratch,  # as seeding_scratch makes it
    shape,
):
    """Measure the rows that a trial may win; return how many there were."""
    (own_tile, columns), (listed, in_order), (distances, padded, first_distances), (padded_weights, lane_sums) = scratch
    narrow, wide, n_trials, turn, scale = trials
    in_place = lies_as_tile(rows, d, d, own_tile.itemsize, cosine, 0)
    address, kept_stride = kept
    kept_rows = vector_view(address, lanes * kept_stride, own_tile.dtype.type(0))
    measured = 0
    for first in range(start, stop, tile_rows):
        own = first - start
        count = min(tile_rows, stop - first)
        gain_at = own // tile_rows * lanes
        n_listed = 0
        for i in range(count if len(wanted) == 0 or wanted[own // tile_rows] > 0.0 else 0):
            listed[n_listed] = i
            n_listed += closest[own + i] > limits[labels[own + i]]
        measured += n_listed
        if n_listed == 0:
            for lane in range(lanes):
                gains[gain_at + lane] = 0.0
        elif n_listed > WHOLE_FROM * count:
            ahead = rows[0] + (first + count) * rows[1] if first + count < stop else 0
            _score_whole(
                rows, first, own, count, weights, scale, closest, d, cosine, turn, wide, n_trials, kept_rows,
                kept_stride, gains, gain_at, in_place, ahead, own_tile, columns, distances, padded, first_distances,
                padded_weights, lane_sums, shape,
            )  # fmt: skip
        else:
            for i in range(len(EIGHT)):
                listed[n_listed + i] = listed[n_listed - 1]
            for i in range(count if taken >= 0 else 0):
                first_distances[i] = np.inf
            _score_listed(
                rows, first, own, listed, n_listed, in_order, weights, scale, closest, d, cosine, narrow, n_trials,
                kept_rows, kept_stride, gains, gain_at, in_place, own_tile, distances, first_distances,
            )  # fmt: skip
        if taken >= 0 and n_listed > 0:
            for i in range(count):
                labels[own + i] = taken if first_distances[i] < closest[own + i] else labels[own + i]
            for i in range(count):
                closest[own + i] = min(first_distances[i], closest[own + i])
    return measured


@cache
def scorer(dtype, label_dtype, shape):
    """The address of the compiled `_score_trials` for a computing type, a type of labels, and a register tile."""
    lanes, numbers, labels = np.empty(1, dtype), np.empty(1), np.empty(1, label_dtype)
    return address_of(
        _score_trials, (0,) * 7, 0, 0, numbers, lanes, labels, 0, 0, (lanes, lanes, 0, 0, 0.0), lanes, 0, numbers,
        (0, 0), numbers, 0, 0, seeding_scratch(dtype, 1, 64, shape), shape, result=0,
    )  # fmt: skip


@jit
def score_trials(
    address, rows, start, stop, weights, closest, labels, d, cosine, trials, limits, taken, wanted, kept, gains,
    lanes, tile_rows, scratch, shape,
):  # fmt: skip
    """Measure the rows that a trial may win with the kernel at `address`; arguments and result as `_score_trials`."""
    arguments = (
        rows, start, stop, weights, closest, labels, d, cosine, trials, limits, taken, wanted, kept, gains, lanes,
        tile_rows, scratch, shape,
    )  # fmt: skip
    return call_at(address, arguments, np.int64(0))
