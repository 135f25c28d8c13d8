"""Stability: whether rows drawn anew lead to the same clusters."""

from math import sqrt

import numpy as np

from fastkmeans.selection.path import fit_path, starter

PART_ROWS = 1 << 20  # whose pairs of labels are counted at a time


def contingency(labels, other, k, k_other):
    """(k, k_other) how many rows have each pair of labels."""
    counts = np.zeros(k * k_other, np.int64)
    for first in range(0, len(labels), PART_ROWS):
        part = slice(first, first + PART_ROWS)
        counts += np.bincount(labels[part].astype(np.int64) * k_other + other[part], minlength=len(counts))
    return counts.reshape(k, k_other)


def adjusted_rand_index(labels, other, k, k_other):
    """How well two clusterings of the same rows agree about pairs: 1 for equal ones, 0 on average for random ones.

    scikit-learn's `adjusted_rand_score`.

    References
    ----------
    .. [1] L. Hubert, P. Arabie, "Comparing partitions", J. Classif. 2, 1985. doi:10.1007/BF01908075
    """
    table = contingency(labels, other, k, k_other)

    def pairs(counts):
        return int((counts * (counts - 1) // 2).sum())  # an int: products of these pass 2^63

    both, rows, columns = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    expected = rows * columns / max(pairs(table.sum()), 1)
    most = (rows + columns) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)


def stability(labels_of, ks, make_fitter, *, n_bootstraps, init, array, metric, random):
    """The agreement of each clustering with those of bootstraps, and its standard error.

    A bootstrap draws as many rows as there are, with replacement: rows then weigh as often as they were drawn. It is
    clustered by a path of its own, whose centers label all rows; the adjusted Rand index says how well these labels
    agree with the clustering of that k. The mean over bootstraps is 1 where clusters come back each time. NaN for
    k = 1, which always does.

    Parameters
    ----------
    labels_of : callable
        labels_of(k) gives the labels of the clustering.
    ks : sequence of int
    make_fitter : callable
        make_fitter(weights) gives a Fitter over the rows with these weights.
    init, array, metric : as the path has them

    Returns
    -------
    values, errors : ndarray of shape (len(ks),)

    References
    ----------
    .. [1] C. Hennig, "Cluster-wise assessment of cluster stability", Comput. Stat. Data Anal. 52(1), 2007.
       doi:10.1016/j.csda.2006.11.025
    .. [2] S. Dolnicar, F. Leisch, "Evaluation of structure and reproducibility of cluster solutions using the
       bootstrap", Mark. Lett. 21, 2010. doi:10.1007/s11002-009-9083-4
    """
    n = array.shape[0]
    found = np.empty((n_bootstraps, len(ks)))
    for turn in range(n_bootstraps):
        weights = np.bincount(random.integers(n, size=n), minlength=n).astype(np.float64)
        fitter = make_fitter(weights)
        path = fit_path(fitter, ks, starter(init, array, fitter.source, metric, random), random)
        found[turn] = [adjusted_rand_index(labels_of(k), path[k].labels, k, k) if k > 1 else np.nan for k in ks]
    return found.mean(axis=0), found.std(axis=0, ddof=1) / sqrt(n_bootstraps)
