"""k-means||: a few rounds that draw many rows at once, then greedy k-means++ on what was drawn."""

import numpy as np

from fastkmeans.engine.assigners import dense_row_seconds
from fastkmeans.engine.bounds import GROUP_CENTERS, MOST_SWEPT, Newcomers
from fastkmeans.engine.nearer import SHIFT_ROWS, NearerPass, way_to_measure
from fastkmeans.engine.passes import READS, promised_bytes
from fastkmeans.engine.planner import worth_bounds
from fastkmeans.engine.plus_plus import n_local_trials, others, plus_plus
from fastkmeans.kernels.scalable import draw_by_chance

ROUNDS = 5
DRAWS_A_CENTER = 2  # expected draws of a round, in units of k
TRIALS = 2  # times as many as k-means++ tries among all rows: candidates are few, and the inertia is 0.5 to 1 % lower
CANDIDATES_SHARE = 0.5  # of the memory that a fit may take beside the rows


class DrawPass:
    """The rows drawn in a round, each by itself with the chance weight * closest * factor, at most 1."""

    effect = READS

    def __init__(self, seed, factor):
        self.seed, self.factor = np.uint64(seed), factor
        self.row_seconds, self.partial_bytes, self.centers_shape = 3e-9, 64, (0, 0)

    def start(self):
        return []

    def add(self, block, start, stop, partial, closest):
        drawn = np.empty(stop - start, np.int64)
        weights = block.weights_in(start, stop)
        count = draw_by_chance(block.first + start, self.seed, closest, weights, self.factor, drawn)
        partial.append(drawn[:count].copy())

    def merge(self, left, right):
        return left + right


class NewcomersPass(NearerPass):
    """As NearerPass, but rows meet only the new candidates that the triangle inequality does not rule out."""

    def add(self, block, start, stop, partial, labels, closest):
        nearest = labels.copy()
        self.way.label(block, start, stop, nearest)
        partial[0] = self.way.take_nearer(block, start, stop, nearest, 0, labels, closest)


class WeightPass:
    """The weight of the rows of each label."""

    effect = READS

    def __init__(self, n_labels):
        self.n_labels = n_labels
        self.row_seconds, self.partial_bytes, self.centers_shape = 2e-9, 8 * n_labels, (0, 0)

    def start(self):
        return np.zeros(self.n_labels)

    def add(self, block, start, stop, partial, labels):
        weights = block.weights_in(start, stop)
        partial += np.bincount(labels, weights if len(weights) else None, self.n_labels)

    def merge(self, left, right):
        left += right
        return left


def nearer_pass(source, way, frozen, candidates, drawn, labels, sq_dists, some):
    """The pass for rows newly drawn; `labels` and `sq_dists` of `some` rows tell how much can be ruled out."""
    new = source.take(drawn)
    n_old = len(frozen) + len(candidates)
    n = n_old + len(drawn)
    taken = n * (3 * source.d * source.dtype.itemsize + 4 * len(drawn) // GROUP_CENTERS)
    room = CANDIDATES_SHARE * promised_bytes(source, len(drawn) // DRAWS_A_CENTER)
    if n_old and worth_bounds(source, len(drawn)) and taken <= room:
        threads_for = getattr(source, "threads_for", lambda seconds: 1)
        joined = Newcomers.for_source(source, way.shift).join(
            np.concatenate([frozen, source.take(candidates), new]),
            n_old,
            threads_for(n_old * dense_row_seconds(source.dtype, source.d, len(drawn))),
        )
        if joined.share_met(labels[some], sq_dists[some]) <= MOST_SWEPT:
            return NewcomersPass(joined, 0)
    return NearerPass(way.prepare(new), n_old)


def scalable(source, k, random, progress=None, frozen=None):
    """k-means||: in each of five rounds every row is drawn by itself, 2 k rows in expectation, by squared distance.

    The rows drawn weigh as much as the rows nearest to them, and k of them are chosen by greedy k-means++.

    References
    ----------
    .. [1] B. Bahmani et al., "Scalable k-means++", PVLDB 5(7), 2012.
    """
    seeds = random.integers(2**63, size=ROUNDS + 1)
    some = source.sample(min(source.n, SHIFT_ROWS), int(seeds[0]))
    way = way_to_measure(source, some)
    closest, labels = source.new_row_state(source.dtype), source.new_row_state(np.int32)
    closest[:] = np.inf
    known = np.empty((0, source.d), source.dtype) if frozen is None else frozen
    drawn = some[: len(known) == 0]
    candidates, potential = np.empty(0, np.int64), np.inf
    for turn in range(ROUNDS + 1):
        if turn == 0 and len(known):
            nearer = NearerPass(way.prepare(known), 0)
        else:
            nearer = nearer_pass(source, way, known, candidates, drawn, labels, closest, some)
        potential = source.reduce(nearer, row_state=(labels, closest))[0]
        candidates = np.concatenate([candidates, drawn])
        stop = progress is not None and progress(len(candidates), potential) is False
        if turn == ROUNDS or stop or not potential > 0.0:
            break
        factor = DRAWS_A_CENTER * k / potential
        drawn = np.concatenate(source.reduce(DrawPass(int(seeds[turn + 1]), factor), row_state=(closest,)))
        if len(drawn) == 0:
            break
    if len(candidates) <= k:
        return np.concatenate([candidates, others(source, candidates, k - len(candidates), int(seeds[0]))])
    weights = source.reduce(WeightPass(len(known) + len(candidates)), row_state=(labels,))[len(known) :]
    own = source.gathered(candidates, weights)
    chosen = plus_plus(own, k, random, n_trials=TRIALS * n_local_trials(k), frozen=frozen)
    return candidates[chosen]
