"""Files of rows: every format gives the table back; what is damaged is said in one line."""

import io
import sys
import zipfile

import numpy as np
import pytest

from fastkmeans.sources.files import READERS, read_table

ROWS = np.array([[1.5, -2.0, 3.0], [4.0, 5.25, -6e3]])


def written(folder, name, content):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path, *args):
    """The one line that a ValueError says about a file."""
    with pytest.raises(ValueError) as caught:
        read_table(path, *args)
    message = str(caught.value)
    assert "\n" not in message and path.name in message
    return message


# ---- NumPy ------------------------------------------------------------------------------------------------


def test_npy_is_mapped_not_read(tmp_path):
    np.save(tmp_path / "rows.npy", ROWS)
    table = read_table(tmp_path / "rows.npy")
    assert isinstance(table, np.memmap) and not table.flags.writeable
    np.testing.assert_array_equal(table, ROWS)


@pytest.mark.parametrize("dtype", ["f2", ">f4", "u1", "i8", "?"])
def test_npy_keeps_type_and_order(tmp_path, dtype):
    rows = np.asfortranarray(np.arange(12).reshape(4, 3).astype(dtype))
    np.save(tmp_path / "rows.npy", rows)
    table = read_table(tmp_path / "rows.npy")
    assert table.dtype == rows.dtype and table.flags.f_contiguous
    np.testing.assert_array_equal(table, rows)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "arrays, key",
    [
        ({"only": ROWS}, None),
        ({"x": ROWS, "labels": ROWS[0]}, None),
        ({"X": ROWS, "y": ROWS[0]}, None),
        ({"train": ROWS, "test": -ROWS}, "train"),
    ],
)
def test_npz_array_by_number_habit_or_key(tmp_path, save, arrays, key):
    save(tmp_path / "rows.npz", **arrays)
    np.testing.assert_array_equal(read_table(tmp_path / "rows.npz", key), ROWS)


def test_npz_key_must_be_clear(tmp_path):
    path = tmp_path / "rows.npz"
    np.savez(path, train=ROWS, test=ROWS)
    assert "'train', 'test'" in refusal(path) and "--key" in refusal(path)
    assert "'dev'" in refusal(path, "dev")
    np.savez(path)
    assert "no arrays" in refusal(path)


def test_key_is_for_npz_only(tmp_path):
    assert ".npz" in refusal(written(tmp_path, "rows.csv", "1,2\n"), "x")


def test_npy_content_under_npz_name_is_read(tmp_path):
    with open(tmp_path / "rows.npz", "wb") as file:
        np.save(file, ROWS)
    np.testing.assert_array_equal(read_table(tmp_path / "rows.npz"), ROWS)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("damage", ["empty", "cut", "other", "objects"])
def test_damaged_numpy_files(tmp_path, suffix, damage):
    path = tmp_path / f"rows{suffix}"
    rows = np.array([[1, "a"]], dtype=object) if damage == "objects" else np.ones((500, 3))
    with open(path, "wb") as file:
        np.save(file, rows) if suffix == ".npy" else np.savez(file, rows)
    content = path.read_bytes()
    path.write_bytes({"empty": b"", "cut": content[: len(content) // 2], "other": b"hello"}.get(damage, content))
    assert "no whole NumPy file" in refusal(path)


def test_npz_with_a_flipped_bit(tmp_path):
    path = tmp_path / "rows.npz"
    np.savez_compressed(path, np.arange(3000.0).reshape(-1, 3))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    refusal(path)


# ---- text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["", "a{0}b{0}c\n", '"a"{0}"2019"{0}2020\n', "# made by a program\n\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", " ", ", ", "   "], ids=repr)
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_text_however_it_is_laid_out(tmp_path, header, delimiter, newline):
    lines = [delimiter.join(map(repr, row)) for row in ROWS.tolist()]
    content = header.format(delimiter) + "\n".join(lines) + "\n"
    table = read_table(written(tmp_path, "rows.txt", content.replace("\n", newline)))
    assert table.dtype == np.float64
    np.testing.assert_array_equal(table, ROWS)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt", ".CSV"])
def test_text_suffixes(tmp_path, suffix):
    np.testing.assert_array_equal(read_table(written(tmp_path, f"rows{suffix}", "1\t2\n3\t4")), [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    "content, expected",
    [
        ("1,2,3", [[1, 2, 3]]),
        ("7\n", [[7]]),
        ("7\n8\n9\n", [[7], [8], [9]]),
        ("my value\n7\n8\n", [[7], [8]]),
        ('"1.5","2"\n"3","4"\n', [[1.5, 2], [3, 4]]),
        ("\ufeffa,b\n1,2\n", [[1, 2]]),
        ("x,inf\n1,2\n", [[1, 2]]),
        ("1,nan\n2,inf\n", [[1, np.nan], [2, np.inf]]),
    ],
)
def test_text_corners(tmp_path, content, expected):
    np.testing.assert_array_equal(read_table(written(tmp_path, "rows.csv", content)), expected)


@pytest.mark.parametrize("missing", ["", "NA", "n/a", "null", "?", " "])
def test_missing_cells_are_nan(tmp_path, missing):
    table = read_table(written(tmp_path, "rows.csv", f"a,b\n1,{missing}\n3,4\n{missing},6\n"))
    np.testing.assert_array_equal(table, [[1, np.nan], [3, 4], [np.nan, 6]])


@pytest.mark.parametrize(
    "content, column", [("id,a\nx,1\ny,2\n", "'id'"), ("1,2\n3,x\n", "2 of 2"), ("x,1\ny,2\n", "1 of 2")]
)
def test_text_in_a_column_names_column_and_remedy(tmp_path, content, column):
    message = refusal(written(tmp_path, "rows.csv", content))
    assert f"column {column}" in message and "drop" in message and "line" in message


@pytest.mark.parametrize(
    "content, says",
    [
        ("", "no rows"),
        ("\n \n", "no rows"),
        ("a,b\n", "no rows"),
        ("my value\n", "no rows"),
        ("value\n", "no rows"),
        ("Data of 2020\n1,2\n3,4\n", "2"),
        ("1,2\n3\n", "line 2"),
        ("1 2 3\n4 5\n", "line 2"),
        ("a,b\n1,2,3\n4,5,6\n", "3"),
        (b"\xff\xfe1\x00,\x002\x00", "UTF-8"),
        (b"1,2\n\x00,3\n", ""),
    ],
)
def test_damaged_text(tmp_path, content, says):
    assert says in refusal(written(tmp_path, "rows.csv", content))


# ---- Parquet ----------------------------------------------------------------------------------------------


def parquet(path, **columns):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), path)
    return path


def test_parquet(tmp_path):
    path = parquet(tmp_path / "rows.parquet", a=np.array([1, 2], np.int16), b=np.array([0.5, 1.5], np.float32))
    table = read_table(path)
    assert table.dtype == np.float32
    np.testing.assert_array_equal(table, [[1, 0.5], [2, 1.5]])


def test_parquet_missing_cells_are_nan(tmp_path):
    table = read_table(parquet(tmp_path / "rows.parquet", a=[1, None, 3], b=[True, False, None]))
    np.testing.assert_array_equal(table, [[1, 1], [np.nan, 0], [3, np.nan]])


def test_parquet_column_of_text_is_named(tmp_path):
    message = refusal(parquet(tmp_path / "rows.parquet", a=[1, 2], city=["Rome", "Oslo"]))
    assert "'city'" in message and "string" in message and "drop" in message


@pytest.mark.parametrize("content", [b"", b"PAR1 but not really PAR1", b"hello"])
def test_damaged_parquet(tmp_path, content):
    pytest.importorskip("pyarrow")
    assert "no whole Parquet file" in refusal(written(tmp_path, "rows.parquet", content))


def test_parquet_without_pyarrow_gives_the_hint(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install \"\.\[files\]\""):
        read_table(written(tmp_path, "rows.parquet", b""))


# ---- any --------------------------------------------------------------------------------------------------


def test_unknown_suffix_lists_the_known(tmp_path):
    message = refusal(written(tmp_path, "rows.xls", ""))
    assert all(suffix in message for suffix in READERS)


def test_absent_file(tmp_path):
    for suffix in READERS:
        with pytest.raises(FileNotFoundError):
            read_table(tmp_path / f"rows{suffix}")


def test_an_archive_that_says_it_holds_more_than_there_is(tmp_path):
    """Its sender may lie, or own a larger machine: no wording that calls a whole file damaged."""
    whole = io.BytesIO()
    np.lib.format.write_array_header_1_0(whole, {"descr": "<f8", "fortran_order": False, "shape": (10**13, 2)})
    path = tmp_path / "rows.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", whole.getvalue() + bytes(1000))
    assert "more memory than there is" in refusal(path)
