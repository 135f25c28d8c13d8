"""Which way labels the rows of a fit: the registry of ways, and the choice from shapes and counts, never clocks."""

import math
from itertools import pairwise

import numpy as np

from fastkmeans.engine import threads
from fastkmeans.engine.assigners import Dense, dense_row_seconds
from fastkmeans.engine.bounds import Bounded, Screened
from fastkmeans.engine.boxes import Boxes
from fastkmeans.engine.groups import screens
from fastkmeans.engine.machine import vector_set
from fastkmeans.engine.thresholds import WAYS

ASSIGNERS = {"dense": Dense, "bounds": Bounded, "screened": Screened, "boxes": Boxes}
ALIASES = ("auto", "lloyd", "elkan")  # of the planner's choice

TABLE_ROWS, LEAST_BOXES_CLUSTERS = 200_000, 8
# Twenty iterations over rows of `overlap` (benchmarks/datasets.py), dense / boxes. 2 columns: 10k rows k=100 1.03,
# k=300 1.58; 50k rows k=32 1.09, k=100 2.0. 3 columns: 10k rows k=1000 0.86; 20k rows k=100 1.01, k=300 1.29.
# 4 columns: 20k rows k=1000 0.71; 50k rows k=300 1.29 (python -m benchmarks.compare --suite grid has some of these).
# With these a Zen 5, where boxes win from 32 and 64 clusters on with the rows of the table: 2 columns: 10k rows k=100
# 0.71, k=300 1.08; 100k rows k=32 0.96, k=100 1.10; 3 columns: 100k rows k=100 0.82, k=300 1.23.
FEWER_ROWS_POWER = 0.75
LEAST_BOXES_ROWS = {1: 4_000, 2: 4_000, 3: 15_000, 4: 40_000}
BOUNDS_CLUSTERS, BOUNDS_VALUES = 96, 2000
# A first pass over 20,000 rows of `overlap` (benchmarks/datasets.py), dense / in bytes: 64 columns, k=512 0.86; 128
# columns, k=256 0.92, k=512 1.16; 256, k=128 0.80, k=256 1.16; 512, k=128 0.90, k=256 1.30, k=512 1.66.
SCREENED_CLUSTERS, SCREENED_VALUES, SCREENED_ROWS = 256, 1 << 16, 20_000
BOUNDS_ITERATIONS = 4  # fewer do not pay for what the first pass learns
ORDERING_SECONDS = 60e-9  # of dense iterations pay for putting a row in order, which takes half of it
REASONS = {
    "dense": "{k} clusters of {d} columns are quickest scored all",
    "screened": "rows of {d} columns are quicker scored in bytes",
    "boxes": "boxes of rows of {d} columns mostly belong to one of {k} clusters",
    "bounds": "groups of {k} clusters of {d} columns are worth ruling out",
}


def best_way(source, k):
    """The way that the table, which was measured with sweeps in bytes, has for rows like these and k clusters.

    The more rows, the more boxes lie inside one cluster: 1M x 2, k=8 to convergence takes 25 ms by boxes and 34 dense,
    200k x 2 about the same both ways (python -m benchmarks.compare --suite ways).
    """
    table = WAYS.get(vector_set(), next(iter(WAYS.values())))
    band = next((table[columns] for columns in sorted(table) if source.d <= columns), table[max(table)])
    name = "dense"
    for clusters, way in band:
        if k >= (_boxes_from(source, clusters) if way == "boxes" else clusters):
            name = way
    if name in ("screened", "bounds") and not screens(source.d):
        return "bounds" if worth_bounds(source, k) else "dense"
    return name


def _boxes_from(source, clusters):
    """From how many clusters on boxes win, if they do so from `clusters` on with the rows of the table."""
    if source.n < LEAST_BOXES_ROWS.get(source.d, LEAST_BOXES_ROWS[4]):
        return math.inf
    share = TABLE_ROWS / source.n
    return max(LEAST_BOXES_CLUSTERS, clusters * (share if share < 1 else share**FEWER_ROWS_POWER))


def _in_memory(source):
    """Whether rows are an array's, which every way can label."""
    return not hasattr(source, "only_way") and not getattr(source, "streamed", False)


def worth_bounds(source, k):
    """Whether k centers are so many, and so wide, that ruling groups of them out saves more than it costs.

    In the computing type, that is, and for the rounds of k-means||.
    """
    return _in_memory(source) and k >= BOUNDS_CLUSTERS and k * source.d >= BOUNDS_VALUES


# One pass for labels, ns a row on one thread, dense / boxes with the ordering of rows: noise 500k x 2 k=256 24 / 28,
# k=1000 81 / 27; x 3 k=256 26 / 32, k=1000 91 / 35; x 4 k=256 28 / 42, k=1000 104 / 49; x 8 k=1000 162 / 237.
ORDERED_CLUSTERS, ORDERED_FEATURES, ORDERED_ROWS, ROWS_A_CLUSTER = 400, 4, 1 << 16, 16


def worth_ordering(source, k):
    """Whether rows are so many and narrow, and clusters so many, that one pass repays putting the rows in order."""
    if hasattr(source, "only_way"):
        return False
    many = source.n >= max(ORDERED_ROWS, ROWS_A_CLUSTER * k) and k >= ORDERED_CLUSTERS
    return many and source.d <= ORDERED_FEATURES and len(getattr(source, "blocks", ())) == 1


def worth_screening(source, k):
    """Whether centers are so many, and so wide, that one pass in bytes is quicker than a dense one."""
    return (
        _in_memory(source)
        and screens(source.d)
        and k >= SCREENED_CLUSTERS
        and k * source.d >= SCREENED_VALUES
        and source.n >= SCREENED_ROWS
    )


def planned(source, algorithm, k=None, max_iter=None):
    """(the name of the way, why) for a run of up to `max_iter` iterations; without k for single passes."""
    if hasattr(source, "only_way"):
        return source.only_way.name, "the one way for these rows"
    if getattr(source, "streamed", False):
        return "dense", getattr(source, "why_dense", "rows are read anew in each pass")
    if algorithm not in ALIASES:
        return algorithm, "asked for"
    if k is None:
        return "dense", "a single pass"
    name = best_way(source, k)
    row_seconds = dense_row_seconds(source.dtype, source.d, k)
    if name in ("bounds", "screened") and source.n * row_seconds <= threads.SERIAL_SECONDS:
        return "dense", f"an iteration over {source.n} rows and {k} clusters is too short to save from"
    too_short_to_order = name == "boxes" and max_iter * row_seconds < ORDERING_SECONDS
    if too_short_to_order or (name == "bounds" and max_iter < BOUNDS_ITERATIONS):
        name = "screened" if worth_screening(source, k) else "dense"
        return name, "iterations are too few to earn back what another way prepares"
    return name, REASONS[name].format(k=k, d=source.d)


def assigner_for(source, algorithm, shift, k=None, max_iter=None):
    """An assigner for the rows of `source`, moved by `shift`; sources of other kinds than arrays bring their own."""
    name, why = planned(source, algorithm, k, max_iter)
    way = (getattr(source, "only_way", None) or ASSIGNERS[name]).for_source(source, shift)
    way.why = why
    return way


def label_rows(source, way, labels=None):
    """The nearest of the centers that `way`, a dense one, is prepared with, for every row: one pass, into `labels`."""
    k, centers = len(way.centers), way.centers
    other = Boxes if worth_ordering(source, k) else Screened if worth_screening(source, k) else None
    if other is not None:
        way = other.for_source(source, way.shift)
        way.watch(source, k)
        way.prepare(centers)
    labels = source.new_row_state(np.int32) if labels is None else labels
    way.reduce(source, way.labels_pass(), labels)
    way.give_labels(labels)
    return labels


def account(run, way):
    """What ran in the iterations of a LloydRun, why, and what it saved: a line for each stretch of them."""
    starts = {iteration: why for iteration, why in run.reasons if iteration <= len(run.history)}
    bounds = [*sorted({1, *starts, *_changes(run.history)}), len(run.history) + 1]
    lines = [_stretch(run.history[a - 1 : b - 1], starts.get(a)) for a, b in pairwise(bounds) if a < b]
    tile = "x".join(str(len(part)) for part in way.shape)
    return "\n".join([*(lines or [f"no iteration, {run.reasons[0][1]}"]), f"{way.dtype.name}, tile {tile}"])


def _changes(history):
    """The iterations that went another way than the one before."""
    return [after.iteration for before, after in pairwise(history) if after.algorithm != before.algorithm]


def _stretch(history, why):
    """One line about consecutive iterations that went the same way."""
    first, last, n = history[0].iteration, history[-1].iteration, len(history)
    line = (
        f"{history[0].algorithm}, iteration {first}" if n == 1 else f"{history[0].algorithm}, iterations {first}-{last}"
    )
    pairs, candidates = (sum(getattr(stats, name) for stats in history) / n for name in ("pairs", "candidates"))
    line += "" if pairs == 1.0 else f", {pairs:.0%} of all pairs of a row and a center scored"
    line += f", {candidates:.2f} candidates a row measured" if candidates else ""
    return line + (f": {why}" if why else "")
