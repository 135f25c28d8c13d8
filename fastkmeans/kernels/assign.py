"""The two best scores of every row of a packed tile: the sweep that all of k-means is made of.

A score is x.c - c.c/2, larger for the nearer center, so an argmax of scores is an argmin of distances. The bias
that begins each panel (packing.py) seeds the accumulators. Lanes hold rows and a center is broadcast: nothing
is reduced across lanes, so a sweep over 8 centers of 2 features fills the vectors as well as one over 1000 of
768. (Centers in the lanes, a row broadcast, was tried: on Zen 5 67 against 305 GFLOP/s at d=16 k=64, 141
against 361 at d=64 k=256, never ahead.) Whether the best is certain is settle.py's business.
"""

import numpy as np

from fastkmeans.kernels.jit import inline
from fastkmeans.kernels.memory import CACHE_LINE
from fastkmeans.kernels.simd import fma_tile, keep_two, load, load_broadcast, prefetch, repeat, splat, store, winner


@inline
def two_best(
    columns,  # in     (n_groups * d * step,) packed rows, feature-major in groups of step rows
    n_groups,
    d,
    panels,  # in     (n_panels * (d + 1) * m,) packed centers
    n_panels,
    lowest,  # in     a score below all
    best,  # out    (n_groups * step,) largest score
    second,  # out    (n_groups * step,) next, equal to best on a tie
    nearest,  # out    (n_groups * step,) lowest center of the largest score, int32
    ahead,  # address of the bytes that the next tile will read
    lines,  # cache lines to ask for from there a panel and group of this one
    shape,
):
    """Write the best and second-best score of each row and the lowest center of the best."""
    rows, vectors, lanes = shape
    m, step = len(rows), len(vectors) * len(lanes)
    for group in range(n_groups):
        top = repeat(splat(lowest, lanes), vectors)
        next_top = top
        index = repeat(splat(np.int32(0), lanes), vectors)
        at = 0
        for panel in range(n_panels):
            for _ in range(lines):
                prefetch(ahead)
                ahead += CACHE_LINE
            scores = load_broadcast(panels, at, 1, rows, vectors, lanes)
            at += m
            place = group * d * step
            for _ in range(d):
                scores = fma_tile(scores, panels, at, 1, load(columns, place, vectors, lanes))
                at += m
                place += step
            top, next_top, index = keep_two(top, next_top, index, scores, panel * m)
        store(best, group * step, top)
        store(second, group * step, next_top)
        store(nearest, group * step, winner(top, index, rows))
