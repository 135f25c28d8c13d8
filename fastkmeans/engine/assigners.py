"""The plain way to label rows, and what every way is asked for: passes that give the labels of the one definition."""

from dataclasses import dataclass

import numpy as np

from fastkmeans.engine.machine import vector_set
from fastkmeans.engine.passes import READS, SETS
from fastkmeans.kernels.gather import follow_moves, own_distances, own_tile, own_tile_rows, sum_in_label_order
from fastkmeans.kernels.packing import pack_centers, plain_panels, row_stride, tile_shape
from fastkmeans.kernels.scalable import take_nearer
from fastkmeans.kernels.settle import rounding_slack
from fastkmeans.kernels.slab import (
    LABELS_ONLY,
    OWN_INERTIA,
    WITH_INERTIA,
    WITH_MOVES,
    WITH_SUMS,
    assign_slab,
    assigner,
    scratch_for,
)
from fastkmeans.kernels.transform import distances_to_all


@dataclass
class Sums:
    """A partial of an assigning pass: what its rows add to the clusters, and what happened to them."""

    cluster_sums: np.ndarray
    """(k * d + 8,) flat sums of shifted rows; kernels write whole vectors, zeros into the spare end."""

    cluster_weights: np.ndarray
    n_moved: int = 0
    n_settled: int = 0
    inertia: float = 0.0
    moved_spread: float = 0.0
    n_swept: int = 0
    """Pairs of a row and a center that were scored, by ways that score not all."""

    n_measured: int = 0
    """Those of them whose distance was measured in float64 then."""

    @classmethod
    def of(cls, k, d):
        """Sums of no rows yet."""
        return cls(np.zeros(k * d + 8), np.zeros(k))

    def add(self, other):
        """Add the sums and weights of other rows."""
        self.cluster_sums += other.cluster_sums
        self.cluster_weights += other.cluster_weights

    def merge(self, other):
        """Add everything of other rows; return self."""
        self.add(other)
        self.n_moved += other.n_moved
        self.n_settled += other.n_settled
        self.inertia += other.inertia
        self.moved_spread += other.moved_spread
        self.n_swept += other.n_swept
        self.n_measured += other.n_measured
        return self

    def take_counts(self, other):
        """Count what happened in the pass that gave `other`."""
        self.n_moved, self.n_swept, self.n_measured = other.n_moved, other.n_swept, other.n_measured


class DensePass:
    """Label every row by a full sweep over the centers; then, by `action`, sums, inertia, or nothing."""

    def __init__(self, way, action):
        self.way, self.action = way, action
        k, d = way.centers.shape
        self.row_seconds = 1e-9 * (5 + d) if action == OWN_INERTIA else way.row_seconds
        self.effect = READS if action == OWN_INERTIA else SETS
        self.sums = action in (WITH_SUMS, WITH_MOVES)
        self.partial_bytes = 8 * (k * d + 8 + k) if self.sums else 64
        self.centers_shape = k, d

    def start(self):
        return Sums.of(*self.centers_shape) if self.sums else Sums.of(0, 0)

    def add(self, block, start, stop, partial, labels):
        way = self.way
        scratch = way.borrow_scratch()
        weights = block.weights_in(start, stop)
        flags = (way.cosine, way.shifted, self.action)
        moved, settled, measured = assign_slab(
            way.address, block.rows, start, stop, weights, labels, way.centers, way.shift, way.panels, way.center_norms,
            way.bounds, flags, partial.cluster_sums, partial.cluster_weights, scratch, way.shape,
        )  # fmt: skip
        way.return_scratch(scratch)
        self.note(partial, moved, settled, measured)

    def note(self, partial, moved, settled, measured):
        """Add to the partial what a slab came to, besides its sums."""
        partial.n_moved += moved
        partial.n_settled += settled
        if self.action == WITH_MOVES:
            partial.moved_spread += measured
        else:
            partial.inertia += measured

    def merge(self, left, right):
        return left.merge(right)


class OwnDistances:
    """A pass over the squared distances of the rows to the centers of their labels, times their weights."""

    centers_shape = (0, 0)
    effect = READS

    def __init__(self, way):
        self.way = way
        self.row_seconds = 1e-9 * (40 + way.centers.shape[1])

    def sq_dists(self, block, start, stop, labels):
        """Weight times squared distance of rows [start, stop) of the block."""
        sq_dists = self.way.own_sq_dists(block, start, stop, labels)
        if len(block.weights):
            sq_dists *= block.weights[start:stop]
        return sq_dists


class ClusterInertiaPass(OwnDistances):
    """The inertia of each cluster."""

    def __init__(self, way):
        super().__init__(way)
        self.partial_bytes = 8 * len(way.centers)

    def start(self):
        return np.zeros(len(self.way.centers))

    def add(self, block, start, stop, partial, labels):
        partial += np.bincount(labels, self.sq_dists(block, start, stop, labels), len(partial))

    def merge(self, left, right):
        left += right
        return left


class DistancePass(OwnDistances):
    """The rows that are farthest from their centers, `wanted` of them."""

    def __init__(self, way, wanted):
        super().__init__(way)
        self.wanted, self.partial_bytes = wanted, 16 * wanted

    def start(self):
        return [np.empty(0), np.empty(0, np.int64)]

    def add(self, block, start, stop, partial, labels):
        sq_dists = self.sq_dists(block, start, stop, labels)
        partial[:] = self._farthest(sq_dists, np.arange(start, stop) + block.first)

    def merge(self, left, right):
        left[:] = self._farthest(*(np.concatenate(pair) for pair in zip(left, right, strict=True)))
        return left

    def _farthest(self, sq_dists, numbers):
        keep = among_largest(sq_dists, self.wanted)
        sq_dists, numbers = sq_dists[keep], numbers[keep]
        order = np.lexsort((numbers, -sq_dists))[: self.wanted]
        return [sq_dists[order], numbers[order]]


def among_largest(values, wanted):
    """Where the `wanted` largest values are, and all equal to the least of them."""
    if len(values) <= wanted:
        return np.arange(len(values))
    return np.flatnonzero(values >= -np.partition(-values, wanted - 1)[wanted - 1])


class TransformPass:
    """Distances of every row to every center, written to a row state of k columns."""

    partial_bytes = 0
    centers_shape = (0, 0)

    def __init__(self, way):
        self.way = way
        self.row_seconds = 2 * way.row_seconds

    def start(self):
        return None

    def add(self, block, start, stop, partial, out):
        self.measure(block.rows, start, stop, out)

    def measure(self, rows, start, stop, out):
        """Write the distances of rows [start, stop), known to kernels as `rows`."""
        way = self.way
        scratch = way.borrow_scratch()
        distances_to_all(
            rows, start, stop, way.cosine, way.shift, way.shifted, way.plain_panels, out, scratch, way.shape
        )
        way.return_scratch(scratch)

    def merge(self, left, right):
        return None


class Way:
    """What is true of ways of labelling that remember nothing of rows from one pass to the next."""

    states = ()
    """Row states beside the labels, which the passes for labels, sums and moves work on."""

    compiled_fit = True
    """Whether kernels/small_fit.py knows the rows."""

    why = ""
    """Why passes go this way: the planner's reason, or what the way has learned since."""

    follows = follows_in_order = True
    """Whether sums, those in label order too, may follow the rows that move; False where summing all is as quick."""

    sums_itself = False
    """Whether `reduce` sums rows in an order of its own, whatever the size of the sums."""

    @property
    def remembers(self):
        """Whether one more pass for labels costs little, after those before."""
        return bool(self.states)

    def watch(self, source, k):
        """Make room for the states: a run begins."""

    def shares(self, partial):
        """(share of the pairs that were scored, candidates a row that were measured then) of an iteration."""
        return 1.0, 0.0

    def learn(self, partial):
        """Take in what an iteration came to."""

    def reduce(self, source, pass_, labels):
        """Run a pass for labels, sums or moves over the rows of `source`."""
        return source.reduce(pass_, row_state=(labels, *self.states))

    def give_labels(self, labels):
        """Write to `labels` what `reduce` found, where a way keeps it to itself."""

    def own_inertia(self, source, labels):
        """The sum of weight times squared distance of every row to the center of its label."""
        return source.reduce(self.own_inertia_pass(), row_state=(labels,)).inertia

    def farthest(self, source, labels, wanted):
        """(weight times squared distance, row number) of the rows farthest from the centers of their labels."""
        return source.reduce(self.distance_pass(wanted), row_state=(labels,))


def dense_row_seconds(dtype, d, k):
    """About how long a dense row takes: arithmetic at 180 GFLOP/s, packing, its share of the tile's fixed work."""
    lanes_of_float32 = dtype.itemsize / 4
    return lanes_of_float32 * (2 * d * k / 180e9 + 0.4e-9 * d) + 2e-9


def _prepared(kind, dtype, d, shift, cosine, centers):
    """A way as it was pickled; code and packed centers are those of the machine that it comes to."""
    way = kind(dtype, d, shift, cosine)
    return way if centers is None else way.prepare(centers)


class Dense(Way):
    """A full sweep: every row against every center, at the machine's arithmetic rate.

    Parameters
    ----------
    dtype : computing type of the sweep
    d : features
    shift : (d,) what packed rows are moved by
    cosine : whether rows are read as unit rows
    """

    name = "dense"

    def __init__(self, dtype, d, shift, cosine):
        self.dtype, self.d, self.cosine = np.dtype(dtype), d, int(cosine)
        self.shift, self.shifted = shift, int(np.any(shift))
        self.shape = tile_shape(vector_set(), dtype, d)
        self.address = assigner(self.dtype, self.shape)
        self.slack, self.tiny = rounding_slack(dtype, d)
        self._free_scratch = []
        self.center_norms = np.empty(0)

    @classmethod
    def for_source(cls, source, shift):
        """The assigner for the rows of `source`, moved by `shift`."""
        return cls(source.dtype, source.d, shift, source.cosine)

    def __reduce__(self):
        return _prepared, (type(self), self.dtype, self.d, self.shift, self.cosine, getattr(self, "centers", None))

    def prepare(self, centers):
        """Pack `centers` (k, d); the next passes are against them."""
        k, m = len(centers), len(self.shape[0])
        if len(self.center_norms) != k:
            self.panels, self.center_norms = np.empty(-(-k // m) * m * (self.d + 1), self.dtype), np.empty(k)
        self.centers = centers
        pack_centers(centers, self.shift, self.slack, self.panels, self.center_norms, self.shape)
        self.bounds = (self.slack, self.tiny, float(self.center_norms.max()))
        self.row_seconds = self.row_seconds_for(k)
        return self

    def row_seconds_for(self, k):
        """About how long a row takes against k centers."""
        return dense_row_seconds(self.dtype, self.d, k)

    def labels_pass(self):
        return DensePass(self, LABELS_ONLY)

    def sums_pass(self):
        return DensePass(self, WITH_SUMS)

    def moves_pass(self):
        return DensePass(self, WITH_MOVES)

    def inertia_pass(self):
        return DensePass(self, WITH_INERTIA)

    def own_inertia_pass(self):
        return DensePass(self, OWN_INERTIA)

    def transform_pass(self):
        """A pass that writes all distances; packs the centers once more, without norms."""
        self.plain_panels = plain_panels(self.centers - self.shift, len(self.shape[0]))
        return TransformPass(self)

    def distance_pass(self, wanted):
        return DistancePass(self, wanted)

    def cluster_inertia_pass(self):
        return ClusterInertiaPass(self)

    def own_sq_dists(self, block, start, stop, labels):
        """Squared distance of every row of a slab to the center of its label."""
        tile, sq_dists = own_tile(self.dtype, self.d), np.empty(stop - start)
        own_distances(
            block.rows, start, stop, labels, self.centers, self.shift, self.shifted, self.cosine, tile, sq_dists
        )  # fmt: skip
        return sq_dists

    def take_nearer(self, block, start, stop, nearest, first_label, labels, closest):
        """Give rows to a new center that is nearer; return the sum of weight times squared distance."""
        return take_nearer(
            block.rows, start, stop, block.weights_in(start, stop), nearest, self.centers, first_label, self.shift,
            self.shifted, self.cosine, own_tile(self.dtype, self.d), np.empty(own_tile_rows(self.d)), labels, closest,
        )  # fmt: skip

    def sum_in_label_order(self, block, order, starts, start, stop, *sums):
        """Sum a part of the rows listed in `order`; see kernels.gather.sum_in_label_order."""
        tile, own_sums = np.empty(row_stride(self.d), self.dtype), np.empty(self.d + 8)
        sum_in_label_order(
            block.rows, order, starts, start, stop, block.weights, self.d, self.cosine, self.shift, self.shifted, tile,
            own_sums, *sums,
        )  # fmt: skip

    def follow_moves(self, block, moved, before, after, low, high, sums):
        """Let the sums of clusters [low, high) follow the rows that moved; see kernels.gather.follow_moves."""
        return follow_moves(
            block.rows, moved, before, after, low, high, self.d, self.cosine, self.shift, self.shifted,
            np.empty(row_stride(self.d), self.dtype), sums.cluster_sums, sums.cluster_weights,
        )  # fmt: skip

    def borrow_scratch(self):
        try:
            return self._free_scratch.pop()
        except IndexError:
            return scratch_for(self.dtype, self.d, self.shape)

    def return_scratch(self, scratch):
        self._free_scratch.append(scratch)
