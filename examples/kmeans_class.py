"""A KMeans class of one's own, as tutorials write it, on six points, beside fastkmeans.KMeans, which replaces it.

The toy data are two columns of three points; predict tells on which side [0, 0] and [12, 3] are. Both classes give the
same answers; --rows points of 8 columns show what each takes.
"""

import numpy as np
from shared import options, say_times, timed

import fastkmeans

# ---- plain NumPy ------------------------------------------------------------------------------------------


class PlainKMeans:
    def __init__(self, n_clusters, init, max_iter=300):
        self.n_clusters, self.init, self.max_iter = n_clusters, init, max_iter

    def fit(self, X):
        self.cluster_centers_ = np.array(self.init, dtype=float)
        for _ in range(self.max_iter):
            labels = self.predict(X)
            centers = np.array([X[labels == j].mean(axis=0) for j in range(self.n_clusters)])
            if np.array_equal(centers, self.cluster_centers_):
                break
            self.cluster_centers_ = centers
        self.labels_ = self.predict(X)
        self.inertia_ = ((X - self.cluster_centers_[self.labels_]) ** 2).sum()
        return self

    def predict(self, X):
        differences = np.asarray(X)[:, np.newaxis] - self.cluster_centers_
        return (differences**2).sum(axis=2).argmin(axis=1)


# ---- both -------------------------------------------------------------------------------------------------


def compare(X, first):
    """Fit both from the same rows, check that they agree, and time them."""
    k, init = len(first), X[first]
    plain, plain_seconds = timed(lambda: PlainKMeans(k, init).fit(X))
    ours, seconds = timed(lambda: fastkmeans.KMeans(k, init=init, tol=0).fit(X))
    assert np.array_equal(ours.labels_, plain.labels_)
    assert np.allclose(ours.cluster_centers_, plain.cluster_centers_)
    assert np.isclose(ours.inertia_, plain.inertia_)
    say_times(f"{len(X):,} rows x {X.shape[1]}, k={k}", plain_seconds, seconds)
    return plain, ours


def main():
    arguments = options(__doc__, rows=20_000)
    X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    new = [[0, 0], [12, 3]]

    plain, ours = compare(X, [0, 3])
    assert np.array_equal(ours.predict(new), plain.predict(new))
    print("labels", ours.labels_, " predict", ours.predict(new), " inertia", ours.inertia_)
    print(f"centers:\n{ours.cluster_centers_}")

    # As in scikit-learn, a start is drawn unless one is given; which cluster is called 0 is then up to the seed.
    drawn = fastkmeans.KMeans(n_clusters=2, random_state=0).fit(X)
    assert sorted(drawn.cluster_centers_.tolist()) == [[1.0, 2.0], [10.0, 2.0]]

    random = np.random.default_rng(0)
    centers = random.normal(scale=4.0, size=(10, 8))
    compare(centers[random.integers(10, size=arguments.rows)] + random.normal(size=(arguments.rows, 8)), range(10))


if __name__ == "__main__":
    main()
