"""Fits that survive their end: the state after each iteration in a file, from which the same call goes on.

What is kept is what the next iteration needs and cannot find in the rows: the centers, those by which the rows were
labelled last, and the float64 sums of that iteration, which the next may follow. Labels are found again by one pass,
exactly, so a resumed run ends with the bits of one that was never stopped.
"""

import hashlib
import json
import numbers
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fastkmeans.engine.lloyd import LloydRun, LloydState
from fastkmeans.sources.archives import checked_stats, read_arrays, write_whole
from fastkmeans.sources.files import DAMAGED

FORMAT, VERSION = "fastkmeans checkpoint", 1
FLOATS, DOUBLES = (np.dtype("<f4"), np.dtype("<f8")), (np.dtype("<f8"),)
PARTS = {
    "header": (1, (np.dtype("|u1"),)),
    "centers": (2, FLOATS),
    "labelled_by": (2, FLOATS),
    "cluster_sums": (1, DOUBLES),
    "cluster_weights": (1, DOUBLES),
    "best_centers": (2, FLOATS),
}


@dataclass(frozen=True)
class Checkpoint:
    """Where a fit keeps its state, and how often.

    Parameters
    ----------
    path : path-like
        An .npz file; replaced in one step each time, so that there is always a whole one.
    every : int, default=1
        Iterations from one state to the next.
    """

    path: str | os.PathLike
    every: int = 1

    @classmethod
    def of(cls, given):
        """`given`, a path or a Checkpoint, as a Checkpoint whose file can be written."""
        checkpoint = cls(given) if isinstance(given, str | os.PathLike) else given
        if not isinstance(checkpoint, cls):
            raise TypeError(f"checkpoint must be a path or a Checkpoint, got {type(checkpoint).__name__}")
        if not isinstance(checkpoint.every, numbers.Integral) or checkpoint.every < 1:
            raise ValueError(f"checkpoint.every={checkpoint.every!r} must be an integer of at least 1")
        folder = Path(checkpoint.path).absolute().parent
        if not folder.is_dir():
            raise ValueError(f"checkpoint: there is no folder {folder}")
        return checkpoint


@dataclass
class Saved:
    """What a checkpoint file holds."""

    restart: int
    seeds: list
    state: LloydState
    best: LloydRun | None


def fingerprint(source, moments, k, **settings):
    """What has to be the same for a run to go on: the rows, as far as their moments tell, and the settings."""
    digest = hashlib.sha256(moments.shift.tobytes())
    for value in (moments.spread, moments.mean_variance, moments.total_weight):
        digest.update(np.float64(value).tobytes())
    told = {name: _told(value) for name, value in settings.items()}
    return {"rows": source.n, "columns": source.d, "clusters": k, "values": digest.hexdigest()[:16], **told}


def _told(value):
    if isinstance(value, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:16]
    return value if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"


class Keeper:
    """Writes and reads the file of one fit."""

    def __init__(self, checkpoint, mark):
        self.path, self.every, self.mark = Path(checkpoint.path), checkpoint.every, mark
        self.restart, self.seeds, self.best = 0, [], None

    def keep(self, fit):
        """Write the state after an iteration of a fit (engine/lloyd.py), if it is time or the run has ended."""
        if len(fit.history) % self.every and not fit.converged:
            return
        state, best = fit.state(), self.best
        header = {"format": FORMAT, "version": VERSION, "mark": self.mark, "restart": self.restart, "seeds": self.seeds}
        header["state"] = {name: getattr(state, name) for name in ("settled", "too_few_distinct", "reasons")}
        header["state"]["history"] = [asdict(stats) for stats in state.history]
        if best is not None:
            names = ("inertia", "n_iter", "converged", "too_few_distinct", "stopped", "reasons")
            header["best"] = {name: getattr(best, name) for name in names}
            header["best"]["history"] = [asdict(stats) for stats in best.history]
        arrays = {
            "header": np.frombuffer(json.dumps(header).encode(), np.uint8),
            "centers": state.centers, "labelled_by": state.labelled_by,
            "cluster_sums": state.cluster_sums, "cluster_weights": state.cluster_weights,
            "best_centers": np.empty((0, 0), np.float64) if best is None else best.centers,
        }  # fmt: skip
        arrays = {name: np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for name, array in arrays.items()}
        write_whole(self.path, lambda file: np.savez(file, **arrays))

    def read(self):
        """What the file holds; None if there is none. A file of another run, or a damaged one, is left as it is."""
        if not self.path.exists():
            return None
        try:
            arrays = read_arrays(self.path, PARTS)
            header = json.loads(arrays["header"].tobytes().decode())
            if (header["format"], header["version"]) != (FORMAT, VERSION):
                raise ValueError(f"its header is not that of {FORMAT!r}, version {VERSION}")
            mark = header["mark"]
            saved = self._saved(header, arrays) if mark == self.mark else None
        except DAMAGED as error:
            raise ValueError(
                f"checkpoint {self.path} is damaged, or no checkpoint ({error}); it was left as it is: delete it or "
                "name another file to start anew"
            ) from None
        if saved is None:
            other = ", ".join(
                f"{name} {mark.get(name)!r} and not {own!r}" for name, own in self.mark.items() if mark.get(name) != own
            )
            raise ValueError(
                f"checkpoint {self.path} is of another run ({other}); it was left as it is: delete it or name another "
                "file"
            )
        return saved

    def _saved(self, header, arrays):
        k, d = self.mark["clusters"], self.mark["columns"]
        shapes = {"centers": (k, d), "labelled_by": (k, d), "cluster_sums": (k * d + 8,), "cluster_weights": (k,)}
        for name, shape in shapes.items():
            if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
                raise ValueError(f"its {name} is not sound")
        own, best = header["state"], header.get("best")
        state = LloydState(
            arrays["centers"], arrays["labelled_by"], arrays["cluster_sums"], arrays["cluster_weights"],
            [checked_stats(entry) for entry in own["history"]], [tuple(one) for one in own["reasons"]],
            bool(own["settled"]), bool(own["too_few_distinct"]),
        )  # fmt: skip
        if best is not None:
            if arrays["best_centers"].shape != (k, d):
                raise ValueError("its best centers are not sound")
            history = [checked_stats(entry) for entry in best.pop("history")]
            best = LloydRun(arrays["best_centers"], None, history=history, **best)
        return Saved(int(header["restart"]), [int(seed) for seed in header["seeds"]], state, best)
