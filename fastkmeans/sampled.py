"""First centers of rows that are read from files: those of a fit, in memory, of a sample of them.

A pass over the files costs as much as reading them, so the passes of seeding, and of the iterations that move centers
far, are spent on 256 rows a cluster. With 3 exact passes from there, inertia is what 9 to 11 from k-means++ give.
"""

from dataclasses import dataclass

import numpy as np

from fastkmeans.engine.lloyd import run_lloyd
from fastkmeans.engine.moments import measure
from fastkmeans.engine.planner import assigner_for
from fastkmeans.engine.seeding import SEEDINGS, chosen_seeding
from fastkmeans.sources.blocks import ArrayRows

FROM_SAMPLE = ("auto", "k-means++")
ROWS_A_CLUSTER = 256
BUDGET_SHARE = 0.25  # of the memory budget, for the sample


@dataclass
class SampleFit:
    """The fit of a sample: its centers, and what to tell of it."""

    centers: np.ndarray
    n_rows: int
    n_iter: int
    stopped: bool

    def __str__(self):
        return f"started from a fit of {self.n_rows:,} sampled rows, {self.n_iter} iterations"


def sample_of(source, k, seed):
    """Some rows of the source, drawn with chances by weight, as a source in memory."""
    room = int(BUDGET_SHARE * source.budget) // (source.d * source.dtype.itemsize)
    numbers = np.unique(source.sample(min(source.n, max(k, min(ROWS_A_CLUSTER * k, room))), seed))
    if len(numbers) < k:  # others have no weight
        return None
    rows = source.take(numbers, unit=False)
    return ArrayRows(rows, cosine=source.cosine, dtype=source.dtype, n_threads=source.n_threads)


def fit_sample(source, k, init, random, *, max_iter, tol, restart=0, tell=None, frozen=None):
    """Fit a sample of the rows; None if too few rows have a weight.

    Parameters
    ----------
    tell : callable or None
        Called with (chosen, potential) by seeding steps; returning False stops.
    frozen : (m, d) centers that never move, the first of k, or None
    """
    own = sample_of(source, k, int(random.integers(2**63)))
    if own is None:
        return None
    moments = measure(own)
    n_frozen = 0 if frozen is None else len(frozen)
    name, going = chosen_seeding(init, own, k - n_frozen), [True]

    def progress(chosen, potential):
        going[0] = tell(chosen, potential)
        return going[0]

    centers = own.take(SEEDINGS[name](own, k - n_frozen, random, None if tell is None else progress, frozen))
    centers = centers if frozen is None else np.concatenate([frozen, centers])
    way = assigner_for(own, "auto", moments.shift, k, max_iter)
    run = run_lloyd(
        own,
        way,
        moments,
        centers,
        max_iter=max_iter if going[0] else 0,
        tol=tol * moments.mean_variance,
        restart=restart,
        n_frozen=n_frozen,
    )
    return SampleFit(run.centers, own.n, run.n_iter, not going[0])
