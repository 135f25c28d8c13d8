"""Bounds: no pair that they skip could have won, whatever the values; and labels are those of the definition."""

import numpy as np
import pytest

from fastkmeans.engine import bounds
from fastkmeans.engine.bounds import Bounded, Screened
from fastkmeans.engine.groups import neighbours_in_runs, screens
from fastkmeans.engine.passes import MEMORY_FLOOR
from fastkmeans.kernels import bounds as kernel
from fastkmeans.kernels import candidates
from fastkmeans.sources.blocks import ArrayRows
from tests import naive
from tests.checks import assert_same_bits
from tests.kernels.pieces import hard_rows


def rows_of(kind, n, d, seed=0):
    return hard_rows(kind, n, d, seed, offset=1e4, tiny=1e-24)


KINDS = ("blobs", "offset", "grid", "huge ranges", "outlier column", "tiny", "zeros")


def passes(X, dtype, k, moves, *, weights=None, cosine=False, way=Bounded, in_bytes=False, shift=None):
    """Passes over rows while centers move: (way, labels, lower bounds) after each."""
    source = ArrayRows(X.astype(dtype), weights, cosine=cosine, n_threads=2)
    shift = np.zeros(source.d, source.dtype) if shift is None else shift.astype(source.dtype)
    way = way(source.dtype, source.d, shift, cosine)
    way.screening = in_bytes and screens(source.d)
    way.watch(source, k)
    labels = source.new_row_state(np.int32)
    centers = source.take(np.linspace(0, source.n - 1, k).astype(int))
    random = np.random.default_rng(1)
    for scale in moves:
        step = random.normal(size=centers.shape) * scale * np.abs(centers).max()
        centers = (centers + step * (random.random((k, 1)) < 0.5)).astype(source.dtype)
        if cosine:
            centers /= np.sqrt((centers.astype(float) ** 2).sum(axis=1, keepdims=True)).astype(source.dtype)
        partial = source.reduce(way.prepare(centers).labels_pass(), row_state=(labels, *way.states))
        yield source, way, centers.copy(), labels.copy(), way.states[0].copy() if way.states else None, partial


SIZES = [(1, 1, 1), (40, 1, 40), (333, 3, 30), (1000, 17, 100), (257, 40, 55)]
WIDE = [(1, 8, 1), (40, 8, 40), (333, 9, 30), (1000, 17, 100), (257, 40, 55), (150, 130, 149)]
MOVES = (0, 0.1, 0, 1e-3, 1e-6, 0.5, 1e-2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("in_bytes, n, d, k", [(False, *size) for size in SIZES] + [(True, *size) for size in WIDE])
def test_bounds_hold_and_labels_are_right(kind, dtype, in_bytes, n, d, k):
    X = rows_of(kind, n, d).astype(dtype)
    shift = X.mean(axis=0) if kind == "offset" else None
    for _, way, centers, labels, lower, _ in passes(X, dtype, k, MOVES, in_bytes=in_bytes, shift=shift):
        assert_same_bits(labels, naive.assign(X, centers))
        distances = np.sqrt(naive.sq_dists(X, centers))
        for group in range(way.n_groups):
            own = np.flatnonzero(way.groups.group_of == group)
            others = np.where(own[None] == labels[:, None], np.inf, distances[:, own])
            assert (lower[:, group] <= others.min(axis=1)).all(), "a bound is above a distance"
        assert (way.states[2] >= distances[np.arange(n), labels]).all(), "an upper bound is below the distance"


@pytest.mark.skipif(not screens(8), reason="this machine does not multiply bytes")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n, d, k", WIDE)
def test_a_sweep_in_bytes_alone(kind, dtype, n, d, k):
    X = rows_of(kind, n, d).astype(dtype)
    shift = X.mean(axis=0) if kind == "offset" else None
    for *_, centers, labels, _, partial in passes(X, dtype, k, MOVES, way=Screened, in_bytes=True, shift=shift):
        assert_same_bits(labels, naive.assign(X, centers))
        assert partial.n_swept >= n * k


@pytest.mark.skipif(not screens(8), reason="this machine does not multiply bytes")
def test_lists_of_candidates_that_overflow(monkeypatch):
    monkeypatch.setattr(candidates, "PANELS_OF_PAIRS", 1)
    monkeypatch.setattr(kernel, "CANDIDATES_AT_ONCE", 3)
    X = np.round(rows_of("blobs", 500, 8) / 9)
    for way in (Bounded, Screened):
        measured = 0
        for *_, centers, labels, _, partial in passes(X, np.float32, 100, MOVES, way=way, in_bytes=True):
            assert_same_bits(labels, naive.assign(X, centers))
            measured += partial.n_measured
        assert measured > 0


def test_cosine_and_weights():
    X = rows_of("blobs", 700, 12)
    for _, _, centers, labels, _, _ in passes(X, np.float32, 50, (0, 0.1, 1e-3), cosine=True):
        assert_same_bits(labels, naive.assign(naive.unit_rows(X.astype(np.float32), np.float32), centers))


def test_pairs_are_skipped_and_only_those_that_cannot_win():
    X = rows_of("blobs", 3000, 8)
    counts = [partial.n_swept for *_, way, _, _, _, partial in passes(X, np.float32, 96, (0, 1e-2, 1e-3))]
    assert counts[0] > counts[1] > 0 and counts[2] < 0.5 * counts[0]


@pytest.mark.parametrize("size", [1, 5, 24, 200])
def test_neighbours_in_runs(size):
    centers = rows_of("blobs", 101, 3)
    runs = neighbours_in_runs(centers, size)
    assert sorted(np.concatenate(runs).tolist()) == list(range(101))
    assert all(len(run) <= size for run in runs) and len(runs) == -(-101 // size)
    same = neighbours_in_runs(np.ones((30, 2)), 7)
    assert sorted(np.concatenate(same).tolist()) == list(range(30)) and len(same) == 5


def test_groups_grow_where_bounds_would_take_too_much_memory(monkeypatch):
    source = ArrayRows(np.zeros((200_000, 2), np.float32))
    way = Bounded(source.dtype, 2, np.zeros(2, np.float32), False)
    way.watch(source, 1000)
    assert 12 < way.n_groups <= -(-1000 // 32) and way.state_bytes <= 0.45 * MEMORY_FLOOR
    monkeypatch.setattr(bounds, "STATE_SHARE", 0.15)
    way.watch(source, 1000)
    assert 8 <= way.n_groups < 12 and way.state_bytes <= 0.15 * MEMORY_FLOOR
    assert way.n_groups * way.group_size >= 1000
    monkeypatch.setattr(bounds, "STATE_SHARE", 0.01)
    way.watch(source, 1000)
    assert way.states == () and way.name == "dense"
