"""The gap statistic: inertia beside that of rows without clusters, drawn evenly from a box around the rows."""

from dataclasses import dataclass

import numpy as np

from fastkmeans.engine.moments import measure
from fastkmeans.selection.path import Fitter, fit_path, starter
from fastkmeans.sources.blocks import ArrayRows

BOXES = ("principal", "axes")
PART_ROWS = 1 << 16  # held in float64 at a time


@dataclass(frozen=True)
class Box:
    """A box around the rows: how long it is along each of its directions, and where."""

    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray
    directions: np.ndarray | None
    """(d, d), a column each; None for the axes."""

    @classmethod
    def of(cls, source, kind):
        """The box of the rows of a source, along its principal directions or the axes."""
        parts = [np.arange(first, min(first + PART_ROWS, source.n)) for first in range(0, source.n, PART_ROWS)]

        def rows():
            return (source.take(part).astype(np.float64) for part in parts)

        middle = sum(part.sum(axis=0) for part in rows()) / source.n
        directions = None
        if kind == "principal":
            scatter = sum((part - middle).T @ (part - middle) for part in rows())
            directions = np.linalg.eigh(scatter)[1]
        low, high = np.full(source.d, np.inf), np.full(source.d, -np.inf)
        for part in rows():
            turned = part - middle
            turned = turned if directions is None else turned @ directions
            np.minimum(low, turned.min(axis=0), out=low)
            np.maximum(high, turned.max(axis=0), out=high)
        return cls(middle, low, high, directions)

    def draw(self, n, dtype, random):
        """n rows, evenly from the box, in the computing type."""
        out = np.empty((n, len(self.middle)), dtype)
        for first in range(0, n, PART_ROWS):
            part = random.uniform(self.low, self.high, size=(min(PART_ROWS, n - first), len(self.middle)))
            part = part if self.directions is None else part @ self.directions.T
            out[first : first + PART_ROWS] = part + self.middle
        return out


def gap_statistic(source, path, *, kind, n_references, init, random, settings):
    """The gap of every k, and its standard error.

    gap(k) is the mean of log W_k over `n_references` sets of rows drawn from the box, less that of the rows, W_k being
    the inertia; its error is their standard deviation times sqrt(1 + 1 / n_references). Each set is clustered by a path
    of its own. NaN where an inertia is 0.

    Parameters
    ----------
    source : rows of an array, not weighted
    path : {k: Fitted}
    kind : one of BOXES
    init, settings : as the path has them

    Returns
    -------
    gaps, errors : ndarray of shape (len(path),)

    References
    ----------
    .. [1] R. Tibshirani, G. Walther, T. Hastie, "Estimating the number of clusters in a data set via the gap
       statistic", J. R. Stat. Soc. B 63(2), 2001. doi:10.1111/1467-9868.00293
    """
    ks, box = sorted(path), Box.of(source, kind)
    logs = np.empty((n_references, len(ks)))
    for turn in range(n_references):
        rows = box.draw(source.n, source.dtype, random)
        own = ArrayRows(rows, dtype=source.dtype, n_threads=source.n_threads)
        fitter = Fitter(own, measure(own), keep_labels=False, **settings)
        found = fit_path(fitter, ks, starter(init, rows, own, "euclidean", random), random)
        logs[turn] = _logs([found[k].inertia for k in ks])
    errors = logs.std(axis=0) * np.sqrt(1 + 1 / n_references)
    return logs.mean(axis=0) - _logs([path[k].inertia for k in ks]), errors


def _logs(inertias):
    inertias = np.array(inertias)
    return np.log(inertias, out=np.full(len(inertias), np.nan), where=inertias > 0)
