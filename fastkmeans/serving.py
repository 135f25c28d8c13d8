"""Labels of a few rows at once: what a server asks for, one row at a time."""

from functools import cache

import numpy as np

from fastkmeans.engine.moments import largest_value
from fastkmeans.kernels.few import label_few

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
FEW_PRODUCTS = 1 << 18  # differences; beyond them the sweep is quicker, unless it packs the centers for one row

few_limit = cache(largest_value)


def labels_of_few(X, centers, metric):
    """`predict` where rows are so few that preparing takes longer than labelling; None for all else, errors too.

    One row, k=100, d=64: 5 us, and 130 by the sweep (python -m benchmarks.compare --suite serving).
    """
    if metric != "euclidean" or X.ndim != 2 or type(centers) is not np.ndarray or centers.ndim != 2:
        return None
    n, d = X.shape
    if n == 0 or len(centers) == 0 or centers.shape[1] != d or (n > 1 and n * centers.size > FEW_PRODUCTS):
        return None
    if (
        X.dtype not in FLOATS
        or centers.dtype not in FLOATS
        or not (X.flags.c_contiguous and centers.flags.c_contiguous)
    ):
        return None
    dtype = X.dtype if X.dtype == centers.dtype else np.float64
    labels = np.empty(n, np.int32)
    return labels if label_few(X, centers, few_limit(dtype, d), labels) else None
