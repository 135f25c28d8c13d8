"""Labels of rows, as users give them."""

import numpy as np


def as_labels(labels, n, name="labels"):
    """n integers as an array of them."""
    array = np.asarray(labels)
    if array.dtype.kind not in "biu":
        raise TypeError(f"{name} must be integers, one a row of X, got dtype {array.dtype}; encode them first")
    if array.shape != (n,):
        raise ValueError(f"{name} has shape {array.shape}, but X has {n} rows; give one label for each")
    return array


def numbered(labels, n):
    """(labels 0 to k - 1 in place of any n integers, k), where a silhouette has a meaning: 2 <= k < n."""
    distinct, codes = np.unique(as_labels(labels, n), return_inverse=True)
    k = len(distinct)
    if not 2 <= k < n:
        raise ValueError(
            f"labels name {k} clusters, but silhouettes of {n} rows need 2 to n_samples - 1 = {n - 1}: a row is "
            "compared with the others of its cluster, and with those of another"
        )
    return codes.astype(np.int32), k


def labels_of_centers(labels, n, k):
    """n labels of k centers as int32."""
    array = as_labels(labels, n)
    outside = (array < 0) | (array >= k)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise ValueError(f"labels has {array[row]} at row {row}, but there are centers 0 to {k - 1} only")
    return array.astype(np.int32)
