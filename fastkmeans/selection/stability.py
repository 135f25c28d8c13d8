"""Stability: whether rows drawn anew lead to the same clusters."""

from math import sqrt

import numpy as np

from fastkmeans.engine.agreement import adjusted_rand_index, contingency
from fastkmeans.selection.path import fit_path, starter


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
        found[turn] = [
            adjusted_rand_index(contingency(labels_of(k), path[k].labels, k, k)) if k > 1 else np.nan for k in ks
        ]
    return found.mean(axis=0), found.std(axis=0, ddof=1) / sqrt(n_bootstraps)
