"""Passes for the nearest few centers of every row, written to row states of as many columns."""

import numpy as np

from fastkmeans.engine.assigners import Dense
from fastkmeans.engine.machine import vector_set
from fastkmeans.engine.passes import SETS
from fastkmeans.kernels.nearest import nearest_scratch, nearest_slab
from fastkmeans.kernels.packing import describe_rows

NEAREST_NANOSECONDS = 30  # a row and center wanted, beside the sweep
SPARSE_BYTES = 1 << 18  # of sparse rows written out at a time


class NearestPass:
    """The indices of the n nearest centers of every row, and their distances."""

    partial_bytes = 0
    centers_shape = (0, 0)
    effect = SETS

    def __init__(self, way, n_nearest):
        self.way, self.n_nearest = way, n_nearest
        self.row_seconds = way.row_seconds + 1e-9 * NEAREST_NANOSECONDS * n_nearest
        self._free_scratch = []

    def start(self):
        return None

    def add(self, block, start, stop, partial, indices, distances):
        self.find(block.rows, start, stop, indices, distances)

    def find(self, rows, start, stop, indices, distances):
        """Write the nearest centers of rows [start, stop), known to kernels as `rows`."""
        way = self.way
        try:
            scratch = self._free_scratch.pop()
        except IndexError:
            scratch = nearest_scratch(way.dtype, way.d, len(way.centers), self.n_nearest, way.shape)
        nearest_slab(
            rows, start, stop, way.centers, way.shift, way.panels, way.center_norms, way.bounds,
            (way.cosine, way.shifted), indices, distances, scratch, way.shape,
        )  # fmt: skip
        self._free_scratch.append(scratch)

    def merge(self, left, right):
        return None


class SparseNearestPass(NearestPass):
    """As NearestPass, for sparse rows, which are written out a few at a time."""

    def __init__(self, source, centers, n_nearest):
        dense = Dense(source.dtype, source.d, np.zeros(source.d, source.dtype), cosine=False)
        super().__init__(dense.prepare(centers), n_nearest)
        self.cosine = source.cosine
        self.rows_at_once = max(1, SPARSE_BYTES // (source.d * source.dtype.itemsize))

    def add(self, block, start, stop, partial, indices, distances):
        way = self.way
        for first in range(start, stop, self.rows_at_once):
            numbers = np.arange(first, min(first + self.rows_at_once, stop))
            some = np.empty((len(numbers), way.d), way.dtype)
            block.take(numbers, way.d, self.cosine, some, whole=True)
            own = slice(first - start, first - start + len(numbers))
            rows = describe_rows(some, way.dtype, vector_set())
            self.find(rows, 0, len(numbers), indices[own], distances[own])


def nearest_pass(source, way, n_nearest):
    """The pass over the rows of `source` for the nearest of the centers that `way` is prepared with."""
    if hasattr(source, "only_way"):
        return SparseNearestPass(source, way.centers, n_nearest)
    return NearestPass(way, n_nearest)
