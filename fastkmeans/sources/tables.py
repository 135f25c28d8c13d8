"""Tables that stay in their files: .npy, Parquet, Arrow, Zarr and HDF5, read one range of rows at a time.

Rows are read into memory of the caller's, never mapped: a mapped file that becomes shorter ends the process where
reading one is an error, and mapped pages count as memory wherever somebody counts. A file that has changed since it was
opened is an error too, before its rows are mixed with others.
"""

import os
import weakref
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fastkmeans.sources.files import Told

HINT = 'pip install "fastkmeans-numba[files]"'
MISSING_VALUE = "missing values, which k-means has no notion of: fill them or drop those rows"


class Table:
    """Rows in one file.

    Attributes
    ----------
    path : Path
    n, d : int
    dtype : of the rows as `read_into` gives them
    parts : list of int
        Ranges of rows that are stored together, by their ends; reading within one is cheapest.
    """

    parts = ()

    def __init__(self, path):
        self.path = Path(path)
        self.stamp = self._stamp()

    def _stamp(self):
        paths = [self.path] if self.path.is_file() else sorted(path for path in self.path.iterdir() if path.is_file())
        return [(str(path), status.st_size, status.st_mtime_ns) for path in paths for status in [path.stat()]]

    def check_unchanged(self):
        """Raise if the file is not the one that was opened."""
        try:
            same = self._stamp() == self.stamp
        except OSError as error:
            raise ValueError(
                f"{self.path} cannot be read any more: {error.strerror}; run again once it is there"
            ) from None
        if not same:
            raise ValueError(f"{self.path} has changed while it was read; run again once nobody writes to it")

    def read_into(self, start, stop, out):
        """Write rows [start, stop) to `out`, (stop - start, d) in C order and `dtype`."""
        with self._readable():
            self._read(start, stop, out)

    @contextmanager
    def _readable(self):
        try:
            yield
        except (ImportError, MemoryError, Told):
            raise
        except Exception as error:
            self.check_unchanged()
            raise ValueError(f"{self.path} cannot be read: {' '.join(str(error).split())}") from error

    def close(self):
        """Let go of the file."""


class NpyTable(Table):
    """A .npy file, in either order."""

    def __init__(self, path):
        super().__init__(path)
        with self._readable(), open(path, "rb") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, self.by_columns, self.dtype = read(file)
            self.first = file.tell()
        if self.dtype.kind not in "biufc":
            raise ValueError(f"{path} holds {self.dtype}; k-means needs numbers: convert or encode them first")
        if len(shape) != 2:
            raise ValueError(
                f"{path} holds an array of shape {shape}; rows are 2-D: save array.reshape(len(array), -1)"
            )
        self.n, self.d = shape
        expected, size = self.first + self.n * self.d * self.dtype.itemsize, os.path.getsize(path)
        if size < expected:
            raise ValueError(f"{path} ends early: its header promises {expected} bytes, it has {size}; write it again")
        self.file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self.close = weakref.finalize(self, os.close, self.file)

    def _read(self, start, stop, out):
        size = self.dtype.itemsize
        if not self.by_columns:
            self._fill(out, self.first + start * self.d * size)
            return
        column = np.empty(stop - start, self.dtype)
        for feature in range(self.d):
            self._fill(column, self.first + (feature * self.n + start) * size)
            out[:, feature] = column

    def _fill(self, out, place):
        view = memoryview(out.reshape(-1).view(np.uint8))
        while view:
            count = _read_at(self.file, view, place)
            if count == 0:
                self.check_unchanged()
                raise Told(f"{self.path} ends early; write it again")
            view, place = view[count:], place + count


def _read_at(file, view, place):
    """How many bytes of the file from `place` on have been written to the view."""
    if hasattr(os, "preadv"):
        return os.preadv(file, [view], place)
    os.lseek(file, place, os.SEEK_SET)  # one thread at a time reads a table
    content = os.read(file, len(view))
    view[: len(content)] = content
    return len(content)


class _ColumnTable(Table):
    """Batches of Arrow columns: all numeric ones, or those that are named; or one column of lists of one length."""

    def _choose(self, schema, columns, leave_out):
        import pyarrow

        types = pyarrow.types
        unknown = [name for name in columns or () if name not in schema.names]
        if unknown:
            raise Told(f"{self.path} has no column {unknown[0]!r}; it has {', '.join(map(repr, schema.names))}")
        self.columns = list(columns or (name for name in schema.names if name != leave_out))
        if not self.columns:
            raise Told(f"{self.path} has no columns")
        fields = [schema.field(name) for name in self.columns]
        self.lists = len(fields) == 1 and types.is_fixed_size_list(fields[0].type)
        if self.lists:
            self.d, kinds = fields[0].type.list_size, [fields[0].type.value_type]
        else:
            self.d, kinds = len(fields), [field.type for field in fields]
        for field, kind in zip(fields, kinds, strict=True):
            if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
                raise Told(
                    f"{self.path} has {field.type} in column {field.name!r}; k-means needs numbers: name the columns "
                    "to read, encode or drop that one"
                )
        self.dtype = np.result_type(*(kind.to_pandas_dtype() for kind in kinds))

    def _write(self, batch, out):
        if self.lists:
            column = batch.column(self.columns[0])
            values = column.flatten() if column.null_count == 0 else None
            if values is None or values.null_count or len(values) != out.size:
                raise Told(f"{self.path} has {MISSING_VALUE} (column {self.columns[0]!r})")
            out[...] = values.to_numpy(zero_copy_only=False).reshape(out.shape)
            return
        for i, name in enumerate(self.columns):
            column = batch.column(name)
            if column.null_count and self.dtype.kind != "f":
                raise Told(f"{self.path} has {MISSING_VALUE} (column {name!r})")
            out[:, i] = column.to_numpy(zero_copy_only=False)  # missing ones become NaN, which is an error later

    def _read(self, start, stop, out):
        done = start
        while done < stop:
            batch = self._rows_from(done, stop)
            if len(batch) == 0:
                self.check_unchanged()
                raise Told(f"{self.path} ends early; write it again")
            self._write(batch, out[done - start : done - start + len(batch)])
            done += len(batch)


class ParquetTable(_ColumnTable):
    """A Parquet file. Rows that follow those read before are decoded once; others, from their row group's begin.

    Batches of one file at a time, not pyarrow's dataset scanner, which holds the whole file in memory.
    """

    BATCH_BYTES = 8 << 20

    def __init__(self, path, columns=None, leave_out=None):
        super().__init__(path)
        parquet = _pyarrow(path).parquet
        with self._readable():
            self.file = parquet.ParquetFile(path, pre_buffer=False)
            self._choose(self.file.schema_arrow, columns, leave_out)
            groups = [self.file.metadata.row_group(i).num_rows for i in range(self.file.num_row_groups)]
        self.n = sum(groups)
        self.parts = np.cumsum(groups, dtype=np.int64).tolist()
        self.batch_rows = max(1, self.BATCH_BYTES // max(1, self.d * self.dtype.itemsize))
        self.batches, self.left, self.place = iter(()), None, -1

    def _rows_from(self, start, stop):
        """The rows from `start` on, as far as they are decoded, at most to `stop`."""
        if start != self.place:
            group = int(np.searchsorted(self.parts, start, side="right"))
            groups = range(group, len(self.parts))
            self.batches = self.file.iter_batches(self.batch_rows, row_groups=groups, columns=self.columns)
            self.left, self.place = None, self.parts[group - 1] if group else 0
        while self.left is None or len(self.left) == 0 or self.place < start:
            if self.left is None or len(self.left) == 0:
                self.left = next(self.batches, None)
                if self.left is None:
                    return ()
            skipped = min(start - self.place, len(self.left))
            self.left, self.place = self.left.slice(skipped), self.place + skipped
        rows = self.left.slice(0, stop - start)
        self.left, self.place = self.left.slice(len(rows)), self.place + len(rows)
        return rows

    def close(self):
        self.batches, self.left, self.place = iter(()), None, -1
        self.file.close()


class ArrowTable(_ColumnTable):
    """An Arrow IPC file (Feather), by its record batches."""

    def __init__(self, path, columns=None, leave_out=None):
        super().__init__(path)
        pyarrow = _pyarrow(path)
        with self._readable():
            self.handle = pyarrow.OSFile(str(path))
            self.file = pyarrow.ipc.open_file(self.handle)
            self._choose(self.file.schema, columns, leave_out)
            with pyarrow.memory_map(str(path)) as mapped:  # counted without fetching their values
                batches = pyarrow.ipc.open_file(mapped)
                counts = [len(batches.get_batch(i)) for i in range(batches.num_record_batches)]
                del batches
        self.parts = np.cumsum(counts, dtype=np.int64).tolist()
        self.n, self.batch, self.number = sum(counts), None, -1

    def _rows_from(self, start, stop):
        number = int(np.searchsorted(self.parts, start, side="right"))
        if number == len(self.parts):
            return ()
        if number != self.number:
            self.batch, self.number = self.file.get_batch(number), number
        first = self.parts[number - 1] if number else 0
        return self.batch.slice(start - first, stop - start)

    def close(self):
        self.batch, self.number = None, -1
        self.handle.close()


class ArrayTable(Table):
    """An array of Zarr or HDF5: whatever has a shape and gives ranges of rows."""

    def __init__(self, path, array, owner=None):
        super().__init__(path)
        if len(array.shape) != 2:
            raise Told(f"{path} holds an array of shape {tuple(array.shape)}; rows are 2-D")
        self.array, self.owner, self.dtype = array, owner, np.dtype(array.dtype)
        self.n, self.d = array.shape

    def _read(self, start, stop, out):
        out[...] = self.array[start:stop]

    def close(self):
        if self.owner is not None:
            self.owner.close()


def _pyarrow(path):
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError:
        raise ImportError(f"reading {path} needs pyarrow: {HINT}") from None
    return pyarrow


def _open_zarr(path, key=None):
    try:
        import zarr
    except ImportError:
        raise ImportError(f"reading {path} needs zarr: {HINT}") from None
    with _opening(path, "Zarr array"):
        found = zarr.open(str(path), mode="r")
        if hasattr(found, "shape"):
            return ArrayTable(path, found)
        return ArrayTable(path, found[_chosen(path, sorted(name for name, _ in found.arrays()), key)])


def _open_hdf5(path, key=None):
    try:
        import h5py
    except ImportError:
        raise ImportError(f"reading {path} needs h5py: {HINT}") from None
    names = []
    with _opening(path, "HDF5 file"):
        file = h5py.File(path, "r")
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        return ArrayTable(path, file[_chosen(path, names, key)], owner=file)


@contextmanager
def _opening(path, kind):
    """Turn what libraries raise on damaged files, each errors of its own, into one sentence."""
    try:
        yield
    except (MemoryError, Told):
        raise
    except Exception as error:  # noqa: BLE001 - libraries have errors of their own
        raise ValueError(f"{path} is no whole {kind}: {' '.join(str(error).split())}") from None


def _chosen(path, names, key):
    if key is None and len(names) == 1:
        return names[0]
    if key not in names:
        listed = ", ".join(map(repr, names)) or "no arrays"
        raise Told(f"{path} holds {listed}; name the one to read with key=")
    return key


BY_COLUMNS = {".parquet": ParquetTable, ".arrow": ArrowTable, ".feather": ArrowTable, ".ipc": ArrowTable}
BY_KEY = {".zarr": _open_zarr, ".h5": _open_hdf5, ".hdf5": _open_hdf5}
SUFFIXES = (".npy", *BY_COLUMNS, *BY_KEY)


def open_table(path, columns=None, key=None, leave_out=None):
    """The Table in a file (for Zarr, a folder), told apart by its suffix.

    Parameters
    ----------
    path : path-like
    columns : list of str, default=None
        Of Parquet and Arrow files, in this order; None for all.
    key : str, default=None
        The array in an HDF5 file or a Zarr group, where there are several.
    leave_out : str, default=None
        A column that is not to be read, where `columns` is None.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path} has the suffix {path.suffix!r}; rows are streamed from {', '.join(SUFFIXES)}")
    path.stat()  # absence, in the system's own words
    if columns is not None and suffix not in BY_COLUMNS:
        raise ValueError(f"{path} has no named columns; columns= is for {', '.join(BY_COLUMNS)}")
    if key is not None and suffix not in BY_KEY:
        raise ValueError(f"{path} has no named arrays; key= is for {', '.join(BY_KEY)}")
    if suffix in BY_COLUMNS:
        return BY_COLUMNS[suffix](path, columns, leave_out)
    return BY_KEY[suffix](path, key) if suffix in BY_KEY else NpyTable(path)
