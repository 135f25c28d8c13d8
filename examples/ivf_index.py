"""Embeddings to an inverted-file index of FAISS whose lists are our clusters, and what it finds of a flat search.

Unit vectors are clustered by cosine; the centers become the coarse quantizer, which needs no training of FAISS's.
Prints the share of the true 10 neighbours that a search of a few lists finds, and how long it takes, beside a flat
search and beside an index that FAISS trains itself. Both take 10 iterations.
"""

import faiss
import numpy as np
from shared import options, timed

import fastkmeans

COLUMNS, NEIGHBOURS, N_QUERIES = 64, 10, 1000


def embeddings(n, random):
    """Unit vectors in topics of all sizes, as embeddings of text are."""
    topics = random.normal(size=(200, COLUMNS))
    sizes = random.zipf(1.5, size=n) % 200
    X = topics[sizes] + random.normal(scale=0.5, size=(n, COLUMNS))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)


def index_of(centers):
    """An empty index whose lists are the cells of the centers."""
    quantizer = faiss.IndexFlatIP(COLUMNS)
    quantizer.add(centers)
    index = faiss.IndexIVFFlat(quantizer, COLUMNS, len(centers), faiss.METRIC_INNER_PRODUCT)
    index.is_trained = True
    return index, quantizer  # the index does not keep the quantizer alive


def trained_index(X, n_lists):
    quantizer = faiss.IndexFlatIP(COLUMNS)
    index = faiss.IndexIVFFlat(quantizer, COLUMNS, n_lists, faiss.METRIC_INNER_PRODUCT)
    index.train(X)
    return index, quantizer


def main():
    arguments = options(__doc__, rows=20_000, lists=128)
    random = np.random.default_rng(0)
    X = embeddings(arguments.rows + N_QUERIES, random)
    X, queries = X[:-N_QUERIES], X[-N_QUERIES:]

    result, seconds = timed(lambda: fastkmeans.fit(X, arguments.lists, metric="cosine", max_iter=10, random_state=0), 2)
    print(f"{len(X):,} rows x {COLUMNS} in {arguments.lists} lists, {N_QUERIES:,} queries")
    print(f"fastkmeans: {seconds:.2f} s, {result.n_iter} iterations on all rows")
    theirs, seconds = timed(lambda: trained_index(X, arguments.lists), 2)
    print(f"FAISS:      {seconds:.2f} s, 10 iterations on at most 256 rows a list")

    flat = faiss.IndexFlatIP(COLUMNS)
    flat.add(X)
    (_, truth), seconds = timed(lambda: flat.search(queries, NEIGHBOURS))
    print(f"\nflat search {1e3 * seconds:7.1f} ms")
    print("lists searched    our lists            FAISS's lists")
    pairs = [index_of(result.centers), theirs]
    for index, _ in pairs:
        index.add(X)
    for n_probe in (1, 2, 4, 8, 16):
        cells = []
        for index, _ in pairs:
            index.nprobe = n_probe
            (_, found), seconds = timed(lambda index=index: index.search(queries, NEIGHBOURS))
            recall = np.mean([len(np.intersect1d(*both)) for both in zip(found, truth, strict=True)]) / NEIGHBOURS
            cells.append(f"{recall:6.1%} {1e3 * seconds:7.1f} ms")
        print(f"{n_probe:14}  {cells[0]:>18}   {cells[1]:>18}")


if __name__ == "__main__":
    main()
