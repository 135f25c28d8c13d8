"""Files of rows: reads one table of numbers from .npy, .npz, text or Parquet.

What is in the table is checked where every other input is, in validation.py; here a file that cannot be read
as a table becomes one sentence that names the file and the remedy.
"""

import csv
import os
import struct
import tokenize
import zipfile
import zlib
from array import array
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

USUAL_KEYS = ("x", "X")
DELIMITERS = ("\t", ";", ",", " ")  # tried in this order, because of "1, 2" and "1,5; 2,5"; " " is any run of blanks
MISSING = frozenset({"", "?", "na", "n/a", "nan", "none", "null"})
SNIFFED_LINES = 50
LONGEST_QUOTE = 30
DAMAGED = (  # what NumPy and zipfile raise on files that are not whole
    ValueError, TypeError, KeyError, AttributeError, EOFError, RuntimeError, OverflowError, SyntaxError,
    tokenize.TokenError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def read_table(path, key=None):
    """The table of rows in a file, told apart by its suffix.

    Parameters
    ----------
    path : path-like
        ``.npy`` (memory-mapped: rows are read as they are needed), ``.npz``, ``.csv``, ``.tsv``, ``.txt`` (values
        separated by commas, semicolons, tabs or blanks, with or without a header row) or ``.parquet``.
    key : str, default=None
        Which array of an ``.npz`` file; needed where it has several and none is called x or X.

    Returns
    -------
    ndarray
        In the type of the file; float64 for text. Missing cells of text and Parquet are NaN.

    Raises
    ------
    ValueError
        If the suffix is unknown, the file is damaged, or a column holds text.
    OSError
        If the file cannot be opened.
    ImportError
        If Parquet is to be read and pyarrow is not installed.
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{path} has the suffix {path.suffix!r}; files of rows end in {', '.join(READERS)}")
    with open(path, "rb"):  # absence and missing permission, in the system's own words
        pass
    if key is None:
        return reader(path)
    if path.suffix.lower() != ".npz":
        raise ValueError(f"{path} has no named arrays; a key is for .npz files")
    return reader(path, key)


# ---- NumPy ------------------------------------------------------------------------------------------------


def _read_npy(path):
    with _whole(path, "NumPy"):
        return np.load(path, mmap_mode="r", allow_pickle=False)


def _read_npz(path, key=None):
    with open(path, "rb") as file, _whole(path, "NumPy"):
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return loaded[_chosen_key(path, loaded.files, key)]


def _chosen_key(path, names, key):
    listed = ", ".join(map(repr, names)) or "no arrays"
    if key is None:
        usual = [name for name in USUAL_KEYS if name in names]
        if not usual and len(names) != 1:
            raise Told(f"{path} holds {listed}; name the one to read with a key (--key)")
        return (usual or names)[0]
    if key not in names:
        raise Told(f"{path} has no array {key!r}; it holds {listed}")
    return key


class Told(ValueError):
    """An error that says all there is to say."""


@contextmanager
def _whole(path, kind):
    """Turn what readers raise on damaged files into one sentence."""
    try:
        yield
    except Told:
        raise
    except MemoryError as error:  # of a header that lies, or of a file that is right and larger than the machine
        raise ValueError(f"{path}: what it says that it holds takes more memory than there is: {error}") from None
    except (*DAMAGED, OSError) as error:
        reason = str(error).partition("\n")[0]
        if "pickle" in reason or "Python objects" in reason:
            reason = "it holds something else, or Python objects, which are never loaded"
        raise ValueError(f"{path} is no whole {kind} file: {reason}") from None


# ---- text -------------------------------------------------------------------------------------------------


class _Layout(NamedTuple):
    delimiter: str
    names: list  # of the columns; empty without a header row
    skip: int  # lines before the first row of numbers


def _read_text(path):
    try:
        layout = _sniff(path)
        try:
            rows = np.loadtxt(
                os.path.abspath(path), delimiter=layout.delimiter.strip(" ") or None, skiprows=layout.skip, ndmin=2,
                quotechar='"', encoding="utf-8-sig",
            )  # fmt: skip
        except ValueError:
            return _read_cell_by_cell(path, layout)
        if layout.names and rows.shape[1] != len(layout.names):
            raise ValueError(f"{path} names {len(layout.names)} columns, but its rows have {rows.shape[1]}")
        return rows
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is no text file in UTF-8: {error}") from None


def _records(path, delimiter):
    """(line number, cells) of every line that is neither blank nor a comment."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        lines = ("" if line.lstrip().startswith("#") else line.strip(" \r\n") for line in file)
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
        for cells in reader:
            if cells:
                yield reader.line_num, [cell.strip() for cell in cells]


def _sniff(path):
    """How the file is laid out, from its first lines."""
    samples = {delimiter: list(islice(_records(path, delimiter), SNIFFED_LINES)) for delimiter in DELIMITERS}
    if not samples[","]:
        raise ValueError(f"{path} holds no rows")
    widths = {delimiter: {len(cells) for _, cells in sample} for delimiter, sample in samples.items()}
    even = [delimiter for delimiter in DELIMITERS if len(widths[delimiter]) == 1 and widths[delimiter] != {1}]
    delimiter = even[0] if even else max(DELIMITERS, key=lambda each: _first_width(samples[each], each))
    sample = samples[delimiter]
    if not _is_header([cells for _, cells in sample[:2]]):
        return _Layout(delimiter, [], 0)
    if len(sample) == 1:
        raise ValueError(f"{path} holds no rows, only the names of columns")
    return _Layout(delimiter, sample[0][1], sample[0][0])


def _first_width(sample, delimiter):
    """Columns of the first lines of an uneven sample: of ragged rows, or of one column with blanks in its name."""
    return max((len(cells) for _, cells in sample[delimiter == " " : 2]), default=0)


def _is_header(first):
    """Whether the first of two records names the columns: it has text where the other has none."""
    if len(first) < 2:
        return bool(first) and not any(map(_is_number, first[0]))
    return any(not _is_number(name) and _is_number(cell) for name, cell in zip(*first, strict=False))


def _is_number(cell):
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def _number(cell):
    return np.nan if cell.lower() in MISSING else float(cell)


def _read_cell_by_cell(path, layout):
    """The slow way, for files with missing cells and for a message that says what is wrong where."""
    values, width = array("d"), 0
    for line, cells in _records(path, layout.delimiter):
        if line <= layout.skip:
            continue
        width = width or len(layout.names) or len(cells)
        if len(cells) != width:
            raise ValueError(f"{path} has {len(cells)} columns on line {line}, but {width} before")
        try:
            values.extend(map(_number, cells))
        except ValueError:
            column = next(i for i, cell in enumerate(cells) if not _is_number(cell))
            name = repr(layout.names[column]) if layout.names else f"{column + 1} of {width}"
            text = cells[column][:LONGEST_QUOTE]
            raise ValueError(
                f"{path} has text in column {name} ({text!r} on line {line}); k-means needs numbers: encode or drop "
                "that column"
            ) from None
    return np.array(values).reshape(-1, width)


# ---- Parquet ----------------------------------------------------------------------------------------------


def _read_parquet(path):
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ImportError(f'reading {path} needs pyarrow: pip install ".[files]" in the checkout') from None
    with _whole(path, "Parquet"):
        table = parquet.read_table(path)
    types = pyarrow.types
    for column in table.schema:
        if not (types.is_integer(column.type) or types.is_floating(column.type) or types.is_boolean(column.type)):
            raise ValueError(
                f"{path} has {column.type} in column {column.name!r}; k-means needs numbers: encode or drop that column"
            )
    columns = [column.cast(pyarrow.float64()) if column.null_count else column for column in table.columns]
    dtypes = [column.type.to_pandas_dtype() for column in columns]
    rows = np.empty((table.num_rows, len(columns)), np.result_type(*dtypes) if dtypes else np.float64)
    for i, column in enumerate(columns):
        rows[:, i] = column.to_numpy()
    return rows


READERS = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".csv": _read_text,
    ".tsv": _read_text,
    ".txt": _read_text,
    ".parquet": _read_parquet,
}
