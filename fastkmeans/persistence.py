"""Model files: plain arrays and a JSON header, in an .npz (archives.py) or a .safetensors file."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np

from fastkmeans.result import KMeansResult
from fastkmeans.sources.archives import check_kind, checked_stats, read_arrays, write_whole
from fastkmeans.sources.blocks import METRICS
from fastkmeans.sources.files import DAMAGED

FORMAT = "fastkmeans model"
VERSION = 1
FIELDS = {"inertia": float, "n_iter": int, "converged": bool, "plan": str, "metric": str}
PARTS = {  # array: (dimensions, dtypes)
    "header": (1, (np.dtype("|u1"),)),
    "centers": (2, (np.dtype("<f4"), np.dtype("<f8"))),
    "labels": (1, (np.dtype("<i4"),)),
}
SAFETENSORS = ".safetensors"


# ---- writing ----------------------------------------------------------------------------------------------


def save(result, path):
    """Write a KMeansResult to `path`, whole or not at all."""
    header = {"format": FORMAT, "version": VERSION, **{name: getattr(result, name) for name in FIELDS}}
    header["history"] = [asdict(stats) for stats in result.history]
    text = json.dumps(header)
    centers, labels = (
        np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for array in (result.centers, result.labels)
    )
    if Path(path).suffix.lower() == SAFETENSORS:
        content = _safetensors(path).numpy.save({"centers": centers, "labels": labels}, {"header": text})
        write_whole(path, lambda file: file.write(content))
    else:
        header = np.frombuffer(text.encode(), np.uint8)
        write_whole(path, lambda file: np.savez(file, header=header, centers=centers, labels=labels))


# ---- reading ----------------------------------------------------------------------------------------------


def load(path):
    """Read a model file.

    The file may come from anyone: nothing in it is run, and nothing is read before its size is known to fit.

    Parameters
    ----------
    path : path-like
        A file that `KMeansResult.save` wrote.

    Returns
    -------
    KMeansResult

    Raises
    ------
    ValueError
        If the file is not a whole and sound model file.
    FileNotFoundError
        If there is none.
    ImportError
        If it ends in ``.safetensors`` and that package is not installed.
    """
    read = _read_safetensors if Path(path).suffix.lower() == SAFETENSORS else _read_npz
    try:
        return _checked(*read(path))
    except DAMAGED as error:  # RuntimeError also where it is encrypted or nested too deeply
        reason = error
    raise ValueError(f"{os.fspath(path)} is not a fastkmeans model file: {reason}")


def _read_npz(path):
    """(header text, centers, labels) of an .npz file."""
    arrays = read_arrays(path, PARTS)
    return arrays["header"].tobytes().decode(), arrays["centers"], arrays["labels"]


def _read_safetensors(path):
    """(header text, centers, labels) of a .safetensors file."""
    package = _safetensors(path)
    with open(path, "rb"):  # absence and missing permission, in the system's own words
        pass
    try:
        with package.safe_open(path, framework="numpy") as file:
            names = sorted(file.keys())
            if names != ["centers", "labels"]:
                raise ValueError(f"it holds {names[:5]}")
            text = (file.metadata() or {})["header"]
            centers, labels = file.get_tensor("centers"), file.get_tensor("labels")
    except package.SafetensorError as error:
        raise ValueError(str(error)) from None
    check_kind("centers", centers.dtype, centers.shape, PARTS["centers"])
    check_kind("labels", labels.dtype, labels.shape, PARTS["labels"])
    return text, centers, labels


def _safetensors(path):
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            f'{os.fspath(path)} needs safetensors: pip install ".[safetensors]" in the checkout'
        ) from None
    return safetensors


def _checked(text, centers, labels):
    """The result that the parts of a file make, if they make one."""
    header = json.loads(text)
    if not isinstance(header, dict) or (header.get("format"), header.get("version")) != (FORMAT, VERSION):
        raise ValueError(f"its header is not that of {FORMAT!r}, version {VERSION}")
    if 0 in centers.shape:
        raise ValueError(f"its centers have the shape {centers.shape}")
    if not np.isfinite(centers).all():
        raise ValueError("its centers are not finite")
    if len(labels) and not (0 <= labels.min() and labels.max() < len(centers)):
        raise ValueError("its labels name centers that it does not have")
    for name, kind in FIELDS.items():
        if type(header[name]) is not kind:
            raise ValueError(f"its {name} is no {kind.__name__}")
    if header["metric"] not in METRICS:
        raise ValueError(f"its metric is {header['metric']!r}")
    if not header["inertia"] >= 0 or header["n_iter"] < 0:
        raise ValueError(f"its inertia is {header['inertia']}, its n_iter {header['n_iter']}")
    history = tuple(checked_stats(entry) for entry in header["history"])
    return KMeansResult(centers, labels, history=history, **{name: header[name] for name in FIELDS})
