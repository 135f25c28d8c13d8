"""The nearest few centers: the order of the definition, on hard data, for every kind of rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastkmeans
from fastkmeans.engine import machine, threads
from fastkmeans.kernels import nearest as kernel
from fastkmeans.kernels.packing import SHAPES
from tests import naive, strategies
from tests.checks import assert_same_bits
from tests.test_exactness import HARD

METRICS = ("euclidean", "cosine")


def by_definition(X, centers, n_nearest):
    """(indices, distances) by sorting all squared distances, the lower index first on a tie."""
    sq_dists = naive.sq_dists(X, centers)
    order = np.argsort(sq_dists, axis=1, kind="stable")[:, :n_nearest]
    return order, np.sqrt(np.take_along_axis(sq_dists, order, axis=1))


def check(X, centers, n_nearest, metric="euclidean", **options):
    """Ask, and compare with the definition; `centers` are in the computing type, of length 1 for cosine."""
    indices, distances = fastkmeans.nearest_centers(X, centers, n_nearest, metric=metric, **options)
    assert indices.dtype == np.int32 and distances.dtype == centers.dtype
    rows = naive.unit_rows(X, centers.dtype) if metric == "cosine" else X
    expected, own = by_definition(rows, centers, n_nearest)
    assert np.array_equal(indices, expected)
    info = np.finfo(distances.dtype)
    np.testing.assert_allclose(distances, own, rtol=4 * info.eps, atol=float(info.smallest_subnormal))
    return indices, distances


def computing(centers, X):
    return np.asarray(centers).astype(fastkmeans.fit(X[:1], 1).centers.dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n, d, k", [(1, 1, 1), (70, 1, 9), (301, 5, 40), (130, 64, 300), (33, 17, 64), (20, 130, 7)])
@pytest.mark.parametrize("share", [0, 0.02, 0.3, 1])
def test_shapes(dtype, n, d, k, share):
    random = np.random.default_rng(n)
    X, centers = random.normal(size=(n, d)).astype(dtype), random.normal(size=(k, d)).astype(dtype)
    indices, _ = check(X, centers, max(1, int(share * k)))
    assert np.array_equal(indices[:, 0], fastkmeans.predict(X, centers))


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("n_nearest", [1, 3, 20])
def test_hard_data(name, n_nearest):
    """Rows as centers give exact ties on grids and duplicates."""
    X = HARD[name]
    centers = computing(X[::23], X)
    check(X[::3], centers, min(n_nearest, len(centers)))


@pytest.mark.parametrize("vectors", SHAPES)
@pytest.mark.parametrize("metric", METRICS)
def test_every_vector_set(vectors, metric, monkeypatch):
    monkeypatch.setenv(machine.FORCE_VARIABLE, vectors)
    X = HARD["two far groups, 8 columns"]
    centers = naive.unit_rows(X[::19], X.dtype) if metric == "cosine" else X[::19]
    check(X[::5], centers, 4, metric)


@given(strategies.points_and_k(dtypes=strategies.DTYPES[:-1]), strategies.layouts(), st.data())
def test_any_rows(problem, layout, data):
    X, k = problem
    centers = computing(X[np.arange(k) * 7 % len(X)], X)
    check(layout(X), centers, data.draw(st.integers(1, k)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_nearest", [5, 200])
def test_rounding_of_the_definition_decides(dtype, n_nearest):
    """The same squares in other orders: as near in truth, and sums in vectors put them in another order."""
    random = np.random.default_rng(0)
    values = random.normal(size=37).astype(dtype)
    centers = np.array([random.permutation(values) for _ in range(200)])
    check(np.zeros((5, 37), dtype), centers, n_nearest)


def test_one_far_center_puts_no_others_in_doubt():
    random = np.random.default_rng(0)
    X, centers = random.normal(size=(200, 8)).astype(np.float32), random.normal(size=(500, 8)).astype(np.float32)
    centers[77] = 1e6
    check(X, centers, 5)


def test_the_pairs_of_a_row_may_fill_the_room():
    """More candidates than are measured at once: rows are finished in several turns."""
    k = 700
    assert 64 * k > 4 * kernel.PAIRS_AT_ONCE
    X = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    check(X, np.random.default_rng(1).normal(size=(k, 2)).astype(np.float32), k)


@pytest.mark.parametrize("metric", METRICS)
def test_it_agrees_with_transform_and_scikit_learn(metric):
    neighbors = pytest.importorskip("sklearn.neighbors")
    random = np.random.default_rng(0)
    X, centers = random.normal(size=(500, 12)), random.normal(size=(60, 12))
    indices, distances = fastkmeans.nearest_centers(X, centers, 7, metric=metric)
    everything = fastkmeans.transform(X, centers, metric=metric)
    np.testing.assert_allclose(distances, np.sort(everything, axis=1)[:, :7], rtol=1e-12)
    theirs = neighbors.NearestNeighbors(n_neighbors=7, metric=metric).fit(centers)
    assert np.array_equal(indices, theirs.kneighbors(X, return_distance=False))


@pytest.mark.parametrize("metric", METRICS)
def test_sparse_rows(metric):
    sparse = pytest.importorskip("scipy.sparse")
    random = np.random.default_rng(0)
    X, centers = random.normal(size=(300, 40)), random.normal(size=(50, 40))
    X[np.abs(X) < 1] = 0
    X[:, 0] += 2.5
    dense = fastkmeans.nearest_centers(X, centers, 6, metric=metric)
    for own, expected in zip(
        fastkmeans.nearest_centers(sparse.csr_array(X), centers, 6, metric=metric), dense, strict=True
    ):
        assert_same_bits(own, expected)


def test_files_and_the_method_of_results(tmp_path, monkeypatch):
    X = np.random.default_rng(0).normal(size=(5000, 6)).astype(np.float32)
    np.save(tmp_path / "rows.npy", X)
    result = fastkmeans.fit(X, 30, random_state=0)
    expected = fastkmeans.nearest_centers(X, result.centers, 4)
    monkeypatch.setattr("fastkmeans.validation.rows.default_budget", lambda: 1 << 16)  # the file is larger
    for found in (result.nearest(X, 4), result.nearest(tmp_path / "rows.npy", 4)):
        assert all(map(np.array_equal, found, expected))
    assert np.array_equal(expected[0][:, 0], result.labels)


def test_thread_counts_give_equal_bits(monkeypatch):
    monkeypatch.setattr(threads, "SLAB_SECONDS", (2e-6, 2e-5))
    monkeypatch.setattr(threads, "SERIAL_SECONDS", 0.0)
    X = HARD["grid of 5 levels, float64"]
    found = [fastkmeans.nearest_centers(X, X[::41], 9, n_threads=n_threads) for n_threads in (1, 2, 5)]
    for other in found[1:]:
        assert_same_bits(other[0], found[0][0])
        assert_same_bits(other[1], found[0][1])


def test_what_is_refused():
    X = np.zeros((4, 2))
    with pytest.raises(ValueError, match="n_nearest=5, but there are 4 centers; ask for at most 4"):
        fastkmeans.nearest_centers(X, X, 5)
    with pytest.raises(ValueError, match="n_nearest=0 must be at least 1"):
        fastkmeans.nearest_centers(X, X, 0)
    with pytest.raises(TypeError, match="n_nearest must be an integer"):
        fastkmeans.nearest_centers(X, X, 1.5)
    with pytest.raises(ValueError, match="NaN"):
        fastkmeans.nearest_centers(X * np.nan, X, 1)
    with pytest.raises(ValueError, match="columns"):
        fastkmeans.nearest_centers(X, np.zeros((4, 3)), 1)
    array = pytest.importorskip("dask.array")
    with pytest.raises(TypeError, match="call it for each block"):
        fastkmeans.nearest_centers(array.zeros((4, 2)), X, 1)
