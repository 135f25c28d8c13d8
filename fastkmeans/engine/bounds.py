"""Label rows by a sweep that skips groups of centers by bounds (kernels/bounds.py): exact, quicker as rows settle."""

import numpy as np

from fastkmeans.engine.assigners import Dense, DensePass
from fastkmeans.engine.passes import SCRATCH_BYTES, promised_bytes
from fastkmeans.kernels.bounds import bound_slab, bounds_scratch
from fastkmeans.kernels.packing import pack_centers
from fastkmeans.kernels.slab import LABELS_ONLY, WITH_MOVES, WITH_SUMS

GROUP_CENTERS = 24  # a row's bounds take 4 bytes for so many centers
STATE_SHARE = 0.45  # of the memory that a fit may still take
LEAST_GROUPS = 8  # fewer, where there is no memory for more, rule out too little
CENTERS_AT_ONCE = 256
POWER_STEPS = 8
TRIED_PASSES, MOST_SWEPT = 4, 0.75  # bounds that rule out so little, after so many passes, are given up


def neighbours_in_runs(centers, size):
    """Lists of up to `size` centers that lie together: halves along the direction of largest spread, and so on."""

    def split(numbers):
        if len(numbers) <= size:
            return [numbers]
        points = centers[numbers] - centers[numbers].mean(axis=0)
        tiny = np.finfo(points.dtype).tiny
        points /= max(points.max(), -points.min(), tiny)
        direction = points[np.argmax(np.einsum("ij,ij->i", points, points))]
        for _ in range(POWER_STEPS):
            direction = points.T @ (points @ direction)
            direction /= max(np.sqrt(direction @ direction), tiny)
        by_place = numbers[np.argsort(points @ direction, kind="stable")]
        half = -(-len(numbers) // size) // 2 * size
        return split(by_place[:half]) + split(by_place[half:])

    return split(np.arange(len(centers)))


class BoundsPass(DensePass):
    """As DensePass, with a row's bounds and its length as further states."""

    def __init__(self, way, action):
        super().__init__(way, action)
        self.held_bytes = way.state_bytes

    def add(self, block, start, stop, partial, labels, lower, norms):
        way = self.way
        scratch = way.borrow_bounds_scratch()
        known = (lower.ctypes.data, lower.strides[1] // lower.itemsize)
        moved, settled, spread, swept = bound_slab(
            block.rows, start, stop, block.weights_in(start, stop), labels, norms, known, way.fresh, way.centers,
            way.shift, way.panels, way.center_norms, way.bounds, (way.cosine, way.shifted, self.action), way.grouped,
            way.group_panels, way.order, way.group_of, way.near, way.drift, partial.cluster_sums,
            partial.cluster_weights, scratch, way.shape,
        )  # fmt: skip
        way.return_bounds_scratch(scratch)
        self.note(partial, moved, settled, spread)
        partial.n_swept += swept

    def merge(self, left, right):
        left.n_swept += right.n_swept
        return super().merge(left, right)


class Bounded(Dense):
    """As Dense, but a row meets only the groups of centers that its bounds do not rule out.

    A row of the state has a bound for each group, 4 bytes for 24 centers, and its squared length.
    """

    compiled_fit = False
    near = np.empty((0, 0), np.float32)

    @property
    def name(self):
        """The way that passes go: bounds may be given up."""
        return "bounds" if self.states else "dense"

    def watch(self, source, k):
        """Make room for what is known of the rows, in groups so large that it may be held."""
        m = len(self.shape[0])
        self._free_bounds_scratch = []
        # The centers are held six times (first, present, next, last, packed, packed by group), their sums three times.
        held = 4 * source.n + k * source.d * (6 * self.dtype.itemsize + 24) + SCRATCH_BYTES
        allowed = STATE_SHARE * (promised_bytes(source, k) - held) / source.n - self.dtype.itemsize
        most_groups = int(allowed / 4)
        if most_groups < min(LEAST_GROUPS, -(-k // GROUP_CENTERS)):
            self.states = ()
            return
        n_panels = -(-k // m)
        self.group_panels = max(GROUP_CENTERS // m, -(-n_panels // most_groups))
        self.n_groups = -(-n_panels // self.group_panels)
        self.states = source.new_row_state(np.float32, self.n_groups), source.new_row_state(self.dtype)
        self.state_bytes = source.n * (4 * self.n_groups + self.dtype.itemsize)
        self.n_pairs = source.n * self.n_groups
        self.known, self.passes = None, 0

    def learn(self, partial):
        """Give bounds up that rule out too little: from there on every pass is dense."""
        if self.states:
            self.passes += 1
            if self.passes >= TRIED_PASSES and partial.n_swept > MOST_SWEPT * self.n_pairs:
                self.states = ()

    def labels_pass(self):
        return self._pass(LABELS_ONLY)

    def sums_pass(self):
        return self._pass(WITH_SUMS)

    def moves_pass(self):
        return self._pass(WITH_MOVES)

    def _pass(self, action):
        """A pass that starts from the bounds that the last one left."""
        if not self.states:
            return DensePass(self, action)
        self.fresh = self.known is None
        self.drift = np.zeros(self.n_groups)
        if self.fresh:
            self._group()
        else:
            for first in range(0, len(self.centers), CENTERS_AT_ONCE):
                some = slice(first, first + CENTERS_AT_ONCE)
                moves = self.centers[some].astype(np.float64) - self.known[some]
                moved = np.sqrt(np.einsum("ij,ij->i", moves, moves)) * (1 + 1e-6)
                np.maximum.at(self.drift, self.group_of[some], moved)
        self.known = self.centers.copy()
        self._pack_groups()
        return BoundsPass(self, action)

    def _group(self, first=0):
        """Put neighbours among the centers from `first` on into groups; they stay together for the whole run."""
        size = self.group_panels * len(self.shape[0])
        self.order = np.full(self.n_groups * size, -1, np.int32)
        self.group_of = np.full(len(self.centers), -1, np.int32)
        for group, run in enumerate(neighbours_in_runs(self.centers[first:], size)):
            self.order[group * size : group * size + len(run)] = run + first
            self.group_of[run + first] = group

    def _pack_groups(self):
        """Pack the centers in the order of the groups, each in whole panels."""
        m = len(self.shape[0])
        size, values = self.group_panels * m, self.group_panels * (self.d + 1) * m
        self.grouped = np.zeros(self.n_groups * values, self.dtype)
        self.grouped.reshape(-1, self.d + 1, m)[:, 0] = np.finfo(self.dtype).min  # places without a center never win
        for group in range(self.n_groups):
            own = self.order[group * size : (group + 1) * size]
            own = own[own >= 0]
            part = self.grouped[group * values : (group + 1) * values]
            pack_centers(self.centers[own], self.shift, self.slack, part, np.empty(len(own)), self.shape)

    def borrow_bounds_scratch(self):
        try:
            return self._free_bounds_scratch.pop()
        except IndexError:
            return bounds_scratch(self.dtype, self.d, self.shape)

    def return_bounds_scratch(self, scratch):
        self._free_bounds_scratch.append(scratch)


class Newcomers(Bounded):
    """Centers that join others: a row meets only the groups of new ones that its own center does not rule out.

    A new center farther from a row's own than twice the row's distance is farther (the triangle inequality). Nothing is
    remembered from one pass to the next.
    """

    def join(self, centers, n_old):
        """Pack `centers`, of which all from `n_old` on are new; labels tell of the old ones."""
        self.prepare(centers)
        m = len(self.shape[0])
        self.group_panels = GROUP_CENTERS // m
        self.n_groups = -(-(len(centers) - n_old) // (self.group_panels * m))
        self._free_bounds_scratch = []
        self.fresh, self.state_bytes, self.drift = True, 0, np.zeros(self.n_groups)
        self._group(n_old)
        self._pack_groups()
        self.near = np.empty((self.n_groups, n_old), np.float32)
        mean = centers[:n_old].mean(axis=0)  # as products cancel far from 0
        slack = 4 * self.d * np.finfo(self.dtype).eps  # of a product summed in any order, and of centring
        runs = [np.flatnonzero(self.group_of == group) for group in range(self.n_groups)]
        new = [centers[run] - mean for run in runs]
        new_squares = [np.einsum("ij,ij->i", run, run, dtype=np.float64) for run in new]
        for first in range(0, n_old, CENTERS_AT_ONCE):
            old = centers[first : min(first + CENTERS_AT_ONCE, n_old)] - mean
            old_squares = np.einsum("ij,ij->i", old, old, dtype=np.float64)
            for group in range(self.n_groups):
                both = old_squares[:, None] + new_squares[group]
                sq_dists = (both * (1 - slack) - 2.0 * (old @ new[group].T)).min(axis=1)
                self.near[group, first : first + len(old)] = np.sqrt(np.maximum(sq_dists, 0.0)) * (1 - 1e-6)
        return self

    def share_met(self, labels, sq_dists):
        """The share of pairs that are not ruled out, for rows of these labels and squared distances."""
        return float((self.near[:, labels] <= 2 * np.sqrt(sq_dists)).mean())

    def label(self, block, start, stop, labels):
        """Give rows to new centers that are nearer; labels are those of the old ones."""
        met = BoundsPass(self, LABELS_ONLY)
        n = stop - start
        # Bounds and lengths of rows are of no use afterwards: every group writes to the same place.
        spare = np.broadcast_to(np.empty(n, np.float32), (self.n_groups, n)).T
        met.add(block, start, stop, met.start(), labels, spare, np.empty(n, self.dtype))
