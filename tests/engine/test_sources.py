"""A source of three ragged blocks, written from the protocol in sources/blocks.py alone, gives an array's bits."""

import numpy as np
import pytest

from fastkmeans.engine import threads
from fastkmeans.engine.assigners import Dense
from fastkmeans.engine.lloyd import run_lloyd
from fastkmeans.engine.moments import UnusableRow, measure
from fastkmeans.engine.passes import counter_keys
from fastkmeans.engine.seeding import SEEDINGS
from fastkmeans.sources.blocks import ArrayRows, Block
from tests import naive
from tests.checks import assert_labels_by_definition, assert_same_bits


class ToySource:
    """Blocks that lie in different arrays, read one after the other by the caller's thread."""

    def __init__(self, arrays, weights=None, cosine=False):
        self.pieces = [ArrayRows(array, cosine=cosine) for array in arrays]
        first = self.pieces[0]
        self.n, self.d, self.dtype = sum(map(len, arrays)), first.d, first.dtype
        self.cosine, self.integers, self.weighted = cosine, first.integers, weights is not None
        self.weights = np.empty(0) if weights is None else weights
        self.starts = np.cumsum([0, *map(len, arrays)])
        self.parts = [
            Block(array, start, self.weights[start : start + len(array)], self.dtype)
            for array, start in zip(arrays, self.starts, strict=False)
        ]

    @property
    def total_weight(self):
        return sum(float(block.weights.sum()) for block in self.parts) if self.weighted else float(self.n)

    def weights_of(self, numbers):
        return self.weights[numbers] if self.weighted else np.ones(len(numbers))

    def reduce(self, kernel, row_state=()):
        of_blocks = []
        for block in self.parts:
            cuts, partials = threads.slab_cuts(block.n, self.d, kernel.row_seconds, self.n), []
            for start, stop in zip(cuts[:-1], cuts[1:], strict=True):
                partial = kernel.start()
                rows = slice(block.first + start, block.first + stop)
                kernel.add(block, start, stop, partial, *(state[rows] for state in row_state))
                partials.append(partial)
            of_blocks.append(self.merged(partials, kernel.merge))
        return self.merged(of_blocks, kernel.merge)

    @staticmethod
    def merged(partials, merge):
        while len(partials) > 1:
            pairs = [merge(*partials[i : i + 2]) for i in range(0, len(partials) - 1, 2)]
            partials = pairs + partials[len(partials) - len(partials) % 2 :]
        return partials[0]

    def sample(self, m, seed):
        numbers = np.arange(self.n)
        keys = -np.log(counter_keys(numbers, seed))
        if self.weighted:
            with np.errstate(divide="ignore"):
                keys = keys / self.weights
        numbers = numbers[np.isfinite(keys)]
        return numbers[np.lexsort((numbers, keys[numbers]))][:m]

    def take(self, numbers):
        rows = [
            self.pieces[piece].take([number - self.starts[piece]])
            for number in numbers
            for piece in [np.searchsorted(self.starts, number, side="right") - 1]
        ]
        return np.concatenate(rows) if rows else np.empty((0, self.d), self.dtype)

    def gathered(self, numbers, weights):
        return ArrayRows(self.take(numbers), weights, dtype=self.dtype)

    def new_row_state(self, dtype, columns=None):
        return np.zeros(self.n, dtype) if columns is None else np.zeros((self.n, columns), dtype, order="F")

    def map_labels(self, kernel, labels=None):
        labels = self.new_row_state(np.int32) if labels is None else labels
        return labels, self.reduce(kernel, row_state=(labels,))


def run(source, k, init, max_iter=8):
    moments = measure(source)
    way = Dense(source.dtype, source.d, moments.shift, source.cosine)
    numbers = SEEDINGS[init](source, k, np.random.default_rng(0))
    return run_lloyd(source, way, moments, source.take(numbers), max_iter=max_iter, tol=0.0)


def assert_same_run(a, b):
    for name in ("centers", "labels"):
        assert_same_bits(getattr(a, name), getattr(b, name), name)
    assert (a.inertia, a.n_iter, a.converged) == (b.inertia, b.n_iter, b.converged)
    assert [stats.inertia for stats in a.history] == [stats.inertia for stats in b.history]
    assert [stats.n_moved for stats in a.history] == [stats.n_moved for stats in b.history]


def rows_in_three(dtype, n=5003, d=5):
    X = (np.random.default_rng(0).normal(size=(n, d)) * 4 + 90).astype(dtype)
    return X, [X[:17], X[17:3001], X[3001:]]


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1"])
@pytest.mark.parametrize("cosine", [False, True])
@pytest.mark.parametrize("init", SEEDINGS)
@pytest.mark.parametrize("weighted", [False, True])
def test_ragged_blocks_give_the_bits_of_the_array_cut_the_same_way(dtype, cosine, init, weighted, monkeypatch):
    monkeypatch.setattr(threads, "SLAB_SECONDS", (1e-6, 1e-5))
    monkeypatch.setattr(threads, "SERIAL_SECONDS", 0.0)
    X, parts = rows_in_three(dtype)
    weights = np.random.default_rng(1).integers(0, 3, len(X)).astype(float) if weighted else None
    toy = run(ToySource(parts, weights, cosine), 13, init)
    array = run(ArrayRows(parts, weights, cosine=cosine, n_threads=3), 13, init)
    assert toy.n_iter > 1
    assert_same_run(toy, array)
    whole = run(ArrayRows(X, weights, cosine=cosine), 13, init)
    assert_labels_by_definition(X, toy.centers, toy.labels, "cosine" if cosine else "euclidean")
    assert toy.inertia == pytest.approx(whole.inertia, rel=0.2)


def test_blocks_of_other_layouts_in_one_source():
    X, parts = rows_in_three("f4")
    mixed = [np.asfortranarray(parts[0]), parts[1].astype(">f4"), np.repeat(parts[2], 2, axis=1)[:, ::2]]
    assert_same_run(run(ArrayRows(parts), 7, "k-means++"), run(ArrayRows(mixed), 7, "k-means++"))


def test_empty_clusters_in_blocks():
    X, parts = rows_in_three("f4")
    start = np.vstack([X[:5], X[:3] + 1e4])
    runs = []
    for source in (ToySource(parts), ArrayRows(parts)):
        moments = measure(source)
        way = Dense(source.dtype, source.d, moments.shift, source.cosine)
        runs.append(run_lloyd(source, way, moments, start, max_iter=5, tol=0.0))
    assert runs[0].history[0].n_relocated == 3
    assert_same_run(*runs)


# ---- single questions -------------------------------------------------------------------------------------


def test_samples_do_not_depend_on_the_blocks():
    X, parts = rows_in_three("f4")
    for seed in range(5):
        for m in (1, 7, 600, len(X)):
            expected = ArrayRows(X).sample(m, seed)
            assert len(set(expected.tolist())) == m
            assert_same_bits(expected, ArrayRows(parts).sample(m, seed))
            assert_same_bits(expected, ToySource(parts).sample(m, seed))


def test_samples_do_not_depend_on_the_pieces_they_are_drawn_in(monkeypatch):
    X, _ = rows_in_three("f4")
    weights = np.random.default_rng(0).random(len(X))
    expected = [ArrayRows(X, weights).sample(m, 3) for m in (1, 50, 4999)]
    monkeypatch.setattr("fastkmeans.sources.blocks.SAMPLE_ROWS", 64)
    for one, m in zip(expected, (1, 50, 4999), strict=True):
        assert_same_bits(one, ArrayRows(X, weights).sample(m, 3))


def test_samples_follow_the_weights():
    weights = np.array([0.0, 1, 2, 5, 0, 2])
    source = ArrayRows(np.zeros((6, 1)), weights)
    drawn = np.concatenate([source.sample(1, seed) for seed in range(20_000)])
    shares = np.bincount(drawn, minlength=6) / len(drawn)
    np.testing.assert_allclose(shares, weights / weights.sum(), atol=0.015)
    assert sorted(source.sample(6, 0).tolist()) == [1, 2, 3, 5]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "u1", ">i4"])
def test_take(dtype):
    X, parts = rows_in_three(dtype)
    numbers = [0, 16, 17, 5002, 3000, 17]
    taken = ArrayRows(parts).take(numbers)
    assert_same_bits(taken, X[numbers].astype(taken.dtype))
    unit = ArrayRows(parts, cosine=True).take(numbers)
    assert_same_bits(unit, naive.unit_rows(X[numbers], unit.dtype))
    assert ArrayRows(parts).take([]).shape == (0, X.shape[1])


def test_measure():
    X, parts = rows_in_three("f4")
    weights = np.random.default_rng(0).random(len(X))
    wide = X.astype(np.float64)
    for source, own in ((ArrayRows(parts), np.ones(len(X))), (ArrayRows(parts, weights), weights)):
        moments = measure(source)
        assert moments.mean_variance == pytest.approx(wide.var(axis=0).mean(), rel=1e-9)
        assert moments.total_weight == pytest.approx(own.sum())
        about = ((wide - moments.shift) ** 2).sum(axis=1)
        assert moments.spread == pytest.approx((own * about).sum(), rel=1e-9)
        np.testing.assert_allclose(moments.shift, wide.mean(axis=0), rtol=1e-6)


def test_measure_names_the_first_unusable_row():
    for bad in (16, 17, 3001, 5002):
        X, _ = rows_in_three("f8")
        X[[bad, 5002], 3] = np.nan
        for source in (ToySource([X[:17], X[17:3001], X[3001:]]), ArrayRows(X)):
            with pytest.raises(UnusableRow) as caught:
                measure(source)
            assert caught.value.row == bad
