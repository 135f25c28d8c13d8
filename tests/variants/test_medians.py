"""k-medians against the plainest NumPy: sums of absolute differences, np.median, the loop of both."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import fastkmeans
from fastkmeans.engine.medians import AbsolutePass, medians_of
from fastkmeans.validation import checked_source
from tests import strategies
from tests.checks import assert_same_bits, assert_same_result
from tests.kernels.pieces import DTYPES, EDGES, hard_rows


def differences(X, centers):
    """(n, k) float64 sums, over features in ascending order, of |x - c|."""
    X, centers = np.asarray(X).astype(np.float64), np.asarray(centers).astype(np.float64)
    total = np.zeros((len(X), len(centers)))
    for feature in range(X.shape[1]):
        total += np.abs(X[:, feature, None] - centers[None, :, feature])
    return total


def nearest(X, centers):
    """(labels, distances, how many rows the definition had to settle) of the pass."""
    source = checked_source(X)[0]
    labels, dists = source.new_row_state(np.int32), source.new_row_state(np.float64)
    moved, settled = source.reduce(AbsolutePass(source, centers.astype(source.dtype)), row_state=(labels, dists))
    assert moved == (labels != 0).sum()
    return labels, dists, settled


def medians_by_numpy(X, labels, centers):
    """New centers by np.median; those of empty clusters as they were."""
    new = centers.copy()
    for j in np.unique(labels):
        new[j] = np.median(np.asarray(X)[labels == j].astype(centers.dtype), axis=0)
    return new


def crowd(n=700, d=5, k=6, seed=0, dtype=np.float32):
    random = np.random.default_rng(seed)
    return (random.laplace(size=(n, d)) + 6 * random.normal(size=(k, d))[random.integers(k, size=n)]).astype(dtype)


# ---- labels -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "d", "k"), EDGES)
def test_labels_and_distances_are_those_of_the_definition(dtype, n, d, k):
    X = hard_rows("clusters", n, d, offset=0, tiny=0).astype(dtype)
    centers = X[np.random.default_rng(1).choice(n, k, replace=k > n)] + dtype(0.25)
    expected = differences(X, centers)
    labels, dists, _ = nearest(X, centers)
    assert_same_bits(labels, expected.argmin(axis=1).astype(np.int32))
    assert_same_bits(dists, expected.min(axis=1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 3, 40])
@pytest.mark.parametrize(
    "kind", ["offset", "grid", "huge ranges", "outlier column", "tiny", "zeros", "equal", "constant column"]
)
def test_rows_that_are_hard_to_tell_apart_are_settled(dtype, d, kind):
    tiny = 1e-42 if dtype == np.float32 else 1e-320
    X = hard_rows(kind, 500, d, offset=1e6, tiny=tiny).astype(dtype)
    centers = np.concatenate([X[:11], (X[20:30] + X[30:40]) / 2, X[:4]]).astype(dtype)
    labels, _, settled = nearest(X, centers)
    assert_same_bits(labels, differences(X, centers).argmin(axis=1).astype(np.int32))
    assert settled > 0  # centers 0 to 3 are there twice


def test_few_rows_are_settled():
    X = crowd(20_000, 16, 50)
    assert nearest(X, X[:50])[2] < 50


@given(strategies.points_and_k(), strategies.layouts())
def test_labels_of_any_rows(problem, layout):
    X, k = problem
    centers = X[:k]
    expected = differences(X, centers).argmin(axis=1).astype(np.int32)
    assert_same_bits(nearest(layout(X), centers)[0], expected)


# ---- medians ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 3, 8, 101])
def test_medians_are_numpys(dtype, n):
    columns = np.random.default_rng(n).normal(size=(4, n)).astype(dtype)
    assert_same_bits(medians_of(columns.copy()), np.median(columns, axis=1))
    assert_same_bits(medians_of(columns.copy(), np.ones(n)), np.median(columns, axis=1))


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_weights_of_medians_are_repetitions(n, seed):
    random = np.random.default_rng(seed)
    columns, weights = random.integers(0, 6, (3, n)).astype(np.float64), random.integers(1, 4, n)
    expected = np.median(np.repeat(columns, weights, axis=1), axis=1)
    assert_same_bits(medians_of(columns, weights.astype(np.float64)), expected)


# ---- fits -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(3))
def test_iterations_are_those_of_the_definition(dtype, seed):
    X = crowd(seed=seed, dtype=dtype)
    centers, costs = X[:7].copy(), []
    result = fastkmeans.k_medians(X, 7, init=X[:7])
    for stats in result.history:
        sums = differences(X, centers)
        labels = sums.argmin(axis=1)
        costs.append(sums.min(axis=1).sum())
        assert stats.inertia == pytest.approx(costs[-1], rel=1e-12) and stats.n_relocated == 0
        before, centers = centers, medians_by_numpy(X, labels, centers)
        shift = ((centers.astype(np.float64) - before) ** 2).sum()
        if stats is not result.history[-1]:
            assert stats.center_shift == pytest.approx(shift, rel=1e-12)
    assert len(costs) > 4 and (np.diff(costs) <= 0).all() and result.converged
    assert_same_bits(result.centers, before)
    assert_same_bits(result.labels, labels.astype(np.int32))
    assert result.cost == pytest.approx(costs[-1], rel=1e-12) and result.n_iter == len(costs)


@given(strategies.points_and_k(), st.integers(0, 100))
@pytest.mark.filterwarnings("ignore::fastkmeans.TooFewDistinctRows")
def test_cost_never_rises_and_results_agree_with_themselves(problem, seed):
    X, k = problem
    init = np.random.default_rng(seed).integers(len(X), size=k)  # equal centers among them
    result = fastkmeans.k_medians(X, k, init=init)
    sums = differences(X, result.centers)
    assert_same_bits(result.labels, sums.argmin(axis=1).astype(np.int32))
    assert result.cost == pytest.approx(sums.min(axis=1).sum(), rel=1e-9, abs=1e-300)
    costs = np.array([stats.inertia for stats in result.history])
    assert (np.diff(costs) <= 1e-9 * costs[:-1]).all()
    assert result.converged
    assert len(np.unique(result.labels)) == min(k, len(np.unique(X, axis=0)))
    assert_same_bits(result.predict(X), result.labels)


def test_a_row_far_out_pulls_no_center_along():
    X = np.concatenate([np.arange(9.0), 100 + np.arange(9.0), [1e6]])[:, None]
    result = fastkmeans.k_medians(X, 2, init=[[0.0], [100.0]])
    assert result.centers.tolist() == [[4.0], [104.5]]


def test_empty_clusters_get_the_farthest_rows():
    X = np.array([[0.0], [1.0], [2.0], [50.0], [50.0], [90.0]])
    result = fastkmeans.k_medians(X, 4, init=[[1.0], [-500.0], [-600.0], [-700.0]])
    # 90, 50 once, and 0 (as far as 2, but the lower row); the median of all, 26, is then nobody's, and goes to row 2.
    assert [stats.n_relocated for stats in result.history[:3]] == [3, 1, 0]
    assert sorted(result.centers.ravel().tolist()) == [0.5, 2.0, 50.0, 90.0] and result.cost == 1.0


def test_no_cluster_stays_empty_while_rows_differ():
    for seed in range(100):
        random = np.random.default_rng(seed)
        X = random.integers(0, 3, (30, 1 + seed % 2)).astype(float)
        k = min(6, len(np.unique(X, axis=0)))
        result = fastkmeans.k_medians(X, k, init=X[random.integers(30, size=k)])
        assert len(np.unique(result.labels)) == k


def test_too_few_distinct_rows_are_told():
    X = np.repeat([[0.0, 1.0], [5.0, 5.0]], 6, axis=0)
    with pytest.warns(fastkmeans.TooFewDistinctRows, match="fewer distinct rows than n_clusters=4: 2 clusters"):
        result = fastkmeans.k_medians(X, 4, random_state=0)
    assert result.cost == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_are_repetitions(dtype):
    X = crowd(300, dtype=dtype)
    weights = np.random.default_rng(2).integers(0, 4, 300)
    weighted = fastkmeans.k_medians(X, 5, init=X[:5], sample_weight=weights)
    repeated = fastkmeans.k_medians(np.repeat(X, weights, axis=0), 5, init=X[:5])
    assert_same_bits(weighted.centers, repeated.centers)
    assert_same_bits(np.repeat(weighted.labels, weights), repeated.labels)
    assert weighted.cost == pytest.approx(repeated.cost, rel=1e-12)
    ones = fastkmeans.k_medians(X, 5, init=X[:5], sample_weight=np.full(300, 3.0))
    assert_same_bits(ones.centers, fastkmeans.k_medians(X, 5, init=X[:5]).centers)


def test_rows_without_weight_hold_no_cluster():
    X = np.array([[0.0], [1.0], [10.0], [11.0], [99.0]])
    result = fastkmeans.k_medians(X, 2, init=[[0.0], [99.0]], sample_weight=[1, 1, 1, 1, 0])
    assert result.centers.tolist() == [[0.5], [10.5]] and result.cost == 2.0


@pytest.mark.parametrize("dtype", strategies.DTYPES)
def test_stored_types_are_read_as_their_values(dtype):
    X = strategies.values_of(dtype, (200, 3))
    result = fastkmeans.k_medians(X, 4, init=[0, 1, 2, 5], max_iter=8)
    wide = np.dtype(dtype).name in ("float64", "int32", "uint32", "int64", "uint64")
    assert result.centers.dtype == (np.float64 if wide else np.float32)
    assert_same_bits(result.labels, differences(X, result.centers).argmin(axis=1).astype(np.int32))


@pytest.mark.parametrize("layout", strategies.LAYOUTS)
def test_layouts_make_no_difference(layout):
    expected = fastkmeans.k_medians(crowd(), 5, random_state=0)
    assert_same_result(expected, fastkmeans.k_medians(strategies.LAYOUTS[layout](crowd()), 5, random_state=0))


def test_same_bits_on_any_threads(n_threads):
    X = crowd(30_000, 20)
    settings = {"random_state": 0, "max_iter": 6, "n_init": 2}
    expected = fastkmeans.k_medians(X, 12, n_threads=1, **settings)
    assert_same_result(expected, fastkmeans.k_medians(X, 12, n_threads=n_threads, **settings))


def test_edge_shapes():
    X = crowd(9)
    assert_same_bits(fastkmeans.k_medians(X, 1).centers[0], np.median(X, axis=0))
    each = fastkmeans.k_medians(X, 9, random_state=0)
    assert each.cost == 0 and sorted(each.labels) == list(range(9))
    assert fastkmeans.k_medians([[3.0]], 1).centers.tolist() == [[3.0]]


def test_callbacks_verbose_and_files(capsys, tmp_path):
    X = crowd()
    stopped = fastkmeans.k_medians(X, 6, random_state=0, callback=lambda stats: stats.phase != "medians")
    assert stopped.n_iter == 1 and not stopped.converged
    assert_same_bits(stopped.labels, differences(X, stopped.centers).argmin(axis=1).astype(np.int32))
    expected = fastkmeans.k_medians(X, 6, random_state=0)
    assert_same_result(expected, fastkmeans.k_medians(X, 6, random_state=0, verbose=1))
    assert "medians" in capsys.readouterr().err
    np.save(tmp_path / "rows.npy", X)
    assert_same_result(expected, fastkmeans.k_medians(tmp_path / "rows.npy", 6, random_state=0))
    assert repr(expected).startswith("KMediansResult(n_clusters=6, n_features=5, n_samples=700, cost=")


def test_predict_of_other_rows():
    result = fastkmeans.k_medians(crowd(), 6, random_state=0)
    others = crowd(50, seed=3, dtype=np.float64)
    assert_same_bits(result.predict(others), differences(others, result.centers).argmin(axis=1).astype(np.int32))
    with pytest.raises(ValueError, match="has 5 columns, but X has 4"):
        result.predict(others[:, :4])


def test_what_cannot_be():
    with pytest.raises(TypeError, match="sparse matrix, which k_medians does not take"):
        fastkmeans.k_medians(sparse.csr_array(np.eye(5)), 2)
    with pytest.raises(ValueError, match="contains NaN"):
        fastkmeans.k_medians([[1.0], [np.nan]], 2)
    with pytest.raises(ValueError, match="sample_weight is negative"):
        fastkmeans.k_medians([[1.0], [2.0]], 2, sample_weight=[1, -1])
    with pytest.raises(ValueError, match="should be >= n_clusters=3"):
        fastkmeans.k_medians([[1.0], [2.0]], 3)
