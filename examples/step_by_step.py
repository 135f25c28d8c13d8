"""k-means step by step, as tutorials write it, on 300 points around 4 centers, beside fastkmeans.fit.

Both start from the same rows and go on until nothing changes: the labels are equal, and so are the centers to rounding.
Draws the clusters, and times both on these points, where a fit of ours is mostly checks, and on --rows of them.
"""

import numpy as np
from shared import options, say_times, timed
from sklearn.datasets import make_blobs

import fastkmeans
from fastkmeans import plots

# ---- plain NumPy ------------------------------------------------------------------------------------------


def assign_clusters(X, centers):
    distances = np.linalg.norm(X[:, np.newaxis] - centers, axis=2)
    return distances.argmin(axis=1)


def update_centers(X, labels, k):
    return np.array([X[labels == j].mean(axis=0) for j in range(k)])


def kmeans(X, centers, max_iter=300):
    for _ in range(max_iter):
        labels = assign_clusters(X, centers)
        new_centers = update_centers(X, labels, len(centers))
        if np.all(new_centers == centers):
            break
        centers = new_centers
    return centers, labels


# ---- both -------------------------------------------------------------------------------------------------


def compare(X, k):
    """Cluster from the same k rows by both, check that they agree, and time them."""
    first = np.random.default_rng(5).choice(len(X), k, replace=False)
    (centers, labels), plain = timed(lambda: kmeans(X, X[first]))
    result, ours = timed(lambda: fastkmeans.fit(X, k, init=first, tol=0))
    assert np.array_equal(result.labels, labels)
    assert np.allclose(result.centers, centers)
    say_times(f"{len(X):,} rows x {X.shape[1]}, k={k}", plain, ours)
    return result


def main():
    arguments = options(__doc__, rows=200_000)
    X, _ = make_blobs(n_samples=300, centers=4, cluster_std=0.8, random_state=0)
    result = compare(X, 4)
    compare(make_blobs(n_samples=arguments.rows, centers=4, cluster_std=0.8, random_state=0)[0], 4)
    print(f"centers:\n{result.centers.round(2)}\ninertia {result.inertia:.2f} after {result.n_iter} iterations")

    picture = arguments.output / "step-by-step.png"
    plots.scatter(X, result).figure.savefig(picture)
    print(picture)


if __name__ == "__main__":
    main()
