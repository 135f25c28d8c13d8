"""Seeding: distances and potentials against NumPy, chances, weights, and the quality of scikit-learn's."""

import numpy as np
import pytest

import fastkmeans
from fastkmeans.engine import seeding, threads
from fastkmeans.engine.seeding import TakePass, TrialsPass, n_local_trials
from fastkmeans.sources.blocks import ArrayRows
from tests import naive
from tests.checks import assert_same_bits


def blobs(n=300, d=2, k=12, seed=0, dtype=np.float64):
    random = np.random.default_rng(seed)
    return (random.normal(scale=8, size=(k, d))[np.arange(n) % k] + random.normal(size=(n, d))).astype(dtype)


def potential(X, centers, weights=None):
    return naive.inertia(X, naive.assign(X, centers), centers, weights)


# ---- passes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n, d", [(1, 1), (33, 1), (100, 3), (1501, 9)])
@pytest.mark.parametrize("weighted", [False, True])
def test_passes_against_numpy(n, d, dtype, weighted, monkeypatch):
    monkeypatch.setattr(threads, "SLAB_SECONDS", (1e-7, 1e-6))
    X = blobs(n, d, dtype=dtype) + dtype(1000)
    weights = np.random.default_rng(0).random(n) if weighted else None
    source = ArrayRows(X, weights, n_threads=2)
    own = np.ones(n) if weights is None else weights
    rel = 1e-5 if dtype == np.float32 else 1e-12
    closest, kept = source.new_row_state(source.dtype), source.new_row_state(source.dtype, 11)
    closest[:] = np.inf
    expected = np.full(n, np.inf)
    scoring, taking = TrialsPass(source, 11), TakePass(source)
    for step in range(3):
        trials, best = (np.arange(11) * 7 + step) % n, step % min(n, 11)
        before = closest.copy()
        potentials = source.reduce(scoring.of(source.take(trials)), row_state=(closest, kept))[:11]
        assert_same_bits(closest, before)
        left = np.minimum(expected[:, None], naive.sq_dists(X, X[trials]))
        np.testing.assert_allclose(potentials, own @ left, rtol=rel)
        slabs = source.reduce(taking, row_state=(closest, kept[:, best]))
        expected = left[:, best]
        np.testing.assert_allclose(closest, expected, rtol=rel)
        assert [start for start, _, _ in slabs] == sorted(start for start, _, _ in slabs)
        assert slabs[0][0] == 0 and slabs[-1][1] == n
        for start, stop, total in slabs:
            assert total == pytest.approx((own * expected)[start:stop].sum(), rel=rel)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distances_that_are_not_kept_are_computed_again(weighted, dtype, monkeypatch):
    """Memory, not the result, depends on whether there is room for the distances to the trials."""
    X = blobs(3001, 5, dtype=dtype)
    weights = np.random.default_rng(0).random(len(X)) if weighted else None
    options = {"sample_weight": weights, "random_state": 1}
    kept = fastkmeans.kmeans_plusplus(X, 30, **options)[1]
    monkeypatch.setattr(seeding, "KEPT_BYTES", 0)
    assert_same_bits(kept, fastkmeans.kmeans_plusplus(X, 30, **options)[1])


# ---- draws ------------------------------------------------------------------------------------------------


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
def test_rows_are_drawn_by_weighted_squared_distance(weighted):
    X = np.array([[0.0], [1], [2], [4], [7]])
    weights = np.array([3.0, 1, 4, 2, 0.5]) if weighted else None
    found, expected, starts = chances_of_the_second_center(X, weights, n_local_trials=1)
    np.testing.assert_allclose(found, expected, atol=4.5 * np.sqrt(0.25 / starts))


def test_the_best_trial_wins():
    """With many trials the second center is nearly always the row that leaves the least potential."""
    X = np.array([[0.0], [1], [2], [40], [41.5], [44]])
    left = [potential(X, X[[0, second]]) for second in range(1, len(X))]
    found, _, _ = chances_of_the_second_center(X, draws=200, n_local_trials=60)
    assert found.argmax() == 1 + np.argmin(left) and found.max() > 0.95


def test_number_of_trials():
    assert [n_local_trials(k) for k in (1, 2, 3, 8, 100, 1000)] == [2, 2, 3, 4, 6, 8]


def test_potential_is_as_good_as_scikit_learns():
    sklearn = pytest.importorskip("sklearn.cluster")
    X, k, seeds = blobs(400, 3, 25, seed=4), 20, 60
    ours = [potential(X, fastkmeans.kmeans_plusplus(X, k, random_state=seed)[0]) for seed in range(seeds)]
    theirs = [potential(X, sklearn.kmeans_plusplus(X, k, random_state=seed)[0]) for seed in range(seeds)]
    error = np.hypot(np.std(ours), np.std(theirs)) / np.sqrt(seeds)
    assert abs(np.mean(ours) - np.mean(theirs)) < 4 * error
    plain = [potential(X, X[np.random.default_rng(seed).choice(400, k, False)]) for seed in range(seeds)]
    assert np.mean(ours) < 0.75 * np.mean(plain), "no better than random rows: the test shows nothing"


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


@pytest.mark.parametrize("init", ["k-means++", "random"])
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


def test_centers_are_distinct_while_rows_are():
    X = np.repeat(blobs(12, 3), 40, axis=0)
    for seed in range(40):
        centers, _ = fastkmeans.kmeans_plusplus(X, 12, random_state=seed)
        assert len(np.unique(centers, axis=0)) == 12


def test_more_centers_than_distinct_rows():
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
    for init in ("k-means++", "random"):
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
