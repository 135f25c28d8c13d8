"""The two passes of k-means|| over all rows: draw some by their distances, and lower these to new candidates."""

import numpy as np

from fastkmeans.kernels.distances import own_sq_dists
from fastkmeans.kernels.gather import own_tile_rows
from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.packing import pack_tile


@inline
def counter_key(number, seed):
    """A uniform number in (0, 1) of a row number and a seed, both uint64 (SplitMix64)."""
    z = number * np.uint64(0x9E3779B97F4A7C15) + seed
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (np.float64(np.int64(z >> np.uint64(11))) + 0.5) * 2.0**-53


@jit
def draw_by_chance(
    first,  # number of the first row
    seed,  # uint64
    closest,  # in     (n,) squared distances
    weights,  # in     (n,) or (0,)
    factor,
    drawn,  # out    (n,) numbers of the rows drawn, ascending
):
    """Draw each row by itself with the chance weight * closest * factor, at most 1; return how many were drawn."""
    count = 0
    for i in range(len(closest)):
        chance = closest[i] * factor
        if len(weights):
            chance *= weights[i]
        drawn[count] = first + i
        count += counter_key(np.uint64(first + i), seed) < chance
    return count


@jit
def take_nearer(
    rows,
    start,
    stop,
    weights,  # in     (stop - start,) or (0,)
    nearest,  # in     (stop - start,) the nearest of the new centers
    centers,  # in     (new ones, d)
    first_label,
    shift,
    shifted,
    cosine,
    tile,  # scratch, from own_tile
    sq_dists,  # scratch (own_tile_rows(d),)
    labels,  # in/out (stop - start,) label of the nearest center so far
    closest,  # in/out (stop - start,) squared distance to it
):
    """Give rows to a new center that is nearer; return the sum of weight times squared distance."""
    d = centers.shape[1]
    stride = len(tile) // own_tile_rows(d)
    flat_centers = centers.reshape(-1)
    potential = 0.0
    for first in range(start, stop, own_tile_rows(d)):
        own = first - start
        count = min(own_tile_rows(d), stop - first)
        pack_tile(rows, first, count, count, d, cosine, shift, shifted, tile, stride)
        own_sq_dists(tile, stride, count, d, nearest[own : own + count], flat_centers, shift, sq_dists)
        own_labels, own_closest = labels[own : own + count], closest[own : own + count]
        for i in range(count):
            distance = closest.dtype.type(sq_dists[i])
            own_labels[i] = nearest[own + i] + first_label if distance < own_closest[i] else own_labels[i]
            own_closest[i] = min(own_closest[i], distance)
        if len(weights):
            for i in range(count):
                potential += np.float64(own_closest[i]) * weights[own + i]
        else:
            for i in range(count):
                potential += np.float64(own_closest[i])
    return potential


@jit
def lower_to(
    sq_dists,  # in     (n,) to the nearest of the new centers
    weights,  # in     (n,) or (0,)
    nearest,  # in     (n,) which one that is
    first_label,
    labels,  # in/out (n,)
    closest,  # in/out (n,)
):
    """What take_nearer does with its rows, once their distances are known."""
    potential = 0.0
    for i in range(len(sq_dists)):
        distance = closest.dtype.type(sq_dists[i])
        if distance < closest[i]:
            labels[i] = nearest[i] + first_label
            closest[i] = distance
        potential += np.float64(closest[i]) * (weights[i] if len(weights) else 1.0)
    return potential
