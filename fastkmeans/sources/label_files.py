"""Files that labels are written to as they come; they appear whole under their name, or not at all."""

import os
import uuid
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fastkmeans.sources.archives import make_room, move_into_place, write_whole

SUFFIXES = (".npy", ".parquet")
COLUMN, GROUP_ROWS = "label", 1 << 20
HINT = 'writing labels to .parquet needs pyarrow: pip install "fastkmeans-numba[files]"'


def check_label_file(path):
    """Raise unless labels can be written to a file of this name."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"out={str(path)!r} must end in {' or '.join(SUFFIXES)}")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"out={str(path)!r}: there is no folder {path.absolute().parent}")
    if path.suffix.lower() == ".parquet":
        try:
            import pyarrow  # noqa: F401 - not after all rows have been labelled
        except ImportError:
            raise ImportError(HINT) from None


@contextmanager
def label_file(path, n):
    """An int32 array of n labels to fill, of which the file is made at the end.

    Raises
    ------
    OSError
        If the disk has no room, before any label is taken.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    plain = path.suffix.lower() == ".npy"
    try:
        with open(temporary, "w+b") as file:
            if plain:
                header = {"descr": "<i4", "fortran_order": False, "shape": (n,)}
                np.lib.format.write_array_header_1_0(file, header)
            begin = file.tell()
            file.flush()
            make_room(file, begin + 4 * n, f" of labels in {path}")
            labels = np.memmap(file, "<i4", "r+", offset=begin, shape=(n,))
            yield labels
            labels.flush()
            os.fsync(file.fileno())
        if plain:
            move_into_place(temporary, path)
        else:
            write_whole(path, lambda file: _write_parquet(file, labels))
    finally:
        temporary.unlink(missing_ok=True)


def _write_parquet(file, labels):
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    with ParquetWriter(file, pa.schema([(COLUMN, pa.int32())])) as writer:
        for first in range(0, len(labels), GROUP_ROWS):
            writer.write_table(pa.table({COLUMN: np.asarray(labels[first : first + GROUP_ROWS])}))
