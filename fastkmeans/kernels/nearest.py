"""The nearest few centers of every row, in the order of the definition of nearest.

For a score s of center c as the sweep computes it, settle.py proves, with its slack and tiny, that

    true score <= s + slack |x|^2 / 2 + tiny,      true score >= s - 2 slack |c|^2 - slack |x|^2 / 2 - tiny

so that, where n centers have s - 2 slack |c|^2 >= L, only centers with s >= L - slack |x|^2 - 2 tiny are among the n
nearest. A group of rows is swept as assign.py does, but its scores are kept; centers are cut into units of a few, and
the n-th largest of the units' best is an L: they are different centers. The candidates that reach the cut, hardly more
than n, are measured in float64 and put in order. Where two neighbours in that order differ by no more than the rounding
of their sums, the definition measures the row's candidates again.
"""

import numpy as np

from fastkmeans.kernels.distances import defined_sq_dist, sq_dists_of
from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.memory import aligned_parts
from fastkmeans.kernels.packing import columns_of, pack_tile, square_norms
from fastkmeans.kernels.simd import fma_tile, keep_largest, load, load_broadcast, repeat, sift, splat, store, store_tile
from fastkmeans.kernels.slab import scratch_for

UNITS_A_NEAREST = 2  # for the n best of units to be nearly the n best centers
# To find the n largest of u units takes n u steps, to measure and sort all centers about a hundred each.
MOST_SQUARE = 100
PAIRS_AT_ONCE = 4096  # of a row and a candidate, measured in one call
RUN = 64  # candidates put in order by counting those before each: no branch to guess
UP = 1.0 + 1e-6  # covers the rounding of cuts


@jit
def unit_size(k, n_nearest, m):
    """How many centers of a panel of m are a unit; 0 where it is as well to measure all centers."""
    if n_nearest * n_nearest > MOST_SQUARE * k:
        return 0
    size = m
    while size > 1 and (m % size != 0 or UNITS_A_NEAREST * n_nearest > k // size):
        size -= 1
    return size if size > 1 or m == 1 else 0


def nearest_scratch(dtype, d, k, n_nearest, shape):
    """What nearest_slab needs for one thread: tiles, a group's scores, pairs to measure, room for one row."""
    m, step = len(shape[0]), len(shape[1]) * len(shape[2])
    lane, wide, n_panels = np.dtype(dtype), np.dtype(np.float64), -(-k // m)
    small, size = scratch_for(dtype, d, shape), unit_size(k, n_nearest, m)
    places, units, kept = (n_panels * m, n_panels * m // size, n_nearest) if size else (0, 0, 0)
    counts = len(small[0][0]), places * step, units * step, kept * step, places
    stored, scores, bests, tops, margins = aligned_parts([(lane, count) for count in counts])
    room = k + PAIRS_AT_ONCE
    pairs = np.empty(room, np.int64), np.empty(room, np.int32), np.empty(room, wide)
    in_order = np.empty(k, wide), np.empty(k, np.int32), np.empty(k, wide), np.empty(k, np.int32)
    own = np.empty(d, wide), np.empty(step, np.int64)
    return small, (stored, np.zeros(d, lane)), (scores, bests, tops, margins), pairs, in_order, own


@inline
def put_in_order(values, centers, first, last, in_order):
    """Write [first, last) of both by ascending value, the earlier first of equals."""
    sorted_values, sorted_centers, merged_values, merged_centers = in_order
    count = last - first
    for begin in range(0, count, RUN):
        end = min(begin + RUN, count)
        run = values[first + begin : first + end]  # a slice, counted without a branch, fills vectors
        for p in range(len(run)):
            value, below, equal = run[p], np.int64(0), np.int64(0)
            for q in range(len(run)):
                below += 1 if run[q] < value else 0
                equal += 1 if run[q] == value else 0
            rank = begin + below
            if equal > 1:
                for q in range(p):
                    rank += run[q] == value
            sorted_values[rank], sorted_centers[rank] = value, centers[first + begin + p]
    width = RUN
    while width < count:
        for begin in range(0, count, 2 * width):
            middle, end = min(begin + width, count), min(begin + 2 * width, count)
            left, right, at = begin, middle, begin
            while left < middle and right < end:
                later = sorted_values[right] < sorted_values[left]
                source = right if later else left
                merged_values[at], merged_centers[at] = sorted_values[source], sorted_centers[source]
                right += later
                left += not later
                at += 1
            for q in range(left, middle):
                merged_values[at + q - left], merged_centers[at + q - left] = sorted_values[q], sorted_centers[q]
            for q in range(right, end):  # they lie there already
                merged_values[q], merged_centers[q] = sorted_values[q], sorted_centers[q]
        for q in range(count):
            sorted_values[q], sorted_centers[q] = merged_values[q], merged_centers[q]
        width *= 2


@inline
def sweep_group(
    columns,  # in     packed rows, feature-major
    place,  # where the group begins
    d,
    panels,
    margins,  # in     (n_panels * m,) 2 slack |c|^2, rounded up
    n_panels,
    size,  # centers of a unit
    n_nearest,
    lowest,
    scores,  # out    (n_panels * m * step,) of all centers
    bests,  # out    (units * step,) the best score of each unit
    tops,  # out    (n_nearest * step,) the largest of the units' best scores less margins
    shape,
):
    """Write the scores of a group of rows, and what cuts follow from."""
    rows, vectors, lanes = shape
    m, step = len(rows), len(vectors) * len(lanes)
    none = repeat(splat(lowest, lanes), vectors)
    for t in range(n_nearest):
        store(tops, t * step, none)
    at = 0
    for panel in range(n_panels):
        tile = load_broadcast(panels, at, 1, rows, vectors, lanes)
        at += m
        for feature in range(d):
            tile = fma_tile(tile, panels, at, 1, load(columns, place + feature * step, vectors, lanes))
            at += m
        store_tile(scores, panel * m * step, tile)
        for first in range(panel * m, (panel + 1) * m, size):
            best, low = none, none
            for j in range(first, first + size):
                score = load(scores, j * step, vectors, lanes)
                best, low = sift(best, score)[0], keep_largest(low, score, margins[j])
            store(bests, first // size * step, best)
            for t in range(n_nearest):
                top, low = sift(load(tops, t * step, vectors, lanes), low)
                store(tops, t * step, top)


@inline
def list_candidates(scores, bests, i, cut, k, size, step, listed, n_listed):
    """Append the centers whose scores reach the cut of row i of a group, ascending; return how many are listed then."""
    for unit in range((k + size - 1) // size):
        if bests[unit * step + i] >= cut:
            for j in range(unit * size, min(k, (unit + 1) * size)):
                if scores[j * step + i] >= cut:
                    listed[n_listed] = j
                    n_listed += 1
    return n_listed


@jit
def nearest_slab(
    rows,
    start,  # rows of the slab
    stop,
    centers,  # in     (k, d)
    shift,
    panels,  # in     packed centers
    center_norms,  # in     (k,)
    bounds,  # in     (slack, tiny, largest center norm)
    flags,  # in     (cosine, shifted)
    indices,  # out    (stop - start, n_nearest) int32
    distances,  # out    (stop - start, n_nearest)
    scratch,  # as nearest_scratch makes it
    shape,
):
    """Write the nearest centers of the rows of a slab, and their distances."""
    small, (stored, origin), (scores, bests, tops, margins), pairs, in_order, (row, ends) = scratch
    numbers, listed, sq_dists = pairs
    (own_tile, columns), (norms, _, _, _, _), _ = small
    cosine, shifted = flags
    slack, tiny, _ = bounds
    k, d = centers.shape
    n_nearest = indices.shape[1]
    m, step, room = len(shape[0]), len(shape[1]) * len(shape[2]), len(norms)
    n_panels, stride, size = (k + m - 1) // m, len(own_tile) // len(norms), unit_size(k, n_nearest, m)
    lowest, eps = norms.dtype.type(-np.inf), np.finfo(norms.dtype).eps
    flat_centers = centers.reshape(-1)
    for j in range(len(margins)):
        margins[j] = 2.0 * slack * center_norms[j] * UP if j < k else 0.0
    # More than two float64 sums of the same d squares can differ by in two orders, of either center; and underflow.
    doubt, least = 3.0 * (d + 16) * 2.0**-53, 16.0 * (d + 16) * 5e-324
    for tile_first in range(start, stop, room):
        count = min(room, stop - tile_first)
        n_groups = (count + step - 1) // step
        pack_tile(rows, tile_first, count, n_groups * step, d, cosine, shift, 0, stored, stride)
        if size > 0:
            if shifted:
                pack_tile(rows, tile_first, count, n_groups * step, d, cosine, shift, shifted, own_tile, stride)
            columns_of(rows, own_tile if shifted else stored, stride, n_groups, d, columns, shape)
            square_norms(columns, n_groups, d, norms, shape)
        for group in range(n_groups):
            if size > 0:
                sweep_group(
                    columns, group * d * step, d, panels, margins, n_panels, size, n_nearest, lowest, scores, bests,
                    tops, shape,
                )  # fmt: skip
            here = min(step, count - group * step)
            waiting, n_pairs = 0, 0
            for i in range(here):
                before = n_pairs
                if size > 0:
                    witness = np.float64(tops[(n_nearest - 1) * step + i])
                    cut = witness - slack * np.float64(norms[group * step + i]) * UP - 3.0 * tiny
                    cut -= 4.0 * eps * (abs(witness) + abs(cut))
                    n_pairs = list_candidates(
                        scores, bests, i, norms.dtype.type(cut), k, size, step, listed, n_pairs
                    )  # fmt: skip
                else:
                    for j in range(k):
                        listed[n_pairs + j] = j
                    n_pairs += k
                for q in range(before, n_pairs):
                    numbers[q] = group * step + i
                ends[i] = n_pairs
                if i + 1 < here and n_pairs <= PAIRS_AT_ONCE:
                    continue
                # A call counts references, which takes as long as a few candidates: rows are measured together.
                sq_dists_of(stored, stride, numbers, n_pairs, d, listed, flat_centers, origin, sq_dists)
                begin = 0
                for other in range(waiting, i + 1):
                    end, sorted_dists, sorted_centers = ends[other], in_order[0], in_order[1]
                    put_in_order(sq_dists, listed, begin, end, in_order)
                    certain = True
                    for q in range(min(n_nearest, end - begin - 1)):
                        certain &= sorted_dists[q + 1] - sorted_dists[q] > doubt * sorted_dists[q + 1] + least
                    if not certain:
                        for feature in range(d):
                            row[feature] = stored[(group * step + other) * stride + feature]
                        for q in range(begin, end):
                            sq_dists[q] = defined_sq_dist(row, centers, listed[q], d, np.inf)
                        put_in_order(sq_dists, listed, begin, end, in_order)
                    at = tile_first - start + group * step + other
                    for q in range(n_nearest):
                        indices[at, q] = sorted_centers[q]
                        distances[at, q] = np.sqrt(sorted_dists[q])
                    begin = end
                waiting, n_pairs = i + 1, 0
