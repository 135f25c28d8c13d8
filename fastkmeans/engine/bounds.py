"""Ways that skip what cannot win: groups of centers by bounds, centers by a sweep in bytes, both exact."""

import numpy as np

from fastkmeans.engine import threads
from fastkmeans.engine.assigners import Dense, DensePass
from fastkmeans.engine.groups import Groups, screens
from fastkmeans.engine.machine import vector_set
from fastkmeans.engine.passes import SCRATCH_BYTES, promised_bytes
from fastkmeans.kernels.bounds import bound_slab, bounds_scratch
from fastkmeans.kernels.packing import describe_rows
from fastkmeans.kernels.slab import LABELS_ONLY, WITH_MOVES, WITH_SUMS

GROUP_CENTERS = 32  # a row's bounds take 4 bytes for so many centers; a whole panel of the widest vectors
STATE_SHARE = 0.45  # of the memory that a fit may still take
LEAST_GROUPS = 8  # fewer, where there is no memory for more, rule out too little
CENTERS_AT_ONCE = 256
# From how many values of centers on a sweep in bytes, where there is no memory for bounds, is quicker than one of all
# numbers: 20 iterations over 1M x 24 take k=1000 2.29 s | 2.15, k=4096 6.2 | 8.7; over 1M x 64 k=300 1.80 | 1.71,
# k=1000 3.6 | 5.5 (python -m benchmarks.compare --suite grid).
SCREENED_VALUES = 48_000
TRIED_PASSES, MOST_SWEPT = 4, 0.75  # bounds that rule out so little, after so many passes, are given up
MOST_MEASURED = 0.05  # of the pairs swept in bytes: where more are candidates, a sweep of the numbers is quicker


class BoundsPass(DensePass):
    """As DensePass, with a row's bounds and its length as further states."""

    def __init__(self, way, action):
        super().__init__(way, action)
        self.held_bytes = way.state_bytes

    def add(self, block, start, stop, partial, labels, lower, norms, upper):
        way, groups = self.way, self.way.groups
        scratch = way.borrow_bounds_scratch()
        known = (lower.ctypes.data, lower.strides[1] // lower.itemsize)
        moved, settled, spread, swept, measured = bound_slab(
            block.rows, start, stop, block.weights_in(start, stop), labels, norms, known, upper, way.fresh, way.centers,
            way.shift, way.panels, way.bounds, (way.cosine, way.shifted, self.action), groups.description,
            groups.packed, groups.order, groups.group_of, way.ruled_out, *way.moves, partial.cluster_sums,
            partial.cluster_weights, scratch, way.shape, groups.sweep.shape,
        )  # fmt: skip
        way.return_bounds_scratch(scratch)
        self.note(partial, moved, settled, spread)
        partial.n_swept += swept * groups.size
        partial.n_measured += measured


class Bounded(Dense):
    """As Dense, but a row meets only the groups of centers that its bounds do not rule out.

    A row's states are a bound for each group, 4 bytes for 32 centers, its squared length, and how far it is from its
    own center at most.
    """

    compiled_fit = False
    keeps_bounds = True
    """Whether a row's bounds are kept; without, all centers are one group."""

    ruled_out = np.empty((0, 0), np.float32)
    screening = None
    """Whether groups are swept in bytes; None: where this machine can, until too many candidates are left."""

    @property
    def name(self):
        """The way that passes go now: what does not pay is given up."""
        if not self.states:
            return "dense"
        if not self.keeps_bounds:
            return "screened"
        return "screened bounds" if self.in_bytes else "bounds"

    def watch(self, source, k):
        """Make room for what is known of the rows, in groups so large that it may be held."""
        self._free_bounds_scratch = []
        self.in_bytes = screens(self.d) if self.screening is None else self.screening
        self.states, self.known, self.passes = (), None, 0
        self.n_pairs = source.n * k
        if not self.keeps_bounds:
            self._in_one_group(k)
            if self.in_bytes:
                self.states = self._rooms(source)
            else:
                self.why = "this machine, or rows of so few or so many columns, have no sweep in bytes"
            return
        # The centers are held six times (first, present, next, last, packed, packed by group), their sums three times.
        held = 4 * source.n + k * source.d * (6 * self.dtype.itemsize + 24) + SCRATCH_BYTES
        allowed = STATE_SHARE * (promised_bytes(source, k) - held) / source.n - self.dtype.itemsize - 4
        most_groups = int(allowed / 4)
        if most_groups < min(LEAST_GROUPS, -(-k // GROUP_CENTERS)):
            self.why = "bounds would take more memory than the fit may"
            if self.in_bytes and allowed >= 4 and k * self.d >= SCREENED_VALUES:
                self._in_one_group(k)
                self.states = self._rooms(source)
            return
        self.group_size = GROUP_CENTERS * max(1, -(-k // (GROUP_CENTERS * most_groups)))
        self.n_groups = -(-k // self.group_size)
        self.states = self._rooms(source)

    def _rooms(self, source):
        self.state_bytes = source.n * (4 * self.n_groups + self.dtype.itemsize + 4)
        lengths, upper = source.new_row_state(self.dtype), source.new_row_state(np.float32)
        return source.new_row_state(np.float32, self.n_groups), lengths, upper

    def _in_one_group(self, k):
        """Remember no bounds: all centers are one group, and no row is spared it."""
        self.keeps_bounds, self.known = False, None
        self.group_size, self.n_groups = k, 1
        self.ruled_out = np.zeros((1, k), np.float32)

    def shares(self, partial):
        if not self.states:
            return super().shares(partial)
        n = len(self.states[0])
        return min(1.0, partial.n_swept / self.n_pairs), partial.n_measured / n

    def learn(self, partial):
        """Give up what does not pay: bytes that leave too many candidates, bounds that rule out too little."""
        if not self.states:
            return
        self.passes += 1
        if self.in_bytes and self.passes > 1 and partial.n_measured > MOST_MEASURED * partial.n_swept:
            self.why = f"more than {MOST_MEASURED:.0%} of the pairs scored in bytes were candidates"
            self.in_bytes, self._free_bounds_scratch = False, []
            if self.keeps_bounds:
                self.groups.sweep_by(False)
            else:
                self.states = ()
        if self.keeps_bounds and self.passes >= TRIED_PASSES and partial.n_swept > MOST_SWEPT * self.n_pairs:
            self.why = f"bounds ruled out less than {1 - MOST_SWEPT:.0%} of the pairs"
            self._free_bounds_scratch = []
            if self.in_bytes:
                self._in_one_group(len(self.centers))
                self.states = self.states[0][:, :1], *self.states[1:]
            else:
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
        if self.fresh:
            self.moves = np.zeros(self.n_groups), np.zeros(len(self.centers), np.float32)
            self.groups = Groups(self, self.group_size, in_bytes=self.in_bytes)
        elif self.keeps_bounds:
            self.moves = self.groups.moves(self.known, CENTERS_AT_ONCE)
        self.known = self.centers.copy()
        self.groups.pack()
        return BoundsPass(self, action)

    def borrow_bounds_scratch(self):
        try:
            return self._free_bounds_scratch.pop()
        except IndexError:
            return bounds_scratch(self.dtype, self.d, self.shape, self.groups.sweep)

    def return_bounds_scratch(self, scratch):
        self._free_bounds_scratch.append(scratch)


class Screened(Bounded):
    """As Dense, but swept in bytes: only the candidates that this leaves are measured. Remembers no bounds."""

    keeps_bounds = False


class Newcomers(Bounded):
    """Centers that join others: a row meets only the groups of new ones that its own center does not rule out.

    A new center farther from a row's own than twice the row's distance is farther (the triangle inequality). Nothing is
    remembered from one pass to the next.
    """

    def join(self, centers, n_old, n_threads=1):
        """Pack `centers`, of which all from `n_old` on are new; labels tell of the old ones."""
        self.prepare(centers)
        self.n_groups = -(-(len(centers) - n_old) // GROUP_CENTERS)
        self._free_bounds_scratch = []
        self.fresh, self.state_bytes = True, 0
        self.moves = np.zeros(self.n_groups), np.zeros(len(centers), np.float32)
        self.groups = Groups(self, GROUP_CENTERS, n_old, in_bytes=screens(self.d))
        self.groups.pack()
        self.ruled_out = np.empty((self.n_groups, n_old), np.float32)
        no_shift = np.zeros(self.d, self.dtype)
        # By our kernels: threads of BLAS wait for each other at each of many small products. With another program at
        # work, a fit of 100k x 128, k=1000 took 4 to 16 s so, 2.3 with one thread for BLAS, and takes 2.1.
        new = Dense(self.dtype, self.d, no_shift, cosine=False)
        transform = new.prepare(centers[n_old + np.concatenate(self.groups.runs)]).transform_pass()
        begins = np.cumsum([0, *map(len, self.groups.runs[:-1])])
        shrink = 1 - 1e-6 - (self.d + 4) * float(np.finfo(self.dtype).eps)  # sums and roots of rounded squares
        rows = describe_rows(centers, self.dtype, vector_set())

        def measure(part):
            start, stop = part * CENTERS_AT_ONCE, min((part + 1) * CENTERS_AT_ONCE, n_old)
            distances = np.empty((stop - start, len(new.centers)), self.dtype)
            transform.measure(rows, start, stop, distances)
            nearest = np.minimum.reduceat(distances, begins, axis=1) * shrink
            nearest[~np.isfinite(nearest)] = 0.0  # squares beyond the largest number rule nothing out
            self.ruled_out[:, start:stop] = nearest.T

        threads.run(-(-n_old // CENTERS_AT_ONCE), measure, n_threads)
        return self

    def share_met(self, labels, sq_dists):
        """The share of pairs that are not ruled out, for rows of these labels and squared distances."""
        return float((self.ruled_out[:, labels] <= 2 * np.sqrt(sq_dists)).mean())

    def label(self, block, start, stop, labels):
        """Give rows to new centers that are nearer; labels are those of the old ones."""
        met = BoundsPass(self, LABELS_ONLY)
        n = stop - start
        # Bounds and lengths of rows are of no use afterwards: every group writes to the same place.
        spare = np.broadcast_to(np.empty(n, np.float32), (self.n_groups, n)).T
        met.add(block, start, stop, met.start(), labels, spare, np.empty(n, self.dtype), np.empty(n, np.float32))
