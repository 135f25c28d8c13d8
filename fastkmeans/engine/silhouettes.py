"""Silhouettes: from all pairs of rows, from the means of unit rows, and from the two nearest centers of each row.

Rows are known by labels 0 to k - 1, none of them unused.
"""

import math

import numpy as np

from fastkmeans.engine import threads
from fastkmeans.engine.assigners import Sums
from fastkmeans.engine.label_order import reduce_in_label_order
from fastkmeans.engine.machine import vector_set
from fastkmeans.engine.passes import SETS
from fastkmeans.engine.planner import assigner_for, label_rows
from fastkmeans.kernels.packing import tile_shape
from fastkmeans.kernels.silhouette import most_rows, silhouette_block, silhouette_scratch
from fastkmeans.kernels.update import sort_by_label

BLOCKS_A_THREAD = 4
BLOCK_SECONDS = 0.2  # at most, as an interrupt waits for it
PART_VALUES = 1 << 17  # distances of some rows to all centers that are there at once


def ratio(inner, outer):
    """(outer - inner) / max(inner, outer), 0 where both are 0."""
    larger = np.maximum(inner, outer)
    return np.divide(outer - inner, larger, out=np.zeros(len(larger)), where=larger > 0)


# ---- all pairs ----------------------------------------------------------------------------------------------


def pair_seconds(dtype, d):
    """About how long the distance of a pair takes: the differences, and the root."""
    return dtype.itemsize / 4 * (0.07e-9 + 0.011e-9 * d)


def by_pairs(source, labels, k, asked=None):
    """The silhouettes of the rows with the numbers `asked` (all rows) among all rows of an array, (m,) float64."""
    n, d, block = source.n, source.d, source.blocks[0]
    shape = tile_shape(vector_set(), source.dtype, d)
    starts, order = np.empty(k + 1, np.int64), np.empty(n, np.int32 if n < 2**31 else np.int64)
    sort_by_label(labels, starts, order)
    asked = np.arange(n, dtype=order.dtype) if asked is None else asked.astype(order.dtype)
    m, row_seconds = len(asked), n * pair_seconds(source.dtype, d)
    n_threads, step = source.threads_for(m * row_seconds), len(shape[1]) * len(shape[2])
    most = min(most_rows(source.dtype, d, shape), BLOCK_SECONDS / row_seconds)
    room = step * max(1, int(min(most, math.ceil(m / (BLOCKS_A_THREAD * n_threads))) / step))
    found = np.empty(m)

    def measure(number):
        own = slice(number * room, min(m, (number + 1) * room))
        numbers = asked[own]
        scratch = silhouette_scratch(source.dtype, d, room, shape)
        silhouette_block(block.rows, numbers, labels[numbers], order, starts, d, scratch, found[own], shape)

    threads.run(math.ceil(m / room), measure, n_threads)
    return found


# ---- unit rows ----------------------------------------------------------------------------------------------


def by_means(source, labels, k):
    """The silhouettes of unit rows by 1 - cos, (n,) float64, from the means of the clusters alone.

    1 - cos is half the squared distance of unit rows, and the mean squared distance of a row to those of a cluster is
    that to their mean, plus their own mean squared distance to it: n k distances stand for n^2.
    """
    way = assigner_for(source, "dense", np.zeros(source.d, source.dtype)).prepare(np.zeros((k, source.d)))
    sums = Sums.of(k, source.d)
    reduce_in_label_order(source, way, labels, sums)
    means = sums.cluster_sums[: k * source.d].reshape(k, source.d) / sums.cluster_weights[:, None]
    spreads = source.reduce(way.prepare(means).cluster_inertia_pass(), row_state=(labels,)) / sums.cluster_weights
    found = np.empty(source.n)
    source.reduce(MeansPass(way, sums.cluster_weights, spreads), row_state=(labels, found))
    return found


def distances_in_parts(transform, block, start, stop, k):
    """(which of the rows [start, stop), their distances to all k centers) of a few rows at a time."""
    rows = max(1, PART_VALUES // k)
    room = np.empty((rows, k), transform.way.dtype)
    for first in range(start, stop, rows):
        last = min(first + rows, stop)
        distances = room[: last - first]
        transform.add(block, first, last, None, distances)
        yield slice(first - start, last - start), distances


class FromDistances:
    """A pass whose rows are measured from their distances to all centers, a few rows at a time."""

    partial_bytes = 0
    centers_shape = (0, 0)
    effect = SETS

    def __init__(self, way):
        self.way, self.k = way, len(way.centers)
        self.transform = way.transform_pass()
        self.row_seconds = self.transform.row_seconds + 1e-9 * self.k

    def start(self):
        return None

    def merge(self, left, right):
        return None


class MeansPass(FromDistances):
    """Silhouettes of unit rows from their distances to the means of the clusters."""

    def __init__(self, way, sizes, spreads):
        super().__init__(way)
        self.sizes, self.spreads = sizes, spreads

    def add(self, block, start, stop, partial, labels, found):
        for part, distances in distances_in_parts(self.transform, block, start, stop, self.k):
            own, rows = labels[part], np.arange(len(distances))
            mean = 0.5 * (np.square(distances, dtype=np.float64) + self.spreads)
            size = self.sizes[own]
            inner = mean[rows, own] * size / np.maximum(size - 1, 1)  # the row itself is none of the others
            mean[rows, own] = np.inf
            found[part] = np.where(size > 1, ratio(inner, mean.min(axis=1)), 0.0)


# ---- the two nearest centers --------------------------------------------------------------------------------


class RunnerUpPass(FromDistances):
    """The distance of each row to the center of its label, and to the nearest other one, and which that is."""

    def add(self, block, start, stop, partial, labels, own, other, runner_up):
        own[:] = np.sqrt(self.way.own_sq_dists(block, start, stop, labels))
        if self.k == 1:
            other[:], runner_up[:] = np.inf, -1
            return
        for part, distances in distances_in_parts(self.transform, block, start, stop, self.k):
            distances[np.arange(len(distances)), labels[part]] = np.inf
            runner_up[part] = distances.argmin(axis=1)
        other[:] = np.sqrt(self.way.own_sq_dists(block, start, stop, runner_up))


def two_nearest(source, way, labels=None):
    """(labels, distances to their centers, to the nearest other ones, and which these are) of all rows.

    Distances are float64, of the exact squares. Without `labels`, those of the nearest centers, `way` being prepared
    with the centers; with one center, the other distance is infinite, of center -1.
    """
    nearest = labels is None
    labels = label_rows(source, way) if nearest else labels
    own, other, runner_up = (source.new_row_state(dtype) for dtype in (np.float64, np.float64, np.int32))
    source.reduce(RunnerUpPass(way), row_state=(labels, own, other, runner_up))
    if nearest:
        np.maximum(other, own, out=other)  # two sums of squares that are equal may round apart
    return labels, own, other, runner_up
