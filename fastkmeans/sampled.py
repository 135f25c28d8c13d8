"""First centers from a sample: those of the best of a few fits, in memory, of 256 rows a cluster.

A pass over many rows costs much, over files as much as reading them, so the passes of seeding, and of the iterations
that move centers far, are spent on the sample. From there Lloyd's algorithm runs over all rows, exactly. Several fits
of so few rows cost little, and the best of them is a better start than one seeding of all rows. Medians of seconds, and
mean inertia over the least of all seeds, of whole fits on two cores, from k-means|| over all rows | from a sample:
1M x 2 k=8 0.087, 1.0003 | 0.034, 1.0002; 1M x 16 k=64 0.40, 1.022 | 0.15, 1.017; 1M x 32 k=100 0.80, 1.015 | 0.23,
1.010; 1M x 64 k=10 0.25, 1.088 | 0.093, 1.000; flights k=16 0.19, 1.034 | 0.076, 1.018; SIFT k=16 0.87, 1.001 | 0.78,
1.001; where clusters of few rows lie far out (rare) 0.12, 1.041 | 0.13, 1.044
(python -m benchmarks.compare --suite starts).
"""

from dataclasses import dataclass

import numpy as np

from fastkmeans.engine.lloyd import run_lloyd
from fastkmeans.engine.moments import measure
from fastkmeans.engine.passes import promised_bytes
from fastkmeans.engine.planner import assigner_for
from fastkmeans.engine.seeding import SEEDINGS, chosen_seeding
from fastkmeans.sources.blocks import ArrayRows

FROM_SAMPLE = ("auto", "k-means++")  # of rows that come in blocks
ROWS_A_CLUSTER = 256
BUDGET_SHARE = 0.25  # of the memory budget, for the sample
PROMISE_SHARE = 0.5  # of what a fit may take beside rows in memory
FITS = 3
REPAID = 16  # times the rows of the sample, from which on several fits of it cost little
LEAST_ROWS = 65536  # fewer rows in memory are clustered as soon as sampled
EXCESS = 1.05  # times the inertia a row of the sample, at most, that its centers leave to all rows


@dataclass
class SampleFit:
    """The best fit of a sample: its centers, and what to tell of it."""

    centers: np.ndarray
    inertia: float
    n_rows: int
    n_iter: int
    n_fits: int
    stopped: bool

    def __str__(self):
        fits = "a fit" if self.n_fits == 1 else f"the best of {self.n_fits} fits"
        return f"started from {fits} of {self.n_rows:,} sampled rows, {self.n_iter} iterations"


def _in_blocks(source):
    """Whether rows are read, or lie elsewhere, block by block, so that a pass over them costs much."""
    return hasattr(source, "budget")


def starts_from_sample(source, k, init):
    """Whether first centers come from a sample: of blocks wherever it will do, in memory where it is sooner done."""
    if _in_blocks(source):
        return init in FROM_SAMPLE
    n_rows = ROWS_A_CLUSTER * k
    held = n_rows * source.d * source.dtype.itemsize
    return (
        init == "auto"
        and k > 1
        and type(source) is ArrayRows
        and source.n >= max(LEAST_ROWS, REPAID * n_rows)
        and held <= PROMISE_SHARE * promised_bytes(source, k)
    )


def sample_of(source, k, seed):
    """Some rows of the source, drawn with chances by weight, as a source in memory."""
    m = min(source.n, ROWS_A_CLUSTER * k)
    if _in_blocks(source):
        m = max(k, min(m, int(BUDGET_SHARE * source.budget) // (source.d * source.dtype.itemsize)))
    numbers = np.unique(source.sample(m, seed))
    if len(numbers) < k:  # others have no weight
        return None
    rows = source.take(numbers, unit=False)
    return ArrayRows(rows, cosine=source.cosine, dtype=source.dtype, n_threads=source.n_threads)


def fit_sample(source, k, init, random, *, max_iter, tol, restart=0, tell=None, frozen=None):
    """Fit a sample of the rows, several times if they are many more; None if too few rows have a weight.

    Parameters
    ----------
    tell : callable or None
        Called with (chosen, potential) by the steps of the first seeding; returning False stops, as its `stopped` says.
    frozen : (m, d) centers that never move, the first of k, or None
    """
    own = sample_of(source, k, int(random.integers(2**63)))
    if own is None:
        return None
    moments = measure(own)
    n_frozen = 0 if frozen is None else len(frozen)
    name = chosen_seeding(init, own, k - n_frozen)
    best, n_fits = None, FITS if source.n >= REPAID * own.n else 1
    for fit in range(n_fits):
        centers = own.take(SEEDINGS[name](own, k - n_frozen, random, tell if fit == 0 else None, frozen))
        centers = centers if frozen is None else np.concatenate([frozen, centers])
        stopped = tell is not None and tell.stopped
        run = run_lloyd(
            own,
            assigner_for(own, "auto", moments.shift, k, max_iter),
            moments,
            centers,
            max_iter=0 if stopped else max_iter,
            tol=tol * moments.mean_variance,
            restart=restart,
            n_frozen=n_frozen,
        )
        if best is None or run.inertia < best.inertia:
            best = run
        if stopped:
            break
    return SampleFit(best.centers, best.inertia, own.n, best.n_iter, fit + 1, stopped)


class _Trust:
    """Stops a run over all rows after its first iteration, if these are farther from the centers than the sample is.

    Then the sample missed some of what is there: a few rows far from all others, say. Until that is known, the
    `callback` and the `keep` of the fit are not called.
    """

    def __init__(self, most, callback, keep):
        self.most, self.told, self.kept = most, callback, keep
        self.holds = True

    def look(self, stats):
        self.holds = self.holds and (stats.iteration > 1 or stats.inertia <= self.most)

    def keep(self, fit):
        self.look(fit.history[-1])
        if self.holds:
            self.kept(fit)

    def callback(self, stats):
        self.look(stats)
        return self.holds and (self.told is None or self.told(stats))


def run_from_sample(sampled, source, way, moments, *, max_iter, callback=None, keep=None, **settings):
    """Lloyd's run over all rows from a sample's centers; None if rows in memory turn out not to be like the sample.

    Rows that come in blocks are not asked: to seed over all of them would take many passes, which is for the caller to
    choose.
    """
    way.why = f"{sampled}; {way.why}"
    if _in_blocks(source):
        most = np.inf
    else:
        most = EXCESS * sampled.inertia * source.total_weight / sampled.n_rows
    trust = _Trust(most, callback, keep)
    run = run_lloyd(
        source, way, moments, sampled.centers, max_iter=0 if sampled.stopped else max_iter, callback=trust.callback,
        keep=keep and trust.keep, **settings,
    )  # fmt: skip
    return run if trust.holds else None
