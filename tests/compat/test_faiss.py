"""Our Kmeans beside FAISS's: the same calls, and from the same centroids the same numbers."""

import importlib

import numpy as np
import pytest

import fastkmeans
from fastkmeans.compat import faiss as ours
from tests import naive
from tests.checks import assert_same_bits, run_python

D, K, NITER = 8, 10, 6
EVERYTHING = 10**6  # points a centroid: FAISS trains on 256 otherwise


@pytest.fixture
def theirs():
    pytest.importorskip("faiss")
    return importlib.import_module("faiss")


def rows(n=2000, seed=0):
    random = np.random.default_rng(seed)
    centers = random.normal(scale=4, size=(K, D))
    return (centers[np.arange(n) % K] + random.normal(size=(n, D))).astype(np.float32)


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def both(theirs, x, weights=None, init_centroids=None, **settings):
    """Kmeans of both, trained on all rows; and what train returned."""
    trained = []
    for module in (ours, theirs):
        kmeans = module.Kmeans(D, K, niter=NITER, max_points_per_centroid=EVERYTHING, **settings)
        trained.append((kmeans, kmeans.train(x, weights=weights, init_centroids=init_centroids)))
    return trained


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("spherical", [False, True])
@pytest.mark.parametrize("n_frozen", [0, K])
def test_the_same_from_the_same_centroids(theirs, weighted, spherical, n_frozen):
    x = rows()
    start = unit(x[:K]) if spherical else x[:K]
    weights = np.random.default_rng(1).random(len(x)).astype(np.float32) if weighted else None
    settings = {"weights": weights, "init_centroids": start, "spherical": spherical}
    (own, objective), (faiss, their_objective) = both(theirs, x, frozen_centroids=n_frozen > 0, **settings)
    np.testing.assert_allclose(own.centroids, faiss.centroids, rtol=1e-4, atol=1e-4)
    assert own.centroids.dtype == faiss.centroids.dtype
    if not weighted:  # FAISS's objective leaves weights out
        assert objective == pytest.approx(their_objective, rel=1e-5) == own.obj[-1]
        np.testing.assert_allclose(own.obj, faiss.obj[: len(own.obj)], rtol=1e-5)
    for found, expected in zip(own.assign(x), faiss.assign(x), strict=True):
        assert found.shape == expected.shape and found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_some_centroids_frozen(theirs):
    """The others begin at random rows, in both: what is frozen is where it was, and the objective is as good."""
    x = rows()
    (own, objective), (faiss, their_objective) = both(
        theirs, x, init_centroids=x[:4], frozen_centroids=True, nredo=5, seed=3
    )
    assert_same_bits(own.centroids[:4], x[:4])
    assert_same_bits(faiss.centroids[:4], x[:4])
    assert objective <= 1.02 * their_objective
    (free, _), _ = both(theirs, x, init_centroids=x[:4])
    assert not np.isclose(free.centroids[:4], x[:4]).all(axis=1).any()


@pytest.mark.parametrize("spherical", [False, True])
@pytest.mark.parametrize("m", [1, 4, K, K + 3])
def test_index_search(theirs, spherical, m):
    x = rows()
    (own, _), (faiss, _) = both(theirs, x, init_centroids=unit(x[:K]) if spherical else x[:K], spherical=spherical)
    assert (own.index.ntotal, own.index.d, own.index.is_trained) == (K, D, True)
    reference = type(faiss.index)(D)
    reference.add(own.centroids)
    distances, labels = own.index.search(x[:200], m)
    expected, their_labels = reference.search(x[:200], m)
    assert (distances.dtype, labels.dtype) == (np.float32, np.int64)
    assert np.array_equal(labels, their_labels)
    np.testing.assert_allclose(distances, expected, rtol=1e-4, atol=1e-4)


def test_the_same_records_of_iterations(theirs):
    x = rows()
    (own, _), (faiss, _) = both(theirs, x, init_centroids=x[:K])
    assert [list(stats) for stats in own.iteration_stats] == [list(faiss.iteration_stats[0])] * len(own.obj)
    assert [stats["obj"] for stats in own.iteration_stats] == own.obj.tolist()
    last, theirs_last = own.iteration_stats[-1], faiss.iteration_stats[-1]
    assert last["imbalance_factor"] == pytest.approx(theirs_last["imbalance_factor"], rel=1e-3)
    assert np.isnan(own.iteration_stats[0]["imbalance_factor"])
    times = [stats["time"] for stats in own.iteration_stats]
    assert times == sorted(times) and times[0] > 0
    assert (last["nsplit"], theirs_last["nsplit"]) == (0, 0)


# ---- without FAISS ----------------------------------------------------------------------------------------


def test_it_needs_no_faiss():
    code = """
import sys
sys.modules["faiss"] = None
import numpy as np
from fastkmeans.compat.faiss import Kmeans
print(Kmeans(1, 2).train(np.float32([[0], [1], [9]])))
"""
    assert run_python(code).strip() == "0.5"


def test_distances_are_squared_and_labels_nearest():
    x = rows()
    kmeans = ours.Kmeans(D, K, niter=3)
    objective = kmeans.train(x)
    distances, labels = kmeans.assign(x)
    assert np.array_equal(labels, naive.assign(x, kmeans.centroids))
    np.testing.assert_allclose(distances, naive.own_sq_dists(x, labels, kmeans.centroids), rtol=1e-5)
    assert distances.sum(dtype=float) <= objective == kmeans.obj[-1] and len(kmeans.obj) == 3


def test_spherical_sums_are_of_rows_not_of_their_directions():
    x, start = rows() * np.random.default_rng(0).uniform(0.1, 9, (2000, 1)).astype(np.float32), unit(rows()[:K])
    kmeans = ours.Kmeans(D, K, niter=1, spherical=True)
    objective = kmeans.train(x, init_centroids=start)
    products = x.astype(np.float64) @ start.T
    labels = products.argmax(axis=1)
    sums, _ = naive.cluster_sums(x, labels, np.ones(len(x)), K)
    np.testing.assert_allclose(kmeans.centroids, unit(sums), rtol=1e-5, atol=1e-5)
    assert objective == pytest.approx(products.max(axis=1).sum(), rel=1e-6)


def test_rows_are_drawn_only_where_that_is_asked_for():
    x, weights = rows(), np.arange(2000.0)
    assert len(_trained(x).result.labels) == 2000
    sampled = _trained(x, weights, max_points_per_centroid=50)
    assert len(sampled.result.labels) == 50 * K
    assert_same_bits(sampled.centroids, _trained(x, weights, max_points_per_centroid=50).centroids)
    assert not np.array_equal(sampled.centroids, _trained(x, weights, max_points_per_centroid=50, seed=2).centroids)


def _trained(x, weights=None, **settings):
    kmeans = ours.Kmeans(D, K, niter=2, **settings)
    kmeans.train(x, weights)
    return kmeans


def test_number_types_and_settings_between_trainings():
    x = rows()
    reference = _trained(x).centroids
    assert_same_bits(_trained(x.astype(np.float64)).centroids, reference)
    assert _trained((x * 9).astype(np.int8)).centroids.dtype == np.float32
    assert np.array_equal(np.rint(reference), _trained(x, int_centroids=True).centroids)
    kmeans = _trained(x, update_index=True, min_points_per_centroid=5)
    kmeans.cp.niter = 7
    kmeans.train(x)
    assert len(kmeans.obj) == 7
    kmeans.reset(3)
    assert kmeans.centroids is None and kmeans.index.ntotal == 0
    kmeans.train(x)
    assert kmeans.centroids.shape == (3, D)


def test_init_methods():
    for method, init in {None: "auto", 0: "random", 1: "k-means++", 2: "afk-mc2"}.items():
        expected = fastkmeans.fit(rows(), K, init=init, n_init=1, max_iter=2, tol=0, random_state=1234)
        assert_same_bits(_trained(rows(), init_method=method).centroids, expected.centers)


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"gpu": True}, ValueError, "gpu=True: fastkmeans runs on CPUs alone; leave gpu out, or use faiss.Kmeans"),
        ({"bogus": 1}, TypeError, "no parameter 'bogus'"),
        ({"progressive_dim_steps": 4}, TypeError, "use faiss.Kmeans"),
        ({"spherical": True, "int_centroids": True}, ValueError, "drop one"),
        ({"init_method": 7}, ValueError, "init_method=7 is unknown"),
        ({"niter": 0}, ValueError, "niter=0 must be at least 1"),
        ({"nredo": 1.5}, TypeError, "nredo must be an integer"),
    ],
)
def test_what_is_refused(settings, error, message):
    with pytest.raises(error, match=message):
        ours.Kmeans(D, K, **settings).train(rows())


def test_calls_that_are_refused():
    with pytest.raises(ValueError, match="not trained"):
        ours.Kmeans(D, K).assign(rows())
    with pytest.raises(ValueError, match="x has 8 columns, but this Kmeans was made for d=7"):
        ours.Kmeans(7, K).train(rows())
    for frozen in (False, True):
        kmeans = ours.Kmeans(D, K, frozen_centroids=frozen)
        with pytest.raises(ValueError, match="init_centroids has 3 columns"):
            kmeans.train(rows(), init_centroids=rows()[:K, :3])
        with pytest.raises(ValueError, match="init_centroids has 11 rows, but k=10"):
            kmeans.train(rows(), init_centroids=rows()[: K + 1])
    with pytest.raises(ValueError, match="at most 5 clusters"):
        ours.Kmeans(D, K).train(rows()[:5])
    distances, labels = ours.CentroidIndex(D).search(rows()[:2], 3)
    assert (labels == -1).all() and (distances == np.finfo(np.float32).max).all()
