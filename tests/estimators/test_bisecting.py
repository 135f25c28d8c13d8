"""BisectingKMeans: the tree against a plain walk, both strategies, equal bits, rows that cannot be split."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from fastkmeans import BisectingKMeans
from fastkmeans.engine import bisecting
from tests import naive
from tests.checks import assert_same_bits
from tests.estimators.test_minibatch import DTYPES, rows_of

BOTH = pytest.mark.parametrize("strategy", bisecting.STRATEGIES)


def naive_walk(X, tree):
    """Labels by the definition of nearest at each split, row by row."""
    labels = []
    for row in np.asarray(X):
        at = 0 if len(tree.centers) else -1
        while at >= 0:
            at = tree.children[at, naive.assign(row[None], tree.centers[at])[0]]
        labels.append(-1 - at)
    return np.array(labels, np.int32)


@BOTH
@pytest.mark.parametrize("dtype", DTYPES)
def test_labels_are_those_of_a_walk_down_the_tree(dtype, strategy):
    X = rows_of(dtype=dtype)
    model = BisectingKMeans(11, bisecting_strategy=strategy, random_state=0).fit(X)
    assert model.cluster_centers_.dtype == (np.float32 if dtype in ("f4", "u1", "f2") else np.float64)
    np.testing.assert_array_equal(model.labels_, naive_walk(X, model._tree))
    np.testing.assert_array_equal(model.labels_, model.predict(X))
    others = rows_of(300, dtype="f8", seed=1)
    np.testing.assert_array_equal(model.predict(others), naive_walk(others, model._tree))
    np.testing.assert_array_equal(np.unique(model.labels_), np.arange(11))
    expected = naive.inertia(X, model.labels_, model.cluster_centers_)
    assert model.inertia_ == pytest.approx(expected, rel=1e-9)


@BOTH
def test_leaves_are_numbered_from_left_to_right(strategy):
    X = rows_of()
    model = BisectingKMeans(9, bisecting_strategy=strategy, random_state=1).fit(X)
    tree = model._tree
    found = []

    def visit(at, center):
        if at < 0:
            found.append((-1 - at, center))
            return
        for side in range(2):
            visit(tree.children[at, side], tree.centers[at, side])

    visit(0, None)
    assert [label for label, _ in found] == list(range(9))
    np.testing.assert_array_equal(np.array([center for _, center in found]), model.cluster_centers_)


def rows_under(model, split):
    """Labels of the leaves below a split."""
    found, waiting = [], [split]
    while waiting:
        at = waiting.pop()
        if at < 0:
            found.append(-1 - at)
        else:
            waiting += list(model._tree.children[at])
    return found


@BOTH
def test_the_strategy_picks_what_is_split(strategy):
    """Replays the splits: each one takes the leaf of the largest score at that time."""
    X = rows_of(dtype="f8")
    model = BisectingKMeans(10, bisecting_strategy=strategy, random_state=2).fit(X)

    def score(rows, center):
        return len(rows) if strategy == "largest_cluster" else ((rows - center) ** 2).sum()

    open_splits = {0: np.inf}
    for number, (centers, children) in enumerate(zip(model._tree.centers, model._tree.children, strict=True)):
        assert open_splits.pop(number) >= max(open_splits.values(), default=0.0) * (1 - 1e-12)
        for center, child in zip(centers, children, strict=True):
            rows = X[np.isin(model.labels_, rows_under(model, child))]
            open_splits[child] = score(rows, center)
            if child < 0:
                np.testing.assert_allclose(center, model.cluster_centers_[-1 - child])


@pytest.fixture(scope="module")
def alone():
    X = rows_of(40_000, 12)
    weights = np.random.default_rng(0).random(len(X))
    return X, weights, fitted(X, weights, 1)


def fitted(X, weights, n_threads):
    model = BisectingKMeans(20, random_state=5, n_threads=n_threads).fit(X, sample_weight=weights)
    return model.cluster_centers_, model.labels_, np.float64(model.inertia_), model.predict(X)


def test_same_bits_on_any_number_of_threads(alone, n_threads):
    X, weights, expected = alone
    for one, other in zip(expected, fitted(X, weights, n_threads), strict=True):
        assert_same_bits(one, other)


def test_weights_count_as_repetitions():
    X = rows_of(200, 3, "f8")
    weights = np.random.default_rng(0).integers(0, 4, len(X))

    def init(rows, k, random_state):
        return np.array([rows.min(axis=0), rows.max(axis=0)])

    given = {"n_clusters": 6, "init": init, "tol": 0, "random_state": 0}
    weighted = BisectingKMeans(**given).fit(X[weights > 0], sample_weight=weights[weights > 0])
    repeated = BisectingKMeans(**given).fit(np.repeat(X, weights, axis=0))
    np.testing.assert_allclose(weighted.cluster_centers_, repeated.cluster_centers_)
    assert weighted.inertia_ == pytest.approx(repeated.inertia_)
    mixed = BisectingKMeans(4, random_state=0).fit(X, sample_weight=weights)
    np.testing.assert_array_equal(mixed.labels_, mixed.predict(X))


def test_one_cluster_is_the_mean():
    X, weights = rows_of(dtype="f8"), np.random.default_rng(0).random(600)
    model = BisectingKMeans(1).fit(X, sample_weight=weights)
    np.testing.assert_allclose(model.cluster_centers_, [np.average(X, axis=0, weights=weights)])
    assert not model.labels_.any() and not model.predict(X).any()
    assert model.inertia_ == pytest.approx(naive.inertia(X, model.labels_, model.cluster_centers_, weights))


@BOTH
def test_as_many_clusters_as_rows(strategy):
    X = rows_of(30, 3, "f8")
    model = BisectingKMeans(30, bisecting_strategy=strategy, random_state=0).fit(X)
    np.testing.assert_array_equal(np.sort(model.labels_), np.arange(30))
    np.testing.assert_array_equal(model.cluster_centers_[model.labels_], X)
    assert model.inertia_ == 0.0


@BOTH
@pytest.mark.parametrize("values", [[[0.1, 0.3]] * 9, [[0.1, 0.3]] * 7 + [[0.7, 1.9]] * 6 + [[5.3, 0.0]]])
def test_rows_too_equal_for_the_clusters(values, strategy):
    X = np.array(values)
    distinct = len(np.unique(X, axis=0))
    model = BisectingKMeans(6, bisecting_strategy=strategy, random_state=0)
    with pytest.warns(ConvergenceWarning, match=rf"Number of distinct clusters \({distinct}\) found smaller than"):
        model.fit(X)
    assert model.cluster_centers_.shape == (6, 2)
    np.testing.assert_array_equal(np.unique(model.labels_), np.arange(distinct))
    np.testing.assert_array_equal(model.labels_, model.predict(X))
    np.testing.assert_allclose(model.cluster_centers_[model.labels_], X, rtol=1e-15)
    assert model.inertia_ == pytest.approx(0.0, abs=1e-25)


def test_clusters_without_weight_are_not_split():
    X, weights = rows_of(60, 2, "f8"), np.zeros(60)
    weights[:2] = 1.0
    with pytest.warns(ConvergenceWarning, match=r"clusters \(2\)"):
        model = BisectingKMeans(5, random_state=0).fit(X, sample_weight=weights)
    np.testing.assert_array_equal(model.labels_, model.predict(X))


def test_deep_trees_and_long_walks(monkeypatch):
    """A chain of splits, deeper than recursion could go, and rows that go down in parts."""
    X = (1.01 ** np.arange(1500.0))[:, None]
    model = BisectingKMeans(1200, init=lambda rows, k, random_state: rows[[0, -1]], tol=0).fit(X)
    np.testing.assert_array_equal(np.unique(model.labels_), np.arange(1200))
    other = pickle.loads(pickle.dumps(model.set_params(init="random")))
    monkeypatch.setattr(bisecting, "WALK_ROWS", 100)
    np.testing.assert_array_equal(other.predict(X), model.labels_)
    np.testing.assert_array_equal(model.predict(X[::-1]), model.labels_[::-1])


def test_ties_go_left():
    model = BisectingKMeans(2, init=lambda rows, k, random_state: rows[[0, -1]]).fit([[0.0], [0.0], [2.0], [2.0]])
    np.testing.assert_array_equal(model.predict([[1.0], [np.nextafter(1.0, 2.0)]]), [0, 1])


def test_tol_is_absolute():
    X = rows_of(3_000, 4, "f8")
    given = {"n_clusters": 2, "random_state": 0, "verbose": 0}
    small = BisectingKMeans(tol=1e3, **given).fit(X)
    large = BisectingKMeans(tol=1e3, **given).fit(1e3 * X)
    exact = BisectingKMeans(tol=0, **given).fit(1e3 * X)
    assert small.inertia_ * 1e6 > exact.inertia_ * (1 + 1e-9)
    assert large.inertia_ == pytest.approx(exact.inertia_, rel=1e-6)


def test_more_runs_for_each_split_are_not_worse():
    X = rows_of(1_000, 2, "f8")
    few, many = (
        np.mean([BisectingKMeans(8, n_init=n, random_state=s).fit(X).inertia_ for s in range(6)]) for n in (1, 6)
    )
    assert many <= few * 1.02
    one, several = (BisectingKMeans(2, n_init=n, random_state=0).fit(X).inertia_ for n in (1, 5))
    assert several <= one


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda X: np.repeat(X, 2, axis=1)[:, ::2]])
def test_memory_layout_changes_nothing(layout):
    X = rows_of(dtype="f8")
    kept = X.copy()
    expected = BisectingKMeans(7, random_state=0, copy_x=False).fit(X)
    assert_same_bits(X, kept)
    model = BisectingKMeans(7, random_state=0).fit(layout(X))
    assert_same_bits(model.labels_, expected.labels_)
    assert_same_bits(model.cluster_centers_, expected.cluster_centers_)


def test_verbose_tells_iterations_and_splits(capsys):
    X = rows_of(200)
    loud = BisectingKMeans(3, random_state=0, verbose=1).fit(X)
    out = capsys.readouterr().out
    assert out.count("Initialization complete") == 2 and "Split into 3 clusters" in out
    assert_same_bits(loud.labels_, BisectingKMeans(3, random_state=0).fit(X).labels_)


def test_a_failure_leaves_the_estimator_as_it_was():
    X = rows_of(100, dtype="f8")
    model = BisectingKMeans(4, random_state=0).fit(X)
    before = dict(vars(model))
    bad = X[:, :3].copy()
    bad[5, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        model.fit(bad)
    with pytest.raises(ValueError, match="n_clusters"):
        model.fit(X[:3])

    def breaks(rows, k, random_state):
        raise RuntimeError("broken")

    model.init = before["init"] = breaks
    with pytest.raises(RuntimeError, match="broken"):
        model.fit(X[:, :2])
    assert vars(model) == before
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_pickled_and_cloned():
    X = rows_of(300)
    model = BisectingKMeans(5, random_state=0, n_threads=2).fit(X)
    other = pickle.loads(pickle.dumps(model))
    assert_same_bits(other.predict(X), model.labels_)
    again = clone(model)
    assert again.get_params() == model.get_params() and not hasattr(again, "labels_")
    assert_same_bits(again.fit(X).labels_, model.labels_)


def test_parameters_are_checked():
    X = rows_of(50)
    for bad in ({"init": X[:2]}, {"n_init": "auto"}, {"bisecting_strategy": "best"}, {"n_threads": 0},
                {"algorithm": "fast"}, {"tol": -1}):  # fmt: skip
        with pytest.raises(ValueError, match=next(iter(bad))):
            BisectingKMeans(3, **bad).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BisectingKMeans(3, algorithm="elkan").fit(X)
