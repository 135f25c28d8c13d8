"""Which centers may be nearest to a row: a sweep that scores a group of centers and lists those that reach a cut.

A sweep, whatever its arithmetic, gives for row x and center c a score s that is proved to satisfy

    |x - c|^2 >= base(x) - 2 s        and        |x - c|^2 <= base(x) - 2 s + 2 width(x, c)

so that, where some center is known to be within R of the row, only a center whose score reaches the row's cut,
(base(x) - R^2) / 2, can be as near: a candidate. A candidate's upper bound may be a smaller R, which raises the cut
while the sweep goes on; what is listed is looked at again against the last cut. The largest score below the cut bounds
the distance of all others from below, which is what bounds.py remembers.

Here is the sweep in the computing type; kernels/screen.py has the one in bytes. In the computing type, with slack and
tiny of settle.py and q the computed square of the row's length, base(x) = q (1 - 2 slack) - 2 tiny and width(x, c) =
2 slack (q + |c|^2) + 2 tiny, which follow from what settle.py proves of a score.
"""

from functools import cache

import numpy as np

from fastkmeans.kernels.jit import address_of, inline, jit
from fastkmeans.kernels.packing import turner
from fastkmeans.kernels.simd import (
    any_reaches,
    call_at,
    fma_tile,
    fold_max,
    keep_below,
    load,
    load_broadcast,
    lowest_bit,
    reaching,
    repeat,
    splat,
    store,
    store_tile,
)

EIGHT = (None,) * 8
ONE = (None,)
TERMS = 5  # numbers a center: factor, bias, what a row's error and its length are multiplied by, its own width
MOST_PAIRS = 1 << 15
SMALL_TILE_BYTES = 16 * 1024  # rows gathered at a time: with their columns they fill an L1 cache


def sweep_scratch(dtype, scores, stride, depth, group_places, shape):
    """What a sweep needs for one thread: gathered rows, their columns, one vector of rows, the pairs it lists."""
    m, step = len(shape[0]), len(shape[1]) * len(shape[2])
    dtype = np.dtype(dtype)
    room = int(np.clip(SMALL_TILE_BYTES // (stride * dtype.itemsize) // step * step, step, 64 * step))
    gathered, columns = np.zeros(room * stride, dtype), np.zeros(room * depth, dtype)
    small = tuple(np.empty(step, scores) for _ in range(5))
    most = max(MOST_PAIRS, group_places * step)
    pairs = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, scores)
    words = gathered.view(np.int32), columns.view(np.int32)
    return (gathered, columns, *words, np.empty(m * step, scores)), small, pairs


@inline
def gather(tile, stride, listed, first, count, gathered):
    """Copy the rows of a tile whose numbers are listed from `first` on."""
    for q in range(count):
        at = listed[first + q] * stride
        if stride % len(EIGHT) == 0:
            for feature in range(0, stride, len(EIGHT)):
                store(gathered, q * stride + feature, load(tile, at + feature, ONE, EIGHT))
        else:
            for feature in range(stride):
                gathered[q * stride + feature] = tile[at + feature]


@inline
def take_terms(row_terms, listed, first, count, step, small):
    """The terms of up to a vector of listed rows, side by side; no score reaches the cut of a lane without a row."""
    cuts, scales, errors, lengths, _ = row_terms
    own_cuts, own_scales, own_errors, own_lengths, _ = small
    for q in range(step):
        if first + q < count:
            i = listed[first + q]
            own_cuts[q], own_scales[q], own_errors[q], own_lengths[q] = cuts[i], scales[i], errors[i], lengths[i]
        else:
            own_cuts[q] = np.inf
            own_scales[q], own_errors[q], own_lengths[q] = 0, 0, 0


@inline
def list_candidates(
    scores, score_tile, low, panel, terms, row_terms, listed, whole, first, own_cuts, at_cuts, pairs, n_pairs,
    first_place, shape,
):  # fmt: skip
    """Append the pairs that reach their row's cut, raising it; return their number so far and the largest others."""
    centers, vectors, lanes = shape
    m, step = len(centers), len(vectors) * len(lanes)
    _, _, errors, lengths, widths = row_terms
    pair_rows, pair_places, pair_scores = pairs
    rounding = 2.0 * np.finfo(pair_scores.dtype).eps
    at = panel * TERMS * m
    store_tile(score_tile, 0, scores)
    for c in range(m):
        values, cuts = load(score_tile, c * step, vectors, lanes), load(own_cuts, at_cuts, vectors, lanes)
        low = keep_below(low, values, cuts)
        hits = reaching(values, cuts)
        while hits != 0:
            q = lowest_bit(hits)
            hits &= hits - 1
            i = first + q if whole else listed[first + q]
            score = np.float64(score_tile[c * step + q])
            pair_rows[n_pairs], pair_places[n_pairs], pair_scores[n_pairs] = i, first_place + panel * m + c, score
            n_pairs += 1
            width = np.float64(errors[i]) * terms[at + 2 * m + c] + np.float64(lengths[i]) * terms[at + 3 * m + c]
            width = 2.0 * width + np.float64(widths[i]) + terms[at + 4 * m + c]
            raised = score - width - rounding * (abs(score) + width)
            if raised > own_cuts[at_cuts + q]:  # never so where the score is infinite
                own_cuts[at_cuts + q] = raised
    return n_pairs, low


@inline
def leave_terms(cuts, lows, small, listed, first, count, step):
    """Write the raised cuts and the largest scores below them back to where the listed rows' terms lie."""
    own_cuts, own_lows = small[0], small[4]
    for q in range(min(step, count - first)):
        i = listed[first + q]
        cuts[i], lows[i] = own_cuts[q], own_lows[q]


def _sweep_scores(
    tile,  # in     (rows * stride,) packed rows
    stride,
    listed,  # in     (count,) numbers of the rows to sweep
    first,  # the first of them
    count,
    whole,  # whether the rows are those of `turned`, all of them; cuts beyond them are infinite up to a whole vector
    turned,  # in     columns of the tile
    depth,  # numbers of a row to score: its features
    panels,  # in     centers of the group, packed as for two_best
    n_panels,
    terms,  # in     (n_panels * TERMS * m,)
    row_terms,  # in/out cuts, and factors, errors, lengths, widths (candidates.py), by number of row
    lows,  # out    the largest score below the cut, by number of row
    scratch,  # as sweep_scratch makes it
    n_pairs,  # pairs listed already
    first_place,  # number of the group's first place
    turn,  # address of the compiled turn_tile
    shape,
):
    """Return how many pairs are listed, and the first row that was not swept as there was no room for its pairs."""
    (gathered, columns, _, _, score_tile), small, pairs = scratch
    centers, vectors, lanes = shape
    m, step = len(centers), len(vectors) * len(lanes)
    zero = np.int64(0)
    lowest = lows.dtype.type(-np.inf)
    room = len(gathered) // stride
    swept = turned if whole else columns
    while first < count:
        here = min(room, count - first)
        n_groups = (here + step - 1) // step
        if not whole:
            gather(tile, stride, listed, first, here, gathered)
            call_at(turn, (gathered, zero + stride, n_groups, zero + depth, columns, shape), zero)
        for group in range(n_groups):
            if n_pairs + n_panels * m * step > len(pairs[0]):
                return n_pairs, first
            if not whole:
                take_terms(row_terms, listed, first, count, step, small)
            own_cuts, own = row_terms[0] if whole else small[0], first if whole else zero
            cuts = load(own_cuts, own, vectors, lanes)
            low = repeat(splat(lowest, lanes), vectors)
            at = 0
            for panel in range(n_panels):
                scores = load_broadcast(panels, at, 1, centers, vectors, lanes)
                at += m
                place = first * depth if whole else group * depth * step
                for _ in range(depth):
                    scores = fma_tile(scores, panels, at, 1, load(swept, place, vectors, lanes))
                    at += m
                    place += step
                top = fold_max(repeat(splat(lowest, lanes), vectors), scores)
                if any_reaches(top, cuts):
                    n_pairs, low = list_candidates(
                        scores, score_tile, low, panel, terms, row_terms, listed, whole, first, own_cuts, own, pairs,
                        n_pairs, first_place, shape,
                    )  # fmt: skip
                    cuts = load(own_cuts, own, vectors, lanes)
                else:
                    low = keep_below(low, top, cuts)
            store(lows if whole else small[4], own, low)
            if not whole:
                leave_terms(row_terms[0], lows, small, listed, first, count, step)
            first += step
    return n_pairs, first


@cache
def score_sweeper(dtype, shape):
    """The address of the compiled sweep in the computing type `dtype`, and of its turner."""
    dtype = np.dtype(dtype)
    lanes, places = np.empty(1, dtype), np.empty(1, np.int64)
    scratch = sweep_scratch(dtype, dtype, 8, 8, 1, shape)
    arguments = (lanes, 0, places, 0, 0, 0, lanes, 0, lanes, 0, lanes, (lanes,) * 5, lanes, scratch, 0, 0, 0, shape)
    return address_of(_sweep_scores, *arguments, result=(0, 0)), turner(dtype, shape)


@jit
def pack_groups(
    centers,  # in     (k, d)
    order,  # in     (places,) which center each place of the groups holds, -1 for none
    shift,
    slack,
    tiny,
    panels,  # out    (places / m * (d + 1) * m,)
    terms,  # out    (places * TERMS,)
    shape,
):
    """Write the centers as panels in the order of their groups; places without a center never win."""
    d, m = centers.shape[1], len(shape[0])
    lowest = np.finfo(panels.dtype).min
    for place in range(len(order)):
        panel, c = place // m, place % m
        at, j = panel * (d + 1) * m + c, order[place]
        squares = 0.0
        for feature in range(d):
            value = centers[max(j, 0), feature] - shift[feature] if j >= 0 else shift.dtype.type(0)
            panels[at + (feature + 1) * m] = value
            squares += np.float64(value) * np.float64(value)
        panels[at] = slack * squares - 0.5 * squares if j >= 0 else lowest
        for term in range(TERMS):
            terms[(panel * TERMS + term) * m + c] = 0
        terms[(panel * TERMS + 4) * m + c] = 2.1 * slack * squares + 4 * tiny
