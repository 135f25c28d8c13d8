"""Model files: an .npz of plain arrays and a JSON header. Reading one runs no code."""

import json
import os
import uuid
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path

import numpy as np

from fastkmeans.result import IterationStats, KMeansResult
from fastkmeans.sources.blocks import METRICS

FORMAT = "fastkmeans model"
VERSION = 1
FIELDS = {"inertia": float, "n_iter": int, "converged": bool, "plan": str, "metric": str}


def write_whole(path, write):
    """Let `write(file)` fill a new file beside `path`, then move it there in one step."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save(result, path):
    """Write a KMeansResult to `path`, whole or not at all."""
    header = {"format": FORMAT, "version": VERSION, **{name: getattr(result, name) for name in FIELDS}}
    header["history"] = [asdict(stats) for stats in result.history]
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    write_whole(path, lambda file: np.savez(file, header=text, centers=result.centers, labels=result.labels))


def load(path):
    """Read a model file.

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
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            names = set(getattr(archive, "files", ()))
            if names != {"header", "centers", "labels"}:
                raise ValueError(f"it holds {sorted(names)}")
            header = json.loads(archive["header"].tobytes().decode())
            centers, labels = archive["centers"], archive["labels"]
        if not isinstance(header, dict) or (header.get("format"), header.get("version")) != (FORMAT, VERSION):
            raise ValueError(f"its header is not that of {FORMAT!r}, version {VERSION}")
        if centers.ndim != 2 or centers.dtype not in (np.float32, np.float64) or 0 in centers.shape:
            raise ValueError("its centers are no matrix of floats")
        if not np.isfinite(centers).all():
            raise ValueError("its centers are not finite")
        if labels.ndim != 1 or labels.dtype != np.int32:
            raise ValueError("its labels are no vector of int32")
        if len(labels) and not (0 <= labels.min() and labels.max() < len(centers)):
            raise ValueError("its labels name centers that it does not have")
        for name, kind in FIELDS.items():
            if type(header[name]) is not kind:
                raise ValueError(f"its {name} is no {kind.__name__}")
        if header["metric"] not in METRICS:
            raise ValueError(f"its metric is {header['metric']!r}")
        history = tuple(IterationStats(**stats) for stats in header["history"])
        return KMeansResult(centers, labels, history=history, **{name: header[name] for name in FIELDS})
    except (ValueError, KeyError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{os.fspath(path)} is not a fastkmeans model file: {error}") from None
