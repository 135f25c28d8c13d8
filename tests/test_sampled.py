"""Starts from a sample: when they are taken, that they are exact from there, and when they are not trusted."""

import numpy as np
import pytest

import fastkmeans
from fastkmeans import checkpoint, sampled
from tests import naive
from tests.checks import assert_labels_by_definition, assert_same_bits, assert_same_result

N, K = 70_000, 6


def clouds(n=N, d=3, k=K, dtype=np.float32, seed=0):
    """Overlapping clouds, so that the fit of a sample is not yet that of all rows."""
    rng = np.random.default_rng(seed)
    means = 4 * rng.normal(size=(k, d))
    return (means[rng.integers(0, k, n)] + rng.normal(size=(n, d))).astype(dtype)


def clouds_and_far_rows(n_far=12):
    """What a sample of 256 rows a cluster misses mostly: a few rows that inertia is about."""
    X = clouds(k=K - 1)
    X[np.random.default_rng(1).choice(N, n_far, replace=False)] += 1000
    return X


def was_sampled(result):
    return result.plan.startswith(result.history[0].algorithm) and "sampled rows" in result.plan


def ended_at(iteration):
    def callback(stats):
        return not (stats.phase == "lloyd" and stats.iteration == iteration)

    return callback


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8])
def test_the_fit_from_a_sample_is_exact(dtype, metric):
    X = clouds(d=8, dtype=dtype)
    X = X[X.any(axis=1)]
    result = fastkmeans.fit(X, K, random_state=3, metric=metric)
    assert was_sampled(result)
    assert_labels_by_definition(X, result.centers, result.labels, metric, at_most=20_000)
    assert_same_bits(result.labels, result.predict(X))
    rows = naive.unit_rows(X, result.centers.dtype) if metric == "cosine" else X
    assert result.inertia == pytest.approx(naive.inertia(rows, result.labels, result.centers), rel=1e-6)
    again = fastkmeans.fit(X, K, init=result.centers, metric=metric)
    assert again.inertia <= result.inertia * (1 + 1e-9)


def test_threads_and_callbacks_leave_the_bits():
    X = clouds()
    one, two, told = (
        fastkmeans.fit(X, K, random_state=0, n_threads=1),
        fastkmeans.fit(X, K, random_state=0, n_threads=2),
        fastkmeans.fit(X, K, random_state=0, callback=lambda stats: None),
    )
    assert was_sampled(one)
    assert_same_result(one, two)
    assert_same_result(one, told)


def test_it_ends_as_low_as_seedings_of_all_rows():
    X = clouds(k=20, seed=4)
    inertias = {init: [fastkmeans.fit(X, 16, init=init, random_state=seed).inertia for seed in range(8)]
                for init in ("auto", "k-means||")}  # fmt: skip
    assert np.mean(inertias["auto"]) <= 1.01 * np.mean(inertias["k-means||"])


def test_more_fits_of_the_sample_are_no_worse(monkeypatch):
    X = clouds(k=20, seed=4)
    source = fastkmeans.validation.checked_source(X)[0]
    gained = 0
    for seed in range(4):
        inertias = []
        for n_fits in (1, 3, 6):
            monkeypatch.setattr(sampled, "FITS", n_fits)
            best = sampled.fit_sample(source, 16, "auto", np.random.default_rng(seed), max_iter=100, tol=1e-4)
            assert best.n_fits == n_fits
            inertias.append(best.inertia)
        assert inertias == sorted(inertias, reverse=True)
        gained += inertias[0] > inertias[2]
    assert gained


@pytest.mark.parametrize("weighted", [False, True])
def test_a_sample_that_missed_far_rows_is_not_trusted(weighted):
    X = clouds_and_far_rows()
    weights = np.random.default_rng(2).uniform(0.5, 1.5, N) if weighted else None
    seen, missed = [], 0
    for seed in range(4):
        seen.clear()
        result = fastkmeans.fit(X, K, random_state=seed, callback=seen.append, sample_weight=weights)
        missed += not was_sampled(result)
        assert result.inertia < 10 * N  # with no center of their own, the far rows alone add 3e7
        # Nothing of the iteration that was given up was told.
        lloyd = [stats for stats in seen if stats.phase == "lloyd"]
        assert [stats.iteration for stats in lloyd] == list(range(1, result.n_iter + 1))
        assert tuple(lloyd) == tuple(result.history)
        if not was_sampled(result):
            assert "a sample missed some of what is there" in result.plan
    assert missed


def test_rows_without_weight_do_not_count():
    X = clouds_and_far_rows()
    weights = (np.abs(X).max(axis=1) < 500).astype(float)
    result = fastkmeans.fit(X, K - 1, random_state=0, sample_weight=weights)
    assert was_sampled(result)
    assert np.abs(result.centers).max() < 500


@pytest.mark.parametrize("far", [False, True])
def test_checkpoints_hold_the_run_that_counts(tmp_path, monkeypatch, far):
    X = clouds_and_far_rows() if far else clouds()
    settings = {"random_state": 1, "tol": 0, "max_iter": 12}
    kept = []
    own = checkpoint.Keeper.keep

    def keep(keeper, fit):
        kept.append(fit.history[0].inertia)
        own(keeper, fit)

    monkeypatch.setattr(checkpoint.Keeper, "keep", keep)
    whole = fastkmeans.fit(X, K, checkpoint=tmp_path / "whole.npz", **settings)
    assert was_sampled(whole) != far
    assert set(kept) == {whole.history[0].inertia}
    fastkmeans.fit(X, K, checkpoint=tmp_path / "run.npz", callback=ended_at(1), **settings)
    resumed = fastkmeans.fit(X, K, checkpoint=tmp_path / "run.npz", **settings)
    assert_same_bits(resumed.centers, whole.centers)
    assert (resumed.inertia, resumed.n_iter) == (whole.inertia, whole.n_iter)


def test_a_callback_ends_it_while_seeding_and_after():
    X = clouds(k=40)
    seen = []

    def at_once(stats):
        seen.append(stats)
        return False

    result = fastkmeans.fit(X, 16, random_state=0, callback=at_once)
    assert [stats.phase for stats in seen] == ["seeding"]
    assert (result.n_iter, result.converged) == (0, False)
    assert_same_bits(result.labels, result.predict(X))
    assert fastkmeans.fit(X, 16, random_state=0, callback=ended_at(2), tol=0).n_iter == 2


def test_frozen_centers_stay():
    X = clouds()
    frozen = np.float32([[0, 0, 0], [50, 50, 50]])
    result = fastkmeans.fit(X, K, random_state=0, frozen_centers=frozen)
    assert was_sampled(result)
    assert_same_bits(result.centers[:2], frozen)


def test_too_few_distinct_rows_are_still_told():
    X = np.repeat(np.float32([[0, 0], [3, 1], [5, 9]]), 30_000, axis=0)
    with pytest.warns(fastkmeans.TooFewDistinctRows):
        result = fastkmeans.fit(X, 5, random_state=0)
    assert result.inertia == 0


@pytest.mark.parametrize(
    "settings", [{"init": "k-means++"}, {"init": "k-means||"}, {"init": "random", "n_init": 1}], ids=str
)
def test_what_is_named_is_what_runs(settings):
    assert "sample" not in fastkmeans.fit(clouds(), K, random_state=0, max_iter=2, **settings).plan


def test_few_rows_and_rows_that_it_would_double_are_not_sampled(monkeypatch):
    def asked(X, k=K):
        source = fastkmeans.validation.checked_source(X)[0]
        return sampled.starts_from_sample(source, k, "auto")

    assert asked(clouds()) and not asked(clouds(), k=1)
    assert not asked(clouds(n=sampled.LEAST_ROWS - 1)) and not asked(clouds(), k=N // sampled.ROWS_A_CLUSTER // 8)
    assert not asked(pytest.importorskip("scipy.sparse").csr_array(clouds()))
    monkeypatch.setattr(sampled, "promised_bytes", lambda source, k: 2 * 256 * K * 3 * 4 - 1)
    assert not asked(clouds())


def test_blocks_are_fitted_once_unless_they_are_many():
    X = clouds(n=30_000)
    batches = np.split(X, 3)
    few = fastkmeans.fit_batches(lambda: iter(batches[:1]), K, random_state=0)
    assert "a fit of 1,536 sampled rows" in few.plan
    many = fastkmeans.fit_batches(lambda: iter(batches), K, random_state=0)
    assert "the best of 3 fits of 1,536 sampled rows" in many.plan
