"""The first centers: greedy k-means++ and random rows; and their registry.

A seeding is a function of (source, k, random, progress) that returns the numbers of k rows. `random` is a NumPy
Generator; draws depend on it and on the rows alone, never on threads.
"""

import numpy as np

from fastkmeans.engine.machine import vector_set
from fastkmeans.kernels.packing import plain_panels, tile_shape
from fastkmeans.kernels.seeding import find_row, score_trials, take_trial
from fastkmeans.kernels.slab import scratch_for

KEPT_BYTES = 48 << 20  # distances to the trials of a step, kept for the one that is taken


class TrialsPass:
    """The potentials that trial centers would leave; keeps the distances where there is room for them."""

    def __init__(self, source, n_trials):
        self.dtype, self.d, self.cosine = source.dtype, source.d, int(source.cosine)
        self.shape = tile_shape(vector_set(), source.dtype, source.d)
        self.m = len(self.shape[0])
        self.n_panels = -(-n_trials // self.m)
        self.row_seconds = 1e-9 * (3 + 0.2 * source.d * (2 + self.n_panels))
        self.partial_bytes = 8 * self.n_panels * self.m
        self.centers_shape = (0, 0)
        self.lower = 0
        self.free_scratch = []

    def of(self, trials, lower=False):
        """The pass for these trial centers (n_trials, d); with `lower`, it takes the first one at once."""
        self.trials = plain_panels(trials, self.m)
        self.n_panels = -(-len(trials) // self.m)
        self.lower = int(lower)
        return self

    def start(self):
        return np.zeros(self.n_panels * self.m)

    def add(self, block, start, stop, partial, closest, sq_dists=None):
        scratch = self.free_scratch.pop() if self.free_scratch else scratch_for(self.dtype, self.d, self.shape)
        weights = block.weights_in(start, stop)
        kept = (0, 0, 0)
        if sq_dists is not None:
            kept = (sq_dists.ctypes.data, sq_dists.strides[1], sq_dists.shape[1])
        score_trials(
            block.rows, start, stop, weights, closest, self.d, self.cosine, self.trials, self.n_panels, self.lower,
            kept, partial, scratch, self.shape,
        )  # fmt: skip
        self.free_scratch.append(scratch)

    def merge(self, left, right):
        left += right
        return left


class TakePass:
    """Lowers every row's distance to that of the trial taken; lists the slabs' potentials, in row order."""

    def __init__(self, source):
        self.row_seconds = 1e-9 * (3 + 0.4 * source.d)  # as for the trials, so that a draw searches a short slab
        self.partial_bytes = 64
        self.centers_shape = (0, 0)

    def start(self):
        return []

    def add(self, block, start, stop, partial, closest, sq_dists):
        weights = block.weights_in(start, stop)
        partial.append((block.first + start, block.first + stop, take_trial(closest, sq_dists, weights)))

    def merge(self, left, right):
        return left + right


def _draw_rows(source, closest, slabs, uniforms):
    """Numbers of rows drawn with chances weight * closest, one a uniform number."""
    sums = np.cumsum([potential for _, _, potential in slabs])
    numbers = []
    for uniform in uniforms:
        target = uniform * sums[-1]
        slab = min(int(np.searchsorted(sums, target, side="right")), len(slabs) - 1)
        # A slab can be hit by rounding alone: step to one that has a row to give.
        while slab > 0 and slabs[slab][2] <= 0.0:
            slab -= 1
        start, stop, potential = slabs[slab]
        weights = source.weights[start:stop] if source.weighted else source.weights
        within = target - (sums[slab] - potential)
        numbers.append(start + find_row(closest[start:stop], weights, within))
    return np.array(numbers, np.int64)


def n_local_trials(k):
    """How many candidates a step of greedy k-means++ tries, as in scikit-learn."""
    return 2 + int(np.log(k))


def plus_plus(source, k, random, progress=None, n_trials=None):
    """Greedy k-means++: each center is the best of a few rows drawn by squared distance to the centers so far.

    References
    ----------
    .. [1] D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
    """
    n_trials = n_trials or n_local_trials(k)
    chosen = np.empty(k, np.int64)
    chosen[0] = source.sample(1, int(random.integers(2**63)))[0]
    closest = source.new_row_state(source.dtype)
    closest[:] = np.inf
    scoring, taking = TrialsPass(source, n_trials), TakePass(source)
    keeps = source.n * n_trials * source.dtype.itemsize <= KEPT_BYTES
    kept = source.new_row_state(source.dtype, n_trials if keeps else 0)
    keeps = keeps and kept.strides[0] == kept.itemsize  # else kernels cannot write columns by address

    def take(trials, best):
        """Lower the distances to those of a trial; the slabs' potentials after that."""
        if keeps:
            return source.reduce(taking, row_state=(closest, kept[:, best]))
        source.reduce(scoring.of(trials[best : best + 1], lower=True), row_state=(closest,))
        return source.reduce(taking, row_state=(closest, closest))

    first = source.take(chosen[:1])
    if keeps:
        source.reduce(scoring.of(first), row_state=(closest, kept))
    slabs = take(first, 0)
    for i in range(1, k):
        potential = sum(slab[2] for slab in slabs)
        stop = progress is not None and progress(i, potential) is False
        if stop or not potential > 0.0:  # asked to stop, or no row is off the centers: any rows will do
            chosen[i:] = _others(source, chosen[:i], k - i, int(random.integers(2**63)))
            return chosen
        numbers = _draw_rows(source, closest, slabs, random.random(n_trials))
        trials = source.take(numbers)
        states = (closest, kept) if keeps else (closest,)
        potentials = source.reduce(scoring.of(trials), row_state=states)[:n_trials]
        best = int(np.argmin(potentials))
        chosen[i] = numbers[best]
        slabs = take(trials, best)
    return chosen


def _others(source, chosen, m, seed):
    """m rows beside the chosen ones while there are any of weight, then chosen ones again."""
    drawn = source.sample(min(source.n, m + len(chosen)), seed)
    drawn = drawn[~np.isin(drawn, chosen)][:m]
    return np.resize(np.concatenate([drawn, chosen]), m) if len(drawn) < m else drawn


def random_rows(source, k, random, progress=None):
    """k rows drawn without replacement, with chances by weight."""
    drawn = source.sample(k, int(random.integers(2**63)))
    return np.resize(drawn, k)


SEEDINGS = {"k-means++": plus_plus, "random": random_rows}
