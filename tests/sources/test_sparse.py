"""Fits of sparse matrices: the contracts of dense ones, on the same rows written out."""

import numpy as np
import pytest

import fastkmeans
from fastkmeans import api
from fastkmeans.engine import threads
from fastkmeans.engine.label_order import needs_label_order
from fastkmeans.engine.moments import measure
from fastkmeans.engine.planner import assigner_for
from fastkmeans.sources.sparse import SparseRows
from tests import naive
from tests.checks import assert_labels_by_definition, assert_same_bits, assert_same_result, run_python

scipy_sparse = pytest.importorskip("scipy.sparse")
INITS = ("auto", "k-means++", "k-means||", "afk-mc2", "random")


def texts(n=600, d=90, k=6, dtype=np.float32, seed=0, per_row=9):
    """Rows like counted words: few values each, of columns that their group prefers; one column is empty."""
    random = np.random.default_rng(seed)
    X = np.zeros((n, d))
    for i in range(n):
        own = random.integers(0, d - 1, per_row // 3)
        shared = (random.integers(0, d // k, per_row) + (i % k) * (d // k)) % (d - 1)
        X[i, own], X[i, shared] = 1, random.integers(1, 5, per_row)
    return X.astype(dtype)


def assert_agrees(X, result, metric="euclidean", weights=None):
    """The labels are those of the definition, of predict of either form, and the inertia is theirs."""
    dense = X.toarray()
    assert_labels_by_definition(dense, result.centers, result.labels, metric)
    for rows in (X, dense):
        assert_same_bits(fastkmeans.predict(rows, result.centers, metric=metric), result.labels)
    own = naive.unit_rows(dense, result.centers.dtype) if metric == "cosine" else dense
    assert result.inertia == pytest.approx(naive.inertia(own, result.labels, result.centers, weights), rel=1e-9)
    given = api.inertia(X, result.centers, weights, metric=metric)
    assert given == pytest.approx(result.inertia, rel=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8, np.bool_])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("init", INITS)
def test_fit(init, metric, dtype):
    X = scipy_sparse.csr_array(texts(dtype=dtype))
    weights = np.random.default_rng(0).integers(0, 3, X.shape[0]).astype(float)
    for sample_weight in (None, weights):
        result = fastkmeans.fit(X, 20, init=init, metric=metric, sample_weight=sample_weight, random_state=0)
        assert result.centers.dtype == (np.float64 if dtype in (np.float64, np.int64) else np.float32)
        assert {stats.algorithm for stats in result.history} == {"sparse"} and result.plan.startswith("sparse")
        assert_agrees(X, result, metric, sample_weight)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_iterations_are_those_of_the_oracle(metric):
    dense = texts(dtype=np.float64)
    rows = naive.unit_rows(dense, np.float64) if metric == "cosine" else dense
    centers, labels, inertia, n_iter = naive.lloyd(rows, rows[:7], tol=0, cosine=metric == "cosine")
    result = fastkmeans.fit(scipy_sparse.csr_array(dense), 7, init=dense[:7], tol=0, metric=metric)
    assert_same_bits(result.labels, labels)
    np.testing.assert_allclose(result.centers, centers, rtol=1e-12, atol=1e-14)
    assert result.inertia == pytest.approx(inertia) and result.n_iter == n_iter
    assert result.history[0].inertia >= result.inertia * (1 - 1e-9)


@pytest.mark.parametrize("n, d, k", [(1, 1, 1), (7, 1, 2), (31, 5, 31), (130, 17, 129), (65, 400, 3), (40, 9000, 40)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_edges(n, d, k, dtype):
    random = np.random.default_rng(0)
    dense = np.where(random.random((n, d)) < 0.4, random.normal(size=(n, d)), 0).astype(dtype)
    dense[:, 0] += np.arange(n)
    X = scipy_sparse.csr_array(dense)
    for init in INITS:
        result = fastkmeans.fit(X, k, init=init, random_state=0, n_init=1)
        assert_agrees(X, result)
        if k == n:
            assert len(set(result.labels)) == n
    np.testing.assert_allclose(
        fastkmeans.transform(X, result.centers), np.sqrt(naive.sq_dists(dense, result.centers)), rtol=3e-7, atol=0
    )


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("init", INITS)
def test_same_bits_on_any_number_of_threads(init, metric, n_threads, monkeypatch):
    monkeypatch.setattr(threads, "SLAB_SECONDS", (1e-6, 1e-5))
    monkeypatch.setattr(threads, "SERIAL_SECONDS", 0.0)
    X = scipy_sparse.csr_array(texts(n=2000, d=300))
    one = fastkmeans.fit(X, 20, init=init, metric=metric, random_state=0, n_threads=1, n_init=1)
    assert one.n_iter > 1
    assert_same_result(
        one, fastkmeans.fit(X, 20, init=init, metric=metric, random_state=0, n_threads=n_threads, n_init=1)
    )
    assert_agrees(X, one, metric)


def test_wide_rows_are_summed_in_label_order_and_others_follow_moves(monkeypatch):
    monkeypatch.setattr(threads, "SLAB_SECONDS", (2e-5, 1e-4))
    for d, in_order in ((24, False), (3000, True)):
        dense = texts(n=1500, d=d)
        source = SparseRows.of(scipy_sparse.csr_array(dense))
        way = assigner_for(source, "auto", None)
        assert needs_label_order(source, way.row_seconds_for(20), 20) == in_order
        result = fastkmeans.fit(scipy_sparse.csr_array(dense), 20, init=np.arange(20), tol=0)
        expected = naive.lloyd(dense, dense[:20], tol=0)
        assert_same_bits(result.labels, expected[1])


def test_other_forms_of_a_matrix_are_the_same_rows():
    dense = texts(dtype=np.float64)
    plain = scipy_sparse.csr_array(dense)
    random = np.random.default_rng(0)
    rows, columns = dense.nonzero()
    shuffled = random.permutation(len(rows))
    halves = np.repeat(dense[rows, columns] / 2, 2)
    order = np.concatenate([random.permutation(np.repeat(np.flatnonzero(rows == i), 2)) for i in range(len(dense))])
    unsorted = scipy_sparse.csr_array(
        (halves[2 * order], columns[order], 2 * plain.indptr.astype(np.int64)), shape=plain.shape
    )
    swapped = plain.copy()
    swapped.data = swapped.data.astype(">f8")
    long = plain.copy()
    long.indices, long.indptr = long.indices.astype(np.int64), long.indptr.astype(np.int64)
    explicit = plain.copy()
    explicit.data[::5] = 0
    expected = fastkmeans.fit(plain, 6, random_state=0)
    forms = {
        "csc": plain.tocsc(),
        "coo": scipy_sparse.coo_array(
            (dense[rows, columns][shuffled], (rows[shuffled], columns[shuffled])), plain.shape
        ),
        "matrix": scipy_sparse.csr_matrix(dense),
        "lil": scipy_sparse.lil_array(dense),
        "unsorted, twice each": unsorted,
        "int64": long,
        "big-endian": swapped,
    }
    for name, form in forms.items():
        if name != "big-endian":
            np.testing.assert_array_equal(form.toarray(), dense, name)
        before = [np.array(part) for part in (unsorted.data, unsorted.indices, unsorted.indptr)]
        assert_same_result(fastkmeans.fit(form, 6, random_state=0), expected)
        for part, kept in zip((unsorted.data, unsorted.indices, unsorted.indptr), before, strict=True):
            assert_same_bits(part, kept)
    assert not unsorted.has_canonical_format
    assert_agrees(explicit, fastkmeans.fit(explicit, 6, random_state=0))


def test_read_only_matrices_are_read_in_place():
    X = scipy_sparse.csr_array(texts())
    for part in (X.data, X.indices, X.indptr):
        part.flags.writeable = False
    source = SparseRows.of(X)
    assert np.shares_memory(source.blocks[0].values, X.data)
    assert np.shares_memory(source.blocks[0].columns, X.indices)
    assert_agrees(X, fastkmeans.fit(X, 5, random_state=0))


def test_far_off_rows_are_labelled_by_definition():
    random = np.random.default_rng(0)
    groups = np.where(random.random((2, 30)) < 0.5, 1e4, 0)
    dense = (groups[np.arange(800) % 2] + random.normal(size=(800, 30)) * (groups[np.arange(800) % 2] > 0)).astype("f4")
    X = scipy_sparse.csr_array(dense)
    result = fastkmeans.fit(X, 12, random_state=0)
    assert_agrees(X, result)


def test_moments_count_the_zeros():
    for dense in (texts(dtype=np.float64), texts(dtype=np.float64) + 1e7):
        moments = measure(SparseRows.of(scipy_sparse.csr_array(dense)))
        assert moments.mean_variance == pytest.approx(dense.var(axis=0).mean())
        assert moments.spread == pytest.approx((dense**2).sum())
        assert not moments.shift.any()


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_seeding_takes_distinct_rows_by_their_distances(metric):
    dense = np.repeat(texts(n=40, dtype=np.float64), 30, axis=0)
    distinct = len(np.unique(naive.unit_rows(dense, np.float64) if metric == "cosine" else dense, axis=0))
    X = scipy_sparse.csr_array(dense)
    centers, rows = fastkmeans.kmeans_plusplus(X, distinct, random_state=0, metric=metric)
    own = naive.unit_rows(dense, np.float64) if metric == "cosine" else dense
    np.testing.assert_array_equal(centers, own[rows])
    assert len(np.unique(centers, axis=0)) == distinct
    for init in ("k-means||", "k-means++"):
        assert fastkmeans.fit(X, distinct, init=init, random_state=0, metric=metric).inertia < 1e-20


@pytest.mark.parametrize("weighted", [False, True])
def test_seeding_is_that_of_the_dense_rows(weighted):
    dense = texts(n=3000, d=60, k=10, dtype=np.float32, per_row=6)
    weights = np.random.default_rng(0).random(3000) if weighted else None
    options = {"random_state": 3, "sample_weight": weights}
    own, other = (fastkmeans.kmeans_plusplus(rows, 40, **options)[1] for rows in (scipy_sparse.csr_array(dense), dense))
    assert np.mean(own == other) > 0.9  # integers: distances are exact in both, sums of gains nearly so


def test_empty_clusters_get_far_rows():
    dense = texts(n=200, d=50)
    X = scipy_sparse.csr_array(dense)
    far = np.full((3, 50), 1e3, np.float32)
    result = fastkmeans.fit(X, 5, init=np.concatenate([dense[:2], far]), max_iter=20)
    assert result.history[0].n_relocated == 3 and len(set(result.labels)) == 5
    assert_agrees(X, result)


def test_other_inits_and_callbacks():
    dense = texts()
    X, seen = scipy_sparse.csr_array(dense), []

    def first(rows, k, random):
        assert scipy_sparse.issparse(rows)
        return rows[:k].toarray()

    by_array = fastkmeans.fit(X, 4, init=dense[:4], callback=lambda stats: seen.append(stats))
    assert seen == list(by_array.history)
    assert_same_bits(by_array.labels, fastkmeans.fit(X, 4, init=np.arange(4)).labels)
    assert_same_bits(by_array.labels, fastkmeans.fit(X, 4, init=first, n_init=1).labels)
    assert fastkmeans.fit(X, 4, random_state=0, callback=lambda stats: stats.phase == "seeding").n_iter == 1
    best = fastkmeans.fit(X, 4, init="random", n_init=5, random_state=0)
    assert_agrees(X, best)
    for algorithm in ("dense", "lloyd", "elkan"):
        assert_same_bits(by_array.labels, fastkmeans.fit(X, 4, init=dense[:4], algorithm=algorithm).labels)


def test_methods_of_a_result():
    X = scipy_sparse.csr_array(texts())
    result = fastkmeans.fit(X, 4, random_state=0)
    assert_same_bits(result.predict(X), result.labels)
    assert -result.score(X) == pytest.approx(result.inertia)
    assert result.transform(X).shape == (600, 4)
    double = fastkmeans.predict(X, result.centers.astype(np.float64))
    assert_same_bits(double, naive.assign(X.toarray(), result.centers))


def with_value(value, dtype=np.float64):
    dense = texts(dtype=dtype)
    dense[300, 40] = value
    return scipy_sparse.csr_array(dense)


def unsound(**parts):
    X = scipy_sparse.csr_array(texts())
    for name, value in parts.items():
        getattr(X, name)[100] = value
    return X


BAD = {
    "NaN": (lambda: with_value(np.nan), {}, ValueError, ["X contains NaN", "row 300, column 40"]),
    "infinity": (lambda: with_value(-np.inf, np.float32), {}, ValueError, ["infinity", "row 300, column 40"]),
    "1e30": (lambda: with_value(1e30, np.float32), {}, ValueError, ["overflows float32", "row 300, column 40"]),
    "complex": (lambda: with_value(1).astype(complex), {}, ValueError, ["complex"]),
    "no rows": (lambda: scipy_sparse.csr_array((0, 3)), {}, ValueError, ["X has no rows"]),
    "no columns": (lambda: scipy_sparse.csr_array((3, 0)), {}, ValueError, ["X has no columns"]),
    "few rows": (lambda: scipy_sparse.csr_array((3, 5)), {}, ValueError, ["n_clusters=4"]),
    "1-D": (lambda: scipy_sparse.coo_array(np.arange(9.0)), {}, ValueError, ["2-D", "1-D"]),
    "zero row": (
        lambda: scipy_sparse.csr_array(np.where(np.arange(600)[:, None] == 7, 0, texts())), {"metric": "cosine"},
        ValueError, ["row 7 is all zeros"],
    ),
    "columns beyond": (lambda: unsound(indices=90), {}, ValueError, ["no sound sparse matrix", "check_format()"]),
    "columns before": (lambda: unsound(indices=-1), {}, ValueError, ["no sound sparse matrix"]),
    "rows that begin before others": (lambda: unsound(indptr=9999), {}, ValueError, ["no sound sparse matrix"]),
    "very many columns": (lambda: scipy_sparse.csr_array((5, 2**31)), {}, ValueError, ["2147483648 columns"]),
    "sparse init": (lambda: with_value(1), {"init": with_value(1)[:4]}, TypeError, ["init is a sparse", "toarray()"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_errors(case):
    make, options, exception, words = BAD[case]
    with pytest.raises(exception) as caught:
        fastkmeans.fit(make(), 4, random_state=0, **options)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_sparse_centers_are_refused():
    X = scipy_sparse.csr_array(texts())
    with pytest.raises(TypeError, match=r"centers is a sparse matrix; pass centers.toarray\(\)"):
        fastkmeans.predict(X, X[:3])


def test_dense_fits_load_no_scipy():
    code = "import sys, fastkmeans; fastkmeans.fit([[0.0], [1.0], [9.0]], 2); print('scipy.sparse' in sys.modules)"
    assert run_python(code).strip() == "False"
