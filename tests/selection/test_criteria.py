"""Every criterion beside an independent definition: scikit-learn's, or one in plain NumPy."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import metrics

import fastkmeans
from fastkmeans import select_k
from fastkmeans.engine.agreement import adjusted_rand_index, contingency
from fastkmeans.selection import criteria as by
from fastkmeans.selection.references import Box, gap_statistic
from fastkmeans.selection.stability import stability
from fastkmeans.sources.blocks import ArrayRows
from tests import naive
from tests.selection.test_path import blobs

KS = range(2, 9)


@pytest.fixture(scope="module")
def X():
    return blobs(500, 3, 5, seed=2, dtype=np.float64)


@pytest.fixture(scope="module")
def selection(X):
    return select_k(X, KS, criteria="all", tol=0, n_references=3, n_bootstraps=3, random_state=0)


def test_every_criterion_has_a_column_and_a_suggestion(selection):
    assert set(selection.suggestions) == set(by.CRITERIA)
    assert list(selection.table) == [
        "inertia", "elbow", "simplified_silhouette", "calinski_harabasz", "davies_bouldin", "bic", "aic",
        "silhouette", "silhouette_error", "gap", "gap_error", "stability", "stability_error",
    ]  # fmt: skip
    assert all(values.shape == (len(KS),) for values in selection.table.values())
    np.testing.assert_array_equal(selection.table["inertia"], [selection.results[k].inertia for k in KS])


@pytest.mark.parametrize(
    "name, theirs",
    [
        ("calinski_harabasz", metrics.calinski_harabasz_score),
        ("davies_bouldin", metrics.davies_bouldin_score),
        ("silhouette", metrics.silhouette_score),
    ],
)
def test_equal_to_scikit_learns(name, theirs, X, selection):
    expected = [theirs(X, selection.results[k].labels) for k in KS]
    np.testing.assert_allclose(selection.table[name], expected, rtol=1e-9)


def test_close_to_scikit_learns_where_fits_stop_early(X):
    selection = select_k(X, KS, random_state=0)
    for name in ("calinski_harabasz", "davies_bouldin"):
        theirs = getattr(metrics, f"{name}_score")
        expected = [theirs(X, selection.results[k].labels) for k in KS]
        np.testing.assert_allclose(selection.table[name], expected, rtol=1e-3)


def test_simplified_silhouette_by_its_definition(X, selection):
    for at, k in enumerate(KS):
        near = np.sort(np.sqrt(naive.sq_dists(X, selection.results[k].centers)), axis=1)[:, :2]
        expected = ((near[:, 1] - near[:, 0]) / near[:, 1]).mean()
        np.testing.assert_allclose(selection.table["simplified_silhouette"][at], expected, rtol=1e-9)
        public = fastkmeans.simplified_silhouette_samples(X, selection.results[k].centers).mean()
        np.testing.assert_allclose(selection.table["simplified_silhouette"][at], public, rtol=1e-12)


def naive_log_likelihood(X, labels, centers):
    """Row by row: the log of the share of its cluster times the density of a spherical Gaussian around its center."""
    n, d = X.shape
    k = len(centers)
    variance = sum(((x - centers[label]) ** 2).sum() for x, label in zip(X, labels, strict=True)) / (d * (n - k))
    total = 0.0
    for x, label in zip(X, labels, strict=True):
        density = math.exp(-((x - centers[label]) ** 2).sum() / (2 * variance)) / (2 * math.pi * variance) ** (d / 2)
        total += math.log((labels == label).mean() * density)
    return total


def test_bic_and_aic_from_the_densities_of_the_rows(X, selection):
    n, d = X.shape
    for at, k in enumerate(KS):
        result = selection.results[k]
        likelihood = naive_log_likelihood(X, result.labels, result.centers)
        parameters = (k - 1) + k * d + 1
        np.testing.assert_allclose(selection.table["bic"][at], -2 * likelihood + parameters * math.log(n), rtol=1e-9)
        np.testing.assert_allclose(selection.table["aic"][at], -2 * likelihood + 2 * parameters, rtol=1e-9)


def test_in_one_column_the_likelihood_is_the_papers():
    X = blobs(200, 1, 3, dtype=np.float64)
    result = select_k(X, (4,), tol=0, random_state=0).results[4]
    sizes, R, K, M = np.bincount(result.labels), len(X), 4, 1
    variance = result.inertia / (R - K)
    paper = sum(
        -Rn / 2 * math.log(2 * math.pi)
        - Rn * M / 2 * math.log(variance)
        - (Rn / R) * (R - K) / 2
        + Rn * math.log(Rn)
        - Rn * math.log(R)
        for Rn in sizes
    )
    m = by.Measured(result.inertia, 0.0, float(R), result.centers, sizes.astype(float))
    np.testing.assert_allclose(by.log_likelihood(m), paper)


def test_where_criteria_are_not_defined():
    X = np.array([[0.0], [1.0], [5.0], [9.0]])
    table = select_k(X, range(1, 5), criteria="all", n_references=2, n_bootstraps=2, random_state=0).table
    for name in ("calinski_harabasz", "davies_bouldin", "silhouette", "simplified_silhouette", "stability"):
        assert np.isnan(table[name][0]), name
    for name in ("calinski_harabasz", "silhouette", "bic", "aic", "gap"):
        assert np.isnan(table[name][3]), name
    assert table["davies_bouldin"][3] == 0.0 and table["inertia"][3] == 0.0


def test_cosine_is_euclidean_on_unit_rows():
    X = blobs(300, 4, 4, dtype=np.float64)
    unit = naive.unit_rows(X, np.float64)
    selection = select_k(X, KS, metric="cosine", tol=0, random_state=0)
    assert {"bic", "aic"}.isdisjoint(selection.table)
    mean = unit.mean(axis=0)
    total = ((unit - mean / np.linalg.norm(mean)) ** 2).sum()
    for at, k in enumerate(KS):
        labels, centers = selection.results[k].labels, selection.results[k].centers
        W = naive.inertia(unit, labels, centers)
        expected = ((total - W) / (k - 1)) / (W / (len(X) - k))
        np.testing.assert_allclose(selection.table["calinski_harabasz"][at], expected, rtol=1e-9)
        distances = np.sqrt(naive.own_sq_dists(unit, labels, centers))
        spreads = np.array([distances[labels == j].mean() for j in range(k)])
        overlaps = [
            max((spreads[i] + spreads[j]) / np.linalg.norm(centers[i] - centers[j]) for j in range(k) if j != i)
            for i in range(k)
        ]
        np.testing.assert_allclose(selection.table["davies_bouldin"][at], np.mean(overlaps), rtol=1e-9)


def test_a_sampled_silhouette_states_its_error(X):
    exact = select_k(X, (4, 5), criteria="silhouette", random_state=0)
    assert (exact.table["silhouette_error"] == 0).all()
    near = []
    for seed in range(20):
        sampled = select_k(X, (4, 5), criteria="silhouette", silhouette_sample_size=100, random_state=seed)
        assert (sampled.table["silhouette_error"] > 0).all()
        labels = [sampled.results[k].labels for k in (4, 5)]
        truth = [metrics.silhouette_score(X, own) for own in labels]
        near += list(np.abs(sampled.table["silhouette"] - truth) < 2 * sampled.table["silhouette_error"])
    assert np.mean(near) > 0.8


# ---- gap --------------------------------------------------------------------------------------------------------


def test_boxes_hold_the_rows_and_no_more():
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 3)) * [5, 1, 0.1] @ np.linalg.qr(random.normal(size=(3, 3)))[0] + 100
    source = ArrayRows(X)
    for kind in ("axes", "principal"):
        box = Box.of(source, kind)
        axes = np.eye(3) if kind == "axes" else np.linalg.svd(X - X.mean(axis=0), full_matrices=False)[2].T
        inside = (X - X.mean(axis=0)) @ axes
        drawn = (box.draw(50_000, np.float64, random) - X.mean(axis=0)) @ axes
        edges = np.sort(np.concatenate([inside.min(axis=0), inside.max(axis=0)]).reshape(2, 3), axis=0)
        assert (drawn >= edges[0] - 1e-9).all() and (drawn <= edges[1] + 1e-9).all()
        np.testing.assert_allclose(drawn.std(axis=0), (edges[1] - edges[0]) / math.sqrt(12), rtol=0.02)
    assert np.prod(Box.of(source, "principal").high - Box.of(source, "principal").low) < np.prod(np.ptp(X, axis=0)) / 5


@pytest.mark.parametrize("box", ["principal", "axes"])
def test_gap_by_its_definition(box):
    X = blobs(300, 2, 4, seed=1, dtype=np.float64, scale=12.0)
    ours = select_k(X, range(1, 7), criteria="gap", n_references=20, reference_box=box, random_state=0)
    random, middle = np.random.default_rng(5), X.mean(axis=0)
    axes = np.eye(2) if box == "axes" else np.linalg.svd(X - middle, full_matrices=False)[2].T
    turned = (X - middle) @ axes
    logs = []
    for _ in range(20):
        drawn = random.uniform(turned.min(axis=0), turned.max(axis=0), X.shape) @ axes.T + middle
        logs.append([math.log(fastkmeans.fit(drawn, k, n_init=5, random_state=0).inertia) for k in range(1, 7)])
    own = [math.log(ours.results[k].inertia) for k in range(1, 7)]
    expected, errors = np.mean(logs, axis=0) - own, np.std(logs, axis=0) * math.sqrt(1 + 1 / 20)
    assert (np.abs(ours.table["gap"] - expected) < 3 * (errors + ours.table["gap_error"]) / math.sqrt(20) + 0.01).all()
    np.testing.assert_allclose(ours.table["gap_error"], errors, rtol=0.8)
    assert ours.suggestions["gap"] == 4


def test_the_error_of_a_gap(monkeypatch):
    found = iter([{2: 3.0, 3: 1.0}, {2: 5.0, 3: 2.0}, {2: 4.0, 3: 4.0}])

    def known(fitter, ks, start, random):
        return {k: SimpleNamespace(inertia=inertia) for k, inertia in next(found).items()}

    X = blobs(30, 2, 2, dtype=np.float64)
    path = {2: SimpleNamespace(inertia=2.0), 3: SimpleNamespace(inertia=0.0)}
    monkeypatch.setattr("fastkmeans.selection.references.fit_path", known)
    gaps, errors = gap_statistic(
        ArrayRows(X), path, kind="axes", n_references=3, init="auto", random=np.random.default_rng(0), settings={}
    )
    logs = np.log([[3, 1], [5, 2], [4, 4]])
    np.testing.assert_allclose(gaps, [logs[:, 0].mean() - math.log(2), np.nan])
    np.testing.assert_allclose(errors, np.sqrt(((logs - logs.mean(axis=0)) ** 2).mean(axis=0) * (1 + 1 / 3)))


def test_gap_finds_one_cluster_where_there_is_one():
    X = np.random.default_rng(0).uniform(size=(300, 2))
    assert select_k(X, range(1, 6), criteria="gap", random_state=0).suggestions["gap"] == 1


# ---- stability --------------------------------------------------------------------------------------------------


def test_adjusted_rand_index_is_scikit_learns():
    random = np.random.default_rng(0)
    for k, other in ((1, 1), (1, 3), (2, 2), (5, 3), (7, 7)):
        for n in (2, 10, 400):
            a, b = random.integers(k, size=n).astype(np.int32), random.integers(other, size=n).astype(np.int32)
            np.testing.assert_allclose(
                adjusted_rand_index(contingency(a, b, k, other)), metrics.adjusted_rand_score(a, b), atol=1e-12
            )
            assert adjusted_rand_index(contingency(a, a, k, k)) == 1.0
            np.testing.assert_array_equal(
                contingency(a, b, k, other)[: a.max() + 1, : b.max() + 1],
                np.array([[np.sum((a == i) & (b == j)) for j in range(b.max() + 1)] for i in range(a.max() + 1)]),
            )


def test_the_error_of_a_stability(monkeypatch):
    X, labels = blobs(40, 2, 2), np.arange(40, dtype=np.int32) % 2
    others = [np.where(np.arange(40) < turn, 0, labels).astype(np.int32) for turn in (0, 9, 30)]
    turns, weights = iter(others), []

    def known(fitter, ks, start, random):
        return {2: SimpleNamespace(labels=next(turns))}

    def make_fitter(given):
        weights.append(given)
        return SimpleNamespace(source=None)

    monkeypatch.setattr("fastkmeans.selection.stability.fit_path", known)
    values, errors = stability(
        lambda k: labels, [2], make_fitter, n_bootstraps=3, init="auto", array=X, metric="euclidean",
        random=np.random.default_rng(0),
    )  # fmt: skip
    expected = [metrics.adjusted_rand_score(labels, other) for other in others]
    np.testing.assert_allclose(values, np.mean(expected))
    np.testing.assert_allclose(errors, np.std(expected, ddof=1) / math.sqrt(3))
    assert all(own.sum() == 40 and own.max() > 1 for own in weights)
    assert not np.array_equal(weights[0], weights[1])


def test_clusters_that_come_back_are_stable_and_others_are_not():
    separate = blobs(300, 2, 4, seed=1, scale=30.0)
    found = select_k(separate, range(1, 8), criteria="stability", random_state=0)
    values = dict(zip(found.ks, found.table["stability"], strict=True))
    assert np.isnan(values[1])
    assert values[4] == 1.0 and found.table["stability_error"][3] == 0.0
    assert values[6] < 0.95
    assert found.suggestions["stability"] == 4
