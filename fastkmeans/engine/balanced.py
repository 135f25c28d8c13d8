"""k-means with clusters of limited sizes: rows are assigned at the least cost that the sizes allow, then means taken.

Each cluster has a price. An assignment within the bounds is the best one if every row lies where its squared distance
plus the price is least, and only full clusters have a price above 0 and only those at their least size one below: the
complementary slackness of linear programming, which kernels/transport.py keeps to on its way. As centers move less, so
do prices: those of one iteration begin the next, where few rows are left to be moved.
"""

import math
import time
from dataclasses import dataclass, field

import numpy as np

from fastkmeans.engine import threads
from fastkmeans.engine.assigners import Sums
from fastkmeans.engine.passes import READS, IterationStats
from fastkmeans.kernels.packing import row_stride
from fastkmeans.kernels.transport import TILE_ROWS, label_again, list_candidates, priced_labels, sum_rows, transport
from fastkmeans.kernels.update import sort_by_label, update_centers

# Entries of a pair's list: the least number, and the share of the root of a cluster's size. Each is an insertion when
# lists are made; a list that is used up takes a look at all rows of its cluster. Four iterations with shares of
# 1/6 | 1/3 | 2/3: 100k x 16, k=50 0.87 | 0.49 | 0.79 s, 1M x 4, k=5 1.35 | 1.17 | 0.99, 1M x 8, k=20 9.0 | 2.4 | 1.5.
LIST_ROOM = 8, 1 / 2
# Where many paths are to be found, prices come from every so many-th row first, and those from fewer still: sizes are
# then off by what a sample cannot know, about 0.4 sqrt(SAMPLE_STEP n k) rows in all. First iteration without | with it:
# 100k x 16, k=50 0.65 | 0.14 s, 1M x 4, k=5 24 | 0.4 s; steps of 3 and 17 do as well. A prime, as rows may take turns.
SAMPLE_STEP = 7
MANY_PATHS = 2  # times sqrt(n k)
LOOKS_A_CALL = 2_000_000  # 5 to 40 ms, which an interrupt waits for


def bytes_needed(n, k):
    """What distances and lists of n rows and k clusters take at most, with the copy of every SAMPLE_STEP-th row's."""
    return n * (8 * k + 48) * SAMPLE_STEP // (SAMPLE_STEP - 1) + k * k * (12 * _room(n, k) + 24)


def _room(n, k):
    """Entries of a pair's list."""
    least, share = LIST_ROOM
    return max(least, int(share * math.sqrt(n / k)))


class PricedPass:
    """Squared distances to all centers, and labels at given prices: two row states."""

    partial_bytes = 0
    effect = READS

    def __init__(self, source, centers, prices):
        self.centers_shape = centers.shape
        self.dtype, self.cosine = source.dtype, int(source.cosine)
        self.by_feature, self.prices = np.ascontiguousarray(centers.T, np.float64), prices
        self.row_seconds = 1e-9 * (30 + 0.1 * centers.size)

    def start(self):
        return None

    def add(self, block, start, stop, partial, sq_dists, labels):
        d = self.centers_shape[1]
        priced_labels(
            block.rows, start, stop, self.cosine, np.zeros(d, self.dtype), self.by_feature, self.prices, sq_dists,
            labels, np.empty(TILE_ROWS * d, self.dtype),
        )  # fmt: skip

    def merge(self, left, right):
        return None


class LabelSums:
    """The sums of the rows by their labels, a row state."""

    effect = READS

    def __init__(self, source, shift, k):
        self.centers_shape = k, source.d
        self.dtype, self.cosine, self.shift, self.shifted = source.dtype, int(source.cosine), shift, int(np.any(shift))
        self.partial_bytes = 8 * (k * source.d + 8 + k)
        self.row_seconds = 1e-9 * (10 + source.d)

    def start(self):
        return Sums.of(*self.centers_shape)

    def add(self, block, start, stop, partial, labels):
        stride = row_stride(self.centers_shape[1])
        sum_rows(
            block.rows, start, stop, self.cosine, self.shift, self.shifted, labels, np.empty(0),
            np.empty(TILE_ROWS * stride, self.dtype), stride, partial.cluster_sums, partial.cluster_weights,
        )  # fmt: skip

    def merge(self, left, right):
        return left.merge(right)


class Transport:
    """The best assignment of the rows of a source to k centers, `least` to `most` rows to each.

    Parameters
    ----------
    source : ArrayRows
    k, least, most : int
        k * least <= n <= k * most.
    """

    def __init__(self, source, k, least, most):
        self.source, self.k, self.least, self.most = source, k, least, most
        self.sq_dists = np.empty((source.n, k))
        self.labels = source.new_row_state(np.int32)
        self.reset()

    def reset(self):
        """Forget the prices: the next centers are others."""
        self.prices = np.zeros(self.k)

    def assign(self, centers):
        """Assign the rows to these centers (k, d): sets `labels`, and `inertia`, the sum of their squared distances."""
        pass_ = PricedPass(self.source, centers, self.prices)
        self.source.reduce(pass_, row_state=(self.sq_dists, self.labels))
        self._balance(self.sq_dists, self.labels, self.least, self.most)
        self.inertia = float(np.take_along_axis(self.sq_dists, self.labels[:, None], 1).sum())

    def _balance(self, sq_dists, labels, least, most):
        """Bring labels at the present prices within the sizes, and the prices with them."""
        n, k = sq_dists.shape
        kept, excess = self._excess(labels, least, most)
        if n >= SAMPLE_STEP * k and excess[excess > 0].sum() > MANY_PATHS * math.sqrt(n * k):
            some = np.ascontiguousarray(sq_dists[::SAMPLE_STEP])
            share = len(some) / n
            self._balance(some, labels[::SAMPLE_STEP].copy(), math.floor(least * share), math.ceil(most * share))
            self._label_again(sq_dists, labels)
            kept, excess = self._excess(labels, least, most)
        if excess.any():
            self._move_rows(sq_dists, labels, least, most, kept, excess)

    def _excess(self, labels, least, most):
        """What each cluster passes on, and the rows it has beyond that; as kernels/transport.py has them."""
        sizes = np.bincount(labels, minlength=self.k)
        kept = np.clip(sizes, least, most)
        kept[self.prices > 0], kept[self.prices < 0] = most, least
        return kept, np.append(sizes - kept, kept.sum() - len(labels))

    def _label_again(self, sq_dists, labels):
        seconds = 1e-9 * sq_dists.size
        cuts = threads.slab_cuts(len(labels), self.k, seconds / len(labels))

        def label_slab(slab):
            rows = slice(cuts[slab], cuts[slab + 1])
            label_again(sq_dists[rows], self.prices, labels[rows])

        threads.run(len(cuts) - 1, label_slab, self.source.threads_for(seconds))

    def _move_rows(self, sq_dists, labels, least, most, kept, excess):
        n, k = sq_dists.shape
        pairs, number = (k * k, _room(n, k)), np.int32 if n < 2**31 else np.int64
        chains = np.empty(k, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
        lists = np.empty(pairs), np.empty(pairs, number), np.empty(k * k, np.int64), np.empty(k * k)
        gaps, prices = np.empty((k, k)), np.append(self.prices, 0.0)
        starts, order = np.empty(k + 1, np.int64), np.empty(n, np.int64)
        sort_by_label(labels, starts, order)

        def list_cluster(a):
            list_candidates(sq_dists, order, starts, a, chains, lists, gaps)

        threads.run(k, list_cluster, self.source.threads_for(n * k * 1e-9))
        done = False
        while not done:
            done = transport(sq_dists, labels, least, most, prices, kept, excess, chains, lists, gaps, LOOKS_A_CALL)
        self.prices = prices[:k] - prices[k]


@dataclass
class BalancedRun:
    """The outcome of one run: labels that are the best for the centers, and the inertia of both."""

    centers: np.ndarray
    labels: np.ndarray
    objective: float
    n_iter: int
    converged: bool
    stopped: bool
    history: list = field(default_factory=list)


def run_balanced(rows, shift, centers, *, max_iter, tol, restart=0, callback=None):
    """Alternate the best assignment with means, from `centers` (k, d), until labels stay or centers hardly move.

    Parameters
    ----------
    rows : Transport
        Its prices are forgotten first.
    shift : (d,)
        What rows are moved by when they are summed.
    tol : float
        Stop when the squared shifts of the centers sum to at most this.
    callback : callable or None
        Gets the IterationStats of every iteration; returning False stops the run.

    Returns
    -------
    BalancedRun
    """
    rows.reset()
    source, centers = rows.source, np.array(centers, rows.source.dtype, order="C")
    spare, by_label = np.empty_like(centers), LabelSums(source, shift, len(centers))
    history, before, inertia = [], None, np.inf
    converged = stopped = settled = False
    while len(history) < max_iter and not (converged or stopped):
        began = time.perf_counter()
        rows.assign(centers)
        n_moved = source.n if before is None else int(np.count_nonzero(rows.labels != before))
        # Equal rows may change places for ever, at no gain.
        settled = n_moved == 0 or rows.inertia >= inertia
        before, inertia, center_shift = rows.labels.copy(), rows.inertia, 0.0
        if not settled:
            sums = source.reduce(by_label, row_state=(rows.labels,))
            center_shift = update_centers(
                sums.cluster_sums, sums.cluster_weights, shift, by_label.cosine, 0, centers, spare
            )
            centers, spare = spare, centers
        converged = settled or center_shift <= tol
        stats = IterationStats(
            "balanced", restart, len(history) + 1, inertia, center_shift, n_moved, 0, "transport",
            time.perf_counter() - began,
        )  # fmt: skip
        history.append(stats)
        stopped = callback is not None and callback(stats) is False
    if not settled:
        rows.assign(centers)
    return BalancedRun(centers, rows.labels.copy(), rows.inertia, len(history), converged, stopped, history)
