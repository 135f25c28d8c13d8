"""Greedy k-means++ over any source of rows.

A step draws a few trial rows, measures all rows that one of them may win (kernels/seeding.py), and takes the trial
that leaves the least. Steps with much to measure run as passes of the source, on its threads; where rows are one
block in memory, steps with little run in compiled code (kernels/plus_plus.py), with equal bits.
"""

import numpy as np

from fastkmeans.engine import threads
from fastkmeans.engine.machine import vector_set
from fastkmeans.engine.moments import SMALL_VALUES
from fastkmeans.engine.nearer import closest_to
from fastkmeans.engine.passes import READS
from fastkmeans.engine.small import PIECE_SECONDS
from fastkmeans.kernels.packing import tile_shape, turner
from fastkmeans.kernels.plus_plus import plus_plus_steps
from fastkmeans.kernels.seeding import score_trials, scorer, seeding_scratch, seeding_tile_rows
from fastkmeans.kernels.trials import best_trial, draw_rows, pack_trials, skip_margins, take_trial, trial_limits

SMALL_CLUSTERS = 64  # of SMALL_VALUES numbers in all: more steps are worth compiled code
KEPT_BYTES = 48 << 20  # distances to the trials of a step, kept for the one that is taken
KEPT_ROW_BYTES = 64  # rows shorter than this are measured again: that moves less memory


def n_local_trials(k):
    """How many candidates a step of greedy k-means++ tries, as in scikit-learn."""
    return 2 + int(np.log(k))


class _Slabs:
    """Which tiles a slab has: slabs in row order, as the first pass met them."""

    def __init__(self, firsts, stops, tile_rows):
        counts = [-(-(stop - first) // tile_rows) for first, stop in zip(firsts, stops, strict=True)]
        self.firsts = np.array(firsts, np.int64)
        self.cuts = np.array([*firsts, stops[-1]], np.int64)
        self.first_tiles = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        starts = [np.arange(count) * tile_rows + first for first, count in zip(firsts, counts, strict=True)]
        self.tile_starts = np.concatenate([*starts, [stops[-1]]]).astype(np.int64)

    def tiles_of(self, first):
        """The tiles of the slab whose first row is this."""
        slab = np.searchsorted(self.firsts, first)
        return slice(self.first_tiles[slab], self.first_tiles[slab + 1])


def borrow_scratch(free_scratch, dtype, d, tile_rows, shape):
    """Scratch of a call that has ended, from this list, or new; append it again afterwards."""
    try:
        return free_scratch.pop()
    except IndexError:
        return seeding_scratch(dtype, d, tile_rows, shape)


class ScorePass:
    """What trials would gain, by tile, in row order; with `taken`, rows take the first trial at once."""

    def __init__(self, seeding, n_trials, lanes, limits, taken=-1):
        self.d, self.cosine = seeding.source.d, int(seeding.source.cosine)
        self.dtype, self.tile_rows = seeding.source.dtype, seeding.tile_rows
        self.trials = seeding.trials(n_trials)
        self.free_scratch, self.address, self.shape = seeding.free_scratch, seeding.address, seeding.shape
        self.lanes, self.limits, self.taken = lanes, limits, taken
        self.slabs, self.wanted = seeding.slabs, seeding.wanted
        self.row_seconds, self.partial_bytes, self.centers_shape = seeding.row_seconds, 64, (0, 0)

    def start(self):
        return []

    def add(self, block, start, stop, partial, closest, labels, kept=None):
        room = (0, 0) if kept is None else (kept.ctypes.data, kept.strides[1] // kept.itemsize)
        gains = np.empty(-(-(stop - start) // self.tile_rows) * self.lanes)
        wanted = self.wanted if len(self.wanted) == 0 else self.wanted[self.slabs.tiles_of(block.first + start)]
        scratch = borrow_scratch(self.free_scratch, self.dtype, self.d, self.tile_rows, self.shape)
        measured = score_trials(
            self.address, block.rows, start, stop, block.weights_in(start, stop), closest, labels, self.d, self.cosine,
            self.trials, self.limits, self.taken, wanted, room, gains, self.lanes, self.tile_rows,
            scratch, self.shape,
        )  # fmt: skip
        self.free_scratch.append(scratch)
        partial.append((block.first + start, block.first + stop, gains, measured))

    def merge(self, left, right):
        return left + right


class TakePass:
    """Gives rows to the trial that was taken; lists the potentials of the tiles, in row order."""

    def __init__(self, seeding, lanes, trial, limits, label):
        self.slabs, self.tile_rows = seeding.slabs, seeding.tile_rows
        self.gains, self.potentials = seeding.gains, seeding.potentials
        self.lanes, self.trial, self.limits, self.label = lanes, trial, limits, label
        self.row_seconds, self.partial_bytes, self.centers_shape = seeding.row_seconds, 64, (0, 0)

    def start(self):
        return []

    def add(self, block, start, stop, partial, closest, labels, kept=None):
        tiles = self.slabs.tiles_of(block.first + start)
        potentials = self.potentials[tiles].copy()
        take_trial(
            closest, labels, block.weights_in(start, stop), closest[:0] if kept is None else kept, self.lanes,
            self.trial, self.limits, self.label, self.gains[tiles.start * self.lanes : tiles.stop * self.lanes],
            self.tile_rows, potentials,
        )  # fmt: skip
        partial.append(potentials)

    def merge(self, left, right):
        return left + right


class PotentialPass:
    """The sums of weight times squared distance by tile, in row order."""

    effect = READS

    def __init__(self, seeding):
        self.tile_rows = seeding.tile_rows
        self.row_seconds, self.partial_bytes, self.centers_shape = seeding.row_seconds, 64, (0, 0)

    def start(self):
        return []

    def add(self, block, start, stop, partial, closest):
        weights, shares = block.weights_in(start, stop), closest.astype(np.float64)
        shares = shares * weights if len(weights) else shares
        potentials = np.add.reduceat(shares, np.arange(0, stop - start, self.tile_rows))
        partial.append((block.first + start, block.first + stop, potentials))

    def merge(self, left, right):
        return left + right


class Seeding:
    """The state of rows while centers are chosen: each row's nearest center so far, and how far it is.

    Parameters
    ----------
    source : rows
    k : centers to choose
    n_trials : rows tried for each
    first : number of the row that becomes the first center
    uniforms : (k, n_trials) numbers in [0, 1); those of a step draw its trials
    closest : row state of squared distances to centers that are there already, or None
        These stand for the first center then, which rules nothing out.
    """

    score_pass = ScorePass
    compiled_steps = True  # where rows are one block in memory

    def __init__(self, source, k, n_trials, first, uniforms, closest=None):
        self.source, self.uniforms = source, uniforms
        d, dtype = source.d, source.dtype
        self.tile_rows = seeding_tile_rows(dtype, d)
        self.shape = tile_shape(vector_set(), dtype, 1)
        # Gains are summed in the computing type: the largest weight counts 1 there, or less where that overflows.
        self.scale = 1.0 / max(float(source.weights.max()), 1e-300) if source.weighted else 1.0
        self.free_scratch = []
        self.row_seconds = 1e-9 * (4 + 0.4 * d * dtype.itemsize / 4)
        self.margins = skip_margins(dtype, d)
        self.lanes = -(-n_trials // 8) * 8
        label_type = np.uint8 if k <= 256 else np.uint16 if k <= 65536 else np.int32
        self.closest, self.labels = source.new_row_state(dtype), source.new_row_state(label_type)
        self.closest[:] = np.finfo(dtype).max / 4  # beyond any distance; not infinite, as 0 times that is no number
        bytes_a_row = self.labels.itemsize + dtype.itemsize * (1 + self.lanes)
        keeps = source.n * bytes_a_row <= KEPT_BYTES and d * dtype.itemsize >= KEPT_ROW_BYTES
        self.kept = source.new_row_state(dtype, self.lanes) if keeps else None
        self.chosen, self.done = np.zeros(k, np.int64), 0
        self.chosen[0] = first
        self.table, self.limits = np.zeros((self.lanes, k), dtype), np.zeros(k, dtype)
        self.row_nanoseconds = 12 + 0.5 * d * dtype.itemsize / 4 * self.lanes / 8  # of a measured row
        self.make_room(n_trials)
        self.measured, self.slabs, self.wanted = source.n, None, np.empty(0)
        blocks = getattr(source, "blocks", ())
        self.block = blocks[0] if len(blocks) == 1 else None
        if self.block is not None:
            cuts = threads.slab_cuts(source.n, source.values_a_row, self.row_seconds)
            self._cut(cuts[:-1], cuts[1:])
        self.beside = closest is not None
        if self.beside:
            self.closest, self.done, self.compiled_steps = closest, 1, False
            firsts, stops, potentials = zip(*source.reduce(PotentialPass(self), row_state=(closest,)), strict=True)
            self._cut(firsts, stops)
            self.potentials = np.concatenate(potentials)

    def make_room(self, n_trials):
        """What trials and centers are kept in, and the kernel that scores them."""
        d, dtype, m = self.source.d, self.source.dtype, len(self.shape[0])
        self.address = scorer(dtype, self.labels.dtype, self.shape)
        self.turn = turner(dtype, self.shape)
        self.centers = np.zeros((len(self.chosen), d), dtype)
        self.narrow, self.distances = np.empty(self.lanes * d, dtype), np.empty(64, dtype)
        self.wide = np.empty(-(-n_trials // m) * m * d, dtype)

    def trials(self, n_trials):
        """The packed trials, as the scoring kernel takes them."""
        return self.narrow, self.wide, n_trials, self.turn, self.scale

    def set_trials(self, numbers):
        """Pack the rows with these numbers as the trials."""
        self.candidates = self.source.take(numbers)
        pack_trials(self.candidates, self.narrow, self.wide, len(self.shape[0]))

    def set_limits(self, n_trials):
        """From which distances on the trials may win rows of each center so far."""
        trial_limits(
            self.narrow, self.source.d, self.centers.reshape(-1), self.done, self.margins, self.table, self.limits,
            n_trials, self.distances,
        )  # fmt: skip

    def keep_center(self, trial):
        """Make a trial the newest center."""
        self.centers[self.done] = self.candidates[trial]

    def _cut(self, firsts, stops):
        self.slabs = _Slabs(firsts, stops, self.tile_rows)
        n_tiles = self.slabs.first_tiles[-1]
        self.gains, self.potentials = np.empty(n_tiles * self.lanes), np.zeros(n_tiles)
        self.running = np.empty(n_tiles)

    @property
    def step_seconds(self):
        """About how long the next step takes on one thread, if it measures as many rows as the last one."""
        return 1e-9 * (0.8 * self.source.n + self.measured * self.row_nanoseconds)

    def potential(self):
        """The sum of weight times squared distance of the rows to their nearest center."""
        return float(self.potentials.sum())

    def advance(self, most):
        """Take one step, or in compiled code up to `most`; return whether rows off the centers were there to draw."""
        if not self.compiled_steps or self.block is None or self.step_seconds > threads.SERIAL_SECONDS:
            return self.step()
        steps = max(1, min(most, int(PIECE_SECONDS / self.step_seconds)))
        spare = 1e9 * threads.SERIAL_SECONDS - 0.8 * self.source.n
        most_measured = int(max(0.0, spare) / self.row_nanoseconds)
        scratch = borrow_scratch(self.free_scratch, self.source.dtype, self.source.d, self.tile_rows, self.shape)
        where = self.address, self.block.rows, self.slabs.cuts, self.slabs.first_tiles
        state = self.block.weights, self.closest, self.labels, self.potentials
        kept = np.empty((0, 0), self.source.dtype) if self.kept is None else self.kept.T
        self.done, self.measured, total = plus_plus_steps(
            where, self.slabs.tile_starts, int(self.source.cosine), state, kept, self.chosen, self.centers, self.done,
            self.uniforms[self.done : self.done + steps], self.margins, self.table, self.limits, self.narrow,
            self.wide, self.gains, self.running, self.tile_rows, most_measured,
            self.turn, self.scale, scratch, self.shape,
        )  # fmt: skip
        self.free_scratch.append(scratch)
        return total > 0.0

    def step(self):
        """One step as passes of the source; return whether rows off the centers were there to draw."""
        numbers, best, limits = self.chosen[:1], 0, self.limits
        if self.done > 0:
            numbers = np.empty(self.uniforms.shape[1], np.int64)
            total = draw_rows(
                self.potentials, self.slabs.tile_starts, self.closest, self.source.weights, self.uniforms[self.done],
                numbers, self.running,
            )  # fmt: skip
            if not total > 0.0:
                return False
        self.set_trials(numbers)
        if self.done > 0:
            self.set_limits(len(numbers))
            if self.beside:
                self.limits[0] = self.table[:, 0] = -1
            self.measured = self._score(len(numbers), self.lanes, limits, kept=self.kept)
            best = best_trial(self.gains, self.lanes, len(numbers))
            limits = self.table[best]
        else:
            self.limits[0] = -1  # every row is measured to the first center
        self.keep_center(best)
        if self.done > 0 and self.kept is not None:
            self._take(self.lanes, best, limits, self.kept[:, best])
        else:
            self.set_trials(numbers[best : best + 1])
            if self.done > 0:
                self.wanted = self.gains.reshape(-1, self.lanes)[:, best].copy()
            measured = self._score(1, 8, limits, taken=self.done)
            self.wanted = self.wanted[:0]
            self.measured = max(self.measured, measured)
            self._take(8, 0, limits)
        self.chosen[self.done] = numbers[best]
        self.done += 1
        return True

    def _score(self, n_trials, lanes, limits, taken=-1, kept=None):
        """Fill the gains; return how many rows were measured."""
        states = (self.closest, self.labels) if kept is None else (self.closest, self.labels, kept)
        parts = self.source.reduce(self.score_pass(self, n_trials, lanes, limits, taken), row_state=states)
        if self.slabs is None:
            self._cut([first for first, *_ in parts], [stop for _, stop, *_ in parts])
        gains = np.concatenate([gains for _, _, gains, _ in parts])
        self.gains[: len(gains)] = gains
        return sum(measured for *_, measured in parts)

    def _take(self, lanes, trial, limits, kept=None):
        states = (self.closest, self.labels) if kept is None else (self.closest, self.labels, kept)
        parts = self.source.reduce(TakePass(self, lanes, trial, limits, self.done), row_state=states)
        self.potentials = np.concatenate(parts)


class FewRows:
    """`Seeding` of few values, by NumPy: nothing to compile for the first small fit, and 25 us a step for the next.

    Sums go over columns and rows in order, so that kernels/few_rows.py, which seeds many such fits, has equal bits.
    """

    def __init__(self, source, k, n_trials, first, uniforms, closest=None):
        numbers = np.arange(source.n)
        self.columns = np.ascontiguousarray(source.take(numbers).T)
        self.weights, self.uniforms = source.weights_of(numbers), uniforms
        self.chosen, self.done = np.zeros(k, np.int64), 1
        self.chosen[0] = first
        self.closest = self._sq_dists([first])[0] if closest is None else closest

    @staticmethod
    def suits(n, d, k):
        """Whether rows and centers are so few."""
        return n * d <= SMALL_VALUES and k <= SMALL_CLUSTERS

    def _sq_dists(self, numbers):
        differences = self.columns[:, None] - self.columns[:, numbers][:, :, None]
        return (differences * differences).sum(axis=0)

    def potential(self):
        """As Seeding's."""
        return float(self.closest.astype(np.float64) @ self.weights)

    def advance(self, most):
        """Take one step; return whether rows off the centers were there to draw."""
        shares = self.weights * self.closest
        running = np.cumsum(shares)
        if not running[-1] > 0.0:
            return False
        last = np.flatnonzero(shares)[-1]
        numbers = np.minimum(np.searchsorted(running, self.uniforms[self.done] * running[-1], side="right"), last)
        left = np.minimum(self.closest, self._sq_dists(numbers))
        best = np.argmin(np.cumsum(left * self.weights, axis=1)[:, -1])
        self.closest, self.chosen[self.done] = left[best], numbers[best]
        self.done += 1
        return True


def seeding_state(source):
    """The kind of Seeding that measures the rows of this source."""
    return getattr(source, "seeding_state", Seeding)


def plus_plus(source, k, random, progress=None, frozen=None, n_trials=None):
    """Greedy k-means++: each center is the best of a few rows drawn by squared distance to the centers so far.

    Frozen centers are there from the start.

    References
    ----------
    .. [1] D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
    .. [2] E. Raff, "Exact acceleration of K-Means++ and K-Means||", IJCAI 2021.
    """
    n_trials = n_trials or n_local_trials(k)
    kind = FewRows if FewRows.suits(source.n, source.d, k) else seeding_state(source)
    seed, before = int(random.integers(2**63)), int(frozen is not None)
    first, closest = (0, closest_to(source, frozen, seed)) if before else (source.sample(1, seed)[0], None)
    count = before + k
    seeding = kind(source, count, n_trials, first, random.random((count, n_trials)), closest)
    while seeding.done < count:
        if seeding.done and progress is not None and progress(seeding.done, seeding.potential()) is False:
            break
        if not seeding.advance(count - seeding.done if progress is None else 1):
            break
    chosen, done = seeding.chosen[before:], seeding.done - before
    if done < k:  # asked to stop, or no row is off the centers: any rows will do
        chosen[done:] = others(source, chosen[:done], k - done, int(random.integers(2**63)))
    return chosen


def others(source, chosen, m, seed):
    """m rows beside the chosen ones while there are any of weight, then chosen ones again."""
    drawn = source.sample(min(source.n, m + len(chosen)), seed)
    drawn = drawn[~np.isin(drawn, chosen)][:m]
    return np.resize(np.concatenate([drawn, chosen]), m) if len(drawn) < m else drawn
