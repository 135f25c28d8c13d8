"""Boxes: no center that is ruled out could have won, whatever the values; labels, sums and counts are right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastkmeans.engine.boxes import Boxes, Ordered
from fastkmeans.engine.moments import measure
from fastkmeans.kernels.box_rows import BLOCK_ROWS, NOBODY
from fastkmeans.kernels.boxes import narrow
from fastkmeans.kernels.ordering import make_keys, spread_bits
from fastkmeans.sources.blocks import ArrayRows
from tests import naive, strategies
from tests.checks import assert_same_bits
from tests.kernels.pieces import hard_rows

KINDS = ("blobs", "offset", "grid", "huge ranges", "outlier column", "tiny", "zeros", "equal", "constant column")


def rows_of(kind, n, d, seed=0):
    return hard_rows(kind, n, d, seed, offset=1e6, tiny=1e-41)


def boxes_of(source, k):
    way = Boxes.for_source(source, measure(source).shift)
    way.watch(source, k)
    assert way.name == "boxes"
    return way


def stored_rows(X, cosine):
    return naive.unit_rows(X, X.dtype) if cosine else X


def check_passes(X, k, moves=(0, 0.1, 0, 1e-3, 0.5, 1e-6), *, weights=None, cosine=False):
    """Labels, moved rows and sums of passes while centers move, against the oracle."""
    source = ArrayRows(X, weights, cosine=cosine, n_threads=2)
    way, rows = boxes_of(source, k), stored_rows(X.astype(source.dtype), cosine)
    k = min(k, source.n)
    centers = source.take(np.linspace(0, source.n - 1, k).astype(int))
    random, before, labels = np.random.default_rng(1), None, np.empty(source.n, np.int32)
    own = np.ones(source.n) if weights is None else weights
    for number, scale in enumerate(moves):
        step = random.normal(size=centers.shape) * scale * np.abs(centers).max()
        centers = (centers + step * (random.random((k, 1)) < 0.5)).astype(source.dtype)
        way.prepare(centers)
        partial = way.reduce(source, way.sums_pass() if number != 2 else way.labels_pass(), labels)
        way.give_labels(labels)
        expected = naive.assign(rows, centers)
        assert_same_bits(labels, expected)
        if before is not None:
            assert partial.n_moved == np.count_nonzero(before != expected)
        before = expected
        if number != 2:
            sums, totals = naive.cluster_sums(rows.astype(np.float64) - way.shift, labels, own, k)
            size = np.abs(rows.astype(np.float64) - way.shift).max() * own.sum()
            np.testing.assert_allclose(partial.cluster_weights, totals, rtol=1e-13, atol=1e-300)
            flat = partial.cluster_sums[: sums.size].reshape(sums.shape)
            np.testing.assert_allclose(flat, sums, rtol=0, atol=1e-12 * size + 1e-300)
            inertia = way.reduce(source, way.own_inertia_pass(), labels).inertia
            assert inertia == pytest.approx(naive.inertia(rows, labels, centers, own), rel=1e-9, abs=1e-20 * size)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n, d, k", [(1, 1, 1), (40, 1, 40), (64, 2, 5), (1000, 3, 30), (4500, 2, 200), (700, 8, 20)])
def test_labels_sums_and_moves(kind, dtype, n, d, k):
    check_passes(rows_of(kind, n, d).astype(dtype), k)


@pytest.mark.parametrize("dtype", ["u1", "i2", "f2", ">f4", "i8"])
@pytest.mark.parametrize("options", [{}, {"cosine": True}, {"weights": True}])
def test_stored_types_cosine_and_weights(dtype, options):
    X = (rows_of("blobs", 900, 3) + 40).astype(dtype)
    if "weights" in options:
        options = {"weights": np.random.default_rng(0).integers(0, 3, len(X)).astype(float)}
    check_passes(np.asfortranarray(X), 25, (0, 0.1, 0, 0.01), **options)


@given(strategies.points_and_k(max_rows=150, max_features=4, dtypes=("f4", "f8")), st.data())
def test_any_rows(X_and_k, data):
    X, k = X_and_k
    weights = data.draw(st.none() | strategies.weights(len(X)))
    layout = data.draw(strategies.layouts())
    check_passes(layout(X), k, (0, 0.2, 0), weights=weights)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_center_that_is_ruled_out_is_nearest_to_no_row_of_the_box(kind, dtype):
    X = rows_of(kind, 1100, 2).astype(dtype)
    source = ArrayRows(X)
    way, k, ruled_out = boxes_of(source, 40), 40, 0
    centers = X[:: len(X) // k][:k]
    way.prepare(centers)
    rows, room = way.rows, len(way.numbers)
    n_blocks = rows.n_blocks
    values, numbers = np.empty(n_blocks * 2 * room, dtype), np.empty(n_blocks * room, np.int32)
    counts, first = np.empty(n_blocks, np.int64), len(rows.boxes) // 4 - n_blocks
    narrow(
        rows.boxes, first, first + n_blocks, way.turned.reshape(-1), way.numbers, 0, room, k, values, numbers, room,
        counts, way.box_bounds, np.empty(2, dtype), way.box_shape,
    )  # fmt: skip
    for block in range(n_blocks):
        points = range(block * BLOCK_ROWS, min((block + 1) * BLOCK_ROWS, rows.n_points))
        own = X[[rows.order[rows.starts[point] if len(rows.starts) else point] for point in points]]
        kept = numbers[block * room : block * room + counts[block]]
        assert (np.diff(kept) > 0).all()
        others = np.setdiff1d(np.arange(k), kept)
        ruled_out += len(others)
        if len(others):
            sq_dists = naive.sq_dists(own, centers)
            assert (sq_dists[:, others] > sq_dists.min(axis=1, keepdims=True)).all()
    assert ruled_out > 0 or n_blocks < 4 or kind == "tiny"


@pytest.mark.parametrize("d, bits", [(1, 8), (1, 11), (2, 4), (3, 3), (5, 2), (8, 1)])
def test_the_curve_meets_every_cell_and_never_jumps(d, bits):
    cells = np.stack(np.meshgrid(*[np.arange(1 << bits)] * d), axis=-1).reshape(-1, d).astype(np.float32)
    keys, counts = np.empty(len(cells), np.uint32), np.zeros(1 << 11, np.int64)
    shape = (None,), (None,), (None,), (None,) * d
    low = np.zeros(d, np.float32)
    make_keys(cells.ravel(), 0, len(cells), low, np.float32(1), spread_bits(d), bits, 0, keys, counts, shape)
    assert sorted(keys) == list(range(len(cells)))
    along = cells[np.argsort(keys)]
    assert (np.abs(np.diff(along, axis=0)).sum(axis=1) == 1).all()


def ordered(X, n_threads, weights=None):
    source = ArrayRows(X, weights, n_threads=n_threads)
    way = Boxes.for_source(source, np.zeros(X.shape[1], source.dtype))
    way.watch(source, 3)
    return way.rows


@pytest.mark.parametrize("kind", KINDS)
def test_order_and_blocks(kind):
    X = rows_of(kind, 9000, 2).astype(np.float32)
    one, two = ordered(X, 1), ordered(X, 2)
    for name, value in vars(one).items():
        if isinstance(value, np.ndarray):
            assert_same_bits(value, getattr(two, name), name)
    assert sorted(one.order) == list(range(len(X)))
    begins = one.starts[:-1] if len(one.starts) else np.arange(len(X))
    points = X[one.order[begins]]
    held = one.columns.reshape(-1, 2, BLOCK_ROWS).transpose(0, 2, 1).reshape(-1, 2)
    assert_same_bits(held[: len(points)], points)
    boxes = one.boxes.reshape(-1, 4)[-one.n_blocks :]
    parts = held.reshape(-1, BLOCK_ROWS, 2)
    assert np.array_equal(boxes, np.concatenate([parts.min(axis=1), parts.max(axis=1)], axis=1))
    sizes = np.diff(one.starts) if len(one.starts) else np.ones(len(X))
    assert sizes.sum() == len(X) == one.block_sums.reshape(-1, 3)[:, 2].sum()
    if len(one.starts):
        assert kind in ("grid", "zeros", "equal", "tiny")
        assert np.array_equal(np.repeat(points, np.diff(one.starts), axis=0), X[one.order])  # 0.0 is -0.0


def test_equal_rows_are_one_point_with_their_weights():
    X = rows_of("grid", 3000, 2).astype(np.float32)
    weights = np.random.default_rng(3).random(len(X))
    rows = ordered(X, 2, weights)
    assert rows.n_points == len(np.unique(X, axis=0))
    assert rows.weights[: rows.n_points].sum() == pytest.approx(weights.sum())
    check_passes(X, 17, weights=weights)


def test_ties_are_settled():
    X = rows_of("grid", 2000, 2).astype(np.float32)
    source = ArrayRows(X)
    way = boxes_of(source, 30)
    way.prepare(np.unique(X, axis=0)[::2][:30])
    assert way.reduce(source, way.labels_pass(), None).n_settled > 0


def test_most_rows_of_few_clusters_are_not_read():
    X = rows_of("blobs", 60_000, 2).astype(np.float32)
    source = ArrayRows(X)
    way = boxes_of(source, 4)
    way.prepare(X[:4])
    swept = way.reduce(source, way.labels_pass(), None).n_swept
    assert 0 < swept < 0.5 * len(X)
    whole = way.block_labels != NOBODY
    assert 0.7 < whole.mean() < 1


def test_the_order_is_made_once_for_a_source():
    source = ArrayRows(rows_of("blobs", 500, 2))
    assert isinstance(boxes_of(source, 4).rows, Ordered) and boxes_of(source, 4).rows is boxes_of(source, 9).rows
