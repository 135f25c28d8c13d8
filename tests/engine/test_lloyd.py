"""Lloyd's loop step by step against the oracle; empty clusters; sums in label order."""

import numpy as np
import pytest

import fastkmeans
from fastkmeans.engine import label_order, lloyd, threads
from fastkmeans.sources import blocks
from tests import naive
from tests.checks import assert_labels_by_definition, assert_same_result


def blobs(n=900, d=4, k=12, dtype=np.float64, seed=0, offset=0.0):
    random = np.random.default_rng(seed)
    centers = random.normal(scale=4, size=(k, d))
    return (centers[random.integers(k, size=n)] + random.normal(size=(n, d)) + offset).astype(dtype)


def close(dtype, X):
    """Tolerances for means in a computing type."""
    eps = np.finfo(dtype).eps
    return {"rtol": 4 * eps, "atol": 16 * eps * np.abs(X).max()}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("offset", [0.0, 3e4])
def test_every_step_is_the_oracles(dtype, weighted, offset):
    X = blobs(dtype=dtype, offset=offset)
    weights = np.random.default_rng(1).integers(0, 4, len(X)) / 2 if weighted else None
    centers = X[:15]
    for _ in range(12):
        one = fastkmeans.fit(X, 15, init=centers, sample_weight=weights, max_iter=1, tol=0)
        labels, expected, relocated = naive.step(X, centers, weights)
        assert one.history[0].n_relocated == relocated == 0
        np.testing.assert_allclose(one.centers, expected, **close(dtype, X))
        before = naive.inertia(X, labels, centers, weights)
        # Of the spread about the mean: what float64 sums of squares may be off by.
        assert one.history[0].inertia == pytest.approx(before, rel=1e-9 if dtype == np.float64 else 1e-4)
        shift = ((one.centers.astype(np.float64) - centers) ** 2).sum()
        assert one.history[0].center_shift == pytest.approx(shift, rel=1e-9)
        assert_labels_by_definition(X, one.centers, one.labels)
        centers = one.centers


@pytest.mark.parametrize("tol", [0, 1e-4, 1e-2])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_whole_run_is_the_oracles(tol, metric):
    X = blobs()
    cosine = metric == "cosine"
    rows = naive.unit_rows(X, np.float64) if cosine else X
    for callback in (None, lambda stats: None):  # both drivers
        result = fastkmeans.fit(X, 10, init=np.arange(10), tol=tol, metric=metric, callback=callback)
        centers, labels, inertia, n_iter = naive.lloyd(rows, rows[:10], tol=tol, cosine=cosine)
        assert result.n_iter == n_iter and result.converged
        assert np.array_equal(result.labels, labels)
        np.testing.assert_allclose(result.centers, centers, rtol=1e-12, atol=1e-13)
        assert result.inertia == pytest.approx(inertia, rel=1e-12)


def test_history_counts_moved_rows_and_inertia_never_rises():
    X = blobs()
    result = fastkmeans.fit(X, 10, init=np.arange(10), tol=0)
    centers, before = X[:10], None
    for stats in result.history:
        labels, centers, _ = naive.step(X, centers)
        assert stats.n_moved == (len(X) if before is None else (labels != before).sum())
        before = labels
    inertias = [stats.inertia for stats in result.history]
    assert all(later <= earlier * (1 + 1e-12) for earlier, later in zip(inertias[:-1], inertias[1:], strict=True))
    assert result.inertia == pytest.approx(inertias[-1], rel=1e-9)


@pytest.mark.parametrize("dtype, rel", [(np.float32, 1e-6), (np.float64, 1e-12)])
def test_inertia_far_from_zero(dtype, rel):
    X = blobs(dtype=dtype, offset=1e6)
    result = fastkmeans.fit(X, 12, random_state=0, max_iter=3)
    assert result.inertia == pytest.approx(naive.inertia(X, result.labels, result.centers), rel=rel)


def test_a_callback_stops_the_run():
    X = blobs()
    for stop_at in (1, 3):
        stopped = fastkmeans.fit(
            X, 10, init=np.arange(10), tol=0, callback=lambda stats, last=stop_at: stats.iteration < last
        )
        plain = fastkmeans.fit(X, 10, init=np.arange(10), tol=0, max_iter=stop_at, callback=lambda stats: None)
        assert not stopped.converged
        assert_same_result(plain, stopped)


# ---- sums that follow the moves ---------------------------------------------------------------------------


def fits_with_and_without_moves(monkeypatch, X, k, **options):
    """(followed, summed anew in every iteration, how often moves were followed)."""
    calls = []
    follow = lloyd._Fit.follow_moves
    monkeypatch.setattr(lloyd._Fit, "follow_moves", lambda *given: calls.append(0) or follow(*given))
    followed = fastkmeans.fit(X, k, callback=lambda stats: None, **options)
    with monkeypatch.context() as patch:
        patch.setattr(lloyd, "follows_moves", lambda *given: False)
        summed = fastkmeans.fit(X, k, callback=lambda stats: None, **options)
    return followed, summed, len(calls)


@pytest.fixture(params=[False, True], ids=["by slab", "by label"])
def in_order(request, monkeypatch):
    """Sums of slabs, or in label order."""
    monkeypatch.setattr(lloyd, "needs_label_order", lambda *given: request.param)
    return request.param


@pytest.mark.parametrize("d, k", [(2, 8), (3, 30), (12, 20)])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_following_moves_changes_nothing_but_rounding(d, k, metric, monkeypatch, in_order):
    X = np.random.default_rng(d).normal(size=(6000, d)) + 0.5
    options = {"init": np.arange(k), "tol": 0, "metric": metric, "max_iter": 60}
    followed, summed, calls = fits_with_and_without_moves(monkeypatch, X, k, **options)
    assert calls > followed.n_iter / 2
    assert np.array_equal(followed.labels, summed.labels) and followed.n_iter == summed.n_iter
    np.testing.assert_allclose(followed.centers, summed.centers, rtol=1e-12, atol=1e-13)
    for one, other in zip(followed.history, summed.history, strict=True):
        assert one.n_moved == other.n_moved and one.inertia == pytest.approx(other.inertia, rel=1e-11)
    if in_order:
        assert_same_result(followed, fastkmeans.fit(X, k, callback=lambda stats: None, n_threads=5, **options))
    else:
        assert_same_result(followed, fastkmeans.fit(X, k, **options))  # the compiled driver


def test_moves_that_are_not_sound_are_not_followed(monkeypatch, in_order):
    X = blobs(3000, 2)
    monkeypatch.setattr(lloyd, "moves_are_sound", lambda *given: False)
    options = {"init": np.arange(12), "tol": 0}
    followed, summed, calls = fits_with_and_without_moves(monkeypatch, X, 12, **options)
    assert calls > 0
    assert_same_result(followed, summed)


def test_weighted_rows_and_refilled_clusters_are_summed_anew(monkeypatch):
    X = blobs(3000, 2)
    options = {"init": np.arange(12), "tol": 0}
    assert fits_with_and_without_moves(monkeypatch, X, 12, sample_weight=np.full(3000, 2.0), **options)[2] == 0
    far = np.vstack([X[:3], [[1e5, 1e5]]])
    followed, summed, calls = fits_with_and_without_moves(monkeypatch, X, 4, init=far, tol=0)
    assert followed.history[0].n_relocated == 1
    assert np.array_equal(followed.labels, summed.labels)
    np.testing.assert_allclose(followed.centers, summed.centers, rtol=1e-12)


# ---- empty clusters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_empty", [1, 2, 5])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_empty_clusters_get_far_rows(n_empty, weighted, dtype):
    X = blobs(300, 2, dtype=dtype)
    weights = np.random.default_rng(1).integers(1, 4, len(X)).astype(float) if weighted else None
    far = np.full((n_empty, 2), 1e4) * np.arange(1, n_empty + 1)[:, None]
    start = np.vstack([X[:4], far]).astype(dtype)
    start = start[np.random.default_rng(2).permutation(len(start))]
    for callback in (None, lambda stats: None):
        one = fastkmeans.fit(X, len(start), init=start, sample_weight=weights, max_iter=1, callback=callback)
        _, expected, relocated = naive.step(X, start, weights)
        assert one.history[0].n_relocated == relocated == n_empty
        np.testing.assert_allclose(one.centers, expected, **close(dtype, X))
    full = fastkmeans.fit(X, len(start), init=start, sample_weight=weights)
    assert len(np.unique(full.labels)) == len(start)
    assert full.history[1].n_relocated == 0 and full.converged


def test_a_run_does_not_end_on_the_iteration_that_moves_rows():
    X = np.float32([[0, 0], [0, 1], [8, 0], [8, 1]])
    result = fastkmeans.fit(X, 3, init=np.float32([[0, 0.5], [8, 0.5], [99, 99]]), tol=1e6)
    assert result.history[0].n_relocated == 1 and result.n_iter == 2
    assert len(np.unique(result.labels)) == 3


def test_rows_on_their_center_and_alone_stay():
    X = np.float32([[0, 0]] * 5 + [[9, 9]])
    with pytest.warns(fastkmeans.TooFewDistinctRows, match="2 clusters"):
        result = fastkmeans.fit(X, 3, init=np.float32([[0, 0], [9, 9], [50, 50]]))
    assert result.inertia == 0 and sorted(np.unique(result.labels)) == [0, 1]
    assert result.history[0].n_relocated == 0


def test_equal_far_rows_move_once():
    X = np.float32([[0, 0], [0, 1]] * 10 + [[5, 5]] * 6 + [[4, 5]])
    start = np.float32([[0, 0], [90, 0], [0, 90]])
    one = fastkmeans.fit(X, 3, init=start, max_iter=1)
    _, expected, relocated = naive.step(X, start)
    assert one.history[0].n_relocated == relocated == 2
    np.testing.assert_allclose(one.centers, expected, rtol=1e-6)
    assert one.centers[1].tolist() == [5, 5] and one.centers[2].tolist() == [4, 5]


@pytest.mark.parametrize("n_empty", [40])
def test_many_empty_clusters_and_many_equal_far_rows(n_empty):
    """More equal rows than the first look at the far ones sees: the distinct ones behind them are found."""
    random = np.random.default_rng(0)
    X = np.vstack([random.normal(size=(500, 2)), np.full((500, 2), 60.0)])
    start = np.vstack([[[0.0, 0.0]], np.full((n_empty, 2), 1e5) + np.arange(n_empty)[:, None]])
    result = fastkmeans.fit(X, n_empty + 1, init=start)
    assert len(np.unique(result.labels)) == n_empty + 1


def test_weights_of_zero_do_not_fill_clusters():
    X = np.float32([[0, 0], [1, 0], [0, 1], [50, 50], [60, 60]])
    result = fastkmeans.fit(X, 2, init=np.float32([[0, 0], [55, 55]]), sample_weight=[1, 1, 1, 0, 0])
    assert result.history[0].n_relocated == 1
    totals = np.bincount(result.labels, [1, 1, 1, 0, 0], minlength=2)
    assert (totals > 0).all()
    assert result.inertia == pytest.approx(0.5)


# ---- sums in label order ----------------------------------------------------------------------------------


@pytest.fixture
def in_label_order(monkeypatch):
    """No memory for partial sums, and many slabs: sums are taken in the order of labels."""
    calls = []
    reduce = label_order.reduce_in_label_order
    monkeypatch.setattr(label_order, "partials_budget", lambda *given: 0)
    monkeypatch.setattr(threads, "SLAB_SECONDS", (1e-6, 1e-5))
    monkeypatch.setattr(threads, "SERIAL_SECONDS", 0.0)
    monkeypatch.setattr(
        "fastkmeans.engine.lloyd.reduce_in_label_order", lambda *given: calls.append(0) or reduce(*given)
    )
    yield calls
    assert calls, "sums were not taken in the order of labels"


@pytest.mark.parametrize("n, d, k", [(5003, 3, 9), (2000, 17, 700), (1500, 1, 1), (20_011, 9, 3)])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_in_label_order(n, d, k, metric, weighted, in_label_order):
    random = np.random.default_rng(n)
    X = (random.normal(size=(n, d)) + (5 if d > 1 else 1e3 * np.arange(n)[:, None])).astype(np.float32)
    weights = random.random(n) * (random.random(n) > 0.2) if weighted else None
    options = {"init": np.arange(k), "sample_weight": weights, "metric": metric, "max_iter": 3, "tol": 0}
    result = fastkmeans.fit(X, k, n_threads=1, **options)
    for n_threads in (2, 7):
        assert_same_result(result, fastkmeans.fit(X, k, n_threads=n_threads, **options))
    one = fastkmeans.fit(X, k, **{**options, "max_iter": 1})
    rows = naive.unit_rows(X, np.float32) if metric == "cosine" else X
    _, expected, relocated = naive.step(rows, rows[:k], weights, metric == "cosine")
    assert one.history[0].n_relocated == relocated
    np.testing.assert_allclose(one.centers, expected, **close(np.float32, rows))


def test_wide_sums_of_few_rows_are_taken_in_label_order():
    rows = blocks.ArrayRows(np.zeros((60_000, 784), np.float32))
    assert label_order.needs_label_order(rows, 2e-6, 256)
    assert not label_order.needs_label_order(rows, 2e-6, 8)
    assert not label_order.needs_label_order(blocks.ArrayRows(np.zeros((1_000_000, 16), np.float32)), 2e-8, 64)


def test_the_usual_order_needs_partials_that_fit():
    X = blobs(5003, 3)
    assert not label_order.needs_label_order(blocks.ArrayRows(X), 1e-6, 9)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_rounded_means_do_not_hide_that_rows_are_too_few(metric):
    """Rows that lie far from zero for their spread are shifted, and the mean of equal rows is then off by an ulp."""
    for seed in (66, 72, 104, 124, 165, 292):
        random = np.random.default_rng(seed)
        n_rows, d, n_distinct = (int(random.integers(*limits)) for limits in ((20, 60), (1, 6), (1, 8)))
        k, offset = n_distinct + int(random.integers(2, 4)), 10.0 ** random.uniform(0, 7)
        X = random.normal(size=(n_rows, d)) * 10.0 ** random.uniform(-2, 2) + offset * random.normal(size=d)
        X[n_distinct:] = X[n_distinct]
        with pytest.warns(fastkmeans.TooFewDistinctRows):
            fastkmeans.fit(X.astype(np.float32), k, random_state=0, metric=metric)
