"""Codebooks of a product quantizer by fit_many: each group of columns is a small k-means problem of its own.

A row becomes one byte for each group: the number of the nearest of 256 centers. Our codebooks go into an index of
FAISS, whose search is compared with that of codebooks FAISS trains itself: error of reconstruction, and recall.
"""

import faiss
import numpy as np
from shared import options, timed

import fastkmeans

COLUMNS, GROUPS, NEIGHBOURS, N_QUERIES = 64, 8, 10, 500
WIDTH = COLUMNS // GROUPS


def recall(index, queries, truth):
    """The share of rows whose nearest is among the first found."""
    found = index.search(queries, NEIGHBOURS)[1]
    return (found == truth).any(axis=1).mean()


def main():
    arguments = options(__doc__, rows=10_000)
    random = np.random.default_rng(0)
    mixing = random.normal(size=(16, COLUMNS))  # columns depend on one another, as descriptors' do
    X = (random.normal(size=(arguments.rows + N_QUERIES, 16)) @ mixing).astype(np.float32)
    X, queries = X[:-N_QUERIES], X[-N_QUERIES:]
    problems = [X[:, first : first + WIDTH] for first in range(0, COLUMNS, WIDTH)]  # views, read where they lie

    fits, seconds = timed(lambda: fastkmeans.fit_many(problems, 256, random_state=0), tries=2)
    codes = np.stack([fit.labels for fit in fits], axis=1).astype(np.uint8)
    decoded = np.concatenate([fit.centers[codes[:, group]] for group, fit in enumerate(fits)], axis=1)
    error = ((X - decoded) ** 2).sum() / ((X - X.mean(axis=0)) ** 2).sum()
    assert np.isclose(((X - decoded) ** 2).sum(dtype=float), sum(fit.inertia for fit in fits), rtol=1e-4)
    print(f"{len(X):,} rows x {COLUMNS}, {GROUPS} codebooks of 256: {4 * COLUMNS} bytes a row become {GROUPS}")
    print(f"fastkmeans  {seconds:6.2f} s   error {error:.2%} of the variance")

    index = faiss.IndexPQ(COLUMNS, GROUPS, 8)
    faiss.copy_array_to_vector(np.stack([fit.centers for fit in fits]).ravel(), index.pq.centroids)
    index.is_trained = True
    index.add(X)
    theirs = faiss.IndexPQ(COLUMNS, GROUPS, 8)
    _, seconds = timed(lambda: theirs.train(X), tries=1)  # compiles nothing
    theirs.add(X)
    decoded = theirs.sa_decode(theirs.sa_encode(X))
    error = ((X - decoded) ** 2).sum() / ((X - X.mean(axis=0)) ** 2).sum()
    print(f"FAISS       {seconds:6.2f} s   error {error:.2%} of the variance")

    flat = faiss.IndexFlatL2(COLUMNS)
    flat.add(X)
    truth = flat.search(queries, 1)[1]
    print(f"nearest row among the first {NEIGHBOURS}: {recall(index, queries, truth):.1%} by our codebooks, ", end="")
    print(f"{recall(theirs, queries, truth):.1%} by FAISS's")


if __name__ == "__main__":
    main()
