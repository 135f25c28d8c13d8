"""What is known of rows in other processes before any pass over them: sizes, type, and that weights are sound."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Facts:
    """What is known of blocks before any pass: their rows, columns and type, and the sum and largest of weights."""

    sizes: list
    d: int
    dtype: np.dtype
    weight_sums: list = field(default_factory=list)
    largest_weight: float = 1.0


class RemoteTable:
    """Rows in blocks elsewhere, looked at, as validation takes them: an array's shape and type, and a source."""

    shape: tuple
    dtype: np.dtype
    nbytes: int
    ndim = 2

    @property
    def distant(self):
        """Whether the rows stay where they are, whatever their size."""
        return True

    def __len__(self):
        return self.shape[0]

    def as_source(self, weights, **settings):
        """A source over the rows; the weights are the table's own."""
        raise NotImplementedError


def look_at(block):
    """(rows, columns, dtype) of a block."""
    block = np.asarray(block)
    return len(block), block.shape[1], block.dtype


def look_at_weights(weights, n, number, first):
    """(sum, largest, whether all are 1) of a block's weights, or what is wrong with them."""
    weights = np.asarray(weights)
    if weights.shape != (n,):
        return f"sample_weight has {weights.shape} in block {number}, where X has {n} rows; both must be cut alike"
    if weights.dtype.kind not in "biuf":
        return "sample_weight must be numbers, one a row of X"
    weights = weights.astype(np.float64)
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        row, value = first + bad[0], weights[bad[0]]
        return f"sample_weight at row {row} is {value:g}; every weight must be finite and >= 0"
    return float(weights.sum()), float(weights.max(initial=0.0)), bool((weights == 1).all())
