"""Lloyd's algorithm: label the rows, take the means, until nothing changes that matters.

One loop for every source and every way of labelling. A fit that is small enough runs its iterations inside one
compiled call (kernels/small_fit.py) over the same verbs and slabs, with equal bits; it comes back here for what
is rare: empty clusters, callbacks, the end.
"""

import time
from dataclasses import dataclass, field

import numpy as np

from fastkmeans.engine.assigners import Sums
from fastkmeans.engine.label_order import follow_in_label_order, needs_label_order, reduce_in_label_order
from fastkmeans.engine.passes import IterationCounts, IterationStats
from fastkmeans.engine.small import SmallFit
from fastkmeans.kernels.update import count_empty, follows_moves, inertia_from_sums, moves_are_sound, update_centers

SETTLING_LOOKS = 4  # passes over labels that stay, until their means do


@dataclass
class LloydRun:
    """The outcome of one run: centers, labels and inertia that agree with each other."""

    centers: np.ndarray
    labels: np.ndarray
    inertia: float
    n_iter: int
    converged: bool
    history: list = field(default_factory=list)
    too_few_distinct: bool = False
    stopped: bool = False
    reasons: list = field(default_factory=list)
    """(iteration, why its way was taken), at the first and wherever that changed."""


@dataclass
class LloydState:
    """What an iteration leaves to the next, but for labels: these are the nearest of `labelled_by`."""

    centers: np.ndarray
    labelled_by: np.ndarray
    cluster_sums: np.ndarray
    cluster_weights: np.ndarray
    history: list
    reasons: list
    settled: bool
    too_few_distinct: bool


class _Fit:
    """The state of one run, iteration by iteration."""

    def __init__(self, source, way, moments, centers, labels, tol, restart, callback, keep=None, n_frozen=0):
        self.source, self.way, self.moments = source, way, moments
        self.centers, self.tol, self.restart, self.callback = centers, tol, restart, callback
        self.n_frozen = n_frozen
        self.labels = source.new_row_state(np.int32) if labels is None else labels
        self.spare = np.empty_like(centers)
        way.watch(source, len(centers))
        self.history, self.reasons = [], [(1, way.why)]
        self.gone, self.shares = way.name, (1.0, 0.0)
        self.sums, self.last_moved = Sums.of(*centers.shape), source.n
        self.converged = self.settled = self.stopped = self.too_few_distinct = False
        self.keep = keep
        self.watched = callback is not None or keep is not None

    def state(self):
        """What to keep of the run to go on with it."""
        labelled_by = self.centers if self.settled else self.spare
        return LloydState(
            self.centers, labelled_by, self.sums.cluster_sums, self.sums.cluster_weights, self.history, self.reasons,
            self.settled, self.too_few_distinct,
        )  # fmt: skip

    def restore(self, state):
        """Go on from a state: labels are found again, the rest is there."""
        self.way.prepare(state.labelled_by)
        self.way.reduce(self.source, self.way.labels_pass(), self.labels)
        self.way.give_labels(self.labels)
        self.centers[:], self.spare[:] = state.centers, state.labelled_by
        self.sums = Sums(state.cluster_sums, state.cluster_weights)
        self.history, self.reasons, self.settled = state.history, state.reasons, state.settled
        self.too_few_distinct, last = state.too_few_distinct, state.history[-1]
        self.last_moved = self.source.n if last.n_relocated else last.n_moved
        self.converged = self.settled or (last.center_shift <= self.tol and last.n_relocated == 0)

    def step(self):
        """One iteration: labels against the present centers, then the means of the labelled rows."""
        began = time.perf_counter()
        way = self.way.prepare(self.centers)
        self.gone = way.name
        if way.why != self.reasons[-1][1]:
            self.reasons.append((len(self.history) + 1, way.why))
        in_order = self.sums_in_order()
        if self.may_follow(len(self.history), self.last_moved, in_order):
            self.follow_moves(in_order)
        else:
            self.sum_all_rows(in_order)
        self.shares = way.shares(self.sums)
        way.learn(self.sums)
        self.finish(began)

    def sums_in_order(self):
        """Whether sums are taken in the order of labels."""
        in_order = needs_label_order(self.source, self.way.row_seconds, len(self.centers))
        return in_order and not self.way.sums_itself

    def may_follow(self, iteration, last_moved, in_order):
        """Whether an iteration's sums are those before it and what moved."""
        follows = self.way.follows_in_order if in_order else self.way.follows
        return follows and follows_moves(iteration, last_moved, self.source.n, self.source.weighted)

    def sum_all_rows(self, in_order):
        """Labels against the present centers, and the sums over all rows."""
        if in_order:
            self.sums = self.way.reduce(self.source, self.way.labels_pass(), self.labels)
            self.way.give_labels(self.labels)
            reduce_in_label_order(self.source, self.way, self.labels, self.sums)
        else:
            self.sums = self.way.reduce(self.source, self.way.sums_pass(), self.labels)

    def follow_moves(self, in_order):
        """The sums of the iteration before, less and more what moves; or over all rows, if that is not sound."""
        if in_order:
            before = self.labels.copy()
            moves = self.way.reduce(self.source, self.way.labels_pass(), self.labels)
            moves.moved_spread = follow_in_label_order(self.source, self.way, before, self.labels, self.sums)
        else:
            moves = self.way.reduce(self.source, self.way.moves_pass(), self.labels)
        if not moves_are_sound(moves.moved_spread, moves.n_moved, self.moments.spread, self.source.n):
            self.sum_all_rows(in_order)
        elif not in_order:
            self.sums.add(moves)
        self.sums.take_counts(moves)

    def finish(self, began):
        """Means, empty clusters and convergence, from the sums of an iteration."""
        shift, cosine = self.way.shift, self.way.cosine
        flat, weights = self.sums.cluster_sums, self.sums.cluster_weights
        inertia = inertia_from_sums(self.moments.spread, flat, weights, self.centers, shift)
        n_empty = count_empty(weights[self.n_frozen :])
        relocated = self.relocate_empty(flat, weights, n_empty) if n_empty else 0
        n_moved = self.sums.n_moved if self.history else self.source.n
        self.last_moved = self.source.n if relocated else n_moved
        center_shift = 0.0
        # No row moved, or no center can: the centers at hand are the means already, and the labels are theirs.
        self.settled = relocated == 0 and (n_moved == 0 or self.n_frozen == len(self.centers))
        if not self.settled:
            center_shift = update_centers(flat, weights, shift, cosine, self.n_frozen, self.centers, self.spare)
            self.centers, self.spare = self.spare, self.centers
        self.converged = self.settled or (center_shift <= self.tol and relocated == 0)
        self.record(IterationCounts(inertia, center_shift, n_moved, relocated), time.perf_counter() - began)

    def record(self, counts, seconds):
        """Append the iteration to the history and tell the callback."""
        stats = IterationStats(
            "lloyd", self.restart, len(self.history) + 1, counts.inertia, counts.center_shift, counts.n_moved,
            counts.n_relocated, self.gone, seconds, *self.shares,
        )  # fmt: skip
        self.history.append(stats)
        if self.keep is not None:
            self.keep(self)
        if self.callback is not None and self.callback(stats) is False:
            self.stopped = True

    def relocate_empty(self, cluster_sums, cluster_weights, n_empty):
        """Give each empty cluster the row that adds most to the inertia, taken from its own cluster.

        Rows come in the order of weight times squared distance, lower row first on a tie, and only rows that are
        off their center and not alone in their cluster: where none is left, the cluster stays empty. Clusters of frozen
        centers stay empty, and may become so.
        """
        d = self.centers.shape[1]
        empty = self.n_frozen + np.flatnonzero(cluster_weights[self.n_frozen :] <= 0.0)
        self.way.give_labels(self.labels)
        sq_dists, numbers = self.way.farthest(self.source, self.labels, 2 * n_empty + 8)
        rows = self.source.take(numbers).astype(np.float64)
        weights = self.source.weights_of(numbers)
        off_center = sq_dists > weights * self.sq_rounding(rows)
        self.too_few_distinct = not off_center.any()
        donors, weights, rows = self.labels[numbers[off_center]], weights[off_center], rows[off_center] - self.way.shift
        relocated = 0
        taken = set()
        for donor, row, weight in zip(donors, rows, weights, strict=True):
            if relocated == n_empty:
                break
            alone = donor >= self.n_frozen and cluster_weights[donor] <= weight
            if alone or row.tobytes() in taken:
                continue
            taken.add(row.tobytes())
            target = empty[relocated]
            cluster_sums[donor * d : (donor + 1) * d] -= weight * row
            cluster_weights[donor] -= weight
            cluster_sums[target * d : (target + 1) * d] = weight * row
            cluster_weights[target] = weight
            relocated += 1
        return relocated

    def sq_rounding(self, rows):
        """The squared distance at most of rows from the mean of their equals: of sums, of shifts, of lengths made 1."""
        way, squares = self.way, (rows**2).sum(axis=1)
        rounded = (8 * np.finfo(np.float64).eps) ** 2 * squares
        if way.shifted or way.cosine:
            moved = squares if way.cosine else ((rows - way.shift) ** 2).sum(axis=1)
            rounded = np.maximum(rounded, (2 * np.finfo(way.dtype).eps) ** 2 * moved)
        return rounded

    def settle(self):
        """Give labels that stay the means of all their rows, where the centers at hand are those of followed sums.

        These differ by rounding, and a fit from the result would move by it. In float32 the first look finds nothing.
        """
        at = len(self.history) - 2  # the iteration whose means the centers are
        if at < 1:
            return
        before = self.history[at - 1]
        last_moved = self.source.n if before.n_relocated else before.n_moved
        in_order = self.sums_in_order()
        if not self.may_follow(at, last_moved, in_order):
            return
        for _ in range(SETTLING_LOOKS):
            self.way.prepare(self.centers)
            self.sum_all_rows(in_order)
            sums = self.sums
            if count_empty(sums.cluster_weights[self.n_frozen :]):
                return
            shift, cosine = self.way.shift, self.way.cosine
            update_centers(
                sums.cluster_sums, sums.cluster_weights, shift, cosine, self.n_frozen, self.centers, self.spare
            )
            if np.array_equal(self.centers, self.spare):
                return
            self.centers, self.spare = self.spare, self.centers
        self.settled = False  # labels are not known to be those of the last means

    def result(self):
        """The run as it stands, with labels and inertia of its present centers."""
        if self.settled:
            self.settle()
        way = self.way.prepare(self.centers)
        known = self.settled
        if not known and way.remembers:  # bounds and boxes leave little to sweep
            way.reduce(self.source, way.labels_pass(), self.labels)
            known = True
        way.give_labels(self.labels)
        if known:
            inertia = way.own_inertia(self.source, self.labels)
        else:
            self.labels, partial = self.source.map_labels(way.inertia_pass(), self.labels)
            inertia = partial.inertia
        return LloydRun(
            self.centers, self.labels, inertia, len(self.history), self.converged, self.history,
            self.too_few_distinct, self.stopped, self.reasons,
        )  # fmt: skip


def run_lloyd(
    source, way, moments, centers, *, max_iter, tol, restart=0, callback=None, labels=None, keep=None, state=None,
    n_frozen=0,
):  # fmt: skip
    """Run Lloyd's algorithm from `centers` (k, d) in the computing type.

    Parameters
    ----------
    source : rows, see sources/blocks.py
    way : assigner for the source's computing type (assigners.py)
    moments : Moments of the source
    tol : float
        Stop when the squared shifts of the centers sum to at most this.
    callback : callable or None
        Gets the IterationStats of every iteration; returning False stops the run.
    labels : row state of int32 or None
        Where the labels go, to spare a second array.
    keep : callable or None
        Gets the fit after every iteration, to keep its `state()`.
    state : LloydState or None
        Where an earlier run was, to go on from.
    n_frozen : int
        The first so many centers never move.

    Returns
    -------
    LloydRun
    """
    centers = np.array(centers, way.dtype, order="C")
    fit = _Fit(source, way, moments, centers, labels, tol, restart, callback, keep, n_frozen)
    if state is not None:
        fit.restore(state)
    small = SmallFit.for_fit(fit)
    while len(fit.history) < max_iter and not (fit.converged or fit.stopped):
        if small is None:
            fit.step()
        else:
            small.advance(fit, max_iter)
    return fit.result()
