"""Weights of rows, as users give them."""

import numpy as np

WEIGHT_LIMIT = 1e250  # sums of weights times squares must fit float64


def as_weights(sample_weight, n):
    """The weights as a contiguous float64 array; None for none, or for ones, which are quicker left out."""
    if sample_weight is None:
        return None
    weights = plain_weights(sample_weight, n)
    with np.errstate(over="ignore"):
        check_total(weights.sum())
    return None if (weights == 1).all() else weights


def check_total(total):
    """Raise unless weights have a sum to divide by."""
    if total == 0:
        raise ValueError("sample_weight is zero for every row; at least one must be positive")
    if not total < WEIGHT_LIMIT:
        raise ValueError(f"sample_weight sums to {total:g}, which overflows; divide the weights by a constant")


def plain_weights(sample_weight, n):
    """n finite weights >= 0 as a contiguous float64 array."""
    try:
        weights = np.asarray(sample_weight)
        if weights.dtype.kind not in "biuf":
            raise TypeError
        number, weights = weights.ndim == 0, np.ascontiguousarray(weights, np.float64)
    except (TypeError, ValueError):
        raise TypeError("sample_weight must be numbers, one a row of X") from None
    if number:
        weights = np.full(n, float(weights[0]))
    if weights.shape != (n,):
        raise ValueError(
            f"sample_weight has shape {weights.shape}, but X has {n} rows: Sample weights must be 1D array of "
            f"shape ({n},)"
        )
    if not np.isfinite(weights).all():
        row = int(np.flatnonzero(~np.isfinite(weights))[0])
        raise ValueError(f"sample_weight contains NaN or infinity (at row {row}); every weight must be finite")
    if (weights < 0).any():
        row = int(np.flatnonzero(weights < 0)[0])
        raise ValueError(f"sample_weight is negative at row {row} ({weights[row]:g}); weights must be >= 0")
    return weights


def check_norms(x_squared_norms, n):
    """Raise unless there is one for each row; they are not used."""
    if x_squared_norms is not None and len(x_squared_norms) != n:
        raise ValueError(
            f"The length of x_squared_norms {len(x_squared_norms)} should be equal to the length of n_samples {n}; "
            "it may be left out"
        )
