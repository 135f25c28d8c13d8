"""Passes of k-means++ seeding: what trial centers would leave, and lowering each row's distance to the taken one.

A row's squared distance to the nearest center so far is kept in the computing type, and summed in float64.
Distances are sums of squared differences, which do not cancel wherever the data lie.
"""

import numpy as np

from fastkmeans.kernels.jit import jit
from fastkmeans.kernels.packing import columns_of, pack_tile, pad_weights
from fastkmeans.kernels.simd import (
    add_lower,
    add_squares_from,
    load,
    minimum,
    repeat,
    splat,
    store,
    store_tile,
    sum_lanes,
    vector_view,
)


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
    lower,  # whether to lower `closest` to the distance to the first trial
    kept,  # where distances to the trials go: (address of the first row's, bytes to the next trial's, trials), or 0s
    potentials,  # in/out (n_panels * m,) sum of weight * distance if the trial were taken, float64
    scratch,
    shape,
):
    """Add the rows' share to the potential that each trial center would leave."""
    (tile, columns), (_, padded, _, _, padded_weights), (_, _, trial_tile, _, _, _, _) = scratch
    centers, vectors, lanes = shape
    m, step, room = len(centers), len(vectors) * len(lanes), len(padded)
    stride = len(tile) // room
    zero = splat(padded.dtype.type(0), lanes)
    address, next_trial, n_kept = kept
    for first in range(start, stop, room):
        count = min(room, stop - first)
        n_groups = (count + step - 1) // step
        own = first - start
        pack_tile(rows, first, count, n_groups * step, d, cosine, trials, 0, tile, stride)
        columns_of(rows, tile, stride, n_groups, d, columns, shape)
        pad_weights(weights, own, count, n_groups * step, padded_weights)
        for i in range(n_groups * step):
            padded[i] = closest[own + i] if i < count else 0
        for panel in range(n_panels):
            sums = repeat(splat(0.0, lanes), centers)
            for group in range(n_groups):
                distances = repeat(repeat(zero, vectors), centers)
                for feature in range(d):
                    at = (panel * d + feature) * m
                    values = load(columns, (group * d + feature) * step, vectors, lanes)
                    distances = add_squares_from(distances, trials, at, 1, values)
                limits = load(padded, group * step, vectors, lanes)
                shares = load(padded_weights, group * step, vectors, lanes)
                sums = add_lower(sums, limits, distances, shares)
                if lower and panel == 0:
                    store(padded, group * step, minimum(limits, distances[0]))
                if n_kept:
                    store_tile(trial_tile, 0, distances)
                    in_group = min(step, count - group * step)
                    for c in range(min(m, n_kept - panel * m)):
                        place = address + (panel * m + c) * next_trial + (own + group * step) * padded.itemsize
                        out = vector_view(place, in_group, padded[0])
                        for i in range(in_group):
                            out[i] = trial_tile[c * step + i]
            for c in range(m):
                potentials[panel * m + c] += sum_lanes(sums[c])
        if lower:
            for i in range(count):
                closest[own + i] = padded[i]


@jit
def take_trial(closest, sq_dists, weights):
    """Lower `closest` to the distances to the trial that was taken; return the sum of weight * closest."""
    potential = 0.0
    for i in range(len(closest)):
        closest[i] = min(closest[i], sq_dists[i])
        potential += np.float64(closest[i]) * (weights[i] if len(weights) else 1.0)
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
