"""Files of plain arrays, .npz: written whole or not at all, and read without believing what they say of themselves.

An array is read if the file holds that many bytes, stored and not compressed, so that no small file asks for a large
memory; nothing in a file is run.
"""

import errno
import math
import os
import uuid
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np

from fastkmeans.engine.passes import IterationStats

STATS = {field.name: field.type for field in fields(IterationStats)}
LONGEST_HEADER = 10_000  # characters of an array's own header within the .npz; NumPy's take 118


def write_whole(path, write):
    """Let `write(file)` fill a new file beside `path`, then move it there in one step, both forced to the disk."""
    path = Path(path)
    if not path.absolute().parent.is_dir():  # else the error would name the new file
        raise FileNotFoundError(errno.ENOENT, "there is no folder to write it to", str(path))
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        move_into_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def move_into_place(temporary, path):
    """Give a file that is on the disk its name, in one step that is forced there too."""
    os.replace(temporary, path)
    if os.name != "nt":  # the new name is an entry of the folder, which has its own place on the disk
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def make_room(file, size, what, remedy=""):
    """Let an open file have this size; OSError if the disk has no room for so much of `what`."""
    try:
        if hasattr(os, "posix_fallocate"):  # writing to pages that the disk has no room for would end the process
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
    except OSError as error:
        why = os.strerror(error.errno)
        raise OSError(error.errno, f"no room for {size} bytes{what} ({why}){remedy}") from None


def read_arrays(path, parts):
    """{name: array} of an .npz file that holds these parts and no others.

    Parameters
    ----------
    parts : {name: (dimensions, dtypes)}

    Raises
    ------
    ValueError, or another of sources.files.DAMAGED
        If it does not.
    """
    with open(path, "rb") as file:
        try:
            return _read_archive(file, parts)
        except OSError as error:  # a place before the file's start, say
            raise ValueError(str(error)) from None


def _read_archive(file, parts):
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        names = sorted(entry.filename for entry in entries)
        if names != sorted(f"{name}.npy" for name in parts):
            raise ValueError(f"it holds {names[:5]}")
        size = os.fstat(file.fileno()).st_size
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
                raise ValueError(f"its {entry.filename} is compressed")
            if entry.file_size > size:
                raise ValueError(f"its {entry.filename} claims {entry.file_size} bytes, of a file of {size}")
        return {name: _read_array(archive, name, kind) for name, kind in parts.items()}


def _read_array(archive, name, kind):
    """One array of the archive, whose own header has to agree with what is expected and with its bytes."""
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"its {name} is stored in version {version} of NumPy's format")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file, LONGEST_HEADER)
        check_kind(name, dtype, shape, kind)
        if fortran:
            raise ValueError(f"its {name} is in Fortran's order")
        expected = math.prod(shape) * dtype.itemsize
        if min(shape) < 0 or entry.file_size - file.tell() != expected:
            raise ValueError(f"its {name} claims {shape} values of {dtype}, but has {entry.file_size} bytes")
        content = file.read()  # to its end, where the checksum is compared
    if len(content) != expected:
        raise ValueError(f"its {name} is cut short")
    return np.frombuffer(bytearray(content), dtype).reshape(shape)


def check_kind(name, dtype, shape, kind):
    """Refuse an array that is not of these (dimensions, dtypes)."""
    dimensions, dtypes = kind
    if dtype not in dtypes or len(shape) != dimensions:
        raise ValueError(f"its {name} is of dtype {dtype} and shape {shape}")


def checked_stats(entry):
    """An entry of a history as a file has it, refused if one of its values is of another type."""
    for name, value in entry.items():
        if type(value) is not STATS[name] and not (STATS[name] is float and type(value) is int):
            raise ValueError(f"the {name} of its history is {value!r:.40}")
    return IterationStats(**entry)
