"""Descriptions against plain NumPy, field by field, whatever the rows, weights and metric."""

import numpy as np
import pytest

import fastkmeans
from fastkmeans import describe
from fastkmeans.engine.quality import largest
from tests import naive
from tests.checks import assert_same_bits

NAMES = ("income", "age", "visits")


def rows_of(n, d, dtype=np.float64, seed=0):
    random = np.random.default_rng(seed)
    return (random.normal(scale=3, size=(6, d))[random.integers(6, size=n)] + random.normal(size=(n, d))).astype(dtype)


def check_description(found, X, centers, labels, weights=None):
    """Every number of a description, of rows as the metric has them, by its definition."""
    X, centers = np.asarray(X, np.float64), np.asarray(centers, np.float64)
    n, k = len(X), len(centers)
    weights = np.ones(n) if weights is None else weights
    dist = np.sqrt(naive.sq_dists(X, centers))
    own = dist[np.arange(n), labels]
    others = dist.copy()
    others[np.arange(n), labels] = np.inf
    other = others.min(axis=1)
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_allclose(found.distances, own, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.margins, other - own, rtol=1e-9, atol=1e-12)
    silhouettes = (other - own) / np.maximum(own, other)
    gaps = np.sqrt(naive.sq_dists(centers, centers))
    np.fill_diagonal(gaps, np.inf)
    means = [np.average(own[labels == j], weights=weights[labels == j]) for j in range(k)]
    for j, c in enumerate(found.clusters):
        inside = labels == j
        share = weights[inside].sum() / weights.sum()
        assert (c.index, c.size, c.nearest_cluster) == (j, inside.sum(), gaps[j].argmin())
        expected = (
            weights[inside].sum(), share, (weights * own**2)[inside].sum(), own[inside].max(), means[j], gaps[j].min(),
            gaps[j].min() / (means[j] + means[gaps[j].argmin()]),
            np.average(silhouettes[inside], weights=weights[inside]),
        )  # fmt: skip
        numbers = (
            c.weight, c.share, c.inertia, c.radius, c.mean_distance, c.separation, c.separation_ratio, c.silhouette
        )  # fmt: skip
        np.testing.assert_allclose(numbers, expected, rtol=1e-9)
        order = np.flatnonzero(inside)[np.argsort(own[inside], kind="stable")]
        assert c.exemplars == tuple(order[: len(c.exemplars)]) and len(c.exemplars) == min(5, c.size)
    np.testing.assert_allclose(found.inertia, (weights * own**2).sum(), rtol=1e-12)
    np.testing.assert_allclose(found.silhouette, np.average(silhouettes, weights=weights), rtol=1e-9)
    relative = own / np.array(means)[labels]
    for listed, values in (
        (found.outliers, own), (found.relative_outliers, relative), (found.ambiguous, own - other),
    ):  # fmt: skip
        wanted = np.argsort(-values, kind="stable")[: len(listed)]
        assert [row.row for row in listed] == wanted.tolist() and len(listed) == min(10, n)
        for row in listed:
            assert (row.cluster, row.other) == (labels[row.row], others[row.row].argmin())
            numbers = row.distance, row.relative, row.margin
            np.testing.assert_allclose(numbers, (own[row.row], relative[row.row], (other - own)[row.row]), rtol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n, d, k, dtype", [(12, 1, 2, "f8"), (900, 3, 6, "f4"), (4000, 5, 40, "f8")])
def test_every_number_by_definition(n, d, k, dtype, weighted):
    X = rows_of(n, d, dtype)
    weights = np.random.default_rng(1).integers(0, 4, n) + 0.25 if weighted else None
    result = fastkmeans.fit(X, k, random_state=0, sample_weight=weights)
    found = describe(X, result, sample_weight=weights)
    check_description(found, X, result.centers, result.labels, weights)
    np.testing.assert_allclose(found.inertia, result.inertia, rtol=1e-12)


def test_unit_rows():
    X = rows_of(500, 4)
    result = fastkmeans.fit(X, 3, random_state=0, metric="cosine")
    found = describe(X, result)
    units = naive.unit_rows(X, np.float64)
    check_description(found, units, result.centers, result.labels)
    means = np.array([units[result.labels == j].mean(axis=0) for j in range(3)])
    check_drivers(found, units, means, result.labels, rtol=1e-6)  # centers stand still within tol only


def check_drivers(found, X, means, labels, weights=None, rtol=1e-9):
    """Differences and shares of variance, from the rows and the means of the clusters."""
    X = np.asarray(X, np.float64)
    weights = np.ones(len(X)) if weights is None else weights
    mean = np.average(X, axis=0, weights=weights)
    deviation = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weights))
    explained = np.zeros(X.shape[1])
    for j, cluster in enumerate(found.clusters):
        differences = (means[j] - mean) / deviation
        share = weights[labels == j].sum() / weights.sum()
        assert [driver.feature for driver in cluster.drivers] == np.argsort(-np.abs(differences))[:5].tolist()
        for driver in cluster.drivers:
            assert driver.name == found.names[driver.feature]
            np.testing.assert_allclose(driver.difference, differences[driver.feature], rtol=rtol)
            np.testing.assert_allclose(driver.explained, share * differences[driver.feature] ** 2, rtol=rtol)
        explained += share * differences**2
    np.testing.assert_allclose(found.explained, explained, rtol=rtol)


@pytest.mark.parametrize("n", [200, 5000])  # columns of few values are measured by NumPy
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_drivers_by_definition(n, weighted, offset):
    X = rows_of(n, 7) * [1, 10, 0.1, 1, 1, 5, 1] + offset
    weights = np.random.default_rng(1).random(n) if weighted else None
    result = fastkmeans.fit(X, 4, random_state=0, sample_weight=weights, tol=0)
    found = describe(X, result, sample_weight=weights)
    check_drivers(found, X, result.centers, result.labels, weights, rtol=1e-6 if offset else 1e-9)
    # The variance that centers leave in a column is that within the clusters, by the law of total variance.
    within = np.average((X - result.centers[result.labels]) ** 2, axis=0, weights=weights)
    mean = np.average(X, axis=0, weights=weights)
    total = np.average((X - mean) ** 2, axis=0, weights=weights)
    np.testing.assert_allclose(found.explained, 1 - within / total, rtol=1e-6)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("weighted", [False, True])
def test_sparse_rows_are_described_as_dense_ones(metric, weighted):
    from scipy.sparse import csr_array

    random = np.random.default_rng(0)
    X = rows_of(900, 20) * (random.random((900, 20)) < 0.4)
    X[:, 3] += 2
    if metric == "euclidean":
        X[:, 4:10] = 0.1, 0.3, 0.7, 1.1, 13.7, 1e3 + 0.1  # what differs from their means is rounding
        X[:, 10] += 1e5
    weights = random.random(900) if weighted else None
    result = fastkmeans.fit(X, 5, random_state=0, metric=metric)
    dense, sparse = (describe(rows, result, sample_weight=weights) for rows in (X, csr_array(X)))
    np.testing.assert_allclose(sparse.explained, dense.explained, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(sparse.margins, dense.margins, rtol=1e-7, atol=1e-9)
    assert str(sparse) == str(dense)


def test_constant_columns_drive_nothing():
    X = np.hstack([rows_of(3000, 2), np.full((3000, 1), 0.1), np.full((3000, 1), 1e6 + 0.1)])
    found = describe(X, fastkmeans.fit(X, 3, random_state=0))
    assert found.explained[2:].tolist() == [0.0, 0.0]
    assert {driver.difference for c in found.clusters for driver in c.drivers if driver.feature > 1} == {0.0}


def test_labels_need_not_be_the_nearest():
    X = rows_of(300, 3)
    result = fastkmeans.fit(X, 4, random_state=0)
    labels = (result.labels + (np.arange(300) % 7 == 0)) % 4
    found = describe(X, result, labels=labels)
    check_description(found, X, result.centers, labels)
    assert (found.margins < 0).any() and (describe(X, result).margins >= 0).all()


def test_one_cluster_empty_clusters_and_a_row_each():
    X = rows_of(30, 2)
    one = describe(X, fastkmeans.fit(X, 1, random_state=0))
    (c,) = one.clusters
    assert (c.nearest_cluster, c.separation, c.silhouette, c.share) == (-1, np.inf, 0.0, 1.0) and one.ambiguous == ()
    assert np.isinf(one.margins).all() and {row.other for row in one.outliers} == {-1} and "cluster" in str(one)
    each = describe(X, fastkmeans.fit(X, 30, init=X))
    assert {c.radius for c in each.clusters} == {0.0} and {c.separation_ratio for c in each.clusters} == {np.inf}
    assert each.silhouette == pytest.approx(1) and {row.relative for row in each.outliers} == {0.0}
    far = fastkmeans.KMeansResult(np.array([[0.0, 0.0], [1e3, 1e3]]), np.zeros(30, np.int32), 0.0, 0, True)
    full, empty = describe(X, far).clusters
    assert (empty.size, empty.weight, empty.radius, empty.inertia, empty.exemplars) == (0, 0.0, 0.0, 0.0, ())
    assert np.isnan([empty.mean_distance, empty.silhouette, empty.separation_ratio]).all() and full.size == 30


def test_names_frames_files_and_estimators(tmp_path):
    import pandas
    import polars

    X = rows_of(200, 3)
    result = fastkmeans.fit(X, 3, random_state=0)
    assert describe(X, result).names == ("column 0", "column 1", "column 2")
    text = str(describe(X, result, names=NAMES))
    for rows in (pandas.DataFrame(X, columns=NAMES), polars.DataFrame(X, schema=NAMES)):
        assert str(describe(rows, result)) == text
    pandas.DataFrame(X, columns=NAMES).to_parquet(tmp_path / "rows.parquet")
    assert str(describe(tmp_path / "rows.parquet", result)) == text
    np.save(tmp_path / "rows.npy", X)
    assert str(describe(str(tmp_path / "rows.npy"), result, names=NAMES)) == text
    fitted = fastkmeans.KMeans(3, random_state=0).fit(X)
    assert describe(X, fitted).inertia == pytest.approx(fitted.inertia_)


def test_files_larger_than_memory(tmp_path, monkeypatch):
    X = rows_of(5000, 3)
    result = fastkmeans.fit(X, 3, random_state=0)
    np.save(tmp_path / "rows.npy", X)
    text = str(describe(X, result))
    monkeypatch.setattr("fastkmeans.validation.rows.default_budget", lambda: X.nbytes // 2)
    assert str(describe(tmp_path / "rows.npy", result)) == text


def test_as_a_table():
    X = rows_of(200, 3)
    found = describe(X, fastkmeans.fit(X, 3, random_state=0), names=NAMES, n_exemplars=2)
    frame = found.to_frame()
    assert frame.index.name == "cluster" and frame["size"].sum() == 200 and frame.exemplars.map(len).tolist() == [2] * 3
    assert frame.share.sum() == pytest.approx(1)
    head, columns, *body = str(found).splitlines()
    assert head.startswith("3 clusters of 200 rows, inertia ") and columns.split()[:3] == ["cluster", "size", "share"]
    for line, c in zip(body, found.clusters, strict=False):
        assert line.split()[:3] == [str(c.index), str(c.size), f"{c.share:.1%}"]
        assert line.endswith(", ".join(f"{driver.name} {driver.difference:+.2f}" for driver in c.drivers[:3]))
    assert f"ambiguous rows: {found.ambiguous[0].row} (" in str(found)
    many = describe(X, fastkmeans.fit(X, 60, random_state=0))
    assert "... and 20 more" in str(many)


def test_as_many_as_asked_for_and_the_same_bits():
    X = rows_of(3000, 3, np.float32)
    result = fastkmeans.fit(X, 3, random_state=0)
    found = describe(X, result, n_exemplars=0, n_outliers=2, n_drivers=1, n_threads=1)
    assert [len(c.exemplars) for c in found.clusters] == [0] * 3 and [len(c.drivers) for c in found.clusters] == [1] * 3
    assert len(found.outliers) == len(found.ambiguous) == len(found.relative_outliers) == 2
    other = describe(X, result, n_threads=3)
    for name in ("distances", "margins", "explained"):
        assert_same_bits(getattr(found, name), getattr(other, name))


def test_largest_first_and_lower_rows_on_a_tie():
    assert largest(np.array([1.0, 3, 2, 3, 2]), 3).tolist() == [1, 3, 2]
    assert largest(np.array([1.0, 1]), 5).tolist() == [0, 1] and largest(np.empty(0), 5).tolist() == []


def test_refusals():
    import dask.array

    X = rows_of(20, 3)
    result = fastkmeans.fit(X, 2, random_state=0)
    for error, message, given, settings in (
        (TypeError, r"Dask.*X\.compute", (dask.array.from_array(X), result), {}),
        (TypeError, "result must have centers.*ndarray", (X, result.centers), {}),
        (ValueError, "centers has 3 columns, but X has 2", (X[:, :2], result), {}),
        (ValueError, "names has 2 entries, but X has 3 columns", (X, result), {"names": ["a", "b"]}),
        (ValueError, "labels has 2 at row 4, but there are centers 0 to 1", (X, result),
         {"labels": [0, 1, 0, 1, 2] * 4}),
        (ValueError, "labels has shape", (X, result), {"labels": [0, 1]}),
        (ValueError, "n_outliers=-1", (X, result), {"n_outliers": -1}),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            describe(*given, **settings)
