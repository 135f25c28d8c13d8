"""The nearest few centers of every row, in the order of the definition of nearest.

The sweep scores all centers of a group of rows, as assign.py does, and keeps the scores. The n-th largest of the
panels' best scores is at most the n-th largest of all, so that, less what settle.py proves of scores, it is a cut that
every one of the n nearest centers reaches. The few that reach it are measured in float64 and put in order; where two
neighbours in that order differ by no more than the rounding of their sums, the definition measures the row's
candidates again. For a score s of center c, with slack and tiny of settle.py, n centers whose scores less
2 slack |c|^2 are at least L leave only centers with s >= L - slack |x|^2 - tiny.
"""

import numpy as np

from fastkmeans.kernels.distances import defined_sq_dist, sq_dists_of
from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.memory import aligned_parts
from fastkmeans.kernels.packing import columns_of, pack_tile, square_norms
from fastkmeans.kernels.simd import best_each, fma_tile, load, load_broadcast, repeat, sift, splat, store, store_tile
from fastkmeans.kernels.slab import scratch_for

PANELS_A_NEAREST = 2  # where panels are fewer for each center wanted, all centers of a row are looked at
LISTED_SHARE = 1.5  # candidates for each center wanted, from which on their own bounds choose among them
PAIRS_AT_ONCE = 4096  # of a row and a candidate, measured in one call
UP = 1.0 + 1e-6  # covers the rounding of cuts


@jit
def gives_cut(n_nearest, n_panels):
    """Whether panels are so many that the best scores of some of them are a cut worth having."""
    return n_nearest * PANELS_A_NEAREST <= n_panels


def nearest_scratch(dtype, d, k, n_nearest, shape):
    """What nearest_slab needs for one thread: tiles, a group's scores, pairs to measure, room for one row."""
    m, step = len(shape[0]), len(shape[1]) * len(shape[2])
    lane, wide, n_panels = np.dtype(dtype), np.dtype(np.float64), -(-k // m)
    small = scratch_for(dtype, d, shape)
    kept = n_nearest if gives_cut(n_nearest, n_panels) else 0
    counts = len(small[0][0]), n_panels * m * step, n_panels * step, kept * step
    stored, *scores = aligned_parts([(lane, count) for count in counts])
    room = k + PAIRS_AT_ONCE
    pairs = np.empty(room, np.int64), np.empty(room, np.int32), np.empty(room, wide)
    own = np.empty(k, wide), np.empty(k, wide), np.empty(d, wide), np.empty(step, np.int64)
    return small, (stored, np.zeros(d, lane)), tuple(scores), pairs, own


@inline
def sort_pairs(sq_dists, centers, first, last):
    """Sort [first, last) of both by distance, the lower center first on a tie (Shell's sort, few at a time)."""
    gap = 1
    while gap < (last - first) // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for q in range(first + gap, last):
            value, center = sq_dists[q], centers[q]
            at = q
            while at >= first + gap and (
                sq_dists[at - gap] > value or (sq_dists[at - gap] == value and centers[at - gap] > center)
            ):
                sq_dists[at], centers[at] = sq_dists[at - gap], centers[at - gap]
                at -= gap
            sq_dists[at], centers[at] = value, center
        gap //= 3


@jit
def place_largest(values, count, n):
    """The n-th largest of values[:count], which are reordered (Hoare's FIND)."""
    low, high, target = 0, count - 1, n - 1
    while low < high:
        pivot = values[target]
        i, j = low, high
        while i <= j:
            while values[i] > pivot:
                i += 1
            while pivot > values[j]:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if j < target:
            low = i
        if target < i:
            high = j
    return values[target]


@inline
def sweep_group(columns, place, d, panels, n_panels, lowest, n_kept, scores, bests, tops, shape):
    """Write the scores of all centers, the best of each panel, and the n_kept largest of these, for a group of rows."""
    rows, vectors, lanes = shape
    m, step = len(rows), len(vectors) * len(lanes)
    for t in range(n_kept):
        store(tops, t * step, repeat(splat(lowest, lanes), vectors))
    at = 0
    for panel in range(n_panels):
        tile = load_broadcast(panels, at, 1, rows, vectors, lanes)
        at += m
        for feature in range(d):
            tile = fma_tile(tile, panels, at, 1, load(columns, place + feature * step, vectors, lanes))
            at += m
        store_tile(scores, panel * m * step, tile)
        if n_kept > 0:
            value = best_each(tile)
            store(bests, panel * step, value)
            for t in range(n_kept):
                top, value = sift(load(tops, t * step, vectors, lanes), value)
                store(tops, t * step, top)


@inline
def lowered(score, margin, tiny):
    """At most score - margin, whatever is rounded."""
    return score - (margin * UP + 2.0 * tiny + 1e-12 * abs(score))


@inline
def list_candidates(
    scores,  # in     (n_panels * m * step,)
    bests,  # in     (n_panels * step,)
    i,  # the row's place in the group
    cut,
    has_cut,
    norm,
    n_nearest,
    center_norms,  # in     (k,)
    slack,
    tiny,
    listed,  # out    centers, appended from `first` on
    first,
    uppers,  # scratch (k,)
    lows,  # scratch (k,)
    m,
    step,
):
    """List the centers that may be among the n nearest of a row; return where the list ends."""
    k = len(center_norms)
    count = 0
    for panel in range((k + m - 1) // m):
        if has_cut and bests[panel * step + i] < cut:
            continue
        for j in range(panel * m, min(k, (panel + 1) * m)):
            score = np.float64(scores[j * step + i])
            if score >= cut:
                listed[first + count] = j
                uppers[count] = score
                lows[count] = score - 2.0 * slack * center_norms[j]
                count += 1
    if count > LISTED_SHARE * n_nearest:  # a center far out has put others in doubt, or there was no cut
        cut = lowered(place_largest(lows, count, n_nearest), slack * norm, tiny)
        some = 0
        for q in range(count):
            listed[first + some] = listed[first + q]
            some += uppers[q] >= cut
        count = some
    return first + count


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
    small, (stored, origin), (scores, bests, tops), (numbers, listed, sq_dists), room_of_row = scratch
    uppers, lows, row, ends = room_of_row
    (own_tile, columns), (norms, _, _, _, _), _ = small
    cosine, shifted = flags
    slack, tiny, largest = bounds
    k, d = centers.shape
    n_nearest = indices.shape[1]
    m, step, room = len(shape[0]), len(shape[1]) * len(shape[2]), len(norms)
    n_panels, stride = (k + m - 1) // m, len(own_tile) // len(norms)
    lowest = norms.dtype.type(-np.inf)
    has_cut = gives_cut(n_nearest, n_panels)
    n_kept = n_nearest if has_cut else 0
    flat_centers = centers.reshape(-1)
    # More than two float64 sums of the same d squares can differ by in two orders, of either center; and underflow.
    doubt, least = 3.0 * (d + 16) * 2.0**-53, 16.0 * (d + 16) * 5e-324
    for tile_first in range(start, stop, room):
        count = min(room, stop - tile_first)
        n_groups = (count + step - 1) // step
        pack_tile(rows, tile_first, count, n_groups * step, d, cosine, shift, 0, stored, stride)
        if shifted:
            pack_tile(rows, tile_first, count, n_groups * step, d, cosine, shift, shifted, own_tile, stride)
        columns_of(rows, own_tile if shifted else stored, stride, n_groups, d, columns, shape)
        square_norms(columns, n_groups, d, norms, shape)
        for group in range(n_groups):
            sweep_group(columns, group * d * step, d, panels, n_panels, lowest, n_kept, scores, bests, tops, shape)
            here = min(step, count - group * step)
            waiting, n_pairs = 0, 0
            for i in range(here):
                norm, cut = np.float64(norms[group * step + i]), -np.inf
                if has_cut:
                    witness = np.float64(tops[(n_nearest - 1) * step + i])
                    cut = lowered(witness, slack * (norm + 2.0 * largest), tiny)
                before = n_pairs
                n_pairs = list_candidates(
                    scores, bests, i, cut, has_cut, norm, n_nearest, center_norms, slack, tiny, listed, n_pairs, uppers,
                    lows, m, step,
                )  # fmt: skip
                for q in range(before, n_pairs):
                    numbers[q] = group * step + i
                ends[i] = n_pairs
                if i + 1 < here and n_pairs <= PAIRS_AT_ONCE:
                    continue
                sq_dists_of(stored, stride, numbers, n_pairs, d, listed, flat_centers, origin, sq_dists)
                begin = 0
                for other in range(waiting, i + 1):
                    end = ends[other]
                    sort_pairs(sq_dists, listed, begin, end)
                    certain = True
                    for q in range(begin, min(begin + n_nearest, end - 1)):
                        certain &= sq_dists[q + 1] - sq_dists[q] > doubt * sq_dists[q + 1] + least
                    if not certain:
                        for feature in range(d):
                            row[feature] = stored[(group * step + other) * stride + feature]
                        for q in range(begin, end):
                            sq_dists[q] = defined_sq_dist(row, centers, listed[q], d, np.inf)
                        sort_pairs(sq_dists, listed, begin, end)
                    at = tile_first - start + group * step + other
                    for q in range(n_nearest):
                        indices[at, q] = listed[begin + q]
                        distances[at, q] = np.sqrt(sq_dists[begin + q])
                    begin = end
                waiting, n_pairs = i + 1, 0
