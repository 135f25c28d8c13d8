"""Mini-batch k-means: each center is the running mean of the rows that batches gave it.

Approximate, unlike the rest of the engine, in what the centers become; every batch is labelled exactly.
"""

from dataclasses import dataclass

import numpy as np

REASSIGN_ROWS = 10  # rows a cluster between two looks for starved centers
REASSIGN_SHARE = 0.5  # of the rows of a batch, at most, that become centers


@dataclass
class Progress:
    """Centers between two batches, and the weight behind each."""

    centers: np.ndarray
    """(k, d) in the computing type."""

    counts: np.ndarray
    """(k,) float64, the weight of the rows that each center is the mean of."""

    since_reassign: int = 0
    """Rows since the last look for starved centers."""

    @classmethod
    def begin(cls, centers):
        """No batch seen yet."""
        return cls(centers, np.zeros(len(centers)))


@dataclass(frozen=True)
class StepStats:
    """What one batch did."""

    step: int
    """From 1."""

    n_steps: int
    """The most there will be."""

    inertia: float
    """Of the batch around the centers before it, a row."""

    smoothed: float | None
    """Exponentially weighted mean of the inertias from the second batch on; the first knows only the first centers."""

    n_reassigned: int
    ended: str = ""
    """Why this was the last batch: "shift", "inertia", or "" where it was not."""


def learn(batch, way, progress, random, reassignment_ratio):
    """Move the centers by one batch.

    Parameters
    ----------
    batch : rows, see sources/blocks.py
    way : assigner for the batch's computing type
    progress : Progress, left as it is
    random : Generator
    reassignment_ratio : float

    Returns
    -------
    Progress
    float
        Inertia of the batch around the centers before it.
    int
        How many centers were moved to a row of the batch.
    """
    centers = progress.centers
    way.prepare(centers)
    labels = batch.new_row_state(np.int32)
    sums = batch.reduce(way.sums_pass(), row_state=(labels,))
    inertia = batch.reduce(way.own_inertia_pass(), row_state=(labels,)).inertia
    k, d = centers.shape
    shift = way.shift.astype(np.float64)
    counts = progress.counts + sums.cluster_weights
    fed = sums.cluster_weights > 0.0
    moved = centers.copy()
    held = (centers[fed] - shift) * progress.counts[fed, None]
    moved[fed] = shift + (held + sums.cluster_sums[: k * d].reshape(k, d)[fed]) / counts[fed, None]
    since = progress.since_reassign + batch.n
    n_reassigned = 0
    # As the rows of the batch are counted only now, centers that had none before make every batch look.
    if (progress.counts == 0.0).any() or since >= REASSIGN_ROWS * k:
        since = 0
        n_reassigned = reassign_starved(batch, moved, counts, random, reassignment_ratio)
    return Progress(moved, counts, since), inertia, n_reassigned


def reassign_starved(batch, centers, counts, random, reassignment_ratio):
    """Put centers that have less than a share of the largest weight on random rows of the batch; return how many.

    They get the least weight of the others: with less they would be starved again at once. The heaviest stays.
    """
    heaviest = counts.max()
    starved = np.flatnonzero((counts < reassignment_ratio * heaviest) & (counts < heaviest))
    rows = np.flatnonzero(batch.weights > 0.0) if batch.weighted else np.arange(batch.n)
    most = int(REASSIGN_SHARE * len(rows))
    if len(starved) > most:
        lightest = np.argsort(counts[starved], kind="stable")[:most]
        starved = np.sort(starved[lightest])
    if len(starved):
        centers[starved] = batch.take(random.choice(rows, len(starved), replace=False))
        counts[starved] = np.delete(counts, starved).min()
    return len(starved)


class Stopping:
    """When batches have taught enough: centers that hardly move, or an inertia that no longer falls."""

    def __init__(self, share, tol, max_no_improvement):
        self.alpha, self.tol, self.max_no_improvement = min(1.0, 2.0 * share), tol, max_no_improvement
        self.smoothed, self.least, self.no_improvement = None, np.inf, 0

    def look(self, inertia, center_shift):
        """Take in a batch other than the first; return why it was the last, or ""."""
        before = inertia if self.smoothed is None else self.smoothed
        self.smoothed = before * (1.0 - self.alpha) + inertia * self.alpha
        if self.tol > 0.0 and center_shift <= self.tol:
            return "shift"
        self.no_improvement = 0 if self.smoothed < self.least else self.no_improvement + 1
        self.least = min(self.least, self.smoothed)
        enough = self.max_no_improvement is not None and self.no_improvement >= self.max_no_improvement
        return "inertia" if enough else ""


class BatchSampler:
    """Draws row numbers with replacement, with chances by weight."""

    def __init__(self, source, random):
        self.n, self.random = source.n, random
        self.running = np.cumsum(source.weights) if source.weighted else None
        if self.running is not None:
            self.last = np.flatnonzero(source.weights)[-1]  # a draw that rounds up to the total is this row's

    def draw(self, m):
        """m row numbers."""
        if self.running is None:
            return self.random.integers(self.n, size=m)
        numbers = np.searchsorted(self.running, self.random.random(m) * self.running[-1], side="right")
        return np.minimum(numbers, self.last)


def some_rows(source, m, random):
    """m row numbers drawn alike, with replacement, among rows that have weight."""
    if not source.weighted or source.weights.all():
        return random.integers(source.n, size=m)
    return random.choice(np.flatnonzero(source.weights), m)


def best_start(source, way, candidates, n_rows, random, tell=None):
    """The first centers around which `n_rows` random rows have the least inertia; not measured where nobody asks.

    Parameters
    ----------
    candidates : list of callables
        Each gives first centers.
    tell : callable or None
        Gets the inertia of each.
    """
    if len(candidates) == 1 and tell is None:
        return candidates[0]()
    numbers = some_rows(source, n_rows, random)
    rows = source.gathered(numbers, source.weights_of(numbers) if source.weighted else None)
    best, least = None, np.inf
    for candidate in candidates:
        centers = candidate()
        inertia = rows.map_labels(way.prepare(centers).inertia_pass())[1].inertia
        if tell is not None:
            tell(inertia)
        if best is None or inertia < least:
            best, least = centers, inertia
    return best


@dataclass(frozen=True)
class MiniBatchRun:
    """The outcome of the batches of one fit."""

    progress: Progress
    n_steps: int
    smoothed: float
    """The mean inertia of a row, as early stopping saw it last."""


def run_minibatch(source, way, centers, random, *, batch_size, n_steps, tol, max_no_improvement, reassignment_ratio,
                  callback=None):  # fmt: skip
    """Learn from up to `n_steps` batches drawn from the source, starting at `centers`.

    Parameters
    ----------
    source : rows, see sources/blocks.py
        Their weights are the chances of being drawn; drawn rows count alike.
    tol : float
        Stop when the squared shifts of the centers in a batch sum to at most this; 0 for never.
    max_no_improvement : int or None
        Stop after so many batches in a row without a new least smoothed inertia.
    callback : callable or None
        Gets the StepStats of every batch.

    Returns
    -------
    MiniBatchRun

    References
    ----------
    .. [1] D. Sculley, "Web-scale k-means clustering", WWW 2010.
    """
    progress = Progress.begin(np.array(centers, way.dtype, order="C"))
    sampler = BatchSampler(source, random)
    stopping = Stopping(batch_size / (source.n + 1), tol, max_no_improvement)
    for step in range(1, n_steps + 1):
        batch = source.gathered(sampler.draw(batch_size), None)
        before = progress.centers
        progress, inertia, n_reassigned = learn(batch, way, progress, random, reassignment_ratio)
        mean, ended = inertia / batch_size, ""
        if step > 1:
            moved = progress.centers.astype(np.float64) - before
            ended = stopping.look(mean, float((moved**2).sum()) if tol > 0.0 else np.inf)
        if callback is not None:
            callback(StepStats(step, n_steps, mean, stopping.smoothed, n_reassigned, ended))
        if ended:
            break
    return MiniBatchRun(progress, step, mean if stopping.smoothed is None else stopping.smoothed)
