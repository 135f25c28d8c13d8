"""Sparse rows against a few points, a point in every lane: trials of k-means++, limits, all distances; moments.

The squared distance of a row to a point is what they differ by in the row's columns, and what the point has in
others: its squared length less what it has in the row's. Sums are float64 and in one order, so that a row equal to
the point is at distance exactly 0, and a row with other values in the same columns is not.
"""

import numpy as np

from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.simd import add_squares, add_squares_from, load, repeat, splat, store, vector_view
from fastkmeans.kernels.sparse import exact_sq_dist, read_values, stored_rows
from fastkmeans.kernels.stats import ALL_GOOD, BAD_VALUE, ZERO_ROW

EIGHT = (None,) * 8  # points a panel
ONE = (None,)


@jit
def pack_rows_as_trials(
    rows,
    n,
    numbers,  # in     (n_trials,) rows that are the trials
    cosine,
    d,
    like,  # scratch (most stored values of a row,) in the computing type
    panels,  # out    (n_panels * d * 8,) float64
    norms,  # out    (n_panels * 8,)
):
    """Write rows as panels of trials, padded with the first one."""
    begins, columns, stored = stored_rows(rows, n, like.dtype.type(0))
    for q in range(len(panels)):
        panels[q] = 0.0
    for trial in range(len(norms)):
        row = numbers[trial if trial < len(numbers) else 0]
        first, last = begins[row], begins[row + 1]
        read_values(stored, first, last, cosine, like, 0)
        base = trial // len(EIGHT) * d * len(EIGHT) + trial % len(EIGHT)
        for q in range(first, last):
            panels[base + np.int64(columns[q]) * len(EIGHT)] = like[q - first]
    square_lengths(panels, d, norms)


@jit
def square_lengths(panels, d, norms):
    """norms[i] = the squared length of point i of the panels, summed as _measure sums what rows cover."""
    for panel in range(len(norms) // len(EIGHT)):
        sums = repeat(splat(0.0, EIGHT), ONE)
        for feature in range(d):
            sums = add_squares(sums, load(panels, (panel * d + feature) * len(EIGHT), ONE, EIGHT))
        store(norms, panel * len(EIGHT), sums)


@inline
def _measure(values, columns, first, last, panels, at, norms, norm_at, parts, sq_dists):
    """sq_dists[:8] = the squared distances of a row to the eight points of the panel at panels[at]."""
    inside, covered = repeat(repeat(splat(0.0, EIGHT), ONE), ONE), repeat(splat(0.0, EIGHT), ONE)
    for q in range(first, last):
        points = load(panels, at + np.int64(columns[q]) * len(EIGHT), ONE, EIGHT)
        inside = add_squares_from(inside, values, q - first, 1, points)
        covered = add_squares(covered, points)
    store(parts, 0, inside[0])
    store(parts, len(EIGHT), covered)
    for c in range(len(EIGHT)):
        # Never negative: a sum of some of the squares that a length sums, in the same order, is not above it.
        sq_dists[c] = parts[c] + (norms[norm_at + c] - parts[len(EIGHT) + c])


@jit
def score_sparse_trials(
    rows,
    start,  # rows of the slab
    stop,
    weights,  # in     (stop - start,) or (0,)
    scale,  # 1 / the largest weight
    closest,  # in/out (stop - start,) squared distance of each row to the nearest center so far
    labels,  # in/out (stop - start,) that center
    d,
    cosine,
    panels,  # in     trials
    norms,  # in     their squared lengths
    n_trials,
    limits,  # in     (centers,) rows of a center with no greater `closest` cannot be won by a trial
    taken,  # the label of the first trial where rows are to take it at once, -1 to leave them
    wanted,  # in     (tiles,) tiles that gained nothing from this trial before are left; or (0,)
    kept,  # where distances of the measured rows go: (address of the first, numbers to the next trial's), or 0s
    gains,  # out    (tiles * lanes,) sum of weight * what `closest` would fall by
    lanes,
    tile_rows,
    values,  # scratch (most stored values of a row,) float64
    parts,  # scratch (24,) float64
):
    """As seeding.score_trials, for sparse rows: every row that a trial may win is measured by its stored values."""
    begins, columns, stored = stored_rows(rows, stop, closest.dtype.type(0))
    address, kept_stride = kept
    kept_rows = vector_view(address, lanes * kept_stride, closest.dtype.type(0))
    sq_dists = parts[2 * len(EIGHT) :]
    lane = closest.dtype.type
    measured = 0
    for q in range(len(gains)):
        gains[q] = 0.0
    for i in range(stop - start):
        tile = i // tile_rows
        if (len(wanted) > 0 and not wanted[tile] > 0.0) or not closest[i] > limits[labels[i]]:
            continue
        measured += 1
        first, last = begins[start + i], begins[start + i + 1]
        read_values(stored, first, last, cosine, values, 0)
        near = closest[i]
        weight = weights[i] * scale if len(weights) else 1.0
        for trial in range(0, n_trials, len(EIGHT)):
            _measure(values, columns, first, last, panels, trial * d, norms, trial, parts, sq_dists)
            at = tile * lanes + trial
            for c in range(min(len(EIGHT), n_trials - trial)):
                sq_dist = lane(sq_dists[c])
                gains[at + c] += weight * (np.float64(near) - np.float64(min(near, sq_dist)))
                if kept_stride != 0:
                    kept_rows[(trial + c) * kept_stride + i] = sq_dist
            if taken >= 0 and lane(sq_dists[0]) < near:
                labels[i] = taken
                closest[i] = lane(sq_dists[0])
    return measured


@jit
def sparse_trial_limits(
    rows,
    n,
    chosen,  # in     (count,) rows that are centers
    cosine,
    d,
    panels,  # in     trials
    norms,  # in     their squared lengths
    n_trials,
    margins,  # in     (share, tiny): see trials.skip_margins
    table,  # out    (n_panels * 8, room) limits of every trial
    limits,  # out    (room,) the least of a center's
    like,  # scratch (1,) in the computing type
    values,  # scratch (most stored values of a row,) float64
    parts,  # scratch (24,) float64
):
    """As trials.trial_limits, for sparse rows.

    A distance may be off by 2 (d + 2) units of roundoff of the point's squared length, where that cancels: three
    of them, of trial and center, are taken off on top.
    """
    begins, columns, stored = stored_rows(rows, n, like.dtype.type(0))
    sq_dists = parts[2 * len(EIGHT) :]
    share, tiny = margins
    for at in range(len(chosen)):
        first, last = begins[chosen[at]], begins[chosen[at] + 1]
        read_values(stored, first, last, cosine, values, 0)
        norm = 0.0
        for q in range(last - first):
            norm += values[q] * values[q]
        for trial in range(0, n_trials, len(EIGHT)):
            _measure(values, columns, first, last, panels, trial * d, norms, trial, parts, sq_dists)
            for c in range(min(len(EIGHT), n_trials - trial)):
                rounding = 8 * (d + 4) * 2.0**-53 * (norm + norms[trial + c])
                limit = limits.dtype.type(sq_dists[c] * share - rounding - tiny)
                table[trial + c, at] = limit
                limits[at] = limit if trial + c == 0 else min(limits[at], limit)


@jit
def sparse_distances_to_all(
    rows,
    start,  # rows of the slab
    stop,
    cosine,
    centers,  # in     (k, d)
    panels,  # in     centers in panels of 8, float64
    norms,  # in     their squared lengths, padded
    like,  # scratch (most stored values of a row,) in the computing type
    values,  # scratch as long, float64
    parts,  # scratch (24,) float64
    dense,  # scratch (d,) zeros
    out,  # out    (stop - start, k)
):
    """out[i, j] = the distance of row start + i to center j; where much cancels, over all features."""
    begins, columns, stored = stored_rows(rows, stop, like.dtype.type(0))
    sq_dists = parts[2 * len(EIGHT) :]
    k, d = centers.shape
    for i in range(stop - start):
        first, last = begins[start + i], begins[start + i + 1]
        read_values(stored, first, last, cosine, values, 0)
        for panel in range(0, k, len(EIGHT)):
            _measure(values, columns, first, last, panels, panel * d, norms, panel, parts, sq_dists)
            for c in range(min(len(EIGHT), k - panel)):
                sq_dist = sq_dists[c]
                if sq_dist < 1e-2 * norms[panel + c]:
                    sq_dist = exact_sq_dist(values, 0, columns, first, last, centers, panel + c, np.inf, dense)
                out[i, panel + c] = np.sqrt(sq_dist)


@jit
def sparse_moments(
    rows,
    start,  # rows of the slab
    stop,
    weights,  # in     (stop - start,) or (0,)
    cosine,
    limit,  # in     what no value may exceed in size
    origin,  # in     (d,) in the computing type: moments are taken about it
    moments,  # in/out (3, d) stored values of a column, their sums of x - origin and of its square
    unit,  # scratch (most stored values of a row,)
):
    """Add the moments of the stored values; return (what is wrong, the first such row, sum of weight * |row|^2)."""
    begins, columns, stored = stored_rows(rows, stop, origin.dtype.type(0))
    spread = 0.0
    for row in range(start, stop):
        first, last = begins[row], begins[row + 1]
        for q in range(first, last):
            if not abs(stored[q]) <= limit:
                return BAD_VALUE, row, spread
        squares = read_values(stored, first, last, cosine, unit, 0)
        if cosine:
            if squares == 0.0:
                return ZERO_ROW, row, spread
            squares = 0.0
            for q in range(last - first):
                squares += np.float64(unit[q]) * np.float64(unit[q])
        spread += squares * weights[row - start] if len(weights) else squares
        for q in range(first, last):
            difference = np.float64(unit[q - first]) - np.float64(origin[columns[q]])
            moments[0, columns[q]] += 1.0
            moments[1, columns[q]] += difference
            moments[2, columns[q]] += difference * difference
    return ALL_GOOD, np.int64(0), spread
