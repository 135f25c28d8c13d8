"""MiniBatchKMeans: steps against plain NumPy, equal bits, weights, starved centers, what scikit-learn promises."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone

import fastkmeans
from fastkmeans import MiniBatchKMeans
from fastkmeans.engine.minibatch import reassign_starved
from fastkmeans.sources.blocks import ArrayRows
from tests import naive
from tests.checks import assert_labels_by_definition, assert_same_bits

DTYPES = ("f4", "f8", "u1", "i8", "f2")


def rows_of(n=600, d=5, dtype="f4", seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) + 6 * random.integers(0, 4, size=(n, d))
    return (10 * X + 50).clip(0, 255).astype(dtype) if np.dtype(dtype).kind in "iu" else X.astype(dtype)


def naive_step(X, centers, counts, weights):
    """Running means, row by row: (centers, counts)."""
    labels = naive.assign(X, centers)
    new, counts = centers.astype(np.float64), counts.copy()
    for row, label, weight in zip(X.astype(np.float64), labels, weights, strict=True):
        if weight > 0:
            counts[label] += weight
            new[label] += (row - new[label]) * weight / counts[label]
    return new.astype(centers.dtype), counts


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_partial_fit_is_a_running_mean(dtype, weighted):
    X = rows_of(dtype=dtype)
    weights = np.random.default_rng(1).integers(0, 4, len(X)) / 2 if weighted else np.ones(len(X))
    km = MiniBatchKMeans(7, init=X[:7], reassignment_ratio=0)
    centers, counts = X[:7].astype("f4" if dtype in ("f4", "u1", "f2") else "f8"), np.zeros(7)
    for first in range(0, len(X), 150):
        piece = slice(first, first + 150)
        km.partial_fit(X[piece], sample_weight=weights[piece] if weighted else None)
        centers, counts = naive_step(X[piece], centers, counts, weights[piece])
        assert km.cluster_centers_.dtype == centers.dtype
        np.testing.assert_allclose(km.cluster_centers_, centers, rtol=1e-5 if centers.dtype == np.float32 else 1e-12)
        np.testing.assert_allclose(km._counts, counts)
        assert km._counts.dtype == np.float64
        assert_labels_by_definition(X[piece], km.cluster_centers_, km.labels_)
        expected = naive.inertia(X[piece], km.labels_, km.cluster_centers_, weights[piece])
        assert km.inertia_ == pytest.approx(expected, rel=1e-9)
    assert km.n_steps_ == 4


def test_the_mean_of_everything_seen():
    """One cluster, many uneven pieces: the center is the weighted mean of all rows."""
    X, weights = rows_of(1000, dtype="f8"), np.random.default_rng(2).random(1000)
    km = MiniBatchKMeans(1, random_state=0)
    for piece in np.split(np.arange(1000), [10, 11, 300, 302, 900]):
        km.partial_fit(X[piece], sample_weight=weights[piece])
    np.testing.assert_allclose(km.cluster_centers_[0], np.average(X, axis=0, weights=weights))
    assert km._counts[0] == pytest.approx(weights.sum())


def test_a_fit_takes_the_steps_of_partial_fit():
    X = rows_of(300, dtype="f8")
    km = MiniBatchKMeans(4, init=X[:4], batch_size=300, max_iter=1, random_state=0, reassignment_ratio=0).fit(X)
    numbers = np.random.default_rng(0).integers(300, size=300)
    pieces = MiniBatchKMeans(4, init=X[:4], reassignment_ratio=0).partial_fit(X[numbers])
    np.testing.assert_allclose(km.cluster_centers_, pieces.cluster_centers_, rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("init", ["k-means++", "random", "auto"])
def test_labels_are_those_of_predict(dtype, init):
    X = rows_of(dtype=dtype)
    km = MiniBatchKMeans(9, init=init, batch_size=100, random_state=3).fit(X)
    np.testing.assert_array_equal(km.labels_, km.predict(X))
    assert_labels_by_definition(X, km.cluster_centers_, km.labels_)
    assert km.inertia_ == pytest.approx(-km.score(X), rel=1e-12)


@pytest.fixture(scope="module")
def alone():
    X = rows_of(30_000, 24)
    weights = np.random.default_rng(0).random(len(X))
    return X, weights, fit_and_go_on(X, weights, 1)


def fit_and_go_on(X, weights, n_threads):
    km = MiniBatchKMeans(60, batch_size=8_000, random_state=5, max_iter=3, n_threads=n_threads)
    km.fit(X, sample_weight=weights)
    kept = km.cluster_centers_, km.labels_, km._counts, np.float64(km.inertia_)
    km.partial_fit(X[:20_000], sample_weight=weights[:20_000])
    return *kept, km.cluster_centers_, km.labels_, km._counts, np.float64(km.inertia_)


def test_same_bits_on_any_number_of_threads(alone, n_threads):
    X, weights, expected = alone
    for one, other in zip(expected, fit_and_go_on(X, weights, n_threads), strict=True):
        assert_same_bits(one, other)


def test_batches_are_drawn_by_weight():
    """Rows of weight 0 change nothing, and a heavy row is drawn often."""
    X = rows_of(400, dtype="f8")
    weights = np.zeros(400)
    weights[:50] = 1
    km = MiniBatchKMeans(3, batch_size=40, random_state=0, max_iter=20).fit(X, sample_weight=weights)
    low, high = X[:50].min(axis=0) - 1e-9, X[:50].max(axis=0) + 1e-9
    assert (km.cluster_centers_ >= low).all() and (km.cluster_centers_ <= high).all()
    weights[0] = 1e6
    km.set_params(n_clusters=1, reassignment_ratio=0).fit(X, sample_weight=weights)
    np.testing.assert_allclose(km.cluster_centers_[0], X[0], atol=0.05)


def test_starved_centers_get_rows_of_the_batch():
    X = rows_of(40, 3, "f8")
    centers, counts = np.full((5, 3), 99.0), np.array([100.0, 0.5, 40.0, 0.9, 1.0])
    n = reassign_starved(ArrayRows(X), centers, counts, np.random.default_rng(0), 0.01)
    assert n == 2
    moved = [1, 3]
    assert all((X == centers[j]).all(axis=1).any() for j in moved)
    assert (centers[[0, 2, 4]] == 99.0).all()
    np.testing.assert_array_equal(counts, [100.0, 1.0, 40.0, 1.0, 1.0])


def test_at_most_half_the_batch_becomes_centers_and_the_lightest_first():
    X = rows_of(4, 3, "f8")
    centers, counts = np.full((5, 3), 99.0), np.array([100.0, 0.5, 0.3, 0.9, 0.2])
    assert reassign_starved(ArrayRows(X), centers, counts, np.random.default_rng(0), 0.01) == 2
    assert (centers[[0, 1, 3]] == 99.0).all() and (centers[[2, 4]] != 99.0).all()
    # Whatever the ratio, the heaviest center stays; and rows of weight 0 become no centers.
    weights = np.array([0.0, 1.0, 0.0, 1.0])
    counts = np.array([3.0, 2.0, 2.0, 2.0, 2.0])
    assert reassign_starved(ArrayRows(X, weights), centers, counts, np.random.default_rng(0), 50.0) == 1
    assert (centers[0] == 99.0).all() and (X[[1, 3]] == centers[1]).all(axis=1).any()


def test_centers_on_one_spot_are_spread_by_reassignment():
    X = rows_of(2_000, 4)
    stuck = np.full((12, 4), 1e3, np.float32)  # the first takes all rows, the others get none
    spread = MiniBatchKMeans(12, init=stuck, batch_size=100, random_state=0).fit(X)
    kept = MiniBatchKMeans(12, init=stuck, batch_size=100, random_state=0, reassignment_ratio=0).fit(X)
    assert len(np.unique(spread.labels_)) > 8 and len(np.unique(kept.labels_)) == 1
    assert spread.inertia_ < 0.5 * kept.inertia_


def test_early_stopping(capsys):
    X = rows_of(3_000, 3)
    given = {"n_clusters": 4, "batch_size": 100, "random_state": 0, "verbose": 1, "max_iter": 50}
    by_inertia = MiniBatchKMeans(max_no_improvement=3, **given).fit(X)
    assert "Converged (lack of improvement in inertia)" in capsys.readouterr().out
    by_shift = MiniBatchKMeans(max_no_improvement=None, tol=1e-2, **given).fit(X)
    assert "Converged (small centers change)" in capsys.readouterr().out
    never = MiniBatchKMeans(max_no_improvement=None, **given).fit(X)
    assert "Converged" not in capsys.readouterr().out
    assert max(by_inertia.n_steps_, by_shift.n_steps_) < never.n_steps_ == 1500
    assert never.n_iter_ == 50 and by_shift.n_iter_ == -(-by_shift.n_steps_ * 100 // 3_000)


def test_more_starts_are_not_worse():
    X = rows_of(2_000, 2, "f8")
    given = {"init": "random", "batch_size": 500, "max_iter": 1}
    few, many = (
        np.mean([MiniBatchKMeans(12, n_init=n, random_state=s, **given).fit(X).inertia_ for s in range(8)])
        for n in (1, 8)
    )
    assert many < few


def test_inertia_without_labels_is_an_estimate():
    X = rows_of(4_000, 3)
    km = MiniBatchKMeans(6, compute_labels=True, batch_size=500, random_state=0).fit(X)
    exact = km.inertia_
    km.set_params(compute_labels=False).fit(X)
    assert not hasattr(km, "labels_")
    assert km.inertia_ == pytest.approx(exact, rel=0.3)
    np.testing.assert_array_equal(km.fit_predict(X), km.predict(X))
    assert np.isfinite(km.set_params(max_iter=1, batch_size=4_000).fit(X).inertia_)


def test_callable_and_row_number_starts():
    X = rows_of(500)
    seen = []

    def init(rows, k, random_state):
        seen.append(len(rows))
        return rows[random_state.permutation(len(rows))[:k]]

    km = MiniBatchKMeans(5, init=init, init_size=60, random_state=0).fit(X)
    assert seen == [60] * 3 and km._n_init == 3
    MiniBatchKMeans(5, init=np.arange(5), random_state=0).fit(X)
    MiniBatchKMeans(5, init=init, random_state=0).partial_fit(X)


def test_a_failure_leaves_the_estimator_as_it_was():
    X = rows_of(300, dtype="f8")
    km = MiniBatchKMeans(4, random_state=0).partial_fit(X)
    before = {name: pickle.dumps(value) for name, value in vars(km).items()}
    bad = X.copy()
    bad[7, 2] = np.nan
    for fails in (km.partial_fit, km.fit):
        with pytest.raises(ValueError, match="NaN"):
            fails(bad)
        with pytest.raises(ValueError, match="negative"):
            fails(X, sample_weight=-np.ones(300))
    with pytest.raises(ValueError, match="features"):
        km.partial_fit(X[:, :3])
    with pytest.raises(ValueError, match="n_clusters"):
        km.fit(X[:3, :2])
    assert {name: pickle.dumps(value) for name, value in vars(km).items()} == before
    fresh = MiniBatchKMeans(4)
    with pytest.raises(ValueError, match="NaN"):
        fresh.partial_fit(bad)
    assert vars(fresh) == vars(MiniBatchKMeans(4))


def test_pickled_and_cloned():
    X = rows_of(400)
    km = MiniBatchKMeans(5, random_state=0, batch_size=64).partial_fit(X[:200])
    other = pickle.loads(pickle.dumps(km))
    for one in (km, other):
        one.partial_fit(X[200:])
    assert_same_bits(km.cluster_centers_, other.cluster_centers_)
    assert not hasattr(clone(km), "cluster_centers_") and clone(km).get_params() == km.get_params()
    assert_same_bits(clone(km).fit(X).cluster_centers_, clone(km).fit(X).cluster_centers_)


def test_float64_pieces_widen_float32_centers():
    X = rows_of(300, dtype="f8")
    km = MiniBatchKMeans(3, random_state=0).partial_fit(X.astype(np.float32)).partial_fit(X)
    assert km.cluster_centers_.dtype == np.float64
    np.testing.assert_array_equal(km.labels_, km.predict(X))


def test_as_many_clusters_as_rows_and_pieces_of_one_row():
    X = np.arange(12.0).reshape(6, 2)
    km = MiniBatchKMeans(6, random_state=0).fit(X)
    assert km.cluster_centers_.shape == (6, 2)
    for row in X:
        km.partial_fit(row[None])
    assert km.n_steps_ > 6 and len(km.labels_) == 1


def test_parameters_are_checked():
    X = rows_of(50)
    for bad in ({"batch_size": 0}, {"init_size": 0}, {"reassignment_ratio": -1}, {"max_no_improvement": -1},
                {"init": "nearest"}, {"n_threads": 0}):  # fmt: skip
        with pytest.raises(ValueError, match=next(iter(bad))):
            MiniBatchKMeans(3, **bad).fit(X)
    with pytest.warns(RuntimeWarning, match="init_size=2 should be larger than n_clusters=3"):
        MiniBatchKMeans(3, init_size=2, random_state=0).fit(X)
    with pytest.warns(RuntimeWarning, match="performing only one init"):
        MiniBatchKMeans(3, init=X[:3], n_init=4).partial_fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MiniBatchKMeans(3, init=X[:3]).fit(X)
    assert fastkmeans.MiniBatchKMeans is MiniBatchKMeans
