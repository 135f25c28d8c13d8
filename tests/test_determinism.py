"""The same bits for any number of threads, any schedule of them, and both drivers."""

import numpy as np
import pytest

import fastkmeans
from fastkmeans.engine import small, threads
from tests.checks import assert_same_bits, assert_same_result

CASES = {
    # name: (rows, columns, clusters, dtype, weighted, metric); rows are ragged, prime or just past a cut
    "tiny": (5, 2, 3, "f4", False, "euclidean"),
    "one column": (70_001, 1, 7, "f8", False, "euclidean"),
    "few columns": (524_309, 2, 8, "f4", False, "euclidean"),
    "bytes": (50_021, 3, 64, "u1", False, "euclidean"),
    "weighted": (40_009, 6, 33, "f4", True, "euclidean"),
    "cosine": (20_011, 12, 50, "f4", True, "cosine"),
    "cosine f8": (9_001, 10, 40, "f8", False, "cosine"),
    "many clusters": (12_007, 16, 501, "f4", False, "euclidean"),
    "wide": (6_007, 70, 100, "f4", True, "euclidean"),
}


def problem(name):
    n, d, k, dtype, weighted, metric = CASES[name]
    random = np.random.default_rng(n)
    X = random.normal(size=(n, d)) * 20 + random.integers(0, 8, (n, 1)) * 11
    X = np.clip(np.abs(X), 0, 255).astype(dtype) + np.dtype(dtype).type(metric == "cosine")
    options = {"metric": metric, "sample_weight": random.random(n) if weighted else None, "max_iter": 6}
    return X, k, options | {"random_state": 2, "init": "k-means++" if n * k < 4e6 else "random", "n_init": 1}


@pytest.fixture
def many_slabs(monkeypatch):
    """Small slabs, all of them given to threads: as a thousand times more rows would be."""
    monkeypatch.setattr(threads, "SLAB_SECONDS", (2e-6, 2e-5))
    monkeypatch.setattr(threads, "SERIAL_SECONDS", 0.0)


@pytest.mark.parametrize("name", CASES)
def test_thread_counts_give_equal_bits(name, many_slabs):
    check_thread_counts(name)


@pytest.mark.parametrize("name", ["bytes", "weighted", "cosine", "many clusters", "wide"])
@pytest.mark.parametrize("way", ["bounds", "screened", "boxes"])
def test_every_way_gives_equal_bits(name, way, many_slabs):
    check_thread_counts(name, algorithm=way)


@pytest.mark.parametrize("name", ["few columns", "many clusters"])
def test_thread_counts_give_equal_bits_in_slabs_of_the_usual_size(name):
    check_thread_counts(name)


def check_thread_counts(name, **more):
    X, k, options = problem(name)
    options |= more
    serial = fastkmeans.fit(X, k, n_threads=1, **options)
    assert serial.n_iter > 1
    for n_threads in (2, 3, 7):
        assert_same_result(serial, fastkmeans.fit(X, k, n_threads=n_threads, **options))
        assert_same_bits(serial.labels, serial.predict(X, n_threads=n_threads))
        assert serial.score(X, n_threads=n_threads) == serial.score(X, n_threads=1)


@pytest.mark.parametrize("name", ["weighted", "cosine", "bytes"])
def test_seeding_and_transform_give_equal_bits(name, n_threads, many_slabs):
    X, k, options = problem(name)
    shared = {"metric": options["metric"]}
    seeding = shared | {"sample_weight": options["sample_weight"], "random_state": 9}
    serial = fastkmeans.kmeans_plusplus(X, k, n_threads=1, **seeding)
    assert_same_bits(serial[1], fastkmeans.kmeans_plusplus(X, k, n_threads=n_threads, **seeding)[1])
    one = fastkmeans.transform(X, serial[0], n_threads=1, **shared)
    assert_same_bits(one, fastkmeans.transform(X, serial[0], n_threads=n_threads, **shared))


def slabs_and_threads(name, monkeypatch):
    """Of the pass with the most slabs of a fit on seven threads."""
    seen = []
    run = threads.run
    monkeypatch.setattr(threads, "run", lambda n, body, count: seen.append((n, count)) or run(n, body, count))
    X, k, options = problem(name)
    fastkmeans.fit(X, k, n_threads=7, **options)
    return max(seen)


def test_the_cases_use_several_slabs_and_threads(many_slabs, monkeypatch):
    """Else the tests above would show nothing."""
    slabs, count = slabs_and_threads("weighted", monkeypatch)
    assert slabs > 20 and count == 7


@pytest.mark.parametrize("name", ["few columns", "many clusters"])
def test_large_cases_use_several_slabs_and_threads(name, monkeypatch):
    slabs, count = slabs_and_threads(name, monkeypatch)
    assert slabs > 2 and count == 7


@pytest.mark.parametrize("init", ["k-means++", "random", "k-means||"])
def test_restarts_side_by_side_have_the_bits_of_one_after_the_other(init):
    X = np.random.default_rng(0).normal(size=(900, 3))
    options = {"init": init, "n_init": 7, "random_state": 4}
    serial = fastkmeans.fit(X, 8, n_threads=1, **options)
    for n_threads in (2, 7):
        assert_same_result(serial, fastkmeans.fit(X, 8, n_threads=n_threads, **options))
    restarts = []
    watched = fastkmeans.fit(X, 8, callback=lambda stats: restarts.append(stats.restart), **options)
    assert_same_result(serial, watched)  # one after the other, in one array of labels
    assert set(restarts) == set(range(7))


# ---- two drivers ------------------------------------------------------------------------------------------

SMALL = [(1, 1, 1), (17, 1, 3), (100, 2, 5), (1000, 3, 8), (500, 8, 20), (3000, 2, 10), (150, 60, 5)]


@pytest.mark.parametrize("n, d, k", SMALL)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_compiled_driver_has_the_bits_of_the_python_one(n, d, k, metric, weighted, monkeypatch):
    if metric == "cosine" and d == 1:
        k = 1  # one column has one or two unit rows
    random = np.random.default_rng(n + d)
    calls = []
    compiled = small.small_fit
    monkeypatch.setattr(small, "small_fit", lambda *arguments: calls.append(0) or compiled(*arguments))
    for dtype in (np.float32, np.float64):
        X = (random.normal(size=(n, d)) + 3).astype(dtype)
        weights = random.integers(0, 3, n) + (np.arange(n) == 0) if weighted else None
        for tol in (0.0, 1e-2):
            options = {"metric": metric, "sample_weight": weights, "tol": tol, "init": np.arange(k), "max_iter": 40}
            calls.clear()
            one = fastkmeans.fit(X, k, **options)
            assert calls, "the compiled driver was not used"
            calls.clear()
            other = fastkmeans.fit(X, k, callback=lambda stats: None, **options)
            assert not calls
            assert_same_result(one, other)


def test_the_drivers_agree_with_several_slabs(monkeypatch):
    monkeypatch.setattr(threads, "SLAB_SECONDS", (1e-6, 1e-5))
    for n in (37, 1001, 2003, 4099):
        X = np.random.default_rng(n).normal(size=(n, 3))  # float64, whose sums depend on their order
        assert len(threads.slab_cuts(n, 3, 1e-8)) > 1
        options = {"init": np.arange(6), "tol": 0}
        python = fastkmeans.fit(X, 6, callback=lambda stats: None, **options)
        assert_same_result(fastkmeans.fit(X, 6, **options), python)


def test_the_drivers_agree_when_clusters_run_empty():
    X = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    far = np.vstack([X[:3], np.full((3, 2), 1e5, np.float32) * np.arange(1, 4, dtype=np.float32)[:, None]])
    python = fastkmeans.fit(X, 6, init=far, callback=lambda stats: None)
    assert python.history[0].n_relocated > 0
    assert_same_result(fastkmeans.fit(X, 6, init=far), python)


def test_pieces_of_a_compiled_fit_join_without_a_seam(monkeypatch):
    X = np.random.default_rng(1).normal(size=(600, 2))
    options = {"init": np.arange(9), "tol": 0}
    expected = fastkmeans.fit(X, 9, **options)
    monkeypatch.setattr(small, "PIECE_SECONDS", 0.0)  # one iteration a call
    assert expected.n_iter > 5
    assert_same_result(expected, fastkmeans.fit(X, 9, **options))
