"""Passes of k-means++ seeding: what trial centers would gain, and lowering each row's distance to the chosen one.

A row's squared distance to the nearest center so far is kept in the computing type, and summed in float64.
Distances are sums of squared differences, which do not cancel wherever the data lie.
"""

import numpy as np

from fastkmeans.kernels.jit import jit
from fastkmeans.kernels.packing import pack_tile, pad_weights, turn_tile
from fastkmeans.kernels.simd import (
    add_lower,
    add_squares_from,
    load,
    minimum,
    repeat,
    splat,
    store,
    sum_lanes,
)

ONE = (None,)


@jit
def _pack_seeding_tile(rows, first, count, d, cosine, origin, weights, start, scratch, shape):
    """Pack a tile, its columns and its weights (0 for padding); return the number of groups."""
    (tile, columns), (_, best, _, _, padded_weights), _ = scratch
    step = len(shape[1]) * len(shape[2])
    n_groups = (count + step - 1) // step
    stride = len(tile) // len(best)
    pack_tile(rows, first, count, n_groups * step, d, cosine, origin, 0, tile, stride)
    turn_tile(tile, stride, n_groups, d, columns, shape)
    pad_weights(weights, first - start, count, n_groups * step, padded_weights)
    return n_groups


@jit
def score_trials(
    rows,
    start,  # rows of the slab
    stop,
    weights,  # in     (stop - start,) or (0,)
    closest,  # in     (stop - start,) squared distance of each row to the nearest center so far
    d,
    cosine,
    trials,  # in     (n_panels * d * m,) trial centers, feature-major in panels of m, padded
    n_panels,
    potentials,  # in/out (n_panels * m,) sum of weight * distance if the trial were taken, float64
    scratch,
    shape,
):
    """Add the rows' share to the potential that each trial center would leave."""
    (_, columns), (_, padded, _, _, padded_weights), _ = scratch
    centers, vectors, lanes = shape
    m, step, room = len(centers), len(vectors) * len(lanes), len(padded)
    zero = splat(padded.dtype.type(0), lanes)
    for first in range(start, stop, room):
        count = min(room, stop - first)
        n_groups = _pack_seeding_tile(rows, first, count, d, cosine, trials, weights, start, scratch, shape)
        for i in range(n_groups * step):
            padded[i] = closest[first - start + i] if i < count else 0
        for panel in range(n_panels):
            sums = repeat(splat(0.0, lanes), centers)
            for group in range(n_groups):
                sq_dists = repeat(repeat(zero, vectors), centers)
                for feature in range(d):
                    at = (panel * d + feature) * m
                    values = load(columns, (group * d + feature) * step, vectors, lanes)
                    sq_dists = add_squares_from(sq_dists, trials, at, 1, values)
                limits = load(padded, group * step, vectors, lanes)
                shares = load(padded_weights, group * step, vectors, lanes)
                sums = add_lower(sums, limits, sq_dists, shares)
            for c in range(m):
                potentials[panel * m + c] += sum_lanes(sums[c])


@jit
def lower_closest(
    rows,
    start,
    stop,
    weights,
    closest,  # in/out (stop - start,)
    d,
    cosine,
    center,  # in     (d,)
    scratch,
    shape,
):
    """Lower `closest` to the distance to `center`; return the sum of weight * closest over the rows."""
    (_, columns), (_, padded, _, _, padded_weights), _ = scratch
    _, vectors, lanes = shape
    step, room = len(vectors) * len(lanes), len(padded)
    zero = splat(padded.dtype.type(0), lanes)
    potential = 0.0
    for first in range(start, stop, room):
        count = min(room, stop - first)
        n_groups = _pack_seeding_tile(rows, first, count, d, cosine, center, weights, start, scratch, shape)
        for i in range(n_groups * step):
            padded[i] = closest[first - start + i] if i < count else 0
        sums = repeat(splat(0.0, lanes), ONE)
        for group in range(n_groups):
            sq_dists = repeat(repeat(zero, vectors), ONE)
            for feature in range(d):
                values = load(columns, (group * d + feature) * step, vectors, lanes)
                sq_dists = add_squares_from(sq_dists, center, feature, 1, values)
            limits = load(padded, group * step, vectors, lanes)
            sums = add_lower(sums, limits, sq_dists, load(padded_weights, group * step, vectors, lanes))
            store(padded, group * step, minimum(limits, sq_dists[0]))
        for i in range(count):
            closest[first - start + i] = padded[i]
        potential += sum_lanes(sums[0])
    return potential


@jit
def find_row(closest, weights, target):
    """The first row at which the running sum of weight * closest exceeds target, else the last that adds to it."""
    running, last = 0.0, -1
    for i in range(len(closest)):
        share = np.float64(closest[i]) * (weights[i] if len(weights) else 1.0)
        if share > 0.0:
            running += share
            last = i
            if running > target:
                break
    return last
