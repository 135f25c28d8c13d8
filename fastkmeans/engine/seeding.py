"""The first centers: greedy k-means++ and random rows; and their registry.

A seeding is a function of (source, k, random, progress) that returns the numbers of k rows. `random` is a NumPy
Generator; draws depend on it and on the rows alone, never on threads.
"""

import numpy as np

from fastkmeans.engine.machine import vector_set
from fastkmeans.kernels.packing import tile_shape
from fastkmeans.kernels.seeding import find_row, lower_closest, score_trials
from fastkmeans.kernels.slab import scratch_for


class _SeedingPass:
    """What the two passes of a step share: shapes, cost, scratch."""

    def __init__(self, source, centers_a_row):
        self.source_dtype, self.d, self.cosine = source.dtype, source.d, int(source.cosine)
        self.shape = tile_shape(vector_set(), source.dtype, source.d)
        self.row_seconds = 1e-9 * (3 + 0.5 * source.d)
        self.partial_bytes = 64 * centers_a_row
        self.centers_shape = (0, 0)
        self.scratch = []

    def borrow_scratch(self):
        return self.scratch.pop() if self.scratch else scratch_for(self.source_dtype, self.d, self.shape)


class LowerPass(_SeedingPass):
    """Lowers every row's distance to the new center; its partial lists the slabs' potentials in row order."""

    def __init__(self, source):
        super().__init__(source, 1)

    def toward(self, center):
        self.center = center
        return self

    def start(self):
        return []

    def add(self, block, start, stop, partial, closest):
        scratch = self.borrow_scratch()
        weights = block.weights[start:stop] if len(block.weights) else block.weights
        potential = lower_closest(
            block.rows, start, stop, weights, closest, self.d, self.cosine, self.center, scratch, self.shape
        )
        self.scratch.append(scratch)
        partial.append((block.first + start, block.first + stop, potential))

    def merge(self, left, right):
        return left + right


class TrialsPass(_SeedingPass):
    """The potentials that trial centers would leave."""

    def __init__(self, source, n_trials):
        super().__init__(source, n_trials)
        self.m = len(self.shape[0])
        self.n_panels = -(-n_trials // self.m)

    def of(self, trials):
        padded = np.zeros((self.n_panels * self.m, self.d), self.source_dtype)
        padded[: len(trials)] = trials
        panels = padded.reshape(self.n_panels, self.m, self.d).transpose(0, 2, 1)
        self.trials = np.ascontiguousarray(panels).reshape(-1)
        return self

    def start(self):
        return np.zeros(self.n_panels * self.m)

    def add(self, block, start, stop, partial, closest):
        scratch = self.borrow_scratch()
        weights = block.weights[start:stop] if len(block.weights) else block.weights
        score_trials(
            block.rows, start, stop, weights, closest, self.d, self.cosine, self.trials, self.n_panels,
            partial, scratch, self.shape,
        )  # fmt: skip
        self.scratch.append(scratch)

    def merge(self, left, right):
        left += right
        return left


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
    lowering, scoring = LowerPass(source), TrialsPass(source, n_trials)
    slabs = source.reduce(lowering.toward(source.take(chosen[:1])[0]), row_state=(closest,))
    for i in range(1, k):
        potential = sum(slab[2] for slab in slabs)
        stop = progress is not None and progress(i, potential) is False
        if stop or not potential > 0.0:  # asked to stop, or no row is off the centers: any rows will do
            chosen[i:] = _others(source, chosen[:i], k - i, int(random.integers(2**63)))
            return chosen
        numbers = _draw_rows(source, closest, slabs, random.random(n_trials))
        trials = source.take(numbers)
        potentials = source.reduce(scoring.of(trials), row_state=(closest,))[:n_trials]
        best = int(np.argmin(potentials))
        chosen[i] = numbers[best]
        slabs = source.reduce(lowering.toward(trials[best]), row_state=(closest,))
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
