"""Silhouettes against scikit-learn and the definition in float64, whatever the rows, labels, threads and blocks."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import silhouette_samples as sklearn_samples

import fastkmeans
from fastkmeans import silhouette_samples, silhouette_score, simplified_silhouette_samples
from fastkmeans.engine import machine, silhouettes
from fastkmeans.kernels import silhouette as kernel
from fastkmeans.sources.blocks import ArrayRows
from tests import naive, strategies
from tests.checks import assert_same_bits

random = np.random.default_rng(0)


def blobs(n, d, k, dtype=np.float64, seed=0):
    """Rows about k centers, and which."""
    own = np.random.default_rng(seed)
    labels = own.integers(k, size=n)
    return (3 * own.normal(size=(k, d))[labels] + own.normal(size=(n, d))).astype(dtype), labels


def by_definition(X, labels):
    """Silhouettes from the matrix of distances, in float64."""
    dist = np.sqrt(naive.sq_dists(X, X))
    found = np.zeros(len(X))
    for i, own in enumerate(labels):
        inside = (labels == own) & (np.arange(len(X)) != i)
        if not inside.any():
            continue
        a = dist[i, inside].mean()
        b = min(dist[i, labels == other].mean() for other in set(labels.tolist()) - {own})
        found[i] = (b - a) / max(a, b) if max(a, b) > 0 else 0.0
    return found


# ---- all pairs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype, within", [(np.float32, 1e-6), (np.float64, 1e-13)])
@pytest.mark.parametrize("n, d, k", [(3, 1, 2), (33, 2, 2), (64, 3, 5), (500, 24, 7), (310, 100, 300), (1500, 17, 12)])
def test_samples_are_those_of_scikit_learn(n, d, k, dtype, within):
    X, labels = blobs(n, d, k, dtype)
    labels[:2] = 0, 1
    found = silhouette_samples(X, labels)
    assert found.dtype == np.float64 and found.shape == (n,)
    np.testing.assert_allclose(found, sklearn_samples(X.astype(np.float64), labels), rtol=0, atol=within)


@given(points=strategies.points(dtypes=("f4", "f8", "f2", "u1", "i8")), data=st.data())
def test_samples_by_definition(points, data):
    X = points
    if X.dtype == np.float32:  # whose distances below 1e-19 count as 0
        X = np.where(np.abs(X) < 1e-11, X.dtype.type(0), X)
    if len(X) < 3:
        X = np.repeat(X, 3, axis=0)
    labels = np.array(data.draw(st.lists(st.integers(-3, 4), min_size=len(X), max_size=len(X))))
    k = len(set(labels.tolist()))
    if not 2 <= k < len(X):
        with pytest.raises(ValueError, match=f"labels name {k} clusters"):
            silhouette_samples(X, labels)
        return
    within = 1e-5 if fastkmeans.validation.computing_type(X) == np.float32 else 1e-11
    np.testing.assert_allclose(silhouette_samples(X, labels), by_definition(X, labels), rtol=0, atol=within)


@pytest.mark.parametrize("layout", strategies.LAYOUTS)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u2", "i8", "?"])
def test_rows_of_every_type_and_layout(dtype, layout):
    X, labels = strategies.values_of(dtype, (90, 5)), np.arange(90) % 3
    expected = sklearn_samples(X.astype(np.float64), labels)
    found = silhouette_samples(strategies.LAYOUTS[layout](X), labels)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_tables_and_labels_of_any_integers():
    import pandas
    import polars

    X, labels = blobs(60, 3, 2)
    expected = silhouette_samples(X, labels)
    names = ["a", "b", "c"]
    assert_same_bits(silhouette_samples(pandas.DataFrame(X, columns=names), pandas.Series(labels)), expected)
    assert_same_bits(silhouette_samples(polars.DataFrame(X, schema=names), labels == 1), expected)
    assert_same_bits(silhouette_samples(X.tolist(), (labels * 2**40 - 7).tolist()), expected)


@pytest.mark.parametrize("offset", [1e3, 1e5, 1e7])
def test_offsets_do_not_cancel(offset):
    """float32 keeps eighths at 1e6: the silhouettes are those of the numbers as stored."""
    X, labels = blobs(400, 6, 4)
    X = (X + offset).astype(np.float32)
    expected = by_definition(X, labels)
    np.testing.assert_allclose(silhouette_samples(X, labels), expected, rtol=0, atol=1e-6)


def test_near_rows_far_from_the_mean_of_all():
    """Tight clusters 1e6 times as far apart as they are wide: products of float32 would lose them."""
    random = np.random.default_rng(1)
    labels = np.repeat(np.arange(4), 30)
    X = (np.array([[0.0], [1.0], [-1.0], [1.0001]])[labels] * 1e4 + random.normal(size=(120, 3))).astype(np.float32)
    np.testing.assert_allclose(silhouette_samples(X, labels), by_definition(X, labels), rtol=0, atol=2e-7)


def test_rows_alone_and_equal_rows_have_0():
    X = np.array([[0.0], [0.0], [0.0], [5.0]])
    assert silhouette_samples(X, [0, 0, 1, 2]).tolist() == [0.0, 0.0, 0.0, 0.0]
    assert silhouette_samples(np.ones((6, 2)), [0, 0, 0, 1, 1, 1]).tolist() == [0.0] * 6
    assert silhouette_samples([[0.0], [0.0], [3.0]], [0, 0, 1]).tolist() == [1.0, 1.0, 0.0]


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_bits_for_any_number_of_threads(metric, dtype):
    X, labels = blobs(3000, 9, 6, dtype)
    found = [silhouette_samples(X, labels, metric=metric, n_threads=n) for n in (1, 2, 3, 7)]
    for other in found[1:]:
        assert_same_bits(found[0], other)


@pytest.mark.parametrize("vectors", ["avx2", "plain", "zen4"])
def test_every_register_tile(vectors, monkeypatch):
    X, labels = blobs(400, 9, 6, np.float32)
    expected = silhouette_samples(X, labels)
    monkeypatch.setenv(machine.FORCE_VARIABLE, vectors)
    np.testing.assert_allclose(silhouette_samples(X, labels), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_bits_for_any_blocks(dtype, monkeypatch):
    """What a row comes to does not depend on the rows that are measured beside it."""
    X, labels = blobs(1000, 9, 6, dtype)
    source = ArrayRows(X)
    labels = labels.astype(np.int32)
    whole = silhouettes.by_pairs(source, labels, 6)
    some = np.array([999, 3, 500, 4, 4])
    assert_same_bits(silhouettes.by_pairs(source, labels, 6, some), whole[some])
    monkeypatch.setattr(silhouettes, "BLOCK_SECONDS", 0.0)
    monkeypatch.setattr(kernel, "OTHERS_BYTES", 1)
    assert_same_bits(silhouettes.by_pairs(source, labels, 6), whole)


def test_order_of_rows_does_not_matter_but_for_rounding():
    X, labels = blobs(700, 5, 4)
    order = random.permutation(700)
    np.testing.assert_allclose(
        silhouette_samples(X[order], labels[order]), silhouette_samples(X, labels)[order], rtol=0, atol=1e-13
    )


def test_memory_holds_no_matrix():
    """8,000 rows: a matrix of float32 distances would be 256 MB, and one to the clusters 13 MB."""
    X, labels = blobs(8000, 2, 400, np.float32)
    silhouette_samples(X[:500], labels[:500])
    tracemalloc.start()
    try:
        silhouette_samples(X, labels, n_threads=2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4e6


# ---- cosine -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n, d, k", [(3, 2, 2), (400, 6, 5), (2500, 30, 12), (90, 4, 80)])
def test_cosine_is_scikit_learns(n, d, k, dtype):
    X, labels = blobs(n, d, k, dtype)
    labels[:2] = 0, 1
    expected = sklearn_samples(X.astype(np.float64), labels, metric="cosine")
    np.testing.assert_allclose(silhouette_samples(X, labels, metric="cosine"), expected, rtol=0, atol=1e-12)


def test_cosine_of_sparse_rows():
    from scipy.sparse import csc_array, random_array

    X = random_array((300, 60), density=0.2, rng=0)
    labels = np.arange(300) % 4
    expected = sklearn_samples(X.toarray(), labels, metric="cosine")
    found = silhouette_samples(csc_array(X), labels, metric="cosine")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


# ---- the mean, and estimates of it --------------------------------------------------------------------------


def test_score_is_the_mean():
    X, labels = blobs(500, 4, 3)
    for metric in ("euclidean", "cosine"):
        assert silhouette_score(X, labels, metric=metric) == silhouette_samples(X, labels, metric=metric).mean()


def test_estimates_are_right_within_their_errors():
    X, labels = blobs(2000, 2, 5)
    exact = silhouette_samples(X, labels)
    estimates = [silhouette_score(X, labels, sample_size=100, random_state=seed) for seed in range(60)]
    errors = np.array([float(estimate) - exact.mean() for estimate in estimates])
    expected = exact.std() / 10 * math.sqrt(1 - 100 / 2000)
    stated = np.array([estimate.standard_error for estimate in estimates])
    assert np.all(np.abs(stated / expected - 1) < 0.4) and abs(stated.mean() / expected - 1) < 0.1
    assert abs(errors.mean()) < 4 * expected / math.sqrt(60)
    assert 0.85 < np.mean(np.abs(errors) < 2 * stated) and 0.7 < errors.std() / expected < 1.3
    assert len(set(map(float, estimates))) > 50


def test_estimates_of_nearly_all_rows_have_hardly_an_error():
    X, labels = blobs(400, 2, 5)
    most = silhouette_score(X, labels, sample_size=399, random_state=0)
    assert 0 < most.standard_error < 0.06 * np.std(silhouette_samples(X, labels)) / math.sqrt(399)
    for size, metric in ((400, "euclidean"), (10_000, "euclidean"), (50, "cosine")):
        whole = silhouette_score(X, labels, sample_size=size, random_state=0, metric=metric)
        assert whole == fastkmeans.SilhouetteEstimate(silhouette_score(X, labels, metric=metric), 0.0, 400)


def test_same_seed_same_estimate():
    X, labels = blobs(600, 3, 4, np.float32)
    one, other = (silhouette_score(X, labels, sample_size=50, random_state=3, n_threads=n) for n in (1, 3))
    assert one == other and one.sample_size == 50
    assert str(one) == f"{one.value:.4f} +- {one.standard_error:.4f} (standard error, 50 rows measured)"


# ---- by distances to centers --------------------------------------------------------------------------------


def simplified(X, centers):
    dist = np.sqrt(np.sort(naive.sq_dists(X, centers), axis=1))
    return np.divide(dist[:, 1] - dist[:, 0], dist[:, 1], out=np.zeros(len(X)), where=dist[:, 1] > 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n, d, k", [(1, 1, 2), (200, 3, 4), (150, 40, 150), (3000, 8, 33)])
def test_simplified_by_definition(n, d, k, dtype, monkeypatch):
    monkeypatch.setattr(silhouettes, "PART_VALUES", 100)  # parts of a row, and of some
    X, _ = blobs(n, d, 5, dtype)
    centers = blobs(k, d, 5, dtype, seed=1)[0]
    found = simplified_silhouette_samples(X, centers)
    np.testing.assert_allclose(found, simplified(X, centers), rtol=0, atol=1e-12)
    assert_same_bits(found, simplified_silhouette_samples(X, centers, n_threads=3))


def test_simplified_of_ties_and_rows_on_centers():
    assert simplified_silhouette_samples([[0.0], [1.0], [2.0]], [[0.0], [2.0]]).tolist() == [1.0, 0.0, 1.0]
    assert simplified_silhouette_samples([[0.0], [1.0]], [[0.0], [0.0]]).tolist() == [0.0, 0.0]


def test_simplified_is_never_below_0():
    """Rows as far from one center as from another, but for rounding: labels and distances are summed differently."""
    X = np.linspace(-1, 1, 300)[:, None] * np.ones(19)
    center = random.normal(size=19)
    found = simplified_silhouette_samples(X, np.array([center, center[::-1]]))
    assert 0 <= found.min() and found.max() < 1e-12


def test_simplified_of_unit_rows_sparse_rows_files_and_dask(tmp_path):
    import dask.array
    from scipy.sparse import csr_array

    X, _ = blobs(800, 5, 3)
    X[np.abs(X) < 1] = 0
    X[:, 0] += 10
    centers = X[:4]
    units = (naive.unit_rows(part, np.float64) for part in (X, centers))
    cosine = simplified_silhouette_samples(X, centers, metric="cosine")
    np.testing.assert_allclose(cosine, simplified(*units), rtol=0, atol=1e-12)
    expected = simplified_silhouette_samples(X, centers)
    np.testing.assert_allclose(simplified_silhouette_samples(csr_array(X), centers), expected, rtol=0, atol=1e-12)
    np.save(tmp_path / "rows.npy", X)
    assert_same_bits(simplified_silhouette_samples(tmp_path / "rows.npy", centers), expected)
    later = simplified_silhouette_samples(dask.array.from_array(X, chunks=(300, 5)), centers)
    assert_same_bits(later.compute(scheduler="synchronous"), expected)


# ---- what is refused ----------------------------------------------------------------------------------------


def test_refusals_name_the_argument_and_the_remedy(monkeypatch, tmp_path):
    import dask.array
    from scipy.sparse import csr_array

    X, labels = blobs(20, 2, 3)
    cases = [
        (TypeError, r"X is a sparse matrix.*toarray", (csr_array(X), labels), {}),
        (TypeError, r"Dask.*X\.compute\(\)", (dask.array.from_array(X), labels), {}),
        (TypeError, "labels must be integers.*float64", (X, labels / 2), {}),
        (ValueError, r"labels has shape \(19,\), but X has 20 rows", (X, labels[1:]), {}),
        (ValueError, "labels name 1 clusters.*2 to n_samples - 1 = 19", (X, np.zeros(20, int)), {}),
        (ValueError, "labels name 20 clusters", (X, np.arange(20)), {}),
        (ValueError, "metric='cosin' is unknown.*'cosine'", (X, labels), {"metric": "cosin"}),
        (ValueError, "contains NaN", (np.where(X == X[3, 1], np.nan, X), labels), {}),
        (ValueError, "n_threads=0", (X, labels), {"n_threads": 0}),
    ]
    for error, message, given_, settings in cases:
        with pytest.raises(error, match=message):
            silhouette_samples(*given_, **settings)
        with pytest.raises(error, match=message):
            silhouette_score(*given_, sample_size=5, random_state=0, **settings)
    with pytest.raises(ValueError, match="sample_size=1 must be at least 2"):
        silhouette_score(X, labels, sample_size=1)
    with pytest.raises(ValueError, match="centers has 1 row"):
        simplified_silhouette_samples(X, X[:1])
    with pytest.raises(ValueError, match="centers has 3 columns, but X has 2"):
        simplified_silhouette_samples(X, np.ones((2, 3)))
    np.save(tmp_path / "rows.npy", X)
    assert_same_bits(silhouette_samples(tmp_path / "rows.npy", labels), silhouette_samples(X, labels))
    monkeypatch.setattr("fastkmeans.validation.rows.default_budget", lambda: 100)
    with pytest.raises(ValueError, match="does not fit in memory.*simplified_silhouette_samples"):
        silhouette_samples(tmp_path / "rows.npy", labels)
