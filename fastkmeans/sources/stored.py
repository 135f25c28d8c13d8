"""What a path stands for: the rows of one file, of several, or of a folder, opened and not read."""

import os
from pathlib import Path

import numpy as np

from fastkmeans.engine.machine import available_memory
from fastkmeans.sources.files import read_table
from fastkmeans.sources.streamed import StreamedRows
from fastkmeans.sources.tables import SUFFIXES, ArrayTable, open_table

MEMORY_SHARE = 0.5  # of what is free, for rows or their blocks, unless the user names a budget


class StoredRows:
    """Rows in files: what `open_rows` gives and `fit` and `predict` take in place of an array.

    Attributes
    ----------
    shape : (int, int)
    dtype : of the files; the type that holds all of them, if they differ
    nbytes : int
    """

    def __init__(self, tables):
        self.tables = tables
        self.shape = sum(table.n for table in tables), tables[0].d
        self.dtype = np.result_type(*(table.dtype for table in tables))
        self.nbytes = self.shape[0] * self.shape[1] * self.dtype.itemsize
        self.ndim = 2

    def __len__(self):
        return self.shape[0]

    def __repr__(self):
        names = ", ".join(str(table.path) for table in self.tables[:3]) + ", ..." * (len(self.tables) > 3)
        return f"StoredRows({self.shape[0]:,} x {self.shape[1]} {self.dtype.name} in {names})"

    def load(self):
        """All rows, as an array in memory."""
        rows, first = np.empty(self.shape, self.dtype), 0
        for table in self.tables:
            own = rows[first : first + table.n]
            if table.dtype == self.dtype:
                table.read_into(0, table.n, own)
            else:
                part = np.empty(own.shape, table.dtype)
                table.read_into(0, table.n, part)
                own[...] = part
            first += table.n
        return rows

    def as_source(self, weights, **settings):
        """A source over the rows, read anew in each pass."""
        return StreamedRows(self.tables, weights, **settings)

    def close(self):
        """Let go of the files."""
        for table in self.tables:
            table.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def is_path(X):
    """Whether X names files: a string, a path, or a list of them."""
    if isinstance(X, list | tuple):
        return len(X) > 0 and all(map(is_path, X))
    return isinstance(X, os.PathLike) or (isinstance(X, str) and (Path(X).suffix != "" or os.path.exists(X)))


def open_rows(paths, *, columns=None, key=None, leave_out=None):
    """Open rows that are stored in files, without reading them.

    Parameters
    ----------
    paths : path-like or list of path-like
        Files (.npy, .parquet, .arrow, .feather, .h5) and .zarr folders, read one after the other; or a folder of
        them, in the order of their names. Text and .npz are read whole.
    columns : list of str, default=None
        Columns of Parquet and Arrow files, in this order; None for all, which must be numbers. One column of lists of
        one length is a row each.
    key : str, default=None
        The array in .h5 files, Zarr groups and .npz files that hold several.
    leave_out : str, default=None
        A column that is not to be read, where `columns` does not say what is.

    Returns
    -------
    StoredRows
        With `shape`, `dtype`, `load()` and `close()`; a context manager.

    Raises
    ------
    ValueError
        If there is no such file, one is damaged, or they have different columns.
    """
    tables = [_table(path, columns, key, leave_out) for path in _files(paths)]
    for table in tables:
        if table.d != tables[0].d:
            raise ValueError(
                f"{table.path} has {table.d} columns, but {tables[0].path} has {tables[0].d}; all files must have the "
                "same"
            )
    return StoredRows(tables)


def _files(paths):
    if isinstance(paths, list | tuple):
        return [own for path in paths for own in _files(path)]
    path = Path(paths)
    if not path.is_dir() or path.suffix.lower() == ".zarr":
        return [path]
    found = sorted(
        own for own in path.iterdir() if own.suffix.lower() in SUFFIXES and not own.name.startswith((".", "_"))
    )
    if not found:
        raise ValueError(f"the folder {path} has no files of rows, which end in {', '.join(SUFFIXES)}")
    return found


def _table(path, columns, key, leave_out):
    if path.suffix.lower() in SUFFIXES:
        return open_table(path, columns, key, leave_out)
    if columns is not None:
        raise ValueError(f"{path} has no named columns; columns= is for Parquet and Arrow files")
    rows = read_table(path, key)  # says what it can read, if not this
    return ArrayTable(path, rows if rows.ndim == 2 else rows.reshape(-1, 1))


def default_budget():
    """Bytes that rows in memory, or their blocks, may take unless the user names a number."""
    return int(MEMORY_SHARE * available_memory())


def weights_in(stored, sample_weight):
    """The weights that a path or the name of a column stands for, as an array."""
    if is_path(sample_weight):
        with open_rows(sample_weight) as own:
            rows = own.load()
    elif not isinstance(stored, StoredRows):
        raise TypeError(f"sample_weight={sample_weight!r} names neither a file nor, as X is in memory, a column of one")
    else:
        with StoredRows([open_table(table.path, [str(sample_weight)]) for table in stored.tables]) as own:
            rows = own.load()
    return rows[:, 0] if rows.shape[1] == 1 else rows  # any other shape is an error where weights are checked
