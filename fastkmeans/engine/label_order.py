"""Cluster sums in the order of labels, for sums so large that one copy a slab would not fit, or cost more than X.

Rows are sorted by label (a counting sort) and the sorted list is cut into parts of equal length; a part writes
the clusters that lie wholly in it, and hands back the two at its edges, which are added up in order of part.
So there is one (k, d) array of sums, whatever the number of threads, and its bits do not depend on it.
"""

import math

import numpy as np

from fastkmeans.engine import threads
from fastkmeans.engine.passes import partials_budget
from fastkmeans.kernels.update import sort_by_label

PARTS_MOST = 256
SPARSE_PARTS = 32  # a part's edges are 2 * d sums, which is much where rows are few values
ROWS_A_PART = 512
CLUSTER_PARTS = 32
# A slab's copy of the sums is set to 0, written, and read and written when it is merged; a row in label order is looked
# up and packed by itself. A pass that sums all rows takes, by slab / by label, 60k x 784 k=256 135 / 135 ms, 40k x 384
# k=1000 156 / 152, 200k x 2 k=2048 17 / 31; where few rows move, copies are nearly all there is to do: 60 iterations by
# bounds on the first take 3.25 / 1.64 s, on the second 1.22 / 0.87.
COPY_VALUE_SECONDS, ROW_SECONDS, ROW_VALUE_SECONDS = 3.2e-9, 120e-9, 0.5e-9


def needs_label_order(source, row_seconds, k):
    """Whether the partial sums of slabs would take more memory than the fit may use, or more work than the rows.

    Never by thread count.
    """
    if len(getattr(source, "blocks", ())) != 1:
        return False
    values_a_row = getattr(source, "values_a_row", source.d)
    slabs = len(threads.slab_cuts(source.n, values_a_row, row_seconds))
    if values_a_row < source.d:
        if slabs * k * source.d > source.n * values_a_row:
            return True
    elif slabs > 2:
        rows = source.n * (ROW_SECONDS + ROW_VALUE_SECONDS * source.d)
        if slabs * k * source.d * COPY_VALUE_SECONDS > rows:
            return True
    live = math.ceil(math.log2(slabs + 1)) + 4
    return slabs > 2 and live * k * (source.d + 1) * 8 > partials_budget(source, (k, source.d))


def reduce_in_label_order(source, way, labels, sums):
    """Fill `sums` (assigners.Sums) with the cluster sums and weights of `labels`."""
    block = source.blocks[0]
    k, d = way.centers.shape
    starts, order = np.empty(k + 1, np.int64), np.empty(source.n, np.int32 if source.n < 2**31 else np.int64)
    sort_by_label(labels, starts, order)
    values_a_row = getattr(source, "values_a_row", d)
    most = PARTS_MOST if values_a_row == d else SPARSE_PARTS
    n_parts = max(1, min(most, source.n // ROWS_A_PART))
    parts = [source.n * i // n_parts for i in range(n_parts + 1)]
    sums.cluster_sums, sums.cluster_weights = np.zeros(k * d + 8), np.zeros(k)
    matrix = sums.cluster_sums[: k * d].reshape(k, d)
    edge_sums, edge_weights = np.zeros((n_parts, 2, d)), np.zeros((n_parts, 2))
    edge_labels = np.full((n_parts, 2), -1)

    def sum_part(part):
        way.sum_in_label_order(
            block, order, starts, parts[part], parts[part + 1], matrix, sums.cluster_weights, edge_sums[part],
            edge_weights[part], edge_labels[part],
        )  # fmt: skip

    threads.run(n_parts, sum_part, source.threads_for(source.n * values_a_row * 1e-9))
    for part in range(n_parts):
        for edge in range(2):
            label = edge_labels[part, edge]
            if label >= 0:
                matrix[label] += edge_sums[part, edge]
                sums.cluster_weights[label] += edge_weights[part, edge]


def follow_in_label_order(source, way, before, labels, sums):
    """Let `sums` follow the rows whose label is not the one `before`; return the sum of their squared lengths."""
    moved = np.flatnonzero(before != labels)
    k = len(way.centers)
    n_parts = min(CLUSTER_PARTS, k)
    cuts, spreads = [k * i // n_parts for i in range(n_parts + 1)], [0.0] * n_parts
    moves = moved, before[moved], labels[moved]

    def follow_part(part):
        spreads[part] = way.follow_moves(source.blocks[0], *moves, cuts[part], cuts[part + 1], sums)

    threads.run(n_parts, follow_part, source.threads_for(len(moved) * source.d * 2e-9))
    return sum(spreads)
