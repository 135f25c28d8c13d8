"""How well two clusterings of the same rows agree."""

import numpy as np

PART_ROWS = 1 << 20  # whose pairs of labels are counted at a time


def contingency(labels, other, k, k_other):
    """(k, k_other) how many rows have each pair of labels."""
    counts = np.zeros(k * k_other, np.int64)
    for first in range(0, len(labels), PART_ROWS):
        part = slice(first, first + PART_ROWS)
        counts += np.bincount(labels[part].astype(np.int64) * k_other + other[part], minlength=len(counts))
    return counts.reshape(k, k_other)


def adjusted_rand_index(table):
    """Agreement about pairs of rows, from their contingency: 1 for equal clusterings, 0 on average for random ones.

    scikit-learn's `adjusted_rand_score`.

    References
    ----------
    .. [1] L. Hubert, P. Arabie, "Comparing partitions", J. Classif. 2, 1985. doi:10.1007/BF01908075
    """

    def pairs(counts):
        return int((counts * (counts - 1) // 2).sum())  # an int: products of these pass 2^63

    both, rows, columns = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    expected = rows * columns / max(pairs(table.sum()), 1)
    most = (rows + columns) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)
