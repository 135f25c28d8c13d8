"""Silhouettes: of every row, their mean, an estimate of it that states its error, and by distances to centers alone."""

import math
from dataclasses import dataclass

import numpy as np

from fastkmeans import validation as check
from fastkmeans.asking import checked_centers, question
from fastkmeans.engine.silhouettes import by_means, by_pairs, ratio, two_nearest
from fastkmeans.lazily import is_dask, over_blocks
from fastkmeans.sources.blocks import METRICS
from fastkmeans.sources.sparse import is_sparse


@dataclass(frozen=True)
class SilhouetteEstimate:
    """The mean silhouette of all rows, estimated from some of them; `float` gives the value.

    Attributes
    ----------
    value : float
    standard_error : float
        Of `value`: 95 in 100 such intervals of two to either side hold the mean of all rows. 0 if all were measured.
    sample_size : int
        Rows that were measured, each against all rows.
    """

    value: float
    standard_error: float
    sample_size: int

    def __float__(self):
        return self.value

    def __str__(self):
        return f"{self.value:.4f} +- {self.standard_error:.4f} (standard error, {self.sample_size} rows measured)"


def _labelled_rows(X, labels, metric, n_threads):
    """(source, labels from 0, their number) for questions about pairs of rows."""
    if is_dask(X):
        raise TypeError(
            "X is a Dask collection, and silhouettes need pairs of all its rows: pass X.compute() if it fits in "
            "memory, or take simplified_silhouette_samples"
        )
    check.check_name(metric, METRICS, "metric")
    X, _ = check.opened(X, None)
    array, budget = check.as_stored_or_rows(X, None)
    if budget is not None:
        raise ValueError(
            "X does not fit in memory, and silhouettes need pairs of all its rows: take "
            "simplified_silhouette_samples, or pass a part of X"
        )
    if is_sparse(array) and metric == "euclidean":
        raise TypeError(
            "X is a sparse matrix, whose pairs have no Euclidean silhouettes here; pass X.toarray() if it fits in "
            "memory, or take metric='cosine' or simplified_silhouette_samples"
        )
    n_threads = check.check_n_threads(n_threads)
    labels, k = check.numbered(labels, array.shape[0])
    dtype = np.dtype(np.float64) if metric == "cosine" else check.computing_type(array)
    return check.rows_to_ask(array, None, metric=metric, dtype=dtype, n_threads=n_threads), labels, k


def silhouette_samples(X, labels, *, metric="euclidean", n_threads=None):
    """The silhouette of every row: how much nearer its own cluster is than the next, from -1 to 1.

    (b - a) / max(a, b), where a is the mean distance to the other rows of its cluster, and b the least mean distance to
    the rows of another. 0 for a row alone in its cluster, and where a and b are both 0. scikit-learn's function of this
    name gives the same.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        As for `fit`, but in memory; sparse for ``metric="cosine"`` only.
    labels : array-like of shape (n_samples,)
        Any integers; 2 to n_samples - 1 different ones.
    metric : {"euclidean", "cosine"}, default="euclidean"
        "cosine" takes the distance 1 - cos, as scikit-learn does (half the squared distance of unit rows, not the
        distance itself, as `transform` has it).
    n_threads : int or None, default=None

    Returns
    -------
    ndarray of shape (n_samples,), float64
        The same bits for any number of threads.

    Raises
    ------
    ValueError, TypeError
        As for `fit`; and if labels are no integers or too few or many are different, or X is sparse, of Dask, or does
        not fit in memory.

    Notes
    -----
    O(n_samples^2 * n_features), and memory O(n_samples + n_clusters): no matrix of distances is made. Distances are
    roots of sums of squared differences, exact to rounding wherever the data lie, in float32 where X is (so that
    distances below 1e-19 count as 0 there), summed in float64. For ``metric="cosine"``, O(n_samples * n_clusters *
    n_features) by the means of the clusters, in float64.

    References
    ----------
    .. [1] P. Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis",
       J. Comput. Appl. Math. 20, 1987. doi:10.1016/0377-0427(87)90125-7

    Examples
    --------
    >>> silhouette_samples([[0.0], [1.0], [9.0], [10.0]], [0, 0, 1, 1]).round(3)
    array([0.895, 0.882, 0.882, 0.895])
    """
    source, labels, k = _labelled_rows(X, labels, metric, n_threads)
    return (by_means if source.cosine else by_pairs)(source, labels, k)


def silhouette_score(X, labels, *, sample_size=None, random_state=None, metric="euclidean", n_threads=None):
    """The mean silhouette of all rows; or, with `sample_size`, an estimate of it that states its error.

    Parameters
    ----------
    X, labels
        As for `silhouette_samples`.
    sample_size : int, default=None
        Rows to measure, at least 2, each against all rows: their mean is unbiased. (scikit-learn's `sample_size` leaves
        the other rows out, which is another quantity.) None measures all; so do as many as there are, and
        ``metric="cosine"``, which is quick.
    random_state : int, Generator, RandomState or None, default=None
        Which rows, drawn without replacement.
    metric, n_threads
        As for `silhouette_samples`.

    Returns
    -------
    float, or SilhouetteEstimate with `sample_size`

    Notes
    -----
    O(sample_size * n_samples * n_features). The standard error is s / sqrt(m) * sqrt(1 - m / n) for m of n rows with
    standard deviation s.

    References
    ----------
    .. [1] W. Cochran, "Sampling Techniques", 3rd edition, 1977, sections 2.3 to 2.6.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.arange(1000.0).reshape(-1, 1) % 10
    >>> labels = X[:, 0] >= 5
    >>> round(silhouette_score(X, labels), 4)
    0.6441
    >>> print(silhouette_score(X, labels, sample_size=100, random_state=0))
    0.6621 +- 0.0143 (standard error, 100 rows measured)
    """
    source, labels, k = _labelled_rows(X, labels, metric, n_threads)
    asked, n = None, source.n
    if sample_size is not None:
        sample_size = min(check.check_integer(sample_size, "sample_size", 2), n)
        seed = int(check.as_generator(random_state).integers(2**63))
        if sample_size < n and not source.cosine:
            asked = np.sort(source.sample(sample_size, seed))
    found = by_means(source, labels, k) if source.cosine else by_pairs(source, labels, k, asked)
    value = float(found.mean())
    if sample_size is None:
        return value
    error = 0.0 if asked is None else float(found.std(ddof=1)) * math.sqrt((1 - len(found) / n) / len(found))
    return SilhouetteEstimate(value, error, len(found))


def simplified_silhouette_samples(X, centers, *, metric="euclidean", n_threads=None):
    """The silhouette of every row by distances to centers: (b - a) / max(a, b), from 0 to 1.

    a is the distance to the nearest center, b that to the second nearest; 0 where both are 0.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        As for `predict`: files and Dask collections too.
    centers : array-like of shape (n_clusters, n_features)
        At least 2.
    metric : {"euclidean", "cosine"}, default="euclidean"
        With "cosine", distances are Euclidean between unit vectors.
    n_threads : int or None, default=None

    Returns
    -------
    ndarray of shape (n_samples,), float64
        Of a Dask collection, a Dask array, computed when it is asked for.

    Raises
    ------
    ValueError, TypeError
        As for `predict`; and if there is one center only.

    Notes
    -----
    O(n_samples * n_clusters * n_features); memory O(n_samples + n_clusters * n_features).

    References
    ----------
    .. [1] E. Hruschka, L. de Castro, R. Campello, "Evolutionary algorithms for clustering gene-expression data", ICDM
       2004. doi:10.1109/ICDM.2004.10073
    .. [2] L. Vendramin, R. Campello, E. Hruschka, "Relative clustering validity criteria: a comparative overview",
       Stat. Anal. Data Min. 3(4), 2010. doi:10.1002/sam.10080

    Examples
    --------
    >>> simplified_silhouette_samples([[0.0], [3.0], [8.0]], [[0.0], [10.0]]).round(3)
    array([1.   , 0.571, 0.75 ])
    """
    if is_dask(X):
        centers, metric = checked_centers(centers, metric)
        _check_several(centers)
        return over_blocks(simplified_silhouette_samples, X, centers, metric, np.float64)
    source, way = question(X, centers, metric, None, n_threads)
    _check_several(way.centers)
    _, own, other, _ = two_nearest(source, way)
    return ratio(own, other)


def _check_several(centers):
    if len(centers) < 2:
        raise ValueError("centers has 1 row, but a silhouette compares two of them; pass at least 2")
