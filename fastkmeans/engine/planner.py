"""Which way labels the rows of a fit: the registry of ways, and the choice from shapes and counts, never clocks."""

import numpy as np

from fastkmeans.engine.assigners import Dense
from fastkmeans.engine.bounds import Bounded
from fastkmeans.engine.boxes import Boxes

ASSIGNERS = {"dense": Dense, "bounds": Bounded, "boxes": Boxes}
ALIASES = ("auto", "lloyd", "elkan")  # of the planner's choice

# Whole fits from equal centers, dense / bounds: noise 100k x 64 k=64 0.91, k=256 1.5; 200k x 8 k=256 1.1; 200k x 3
# k=1000 1.4; 235k x 2 k=500 0.95; flights 232k x 24 k=100 1.3, k=500 3.1; SIFT 96k x 128 k=100 1.4, k=1000 3.4;
# Fashion-MNIST k=100 2.3; blobs 200k x 128 k=1000 5.3 (python -m benchmarks.compare --suite ways).
BOUNDS_CLUSTERS, BOUNDS_VALUES = 96, 2000
BOUNDS_ITERATIONS = 4  # fewer do not pay for the first pass


def worth_bounds(source, k):
    """Whether k centers are so many, and so wide, that ruling groups of them out saves more than it costs."""
    return not hasattr(source, "only_way") and k >= BOUNDS_CLUSTERS and k * source.d >= BOUNDS_VALUES


# One pass for labels, ns a row on one thread, dense / boxes with the ordering of rows: noise 500k x 2 k=256 24 / 28,
# k=1000 81 / 27; x 3 k=256 26 / 32, k=1000 91 / 35; x 4 k=256 28 / 42, k=1000 104 / 49; x 8 k=1000 162 / 237.
ORDERED_CLUSTERS, ORDERED_FEATURES, ORDERED_ROWS, ROWS_A_CLUSTER = 400, 4, 1 << 16, 16


def worth_ordering(source, k):
    """Whether rows are so many and narrow, and clusters so many, that one pass repays putting the rows in order."""
    if hasattr(source, "only_way"):
        return False
    many = source.n >= max(ORDERED_ROWS, ROWS_A_CLUSTER * k) and k >= ORDERED_CLUSTERS
    return many and source.d <= ORDERED_FEATURES and len(getattr(source, "blocks", ())) == 1


def planned(source, algorithm, k=None, max_iter=None):
    """(the name of the way, why) for a run of up to `max_iter` iterations; without k for single passes."""
    if hasattr(source, "only_way"):
        return source.only_way.name, "the one way for these rows"
    if algorithm not in ALIASES:
        return algorithm, "asked for"
    if k is None or not worth_bounds(source, k):
        return "dense", "clusters and columns are too few for bounds to save more than they cost"
    if max_iter < BOUNDS_ITERATIONS:
        return "dense", "iterations are too few for bounds to save more than they cost"
    return "bounds", f"groups of {k} clusters of {source.d} columns are worth ruling out"


def assigner_for(source, algorithm, shift, k=None, max_iter=None):
    """An assigner for the rows of `source`, moved by `shift`; sources of other kinds than arrays bring their own."""
    way = getattr(source, "only_way", None) or ASSIGNERS[planned(source, algorithm, k, max_iter)[0]]
    return way.for_source(source, shift)


def label_rows(source, way):
    """The nearest of the centers that `way`, a dense one, is prepared with, for every row: one pass."""
    if worth_ordering(source, len(way.centers)):
        centers, way = way.centers, Boxes.for_source(source, way.shift)
        way.watch(source, len(centers))
        way.prepare(centers)
    labels = source.new_row_state(np.int32)
    way.reduce(source, way.labels_pass(), labels)
    way.give_labels(labels)
    return labels
