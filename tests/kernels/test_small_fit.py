"""Whole iterations in one compiled call: how it ends, what it writes, and its merging tree."""

import numpy as np
import pytest

from fastkmeans.engine import threads
from fastkmeans.engine.assigners import Dense
from fastkmeans.engine.moments import measure
from fastkmeans.kernels.small_fit import CLOSE_ENOUGH, EMPTY_CLUSTER, GOING_ON, LABELS_STAY, small_fit
from fastkmeans.sources.blocks import ArrayRows
from tests import naive
from tests.checks import assert_same_bits
from tests.kernels.pieces import DTYPES, EDGES


def call(X, start, iterations, tol=0.0, weights=None, cuts=None, before=0, labels=None):
    """Run the kernel; return (how it ended, iterations, rows moved), centers, labels, history, and the sums."""
    source = ArrayRows(X, weights)
    moments = measure(source)
    way = Dense(source.dtype, source.d, moments.shift, False).prepare(start)
    k, d = start.shape
    cuts = np.array([0, len(X)] if cuts is None else cuts, np.int64)
    levels = int(np.ceil(np.log2(len(cuts)))) + 2
    centers, spare, history = start.copy(), np.empty_like(start), np.full((iterations, 3), 77.0)
    labels = np.zeros(len(X), np.int32) if labels is None else labels
    sums, totals = np.zeros(k * d + 8), np.zeros(k)
    ended = small_fit(
        way.address, source.blocks[0].rows, cuts, source.weights, labels, centers, spare, way.shift, way.panels,
        way.center_norms, (way.slack, way.tiny), (way.cosine, way.shifted), 0, moments.spread, float(tol), before,
        history, len(X), sums, totals, np.empty((levels, k * d + 8)), np.empty((levels, k)), way.borrow_scratch(),
        way.shape,
    )  # fmt: skip
    return ended, centers, labels, history, (sums, totals)


def blobs(n=300, d=3, k=7, dtype=np.float64):
    random = np.random.default_rng(0)
    return (random.normal(scale=6, size=(k, d))[np.arange(n) % k] + random.normal(size=(n, d))).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_iterations_are_the_oracles(dtype):
    X = blobs(dtype=dtype)
    (ended, done, _), centers, labels, history, _ = call(X, X[:7].copy(), 50)
    assert ended == LABELS_STAY
    expected, before = X[:7], None
    for iteration in range(done):
        own, new, _ = naive.step(X, expected)
        assert history[iteration, 0] == pytest.approx(naive.inertia(X, own, expected), rel=1e-4)
        assert history[iteration, 2] == ((own != 0).sum() if before is None else (own != before).sum())
        before, expected = own, new
    assert np.array_equal(labels, before)
    np.testing.assert_allclose(centers, expected, rtol=8 * np.finfo(dtype).eps, atol=1e-6 if dtype == np.float32 else 0)
    assert (history[done:] == 77).all() and history[done - 1, 1] == 0


def test_how_it_ends():
    X = blobs()
    start = X[:7].copy()
    (ended, done, moved), *_ = call(X, start, 2)
    assert (ended, done, moved) == (GOING_ON, 2, -1)
    (ended, done, _), *_ = call(X, start, 50, tol=1e9)
    assert (ended, done) == (CLOSE_ENOUGH, 1)
    far = np.vstack([X[:3], np.full((1, 3), 1e6)])
    (ended, done, _), centers, labels, _, (sums, totals) = call(X, far, 50)
    assert (ended, done) == (EMPTY_CLUSTER, 0)
    assert_same_bits(centers, far)
    expected, weights = naive.cluster_sums(X, naive.assign(X, far), np.ones(len(X)), 4)
    assert np.array_equal(totals, weights) and totals[3] == 0
    assert np.array_equal(labels, naive.assign(X, far))


def test_labels_that_stay_in_the_first_iteration_do_not_end_a_run():
    """Labels begin as zeros, so that all rows may be right by chance; a later call knows better."""
    X = blobs()
    (ended, done, _), *_ = call(X, X[:1].copy(), 5)
    assert (ended, done) == (LABELS_STAY, 2)
    mean = X.mean(axis=0, keepdims=True)
    (ended, done, _), *_ = call(X, mean, 5, before=3)
    assert (ended, done) == (LABELS_STAY, 1)


@pytest.mark.parametrize("n_slabs", range(1, 20))
def test_slabs_merge_in_the_tree_of_the_threads(n_slabs):
    """An empty cluster hands the sums back: they are those of the tree, to the bit."""
    X = np.random.default_rng(0).normal(size=(400, 2)) * 10.0 ** np.random.default_rng(1).integers(-6, 6, (400, 1))
    start = np.array([[0.0, 0.0], [1e9, 1e9]])
    cuts = [400 * i // n_slabs for i in range(n_slabs + 1)]
    _, _, _, _, (sums, _) = call(X, start, 1, cuts=cuts)
    parts = [call(X[a:b], start, 1)[4][0] for a, b in zip(cuts[:-1], cuts[1:], strict=True)]
    merged = threads.reduce([n_slabs], lambda number: parts[number], lambda left, right: left + right, 1)
    shifted = measure(ArrayRows(X)).shift.any() or any(
        measure(ArrayRows(X[a:b])).shift.any() for a, b in zip(cuts[:-1], cuts[1:], strict=True)
    )
    assert not shifted, "slabs of other shifts cannot be compared"
    assert_same_bits(sums, merged)


@pytest.mark.parametrize("dtype", DTYPES)
def test_edges(dtype):
    for n, d, k in EDGES:
        X, weights = blobs(n, d, 5, dtype), np.arange(n) % 3 + 1.0
        start = blobs(k, d, 5, dtype)
        (ended, _, _), centers, labels, _, _ = call(X, start, 1, weights=weights)
        expected = naive.assign(X, start)
        assert np.array_equal(labels, expected)
        sums, totals = naive.cluster_sums(X, expected, weights, k)
        assert (ended == EMPTY_CLUSTER) == bool((totals == 0).any())
        if ended != EMPTY_CLUSTER:
            np.testing.assert_allclose(centers, naive.means(sums, totals, start), rtol=1e-5, atol=1e-6)
