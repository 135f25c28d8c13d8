"""The nearest few centers of every row, exactly."""

import numpy as np

from fastkmeans import validation as check
from fastkmeans.asking import question
from fastkmeans.engine.nearest import nearest_pass
from fastkmeans.lazily import is_dask

__all__ = ["nearest_centers"]


def nearest_centers(X, centers, n_nearest, *, metric="euclidean", n_threads=None):
    """The indices of the `n_nearest` nearest centers of every row, nearest first, and their distances.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        As for `predict`, files that are larger than memory too. Sparse rows are written out a few at a time. Not a
        Dask collection: call this for each of its blocks.
    centers : array-like of shape (n_clusters, n_features)
        As for `predict`.
    n_nearest : int
        How many, from 1 to n_clusters.
    metric : {"euclidean", "cosine"}, default="euclidean"
    n_threads : int or None, default=None

    Returns
    -------
    indices : ndarray of shape (n_samples, n_nearest), int32
        In the order of the float64 sums of squared differences, features in ascending order; the lower index on a tie.
        The first column is what `predict` gives.
    distances : ndarray of shape (n_samples, n_nearest)
        Euclidean distances, ascending; float32 if both X and the centers are computed in float32, else float64. With
        ``metric="cosine"`` between unit vectors: sqrt(2 (1 - cos)).

    Raises
    ------
    ValueError, TypeError
        As for `predict`; if `n_nearest` is more than there are centers; if X is a Dask collection.

    Notes
    -----
    O(n_samples * n_clusters * n_features), and for each row the candidates that the scores of the sweep leave are
    measured in float64: hardly more than `n_nearest`. Extra memory: 32 rows of scores a thread.

    Examples
    --------
    >>> indices, distances = nearest_centers([[1.0], [8.0]], [[0.0], [9.0], [5.0]], 2)
    >>> indices
    array([[0, 2],
           [1, 2]], dtype=int32)
    >>> distances
    array([[1., 4.],
           [1., 3.]])
    """
    if is_dask(X):
        raise TypeError(
            "nearest_centers takes arrays and files, not Dask collections; call it for each block, as by "
            "X.map_blocks(lambda block: nearest_centers(block, centers, n_nearest)[0], dtype='int32', chunks=...)"
        )
    n_nearest = check.check_integer(n_nearest, "n_nearest")
    source, way = question(X, centers, metric, None, n_threads)
    k = len(way.centers)
    if n_nearest > k:
        raise ValueError(f"n_nearest={n_nearest}, but there are {k} centers; ask for at most {k}")
    indices = np.empty((source.n, n_nearest), np.int32)
    distances = np.empty((source.n, n_nearest), source.dtype)
    source.reduce(nearest_pass(source, way, n_nearest), row_state=(indices, distances))
    return indices, distances
