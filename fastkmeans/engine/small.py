"""When a fit is small enough for whole iterations in one compiled call, and that call."""

import time

import numpy as np

from fastkmeans.engine import threads
from fastkmeans.engine.passes import IterationCounts
from fastkmeans.kernels.small_fit import CLOSE_ENOUGH, EMPTY_CLUSTER, LABELS_STAY, small_fit

PIECE_SECONDS = 0.02  # a compiled call that the caller's interrupt waits for, with room for a slow machine


def runs_side_by_side(source, way, k, n_runs):
    """Whether restarts are so small that a thread for each is better than all threads for one after the other."""
    blocks = getattr(source, "blocks", ())
    return n_runs > 1 and len(blocks) == 1 and source.n * way.row_seconds_for(k) <= threads.SERIAL_SECONDS


class SmallFit:
    """Runs pieces of iterations of one fit in compiled code."""

    def __init__(self, fit, block, cuts, iterations):
        k, d = fit.centers.shape
        levels = int(np.ceil(np.log2(len(cuts)))) + 2
        self.block, self.cuts, self.iterations = block, cuts, iterations
        self.sums = np.empty((levels, k * d + 8))
        self.weights = np.empty((levels, k))
        self.scratch = fit.way.borrow_scratch()

    @classmethod
    def for_fit(cls, fit):
        """A SmallFit where rows are one block in memory, nobody watches, and an iteration is short; else None."""
        blocks = getattr(fit.source, "blocks", ())
        way = fit.way.prepare(fit.centers)
        seconds = fit.source.n * way.row_seconds
        if not way.compiled_fit or len(blocks) != 1 or fit.watched or seconds > threads.SERIAL_SECONDS:
            return None
        cuts = np.array(threads.slab_cuts(fit.source.n, fit.source.d, way.row_seconds), np.int64)
        return cls(fit, blocks[0], cuts, max(1, int(PIECE_SECONDS / seconds)))

    def advance(self, fit, max_iter):
        """Run a piece of iterations of `fit`."""
        way = fit.way
        history = np.empty((min(self.iterations, max_iter - len(fit.history)), 3))
        before = len(fit.history)
        began = time.perf_counter()
        ended, done, moved = small_fit(
            way.address, self.block.rows, self.cuts, self.block.weights, fit.labels, fit.centers, fit.spare, way.shift,
            way.panels, way.center_norms, (way.slack, way.tiny), (way.cosine, way.shifted), fit.n_frozen,
            fit.moments.spread, float(fit.tol), before, history, fit.last_moved, fit.sums.cluster_sums,
            fit.sums.cluster_weights, self.sums, self.weights, self.scratch, way.shape,
        )  # fmt: skip
        seconds = (time.perf_counter() - began) / max(1, done)
        for inertia, center_shift, n_moved in history[:done]:
            n_moved = int(n_moved) if fit.history else fit.source.n
            fit.last_moved = n_moved
            fit.record(IterationCounts(float(inertia), float(center_shift), n_moved, 0), seconds)
        if ended == LABELS_STAY:
            fit.settled = fit.converged = True
        elif ended == CLOSE_ENOUGH:
            fit.converged = True
        elif ended == EMPTY_CLUSTER:
            way.prepare(fit.centers)
            fit.sums.n_moved = moved
            fit.finish(time.perf_counter())
