"""G-means and X-means: the test of normality beside scipy's, and clusters that are found."""

import warnings

import numpy as np
import pytest
from scipy import sparse, stats

from fastkmeans import select_k
from fastkmeans.selection.growing import anderson_darling, normality_p
from tests.checks import assert_labels_by_definition, assert_same_result
from tests.selection.test_path import blobs


def scipys(values):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it will give p-values one day
        return stats.anderson(values, "norm").statistic


@pytest.mark.parametrize("draw", ["normal", "uniform", "exponential", "standard_t"])
def test_the_statistic_is_scipys(draw):
    random = np.random.default_rng(0)
    for n in (8, 50, 3000):
        values = getattr(random, draw)(size=n) if draw != "standard_t" else random.standard_t(2, size=n)
        np.testing.assert_allclose(anderson_darling(values), scipys(values), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(anderson_darling(1e6 - 3 * values), scipys(-values), rtol=1e-5)


def test_equal_values_and_far_ones():
    assert anderson_darling(np.full(9, 0.1)) == 0.0 or normality_p(np.full(9, 0.1)) <= 1
    far = np.append(np.random.default_rng(0).normal(size=10_000), 1e6)
    assert np.isfinite(anderson_darling(far)) and normality_p(far) == 0.0


def test_p_is_the_share_of_normal_samples_beyond():
    """Also the paper's: 1.8692 is the critical value for alpha = 0.0001 (Hamerly and Elkan 2003)."""
    random = np.random.default_rng(0)
    p = np.array([normality_p(random.normal(size=100)) for _ in range(3000)])
    for alpha in (0.01, 0.05, 0.25, 0.5, 0.9):
        share = (p < alpha).mean()
        assert abs(share - alpha) < 4 * np.sqrt(alpha * (1 - alpha) / 3000) + 0.1 * alpha
    values = random.normal(size=(4000, 200))
    statistics = np.array([anderson_darling(row) * (1 + 4 / 200 - 25 / 200**2) for row in values[:300]])
    assert ((statistics > 1.8692) == ([normality_p(row) < 1e-4 for row in values[:300]])).all()


@pytest.mark.parametrize(
    "critical, alpha", [(0.631, 0.10), (0.752, 0.05), (0.873, 0.025), (1.035, 0.01), (1.8692, 1e-4)]
)
def test_critical_values_of_the_tables(critical, alpha, monkeypatch):
    monkeypatch.setattr("fastkmeans.selection.growing.anderson_darling", lambda values: critical)
    np.testing.assert_allclose(normality_p(np.zeros(10**6)), alpha, rtol=0.12)


@pytest.mark.parametrize("method", ["g-means", "x-means"])
@pytest.mark.parametrize("k", [1, 2, 5, 9])
def test_normal_clusters_are_found(method, k):
    X = blobs(300 * k, 4, k, seed=3, scale=12.0)
    grown = select_k(X, method=method, random_state=0)
    assert len(grown.result.centers) == k
    assert grown.suggestions == {method: k} and grown.ks[0] == 1 and grown.ks[-1] == k
    assert grown.result is grown.results[k]
    assert_labels_by_definition(X, grown.result.centers, grown.result.labels)
    assert (np.diff(grown.table["inertia"]) < 0).all()
    assert f"{method} ended at k={k}" in str(grown)


def test_a_round_clusters_again_from_what_was_split():
    grown = select_k(blobs(1500, 4, 5, seed=3, scale=12.0), method="g-means", random_state=0)
    assert "were split" in grown.result.plan


def test_alpha_decides():
    X = np.random.default_rng(0).uniform(size=(150, 1))
    sizes = [select_k(X, method="g-means", alpha=alpha, random_state=0).ks[-1] for alpha in (1e-9, 0.3)]
    assert sizes[0] == 1 < sizes[1]


def test_the_largest_k_ends_the_growth():
    X = blobs(2000, 3, 12, scale=20.0)
    for most in (1, 3, 7):
        assert select_k(X, range(1, most + 1), method="g-means", random_state=0).ks[-1] == most


@pytest.mark.parametrize("method", ["g-means", "x-means"])
def test_same_bits_for_any_number_of_threads_and_sparse_rows_alike(method, n_threads):
    X = blobs(1200, 4, 5, seed=3, scale=12.0)
    one, more = (select_k(X, method=method, n_threads=n, random_state=0) for n in (1, n_threads))
    assert_same_result(one.result, more.result)
    thin = select_k(sparse.csr_array(X), method=method, random_state=0)
    np.testing.assert_allclose(thin.result.inertia, one.result.inertia, rtol=1e-5)


def test_x_means_counts_weights_as_repetitions():
    X, weights = blobs(400, 3, 4, scale=12.0), np.random.default_rng(0).integers(1, 4, 400)
    weighted = select_k(X, method="x-means", sample_weight=weights, random_state=0)
    repeated = select_k(np.repeat(X, weights, axis=0), method="x-means", random_state=0)
    np.testing.assert_allclose(weighted.result.inertia, repeated.result.inertia, rtol=1e-5)
    np.testing.assert_allclose(weighted.table["bic"][-1], repeated.table["bic"][-1], rtol=1e-6)


@pytest.mark.parametrize("X", [np.zeros((1, 2)), np.zeros((20, 2)), np.arange(8.0).reshape(-1, 1)])
def test_few_and_equal_rows(X):
    for method in ("g-means", "x-means"):
        assert select_k(X, range(1, len(X) + 1), method=method, random_state=0).ks[-1] <= len(np.unique(X, axis=0))
