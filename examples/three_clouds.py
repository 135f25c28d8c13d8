"""Three Gaussian clouds: inertia for k from 1 to 9, the elbow plot, and an animation of the iterations.

Plain NumPy and fastkmeans fit every k from the same starts, five for each k, of which the best counts, and end at the
same inertia. The elbow is at 3, as there are three clouds. Writes elbow.png and iterations.gif.
"""

import numpy as np
from shared import options, say_times, timed

import fastkmeans
from fastkmeans import plots

KS = range(1, 10)

# ---- plain NumPy ------------------------------------------------------------------------------------------


def kmeans(X, centers, max_iter=300):
    """Centers, labels and inertia."""
    for _ in range(max_iter):
        distances = ((X[:, np.newaxis] - centers) ** 2).sum(axis=2)
        labels = distances.argmin(axis=1)
        new_centers = np.array([X[labels == j].mean(axis=0) for j in range(len(centers))])
        if np.all(new_centers == centers):
            break
        centers = new_centers
    return centers, labels, distances.min(axis=1).sum()


# ---- both -------------------------------------------------------------------------------------------------


def main():
    arguments = options(__doc__, rows=1_500)
    random = np.random.default_rng(42)
    clouds = [random.normal(center, 1.0, size=(arguments.rows // 3, 2)) for center in ([0, 0], [6, 0], [3, 5])]
    X = np.concatenate(clouds)
    starts = {k: [random.choice(len(X), k, replace=False) for _ in range(5)] for k in KS}

    def best_of(inertia_from):
        return {k: min(inertia_from(rows) for rows in starts[k]) for k in KS}

    plain, plain_seconds = timed(lambda: best_of(lambda rows: kmeans(X, X[rows])[2]))
    ours, seconds = timed(lambda: best_of(lambda rows: fastkmeans.fit(X, len(rows), init=rows, tol=0).inertia))
    say_times(f"{len(X):,} rows x 2, k=1 to 9", plain_seconds, seconds)
    print(" k      inertia")
    for k in KS:
        assert np.isclose(plain[k], ours[k])
        print(f"{k:2}  {ours[k]:11.1f}")

    # In one call, each k from its neighbours; criteria say what they make of each.
    selection, seconds = timed(lambda: fastkmeans.select_k(X, KS, random_state=0))
    print(f"\nselect_k, with its criteria: {1e3 * seconds:.0f} ms\n{selection}")

    picture = arguments.output / "elbow.png"
    plots.elbow(selection).figure.savefig(picture)
    print(picture)
    # Three rows of one cloud: a start from which there is something to see.
    print(plots.animation(X, 3, arguments.output / "iterations.gif", init=[0, 1, 2], cells=True).path)


if __name__ == "__main__":
    main()
