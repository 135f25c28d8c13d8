"""fit_many: every result is that of `fit` alone, to the bit; from any kind of problems, in any of the ways."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastkmeans
from fastkmeans import fit, fit_many
from fastkmeans.engine import many as engine
from fastkmeans.engine.moments import SMALL_VALUES
from fastkmeans.engine.plus_plus import SMALL_CLUSTERS
from fastkmeans.kernels.few_rows import PLUS_PLUS
from fastkmeans.variants import many
from tests import naive
from tests.checks import assert_labels_by_definition, assert_same_bits, assert_same_result


def clouds(m, n, d, seed=0, dtype=np.float32, offset=0.0):
    """(m, n, d): three clouds in each problem."""
    random = np.random.default_rng(seed)
    middles = random.normal(scale=6, size=(m, 3, d)) + offset
    return (middles[np.arange(m)[:, None], random.integers(3, size=(m, n))] + random.normal(size=(m, n, d))).astype(
        dtype
    )


def assert_as_alone(results, problems, n_clusters, sample_weight=None, **settings):
    """Every result is that of `fit` with its seed."""
    assert len(results) == len(problems)
    for i, result in enumerate(results):
        k = n_clusters if np.ndim(n_clusters) == 0 else n_clusters[i]
        weights = None if sample_weight is None else sample_weight[i]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", fastkmeans.TooFewDistinctRows)
            alone = fit(problems[i], k, random_state=int(results.seeds[i]), sample_weight=weights, **settings)
        assert_same_result(result, alone)


@pytest.fixture
def ordinary(monkeypatch):
    """How many problems take the ordinary way."""
    counts, whole = [], many.run_fit

    def counting(*arguments, **settings):
        counts.append(settings)
        return whole(*arguments, **settings)

    monkeypatch.setattr(many, "run_fit", counting)
    return counts


SETTINGS = (
    {},
    {"metric": "cosine"},
    {"tol": 0},
    {"max_iter": 2},
    {"n_init": 3},
    {"init": "random", "n_init": 2},
    {"init": [0, 7, 11]},
)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("n, d", [(300, 8), (1000, 2), (64, 16), (40, 1), (30, 130), (500, 16)])
def test_results_are_those_of_fit(n, d, settings, ordinary):
    problems = clouds(7, n, d)
    with warnings.catch_warnings():  # unit rows of one column are but two
        warnings.simplefilter("ignore", fastkmeans.TooFewDistinctRows)
        results = fit_many(problems, 3, random_state=1, **settings)
    assert not ordinary or d == 1
    assert_as_alone(results, problems, 3, **settings)


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i1", "u1", "i2", "u2", "i4", "u8", "?", ">f4", ">i8"])
@pytest.mark.parametrize("layout", ["plain", "fortran", "strided"])
def test_stored_types_and_layouts(dtype, layout, ordinary):
    problems = (np.abs(clouds(5, 60, 6)) * 3 + 1).astype(np.int8).astype(dtype)
    if dtype == "?":
        problems = clouds(5, 60, 6) > 0
    if layout == "fortran":
        problems = np.asfortranarray(problems)
    if layout == "strided":
        problems = np.repeat(np.repeat(problems, 2, axis=2), 2, axis=1)[:, ::-2, 1::2]
    results = fit_many(problems, 2, random_state=0)
    assert len(ordinary) <= 1
    assert_as_alone(results, problems, 2)


def test_rows_far_from_zero_and_long_ones_are_shifted_alike():
    for offset, dtype in ((1e4, np.float32), (1e6, np.float64), (300, np.int16)):
        problems = clouds(6, 100, 5, offset=offset, dtype=dtype)
        problems[3, 0] *= 2
        assert_as_alone(fit_many(problems, 4, random_state=2, tol=0), problems, 4, tol=0)


def test_weights_and_what_ones_stand_for(ordinary):
    random = np.random.default_rng(3)
    problems = clouds(6, 80, 3)
    weights = list(random.random((6, 80)) * random.integers(0, 3, (6, 80)))
    weights[1], weights[4] = None, np.ones(80)
    for settings in ({}, {"init": "random"}, {"n_init": 2, "metric": "cosine"}):
        results = fit_many(problems, 3, sample_weight=weights, random_state=0, **settings)
        assert not ordinary
        assert_as_alone(results, problems, 3, weights, **settings)
    shared = fit_many(problems, 3, sample_weight=weights[0], random_state=0)
    assert_as_alone(shared, problems, 3, [weights[0]] * 6)
    stacked = fit_many(problems, 3, sample_weight=np.tile(weights[0], (6, 1)), random_state=0)
    assert_same_bits(stacked.centers, shared.centers)


def test_problems_may_differ_in_all_that_they_are(ordinary):
    pandas, sparse = pytest.importorskip("pandas"), pytest.importorskip("scipy.sparse")
    random = np.random.default_rng(0)
    problems = [
        random.normal(size=(50, 3)),
        random.normal(size=(1, 1)).astype(np.float32),
        random.integers(0, 255, (300, 4), dtype=np.uint8),
        pandas.DataFrame(random.normal(size=(40, 3))),
        sparse.random(60, 20, 0.3, "csr", random_state=0),
        random.normal(size=(20_000, 8)).astype(np.float32),
        [[0.0, 1.0], [2.0, 3.0], [9.0, 9.0]],
        random.normal(size=(30, 300)).astype(np.float32),
    ]
    clusters = [2, 1, 9, 40, 3, 20, 3, 4]
    results = fit_many(problems, clusters, random_state=4)
    assert len(ordinary) == 3  # sparse, large and wide
    assert_as_alone(results, problems, clusters)
    assert isinstance(results.centers, list) and isinstance(results.labels, list)
    for result, centers, labels in zip(results, results.centers, results.labels, strict=True):
        assert_same_bits(result.centers, centers)
        assert_same_bits(result.labels, labels)


def test_columns_in_groups_are_read_where_they_lie(monkeypatch):
    X = np.random.default_rng(0).normal(size=(5000, 12)).astype(np.float32)
    given = []
    whole = many.run_fit
    monkeypatch.setattr(
        many, "run_fit", lambda part, *rest, **more: (given.append(part), whole(part, *rest, **more))[1]
    )
    for rows in (X, np.asfortranarray(X)):
        given.clear()
        parts = rows.reshape(len(rows), 3, 4).swapaxes(0, 1)
        results = fit_many(parts, 16, random_state=0)
        assert len(given) == 3 and all(np.shares_memory(part, rows) for part in given)
        assert results.centers.shape == (3, 16, 4) and results.labels.shape == (3, 5000)
        for i in range(3):
            columns = np.ascontiguousarray(X[:, 4 * i : 4 * i + 4])
            assert_labels_by_definition(columns, results.centers[i], results.labels[i])
            assert_same_result(results[i], fit(parts[i], 16, random_state=int(results.seeds[i])))
    few = X[:400].reshape(400, 3, 4).swapaxes(0, 1)
    assert_as_alone(fit_many(few, 5, random_state=0), few, 5)


def test_bits_do_not_depend_on_threads(n_threads):
    problems = [*clouds(700, 30, 4), *clouds(3, 9000, 4), *clouds(2, 1200, 9)]
    results = fit_many(problems, 3, random_state=5, n_threads=n_threads, n_init=2)
    one = fit_many(problems, 3, random_state=5, n_threads=1, n_init=2)
    for a, b in zip(results, one, strict=True):
        assert_same_result(a, b)


def test_the_rule_of_the_seeds_is_public():
    problems = clouds(4, 50, 2)
    results = fit_many(problems, 3, random_state=11)
    assert_same_bits(results.seeds, np.random.default_rng(11).integers(2**63, size=4))
    again = [fit_many(problems, 3, random_state=seed).centers for seed in (11, np.random.default_rng(11), 12)]
    assert_same_bits(again[0], again[1])
    assert not np.array_equal(again[0], again[2])


def test_first_centers_may_be_given_for_each():
    problems = clouds(5, 60, 4)
    each = problems[:, 10:13].astype(np.float64)
    results = fit_many(problems, 3, init=each)
    for i in range(5):
        assert_same_result(results[i], fit(problems[i], 3, init=each[i]))
        centers, labels, inertia, n_iter = naive.lloyd(problems[i], each[i].astype(np.float32))
        assert_same_bits(results.labels[i], labels)
        np.testing.assert_allclose(results.centers[i], centers, rtol=1e-5)
        assert results.inertia[i] == pytest.approx(inertia, rel=1e-5) and results.n_iter[i] == n_iter
    same = fit_many(problems, 3, init=each[0])
    assert_same_bits(same[0].centers, results[0].centers)


def test_a_callable_gives_first_centers(ordinary):
    problems = clouds(3, 40, 2)

    def corners(X, n_clusters, random_state):
        return X[random_state.choice(len(X), n_clusters, replace=False)]

    results = fit_many(problems, 3, init=corners, n_init=2, random_state=0)
    assert len(ordinary) == 3
    assert_as_alone(results, problems, 3, init=corners, n_init=2)


def test_empty_clusters_and_too_few_rows_go_the_ordinary_way(ordinary):
    problems = clouds(4, 30, 2)
    problems[2] = problems[2, 0]
    problems[3] = np.tile(problems[3, :5], (6, 1))
    with pytest.warns(fastkmeans.TooFewDistinctRows, match=r"problems\[2\] and 1 others have fewer distinct rows"):
        results = fit_many(problems, 8, random_state=0)
    assert len(ordinary) == 2
    assert_as_alone(results, problems, 8)
    far = np.full((30, 3, 2), 1e3, np.float32)
    far[:, :, 0] += np.arange(3)
    results = fit_many(clouds(30, 40, 2), 3, init=far)  # two of three centers attract no row
    assert len(ordinary) == 32
    for i in (0, 29):
        assert_same_result(results[i], fit(clouds(30, 40, 2)[i], 3, init=far[i]))


def test_runs_of_many_iterations_go_the_ordinary_way(ordinary, monkeypatch):
    problems = np.linspace(0, 1, 4000).reshape(1, 4000, 1) ** 2
    monkeypatch.setattr(engine, "MOST_ITERATIONS", 20)
    results = fit_many(problems, 20, random_state=0, tol=0)
    assert len(ordinary) == 1 and results.n_iter[0] > 20
    assert_as_alone(results, problems, 20, tol=0)


def test_results_are_a_sequence():
    problems = clouds(6, 50, 3)
    results = fit_many(problems, 4, random_state=0)
    assert len(results) == 6 and len(list(results)) == 6
    assert_same_result(results[-1], results[5])
    assert [len(part.labels) for part in results[1:5:2]] == [50, 50]
    with pytest.raises(IndexError):
        results[6]
    assert results.centers.shape == (6, 4, 3) and results.labels.shape == (6, 50)
    np.testing.assert_array_equal(results.inertia, [result.inertia for result in results])
    np.testing.assert_array_equal(results.n_iter, [result.n_iter for result in results])
    np.testing.assert_array_equal(results.converged, [result.converged for result in results])
    assert "6 fits" in repr(results)
    one = results[2]
    assert np.array_equal(one.predict(problems[2]), one.labels)
    assert type(one.inertia) is float and type(one.n_iter) is int and type(one.converged) is bool
    assert one.history[-1].seconds > 0 and one.plan.startswith("dense")


def test_large_problems_share_threads_or_have_one_each(monkeypatch):
    asked = []
    monkeypatch.setattr(many, "run_fit", lambda *_, n_threads, **__: (asked.append(n_threads), None)[1] or 1 / 0)
    large = np.zeros((4, 100_000, 4), np.float32)
    for n, n_threads, expected in ((4, 2, 1), (3, 2, 2), (4, 1, 1)):
        asked.clear()
        with pytest.raises(ZeroDivisionError):
            fit_many(large[:n], 50, n_threads=n_threads)
        assert set(asked) == {expected}


def test_fits_of_few_rows_are_all_labelled_densely():
    """What start_of promises the kernel, which knows no other way."""
    for d in (1, 2, 3, 8, 100, SMALL_VALUES):
        for k in (1, 8, SMALL_CLUSTERS):
            n = max(k, SMALL_VALUES // d)
            for dtype in (np.float32, np.float64):
                start = engine.start_of("auto", engine.Shape(n, d, np.dtype(dtype)), k, 300)
                assert start == (PLUS_PLUS if n * d <= SMALL_VALUES else None)
    assert engine.start_of("afk-mc2", engine.Shape(50, 2, np.dtype(np.float32)), 3, 300) is None


@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    d=st.integers(1, 9),
    k=st.integers(1, 12),
    values=st.integers(1, 40),
    settings=st.sampled_from(SETTINGS[:6]),
)
def test_any_problems_have_the_bits_of_fit(seed, sizes, d, k, values, settings):
    """Few distinct values: ties, equal rows, empty clusters."""
    random = np.random.default_rng(seed)
    problems = [random.integers(1, 1 + values, (n, d)).astype(np.float32) / 4 for n in sizes]
    clusters = [min(k, n) for n in sizes]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fastkmeans.TooFewDistinctRows)
        results = fit_many(problems, clusters, random_state=seed, **settings)
    assert_as_alone(results, problems, clusters, **settings)


# ---- errors -----------------------------------------------------------------------------------------------


def with_nan(number):
    problems = clouds(30, 20, 2)
    problems[number, 3, 1] = np.nan
    return problems


NOT_2D = np.zeros(5)
ERRORS = (
    (with_nan(17), 3, {}, ValueError, r"problems\[17\]: X contains NaN \(at row 3, column 1\)"),
    (list(with_nan(17)), 3, {}, ValueError, r"problems\[17\]: X contains NaN"),
    ([clouds(1, 20, 2)[0], NOT_2D], 1, {}, ValueError, r"problems\[1\] must be 2-D"),
    ([clouds(1, 20, 2)[0], "rows.npy"], 1, {}, TypeError, r"problems\[1\] is not in memory"),
    ([clouds(1, 20, 2)[0], np.zeros((5, 2), complex)], 1, {}, ValueError, r"problems\[1\] is complex"),
    ([clouds(1, 20, 2)[0], np.zeros((0, 2))], 1, {}, ValueError, r"problems\[1\] has no rows"),
    (np.zeros((5, 0, 2)), 1, {}, ValueError, r"problems\[0\] has no rows"),
    ([np.zeros((9, 2)), np.zeros((3, 2))], 4, {}, ValueError, r"problems\[1\]: n_samples=3 should be >= n_clusters=4"),
    (clouds(2, 9, 2), [2, 2, 2], {}, ValueError, "n_clusters lists 3 numbers, but there are 2 problems"),
    (clouds(2, 9, 2), [2, 2.5], {}, TypeError, r"problems\[1\]: n_clusters must be an integer"),
    (clouds(2, 9, 2), True, {}, TypeError, r"problems\[0\]: n_clusters must be an integer"),
    (clouds(1, 9, 2)[0], 2, {}, ValueError, r"problems must be 3-D .* pass \[X\] for one problem"),
    ([], 2, {}, ValueError, "problems is empty"),
    (np.zeros((0, 3, 2)), 2, {}, ValueError, "problems is empty"),
    ({"a": clouds(1, 9, 2)[0]}, 2, {}, TypeError, "problems must be a 3-D array or a sequence of tables, got dict"),
    (iter([]), 2, {}, TypeError, "make a list"),
    ("rows", 2, {}, TypeError, "got str"),
    (clouds(2, 9, 2), 2, {"init": np.zeros((3, 2, 2))}, ValueError, "init has first centers for 3 problems"),
    (clouds(2, 9, 2), 2, {"init": np.zeros((2, 3, 2))}, ValueError, r"problems\[0\]: The shape of the initial centers"),
    (clouds(2, 9, 2), 2, {"init": "kmeans"}, ValueError, r"init='kmeans' is unknown"),
    (clouds(2, 9, 2), 2, {"sample_weight": np.ones((3, 9))}, ValueError, "sample_weight is for 3 problems"),
    (clouds(2, 9, 2), 2, {"sample_weight": [None, -np.ones(9)]}, ValueError, r"problems\[1\]: sample_weight is neg"),
    (clouds(2, 9, 2), 2, {"sample_weight": [None, np.ones(8)]}, ValueError, r"problems\[1\]: sample_weight has shape"),
    (clouds(2, 9, 2), 2, {"metric": "manhattan"}, ValueError, "metric='manhattan' is unknown"),
    (clouds(2, 9, 2), 2, {"tol": -1}, ValueError, "tol=-1"),
    (np.zeros((2, 9, 2)), 2, {"metric": "cosine"}, ValueError, r"problems\[0\]: X row 0 is all zeros"),
)


@pytest.mark.parametrize("problems, k, settings, kind, message", ERRORS, ids=[error[4][:40] for error in ERRORS])
def test_errors_name_the_problem(problems, k, settings, kind, message):
    with pytest.raises(kind, match=message):
        fit_many(problems, k, **settings)


def test_the_first_problem_that_is_wrong_is_named(n_threads):
    problems = with_nan(20)
    problems[[5, 29], 0, 0] = np.inf
    with pytest.raises(ValueError, match=r"problems\[5\]: X contains infinity"):
        fit_many(problems, 3, n_threads=n_threads)
    more = np.full((5000, 2), np.nan)
    with pytest.raises(ValueError, match=r"problems\[1\]: X contains NaN"):
        fit_many([problems[0], more, problems[5]], 3, n_threads=n_threads)
