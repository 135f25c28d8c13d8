"""The oracle: k-means in the plainest float64 NumPy, slow and independent of the package."""

import numpy as np


def sq_dists(X, centers):
    """(n, k) squared distances: the float64 sum, over features in ascending order, of (x - c)^2."""
    X, centers = np.asarray(X).astype(np.float64), np.asarray(centers).astype(np.float64)
    total = np.zeros((len(X), len(centers)))
    for feature in range(X.shape[1]):
        difference = X[:, feature, None] - centers[None, :, feature]
        total += difference * difference
    return total


def assign(X, centers):
    """The label of every row: the center of the least squared distance, the lowest index on a tie."""
    X = np.asarray(X)
    rows = max(1, (1 << 16) // len(centers))
    parts = [sq_dists(X[i : i + rows], centers).argmin(axis=1) for i in range(0, len(X), rows)]
    return np.concatenate(parts).astype(np.int32)


def unit_rows(X, dtype):
    """Rows divided by their length: both in float64, features in ascending order, rounded to `dtype`."""
    X = np.asarray(X).astype(dtype).astype(np.float64)
    squares = np.zeros(len(X))
    for feature in range(X.shape[1]):
        squares += X[:, feature] * X[:, feature]
    length = np.sqrt(squares)
    length[length == 0] = 1.0
    return (X / length[:, None]).astype(dtype)


def own_sq_dists(X, labels, centers):
    """Squared distance of every row to the center of its label."""
    difference = np.asarray(X).astype(np.float64) - np.asarray(centers).astype(np.float64)[labels]
    return (difference * difference).sum(axis=1)


def inertia(X, labels, centers, weights=None):
    """The sum of weight times squared distance to the own center."""
    own = own_sq_dists(X, labels, centers)
    return float(own.sum() if weights is None else (weights * own).sum())


def cluster_sums(X, labels, weights, k):
    """(k, d) weighted sums and (k,) weights of the clusters."""
    X = np.asarray(X).astype(np.float64)
    sums, totals = np.zeros((k, X.shape[1])), np.zeros(k)
    np.add.at(sums, labels, weights[:, None] * X)
    np.add.at(totals, labels, weights)
    return sums, totals


def relocate_empty(X, labels, centers, weights, sums, totals):
    """Move far rows to the clusters without weight, in place; return how many were moved.

    Rows in the order of weight * squared distance, the lower row first on a tie; not those on their center, alone
    in their cluster, or equal to one moved before.
    """
    X = np.asarray(X).astype(np.float64)
    own = weights * own_sq_dists(X, labels, centers)
    empty = list(np.flatnonzero(totals <= 0))
    moved = []
    for row in np.lexsort((np.arange(len(X)), -own)):
        donor = labels[row]
        if not empty or own[row] <= 0:
            break
        if totals[donor] <= weights[row] or any(np.array_equal(X[row], X[other]) for other in moved):
            continue
        target = empty.pop(0)
        sums[donor] -= weights[row] * X[row]
        totals[donor] -= weights[row]
        sums[target], totals[target] = weights[row] * X[row], weights[row]
        moved.append(row)
    return len(moved)


def means(sums, totals, centers, cosine=False):
    """New centers: means, of length 1 for cosine; a cluster without weight or direction keeps its center."""
    new = np.asarray(centers).astype(np.float64).copy()
    for j in np.flatnonzero(totals > 0):
        mean = sums[j] / totals[j]
        length = np.sqrt((mean * mean).sum()) if cosine else 1.0
        if length > 0:
            new[j] = mean / length
    return new


def step(X, centers, weights=None, cosine=False):
    """One iteration: (labels, new centers in the type of the old, rows moved to empty clusters)."""
    weights = np.ones(len(X)) if weights is None else weights
    labels = assign(X, centers)
    sums, totals = cluster_sums(X, labels, weights, len(centers))
    relocated = relocate_empty(X, labels, centers, weights, sums, totals)
    return labels, means(sums, totals, centers, cosine).astype(centers.dtype), relocated


def lloyd(X, centers, weights=None, max_iter=300, tol=1e-4, cosine=False):
    """Lloyd's algorithm: (centers, labels, inertia, iterations). X must be unit rows for cosine."""
    threshold = tol * np.asarray(X).astype(np.float64).var(axis=0).mean()
    before, n_iter = None, 0
    while n_iter < max_iter:
        labels, new, relocated = step(X, centers, weights, cosine)
        n_iter += 1
        if before is not None and np.array_equal(labels, before) and not relocated:
            break
        shift = ((new.astype(np.float64) - centers) ** 2).sum()
        before, centers = labels, new
        if shift <= threshold and not relocated:
            break
    labels = assign(X, centers)
    return centers, labels, inertia(X, labels, centers, weights), n_iter
