"""Sparse rows in the engine: their assigner, their moments, and k-means++ over them.

Work is in proportion to the stored values. Rows are never shifted, which would fill them.
"""

from dataclasses import dataclass, field

import numpy as np

from fastkmeans.engine.assigners import ClusterInertiaPass, DensePass, DistancePass, Way
from fastkmeans.engine.machine import vector_set
from fastkmeans.engine.moments import Moments, UnusableRow, largest_value
from fastkmeans.engine.plus_plus import ScorePass, Seeding
from fastkmeans.kernels.memory import aligned
from fastkmeans.kernels.packing import plain_panels, tile_shape
from fastkmeans.kernels.scalable import lower_to
from fastkmeans.kernels.slab import LABELS_ONLY, OWN_INERTIA, WITH_INERTIA, WITH_MOVES, WITH_SUMS
from fastkmeans.kernels.sparse import own_sparse_distances
from fastkmeans.kernels.sparse_slab import (
    assign_sparse_slab,
    pack_sparse_centers,
    sparse_scratch,
    sparse_shape,
    sparse_slack,
    sum_sparse_in_label_order,
)
from fastkmeans.kernels.sparse_trials import (
    pack_rows_as_trials,
    score_sparse_trials,
    sparse_distances_to_all,
    sparse_moments,
    sparse_trial_limits,
    square_lengths,
)
from fastkmeans.kernels.stats import ALL_GOOD, BAD_VALUE

# ---- labels, sums, distances --------------------------------------------------------------------------------


class SparsePass(DensePass):
    """As DensePass, by the sparse sweep."""

    def __init__(self, way, action):
        super().__init__(way, action)
        if action == OWN_INERTIA:
            self.row_seconds = 1e-9 * (20 + 3 * way.values_a_row)

    def add(self, block, start, stop, partial, labels):
        way = self.way
        scratch = way.borrow_scratch()
        moved, settled, measured = assign_sparse_slab(
            block.rows, start, stop, block.weights_in(start, stop), labels, way.centers, way.panels, way.center_norms,
            way.rounding, (way.cosine, self.action), partial.cluster_sums, partial.cluster_weights, scratch, way.shape,
        )  # fmt: skip
        way.return_scratch(scratch)
        self.note(partial, moved, settled, measured)


class SparseTransformPass:
    """Distances of every row to every center, written to a row state of k columns."""

    partial_bytes = 0
    centers_shape = (0, 0)

    def __init__(self, way):
        k, d = way.centers.shape
        self.way, self.row_seconds = way, 4 * way.row_seconds
        self.panels = plain_panels(way.centers.astype(np.float64), 8)
        self.norms = np.empty(-(-k // 8) * 8)
        square_lengths(self.panels, d, self.norms)

    def start(self):
        return None

    def add(self, block, start, stop, partial, out):
        way = self.way
        like, values = np.empty(way.most_stored, way.dtype), np.empty(way.most_stored)
        sparse_distances_to_all(
            block.rows, start, stop, way.cosine, way.centers, self.panels, self.norms, like, values, np.empty(24),
            np.zeros(way.d), out,
        )  # fmt: skip

    def merge(self, left, right):
        return None


class Sparse(Way):
    """A sweep over stored values: every row against every center, centers in the lanes.

    Parameters
    ----------
    source : sparse rows
    """

    name = "sparse"
    compiled_fit = False  # kernels/small_fit.py does not know these rows
    follows_in_order = False

    def __init__(self, source):
        self.dtype, self.d, self.cosine = source.dtype, source.d, int(source.cosine)
        self.values_a_row, self.most_stored = source.values_a_row, source.most_stored
        self.shift, self.shifted = np.zeros(source.d, source.dtype), 0
        self.lanes = tile_shape(vector_set(), source.dtype, source.d)[2]
        self.rounding = sparse_slack(source.dtype, source.d, source.most_stored)
        self.shape = sparse_shape(self.lanes, 2 * len(self.lanes))
        self._free_scratch = []
        self.center_norms = np.empty(0)

    @classmethod
    def for_source(cls, source, shift):
        """The assigner for the rows of `source`, which are not shifted."""
        return cls(source)

    def prepare(self, centers):
        """Pack `centers` (k, d); the next passes are against them."""
        k = len(centers)
        if len(self.center_norms) != k:
            self.shape = sparse_shape(self.lanes, k)
            m = len(self.shape[0]) * len(self.lanes)
            self.panels, self.center_norms = aligned(-(-k // m) * m * (self.d + 1), self.dtype), np.empty(k)
            self._free_scratch = []
        self.centers = centers
        pack_sparse_centers(centers, self.rounding[2], self.panels, self.center_norms, self.shape)
        self.row_seconds = self.row_seconds_for(k)
        return self

    def row_seconds_for(self, k):
        """About how long a row takes: the panels' rows come from the second or third cache level."""
        padded = -(-k // len(self.lanes)) * len(self.lanes) * self.dtype.itemsize
        return 4e-8 + self.values_a_row * (1e-9 + padded / 40e9)

    def labels_pass(self):
        return SparsePass(self, LABELS_ONLY)

    def sums_pass(self):
        return SparsePass(self, WITH_SUMS)

    def moves_pass(self):
        return SparsePass(self, WITH_MOVES)

    def inertia_pass(self):
        return SparsePass(self, WITH_INERTIA)

    def own_inertia_pass(self):
        return SparsePass(self, OWN_INERTIA)

    def transform_pass(self):
        return SparseTransformPass(self)

    def distance_pass(self, wanted):
        return DistancePass(self, wanted)

    def cluster_inertia_pass(self):
        return ClusterInertiaPass(self)

    def own_sq_dists(self, block, start, stop, labels):
        """Squared distance of every row of a slab to the center of its label."""
        sq_dists = np.empty(stop - start)
        own_sparse_distances(
            block.rows, start, stop, labels, self.centers, self.center_norms, self.cosine,
            np.empty(self.most_stored, self.dtype), np.zeros(self.d), sq_dists,
        )  # fmt: skip
        return sq_dists

    def take_nearer(self, block, start, stop, nearest, first_label, labels, closest):
        """Give rows to a new center that is nearer; return the sum of weight times squared distance."""
        sq_dists = self.own_sq_dists(block, start, stop, nearest)
        return lower_to(sq_dists, block.weights_in(start, stop), nearest, first_label, labels, closest)

    def sum_in_label_order(self, block, order, starts, start, stop, *sums):
        """Sum a part of the rows listed in `order`; see kernels.sparse_slab.sum_sparse_in_label_order."""
        sum_sparse_in_label_order(
            block.rows, block.n, order, starts, start, stop, block.weights, self.cosine,
            np.empty(self.most_stored, self.dtype), np.empty(self.d), *sums,
        )  # fmt: skip

    def borrow_scratch(self):
        try:
            return self._free_scratch.pop()
        except IndexError:
            return sparse_scratch(self.dtype, self.d, len(self.centers), self.most_stored, self.shape)

    def return_scratch(self, scratch):
        self._free_scratch.append(scratch)


# ---- moments ------------------------------------------------------------------------------------------------


@dataclass
class _Partial:
    moments: np.ndarray
    spread: float = 0.0
    bad_row: int = -1
    found: int = ALL_GOOD


@dataclass
class SparseMomentsPass:
    """Sums of the stored values and of their squares, column by column, and the first row that cannot be used."""

    source: object
    origin: np.ndarray
    centers_shape: tuple = (0, 0)
    row_seconds: float = field(init=False)
    partial_bytes: int = field(init=False)

    def __post_init__(self):
        self.row_seconds = 1e-9 * (10 + 4 * self.source.values_a_row)
        self.partial_bytes = 24 * self.source.d
        self.limit = self.origin.dtype.type(largest_value(self.source.dtype, self.source.d))

    def start(self):
        return _Partial(np.zeros((3, self.source.d)))

    def add(self, block, start, stop, partial):
        unit = np.empty(self.source.most_stored, self.source.dtype)
        found, row, partial.spread = sparse_moments(
            block.rows, start, stop, block.weights_in(start, stop), int(self.source.cosine), self.limit, self.origin,
            partial.moments, unit,
        )  # fmt: skip
        if found != ALL_GOOD:
            partial.found, partial.bad_row = found, block.first + row

    def merge(self, left, right):
        left.moments += right.moments
        left.spread += right.spread
        if left.found == ALL_GOOD:
            left.found, left.bad_row = right.found, right.bad_row
        return left


def measure_sparse(source):
    """Check all stored values of the source and return its Moments, zeros counted; raise UnusableRow."""
    origin = np.zeros(source.d, source.dtype) if source.cosine else source.take(np.zeros(1, np.int64))[0]
    origin = np.nan_to_num(origin, nan=0.0, posinf=0.0, neginf=0.0)
    with np.errstate(all="ignore"):  # of values that are reported below
        partial = source.reduce(SparseMomentsPass(source, origin))
    if partial.found != ALL_GOOD:
        raise UnusableRow(partial.bad_row, zero=partial.found != BAD_VALUE)
    counts, sums, squares = partial.moments
    zeros, from_origin = source.n - counts, -origin.astype(np.float64)
    mean = (sums + zeros * from_origin) / source.n
    variance = np.maximum((squares + zeros * from_origin**2) / source.n - mean**2, 0.0)
    shift = np.zeros(source.d, source.dtype)
    return Moments(shift, float(partial.spread), float(variance.mean()), source.total_weight)


# ---- k-means++ ----------------------------------------------------------------------------------------------


class SparseScorePass(ScorePass):
    """What trials would gain, by tile, in row order."""

    def __init__(self, seeding, n_trials, lanes, limits, taken=-1):
        super().__init__(seeding, n_trials, lanes, limits, taken)
        self.scale, self.most_stored = seeding.scale, seeding.source.most_stored

    def add(self, block, start, stop, partial, closest, labels, kept=None):
        room = (0, 0) if kept is None else (kept.ctypes.data, kept.strides[1] // kept.itemsize)
        gains = np.empty(-(-(stop - start) // self.tile_rows) * self.lanes)
        wanted = self.wanted if len(self.wanted) == 0 else self.wanted[self.slabs.tiles_of(block.first + start)]
        measured = score_sparse_trials(
            block.rows, start, stop, block.weights_in(start, stop), self.scale, closest, labels, self.d, self.cosine,
            *self.trials, self.limits, self.taken, wanted, room, gains, self.lanes, self.tile_rows,
            np.empty(self.most_stored), np.empty(24),
        )  # fmt: skip
        partial.append((block.first + start, block.first + stop, gains, measured))


class SparseSeeding(Seeding):
    """`Seeding` of sparse rows: trials and centers are rows by number, and the rest is by the stored values."""

    score_pass = SparseScorePass
    compiled_steps = False

    def make_room(self, n_trials):
        source = self.source
        self.panels, self.norms = np.empty(self.lanes * source.d), np.empty(self.lanes)
        self.row_seconds = 1e-9 * (10 + 4 * source.values_a_row)
        self.row_nanoseconds = 20 + 1.5 * source.values_a_row * self.lanes / 8
        self.address = None
        self.buffers = np.empty(source.most_stored, source.dtype), np.empty(source.most_stored), np.empty(24)

    def trials(self, n_trials):
        return self.panels, self.norms, n_trials

    def set_trials(self, numbers):
        source, lanes = self.source, -(-len(numbers) // 8) * 8
        pack_rows_as_trials(
            self.block.rows, source.n, numbers, int(source.cosine), source.d, self.buffers[0],
            self.panels[: lanes * source.d], self.norms[:lanes],
        )  # fmt: skip

    def set_limits(self, n_trials):
        source = self.source
        sparse_trial_limits(
            self.block.rows, source.n, self.chosen[: self.done], int(source.cosine), source.d, self.panels, self.norms,
            n_trials, self.margins, self.table, self.limits, *self.buffers,
        )  # fmt: skip

    def keep_center(self, trial):
        """Centers are known by their numbers."""
