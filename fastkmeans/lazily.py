"""Labels and distances of Dask collections: Dask arrays that are computed where, and when, they are asked for."""

import numpy as np

from fastkmeans.sources.dask_rows import DaskTable, as_array, is_dask, known_sizes

__all__ = ["is_dask", "labels_later", "over_blocks"]


def over_blocks(ask, X, centers, metric, dtype, columns=None):
    """`ask(block, centers, metric=, n_threads=1)` of each block of X, as a Dask array.

    Parameters
    ----------
    ask : callable
        `api.predict` or `api.transform`.
    dtype : of what it gives
    columns : int, default=None
        How many columns that has; None if it is 1-D.
    """
    rows = as_array(X)
    if rows.ndim != 2 or rows.shape[1] != centers.shape[1]:
        raise ValueError(
            f"X has shape {rows.shape}, but centers have {centers.shape[1]} columns; both must have the same features"
        )
    shape = {"drop_axis": 1} if columns is None else {"chunks": (rows.chunks[0], (columns,))}
    meta = np.empty((0,) if columns is None else (0, columns), dtype)
    return rows.map_blocks(_of_block, ask, centers, metric, meta, dtype=dtype, meta=meta, **shape)


def _of_block(block, ask, centers, metric, none):
    return ask(block, centers, metric=metric, n_threads=1) if len(block) else none


def labels_later(X, labels, centers, metric):
    """The labels of a fit as its rows are: for Dask's, a Dask array in the same blocks; others as they are."""
    if not isinstance(X, DaskTable):
        return labels
    import dask.array as da

    if isinstance(labels, np.ndarray):
        return da.from_array(labels, chunks=(tuple(X.sizes),))
    from fastkmeans.api import predict

    later = over_blocks(predict, X.given, centers, metric, np.int32)
    if known_sizes(later) is None:
        later._chunks = (tuple(X.sizes),)
    return later
