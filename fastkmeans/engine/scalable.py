"""k-means||: a few rounds that draw many rows at once, then greedy k-means++ on what was drawn."""

import numpy as np

from fastkmeans.engine.assigners import dense_row_seconds
from fastkmeans.engine.bounds import GROUP_CENTERS, MOST_SWEPT, Newcomers
from fastkmeans.engine.moments import exact_shift
from fastkmeans.engine.passes import READS, promised_bytes
from fastkmeans.engine.planner import assigner_for, worth_bounds
from fastkmeans.engine.plus_plus import n_local_trials, others, plus_plus
from fastkmeans.kernels.scalable import draw_by_chance

ROUNDS = 5
DRAWS_A_CENTER = 2  # expected draws of a round, in units of k
TRIALS = 2  # times as many as k-means++ tries among all rows: candidates are few, and the inertia is 0.5 to 1 % lower
CANDIDATES_SHARE = 0.5  # of the memory that a fit may take beside the rows
SHIFT_ROWS = 256  # rows by which columns far from zero are noticed


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


class NearerPass:
    """Lowers each row's distance to that of its nearest new candidate; sums weight * distance."""

    def __init__(self, way, first_label):
        self.way, self.first_label = way, first_label
        self.sweep = way.labels_pass()
        self.row_seconds = self.sweep.row_seconds + 1e-9 * (4 + way.centers.shape[1])
        self.partial_bytes, self.centers_shape = 64, self.sweep.centers_shape

    def start(self):
        return [0.0]

    def add(self, block, start, stop, partial, labels, closest):
        nearest = np.empty(stop - start, np.int32)
        self.sweep.add(block, start, stop, self.sweep.start(), nearest)
        partial[0] = self.way.take_nearer(block, start, stop, nearest, self.first_label, labels, closest)

    def merge(self, left, right):
        left[0] += right[0]
        return left


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


def nearer_pass(source, way, candidates, drawn, labels, sq_dists, some):
    """The pass for rows newly drawn; `labels` and `sq_dists` of `some` rows tell how much can be ruled out."""
    new = source.take(drawn)
    n = len(candidates) + len(drawn)
    taken = n * (3 * source.d * source.dtype.itemsize + 4 * len(drawn) // GROUP_CENTERS)
    room = CANDIDATES_SHARE * promised_bytes(source, len(drawn) // DRAWS_A_CENTER)
    if len(candidates) and worth_bounds(source, len(drawn)) and taken <= room:
        threads_for = getattr(source, "threads_for", lambda seconds: 1)
        joined = Newcomers.for_source(source, way.shift).join(
            np.concatenate([source.take(candidates), new]),
            len(candidates),
            threads_for(len(candidates) * dense_row_seconds(source.dtype, source.d, len(drawn))),
        )
        if joined.share_met(labels[some], sq_dists[some]) <= MOST_SWEPT:
            return NewcomersPass(joined, 0)
    return NearerPass(way.prepare(new), len(candidates))


def scalable(source, k, random, progress=None):
    """k-means||: in each of five rounds every row is drawn by itself, 2 k rows in expectation, by squared distance.

    The rows drawn weigh as much as the rows nearest to them, and k of them are chosen by greedy k-means++.

    References
    ----------
    .. [1] B. Bahmani et al., "Scalable k-means++", PVLDB 5(7), 2012.
    """
    seeds = random.integers(2**63, size=ROUNDS + 1)
    some = source.sample(min(source.n, SHIFT_ROWS), int(seeds[0]))
    shift = None
    if getattr(source, "values_a_row", source.d) == source.d:  # sparse rows are not shifted
        look = source.take(some).astype(np.float64)
        shift = exact_shift(look.mean(axis=0), look.std(axis=0), source.dtype, source.integers and not source.cosine)
    way = assigner_for(source, "auto", shift)
    closest, labels = source.new_row_state(source.dtype), source.new_row_state(np.int32)
    closest[:] = np.inf
    drawn = some[:1]
    candidates, potential = np.empty(0, np.int64), np.inf
    for turn in range(ROUNDS + 1):
        nearer = nearer_pass(source, way, candidates, drawn, labels, closest, some)
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
    weights = source.reduce(WeightPass(len(candidates)), row_state=(labels,))
    chosen = plus_plus(source.gathered(candidates, weights), k, random, n_trials=TRIALS * n_local_trials(k))
    return candidates[chosen]
