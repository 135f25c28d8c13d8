"""Rows larger than memory: every kind of file gives the bits of an array in the same blocks, within the budget."""

import os
import threading

import numpy as np
import pytest

import fastkmeans
from fastkmeans import api
from fastkmeans.engine.lloyd import run_lloyd
from fastkmeans.engine.moments import measure
from fastkmeans.engine.planner import assigner_for
from fastkmeans.sources.blocks import ArrayRows
from fastkmeans.sources.stored import open_rows
from fastkmeans.sources.streamed import StreamedRows
from tests import naive
from tests.checks import assert_labels_by_definition, assert_same_bits, run_python

pytestmark = pytest.mark.usefixtures("small_blocks")

N, D, K = 5_003, 6, 9
BUDGET = 1 << 20


def rows_of(dtype=np.float32, n=N, seed=0):
    chance = np.random.default_rng(seed)
    middle = chance.integers(-30, 30, (12, D))
    return (middle[chance.integers(12, size=n)] + chance.normal(size=(n, D)) * 3).astype(dtype)


def write_npy(folder, X):
    np.save(folder / "rows.npy", X)
    return folder / "rows.npy"


def write_npy_by_columns(folder, X):
    return write_npy(folder, np.asfortranarray(X))


def write_swapped(folder, X):
    return write_npy(folder, X.astype(X.dtype.newbyteorder()))


def write_parquet(folder, X, **settings):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({f"c{i}": column for i, column in enumerate(X.T)})
    parquet.write_table(table, folder / "rows.parquet", **({"row_group_size": 700} | settings))
    return folder / "rows.parquet"


def lists_of(X):
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.table({"rows": pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(X.reshape(-1)), X.shape[1])})


def write_parquet_of_lists(folder, X):
    table = lists_of(X)
    from pyarrow import parquet

    parquet.write_table(table, folder / "rows.parquet", row_group_size=900)
    return folder / "rows.parquet"


def write_arrow(folder, X):
    pyarrow = pytest.importorskip("pyarrow")
    table = lists_of(X)
    with pyarrow.ipc.new_file(folder / "rows.arrow", table.schema) as file:
        file.write_table(table, 800)
    return folder / "rows.arrow"


def write_zarr(folder, X):
    zarr = pytest.importorskip("zarr")
    array = zarr.open(str(folder / "rows.zarr"), mode="w", shape=X.shape, chunks=(512, X.shape[1]), dtype=X.dtype)
    array[:] = X
    return folder / "rows.zarr"


def write_hdf5(folder, X):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "rows.h5", "w") as file:
        file.create_dataset("data/rows", data=X, chunks=(min(512, len(X)), X.shape[1]))
    return folder / "rows.h5"


def write_list(folder, X):
    paths = []
    for number, part in enumerate(np.array_split(X, 5)):
        np.save(folder / f"part-{number}.npy", part)
        paths.append(folder / f"part-{number}.npy")
    return paths


def write_folder(folder, X):
    (folder / "parts").mkdir()
    write_list(folder / "parts", X)
    (folder / "parts" / "_notes.txt").write_text("not rows")
    return folder / "parts"


WRITERS = {
    name.removeprefix("write_"): function for name, function in list(globals().items()) if name.startswith("write_")
}


def streamed_rows(path, **settings):
    stored = open_rows(path)
    return StreamedRows(stored.tables, budget=BUDGET, **settings)


def in_same_blocks(source, X, weights=None, **settings):
    """The rows as arrays in memory, cut as the source cuts them."""
    return ArrayRows([X[piece.first : piece.first + piece.n] for piece in source.pieces], weights, **settings)


def lloyd(source, centers):
    moments = measure(source)
    way = assigner_for(source, "dense", moments.shift, len(centers), 20)
    return run_lloyd(source, way, moments, centers, max_iter=20, tol=0.0)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_files_give_the_bits_of_arrays_in_the_same_blocks(writer, dtype, tmp_path):
    X = rows_of(dtype)
    own = streamed_rows(WRITERS[writer](tmp_path, X))
    same = in_same_blocks(own, X)
    assert len(own.pieces) > 3 and own.n == N and own.dtype == same.dtype
    numbers = np.random.default_rng(0).integers(N, size=40)
    assert_same_bits(own.take(numbers), same.take(numbers))
    assert_same_bits(own.sample(50, 3), same.sample(50, 3))
    found, expected = (lloyd(source, X[:K].astype(source.dtype)) for source in (own, same))
    assert found.n_iter == expected.n_iter > 2
    for name in ("centers", "labels"):
        assert_same_bits(getattr(found, name), getattr(expected, name))
    assert found.inertia == expected.inertia
    assert_labels_by_definition(X, found.centers, np.asarray(found.labels))


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("init", ["auto", "k-means++", "k-means||", "random", "afk-mc2", "rows", "centers"])
def test_fit_of_a_file(tmp_path, tiny_budget, init, weighted, metric):
    X = rows_of()
    path = write_npy(tmp_path, X)
    weights = np.random.default_rng(1).random(N) if weighted else None
    init = {"rows": np.arange(K), "centers": X[5 : 5 + K]}.get(init, init) if isinstance(init, str) else init
    settings = {"init": init, "n_init": 2, "random_state": 0, "sample_weight": weights, "metric": metric}
    result = fastkmeans.fit(path, K, memory_budget=tiny_budget, **settings)
    assert "rows are read anew" in result.plan and result.converged
    assert_labels_by_definition(X, result.centers, np.asarray(result.labels), metric)
    assert_same_bits(fastkmeans.predict(path, result.centers, metric=metric), result.labels)
    assert np.isclose(result.inertia, api.inertia(X, result.centers, weights, metric=metric), rtol=1e-9)
    again = fastkmeans.fit(path, K, memory_budget=tiny_budget, n_threads=1, **settings)
    assert_same_bits(again.centers, result.centers)
    in_memory = fastkmeans.fit(path, K, **settings)
    assert_same_bits(in_memory.centers, fastkmeans.fit(X, K, **settings).centers)
    assert result.inertia < 1.5 * in_memory.inertia


def test_a_budget_is_kept(tmp_path):
    """Peak memory of a process that fits 320 MB with a budget of 40 MB, over one that fits a few rows."""
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).normal(size=(5_000_000, 16)).astype(np.float32))
    code = """
import resource, sys
import fastkmeans
from fastkmeans import open_rows
fastkmeans.fit(open_rows(sys.argv[1]).load()[:200_000], 8, random_state=0, max_iter=2, callback=lambda stats: None)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
result = fastkmeans.fit(sys.argv[1], 8, random_state=0, max_iter=3, memory_budget=40 << 20, n_threads=2)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    assert float(run_python(None, arguments=["-c", code, str(tmp_path / "rows.npy")])) < 400


def test_no_reader_is_left(tmp_path):
    path = write_npy(tmp_path, rows_of())
    lloyd(streamed_rows(path), rows_of()[:K])
    assert not any(thread.name == "fastkmeans-reader" for thread in threading.enumerate())


def test_oracle_of_a_streamed_fit(tmp_path):
    X = rows_of(np.float64)
    source = streamed_rows(write_parquet(tmp_path, X))
    run = lloyd(source, X[:K])
    assert np.isclose(run.inertia, naive.inertia(X, run.labels, run.centers), rtol=1e-12)
    assert os.path.exists(tmp_path / "rows.parquet")
