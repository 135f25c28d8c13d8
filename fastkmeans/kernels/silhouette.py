"""Silhouettes of rows, exactly, by the distance of every pair; no matrix of distances is ever made.

The rows asked for lie in the lanes, a block of them at a time; all rows come to them in the order of their labels, so
that sums belong to one cluster at a time and are kept in registers: a block holds a sum for each of its rows, not one
for each of its rows and each cluster. Distances are roots of sums of squared differences in the computing type, so that
no offset of the data cancels; those to the rows of a panel are added in that type, then all in float64. What a row
comes to does not depend on the rows beside it, and so not on the cut into blocks. Both directions of a pair are
computed: to use one for both would need a sum for each row and cluster.
"""

import numpy as np

from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.memory import aligned_parts
from fastkmeans.kernels.packing import columns_of, pack_tile, row_stride
from fastkmeans.kernels.simd import add_roots, add_squares_from, load, repeat, splat, store

# Of a block's columns, in the second cache level: all rows are gathered anew for each block. ns a pair on one thread
# with 128 | 256 | 512 KB: 10k x 24 float32 0.352 | 0.336 | 0.327, float64 0.830 | 0.779 | 0.755; 6k x 256 float32 2.73
# | 2.44 | 2.37; 30k x 2 float32 0.086 | 0.085 | 0.085 (Zen 5). Of the rows that come at once, 4 to 16 KB take the same.
LANES_BYTES, OTHERS_BYTES = 1 << 18, 1 << 13


def most_rows(dtype, d, shape):
    """Rows that a block may have: whole groups."""
    step = len(shape[1]) * len(shape[2])
    return step * max(4, LANES_BYTES // (d * np.dtype(dtype).itemsize * step))


def silhouette_scratch(dtype, d, room, shape):
    """What silhouette_block needs for up to `room` rows, whole groups of them."""
    m, step, stride = len(shape[0]), len(shape[1]) * len(shape[2]), row_stride(d)
    others = m * max(2, OTHERS_BYTES // (stride * np.dtype(dtype).itemsize * m))
    lane, wide = np.dtype(dtype), np.dtype(np.float64)
    parts = (lane, step * stride), (lane, room * d), (lane, others * stride), (lane, others)
    return tuple(aligned_parts((*parts, (wide, room), (wide, room), (wide, room))))


@jit
def add_distances(
    columns,  # in     (n_groups * d * step,) rows in the lanes, feature-major in groups of step rows
    n_groups,
    d,
    others,  # in     (n_panels * m * stride,) rows that come to them
    stride,
    n_panels,
    counted,  # in     (n_panels * m,) 1, or 0 for what only fills the last panel
    sums,  # in/out (n_groups * step,) float64
    shape,
):
    """sums[i] += the distances of row i of the columns to the rows of the panels."""
    rows, vectors, lanes = shape
    m, step = len(rows), len(vectors) * len(lanes)
    nothing = repeat(repeat(splat(others.dtype.type(0), lanes), vectors), rows)
    for group in range(n_groups):
        totals = load(sums, group * step, vectors, lanes)
        for panel in range(n_panels):
            sq_dists = nothing
            place, at = group * d * step, panel * m * stride
            for _ in range(d):
                sq_dists = add_squares_from(sq_dists, others, at, stride, load(columns, place, vectors, lanes))
                place += step
                at += 1
            totals = add_roots(totals, sq_dists, counted, panel * m)
        store(sums, group * step, totals)


@inline
def _gather(rows, numbers, first, count, room, d, shift, stride, tile):
    """tile = rows numbers[first : first + count], one after the other, and zeros up to `room` rows."""
    one = np.int64(1)
    for i in range(count):
        pack_tile(rows, numbers[first + i], one, one, d, 0, shift, 0, tile[i * stride :], stride)
    for q in range(count * stride, room * stride):
        tile[q] = 0


@jit
def silhouette_block(
    rows,  # as describe_rows gives them
    asked,  # in     (count,) numbers of the rows asked for
    own,  # in     (count,) their labels
    order,  # in     (n,) numbers of all rows, sorted by label
    starts,  # in     (k + 1,) where each label begins in order; none is empty
    d,
    scratch,  # of silhouette_scratch
    out,  # out    (count,) float64
    shape,
):
    """out[i] = (b - a) / max(a, b) of row asked[i].

    a is its mean distance to the other rows of its cluster, b the least mean distance to the rows of another; 0 where
    the row is alone, or where both are 0.
    """
    tile, columns, others, counted, sums, inner, outer = scratch
    per_panel, vectors, lanes = shape
    m, step = len(per_panel), len(vectors) * len(lanes)
    stride, room, count = len(tile) // step, len(counted), len(asked)
    n_groups = (count + step - 1) // step
    for group in range(n_groups):
        first = group * step
        _gather(rows, asked, first, min(step, count - first), step, d, tile, stride, tile)
        columns_of(rows, tile, stride, 1, d, columns[first * d :], shape)
    for i in range(count):
        outer[i] = np.inf
    for j in range(len(starts) - 1):
        for i in range(n_groups * step):
            sums[i] = 0.0
        for first in range(starts[j], starts[j + 1], room):
            here = min(room, starts[j + 1] - first)
            n_panels = (here + m - 1) // m
            _gather(rows, order, first, here, n_panels * m, d, tile, stride, others)
            for i in range(n_panels * m):
                counted[i] = 1 if i < here else 0
            add_distances(columns, n_groups, d, others, stride, n_panels, counted, sums, shape)
        size = starts[j + 1] - starts[j]
        for i in range(count):
            if own[i] == j:
                inner[i] = sums[i] / (size - 1) if size > 1 else -1.0
            elif sums[i] / size < outer[i]:
                outer[i] = sums[i] / size
    for i in range(count):
        larger = max(inner[i], outer[i])
        out[i] = (outer[i] - inner[i]) / larger if inner[i] >= 0.0 and larger > 0.0 else 0.0
