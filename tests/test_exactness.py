"""Labels equal brute force by the definition of nearest, on real data and where float32 scores cancel."""

import numpy as np
import pytest

import fastkmeans
from fastkmeans.engine import machine
from fastkmeans.engine.planner import ASSIGNERS
from fastkmeans.kernels.packing import SHAPES
from tests import naive
from tests.checks import assert_labels_by_definition, assert_same_bits

BRUTE_FORCE = 3e8  # squared differences of one check, about a second
WAYS = [name for name in ASSIGNERS if name != "dense"]


def check_fit(X, k, *, n_rows=20_000, metric="euclidean", **options):
    """Fit a subsample of X and compare its labels with brute force, on as many rows as that is quick for."""
    X = X[:: max(1, len(X) // n_rows)]
    if metric == "cosine":
        X = X[X.any(axis=1)]
    k = min(k, len(X))
    result = fastkmeans.fit(X, k, metric=metric, init="random", n_init=1, random_state=0, max_iter=4, **options)
    at_most = int(BRUTE_FORCE / (k * X.shape[1]))
    assert_labels_by_definition(X, result.centers, result.labels, metric, at_most=at_most)
    return X, result


@pytest.mark.parametrize("k", [10, 100, 1000])
def test_data_sets(data_set, k):
    X, result = check_fit(data_set, k)
    assert_same_bits(result.labels, result.predict(X))


def test_data_sets_cosine(data_set):
    k = 50 if data_set.shape[1] > 1 else 1  # one column has one or two unit rows
    check_fit(data_set, k, n_rows=5000, metric="cosine")


@pytest.mark.parametrize("way", WAYS)
def test_data_sets_by_every_way(data_set, way):
    check_fit(data_set, 100, algorithm=way)


# ---- where scores cancel ----------------------------------------------------------------------------------


def two_far_groups(d, seed=0):
    """Groups at +-1e4, each of eight sub-clusters a few units apart: centring on the mean does not help."""
    random = np.random.default_rng(seed)
    centers = np.repeat([[-1e4], [1e4]], 8, axis=0) + random.normal(scale=4, size=(16, d))
    return (np.repeat(centers, 125, axis=0) + random.normal(size=(2000, d))).astype(np.float32)


def offset_blobs(offset, d, scale=1.0, dtype=np.float32, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(scale=5, size=(10, d))[random.integers(10, size=1500)] + random.normal(size=(1500, d))
    return (X * scale + offset).astype(dtype)


def grid(levels, d, n=3000, dtype=np.float32):
    return np.random.default_rng(0).integers(0, levels, (n, d)).astype(dtype)


HARD = {
    "two far groups, 2 columns": two_far_groups(2),
    "two far groups, 8 columns": two_far_groups(8),
    "two far groups, 30 columns": two_far_groups(30),
    "offset 1e6 in float32": offset_blobs(1e6, 5),
    "offset 1e6, tenths": offset_blobs(1e6, 3, scale=0.1),
    "offset 1e8 in float64, 1e-6 apart": offset_blobs(1e8, 4, scale=1e-6, dtype=np.float64),
    "one column of 1e9 beside small ones": offset_blobs([1e9, 0, 0, 0], 4, dtype=np.float64),
    "one far row": np.vstack([offset_blobs(0, 4), np.full((1, 4), 1e15, np.float32)]),
    "one far row in float64": np.vstack([offset_blobs(0, 4, dtype=np.float64), np.full((1, 4), 1e140)]),
    "grid of 3 levels": grid(3, 2),
    "grid of 5 levels, float64": grid(5, 3, dtype=np.float64),
    "bits": grid(2, 12, dtype=bool),
    "bytes": grid(256, 3, dtype=np.uint8),
    "duplicates": np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)[np.arange(2000) % 40],
    "denormals of float32": (offset_blobs(0, 3) * np.float32(1e-41)).astype(np.float32),
    "small numbers of float32": (offset_blobs(0, 3) * np.float32(1e-25)).astype(np.float32),
    "small numbers of float64": offset_blobs(0, 3, dtype=np.float64) * 1e-155,
    "large numbers of float32": (offset_blobs(0, 3) * np.float32(1e16)).astype(np.float32),
    "magnitudes from 1e-12 to 1e12": (offset_blobs(0, 5) * 10.0 ** (np.arange(5) * 6 - 12)).astype(np.float32),
    "rows of magnitudes from 1e-12 to 1e12": (offset_blobs(0, 4) * 10.0 ** (np.arange(1500)[:, None] % 25 - 12)).astype(
        np.float32
    ),
    "half precision": offset_blobs(0, 4).astype(np.float16),
    "wide integers": 2**53 + grid(50, 3, dtype=np.int64),
    "unsigned beyond int64": 2**63 + np.uint64(2**11) * grid(50, 3, dtype=np.uint64),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("k", [2, 16, 100])
def test_hard_data(name, k):
    X = HARD[name]
    k = min(k, len(np.unique(X, axis=0)))
    result = fastkmeans.fit(X, k, init="random", n_init=1, random_state=k, max_iter=5)
    assert_labels_by_definition(X, result.centers, result.labels)
    assert_same_bits(result.labels, result.predict(X))


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("way", WAYS)
def test_hard_data_by_every_way(name, way):
    X = HARD[name]
    k = min(40, len(np.unique(X, axis=0)))
    result = fastkmeans.fit(X, k, init="random", n_init=1, random_state=k, max_iter=7, algorithm=way)
    assert_labels_by_definition(X, result.centers, result.labels)


@pytest.mark.parametrize("name", HARD)
def test_predict_with_rows_as_centers_on_hard_data(name):
    """Rows as centers give exact ties on grids and duplicates, and centers that no fit has smoothed."""
    X = HARD[name]
    centers = X[::23].astype(np.float32 if X.dtype.itemsize <= 4 and X.dtype.kind != "i" else np.float64)
    assert_labels_by_definition(X, centers, fastkmeans.predict(X, centers))


@pytest.mark.filterwarnings("ignore::fastkmeans.TooFewDistinctRows")
def test_squares_that_underflow():
    """By the definition every distance is 0 then, and the first center is the nearest."""
    X = offset_blobs(0, 3, dtype=np.float64) * 1e-170
    result = fastkmeans.fit(X, 5, init="random", n_init=1, random_state=0)
    assert_labels_by_definition(X, result.centers, result.labels)


def test_the_hard_cases_are_hard():
    """A plain float32 sweep gets many rows of the far groups wrong: else the tests above would show little."""
    X = two_far_groups(8)
    centers = X[::125]
    scores = X @ centers.T - 0.5 * (centers * centers).sum(axis=1)
    assert (scores.argmax(axis=1) != naive.assign(X, centers)).mean() > 0.1


def test_the_lowest_index_wins_a_tie():
    X = np.float32([[0.5], [1.5], [2.5]])
    assert fastkmeans.predict(X, np.float32([[2], [1], [1], [0], [2], [3]])).tolist() == [1, 0, 0]
    centers = np.repeat(np.float32([[7, 7], [1, 2]]), 50, axis=0)
    assert set(fastkmeans.predict(np.float32([[1, 2], [8, 8]]), centers).tolist()) == {50, 0}


def test_equal_centers_far_from_zero():
    X = offset_blobs(1e6, 3)
    centers = np.repeat(X[:12], 3, axis=0)
    labels = fastkmeans.predict(X, centers)
    assert_labels_by_definition(X, centers, labels)
    assert (labels % 3 == 0).all()


# ---- every vector set -------------------------------------------------------------------------------------


@pytest.mark.parametrize("vectors", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [3, 60])
def test_every_vector_set_gives_the_same_labels(vectors, dtype, d, monkeypatch):
    monkeypatch.setenv(machine.FORCE_VARIABLE, vectors)
    assert machine.vector_set() == vectors
    for X in (two_far_groups(d), grid(3, d, 500), offset_blobs(0, d)[:333]):
        X = X.astype(dtype)
        for k in (1, 9, 130):
            centers = X[np.arange(k) * len(X) // k]
            assert_labels_by_definition(X, centers, fastkmeans.predict(X, centers))
