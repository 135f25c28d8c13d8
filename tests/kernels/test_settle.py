"""The bound and the settling: rows not marked are right, marked ones are settled by the definition."""

import numba
import numpy as np
import pytest

from fastkmeans.kernels.packing import row_stride, square_norms, tile_shape
from fastkmeans.kernels.settle import UNCERTAIN, mark_uncertain, rounding_slack, settle_rows
from tests import naive
from tests.kernels.pieces import DTYPES, EDGES, columns_of, describe, grid, panels_of, sizes
from tests.kernels.test_assign import _sweep


@numba.njit(error_model="numpy")
def _mark(best, second, nearest, columns, n_groups, d, norms, count, center_norms, bounds, late, cuts, shape):
    square_norms(columns, n_groups, d, norms, shape)
    return mark_uncertain(best, second, nearest, norms, count, center_norms, bounds, 0, late, cuts, 0, shape)


@numba.njit(error_model="numpy")
def _settle(
    rows, late, cuts, n_late, d, cosine, shift, centers, panels, n_panels, tile, stride, columns, scores, exact,
    sq_dists, nearest, shape,
):  # fmt: skip
    settle_rows(
        rows, late, cuts, n_late, d, cosine, shift, 1, centers, panels, n_panels, tile, stride, columns, scores, exact,
        sq_dists, nearest, shape,
    )  # fmt: skip


class Sweep:
    """Rows swept and marked as assign_slab does it, on packed rows made by NumPy."""

    def __init__(self, X, centers, vectors="plain", shift=None):
        shape = tile_shape(vectors, centers.dtype, 1)
        self.X, self.centers, self.shape, self.vectors = X, centers, shape, vectors
        n, d = X.shape
        _, step = sizes(shape)
        dtype = centers.dtype
        self.shift = np.zeros(d, dtype) if shift is None else shift.astype(dtype)
        moved = X.astype(dtype) - self.shift
        slack, tiny = rounding_slack(dtype, d)
        self.panels, self.n_panels, center_norms = panels_of(centers, shape, slack, self.shift)
        columns, groups = columns_of(moved, shape)
        room = groups * step
        self.best, self.second = np.empty(room, dtype), np.empty(room, dtype)
        self.nearest = np.empty(room, np.int32)
        _sweep(
            columns, groups, d, self.panels, self.n_panels, dtype.type(-np.inf), self.best, self.second, self.nearest,
            shape,
        )  # fmt: skip
        self.late, self.cuts = np.zeros(room + step, np.int64), np.zeros(room + 2 * step, dtype)
        bounds = slack, tiny, float(center_norms.max())
        norms = np.empty(room, dtype)
        self.n_late = _mark(
            self.best, self.second, self.nearest, columns, groups, d, norms, n, center_norms, bounds, self.late,
            self.cuts, shape,
        )  # fmt: skip

    def settled(self):
        """The labels after settling every marked row."""
        n, d = self.X.shape
        m, step = sizes(self.shape)
        dtype, stride = self.centers.dtype, row_stride(d)
        labels = self.nearest[:n].copy()
        nearest = np.empty(step, np.int32)
        for at in range(0, self.n_late, step):
            batch = min(step, self.n_late - at)
            _settle(
                describe(self.X, dtype, self.vectors), self.late[at : at + batch], self.cuts[at : at + step].copy(),
                batch, d, 0, self.shift, self.centers, self.panels, self.n_panels, np.empty(step * stride, dtype),
                stride, np.empty(step * d, dtype), np.empty(m * step, dtype), np.empty(step * d), np.empty(step),
                nearest, self.shape,
            )  # fmt: skip
            labels[self.late[at : at + batch]] = nearest[:batch]
        return labels


def hard_cases(dtype):
    """(name, rows, centers)."""
    random = np.random.default_rng(0)
    rows, centers = random.normal(size=(300, 6)), random.normal(size=(37, 6))
    tiny = 1e-41 if dtype == np.float32 else 5e-320
    small, large = (1e-25, 1e16) if dtype == np.float32 else (1e-160, 1e140)
    groups = np.where(np.arange(300)[:, None] % 2, 1e4, -1e4)
    yield "plain", rows, centers
    yield "two far groups", rows + groups, centers + groups[:37]
    yield "offset 1e6", rows + 1e6, centers + 1e6
    yield "ties on a grid", grid(300, 6), grid(37, 6, 1)
    yield "duplicate centers", rows, np.repeat(centers[:5], 8, axis=0)
    yield "equal rows and centers", rows, rows[:37]
    yield "centers one unit in the last place apart", rows, np.nextafter(dtype(1), dtype(2)) * rows[:37]
    yield "denormals", rows * tiny, centers * tiny
    yield "small", rows * small, centers * small
    yield "large", rows * large, centers * large
    yield "rows of all magnitudes", rows * 10.0 ** (np.arange(300)[:, None] % 30 - 15), centers
    yield "one far center", rows, np.vstack([centers, np.full((1, 6), 1e12)])
    yield "zeros", np.zeros((10, 6)), np.zeros((9, 6))
    yield "middles between two centers", (centers[:36] + centers[1:37]) / 2, centers


@pytest.mark.parametrize("vectors", ["avx512", "zen4", "plain"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_unmarked_rows_are_right_and_marked_ones_get_settled(vectors, dtype):
    marked = {}
    for name, rows, centers in hard_cases(dtype):
        rows, centers = rows.astype(dtype), centers.astype(dtype)
        expected = naive.assign(rows, centers)
        for shift in (None, rows.mean(axis=0)):
            swept = Sweep(rows, centers, vectors, shift)
            found = swept.nearest[: len(rows)]
            sure = found != UNCERTAIN
            assert np.array_equal(found[sure], expected[sure]), name
            assert (~sure).sum() == swept.n_late, name
            assert np.array_equal(np.flatnonzero(~sure), swept.late[: swept.n_late]), name
            assert np.array_equal(swept.settled(), expected), name
            marked[name] = swept.n_late / len(rows)
    assert marked["plain"] < 0.01, "the bound is so loose that rows are settled needlessly"
    assert marked["duplicate centers"] == 1.0
    assert marked["one far center"] < 0.05, "one far center makes other rows doubtful"


@pytest.mark.parametrize("dtype", DTYPES)
def test_edges(dtype):
    for seed, (n, d, k) in enumerate(EDGES):
        rows, centers = grid(n, d, seed).astype(dtype), grid(k, d, seed + 9).astype(dtype)
        assert np.array_equal(Sweep(rows, centers).settled(), naive.assign(rows, centers)), (n, d, k)


@pytest.mark.parametrize("stored", ["f2", "u1", ">f4", "i8"])
def test_settling_reads_rows_as_stored(stored):
    dtype = np.float64 if stored == "i8" else np.float32
    rows = grid(100, 3, levels=7).astype(stored)
    centers = rows[::5].astype(dtype)
    assert np.array_equal(Sweep(rows, centers).settled(), naive.assign(rows, centers))


@pytest.mark.parametrize("dtype", DTYPES)
def test_slack_grows_with_features_and_stays_small(dtype):
    slacks = [rounding_slack(dtype, d)[0] for d in (1, 10, 100, 1000, 10_000)]
    assert slacks == sorted(slacks)
    for d, slack in zip((1, 10, 100, 1000, 10_000), slacks, strict=True):
        unit = np.finfo(dtype).eps / 2
        assert (d + 6) * unit < slack < 3.2 * (d + 12) * unit
    assert rounding_slack(dtype, 5)[1] > 0
