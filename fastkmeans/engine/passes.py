"""A pass over the rows: what the engine asks of a source, whatever the source is.

A source cuts its rows into slabs, gives each a partial from `start`, lets `add` work on it, and merges the
partials in a fixed tree. A pass holds arrays and numbers only, so it can travel to where the rows are.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

READS, SETS = "reads", "sets"


class Pass(Protocol):
    """What `source.reduce(kernel, row_state=...)` takes as its kernel."""

    row_seconds: float
    """About how long a row takes, which sets the cut into slabs. From shapes, never from a clock."""

    partial_bytes: int
    """The size of a partial, which limits how many are alive at once."""

    centers_shape: tuple
    """(k, d) of the centers that the fit holds meanwhile, which leave the less for partials; (0, 0) for none."""

    effect: str
    """READS if row states are left as they are, SETS if what is written does not depend on what they held; may be
    missing. Where row states can be lost, as on a cluster, they are made again by the passes that wrote to them."""

    held_bytes: int
    """What row states take beside the labels, which leaves the less for partials; 0 if missing."""

    def start(self):
        """A new, empty partial."""

    def add(self, block, start, stop, partial, *row_state):
        """Work on rows [start, stop) of the block; row_state is cut to them and written in place."""

    def merge(self, left, right):
        """Add `right` to `left` and return it; `left` holds the lower rows."""


MEMORY_FLOOR = 64 << 20
MEMORY_SHARE = 0.15
SCRATCH_BYTES = 6 << 20
LEAST_BYTES = 1 << 20  # for partials that are a few numbers, where the labels alone fill the promise


def promised_bytes(source, k):
    """What a fit of k clusters may take beside the rows: max(64 MB, 15 % of X + three float64 arrays of centers)."""
    return max(MEMORY_FLOOR, MEMORY_SHARE * getattr(source, "n_bytes", 0) + 24 * k * source.d)


def partials_budget(source, centers_shape):
    """Bytes that partials may take together, so that a fit's extra memory stays within its promise.

    Taken already are the labels, the scratch, the centers in the computing type (the first ones, the present ones, the
    next ones, and packed), and their sums.
    """
    values = centers_shape[0] * centers_shape[1]
    left = (
        promised_bytes(source, centers_shape[0])
        - getattr(source, "label_bytes", 4 * source.n)
        - values * (4 * source.dtype.itemsize + 8)
        - SCRATCH_BYTES
    )
    return max(left, LEAST_BYTES)


def counter_keys(numbers, seed):
    """A uniform number in (0, 1) for each row number, the same wherever the row lies (SplitMix64)."""
    with np.errstate(over="ignore"):
        z = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


@dataclass
class IterationCounts:
    """What one Lloyd iteration did, in numbers; the driver adds which run and when."""

    inertia: float
    center_shift: float
    n_moved: int
    n_relocated: int


@dataclass(frozen=True)
class IterationStats:
    """What one step of a fit did: what callbacks get and what `KMeansResult.history` lists."""

    phase: str
    """Either "seeding" (one for each new center) or "lloyd"."""

    restart: int
    """Which of the n_init runs, from 0."""

    iteration: int
    """From 1 within the phase."""

    inertia: float
    """Of the labels found in this iteration, around the centers they were found with; while seeding, the sum of
    weighted squared distances to the centers chosen so far."""

    center_shift: float
    """Sum over the centers of their squared movements, what `tol` is compared with."""

    n_moved: int
    """Rows whose label changed; all of them in the first iteration."""

    n_relocated: int
    """Empty clusters that were given a far row."""

    algorithm: str
    """The way in which rows were labelled; the name of the seeding while seeding."""

    seconds: float
    """Wall time of the step."""

    pairs: float = 1.0
    """The share of the pairs of a row and a center that were scored; the others could not win."""

    candidates: float = 0.0
    """Centers a row that were measured in float64, besides its own, by ways that screen or keep bounds."""
