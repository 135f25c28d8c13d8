"""Weighted sums by cluster: from rows, from columns, in the order of labels; and what is made of them."""

import numba
import numpy as np
import pytest

from fastkmeans.kernels.accumulate import (
    BY_LANE_CLUSTERS,
    BY_LANE_FEATURES,
    accumulate,
    accumulate_by_lane,
    accumulate_moves,
    sums_by_lane,
)
from fastkmeans.kernels.packing import tile_shape
from fastkmeans.kernels.update import (
    MOVES_FOLLOWED,
    MOVES_REACH,
    count_empty,
    follows_moves,
    inertia_from_sums,
    moves_are_sound,
    sort_by_label,
    update_centers,
)
from tests import naive
from tests.kernels.pieces import DTYPES, EDGES, columns_of, tile_of

compiled = numba.njit(error_model="numpy")


@compiled
def _by_row(tile, stride, count, d, labels, weights, sums, totals):
    accumulate(tile, stride, count, d, labels, weights, sums, totals)


@compiled
def _by_lane(columns, n_groups, d, labels, weights, sums, totals, shape):
    accumulate_by_lane(columns, n_groups, d, labels, weights, sums, totals, shape)


@compiled
def _moves(tile, stride, count, d, before, after, norms, sums, totals, lanes):
    return accumulate_moves(tile, stride, count, d, before, after, norms, sums, totals, lanes)


def problem(n, d, k, dtype, weighted):
    random = np.random.default_rng(n + d)
    X, labels = random.normal(size=(n, d)).astype(dtype), random.integers(-1, k, n).astype(np.int32)
    weights = random.random(n) if weighted else np.empty(0)
    own = (weights if weighted else np.ones(n)) * (labels >= 0)
    return X, labels, weights, naive.cluster_sums(X, np.maximum(labels, 0), own, k)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_of_rows_and_of_columns(dtype, weighted):
    shape = tile_shape("plain", dtype, 1)
    for n, d, k in EDGES:
        X, labels, weights, (expected, totals) = problem(n, d, k, dtype, weighted)
        tile, stride, groups = tile_of(X, shape)
        sums, own = np.zeros(k * d + 8), np.zeros(k)
        _by_row(tile, stride, n, d, labels, weights, sums, own)
        np.testing.assert_allclose(sums[: k * d].reshape(k, d), expected, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(own, totals, rtol=1e-13)
        assert not sums[k * d :].any()
        columns, _ = columns_of(X, shape)
        room = len(columns) // d
        padded_labels = np.full(room, -1, np.int32)
        padded_labels[:n] = labels
        padded = np.zeros(room) if weighted else weights
        padded[: n if weighted else 0] = weights
        sums, own = np.zeros(k * d + 8), np.zeros(k)
        _by_lane(columns, groups, d, padded_labels, padded, sums, own, shape)
        np.testing.assert_allclose(sums[: k * d].reshape(k, d), expected, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(own, totals, rtol=1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
def test_moves_are_the_difference_of_two_sums(dtype):
    shape = tile_shape("plain", dtype, 1)
    for n, d, k in EDGES:
        X, after, _, (_, _) = problem(n, d, k, dtype, False)
        random = np.random.default_rng(n)
        for share in (0.0, 0.1, 1.0):
            stays = (random.random(n) >= share) & (after >= 0)
            before = np.where(stays, after, random.integers(0, k, n)).astype(np.int32)
            known = after >= 0  # a row without a label yet is left out, whatever its old one
            expected, totals = (
                new - old
                for new, old in zip(
                    naive.cluster_sums(X[known], after[known], np.ones(known.sum()), k),
                    naive.cluster_sums(X[known], before[known], np.ones(known.sum()), k),
                    strict=True,
                )
            )
            tile, stride, groups = tile_of(X, shape)
            padded = [
                np.concatenate([labels, np.zeros(len(tile) // stride - n, np.int32)]) for labels in (before, after)
            ]
            norms = (X.astype(np.float64) ** 2).sum(axis=1).astype(dtype)
            sums, own = np.zeros(k * d + 8), np.zeros(k)
            spread = _moves(tile, stride, n, d, *padded, norms, sums, own, shape[2])
            np.testing.assert_allclose(sums[: k * d].reshape(k, d), expected, rtol=1e-11, atol=1e-11)
            assert np.array_equal(own, totals) and not sums[k * d :].any()
            assert spread == pytest.approx(norms[known & (before != after)].sum(dtype=float), rel=1e-6)


def test_when_moves_are_followed():
    assert follows_moves(1, 10, 1000, False)
    assert not follows_moves(1, 10, 1000, True), "weights do not cancel to exactly 0"
    assert not follows_moves(1, 900, 1000, False), "many moves cost more than all sums"
    assert not follows_moves(0, 0, 1000, False) and not follows_moves(MOVES_FOLLOWED, 0, 1000, False)


def test_moves_of_a_very_long_row_are_not_sound():
    assert moves_are_sound(0.0, 0, 0.0, 5)
    assert moves_are_sound(3.0 * 100, 100, 3.0 * 1000, 1000)
    assert not moves_are_sound(3.0 * (2 * MOVES_REACH) ** 2, 1, 3.0 * 1000, 1000)


def test_sums_are_added_to_what_is_there():
    X, labels, weights, (expected, totals) = problem(40, 9, 3, np.float32, True)
    tile, stride, _ = tile_of(X, tile_shape("plain", np.float32, 1))
    sums, own = np.zeros(3 * 9 + 8), np.zeros(3)
    for _ in range(2):
        _by_row(tile, stride, 40, 9, labels, weights, sums, own)
    np.testing.assert_allclose(sums[:27].reshape(3, 9), 2 * expected, rtol=1e-12)
    np.testing.assert_allclose(own, 2 * totals, rtol=1e-12)


def test_float32_rows_are_summed_in_float64():
    X = np.full((1000, 1), 0.1, np.float32)
    sums, own = np.zeros(9), np.zeros(1)
    _by_row(X.reshape(-1), 1, 1000, 1, np.zeros(1000, np.int32), np.empty(0), sums, own)
    assert sums[0] == pytest.approx(1000 * float(np.float32(0.1)), rel=1e-14)


def test_when_lanes_are_used():
    choose = compiled(lambda d, k: sums_by_lane(d, k))
    assert choose(BY_LANE_FEATURES, BY_LANE_CLUSTERS)
    assert not choose(BY_LANE_FEATURES + 1, 1) and not choose(1, BY_LANE_CLUSTERS + 1)


# ---- what is made of sums ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cosine", [0, 1])
def test_update_centers(dtype, cosine):
    random = np.random.default_rng(0)
    k, d = 5, 3
    centers, shift = random.normal(size=(k, d)).astype(dtype), random.normal(size=d).astype(dtype)
    totals = np.array([2.0, 0, 0.5, 3, 1])
    sums = random.normal(size=(k, d)) * (totals > 0)[:, None]
    sums[4] = -shift.astype(np.float64)  # a sum of length zero
    flat = np.concatenate([sums.ravel(), np.zeros(8)])
    new = np.empty_like(centers)
    moved = update_centers(flat, totals, shift, cosine, 0, centers, new)
    plain = sums + totals[:, None] * shift.astype(np.float64)
    expected = naive.means(plain, totals, centers, bool(cosine))
    np.testing.assert_allclose(new, expected, rtol=2 * np.finfo(dtype).eps, atol=1e-15)
    assert np.array_equal(new[1], centers[1])
    if cosine:
        assert np.array_equal(new[4], centers[4])
    assert moved == pytest.approx(((new.astype(np.float64) - centers) ** 2).sum(), rel=1e-12)
    later = np.empty_like(centers)
    moved = update_centers(flat, totals, shift, cosine, 3, centers, later)
    assert np.array_equal(later, np.concatenate([centers[:3], new[3:]]))
    assert moved == pytest.approx(((later.astype(np.float64) - centers) ** 2).sum(), rel=1e-12)


def test_inertia_from_sums():
    random = np.random.default_rng(0)
    X, weights, shift = random.normal(size=(50, 4)) + 9, random.random(50), np.full(4, 9.0)
    centers = X[:6] + 0.1
    labels = naive.assign(X, centers)
    sums, totals = naive.cluster_sums(X - shift, labels, weights, 6)
    spread = (weights * ((X - shift) ** 2).sum(axis=1)).sum()
    flat = np.concatenate([sums.ravel(), np.zeros(8)])
    found = inertia_from_sums(spread, flat, totals, centers, shift)
    assert found == pytest.approx(naive.inertia(X, labels, centers, weights), rel=1e-12)


def test_sort_by_label():
    labels = np.random.default_rng(0).integers(0, 7, 300).astype(np.int32)
    labels[labels == 3] = 2
    starts, order = np.empty(8, np.int64), np.empty(300, np.int32)
    sort_by_label(labels, starts, order)
    assert np.array_equal(order, np.argsort(labels, kind="stable"))
    assert np.array_equal(np.diff(starts), np.bincount(labels, minlength=7))
    assert count_empty(np.diff(starts).astype(float)) == 1
