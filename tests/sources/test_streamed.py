"""Rows larger than memory: every kind of file gives the bits of an array in the same blocks, within the budget."""

import os
import threading

import numpy as np
import pytest

import fastkmeans
from fastkmeans import api, validation
from fastkmeans.engine.lloyd import run_lloyd
from fastkmeans.engine.moments import measure
from fastkmeans.engine.planner import assigner_for
from fastkmeans.sources import streamed
from fastkmeans.sources.blocks import ArrayRows
from fastkmeans.sources.stored import open_rows
from fastkmeans.sources.streamed import StreamedRows
from tests import naive
from tests.checks import assert_labels_by_definition, assert_same_bits, run_python

N, D, K = 5_003, 6, 9
BUDGET = 1 << 20


def rows_of(dtype=np.float32, n=N, seed=0):
    chance = np.random.default_rng(seed)
    middle = chance.integers(-30, 30, (12, D))
    return (middle[chance.integers(12, size=n)] + chance.normal(size=(n, D)) * 3).astype(dtype)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of a few hundred rows, so that there are many."""
    monkeypatch.setattr(streamed, "LEAST_BLOCK", 1 << 10)
    monkeypatch.setattr(streamed, "MOST_BLOCK", 1 << 14)


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
        file.create_dataset("data/rows", data=X, chunks=(512, X.shape[1]))
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


@pytest.fixture
def tiny_budget(monkeypatch):
    monkeypatch.setattr(validation, "LEAST_BUDGET", 1)
    return 1 << 15


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


# ---- batches ----------------------------------------------------------------------------------------------


def batches_of(X, sizes=(700, 1, 1300, 0, 2000), weights=None):
    def make():
        first = 0
        for size in (*sizes, len(X) - sum(sizes)):
            own = slice(first, first + size)
            yield X[own] if weights is None else (X[own], weights[own])
            first += size

    return make


@pytest.mark.parametrize("weighted", [False, True])
def test_fit_of_batches(weighted):
    X = rows_of()
    weights = np.random.default_rng(1).random(N) if weighted else None
    result = fastkmeans.fit_batches(batches_of(X, weights=weights), K, random_state=0)
    assert "rows are read anew" in result.plan and result.converged
    assert_labels_by_definition(X, result.centers, np.asarray(result.labels))
    assert np.isclose(result.inertia, api.inertia(X, result.centers, weights), rtol=1e-9)


NOT_BATCHES = {
    "a list": (lambda X: [X], TypeError, "partial_fit"),
    "an iterator": (lambda X: iter([X]), TypeError, "partial_fit"),
    "the same iterator": (lambda X: (lambda it: lambda: it)(iter([X, X])), TypeError, "partial_fit"),
    "nothing": (lambda X: lambda: [], ValueError, "gave no batch"),
    "one row": (lambda X: lambda: [X[0]], ValueError, "2-D"),
    "other columns": (lambda X: lambda: [X, X[:, 1:]], ValueError, "batch 1 has 5 columns"),
    "some weights": (lambda X: lambda: [X, (X, np.ones(len(X)))], ValueError, "all, or none"),
    "text": (lambda X: lambda: [X.astype(str)], TypeError, "numbers"),
    "NaN": (lambda X: lambda: [X, np.where(X == X[7, 2], np.nan, X)], ValueError, f"row {N + 7}, column 2"),
}


@pytest.mark.parametrize("what", NOT_BATCHES)
def test_what_is_no_batches_is_said(what):
    make, kind, says = NOT_BATCHES[what]
    with pytest.raises(kind, match=says):
        fastkmeans.fit_batches(make(rows_of(np.float64)), K, random_state=0)


@pytest.mark.parametrize("change", ["fewer", "more", "longer"])
def test_batches_that_change(change):
    X, passes = rows_of(), [0]

    def make():
        passes[0] += 1
        late = passes[0] > 3
        sizes = (700, 300 if late and change == "longer" else 200, 1300)
        parts = list(batches_of(X, sizes)())
        return parts[:-1] if late and change == "fewer" else [*parts, X] if late and change == "more" else parts

    with pytest.raises(ValueError, match="make_batches gave"):
        fastkmeans.fit_batches(make, K, random_state=0)


# ---- what goes wrong with files ---------------------------------------------------------------------------


def test_a_file_that_ends_early(tmp_path, tiny_budget):
    path = write_npy(tmp_path, rows_of())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="rows.npy ends early"):
        fastkmeans.fit(path, K, memory_budget=tiny_budget)


@pytest.mark.parametrize("writer", ["npy", "parquet", "hdf5"])
def test_a_file_that_changes(tmp_path, tiny_budget, writer):
    X = rows_of()
    path, seen = WRITERS[writer](tmp_path, X), []

    def callback(stats):
        seen.append(stats)
        if stats.phase == "lloyd" and stats.iteration == 2:
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2])

    with pytest.raises(ValueError, match="has changed while it was read"):
        fastkmeans.fit(path, K, memory_budget=tiny_budget, callback=callback, random_state=0, tol=0)
    assert seen[-1].iteration == 2
    assert not any(thread.name == "fastkmeans-reader" for thread in threading.enumerate())


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_a_bad_value_in_the_last_block(tmp_path, tiny_budget, bad):
    X = rows_of(np.float64)
    X[-1, 3] = bad
    with pytest.raises(ValueError, match=rf"row {N - 1}, column 3"):
        fastkmeans.fit(write_npy(tmp_path, X), K, memory_budget=tiny_budget)


def test_missing_values_in_files_of_columns(tmp_path, tiny_budget):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    for kind, says in ((pyarrow.float64(), "NaN"), (pyarrow.int32(), "missing values")):
        table = pyarrow.table({"a": pyarrow.array([1, 2, None] * 900, kind), "b": pyarrow.array([3, 4, 5] * 900, kind)})
        parquet.write_table(table, tmp_path / "rows.parquet")
        with pytest.raises(ValueError, match=says):
            fastkmeans.fit(tmp_path / "rows.parquet", 2, memory_budget=tiny_budget // 8)


def test_columns_and_keys(tmp_path, tiny_budget):
    X = rows_of()
    path = write_parquet(tmp_path, X)
    with open_rows(path, columns=["c3", "c0"]) as stored:
        assert stored.shape == (N, 2)
        assert_same_bits(stored.load(), X[:, [3, 0]])
    result = fastkmeans.fit(open_rows(path, columns=["c3", "c0"]), K, sample_weight=None, random_state=0)
    assert result.centers.shape == (K, 2)
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["a"], file["b"] = X, X[:10]
    with pytest.raises(ValueError, match="holds 'a', 'b'; name the one"):
        open_rows(tmp_path / "two.h5")
    assert open_rows(tmp_path / "two.h5", key="b").shape == (10, D)


def test_weights_in_a_column_and_in_a_file(tmp_path, tiny_budget):
    X, weights = rows_of(np.float64), np.random.default_rng(1).random(N)
    path = write_parquet(tmp_path, np.column_stack([X, weights]))
    np.save(tmp_path / "weights.npy", weights[:, None])
    settings = {"memory_budget": tiny_budget, "random_state": 0}
    rows = open_rows(path, columns=[f"c{i}" for i in range(D)])
    by_column = fastkmeans.fit(rows, K, sample_weight=f"c{D}", **settings)
    by_file = fastkmeans.fit(rows, K, sample_weight=tmp_path / "weights.npy", **settings)
    given = fastkmeans.fit(rows, K, sample_weight=weights, **settings)
    assert_same_bits(by_column.centers, given.centers)
    assert_same_bits(by_file.centers, given.centers)
    for budget in (tiny_budget, None):
        settings["memory_budget"] = budget
        by_column = fastkmeans.fit(path, K, sample_weight=f"c{D}", **settings)
        assert_same_bits(by_column.centers, fastkmeans.fit(rows, K, sample_weight=weights, **settings).centers)
    with pytest.raises(TypeError, match="names neither a file nor"):
        fastkmeans.fit(X, K, sample_weight="c3")
    with pytest.raises(ValueError, match="has no column 'count'"):
        fastkmeans.fit(path, K, sample_weight="count")


WRONG = {
    "absent": (lambda folder: folder / "none.npy", FileNotFoundError, "none.npy"),
    "unknown": (lambda folder: _text(folder / "rows.dat"), ValueError, "suffix '.dat'"),
    "empty folder": (lambda folder: folder, ValueError, "has no files of rows"),
    "garbage npy": (lambda folder: _text(folder / "rows.npy"), ValueError, "rows.npy cannot be read"),
    "garbage parquet": (lambda folder: _text(folder / "rows.parquet"), ValueError, "rows.parquet cannot be read"),
    "garbage arrow": (lambda folder: _text(folder / "rows.arrow"), ValueError, "rows.arrow cannot be read"),
    "garbage hdf5": (lambda folder: _text(folder / "rows.h5"), ValueError, "rows.h5 is no HDF5 file"),
    "1-D": (lambda folder: write_npy(folder, np.arange(5.0)), ValueError, r"shape \(5,\)"),
    "text": (lambda folder: _names(folder), ValueError, "string in column 'name'"),
    "objects": (lambda folder: _objects(folder), ValueError, "rows.npy"),
}


def _text(path):
    path.write_text("what is this")
    return path


def _names(folder):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"x": [1.0, 2.0], "name": ["a", "b"]}), folder / "rows.parquet")
    return folder / "rows.parquet"


def _objects(folder):
    np.save(folder / "rows.npy", np.array([[None, {}]], dtype=object), allow_pickle=True)
    return folder / "rows.npy"


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_rows_is_said(tmp_path, what):
    package = {"garbage parquet": "pyarrow", "garbage arrow": "pyarrow", "garbage hdf5": "h5py"}.get(what, "numpy")
    pytest.importorskip(package)
    make, kind, says = WRONG[what]
    with pytest.raises(kind, match=says):
        fastkmeans.fit(make(tmp_path), 2)


def test_files_with_other_columns(tmp_path):
    np.save(tmp_path / "a.npy", rows_of())
    np.save(tmp_path / "b.npy", rows_of()[:, 1:])
    with pytest.raises(ValueError, match=r"b.npy has 5 columns, but .*a.npy has 6"):
        fastkmeans.fit([tmp_path / "a.npy", tmp_path / "b.npy"], 2)


def test_no_room_for_labels(tmp_path):
    """A limit on file sizes, which the system enforces as it does a full disk: an error, and no SIGBUS."""
    pytest.importorskip("resource")
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).normal(size=(400_000, 2)))
    code = """
import resource, signal, sys
import fastkmeans
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    fastkmeans.fit(sys.argv[1], 3, random_state=0, memory_budget=1 << 20)
except OSError as error:
    print(error)
"""
    assert "no room for 1600000 bytes" in run_python(None, arguments=["-c", code, str(tmp_path / "rows.npy")])


def test_what_is_opened_can_be_loaded_and_shown(tmp_path):
    X = rows_of()
    path = write_npy(tmp_path, X)
    with open_rows(path) as stored:
        assert repr(stored).startswith(f"StoredRows({N:,} x {D} float32")
        assert_same_bits(stored.load(), X)
