"""k-medians: rows to the center of the least sum of absolute differences, centers to the medians of their rows."""

import time
from dataclasses import dataclass, field

import numpy as np

from fastkmeans.engine import threads
from fastkmeans.engine.machine import vector_set
from fastkmeans.engine.moments import largest_value
from fastkmeans.engine.passes import SETS, IterationStats
from fastkmeans.kernels.medians import nearest_by_differences
from fastkmeans.kernels.packing import plain_panels, tile_shape
from fastkmeans.kernels.slab import scratch_for
from fastkmeans.kernels.update import sort_by_label

VALUES_AT_ONCE = 1 << 18  # that a thread takes medians of: columns that stay in its cache, 1 MB


class AbsolutePass:
    """Label rows by the sum of absolute differences; labels and distances are the row states."""

    effect = SETS
    partial_bytes = 16

    def __init__(self, source, centers):
        k, d = self.centers_shape = centers.shape
        self.dtype = source.dtype
        self.shape = tile_shape(vector_set(), source.dtype, d)
        m = len(self.shape[0])
        # Farther from every row, in every feature, than any center can be; and no sum of it overflows.
        padded = np.full((-(-k // m) * m, d), 4 * largest_value(source.dtype, d), source.dtype)
        padded[:k] = centers
        self.panels, self.centers = plain_panels(padded, m), centers.astype(np.float64)
        self.by_feature = np.ascontiguousarray(self.centers.T)
        # d roundings of differences and sums here, as many by the definition, and the bits that carry the center.
        self.slack = (2 * d + 20) * float(np.finfo(source.dtype).eps) / 2
        self.tiny = float(np.finfo(source.dtype).tiny)
        self.row_seconds = 1e-9 * (20 + 2 * d + 0.03 * k * d * source.dtype.itemsize / 4)

    def start(self):
        return np.zeros(2, np.int64)

    def add(self, block, start, stop, partial, labels, dists):
        k, d = self.centers_shape
        partial += nearest_by_differences(
            block.rows, start, stop, np.zeros(d, self.dtype), self.panels, self.centers, self.by_feature, self.slack,
            self.tiny, labels, dists, np.empty(k), scratch_for(self.dtype, d, self.shape), self.shape,
        )  # fmt: skip

    def merge(self, left, right):
        left += right
        return left


def medians_of(columns, weights=None):
    """The median of each row of `columns` (features, rows), which is put in another order.

    As NumPy's: of an even number, the mean of the two in the middle. With weights > 0, which count as repetitions, the
    least value that half of the weight does not lie beyond; on an exact half, its mean with the next.
    """
    n = columns.shape[1]
    if weights is None:
        middle = n // 2
        columns.partition(middle if n % 2 else (middle - 1, middle), axis=1)
        return columns[:, middle] if n % 2 else (columns[:, middle - 1] + columns[:, middle]) / columns.dtype.type(2)
    order = columns.argsort(axis=1, kind="stable")
    columns = np.take_along_axis(columns, order, 1)
    reached = weights[order].cumsum(axis=1)
    half = reached[:, -1:] / 2
    first = (reached < half).sum(axis=1)
    last = np.minimum((reached <= half).sum(axis=1), n - 1)
    features = np.arange(len(columns))
    low, high = columns[features, first], columns[features, last]
    return np.where(first == last, low, (low + high) / columns.dtype.type(2))


def update_medians(source, labels, centers):
    """Move each center to the medians of its rows; return the clusters that have none, or none with a weight."""
    k, d = centers.shape
    block, weighted = source.blocks[0], source.weighted
    if weighted:
        heavy = np.flatnonzero(block.weights > 0)
        labels = labels[heavy]
    starts, order = np.empty(k + 1, np.int64), np.empty(len(labels), np.int64)
    sort_by_label(labels, starts, order)
    if weighted:
        order = heavy[order]
    sizes = np.diff(starts)
    parts = []
    for j in np.flatnonzero(sizes):
        step = max(1, VALUES_AT_ONCE // int(sizes[j]))
        parts += [(j, first, min(first + step, d)) for first in range(0, d, step)]

    def take_medians(part):
        j, first, last = parts[part]
        own = order[starts[j] : starts[j + 1]]
        columns = np.array(block.array[own, first:last].T, source.dtype, order="C")
        centers[j, first:last] = medians_of(columns, block.weights[own] if weighted else None)

    threads.run(len(parts), take_medians, source.threads_for(source.n * d * 1e-8))
    return np.flatnonzero(sizes == 0)


def reseed_empty(source, labels, dists, centers, empty):
    """Give each empty cluster the farthest row, the lower one on a tie, and the next that differs; return how many.

    Rows on their center are left where they are: too few rows are distinct.
    """
    if source.weighted:
        dists = dists * source.weights
    taken, done = set(), 0
    for row in np.lexsort((np.arange(source.n), -dists)):
        if done == len(empty) or dists[row] <= 0:
            break
        values = source.take([row])[0]
        if values.tobytes() not in taken:
            taken.add(values.tobytes())
            centers[empty[done]] = values
            done += 1
    return done


@dataclass
class MediansRun:
    """The outcome of one run: centers, labels and cost that agree with each other."""

    centers: np.ndarray
    labels: np.ndarray
    objective: float
    n_iter: int
    converged: bool
    stopped: bool
    history: list = field(default_factory=list)


def run_medians(source, centers, *, max_iter, restart=0, callback=None):
    """Alternate labels and medians, from `centers` (k, d), until labels stay.

    Parameters
    ----------
    source : ArrayRows of one block
    callback : callable or None
        Gets the IterationStats of every iteration, with the cost as its `inertia`; returning False stops the run.

    Returns
    -------
    MediansRun
    """
    centers = np.array(centers, source.dtype, order="C")
    labels, dists = source.new_row_state(np.int32), source.new_row_state(np.float64)
    history, relocated = [], 0
    converged = stopped = False

    def assign():
        moved, _ = source.reduce(AbsolutePass(source, centers), row_state=(labels, dists))
        return int(moved), float((dists * source.weights).sum() if source.weighted else dists.sum())

    while len(history) < max_iter and not (converged or stopped):
        began, before = time.perf_counter(), centers
        n_moved, cost = assign()
        n_moved = n_moved if history else source.n
        # On a tie rows go to the lower center, so that labels cannot change for ever at no gain.
        converged = n_moved == 0 and relocated == 0
        relocated = 0
        if not converged:
            centers = centers.copy()
            empty = update_medians(source, labels, centers)
            if len(empty):
                relocated = reseed_empty(source, labels, dists, centers, empty)
        center_shift = float(((centers.astype(np.float64) - before) ** 2).sum())
        stats = IterationStats(
            "medians", restart, len(history) + 1, cost, center_shift, n_moved, relocated, "differences",
            time.perf_counter() - began,
        )  # fmt: skip
        history.append(stats)
        stopped = callback is not None and callback(stats) is False
    if not converged:
        _, cost = assign()
    return MediansRun(centers, labels, cost, len(history), converged, stopped, history)
