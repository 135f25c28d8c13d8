"""Frozen centers attract rows and never move: against a naive oracle, by every way and from every source."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastkmeans
from fastkmeans.engine.planner import ASSIGNERS
from fastkmeans.engine.plus_plus import FewRows
from fastkmeans.engine.seeding import SEEDINGS
from fastkmeans.sources.blocks import ArrayRows
from tests import naive, strategies
from tests.checks import assert_labels_by_definition, assert_same_bits, assert_same_result
from tests.engine.rows import blobs
from tests.test_checkpoint import Ended, assert_same_fit, end_at

INITS = tuple(SEEDINGS)


def naive_fit(X, centers, n_frozen, weights, max_iter, cosine=False):
    """Lloyd's algorithm in NumPy, whose first n_frozen centers stay; (centers, labels, inertia in each iteration)."""
    weights, inertias = np.ones(len(X)) if weights is None else weights, []
    for _ in range(max_iter):
        labels = naive.assign(X, centers)
        inertias.append(naive.inertia(X, labels, centers, weights))
        sums, totals = naive.cluster_sums(X, labels, weights, len(centers))
        assert totals[n_frozen:].all(), "choose other rows: relocation is another test's"
        centers = centers.copy()
        centers[n_frozen:] = naive.means(sums, totals, centers, cosine)[n_frozen:].astype(centers.dtype)
    return centers, naive.assign(X, centers), inertias


@pytest.mark.parametrize("way", ["auto", *ASSIGNERS])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n, d", [(300, 2), (4000, 6), (3000, 40)])
def test_it_is_the_oracles(way, metric, weighted, n, d):
    cosine = metric == "cosine"
    X = blobs(n, d, 12, seed=1)
    rows = naive.unit_rows(X, X.dtype) if cosine else X
    random = np.random.default_rng(0)
    weights = random.random(n) + 0.1 if weighted else None
    frozen = np.concatenate([rows[:2] + 0.01, np.full((1, d), -1.0 if cosine else 500.0)])  # the last is nobody's
    if cosine:
        frozen = naive.unit_rows(frozen, X.dtype)
    init = rows[20:29]
    settings = {"sample_weight": weights, "metric": metric, "max_iter": 6, "tol": 0, "algorithm": way}
    result = fastkmeans.fit(X, 12, init=init, frozen_centers=frozen, **settings)
    centers, labels, inertias = naive_fit(rows, np.concatenate([frozen, init]), 3, weights, 6, cosine)
    assert_same_bits(result.centers[:3], frozen)
    np.testing.assert_allclose(result.centers, centers, rtol=1e-9, atol=1e-9)
    assert np.array_equal(result.labels, labels)
    np.testing.assert_allclose([stats.inertia for stats in result.history], inertias[: result.n_iter], rtol=1e-9)
    assert result.inertia == pytest.approx(naive.inertia(rows, labels, centers, weights), rel=1e-9)


@pytest.mark.parametrize("way", ["dense", *(way for way in ASSIGNERS if way != "dense")])
@pytest.mark.parametrize("watched", [False, True])
def test_every_way_and_driver_gives_the_same_labels(way, watched):
    X = blobs(5000, 3, 40, dtype=np.float32)
    frozen = X[:7] * np.float32(1.5)
    settings = {"random_state": 0, "frozen_centers": frozen, "callback": (lambda stats: None) if watched else None}
    dense = fastkmeans.fit(X, 60, algorithm="dense", **settings)
    result = fastkmeans.fit(X, 60, algorithm=way, **settings)
    assert np.array_equal(result.labels, dense.labels) and result.n_iter == dense.n_iter
    assert_same_bits(result.centers[:7], frozen)
    assert_labels_by_definition(X, result.centers, result.labels)


@given(strategies.points_and_k(), st.data())
@pytest.mark.filterwarnings("ignore::fastkmeans.TooFewDistinctRows")
def test_a_fit_from_its_result_stays_where_it_is(problem, data):
    X, k = problem
    m = data.draw(st.integers(1, k))
    frozen = X[:m] + X.dtype.type(0.25)
    first = fastkmeans.fit(X, k, frozen_centers=frozen, random_state=data.draw(st.integers(0, 99)), tol=0)
    assert_same_bits(first.centers[:m], frozen)
    assert np.array_equal(first.labels, first.predict(X))
    if m < k and first.converged:
        again = fastkmeans.fit(X, k, frozen_centers=frozen, init=first.centers[m:], tol=0)
        assert_same_bits(again.centers, first.centers)
        assert np.array_equal(again.labels, first.labels)


def tight_groups(n, k=12):
    """k groups in turn, whose rows are a thousandth of their distances apart."""
    random = np.random.default_rng(3)
    return random.normal(size=(k, 4))[np.arange(n) % k] + random.normal(scale=1e-3, size=(n, 4))


# ---- seeding ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("init", [name for name in INITS if name != "random"])
@pytest.mark.parametrize("n", [300, 20_000])
@pytest.mark.parametrize("sparse", [False, True])
def test_seeding_goes_where_frozen_centers_are_not(init, n, sparse):
    """Twelve groups far apart, frozen centers in five of them: the other seven centers go to the other seven."""
    X = tight_groups(n)
    rows, frozen = X, X[:5]
    if sparse:
        rows = pytest.importorskip("scipy.sparse").csr_array(X)
    for seed in range(5):
        result = fastkmeans.fit(rows, 12, init=init, frozen_centers=frozen, random_state=seed, max_iter=1)
        assert sorted(result.labels[:12]) == list(range(12))


@pytest.mark.parametrize("kind", ["few rows", "rows"])
def test_trials_are_drawn_by_the_distance_to_frozen_centers(kind, monkeypatch):
    """One trial from one frozen center: the chance of a row is its share of all squared distances."""
    monkeypatch.setattr(FewRows, "suits", staticmethod(lambda n, d, k: kind == "few rows"))
    X = np.array([[0.0], [1], [3], [4]])
    frozen, counts = np.array([[0.0]]), np.zeros(4)
    for seed in range(2000):
        chosen = SEEDINGS["k-means++"](
            ArrayRows(X), 1, np.random.default_rng(seed), frozen=frozen, n_trials=1
        )  # fmt: skip
        counts[chosen] += 1
    expected = 2000 * X[:, 0] ** 2 / (X**2).sum()
    assert counts[0] == 0 and np.abs(counts - expected).max() < 5 * np.sqrt(expected.max())


@pytest.mark.parametrize("init", INITS)
def test_rows_that_all_lie_on_frozen_centers(init):
    X = np.repeat([[0.0, 1.0], [2.0, 3.0]], 20, axis=0)
    with pytest.warns(fastkmeans.TooFewDistinctRows):
        result = fastkmeans.fit(X, 4, init=init, n_init=1, frozen_centers=X[[0, 20]], random_state=0)
    assert result.inertia == 0 and set(result.labels) == {0, 1}


def test_centers_rows_and_callables_as_init():
    X = blobs()
    asked = []

    def init(rows, n_clusters, random_state):
        asked.append((rows.shape, n_clusters))
        return rows[5:8]

    results = [fastkmeans.fit(X, 5, init=own, n_init=1, frozen_centers=X[:2]) for own in (X[5:8], [5, 6, 7], init)]
    assert asked == [((300, 2), 3)]
    for other in results[1:]:
        assert_same_result(other, results[0])


# ---- empty clusters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ASSIGNERS)
def test_empty_frozen_clusters_stay_empty_and_others_are_filled(way):
    X = blobs(200, 3, 4)
    far = np.full((2, 3), 1e4) + np.arange(2)[:, None]
    init = np.concatenate([X[:3], far - 2e4])  # the last two are nobody's either, but may move
    result = fastkmeans.fit(X, 7, init=init, frozen_centers=far, algorithm=way, tol=0)
    counts = np.bincount(result.labels, minlength=7)
    assert result.history[0].n_relocated == 2 and sum(stats.n_relocated for stats in result.history[1:]) == 0
    assert not counts[:2].any() and counts[2:].all()


def test_a_row_alone_at_a_frozen_center_may_leave_it():
    X = np.array([[0.0], [0.1], [0.2], [50.0]])
    result = fastkmeans.fit(X, 3, init=np.array([[0.1], [-300.0]]), frozen_centers=np.array([[40.0]]), tol=0)
    assert result.labels.tolist() == [1, 1, 1, 2] and result.centers[2] == 50


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("n", [50, 30_000])
def test_all_centers_frozen_is_one_pass_of_labels(n, watched, monkeypatch):
    X = blobs(n, 5, 8, dtype=np.float32)
    callback, labelled = (lambda stats: None) if watched else None, []
    map_labels = ArrayRows.map_labels
    monkeypatch.setattr(ArrayRows, "map_labels", lambda *given: labelled.append(given) or map_labels(*given))
    result = fastkmeans.fit(X, 8, frozen_centers=X[:8], callback=callback)
    assert not labelled  # a last pass, where centers have moved since the one before
    assert_same_bits(result.centers, X[:8])
    assert (result.n_iter, result.converged) == (1, True) and result.history[0].center_shift == 0
    assert_labels_by_definition(X, X[:8], result.labels)
    assert result.inertia == pytest.approx(naive.inertia(X, result.labels, X[:8]), rel=1e-6)


# ---- through all of fit -----------------------------------------------------------------------------------


@pytest.mark.parametrize("init", INITS)
def test_thread_counts_give_equal_bits(init):
    X = blobs(30_011, 7, 30, dtype=np.float32)
    settings = {"init": init, "n_init": 2, "frozen_centers": X[:4] + 1, "random_state": 0}
    one, two, five = (fastkmeans.fit(X, 40, n_threads=n_threads, **settings) for n_threads in (1, 2, 5))
    assert_same_result(one, two)
    assert_same_result(one, five)


def test_a_run_goes_on_from_its_checkpoint(tmp_path):
    X = blobs(4000, 5, 12, dtype=np.float32) + np.random.default_rng(0).normal(size=(4000, 5)).astype(np.float32) * 9
    settings = {"random_state": 0, "frozen_centers": X[:3], "tol": 0, "max_iter": 20}
    whole = fastkmeans.fit(X, 12, checkpoint=tmp_path / "other.npz", **settings)
    with pytest.raises(Ended):
        fastkmeans.fit(X, 12, checkpoint=tmp_path / "run.npz", callback=end_at(4), **settings)
    assert_same_fit(whole, fastkmeans.fit(X, 12, checkpoint=tmp_path / "run.npz", **settings))
    with pytest.raises(ValueError, match="of another run.*frozen_centers"):
        fastkmeans.fit(X, 12, checkpoint=tmp_path / "run.npz", **settings | {"frozen_centers": X[1:4]})


@pytest.mark.parametrize("init", ["k-means||", "random"])
def test_streamed_rows_and_those_of_a_cluster_give_the_same_bits(init):
    dask, array = pytest.importorskip("dask"), pytest.importorskip("dask.array")
    X = blobs(9000, 6, 20, dtype=np.float32)
    parts = np.split(X, 3)
    settings = {"init": init, "frozen_centers": X[:3] - 1, "random_state": 0, "algorithm": "dense"}
    streamed = fastkmeans.fit_batches(lambda: iter(parts), 20, **settings)
    assert_same_bits(streamed.centers[:3], X[:3] - 1)
    with dask.config.set(scheduler="synchronous"):
        blocked = fastkmeans.fit(array.from_array(X, chunks=(3000, 6)), 20, **settings)
    assert np.array_equal(np.asarray(blocked.labels), streamed.labels)
    np.testing.assert_allclose(blocked.centers, streamed.centers, rtol=1e-6)


def test_streamed_rows_start_from_a_sample():
    X = tight_groups(9000).astype(np.float32)
    settings = {"frozen_centers": X[:5], "random_state": 0}
    streamed = fastkmeans.fit_batches(lambda: iter(np.split(X, 3)), 12, **settings)
    memory = fastkmeans.fit(X, 12, **settings)
    assert "sampled rows" in streamed.plan
    assert streamed.inertia == pytest.approx(memory.inertia, rel=1e-3)
    assert_same_bits(streamed.centers[:5], X[:5])


def test_frozen_centers_are_taken_in_the_computing_type():
    X = (blobs(100, 2, 3) * 3).astype(np.int16)
    frozen = np.array([[0.1, 0.2]])
    result = fastkmeans.fit(X, 3, frozen_centers=frozen, random_state=0)
    assert_same_bits(result.centers[:1], frozen.astype(np.float32))
    unit = fastkmeans.fit(X[X.any(axis=1)], 3, frozen_centers=[[3, 4]], metric="cosine", random_state=0)
    assert_same_bits(unit.centers[:1], np.float32([[0.6, 0.8]]))


@pytest.mark.parametrize(
    "frozen, init, message",
    [
        (np.zeros((4, 2)), "auto", "frozen_centers has 4 rows, but n_clusters=3"),
        (np.zeros((1, 3)), "auto", "frozen_centers has 3 columns, but X has 2"),
        (np.full((1, 2), np.nan), "auto", "frozen_centers contains NaN"),
        (np.zeros((0, 2)), "auto", "frozen_centers has no rows"),
        (np.zeros((3, 2)), np.zeros((3, 2)), "frozen_centers holds all n_clusters=3 centers"),
        (np.zeros((1, 2)), np.zeros((3, 2)), r"must be .*= \(2, 2\)"),
        (np.zeros((1, 2)), [0, 1, 2], "init lists 3 row numbers, but n_clusters - 1 frozen=2"),
    ],
)
def test_what_is_refused(frozen, init, message):
    with pytest.raises(ValueError, match=message):
        fastkmeans.fit(blobs(), 3, init=init, frozen_centers=frozen)
