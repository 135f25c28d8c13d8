"""Clusters of limited sizes: the assignment is the best there is by independent programs and by proof."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import fastkmeans
from fastkmeans.engine import balanced
from fastkmeans.engine.balanced import Transport
from fastkmeans.validation import checked_source
from tests import naive, strategies
from tests.checks import assert_same_bits, assert_same_result
from tests.variants.transports import assert_best, assert_proved, least_cost, least_cost_by_matching

KINDS = {
    "normal": lambda random, n, d: random.normal(size=(n, d)),
    "groups": lambda random, n, d: random.normal(size=(n, d)) + 9 * random.integers(0, 2, (n, 1)),
    "grid": lambda random, n, d: random.integers(0, 4, (n, d)).astype(float),
    "equal rows": lambda random, n, d: random.normal(size=(3, d))[random.integers(3, size=n)],
}
SIZES = [  # n, k, least, most
    (60, 6, 10, 10), (62, 6, 10, 11), (60, 6, 3, 60), (60, 6, 9, 12), (60, 6, 1, 11), (30, 30, 1, 1), (7, 12, 0, 1),
    (40, 1, 40, 40), (40, 2, 1, 39), (40, 4, 0, 25), (1, 1, 1, 1),
]  # fmt: skip


def assigned(X, centers, least, most):
    """(labels, squared distances) of the best assignment."""
    rows = Transport(checked_source(X)[0], len(centers), least, most)
    rows.assign(centers.astype(rows.source.dtype))
    return rows.labels, naive.sq_dists(X, centers.astype(rows.source.dtype))


# ---- the assignment ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "k", "least", "most"), SIZES)
def test_assignment_costs_the_least(kind, n, k, least, most):
    random = np.random.default_rng(n + k)
    X, centers = KINDS[kind](random, n, 3), KINDS[kind](random, k, 3)
    labels, costs = assigned(X, centers, least, most)
    assert_best(costs, labels, least, most)
    cost = costs[np.arange(n), labels].sum()
    assert cost == pytest.approx(least_cost(costs, least, most), rel=1e-9, abs=1e-9)
    if least == most:
        assert cost == pytest.approx(least_cost_by_matching(costs, most), rel=1e-12, abs=1e-12)


def test_whole_costs_are_those_of_a_min_cost_flow():
    ortools = pytest.importorskip("ortools.graph.python.min_cost_flow")
    random = np.random.default_rng(0)
    n, k, least, most = 300, 7, 20, 55
    X, centers = random.integers(0, 9, (n, 2)).astype(float), random.integers(0, 5, (k, 2)).astype(float)
    labels, costs = assigned(X, centers, least, most)
    flow = ortools.SimpleMinCostFlow()
    for row in range(n):
        for j in range(k):
            flow.add_arc_with_capacity_and_unit_cost(row, n + j, 1, int(costs[row, j]))
    for j in range(k):  # the least rows of each cluster end there, the others in one more node
        flow.add_arc_with_capacity_and_unit_cost(n + j, n + k, most - least, 0)
    for node, supply in enumerate([1] * n + [-least] * k + [k * least - n]):
        flow.set_node_supply(node, supply)
    assert flow.solve() == flow.OPTIMAL
    assert costs[np.arange(n), labels].sum() == flow.optimal_cost()


@given(strategies.points_and_k(dtypes=("f8",)), st.data())
def test_assignment_is_the_best_for_any_rows_and_sizes(problem, data):
    X, k = problem
    least = data.draw(st.integers(0, len(X) // k))
    most = data.draw(st.integers(-(-len(X) // k), len(X)))
    centers = X[:: max(1, len(X) // k)][:k]
    labels, costs = assigned(X, centers, least, most)
    assert_best(costs, labels, least, most)


@pytest.mark.parametrize("room", [1, 2, 64])
@pytest.mark.parametrize("kind", KINDS)
def test_lists_of_any_length_and_calls_of_few_looks_lead_to_the_best(room, kind, monkeypatch):
    monkeypatch.setattr(balanced, "LIST_ROOM", (room, 0))
    monkeypatch.setattr(balanced, "LOOKS_A_CALL", 1)
    random = np.random.default_rng(3)
    X, centers = KINDS[kind](random, 700, 2), KINDS[kind](random, 9, 2)
    for least, most in ((77, 78), (1, 90), (60, 700)):
        labels, costs = assigned(X, centers, least, most)
        assert_best(costs, labels, least, most)


@pytest.mark.parametrize("many", [0, np.inf])
@pytest.mark.parametrize("kind", KINDS)
def test_prices_of_a_sample_are_but_a_start(many, kind, monkeypatch):
    monkeypatch.setattr(balanced, "MANY_PATHS", many)
    sizes, move_rows = [], Transport._move_rows

    def watched(self, sq_dists, *more):
        sizes.append(len(sq_dists))
        move_rows(self, sq_dists, *more)

    monkeypatch.setattr(Transport, "_move_rows", watched)
    random = np.random.default_rng(11)
    X = np.concatenate([KINDS[kind](random, 1000, 2), KINDS[kind](random, 800, 2) + 5])
    for least, most in ((200, 200), (1, 230), (150, 1800)):
        labels, costs = assigned(X, X[:9], least, most)
        assert_best(costs, labels, least, most)
    assert set(sizes) == ({37, 258, 1800} if many == 0 else {1800})


def test_prices_carry_over_and_prove_the_optimum():
    random = np.random.default_rng(4)
    X = np.concatenate([random.normal(size=(4000, 5)), random.normal(size=(2000, 5)) + 3]).astype(np.float32)
    rows = Transport(checked_source(X)[0], 20, 250, 320)
    centers = X[random.choice(len(X), 20, replace=False)]
    for step in range(6):
        rows.assign(centers)
        costs = naive.sq_dists(X, centers)
        assert_proved(costs, rows.labels, rows.prices, 250, 320, slack=1e-10)
        assert_best(costs, rows.labels, 250, 320)
        assert rows.inertia == pytest.approx(costs[np.arange(len(X)), rows.labels].sum(), rel=1e-12)
        if step:
            assert (rows.prices > 0).any() and (rows.prices < 0).any()
        centers = np.stack([X[rows.labels == j].mean(axis=0) for j in range(20)])


def test_slack_sizes_move_no_row():
    X = np.random.default_rng(5).integers(0, 5, (500, 2)).astype(np.float32)  # ties
    labels, _ = assigned(X, X[:7], 0, 500)
    assert_same_bits(labels, naive.assign(X, X[:7]))


# ---- fits -------------------------------------------------------------------------------------------------


def crowd(n=900, seed=6):
    """Rows in groups of very unequal sizes."""
    random = np.random.default_rng(seed)
    return (random.normal(size=(n, 4)) + 8 * (random.random((n, 1)) < 0.2)).astype(np.float32)


WITHIN = [
    ({}, 112, 113), ({"min_size": 60}, 60, 480), ({"max_size": 150}, 1, 150),
    ({"min_size": 90, "max_size": 130}, 90, 130),
]  # fmt: skip


@pytest.mark.parametrize(("sizes", "least", "most"), WITHIN)
def test_a_fit_keeps_to_the_sizes_and_its_labels_are_the_best_for_its_centers(sizes, least, most):
    X = crowd()
    result = fastkmeans.fit_balanced(X, 8, random_state=0, **sizes)
    assert (result.min_size, result.max_size) == (least, most)
    assert result.sizes.tolist() == np.bincount(result.labels, minlength=8).tolist()
    assert least <= result.sizes.min() and result.sizes.max() <= most
    costs = naive.sq_dists(X, result.centers)
    assert_best(costs, result.labels, least, most)
    assert result.inertia == pytest.approx(naive.inertia(X, result.labels, result.centers), rel=1e-12)
    inertias = [stats.inertia for stats in result.history] + [result.inertia]
    assert all(after <= before * (1 + 1e-6) for before, after in zip(inertias, inertias[1:], strict=False))
    assert result.converged and result.n_iter == len(result.history)
    assert {stats.phase for stats in result.history} == {"balanced"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_iterations_are_those_of_the_definition(dtype, metric):
    X = crowd(120, seed=7).astype(dtype)
    cosine = metric == "cosine"
    rows = naive.unit_rows(X, dtype) if cosine else X
    centers, labels = rows[:4].copy(), None
    for n_iter in range(1, 5):
        costs = naive.sq_dists(rows, centers)
        result = fastkmeans.fit_balanced(X, 4, init=X[:4], max_iter=n_iter, tol=0, metric=metric, max_size=35)
        at = result.history[-1]
        assert at.inertia == pytest.approx(least_cost(costs, 1, 35), rel=1e-6)
        before = labels
        labels, _ = assigned(rows, centers, 1, 35)
        assert at.n_moved == (len(X) if before is None else (labels != before).sum())
        if at.n_moved == 0:
            break
        sums = naive.cluster_sums(rows, labels, np.ones(len(X)), 4)
        centers = naive.means(*sums, centers, cosine).astype(dtype)
        np.testing.assert_allclose(result.centers, centers, rtol=1e-6, atol=1e-6)
    assert n_iter > 2


def test_slack_sizes_give_the_fit_without_sizes():
    X = np.random.default_rng(8).normal(size=(600, 3)) + 20 * np.arange(600)[:, None].__mod__(5)
    expected = fastkmeans.fit(X, 5, random_state=0)
    result = fastkmeans.fit_balanced(X, 5, min_size=100, max_size=200, random_state=0)
    assert_same_bits(result.labels, expected.labels)
    np.testing.assert_allclose(result.centers, expected.centers, rtol=1e-12)
    assert result.inertia == pytest.approx(expected.inertia, rel=1e-12)


def test_rows_in_another_order_give_the_same_clusters():
    X = crowd().astype(np.float64)
    order = np.random.default_rng(9).permutation(len(X))
    one = fastkmeans.fit_balanced(X, 8, init=X[:8])
    other = fastkmeans.fit_balanced(X[order], 8, init=X[:8])
    assert_same_bits(other.labels, one.labels[order])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_same_bits_on_any_threads(metric, n_threads):
    X = np.concatenate([crowd(3000), crowd(3000, seed=1)])
    settings = {"random_state": 0, "metric": metric, "max_iter": 5, "min_size": 300, "n_init": 2}
    expected = fastkmeans.fit_balanced(X, 12, n_threads=1, **settings)
    assert_same_result(expected, fastkmeans.fit_balanced(X, 12, n_threads=n_threads, **settings))


@pytest.mark.parametrize("dtype", strategies.DTYPES)
def test_stored_types_are_read_as_their_values(dtype):
    X = strategies.values_of(dtype, (90, 3))
    wide = fastkmeans.fit_balanced(X.astype(np.float64), 4, init=[0, 20, 40, 60])
    result = fastkmeans.fit_balanced(X, 4, init=[0, 20, 40, 60])
    assert result.centers.dtype == (np.float64 if np.dtype(dtype).itemsize >= 4 and dtype != "f4" else np.float32)
    assert result.inertia == pytest.approx(wide.inertia, rel=1e-5)
    assert sorted(result.sizes.tolist()) == [22, 22, 23, 23]


@pytest.mark.parametrize("layout", strategies.LAYOUTS)
def test_layouts_make_no_difference(layout):
    X = crowd(200)
    expected = fastkmeans.fit_balanced(X, 5, random_state=0)
    assert_same_result(expected, fastkmeans.fit_balanced(strategies.LAYOUTS[layout](X), 5, random_state=0))


def test_edge_shapes():
    X = crowd(12)
    one = fastkmeans.fit_balanced(X, 1)
    assert one.labels.tolist() == [0] * 12 and one.sizes.tolist() == [12]
    each = fastkmeans.fit_balanced(X, 12, random_state=0)
    assert each.inertia == 0 and sorted(each.labels) == list(range(12))
    assert fastkmeans.fit_balanced([[3.0]], 1).centers.tolist() == [[3.0]]
    equal = fastkmeans.fit_balanced(np.ones((10, 2)), 3, random_state=0, tol=0)
    assert sorted(equal.sizes) == [3, 3, 4] and equal.inertia == 0 and equal.converged


def test_equal_rows_that_change_places_end_a_run():
    for seed in range(10):
        random = np.random.default_rng(seed)
        X = np.repeat(random.normal(size=(3, 2)), 17, axis=0)
        result = fastkmeans.fit_balanced(X, 6, random_state=seed, tol=0, max_iter=60)
        assert result.converged and result.n_iter < 60


def test_the_best_of_several_runs_is_kept():
    X = crowd()
    results = [fastkmeans.fit_balanced(X, 8, init="random", n_init=n, random_state=0) for n in (4, 1)]
    assert results[0].inertia <= results[1].inertia
    runs = []
    fastkmeans.fit_balanced(X, 8, init="random", n_init=4, random_state=0, callback=runs.append)
    ends = {stats.restart: stats.inertia for stats in runs if stats.phase == "balanced"}
    assert len(ends) == 4
    assert results[0].history[-1].inertia == pytest.approx(min(ends.values()))


def test_a_callback_stops_a_fit():
    X = crowd()
    result = fastkmeans.fit_balanced(X, 8, random_state=0, callback=lambda stats: stats.phase != "balanced")
    assert result.n_iter == 1 and not result.converged
    assert_best(naive.sq_dists(X, result.centers), result.labels, 112, 113)
    result = fastkmeans.fit_balanced(X, 8, random_state=0, callback=lambda stats: False)
    assert result.n_iter == 0 and result.sizes.tolist() == np.bincount(result.labels).tolist()


def test_verbose_writes_to_stderr(capsys):
    expected = fastkmeans.fit_balanced(crowd(), 4, random_state=0)
    assert_same_result(expected, fastkmeans.fit_balanced(crowd(), 4, random_state=0, verbose=1))
    assert "balanced" in capsys.readouterr().err


def test_files_are_read(tmp_path):
    np.save(tmp_path / "rows.npy", crowd())
    expected = fastkmeans.fit_balanced(crowd(), 4, random_state=0)
    assert_same_result(expected, fastkmeans.fit_balanced(tmp_path / "rows.npy", 4, random_state=0))


# ---- results ----------------------------------------------------------------------------------------------


def test_predict_ignores_sizes_and_assign_keeps_to_them():
    X, others = crowd(), crowd(130, seed=10).astype(np.float64)
    result = fastkmeans.fit_balanced(X, 8, random_state=0)
    assert_same_bits(result.predict(others), naive.assign(others, result.centers))
    for sizes, least, most in (({}, 16, 17), ({"max_size": 40}, 0, 40), ({"min_size": 10}, 10, 60)):
        labels = result.assign(others, **sizes)
        assert_best(naive.sq_dists(others, result.centers), labels, least, most)
    assert len(set(result.assign(others[:5]).tolist())) == 5  # fewer rows than clusters
    assert repr(result).startswith(
        "BalancedResult(n_clusters=8, n_features=4, n_samples=900, sizes=112 to 113, inertia="
    )


def test_assign_of_cosine_reads_unit_rows():
    X = crowd()
    result = fastkmeans.fit_balanced(X, 8, random_state=0, metric="cosine")
    labels = result.assign(5 * X)
    assert_best(naive.sq_dists(naive.unit_rows(5 * X, np.float32), result.centers), labels, 112, 113)


# ---- errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"min_size": 4}, ValueError, "min_size=4 needs 12 rows for n_clusters=3, but X has 10; at most 3 is possible"),
        ({"max_size": 3}, ValueError, "max_size=3 leaves room for 9 rows in n_clusters=3, but X has 10; at least 4"),
        ({"min_size": 3, "max_size": 2}, ValueError, "min_size=3 is more than max_size=2"),
        ({"min_size": 0}, ValueError, "min_size=0 must be at least 1"),
        ({"max_size": 4.5}, TypeError, "max_size must be an integer, got 4.5"),
        ({"metric": "cosin"}, ValueError, "did you mean 'cosine'"),
        ({"tol": -1}, ValueError, "tol=-1 must be finite and >= 0"),
        ({"max_iter": 0}, ValueError, "max_iter=0 must be at least 1"),
        ({"init": "kmeans++"}, ValueError, "did you mean 'k-means"),
        ({"sample_weight": np.ones(10)}, TypeError, "sample_weight"),
        ({"memory_budget": 10}, ValueError, "memory_budget=10 must be at least"),
    ],
)
def test_settings_that_cannot_be(settings, error, message):
    with pytest.raises(error, match=message.replace("(", r"\(").replace("+", r"\+")):
        fastkmeans.fit_balanced(np.arange(20.0).reshape(10, 2), 3, **settings)


def test_rows_that_cannot_be():
    with pytest.raises(TypeError, match=r"sparse matrix, which fit_balanced does not take; pass X.toarray\(\)"):
        fastkmeans.fit_balanced(sparse.csr_array(np.eye(5)), 2)
    with pytest.raises(ValueError, match="contains NaN"):
        fastkmeans.fit_balanced([[1.0], [math.nan]], 2)
    with pytest.raises(
        ValueError, match=r"X holds values up to 1e\+141, too large for prices; divide it by a constant"
    ):
        fastkmeans.fit_balanced([[1e141], [0.0]], 2)
    with pytest.raises(ValueError, match="init holds values up to"):
        fastkmeans.fit_balanced([[1e130], [0.0]], 2, init=[[0.0], [1e145]])
    with pytest.raises(ValueError, match="n_samples=2 should be >= n_clusters=3"):
        fastkmeans.fit_balanced([[1.0], [2.0]], 3)


def test_distances_without_room_are_refused():
    with pytest.raises(ValueError, match=r"100,000 rows to 50 centers take 0\.05 GB, and memory_budget is 0\.00 GB"):
        fastkmeans.fit_balanced(np.zeros((100_000, 1)), 50, memory_budget=1 << 20)


def test_blocks_of_rows_are_refused():
    dask = pytest.importorskip("dask.array")
    with pytest.raises(TypeError, match="fit_balanced needs all rows in memory"):
        fastkmeans.fit_balanced(dask.ones((100, 2), chunks=(10, 2)), 2)
