"""Relations that hold for any rows: weights as repeats, scales, orders, fixed points."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import fastkmeans
from fastkmeans.engine.planner import ASSIGNERS
from tests import naive, strategies
from tests.checks import assert_labels_by_definition, assert_same_bits, assert_same_result

pytestmark = pytest.mark.filterwarnings("ignore::fastkmeans.TooFewDistinctRows")
metrics = st.sampled_from(("euclidean", "cosine"))


def usable(X, metric):
    """Cosine needs rows with a direction."""
    assume(metric == "euclidean" or X.any(axis=1).all())


@given(strategies.points_and_k(dtypes=strategies.DTYPES[:-1]), metrics, st.sampled_from(("auto", *ASSIGNERS)))
def test_labels_are_those_of_the_definition(problem, metric, way):
    X, k = problem
    usable(X, metric)
    init = "random" if way in ("bounds", "boxes") else "k-means++"
    result = fastkmeans.fit(X, k, init=init, n_init=1, metric=metric, random_state=0, max_iter=5, algorithm=way)
    assert_labels_by_definition(X, result.centers, result.labels, metric)
    assert_same_bits(result.labels, result.predict(X))
    rows = naive.unit_rows(X, result.centers.dtype) if metric == "cosine" else X
    exact = naive.inertia(rows, result.labels, result.centers)
    # Rows far from zero are packed in the computing type, less a shift: their rounding is the error.
    rounding = np.finfo(result.centers.dtype).eps * np.abs(np.asarray(rows, np.float64)).max()
    assert result.inertia == pytest.approx(exact, rel=1e-5, abs=rows.size * rounding**2 + 1e-300)


@given(strategies.points(), strategies.points())
def test_predict_around_any_centers(X, centers):
    d = min(X.shape[1], centers.shape[1])
    X, centers = X[:, :d], centers[:, :d]
    labels = fastkmeans.predict(X, centers)
    stored = centers.astype(np.promote_types(X.dtype, centers.dtype))
    assert_labels_by_definition(X, stored, labels)


@given(strategies.points_and_k(max_rows=40), st.data())
def test_weights_count_as_repeats(problem, data):
    X, k = problem
    repeats = data.draw(st.lists(st.integers(1, 4), min_size=len(X), max_size=len(X)).map(np.array))
    weighted = fastkmeans.fit(X, k, init=np.arange(k), sample_weight=repeats, max_iter=1, tol=0)
    repeated = fastkmeans.fit(np.repeat(X, repeats, axis=0), k, init=X[:k], max_iter=1, tol=0)
    if weighted.history[0].n_relocated or repeated.history[0].n_relocated:
        return  # a row of weight 2 moves to an empty cluster whole, one of two equal rows alone
    scale = float(np.abs(X).max())
    tolerance = 1e-6 if X.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(weighted.centers, repeated.centers, rtol=tolerance, atol=tolerance * scale)
    assert_labels_by_definition(X, weighted.centers, weighted.labels)
    # The square of the rounding of the centers is the least that an inertia can be off by.
    least = len(X) * X.shape[1] * 4 * (tolerance * scale) ** 2
    assert weighted.inertia == pytest.approx(repeated.inertia, rel=1e-3, abs=least)


@given(strategies.points_and_k(), metrics)
def test_unit_weights_are_no_weights(problem, metric):
    X, k = problem
    usable(X, metric)
    options = {"init": np.arange(k), "metric": metric, "max_iter": 8}
    plain = fastkmeans.fit(X, k, **options)
    assert_same_result(plain, fastkmeans.fit(X, k, sample_weight=np.ones(len(X)), **options))


@given(strategies.points_and_k(), st.data())
def test_rows_of_weight_zero_change_nothing_but_their_labels(problem, data):
    X, k = problem
    weights = data.draw(strategies.weights(len(X)))
    kept = weights > 0
    assume(kept.sum() >= k)
    options = {"init": X[kept][:k], "tol": 0, "max_iter": 1}
    with_zeros = fastkmeans.fit(X, k, sample_weight=weights, **options)
    without = fastkmeans.fit(X[kept], k, sample_weight=weights[kept], **options)
    tolerance = 1e-5 if X.dtype == np.float32 else 1e-10
    np.testing.assert_allclose(with_zeros.centers, without.centers, rtol=tolerance, atol=tolerance * np.abs(X).max())


@given(strategies.points_and_k(), st.integers(-8, 8))
def test_scaling_by_a_power_of_two_scales_every_bit(problem, power):
    X, k = problem
    X[np.abs(X) < 1e-10] = 0  # keeps squares away from underflow
    factor = X.dtype.type(2.0**power)
    one = fastkmeans.fit(X, k, random_state=3, max_iter=6)
    other = fastkmeans.fit(X * factor, k, random_state=3, max_iter=6)
    assert_same_bits(one.labels, other.labels)
    assert_same_bits(one.centers * factor, other.centers)
    assert one.inertia * 4.0**power == other.inertia


@given(st.integers(2, 60), st.integers(1, 9), st.integers(1, 8), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(n, d, k, shuffle):
    X = np.random.default_rng(n * d).normal(size=(n, d))
    k = min(k, n)
    order = np.array(shuffle.sample(range(n), n))
    one = fastkmeans.fit(X, k, init=X[:k])
    other = fastkmeans.fit(X[order], k, init=X[:k])
    assert_same_bits(one.labels[order], other.labels)
    np.testing.assert_allclose(one.centers, other.centers, rtol=1e-9, atol=1e-12)


@given(strategies.points_and_k(dtypes=strategies.DTYPES), strategies.layouts())
def test_inputs_are_not_changed_and_layouts_do_not_matter(problem, layout):
    X, k = problem
    view = layout(X)
    options = {"init": np.arange(k), "max_iter": 3}
    expected = fastkmeans.fit(X, k, **options)
    before = view.copy()
    assert_same_result(expected, fastkmeans.fit(view, k, **options))
    assert_same_bits(view, before)


@given(strategies.points_and_k(), metrics)
def test_a_refit_from_the_optimum_stays_there(problem, metric):
    X, k = problem
    usable(X, metric)
    first = fastkmeans.fit(X, k, random_state=0, tol=0, metric=metric)
    assume(first.converged)
    again = fastkmeans.fit(X, k, init=first.centers, tol=0, metric=metric)
    assume(sum(stats.n_relocated for stats in again.history) == 0)
    assert_same_bits(first.labels, again.labels)
    assert again.n_iter <= 2
    # One rounding to the computing type lies between means of equal rows that were summed in another order.
    ulps = 4 * np.finfo(first.centers.dtype).eps
    np.testing.assert_allclose(again.centers, first.centers, rtol=ulps, atol=ulps * np.abs(X).max())


@given(strategies.points_and_k(), st.booleans())
def test_inertia_never_rises(problem, weighted):
    X, k = problem
    weights = np.arange(len(X)) % 3 + 0.5 if weighted else None
    result = fastkmeans.fit(X, k, random_state=0, tol=0, sample_weight=weights)
    largest = np.abs(X.astype(np.float64)).max()
    rounding = np.finfo(X.dtype).eps * largest
    # Centers are rounded to the computing type; inertias of iterations are differences of float64 sums of squares.
    slack = 8 * X.size * (rounding**2 + rounding * np.sqrt(result.history[0].inertia / X.size)) + 1e-300
    slack += 8 * X.size * np.finfo(np.float64).eps * largest**2
    values = [stats.inertia for stats in result.history] + [result.inertia]
    for earlier, later, stats in zip(values[:-1], values[1:], result.history, strict=True):
        if not stats.n_relocated:
            assert later <= earlier * (1 + 1e-9) + slack


@given(strategies.points(max_rows=30))
def test_as_many_clusters_as_distinct_rows(X):
    distinct = np.unique(X, axis=0)
    result = fastkmeans.fit(distinct, len(distinct), random_state=0)
    distances = naive.sq_dists(distinct, distinct)
    assume((distances + np.eye(len(distinct)) > 0).all())  # else squares underflow
    assert result.inertia == 0.0
    assert sorted(result.labels.tolist()) == list(range(len(distinct)))
    assert_same_bits(result.centers[result.labels], distinct + X.dtype.type(0))


@given(strategies.points_and_k(max_rows=30))
def test_too_few_distinct_rows_are_said(problem):
    X, k = problem
    distinct = len(np.unique(X + X.dtype.type(0), axis=0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = fastkmeans.fit(X, k, random_state=0)
    found = [warning for warning in caught if issubclass(warning.category, fastkmeans.TooFewDistinctRows)]
    distances = naive.sq_dists(np.unique(X, axis=0), np.unique(X, axis=0))
    assume((distances > 0).sum() == distances.size - len(distances))
    assert bool(found) == (distinct < k)
    if distinct <= k:
        assert len(np.unique(result.labels)) == distinct and result.inertia == pytest.approx(0, abs=1e-20)
