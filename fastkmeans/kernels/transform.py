"""Distances of rows to all centers, as sums of squared differences: exact to rounding, no cancellation."""

import numpy as np

from fastkmeans.kernels.jit import jit
from fastkmeans.kernels.packing import columns_of, pack_tile
from fastkmeans.kernels.simd import add_squares_from, load, repeat, splat, store_tile


@jit
def distances_to_all(
    rows,
    start,  # rows of the slab
    stop,
    cosine,
    shift,
    shifted,
    panels,  # in     (n_panels * d * m,) shifted centers, feature-major in panels of m, padded
    out,  # out    (stop - start, k)
    scratch,
    shape,
):
    """out[i, j] = the distance of row start + i to center j."""
    (tile, columns), (_, best, _, _, _), (_, _, sq_dists, _, _, _, _) = scratch
    centers, vectors, lanes = shape
    m, step, room = len(centers), len(vectors) * len(lanes), len(best)
    k, d = out.shape[1], len(shift)
    stride = len(tile) // room
    zero = splat(best.dtype.type(0), lanes)
    for first in range(start, stop, room):
        count = min(room, stop - first)
        n_groups = (count + step - 1) // step
        pack_tile(rows, first, count, n_groups * step, d, cosine, shift, shifted, tile, stride)
        columns_of(rows, tile, stride, n_groups, d, columns, shape)
        for group in range(n_groups):
            base = first - start + group * step
            for panel in range((k + m - 1) // m):
                sums = repeat(repeat(zero, vectors), centers)
                for feature in range(d):
                    values = load(columns, (group * d + feature) * step, vectors, lanes)
                    sums = add_squares_from(sums, panels, (panel * d + feature) * m, 1, values)
                store_tile(sq_dists, 0, sums)
                for i in range(min(step, count - group * step)):
                    for c in range(min(m, k - panel * m)):
                        out[base + i, panel * m + c] = np.sqrt(sq_dists[c * step + i])
