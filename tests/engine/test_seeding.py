"""Seeding: distances and potentials against NumPy, chances, weights, and the quality of scikit-learn's."""

from functools import partial

import numpy as np
import pytest

import fastkmeans
from fastkmeans.engine import plus_plus, threads
from fastkmeans.engine.plus_plus import n_local_trials
from fastkmeans.engine.seeding import SEEDINGS
from fastkmeans.sources.blocks import ArrayRows
from tests import naive
from tests.checks import assert_same_bits, assert_same_result
from tests.engine.rows import blobs


def potential(X, centers, weights=None):
    return naive.inertia(X, naive.assign(X, centers), centers, weights)


# ---- state ------------------------------------------------------------------------------------------------

DRIVERS = {"compiled": 1e9, "passes": -1.0}  # SERIAL_SECONDS


def seeding_of(source, k, n_trials=5, seed=0):
    uniforms = np.random.default_rng(seed).random((k, n_trials))
    return plus_plus.Seeding(source, k, n_trials, source.sample(1, seed)[0], uniforms)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n, d", [(1, 1), (33, 1), (100, 3), (1501, 9), (700, 40)])
@pytest.mark.parametrize("weighted", [False, True])
def test_state_against_numpy(n, d, dtype, weighted, driver, monkeypatch):
    monkeypatch.setattr(threads, "SLAB_SECONDS", (1e-7, 1e-6))
    monkeypatch.setattr(threads, "SERIAL_SECONDS", DRIVERS[driver])
    X = blobs(n, d, dtype=dtype) + dtype(1000)
    weights = np.random.default_rng(0).random(n) * (np.arange(n) % 3 > 0) + (n == 1) if weighted else None
    source = ArrayRows(X, weights, n_threads=2)
    own = np.ones(n) if weights is None else weights
    seeding, k = seeding_of(source, min(n, 20), 11), min(n, 20)
    rel = 1e-5 if dtype == np.float32 else 1e-12
    while seeding.done < k and seeding.advance(1):
        sq_dists = naive.sq_dists(X, X[seeding.chosen[: seeding.done]])
        expected = sq_dists.min(axis=1)
        # A tile whose rows weigh nothing has nothing to gain and is left as it is.
        of_weight = own > 0
        np.testing.assert_allclose(seeding.closest[of_weight], expected[of_weight], rtol=rel, atol=rel**2)
        told = sq_dists[np.arange(n), seeding.labels]
        np.testing.assert_allclose(told[of_weight], expected[of_weight], rtol=rel, atol=rel**2)
        assert seeding.potential() == pytest.approx(own @ expected, rel=rel)
        assert_same_bits(seeding.centers[: seeding.done], X[seeding.chosen[: seeding.done]])
    assert seeding.done == min(k, (own > 0).sum())


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("n, d, k", [(5000, 2, 60), (3001, 5, 200), (1500, 30, 100), (900, 3, 300)])
@pytest.mark.parametrize("stored", ["f4", "f8", "u1", "f2"])
def test_rows_that_are_skipped_change_no_bit(n, d, k, stored, driver, monkeypatch):
    monkeypatch.setattr(threads, "SERIAL_SECONDS", DRIVERS[driver])
    X = (blobs(n, d, 40) * 3 + 100).astype(stored)
    weights = np.random.default_rng(0).random(n)
    for metric in ("euclidean", "cosine"):
        options = {"sample_weight": weights, "random_state": 1, "metric": metric}
        skipping = fastkmeans.kmeans_plusplus(X, k, **options)[1]
        with monkeypatch.context() as patch:
            patch.setattr(plus_plus, "skip_margins", lambda dtype, d: (0.0, 1.0))  # limits of -1: all are measured
            assert_same_bits(skipping, fastkmeans.kmeans_plusplus(X, k, **options)[1])


def test_most_rows_of_separate_groups_are_skipped():
    source = ArrayRows(blobs(20_000, 2, 100, dtype=np.float32))
    seeding = seeding_of(source, 300)
    while seeding.done < 300:
        seeding.advance(300)
    assert seeding.measured < 0.2 * source.n


@pytest.mark.parametrize("n, d, k", [(5000, 2, 60), (4001, 20, 50)])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_drivers_have_equal_bits(n, d, k, weighted, monkeypatch):
    X = blobs(n, d, 30, dtype=np.float32)
    options = {"sample_weight": np.random.default_rng(0).random(n) if weighted else None, "random_state": 3}
    monkeypatch.setattr(threads, "SLAB_SECONDS", (1e-6, 1e-5))
    chosen = []
    for serial_seconds in DRIVERS.values():
        monkeypatch.setattr(threads, "SERIAL_SECONDS", serial_seconds)
        chosen.append(fastkmeans.kmeans_plusplus(X, k, **options)[1])
    assert_same_bits(*chosen)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distances_that_are_not_kept_are_computed_again(weighted, dtype, driver, monkeypatch):
    """Memory, not the result, depends on whether there is room for the distances to the trials."""
    monkeypatch.setattr(threads, "SERIAL_SECONDS", DRIVERS[driver])
    X = blobs(3001, 20, dtype=dtype)
    weights = np.random.default_rng(0).random(len(X)) if weighted else None
    options = {"sample_weight": weights, "random_state": 1}
    kept = fastkmeans.kmeans_plusplus(X, 30, **options)[1]
    monkeypatch.setattr(plus_plus, "KEPT_BYTES", 0)
    assert_same_bits(kept, fastkmeans.kmeans_plusplus(X, 30, **options)[1])


def test_many_trials():
    X = blobs(500, 3)
    assert len(set(fastkmeans.kmeans_plusplus(X, 20, n_local_trials=37, random_state=0)[1].tolist())) == 20


# ---- draws ------------------------------------------------------------------------------------------------


@pytest.fixture(params=["NumPy", "kernels"])
def either_way(request, monkeypatch):
    """Few values are seeded by NumPy; here also by the kernels of many."""
    if request.param == "kernels":
        monkeypatch.setattr(plus_plus, "SMALL_CLUSTERS", 0)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_ways_choose_the_same_rows(weighted, dtype, monkeypatch):
    X = blobs(900, 4, 30, dtype=dtype)
    weights = np.random.default_rng(0).random(900) * (np.arange(900) % 4 > 0) if weighted else None
    for seed in range(10):
        options = {"sample_weight": weights, "random_state": seed}
        few = fastkmeans.kmeans_plusplus(X, 25, **options)[1]
        with monkeypatch.context() as patch:
            patch.setattr(plus_plus, "SMALL_CLUSTERS", 0)
            assert_same_bits(few, fastkmeans.kmeans_plusplus(X, 25, **options)[1])


def chances_of_the_second_center(X, weights=None, draws=4000, **options):
    """How often each row came second after row 0, and how often it should: by weighted squared distance."""
    counts, starts = np.zeros(len(X)), 0
    for seed in range(draws):
        _, rows = fastkmeans.kmeans_plusplus(X, 2, random_state=seed, sample_weight=weights, **options)
        if rows[0] == 0:
            starts += 1
            counts[rows[1]] += 1
    own = (1 if weights is None else weights) * naive.sq_dists(X, X[:1])[:, 0]
    return counts / starts, own / own.sum(), starts


@pytest.mark.parametrize("weighted", [False, True])
def test_rows_are_drawn_by_weighted_squared_distance(weighted, either_way):
    X = np.array([[0.0], [1], [2], [4], [7]])
    weights = np.array([3.0, 1, 4, 2, 0.5]) if weighted else None
    found, expected, starts = chances_of_the_second_center(X, weights, n_local_trials=1)
    np.testing.assert_allclose(found, expected, atol=4.5 * np.sqrt(0.25 / starts))


def test_the_best_trial_wins(either_way):
    """With many trials the second center is nearly always the row that leaves the least potential."""
    X = np.array([[0.0], [1], [2], [40], [41.5], [44]])
    left = [potential(X, X[[0, second]]) for second in range(1, len(X))]
    found, _, _ = chances_of_the_second_center(X, draws=200, n_local_trials=60)
    assert found.argmax() == 1 + np.argmin(left) and found.max() > 0.95


def test_number_of_trials():
    assert [n_local_trials(k) for k in (1, 2, 3, 8, 100, 1000)] == [2, 2, 3, 4, 6, 8]


def potentials(X, k, seeds, choose, weights=None):
    """The potential after seeding, for each seed."""
    return np.array([potential(X, choose(X, k, random_state=seed, sample_weight=weights)[0]) for seed in seeds])


def assert_same_distribution(ours, theirs, others):
    """Kolmogorov and Smirnov do not tell the first two samples apart, though they do tell apart what is no rival."""
    stats = pytest.importorskip("scipy.stats")
    assert stats.ks_2samp(ours, theirs).pvalue > 0.01
    assert stats.ks_2samp(others, theirs).pvalue < 1e-6, "the test is blind"


@pytest.mark.parametrize("weighted", [False, True])
def test_potentials_are_distributed_as_scikit_learns(weighted, either_way):
    sklearn = pytest.importorskip("sklearn.cluster")
    X, k, seeds = blobs(400, 3, 25, seed=4), 20, range(300)
    weights = np.random.default_rng(0).exponential(size=400) if weighted else None
    ours = potentials(X, k, seeds, fastkmeans.kmeans_plusplus, weights)
    theirs = potentials(X, k, seeds, sklearn.kmeans_plusplus, weights)
    one_trial = potentials(X, k, seeds, partial(fastkmeans.kmeans_plusplus, n_local_trials=1), weights)
    assert_same_distribution(ours, theirs, one_trial)


def test_weights_seed_as_repeated_rows_do(either_way):
    X, k, seeds = blobs(200, 2, 15, seed=1), 12, range(300)
    repeats = np.random.default_rng(2).integers(0, 6, 200)
    repeated = np.repeat(X, repeats, axis=0)

    def choose(X, k, random_state, sample_weight):
        return fastkmeans.kmeans_plusplus(repeated, k, random_state=random_state)

    weighted = potentials(X, k, seeds, fastkmeans.kmeans_plusplus, repeats.astype(float))
    one_trial = potentials(X, k, seeds, partial(fastkmeans.kmeans_plusplus, n_local_trials=1), repeats.astype(float))
    assert_same_distribution(weighted, potentials(X, k, seeds, choose), one_trial)


def test_random_rows_are_distinct_and_uniform():
    X = np.arange(20.0)[:, None]
    counts = np.zeros(20)
    for seed in range(400):
        rows = fastkmeans.fit(X, 5, init="random", n_init=1, random_state=seed, max_iter=1, tol=1e9,
                              callback=lambda stats: False)  # fmt: skip
        counts += np.bincount(rows.labels[:1], minlength=20)
    drawn = np.concatenate([ArrayRows(X).sample(5, seed) for seed in range(2000)])
    assert all(len(set(rows)) == 5 for rows in drawn.reshape(-1, 5).tolist())
    np.testing.assert_allclose(np.bincount(drawn, minlength=20) / 2000, 0.25, atol=0.05)


# ---- weights and duplicates -------------------------------------------------------------------------------


@pytest.mark.parametrize("init", SEEDINGS)
def test_rows_of_weight_zero_are_never_drawn(init):
    X = blobs(60)
    X[1::2] += 1e3  # far off, so tempting
    weights = np.arange(60) % 2 == 0
    for seed in range(30):
        seen = fastkmeans.fit(X, 30, init=init, n_init=1, sample_weight=weights, random_state=seed, max_iter=1)
        assert np.abs(seen.centers).max() < 500
    for seed in range(100):
        rows = fastkmeans.kmeans_plusplus(X, 30, sample_weight=weights, random_state=seed)[1]
        assert weights[rows].all() and len(set(rows.tolist())) == 30


def test_centers_are_distinct_while_rows_are(either_way):
    X = np.repeat(blobs(12, 3), 40, axis=0)
    for seed in range(40):
        centers, _ = fastkmeans.kmeans_plusplus(X, 12, random_state=seed)
        assert len(np.unique(centers, axis=0)) == 12


@pytest.mark.parametrize("init", SEEDINGS)
def test_few_distinct_rows_and_any_seeding(init):
    X = np.repeat(np.float32([[0, 0], [1, 1]]), 20, axis=0)
    with pytest.warns(fastkmeans.TooFewDistinctRows):
        result = fastkmeans.fit(X, 5, init=init, n_init=1, random_state=0)
    assert result.inertia == 0 and np.isfinite(result.centers).all()


def test_more_centers_than_distinct_rows(either_way):
    X = np.repeat(np.float32([[0, 0], [1, 1]]), 20, axis=0)
    centers, rows = fastkmeans.kmeans_plusplus(X, 5, random_state=0)
    assert len(np.unique(centers, axis=0)) == 2 and len(set(rows.tolist())) == 5
    with pytest.warns(fastkmeans.TooFewDistinctRows):
        result = fastkmeans.fit(X, 5, random_state=0)
    assert result.inertia == 0 and np.isfinite(result.centers).all()


def test_fewer_rows_of_weight_than_clusters():
    X = blobs(60)
    weights = np.zeros(60)
    weights[[3, 8]] = 1
    rows = fastkmeans.kmeans_plusplus(X, 3, sample_weight=weights, random_state=0)[1]
    assert {3, 8} <= set(rows.tolist())
    for init in SEEDINGS:
        with pytest.warns(fastkmeans.TooFewDistinctRows):
            result = fastkmeans.fit(X, 3, init=init, n_init=1, sample_weight=weights, random_state=0)
        assert result.inertia == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1e-30, 1e30])
def test_weights_of_any_size(scale):
    X = blobs(60)
    expected = fastkmeans.fit(X, 3, random_state=0)
    result = fastkmeans.fit(X, 3, sample_weight=np.full(60, scale), random_state=0)
    assert np.isfinite(result.centers).all() and len(np.unique(result.labels)) == 3
    if scale > 1e-310:
        assert np.array_equal(result.labels, expected.labels)


# ---- bits -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("init", SEEDINGS)
def test_fits_from_every_seeding_have_the_same_bits_on_any_number_of_threads(init, n_threads, monkeypatch):
    monkeypatch.setattr(threads, "SLAB_SECONDS", (1e-6, 1e-5))
    monkeypatch.setattr(threads, "SERIAL_SECONDS", 0.0)
    X = blobs(5003, 3, dtype=np.float32) + np.float32(1e4)
    options = {"init": init, "n_init": 1, "random_state": 0, "sample_weight": np.random.default_rng(0).random(5003)}
    assert_same_result(
        fastkmeans.fit(X, 20, n_threads=1, **options), fastkmeans.fit(X, 20, n_threads=n_threads, **options)
    )


def test_a_fit_from_k_means_plus_plus_is_one_from_its_rows():
    X = blobs(4000, 3, dtype=np.float32)
    centers, rows = fastkmeans.kmeans_plusplus(X, 20, random_state=5)
    seeded = fastkmeans.fit(X, 20, random_state=5)
    for init in (centers, rows):
        assert_same_result(seeded, fastkmeans.fit(X, 20, init=init))


def test_seeding_has_the_same_bits_on_any_number_of_threads(n_threads, monkeypatch):
    monkeypatch.setattr(threads, "SLAB_SECONDS", (1e-6, 1e-5))
    monkeypatch.setattr(threads, "SERIAL_SECONDS", 0.0)
    X = blobs(7001, 3, dtype=np.float32)
    weights = np.random.default_rng(0).random(len(X))
    one, other = (
        fastkmeans.kmeans_plusplus(X, 40, sample_weight=weights, random_state=0, n_threads=count)[1]
        for count in (1, n_threads)
    )
    assert_same_bits(one, other)
