"""One set of rows from every kind of source, cut into the same blocks: the same bits, whatever they lie in."""

import numpy as np
import pytest

import fastkmeans
from tests.checks import assert_same_bits
from tests.sources.test_streamed import WRITERS

da = pytest.importorskip("dask.array")
dask = pytest.importorskip("dask")
SIZES, COLUMNS, CLUSTERS = (10_000, 1, 9_000, 8_000, 10_500, 7_000), 6, 9
BUDGET = 1 << 20  # less than the rows, and each file a block
INITS = ("auto", "k-means||", "random")


@pytest.fixture(scope="module")
def blocks():
    rng = np.random.default_rng(0)
    middle = rng.normal(size=(12, COLUMNS)) * 4
    X = middle[rng.integers(12, size=sum(SIZES))] + rng.normal(size=(sum(SIZES), COLUMNS)) * 2
    return np.split(X.astype(np.float32), np.cumsum(SIZES)[:-1])


def fit(X, init):
    return fastkmeans.fit(X, CLUSTERS, init=init, random_state=0, algorithm="dense", memory_budget=BUDGET)


@pytest.fixture(scope="module")
def expected(blocks):
    make = lambda: iter(blocks)  # noqa: E731
    settings = {"random_state": 0, "algorithm": "dense", "memory_budget": BUDGET}
    return {init: fastkmeans.fit_batches(make, CLUSTERS, init=init, **settings) for init in INITS}


def assert_same(found, expected):
    assert_same_bits(found.centers, expected.centers)
    assert_same_bits(np.asarray(found.labels), np.asarray(expected.labels))
    assert (found.inertia, found.n_iter) == (expected.inertia, expected.n_iter)
    assert [stats.inertia for stats in found.history] == [stats.inertia for stats in expected.history]


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("writer", sorted(set(WRITERS) - {"list", "folder"}))
def test_files(blocks, expected, writer, init, tmp_path):
    paths = []
    for number, block in enumerate(blocks):
        (folder := tmp_path / str(number)).mkdir()
        paths.append(WRITERS[writer](folder, block))
    assert_same(fit(paths, init), expected[init])


@pytest.mark.parametrize("init", INITS)
def test_memory_maps(blocks, expected, init, tmp_path):
    for number, block in enumerate(blocks):
        np.save(tmp_path / f"{number}.npy", block)
    read = lambda: (np.load(tmp_path / f"{number}.npy", mmap_mode="r") for number in range(len(blocks)))  # noqa: E731
    settings = {"random_state": 0, "algorithm": "dense", "memory_budget": BUDGET}
    assert_same(fastkmeans.fit_batches(read, CLUSTERS, init=init, **settings), expected[init])


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "cluster"])
@pytest.mark.parametrize("in_memory", [False, True])
def test_dask(blocks, expected, scheduler, in_memory, init, request, monkeypatch):
    rows = da.concatenate([da.from_delayed(dask.delayed(np.copy)(own), own.shape, own.dtype) for own in blocks])
    budget = 2 * rows.nbytes if in_memory else BUDGET  # the second streams through this process, or is not persisted
    settings = {"random_state": 0, "memory_budget": budget, "init": init}
    if scheduler == "cluster":
        request.getfixturevalue("client")
        if not in_memory:
            monkeypatch.setattr("fastkmeans.sources.dask_rows.PERSIST_SHARE", 0.0)
        assert_same(fastkmeans.fit(rows, CLUSTERS, **settings), expected[init])
    else:
        with dask.config.set(scheduler=scheduler):
            assert_same(fastkmeans.fit(rows, CLUSTERS, **settings), expected[init])
