"""Bisecting k-means: one cluster after the other is split in two, by k-means on its rows.

A cluster is a list of row numbers; its rows are gathered when it is split, and let go of afterwards, so that one
copy of one cluster is all there is beside the rows. The first split reads them where they lie.
"""

from dataclasses import dataclass

import numpy as np

from fastkmeans.engine.lloyd import run_lloyd
from fastkmeans.engine.moments import exact_shift, measure
from fastkmeans.engine.planner import assigner_for

STRATEGIES = ("biggest_inertia", "largest_cluster")
WALK_ROWS = 1 << 18  # that go down the tree together: their copies are small beside X


@dataclass(eq=False)
class Leaf:
    """A cluster that is not split."""

    numbers: np.ndarray | None
    """Its rows, ascending; None for all."""

    size: int
    center: np.ndarray | None
    score: float
    """What the strategy compares."""

    link: tuple
    """(split, side) that leads here; () for the root."""

    can_be_split: bool = True


@dataclass(frozen=True)
class Tree:
    """The splits, in the order in which they were made."""

    centers: np.ndarray
    """(n_splits, 2, d): the centers left and right."""

    children: np.ndarray
    """(n_splits, 2): the number of the split that follows, or -1 - label."""


@dataclass(frozen=True)
class Bisection:
    """The outcome: clusters in the order of the tree's leaves, from left to right."""

    centers: np.ndarray
    labels: np.ndarray
    inertia: float
    tree: Tree
    n_found: int
    """How many clusters hold rows. The centers after these repeat the last: rows were too few or too equal."""


def split_rows(rows, moments, start, first_restart, *, n_init, max_iter, tol, callback):
    """The best of `n_init` runs of 2-means on the rows: (way, run). Restarts are numbered on from split to split."""
    way = assigner_for(rows, "auto", moments.shift)
    best = None
    for restart in range(n_init):
        run = run_lloyd(
            rows, way, moments, start(), max_iter=max_iter, tol=tol, restart=first_restart + restart, callback=callback
        )
        if best is None or run.inertia < best.inertia:
            best = run
    return way, best


class _Bisecting:
    """The leaves and the splits so far."""

    def __init__(self, source, moments, strategy):
        self.source, self.moments, self.strategy = source, moments, strategy
        self.leaves = [Leaf(None, source.n, None, 0.0, (), source.n > 1)]
        self.centers, self.children = [], []

    def next_leaf(self):
        """The place of the leaf with the largest score, the first of them on a tie; None if none can be split."""
        places = [place for place, leaf in enumerate(self.leaves) if leaf.can_be_split]
        return max(places, key=lambda place: self.leaves[place].score, default=None)

    def rows_of(self, leaf):
        """The rows of a leaf as a source, and their Moments."""
        if leaf.numbers is None:
            return self.source, self.moments
        weights = self.source.weights_of(leaf.numbers) if self.source.weighted else None
        rows = self.source.gathered(leaf.numbers, weights)
        return rows, measure(rows)

    def split(self, place, start, last, **settings):
        """Put two leaves in the place of one, unless its rows are all alike; return the run, or None."""
        leaf = self.leaves[place]
        rows, moments = self.rows_of(leaf)
        if not rows.total_weight > 0.0:
            leaf.can_be_split = False
            return None
        number = len(self.centers)
        first_restart = number * settings["n_init"]
        way, run = split_rows(rows, moments, lambda: start(rows, leaf.numbers), first_restart, **settings)
        sides = [np.flatnonzero(run.labels == side) for side in range(2)]
        if not all(map(len, sides)):
            leaf.can_be_split = False
            return None
        scores = list(map(len, sides))
        if self.strategy == "biggest_inertia" and not last:
            scores = rows.reduce(way.prepare(run.centers).cluster_inertia_pass(), row_state=(run.labels,))
        if leaf.link:
            split, side = leaf.link
            self.children[split][side] = number
        self.centers.append(run.centers)
        self.children.append([0, 0])
        parts = []
        for side, own in enumerate(sides):
            numbers = own if leaf.numbers is None else leaf.numbers[own]
            parts.append(Leaf(numbers, len(own), run.centers[side], scores[side], (number, side), len(own) > 1))
        self.leaves[place : place + 1] = parts
        return run

    def outcome(self, k):
        """The Bisection, with leaves numbered from left to right."""
        source, leaves = self.source, self.leaves
        way = assigner_for(source, "auto", self.moments.shift)
        labels = source.new_row_state(np.int32)
        if len(leaves) == 1:  # the mean of all rows
            run = run_lloyd(source, way, self.moments, source.take([0]), max_iter=1, tol=0.0)
            leaves[0].center = run.centers[0]
        for label, leaf in enumerate(leaves):
            if leaf.link:
                labels[leaf.numbers] = label
                split, side = leaf.link
                self.children[split][side] = -1 - label
        centers = np.array([leaf.center for leaf in leaves] + [leaves[-1].center] * (k - len(leaves)))
        inertia = source.reduce(way.prepare(centers).own_inertia_pass(), row_state=(labels,)).inertia
        n_splits = len(leaves) - 1
        tree = Tree(
            np.array(self.centers, source.dtype).reshape(n_splits, 2, source.d),
            np.array(self.children, np.int64).reshape(n_splits, 2),
        )
        return Bisection(centers, labels, inertia, tree, len(leaves))


def bisect(
    source, moments, k, start, *, strategy="biggest_inertia", n_init=1, max_iter=300, tol=1e-4, callback=None, tell=None
):
    """Split the rows into k clusters, always the one that the strategy picks.

    Parameters
    ----------
    source : rows, see sources/blocks.py
    moments : Moments of the source
    start : callable
        start(rows, numbers) gives two first centers for rows that are a source, of these numbers (None: all).
    strategy : one of STRATEGIES
    tol : float
        A run ends when the squared shifts of its two centers sum to at most this.
    callback : callable or None
        Gets the IterationStats of all runs.
    tell : callable or None
        tell(n_clusters, sizes, run) after every split.

    Returns
    -------
    Bisection

    References
    ----------
    .. [1] M. Steinbach, G. Karypis, V. Kumar, "A comparison of document clustering techniques", KDD workshop on text
       mining, 2000.
    """
    state = _Bisecting(source, moments, strategy)
    while len(state.leaves) < k:
        place = state.next_leaf()
        if place is None:
            break
        run = state.split(
            place, start, len(state.leaves) == k - 1, n_init=n_init, max_iter=max_iter, tol=tol, callback=callback
        )
        if run is not None and tell is not None:
            tell(len(state.leaves), (state.leaves[place].size, state.leaves[place + 1].size), run)
    return state.outcome(k)


def walk(source, tree, leaf_centers):
    """The label of every row: at each split its nearer center, the left one on a tie."""
    labels = np.zeros(source.n, np.int32)
    if not len(tree.centers):
        return labels
    wide = leaf_centers.astype(np.float64)
    shift = exact_shift(wide.mean(axis=0), wide.std(axis=0), source.dtype, integers=False)
    way = assigner_for(source, "auto", shift)
    split_centers = tree.centers.astype(source.dtype)
    for first in range(0, source.n, WALK_ROWS):
        numbers = np.arange(first, min(first + WALK_ROWS, source.n)) if source.n > WALK_ROWS else None
        waiting = [(0, numbers)]
        while waiting:
            split, numbers = waiting.pop()
            rows = source if numbers is None else source.gathered(numbers, None)
            sides, _ = rows.map_labels(way.prepare(split_centers[split]).labels_pass())
            for side, child in enumerate(tree.children[split]):
                own = np.flatnonzero(sides == side)
                own = own if numbers is None else numbers[own]
                if child < 0:
                    labels[own] = -1 - child
                elif len(own):
                    waiting.append((child, own))
    return labels
