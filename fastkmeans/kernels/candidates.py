"""Which centers may be nearest to a row: a sweep that scores a panel of centers and lists those that reach a cut.

A sweep, whatever its arithmetic, gives for row x and center c a score s that is proved to satisfy

    |x - c|^2 >= base(x) - 2 s        and        |x - c|^2 <= base(x) - 2 s + 2 width(x, c)

so that, where some center is known to be within R of the row, only a center whose score reaches the row's cut,
(base(x) - R^2) / 2, can be as near: a candidate. A candidate's upper bound may be a smaller R, which raises the cut
while the sweep goes on; what is listed is looked at again against the last cut. The largest score below the cut bounds
the distance of all others from below, which is what bounds.py remembers.

Centers lie in the lanes, as many as a panel holds, and a listed row is broadcast: it is read where it lies. With rows
in the lanes, as in the dense sweep, a list had to be gathered and turned into columns for every group. Ten iterations
by bounds in bytes, sentences 40k x 384, k=1000, one run with both, alternately: 478 to 491 ms with rows in the lanes,
386 to 423 so; full sweeps take the same both ways, 522 to 538 and 521 to 540.

Here is the sweep in the computing type; kernels/screen.py has the one in bytes. In the computing type, with slack and
tiny of settle.py and q the computed square of the row's length, base(x) = q (1 - 2 slack) - 2 tiny and width(x, c) =
2 slack (q + |c|^2) + 2 tiny, which follow from what settle.py proves of a score.
"""

from functools import cache

import numpy as np

from fastkmeans.kernels.jit import address_of, inline, jit
from fastkmeans.kernels.simd import fma_rows, judge, load, lowest_bit, repeat, row_numbers, store_tile

# Rows, vectors of centers and float32 lanes of a register tile: sums, centers and a broadcast fill the registers.
ROW_SHAPES = {"avx512": (6, 2, 16), "zen4": (6, 2, 16), "avx2": (6, 2, 8), "neon": (6, 4, 4), "plain": (4, 2, 4)}
TERMS = 5  # numbers a center: factor, bias, what a row's error and its length are multiplied by, its own width
PANELS_OF_PAIRS = 2  # room for so many times all pairs of a tile's rows and a panel's centers


def rows_shape(vector_set, dtype):
    """The register tile of listed rows on this machine, as tuples of Nones."""
    rows, vectors, width = ROW_SHAPES[vector_set]
    return (None,) * rows, (None,) * vectors, (None,) * max(4, width * 4 // np.dtype(dtype).itemsize)


def panel_centers(shape):
    """How many centers a panel holds."""
    return len(shape[1]) * len(shape[2])


def sweep_scratch(scores, room, shape):
    """What sweeps of up to `room` rows need for one thread: a tile of scores, who reached the cut, the pairs listed."""
    most = PANELS_OF_PAIRS * room * panel_centers(shape)
    pairs = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, scores)
    return np.empty(len(shape[0]) * panel_centers(shape), scores), np.empty(len(shape[0]), np.int64), pairs


@inline
def list_candidates(
    scores, numbers, listed, first, count, terms, row_terms, lows, first_place, scratch, n_pairs, shape
):  # fmt: skip
    """Raise the cuts of a tile's rows by their best scores, and append the pairs that reach them then.

    Returns how many pairs are listed. Of the scores against the first panel, which all reach a cut that knows nothing,
    only those that the best leaves are listed.
    """
    m, width = len(shape[0]), len(shape[1]) * len(shape[2])
    cuts, _, errors, lengths, widths = row_terms
    score_tile, hits, (pair_rows, pair_places, pair_scores) = scratch
    rounding = 2.0 * np.finfo(pair_scores.dtype).eps
    if judge(scores, numbers, cuts, lows, hits) == 0:
        return n_pairs
    store_tile(score_tile, 0, scores)
    for q in range(min(m, count - first)):
        i, reached, best = listed[first + q], hits[q], np.int64(0)
        top = score_tile.dtype.type(-np.inf)
        while reached != 0:
            c = lowest_bit(reached)
            reached &= reached - 1
            if score_tile[q * width + c] > top:
                top, best = score_tile[q * width + c], c
        if hits[q] != 0:
            over = np.float64(errors[i]) * terms[2 * width + best] + np.float64(lengths[i]) * terms[3 * width + best]
            over = 2.0 * over + np.float64(widths[i]) + terms[4 * width + best]
            raised = np.float64(top) - over - rounding * (abs(np.float64(top)) + over)
            if raised > cuts[i]:  # never so where the score is infinite
                cuts[i] = raised
        reached = hits[q]
        while reached != 0:
            c = lowest_bit(reached)
            reached &= reached - 1
            score = score_tile[q * width + c]
            if score < cuts[i]:
                lows[i] = max(lows[i], score)
            else:
                pair_rows[n_pairs], pair_places[n_pairs], pair_scores[n_pairs] = i, first_place + c, score
                n_pairs += 1
    return n_pairs


def _sweep_scores(
    tile,  # in     (rows * stride,) packed rows
    stride,
    listed,  # in     (count,) numbers of the rows to sweep
    count,
    depth,  # numbers of a row to score: its features
    panel,  # in     ((depth + 1) * width,) centers in the lanes, begun by their biases
    terms,  # in     (TERMS * width,)
    row_terms,  # in/out cuts, and factors, errors, lengths, widths (candidates.py), by number of row
    lows,  # in/out the largest score below the cut, by number of row
    first_place,  # the panel's first place in the order of the groups
    scratch,  # as sweep_scratch makes it
    n_pairs,  # pairs listed already; there is room for all pairs of a row and a center of the panel
    shape,
):
    """Score the rows against a panel; return how many pairs are listed then."""
    rows, vectors, lanes = shape
    m, width = len(rows), len(vectors) * len(lanes)
    bias = repeat(load(panel, 0, vectors, lanes), rows)
    for first in range(0, count, m):
        numbers = row_numbers(listed, first, count, rows)
        scores = bias
        for feature in range(depth):
            scores = fma_rows(
                scores, tile, numbers, stride, feature, load(panel, (feature + 1) * width, vectors, lanes)
            )
        n_pairs = list_candidates(
            scores, numbers, listed, first, count, terms, row_terms, lows, first_place, scratch, n_pairs, shape
        )
    return n_pairs


@cache
def score_sweeper(dtype, shape):
    """The address of the compiled sweep in the computing type `dtype`."""
    lanes, places, zero = np.empty(1, dtype), np.empty(1, np.int64), 0
    scratch = sweep_scratch(dtype, 1, shape)
    return address_of(
        _sweep_scores, lanes, 0, places, 0, 0, lanes, lanes, (lanes,) * 5, lanes, 0, scratch, 0, shape, result=zero
    )


@jit
def pack_groups(
    centers,  # in     (k, d)
    order,  # in     (places,) which center each place of the groups holds, -1 for none
    shift,
    slack,
    tiny,
    panels,  # out    (places / width * (d + 1) * width,)
    terms,  # out    (places * TERMS,)
    width,
):
    """Write the centers as panels in the order of their groups; places without a center never win."""
    d = centers.shape[1]
    lowest = np.finfo(panels.dtype).min
    for place in range(len(order)):
        panel, c = place // width, place % width
        at, j = panel * (d + 1) * width + c, order[place]
        squares = 0.0
        for feature in range(d):
            value = centers[max(j, 0), feature] - shift[feature] if j >= 0 else shift.dtype.type(0)
            panels[at + (feature + 1) * width] = value
            squares += np.float64(value) * np.float64(value)
        panels[at] = slack * squares - 0.5 * squares if j >= 0 else lowest
        for term in range(TERMS):
            terms[(panel * TERMS + term) * width + c] = 0
        terms[(panel * TERMS + 4) * width + c] = 2.1 * slack * squares + 4 * tiny
