"""A clustering for every k, from few clusters to many and back, each started from its neighbour.

Up: k starts from the centers of the k before and rows far from them. Down: k starts from the centers of the k after,
of which the two that lie closest are merged, and stays if that is better. The way down is what makes a path good: one
row added to a clustering that is stuck leaves the next one stuck.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from fastkmeans import validation as check
from fastkmeans.engine.lloyd import run_lloyd
from fastkmeans.engine.moments import measure
from fastkmeans.engine.passes import READS
from fastkmeans.engine.planner import account, assigner_for
from fastkmeans.engine.scalable import DrawPass, NearerPass, WeightPass
from fastkmeans.engine.seeding import SEEDINGS
from fastkmeans.sampled import sample_of

# Percent of inertia above the best of about 50 tries at each of k = 2..30, mean over ten data sets (blobs, overlap,
# noise, digits, iris, flights, a photo's pixels): up with 8 trials 2.0, with 16 1.7; with the way down 0.4 both; fits
# of each k alone from one start 2.7. Iterations beside those of these fits: 0.54, 0.52; 0.83, 0.81; 1.
TRIALS = 16
# How far up the way goes, as the last k is reached from above too. Percent above the median of seven fits alone, at
# the worst of k = 2..20, mean and most over ten data sets: 0 1.2 and 4.4, 1 0.4 and 1.1, 2 0.3 and 1.1, 4 the same.
BEYOND = 2
DRAWS = 16  # of trials, before rows count as lying on their centers
GAINS_ROWS = 4096  # whose distances to the trials are held at a time
BETTER = 1e-9  # share of the inertia that is more than rounding


@dataclass
class Fitted:
    """The clustering at one k."""

    centers: np.ndarray
    labels: np.ndarray | None
    inertia: float
    cluster_weights: np.ndarray
    n_iter: int
    converged: bool
    history: tuple = field(repr=False)
    plan: str = field(repr=False)

    @property
    def filled(self):
        """Which clusters hold rows; all, unless rows are too few or too equal."""
        return self.cluster_weights > 0.0

    @property
    def n_found(self):
        return int(self.filled.sum())


class GainsPass:
    """What each of some rows would take from the inertia, as one more center."""

    effect = READS

    def __init__(self, way):
        self.distances, self.n_trials, self.dtype = way.transform_pass(), len(way.centers), way.dtype
        self.row_seconds = self.distances.row_seconds + 2e-9 * self.n_trials
        self.partial_bytes, self.centers_shape = 8 * self.n_trials, (0, 0)

    def start(self):
        return np.zeros(self.n_trials)

    def add(self, block, start, stop, partial, closest):
        for first in range(start, stop, GAINS_ROWS):
            last = min(first + GAINS_ROWS, stop)
            sq_dists = np.empty((last - first, self.n_trials), self.dtype)
            self.distances.add(block, first, last, None, sq_dists)
            sq_dists *= sq_dists
            gains = closest[first - start : last - start, None] - sq_dists
            np.maximum(gains, 0, out=gains)
            weights = block.weights_in(first, last)
            partial += weights @ gains if len(weights) else gains.sum(axis=0, dtype=np.float64)

    def merge(self, left, right):
        left += right
        return left


def with_rows(source, shift, centers, n_more, random):
    """The centers and `n_more` rows: each the best of some drawn by squared distance, as in greedy k-means++."""
    way = assigner_for(source, "dense", shift)
    labels, closest = source.new_row_state(np.int32), source.new_row_state(source.dtype)
    closest[:] = np.inf
    potential = source.reduce(NearerPass(way.prepare(centers), 0), row_state=(labels, closest))[0]
    chosen = [centers]
    for _ in range(n_more):
        drawn = np.empty(0, np.int64)
        for seed in random.integers(2**63, size=DRAWS).tolist():
            if len(drawn) == 0 and potential > 0.0:
                drawn = np.concatenate(source.reduce(DrawPass(seed, TRIALS / potential), row_state=(closest,)))
        if len(drawn) == 0:  # every row is on a center: any rows will do
            drawn = source.sample(1, int(random.integers(2**63)))
        trials = source.take(drawn)
        gains = source.reduce(GainsPass(way.prepare(trials)), row_state=(closest,))
        chosen.append(trials[[np.argmax(gains)]])
        potential = source.reduce(NearerPass(way.prepare(chosen[-1]), 0), row_state=(labels, closest))[0]
    return np.concatenate(chosen)


def merged(centers, cluster_weights, k, cosine):
    """k centers: time and again the two are joined in their mean whose union adds least to the inertia.

    References
    ----------
    .. [1] J. H. Ward, "Hierarchical grouping to optimize an objective function", JASA 58(301), 1963.
    """
    centers, weights = centers.astype(np.float64), cluster_weights.copy()

    def costs_of(i):
        """What the union of cluster i with each other adds to the inertia."""
        both = weights[i] * weights / np.maximum(weights[i] + weights, np.finfo(np.float64).tiny)
        added = both * ((centers - centers[i]) ** 2).sum(axis=1)
        added[i], added[gone] = np.inf, np.inf
        return added

    gone = np.zeros(len(centers), bool)
    costs = np.array([costs_of(i) for i in range(len(centers))])
    for _ in range(len(centers) - k):
        i, j = np.unravel_index(np.argmin(costs), costs.shape)
        if weights[i] + weights[j] > 0.0:
            centers[i] += (centers[j] - centers[i]) * (weights[j] / (weights[i] + weights[j]))
        weights[i] += weights[j]
        length = np.sqrt((centers[i] ** 2).sum())
        if cosine and length > 0.0:
            centers[i] /= length
        gone[j] = True
        costs[j, :] = costs[:, j] = np.inf
        costs[i, :] = costs[:, i] = costs_of(i)
    return centers[~gone]


def scatter(source, moments):
    """The inertia of all rows in one cluster."""
    way = assigner_for(source, "dense", moments.shift)
    return run_lloyd(source, way, moments, source.take([0]), max_iter=1, tol=0.0).inertia


class Fitter:
    """Fits of one source from given centers.

    Parameters
    ----------
    source, moments : rows and their Moments
    tol : float
        As for `fit`, a share of the mean variance.
    keep_labels : bool
        Otherwise the fits share one array of labels.
    tell : callable or None
        Called with (k, Fitted) after each fit; False stops.
    """

    def __init__(self, source, moments, *, max_iter=300, tol=1e-4, keep_labels=True, tell=None):
        self.source, self.moments, self.max_iter, self.tol = source, moments, max_iter, tol
        self.labels = None if keep_labels else source.new_row_state(np.int32)
        self.tell, self.stopped = tell, False

    def fit(self, centers, whence):
        """The Fitted from these centers."""
        source, k = self.source, len(centers)
        way = assigner_for(source, "auto", self.moments.shift, k, self.max_iter)
        way.why = f"{whence}; {way.why}"
        centers = np.ascontiguousarray(centers, source.dtype)
        run = run_lloyd(
            source, way, self.moments, centers, max_iter=self.max_iter, tol=self.tol * self.moments.mean_variance,
            labels=self.labels,
        )  # fmt: skip
        weights = source.reduce(WeightPass(k), row_state=(run.labels,))
        labels = run.labels if self.labels is None else None
        plan = account(run, assigner_for(source, "dense", self.moments.shift))
        found = Fitted(
            run.centers, labels, run.inertia, weights, run.n_iter, run.converged, tuple(run.history), plan
        )  # fmt: skip
        if self.tell is not None and self.tell(k, found) is False:
            self.stopped = True
        return found

    def grown(self, fitted, k, random):
        """A fit of k clusters from those of fewer; its inertia is no higher."""
        few = len(fitted.centers)
        centers = with_rows(self.source, self.moments.shift, fitted.centers, k - few, random)
        return self.fit(centers, f"started from {few} clusters and {k - few} rows far from them")

    def merged(self, fitted, k):
        """A fit of k clusters from those of more."""
        centers = merged(fitted.centers, fitted.cluster_weights, k, self.source.cosine)
        return self.fit(centers, f"started from {len(fitted.centers)} clusters, of which close ones were merged")


def starter(init, array, source, metric, random):
    """A function of k that gives first centers: by the seeding of this name, or by the callable."""

    def start(k):
        chosen = init
        if callable(init):
            legacy = np.random.RandomState(random.integers(2**32))  # what scikit-learn's callables expect
            chosen = check.as_init(init, k, array, source, metric, legacy)
        return source.take(SEEDINGS[chosen](source, k, random)) if isinstance(chosen, str) else chosen

    return start


def fit_path(fitter, ks, start, random):
    """{k: Fitted} for ascending ks; inertia never rises with k.

    Parameters
    ----------
    fitter : Fitter
    ks : sequence of int
    start : callable
        start(k) gives first centers.
    random : Generator
    """
    path = {ks[0]: fitter.fit(start(ks[0]), "started by itself")}
    upward = (*ks, *beyond(ks, fitter.source.n))
    for few, k in pairwise(upward):
        if not fitter.stopped:
            path[k] = fitter.grown(path[few], k, random)
    for many, k in pairwise(upward[::-1]):
        if not fitter.stopped:
            other = fitter.merged(path[many], k)
            if other.inertia < path[k].inertia * (1 - BETTER):
                path[k] = other
    return falling(fitter, {k: path[k] for k in ks if k in path}, random)


def beyond(ks, n):
    """The k, if any, from which the last one is reached from above."""
    return [min(ks[-1] + BEYOND, n)] if len(ks) > 1 and ks[-1] < n else []


def n_fits(ks, n):
    """How many fits a path takes, if none falls out of line."""
    return len(ks) + 2 * len(beyond(ks, n)) + len(ks) - 1


def falling(fitter, path, random):
    """The path, with a fit from the k before wherever that one's inertia is lower."""
    for few, k in pairwise(sorted(path)):
        if path[k].inertia > path[few].inertia * (1 + BETTER) and not fitter.stopped:
            path[k] = fitter.grown(path[few], k, random)
    return path


def best_path(fitter, ks, start, n_init, random):
    """Of `n_init` paths from different starts, the better clustering at each k, the first on a tie."""
    best = {}
    for _ in range(n_init):
        for k, fitted in fit_path(fitter, ks, start, random).items():
            if k not in best or fitted.inertia < best[k].inertia:
                best[k] = fitted
        if fitter.stopped:
            break
    return best


def path_from_sample(fitter, ks, n_init, random):
    """A path of rows in files: that of a sample in memory, whose centers a few passes over all rows move on."""
    source = fitter.source
    own = sample_of(source, ks[-1], int(random.integers(2**63)))
    if own is None:  # too few rows have a weight
        return best_path(fitter, ks, starter("auto", None, source, None, random), n_init, random)
    sampled = Fitter(own, measure(own), keep_labels=False, max_iter=fitter.max_iter, tol=fitter.tol)
    starts = best_path(sampled, ks, starter("auto", None, own, None, random), n_init, random)
    path = {}
    for k in ks:
        if not fitter.stopped:
            path[k] = fitter.fit(starts[k].centers, f"started from a path over {own.n:,} sampled rows")
    return falling(fitter, path, random)
