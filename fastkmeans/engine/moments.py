"""The first pass over the rows: every value checked; means, spread and the shift of the columns."""

import math
from dataclasses import dataclass

import numpy as np

from fastkmeans.engine.machine import vector_set
from fastkmeans.kernels.packing import tile_shape
from fastkmeans.kernels.slab import scratch_for
from fastkmeans.kernels.stats import ALL_GOOD, BAD_VALUE, column_moments

SMALL_VALUES = 1 << 13
FAR_OFFSET = 8  # standard deviations between a column's mean and 0 from which the column is shifted


def largest_value(dtype, d):
    """The size from which the squares of d values might overflow `dtype`."""
    return math.sqrt(float(np.finfo(dtype).max) / (32 * d))


@dataclass
class _Partial:
    moments: np.ndarray
    bad_row: int = -1
    found: int = ALL_GOOD


class MomentsPass:
    """Sums and squares of the columns about `origin`, and the first row that cannot be used."""

    def __init__(self, source, origin):
        self.source_dtype, self.d, self.cosine = source.dtype, source.d, source.cosine
        self.origin = origin
        self.limit = origin.dtype.type(largest_value(source.dtype, source.d))
        self.shape = tile_shape(vector_set(), source.dtype, source.d)
        self.row_seconds = 1e-9 * (2 + 0.4 * source.d)
        self.partial_bytes = 32 * source.d
        self.centers_shape = (0, 0)

    def start(self):
        return _Partial(np.zeros((4, self.d)))

    def add(self, block, start, stop, partial):
        lane_sums = np.empty(4 * self.d * len(self.shape[2]))
        scratch = scratch_for(self.source_dtype, self.d, self.shape)
        weights = block.weights_in(start, stop)
        found, row = column_moments(
            block.rows, start, stop, weights, self.d, self.cosine, self.limit, self.origin,
            partial.moments, lane_sums, scratch, self.shape,
        )  # fmt: skip
        if found != ALL_GOOD:
            partial.found, partial.bad_row = found, block.first + row

    def merge(self, left, right):
        left.moments += right.moments
        if left.found == ALL_GOOD:
            left.found, left.bad_row = right.found, right.bad_row
        return left


@dataclass(frozen=True)
class Moments:
    """What the first pass found, and what follows from it for the fit."""

    shift: np.ndarray
    """(d,) subtracted from every packed row: 0 in columns that are not far from 0 for their spread."""

    spread: float
    """sum w |x - shift|^2 over the rows."""

    mean_variance: float
    """Mean over the columns of their (unweighted) variance, what `tol` is a share of."""

    total_weight: float


class UnusableRow(ValueError):
    """A row holds a value that no fit can use; validation turns it into the user's error."""

    def __init__(self, row, zero):
        super().__init__(row)
        self.row, self.zero = row, zero


def check_rows(source):
    """Run the pass; return its raw moments about the first row, or raise UnusableRow."""
    if source.n * source.d <= SMALL_VALUES:
        return _small_moments(source)
    origin = np.zeros(source.d, source.dtype) if source.cosine else source.take(np.zeros(1, np.int64))[0]
    origin = np.nan_to_num(origin, nan=0.0, posinf=0.0, neginf=0.0)
    partial = source.reduce(MomentsPass(source, origin))
    if partial.found != ALL_GOOD:
        raise UnusableRow(partial.bad_row, zero=partial.found != BAD_VALUE)
    moments = partial.moments
    return origin.astype(np.float64), moments if source.weighted else (*moments[:2], *moments[:2])


def _small_moments(source):
    """`check_rows` of few values, by NumPy: nothing to compile for the first small fit, and 20 us for the next."""
    rows = source.take(np.arange(source.n), unit=False)
    bad = ~(np.abs(rows) <= largest_value(source.dtype, source.d))
    if bad.any():
        raise UnusableRow(int(np.argmax(bad.any(axis=1))), zero=False)
    if source.cosine:
        rows = source.take(np.arange(source.n))
        if not rows.any(axis=1).all():
            raise UnusableRow(int(np.argmin(rows.any(axis=1))), zero=True)
    origin = rows[0].astype(np.float64)
    rows = rows - origin
    sums = [_in_order(rows), _in_order(rows**2)]
    if source.weighted:
        weights = source.weights_of(np.arange(source.n))[:, None]
        return origin, (*sums, _in_order(weights * rows), _in_order(weights * rows**2))
    return origin, (*sums, *sums)


def _in_order(values):
    """The sums of the columns, row after row: kernels/few_rows.py has the same bits."""
    return np.cumsum(values, axis=0)[-1]


def exact_shift(mean, deviation, dtype, integers):
    """A shift whose subtraction is exact for nearly every row.

    Scores of far-off data cancel, so columns far from 0 are shifted. A difference of two floats within a factor
    of two of each other is exact (Sterbenz), which FAR_OFFSET standard deviations give; integers less an integer
    are exact too, so those are always centred. Elsewhere the shift is 0: then the packed rows are the stored ones
    and the means of rows come out exact.
    """
    if integers:
        return np.rint(mean).astype(dtype)
    return np.where(np.abs(mean) >= FAR_OFFSET * deviation, mean, 0.0).astype(dtype)


def measure(source):
    """Check all rows of the source and return its Moments; raise UnusableRow."""
    if hasattr(source, "moments"):
        return source.moments()
    origin, sums = check_rows(source)
    total_weight = source.total_weight if source.weighted else float(source.n)
    shift, spread, mean_variance = from_sums(
        source.n, origin, sums, total_weight, source.dtype, source.integers and not source.cosine
    )
    return Moments(shift, float(spread), float(mean_variance), total_weight)


def from_sums(n, origin, sums, total_weight, dtype, integers):
    """(shift, spread, mean variance) from sums about `origin`, of one fit, or of many along the first axis.

    Parameters
    ----------
    n, total_weight : numbers, or (n_fits, 1) of them
    origin : (d,), or (n_fits, d)
    sums : four of these: sums and squares of the columns, without weights and with them
    """
    sums, squares, weighted_sums, weighted_squares = sums
    mean = sums / n
    variance = np.maximum(squares / n - mean**2, 0.0)
    shift = exact_shift(origin + mean, np.sqrt(variance), dtype, integers)
    offset = shift.astype(np.float64) - origin
    spread = weighted_squares - 2 * offset * weighted_sums + offset**2 * total_weight
    return shift, spread.sum(axis=-1), variance.mean(axis=-1)
