"""Files of rows that are streamed: columns, keys, weights; and all that can be wrong with them, in one line each."""

import threading

import numpy as np
import pytest

import fastkmeans
from fastkmeans.sources.stored import open_rows
from tests.checks import assert_same_bits, run_python
from tests.sources.test_streamed import WRITERS, D, K, N, rows_of, write_npy, write_parquet

pytestmark = pytest.mark.usefixtures("small_blocks")


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
    "garbage hdf5": (lambda folder: _text(folder / "rows.h5"), ValueError, "rows.h5 is no whole HDF5 file"),
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


def error_with_little_disk(folder, call):
    """What `call`, with the paths of 400,000 rows and of `folder`, raises with a limit on file sizes.

    The system enforces it as it does a full disk: an error, and no SIGBUS.
    """
    pytest.importorskip("resource")
    np.save(folder / "rows.npy", np.random.default_rng(0).normal(size=(400_000, 2)))
    code = f"""
import resource, signal, sys
import fastkmeans
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
rows, folder = sys.argv[1:]
try:
    {call}
except OSError as error:
    print(error)
"""
    return run_python(None, arguments=["-c", code, str(folder / "rows.npy"), str(folder)])


def test_no_room_for_labels(tmp_path):
    call = "fastkmeans.fit(rows, 3, random_state=0, memory_budget=1 << 20)"
    assert "no room for 1600000 bytes" in error_with_little_disk(tmp_path, call)


@pytest.mark.parametrize("name", ["labels.npy", "labels.parquet"])
def test_no_room_for_a_file_of_labels(tmp_path, name):
    """Nothing is left, whether it was there before or not."""
    call = f"fastkmeans.predict(rows, [[0.0, 0.0], [1.0, 1.0]], out=folder + '/{name}')"
    for content in (None, b"of yesterday"):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        assert "bytes of labels" in error_with_little_disk(tmp_path, call)
        left = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "rows.npy"}
        assert left == ({} if content is None else {name: content})


@pytest.mark.parametrize("name", ["labels.npy", "labels.parquet"])
@pytest.mark.parametrize("streamed", [False, True])
def test_labels_are_written_as_they_come(tmp_path, name, streamed, tiny_budget, monkeypatch):
    X = rows_of()
    path, centers = write_npy(tmp_path, X), X[:K]
    if streamed:
        monkeypatch.setattr("fastkmeans.validation.rows.default_budget", lambda: tiny_budget)
    (tmp_path / name).write_bytes(b"of yesterday")
    assert fastkmeans.predict(open_rows(path), centers, out=tmp_path / name) is None
    if name.endswith(".npy"):
        found = np.load(tmp_path / name)
    else:
        found = pytest.importorskip("pyarrow.parquet").read_table(tmp_path / name)["label"].to_numpy()
    assert_same_bits(found, fastkmeans.predict(X, centers))
    assert sorted(own.name for own in tmp_path.iterdir()) == sorted(["rows.npy", name])


def test_a_file_of_labels_that_cannot_be(tmp_path):
    X = rows_of()
    for out, words in (("labels.csv", r"must end in .npy or .parquet"), ("none/labels.npy", "there is no folder")):
        with pytest.raises(ValueError, match=words):
            fastkmeans.predict(X, X[:2], out=tmp_path / out)
    X[-1] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        fastkmeans.predict(X, X[:2], out=tmp_path / "labels.npy")
    assert list(tmp_path.iterdir()) == []


def test_progress_tells_bytes_and_how_long_yet(tmp_path, tiny_budget, capsys):
    path = write_npy(tmp_path, rows_of())
    fastkmeans.fit(path, 3, random_state=0, memory_budget=tiny_budget, verbose=1, max_iter=3)
    told = capsys.readouterr().err
    assert "reading" in told and "/120k [" in told and "lloyd" in told


def test_what_is_opened_can_be_loaded_and_shown(tmp_path):
    X = rows_of()
    path = write_npy(tmp_path, X)
    with open_rows(path) as stored:
        assert repr(stored).startswith(f"StoredRows({N:,} x {D} float32")
        assert_same_bits(stored.load(), X)
