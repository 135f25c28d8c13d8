"""Compiles what fits, predictions and distances need, so that no later process waits for it."""

import os
import time
from pathlib import Path


def count_kernels():
    """How many compiled kernels the cache folder holds; 0 without one."""
    from fastkmeans.kernels.cache import cache_folder

    folder = cache_folder()
    return sum(1 for _ in Path(folder).glob("*.nbk")) if folder else 0


def why_no_cache():
    """Why compiled kernels cannot be kept, in one clause."""
    from fastkmeans.kernels.cache import user_folder

    folder = user_folder()
    if not os.path.isdir(folder):
        return f"{folder} cannot be made"
    return f"{folder} belongs to another user, or others may write to it"


def let_others_read(folder):
    """Open a cache folder, which is private at first, to readers: who owns it stays the only one to write."""
    for path in (Path(folder), *Path(folder).glob("*.nbk")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def compile_all():
    """Run every kind of fit and question on a few rows; return (new kernels, seconds, cache folder)."""
    import numpy as np

    from fastkmeans import api
    from fastkmeans.engine.machine import vector_set
    from fastkmeans.engine.moments import SMALL_VALUES
    from fastkmeans.kernels.cache import cache_folder
    from fastkmeans.kernels.packing import SHAPES
    from fastkmeans.silhouette import silhouette_samples
    from fastkmeans.variants.many import fit_many

    folder = cache_folder()
    if folder is None:
        raise OSError(f"compiled kernels cannot be kept: {why_no_cache()}")
    before, began = count_kernels(), time.perf_counter()
    random = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        for n_features in (2, SHAPES[vector_set()][2]):
            X = random.normal(size=(SMALL_VALUES // n_features + 600, n_features)).astype(dtype)
            X[300:] = X[0]  # ties, which are settled, and starts that leave clusters empty, which are relocated
            for metric in ("euclidean", "cosine"):
                settings = {"metric": metric, "sample_weight": random.random(len(X)), "random_state": 0}
                result = api.fit(X, 8, **settings)
                api.fit(X, 8, callback=lambda stats: None, **settings)  # watched fits take the driver of large ones
                api.fit(X, 8, init=np.arange(300, 308), **settings)
                api.fit(X, 8, init=np.arange(300, 308), callback=lambda stats: None, **settings)
                result.predict(X)
                result.transform(X)
                result.score(X)
                silhouette_samples(X, result.labels, metric=metric)
            fit_many(X[:40].reshape(2, 20, -1), 2, random_state=0)
            _sum_in_label_order(X)
            _seed_in_passes(X)
        _skip_what_cannot_win(dtype)
    return count_kernels() - before, time.perf_counter() - began, folder


def _sum_in_label_order(X):
    """Compile what only fits with very many or wide centers reach."""
    import numpy as np

    from fastkmeans.engine.assigners import Dense, Sums
    from fastkmeans.engine.label_order import follow_in_label_order, reduce_in_label_order
    from fastkmeans.sources.blocks import ArrayRows

    source = ArrayRows(X)
    way = Dense(source.dtype, source.d, np.zeros(source.d, source.dtype), False).prepare(X[:2].copy())
    labels, sums = source.new_row_state(np.int32), Sums(np.empty(0), np.empty(0))
    reduce_in_label_order(source, way, labels, sums)
    follow_in_label_order(source, way, labels, labels + np.int32(1), sums)


def _skip_what_cannot_win(dtype):
    """Compile the ways of large fits: bounds, in bytes and not, and boxes."""
    import numpy as np

    from fastkmeans.engine.bounds import Bounded
    from fastkmeans.engine.boxes import Boxes
    from fastkmeans.engine.groups import screens
    from fastkmeans.sources.blocks import ArrayRows

    X = np.random.default_rng(0).normal(size=(600, 64)).astype(dtype)
    for kind, rows, in_bytes in ((Bounded, X, False), (Bounded, X, screens(64)), (Boxes, X[:, :2].copy(), None)):
        source = ArrayRows(rows)
        way = kind.for_source(source, np.zeros(source.d, source.dtype))
        way.screening = in_bytes
        way.watch(source, 40)
        way.prepare(source.take(np.arange(40)))
        labels = source.new_row_state(np.int32)
        way.reduce(source, way.sums_pass(), labels)
        way.give_labels(labels)
        way.own_inertia(source, labels)
        way.farthest(source, labels, 1)


def _seed_in_passes(X):
    """Compile what seeding large data reaches: steps as passes, labels of both sizes, and the other seedings."""
    import numpy as np

    from fastkmeans import api
    from fastkmeans.engine.plus_plus import Seeding
    from fastkmeans.sources.blocks import ArrayRows

    weights = np.ones(len(X))
    for k in (2, 257):
        for source in (ArrayRows(X), ArrayRows(X, weights)):
            seeding = Seeding(source, k, 2, 0, np.random.default_rng(0).random((k, 2)))
            for _ in range(2):
                seeding.step()
        api.kmeans_plusplus(X, k, random_state=0)
    for init in ("k-means||", "afk-mc2"):
        api.fit(X, 2, init=init, random_state=0)
