"""The kernels of sparse rows against NumPy on the same rows written out."""

import numpy as np
import pytest

from fastkmeans.engine.machine import vector_set
from fastkmeans.kernels import slab, sparse, sparse_slab, sparse_trials
from fastkmeans.kernels.gather import gather_rows
from fastkmeans.kernels.packing import lies_as_tile, plain_panels, tile_shape
from fastkmeans.kernels.stats import ALL_GOOD, BAD_VALUE, ZERO_ROW
from fastkmeans.kernels.trials import skip_margins
from tests import naive
from tests.checks import assert_same_bits
from tests.kernels.pieces import DTYPES, EDGES

WIDE = [*EDGES, (40, 300, 70), (5, 1000, 130)]


def rows_of(n, d, dtype, seed=0, filled=0.3, levels=None):
    """Rows with zeros, the first of them empty, the last one full; of small integers where `levels` is given."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) if levels is None else random.integers(1, levels, (n, d))
    X = np.where(random.random((n, d)) < filled, X, 0).astype(dtype)
    X[-1] = np.where(X[-1] == 0, 1, X[-1])
    X[0] = 0
    return X


class Compressed:
    """Rows of X as the kernels take them; what they read stays alive."""

    def __init__(self, X):
        full = X != 0
        self.begins = np.concatenate([[0], np.cumsum(full.sum(axis=1))]).astype(np.int64)
        self.columns, self.values = np.nonzero(full)[1].astype(np.int32), X[full]
        self.most = max(1, int(np.diff(self.begins).max()))
        self.rows = sparse.describe_sparse_rows(self.begins, self.columns, self.values, X.shape[1], vector_set())


def read(X, cosine):
    """Rows as the definition reads them."""
    return naive.unit_rows(X, X.dtype) if cosine else X


def assign(X, centers, action, cosine=0, weights=None, labels=None, cuts=None):
    """(labels, rows moved, rows settled, inertia, sums, weights of clusters) of one slab, or of those of `cuts`."""
    own, (n, d), k = Compressed(X), X.shape, len(centers)
    lanes = tile_shape(vector_set(), X.dtype, d)[2]
    shape = sparse_slab.sparse_shape(lanes, k)
    rounding = sparse_slab.sparse_slack(X.dtype, d, own.most)
    m = len(shape[0]) * len(lanes)
    panels, norms = sparse_slab.aligned(-(-k // m) * m * (d + 1), X.dtype), np.empty(k)
    sparse_slab.pack_sparse_centers(centers, rounding[2], panels, norms, shape)
    np.testing.assert_allclose(norms, (centers.astype(float) ** 2).sum(axis=1), rtol=1e-12)
    labels = np.zeros(n, np.int32) if labels is None else labels.copy()
    weights = np.empty(0) if weights is None else weights
    sums, totals = np.zeros(k * d + 8), np.zeros(k)
    scratch = sparse_slab.sparse_scratch(X.dtype, d, k, own.most, shape)
    counted = np.zeros(3)
    for start, stop in cuts or [(0, n)]:
        counted += sparse_slab.assign_sparse_slab(
            own.rows, start, stop, weights[start:stop], labels[start:stop], centers, panels, norms, rounding,
            (cosine, action), sums, totals, scratch, shape,
        )  # fmt: skip
    assert not scratch[-1].any(), "the row in float64 is to be left as it was found"
    assert not sums[k * d :].any()
    return labels, *counted, sums[: k * d].reshape(k, d), totals


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cosine", [0, 1])
@pytest.mark.parametrize("n, d, k", WIDE)
def test_labels_sums_and_inertia(n, d, k, cosine, dtype):
    random = np.random.default_rng(1)
    X = rows_of(n, d, dtype)
    centers = (random.normal(size=(k, d)) * (random.random((k, d)) < 0.7)).astype(dtype)
    weights = random.random(n)
    own = read(X, cosine)
    expected = naive.assign(own, centers)
    labels, moved, _, _, sums, totals = assign(
        X, centers, slab.WITH_SUMS, cosine, weights, cuts=[(0, n // 3), (n // 3, n)]
    )
    assert_same_bits(labels, expected)
    assert moved == np.count_nonzero(expected)
    wanted_sums, wanted_totals = naive.cluster_sums(own, expected, weights, k)
    np.testing.assert_allclose(sums, wanted_sums, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(totals, wanted_totals)
    for action, given in ((slab.WITH_INERTIA, None), (slab.OWN_INERTIA, expected)):
        labels, _, _, inertia, *_ = assign(X, centers, action, cosine, weights, given)
        assert_same_bits(labels, expected)
        assert inertia == pytest.approx(naive.inertia(own, expected, centers, weights), rel=1e-9, abs=1e-30)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n, d, k", WIDE)
def test_ties_go_to_the_lowest_center(n, d, k, dtype):
    X = rows_of(n, d, dtype, levels=4)
    centers = rows_of(k, d, dtype, seed=3, filled=0.6, levels=3)
    centers = np.concatenate([centers, centers[::-1]])[:k]
    assert_same_bits(assign(X, centers, slab.LABELS_ONLY)[0], naive.assign(X, centers))


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_in_doubt_are_settled(dtype):
    random = np.random.default_rng(0)
    base = np.where(random.random(60) < 0.5, 1e4, 0)
    X = (rows_of(400, 60, dtype) + base).astype(dtype)
    X[:3] = 0
    eps = np.finfo(dtype).eps
    centers = np.concatenate([base * (1 + 3 * eps * random.normal(size=(50, 60))), np.zeros((2, 60))]).astype(dtype)
    labels, _, settled, *_ = assign(X, centers, slab.LABELS_ONLY)
    assert settled > 100
    assert_same_bits(labels, naive.assign(X, centers))


def test_far_centers_put_no_row_in_doubt():
    X = rows_of(300, 40, np.float32)
    centers = np.concatenate([X[:8] * 3, np.full((2, 40), 1e12, np.float32)])
    centers[0] = 1
    labels, _, settled, *_ = assign(X, centers, slab.LABELS_ONLY)
    assert settled < 10
    assert_same_bits(labels, naive.assign(X, centers))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n, d, k", WIDE)
def test_moves_take_rows_from_cluster_to_cluster(n, d, k, dtype):
    random = np.random.default_rng(2)
    X, centers = rows_of(n, d, dtype, levels=5), random.normal(size=(k, d)).astype(dtype)
    before = random.integers(0, k, n).astype(np.int32)
    labels, moved, _, spread, sums, totals = assign(X, centers, slab.WITH_MOVES, labels=before)
    ones = np.ones(n)
    old, new = naive.cluster_sums(X, before, ones, k), naive.cluster_sums(X, labels, ones, k)
    np.testing.assert_array_equal(sums, new[0] - old[0])
    np.testing.assert_array_equal(totals, new[1] - old[1])
    assert moved == np.count_nonzero(before != labels)
    assert spread == pytest.approx((X[before != labels].astype(float) ** 2).sum())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cosine", [0, 1])
@pytest.mark.parametrize("n, d, k", WIDE)
def test_packed_tiles_are_the_rows_written_out(n, d, k, cosine, dtype):
    X = rows_of(n, d, dtype)
    own = Compressed(X)
    wanted = np.random.default_rng(0).integers(0, n, 9)
    out = np.full((9, d), np.nan, dtype)
    gather_rows(own.rows, wanted, d, cosine, out)
    np.testing.assert_array_equal(out, read(X, cosine)[wanted])
    assert not lies_as_tile.py_func(own.rows, d, d, X.itemsize, 0, 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n, d, k", WIDE)
def test_own_and_all_distances(n, d, k, dtype):
    X, random = rows_of(n, d, dtype), np.random.default_rng(0)
    own, labels = Compressed(X), random.integers(0, k, n).astype(np.int32)
    centers = random.normal(size=(k, d)).astype(dtype)
    centers[: min(n, k)] = X[: min(n, k)]
    norms = np.array([sum(value * value for value in row) for row in centers.astype(float).tolist()])
    expected, sq_dists = naive.sq_dists(X, centers), np.empty(n)
    unit, dense = np.empty(own.most, dtype), np.zeros(d)
    sparse.own_sparse_distances(own.rows, 0, n, labels, centers, norms, 0, unit, dense, sq_dists)
    np.testing.assert_allclose(sq_dists, expected[np.arange(n), labels], rtol=1e-9, atol=0)
    panels, padded, out = plain_panels(centers.astype(float), 8), np.empty(-(-k // 8) * 8), np.empty((n, k), dtype)
    sparse_trials.square_lengths(panels, d, padded)
    sparse_trials.sparse_distances_to_all(
        own.rows, 0, n, 0, centers, panels, padded, unit, np.empty(own.most), np.empty(24), dense, out
    )
    np.testing.assert_allclose(out, np.sqrt(expected), rtol=2 * np.finfo(dtype).eps + 1e-12, atol=0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n, d, n_trials", [(1, 1, 1), (7, 3, 2), (130, 40, 8), (700, 300, 11)])
def test_gains_of_trials(n, d, n_trials, weighted, dtype):
    X, random = rows_of(n, d, dtype), np.random.default_rng(1)
    own, numbers = Compressed(X), random.integers(0, n, n_trials)
    weights = random.random(n) if weighted else np.empty(0)
    lanes, tile_rows = -(-n_trials // 8) * 8, 64
    panels, norms = np.empty(lanes * d), np.empty(lanes)
    unit, values, parts = np.empty(own.most, dtype), np.empty(own.most), np.empty(24)
    sparse_trials.pack_rows_as_trials(own.rows, n, numbers, 0, d, unit, panels, norms)
    expected = naive.sq_dists(X, X[numbers]).astype(dtype)
    closest = (random.random(n) * 2 * d).astype(dtype)
    labels, limits = random.integers(0, 3, n).astype(np.uint8), np.array([-1, d, 3 * d], dtype)
    kept, gains = np.full((lanes, n), np.nan, dtype), np.empty(-(-n // tile_rows) * lanes)
    reached = closest > limits[labels]
    wanted = np.empty(0)
    measured = sparse_trials.score_sparse_trials(
        own.rows, 0, n, weights, 1.0, closest, labels, d, 0, panels, norms, n_trials, limits, -1, wanted,
        (kept.ctypes.data, n), gains, lanes, tile_rows, values, parts,
    )  # fmt: skip
    assert measured == reached.sum()
    np.testing.assert_allclose(kept[:n_trials, reached].T, expected[reached], rtol=1e-6, atol=0)
    same = (X[:, None] == X[numbers]).all(axis=2) & reached[:, None]
    assert (kept[:n_trials].T[same] == 0).all() and (kept[:n_trials].T[~same & reached[:, None]] > 0).all()
    falls = np.where(reached[:, None], closest[:, None] - np.minimum(closest[:, None], expected), 0).astype(float)
    falls *= weights[:, None] if weighted else 1
    for tile in range(len(gains) // lanes):
        part = falls[tile * tile_rows : (tile + 1) * tile_rows].sum(axis=0)
        np.testing.assert_allclose(gains[tile * lanes :][:n_trials], part, rtol=1e-5, atol=1e-5)
    before, own_labels = closest.copy(), labels.copy()
    sparse_trials.score_sparse_trials(
        own.rows, 0, n, weights, 1.0, closest, labels, d, 0, panels, norms, 1, limits, 9, wanted, (0, 0), gains, 8,
        tile_rows, values, parts,
    )  # fmt: skip
    won = reached & (expected[:, 0] < before)
    np.testing.assert_array_equal(labels, np.where(won, 9, own_labels))
    np.testing.assert_allclose(closest, np.where(won, expected[:, 0], before), rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_limits_keep_only_rows_that_no_trial_wins(dtype):
    X = rows_of(400, 50, dtype, levels=3)
    own, chosen, numbers = Compressed(X), np.array([3, 50, 99]), np.arange(100, 109)
    panels, norms = np.empty(16 * 50), np.empty(16)
    unit, values, parts = np.empty(own.most, dtype), np.empty(own.most), np.empty(24)
    sparse_trials.pack_rows_as_trials(own.rows, 400, numbers, 0, 50, unit, panels, norms)
    table, limits = np.empty((16, 5), dtype), np.empty(5, dtype)
    sparse_trials.sparse_trial_limits(
        own.rows, 400, chosen, 0, 50, panels, norms, 9, skip_margins(dtype, 50), table, limits, unit, values, parts
    )
    quarter = naive.sq_dists(X[numbers], X[chosen]) / 4
    assert (table[:9, :3] <= quarter).all()
    np.testing.assert_allclose(table[:9, :3], quarter, rtol=1e-3, atol=1e-6)
    assert_same_bits(limits[:3], table[:9, :3].min(axis=0))


@pytest.mark.parametrize("dtype", DTYPES)
def test_moments_and_unusable_rows(dtype):
    X = rows_of(200, 30, dtype)
    own, random = Compressed(X), np.random.default_rng(0)
    origin, weights, unit = random.normal(size=30).astype(dtype), random.random(200), np.empty(own.most, dtype)
    moments = np.zeros((3, 30))
    limit = dtype(100)
    found, _, spread = sparse_trials.sparse_moments(own.rows, 0, 200, weights, 0, limit, origin, moments, unit)
    differences = np.where(X != 0, X.astype(float) - origin, 0)
    assert found == ALL_GOOD
    assert spread == pytest.approx((weights[:, None] * X.astype(float) ** 2).sum())
    np.testing.assert_array_equal(moments[0], (X != 0).sum(axis=0))
    np.testing.assert_allclose(moments[1], differences.sum(axis=0), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(moments[2], (differences**2).sum(axis=0))
    found, row, _ = sparse_trials.sparse_moments(own.rows, 0, 200, weights, 1, limit, origin, moments, unit)
    assert (found, row) == (ZERO_ROW, 0)
    for bad in (np.nan, np.inf, 101):
        own.values[own.begins[150]] = bad
        found, row, _ = sparse_trials.sparse_moments(own.rows, 0, 200, weights, 0, limit, origin, moments, unit)
        assert (found, row) == (BAD_VALUE, 150)


@pytest.mark.parametrize("cosine", [0, 1])
@pytest.mark.parametrize("n, d, k, parts", [(1, 1, 1, 1), (33, 7, 9, 4), (400, 50, 3, 7)])
def test_sums_in_label_order(n, d, k, parts, cosine):
    X, random = rows_of(n, d, np.float32), np.random.default_rng(0)
    own, labels, weights = Compressed(X), random.integers(0, k, n), random.random(n)
    order, starts = (
        np.argsort(labels, kind="stable"),
        np.concatenate([[0], np.cumsum(np.bincount(labels, minlength=k))]),
    )
    sums, totals = np.zeros((k, d)), np.zeros(k)
    for part in range(parts):
        edges = np.zeros((2, d)), np.zeros(2), np.full(2, -1)
        sparse_slab.sum_sparse_in_label_order(
            own.rows, n, order, starts, n * part // parts, n * (part + 1) // parts, weights, cosine,
            np.empty(own.most, np.float32), np.empty(d), sums, totals, *edges,
        )  # fmt: skip
        for edge in range(2):
            if edges[2][edge] >= 0:
                sums[edges[2][edge]] += edges[0][edge]
                totals[edges[2][edge]] += edges[1][edge]
    expected = naive.cluster_sums(read(X, cosine), labels, weights, k)
    np.testing.assert_allclose(sums, expected[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(totals, expected[1])
