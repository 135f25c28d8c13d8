"""python -m tests.embedding.guarded_fits SHARE: all kinds of work on ragged sizes, arrays beside forbidden pages.

Each case runs on usual memory, which also compiles its kernels, before a forbidden page and behind one; all must give
the same bits, so that nothing depends on what memory held before. Prints how many cases and arrays there were.
"""

import faulthandler
import itertools
import random
import sys
import warnings

import numpy as np

import fastkmeans
from fastkmeans.engine.planner import ASSIGNERS
from fastkmeans.kernels import memory, slab
from tests.checks import assert_same_bits
from tests.embedding.forbidden_pages import ForbiddenPages
from tests.strategies import LAYOUTS, values_of

ROWS = (1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 64, 100, 257, 511, 513, 1030, 2049)
FEATURES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 130)
CLUSTERS = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 65, 130)
DTYPES = ("f4", "f8", "f4", "f8", "u1", "f2", "i4")
KINDS = ("small", "watched", "weighted", "cosine", "layout", "estimators", "seedings", "sparse")
CASES = 1600  # of all the combinations
ARRAY_COLUMNS = {"boxes": 8}


def arrays_of(outcome):
    """All arrays in what a case returned."""
    for one in outcome:
        yield from one if isinstance(one, list | tuple) else (one,)


def work(kind, X, k, way, seed):
    """Fits and questions of one kind; what they answer."""
    settings = {"random_state": 0, "max_iter": 4, "algorithm": way, "n_threads": 1, "n_init": 1}
    if kind == "estimators":
        batches = fastkmeans.MiniBatchKMeans(k, random_state=0, batch_size=37, max_iter=3, n_init=1).fit(X)
        halves = fastkmeans.BisectingKMeans(k, random_state=0).fit(X)
        more = fastkmeans.MiniBatchKMeans(k, random_state=0).partial_fit(X).partial_fit(X[: len(X) // 2 + k])
        return [own for model in (batches, halves, more) for own in (model.cluster_centers_, model.predict(X))]
    if kind == "seedings":
        found = [fastkmeans.fit(X, k, init=init, **settings) for init in ("k-means||", "afk-mc2", "random")]
        return [fastkmeans.kmeans_plusplus(X, k, random_state=0, n_threads=1), *(own.centers for own in found)]
    if kind == "sparse":
        import scipy.sparse

        sparse = scipy.sparse.csr_array(np.where(values_of("f4", X.shape, seed) > 1.5, X, 0))
        result = fastkmeans.fit(sparse, k, **(settings | {"algorithm": "auto"}))
        return [result.centers, result.labels, result.predict(sparse), result.transform(sparse)]
    if kind == "weighted":
        settings["sample_weight"] = values_of("f8", len(X), seed) ** 2
    if kind == "cosine":
        settings["metric"] = "cosine"
    if kind != "small":
        settings["callback"] = lambda stats: None
    result = fastkmeans.fit(X, k, **settings)
    return [result.centers, result.labels, result.predict(X), result.transform(X), np.array(result.score(X))]


def cases(share):
    """(kind, way, layout, dtype, n, d, k, seed) of a share of the cases, spread over all sizes."""
    chance = random.Random(0)
    ways = itertools.cycle(("auto", *ASSIGNERS))
    for seed, way in zip(range(int(CASES * share)), ways, strict=False):
        n, k = chance.choice(ROWS), chance.choice(CLUSTERS)
        d = chance.choice([own for own in FEATURES if own <= ARRAY_COLUMNS.get(way, 1000)])
        yield (
            KINDS[seed // 7 % len(KINDS)],
            way,
            chance.choice(list(LAYOUTS)),
            chance.choice(DTYPES),
            n,
            d,
            min(n, k),
            seed,
        )


def run(share):
    """The line to print."""
    sides = ForbiddenPages(behind=True), ForbiddenPages(behind=False)
    count = refused = 0
    # Parts of one allocation lie side by side in real life; here each has its own forbidden page.
    slab.aligned_parts = lambda parts: [memory.aligned(size, kind) for kind, size in parts]
    for kind, way, layout, dtype, n, d, k, seed in cases(share):
        X = values_of(dtype, (n, d), seed)
        try:
            expected = work(kind, LAYOUTS[layout](X), k, way, seed)
        except ValueError as error:  # a way may be for some rows only; the estimators have none for a row too few
            assert kind in str(error) or "algorithm" in str(error) or "X" in str(error), error
            refused += 1
            continue
        print(f"{kind} {way} {layout} {dtype} n={n} d={d} k={k}", file=sys.stderr, flush=True)
        for pages in sides:
            with pages.used():
                own = np.array(X) if kind == "small" else LAYOUTS[layout](np.array(X))
                found = work(kind, own, k, way, seed)
            for one, other in zip(arrays_of(expected), arrays_of(found), strict=True):
                assert_same_bits(one, other)
            del own, found
        count += 1
    arrays = sum(pages.taken for pages in sides)
    return f"{count} cases, {refused} refused, {arrays:,} arrays"


if __name__ == "__main__":
    faulthandler.enable()
    warnings.simplefilter("ignore")
    print(run(float(sys.argv[1])))
