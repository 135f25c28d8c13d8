"""What kernel tests need on both sides of a call: packed rows and centers made by NumPy, and rows that are hard."""

import numpy as np

from fastkmeans.kernels.packing import describe_rows, pack_centers, row_stride

DTYPES = [np.float32, np.float64]
# n, d, k around the sizes of groups (32 or 64 rows), panels (4 to 8 centers) and vectors.
EDGES = [(1, 1, 1), (1, 5, 3), (7, 1, 7), (31, 2, 8), (32, 3, 9), (33, 8, 1), (65, 9, 17), (130, 12, 64), (200, 4, 200)]


def describe(X, dtype, vectors="plain"):
    """The integers by which kernels know the rows of X, which must outlive them."""
    return describe_rows(X, dtype, vectors)


def sizes(shape):
    """(centers a panel, rows a group)."""
    return len(shape[0]), len(shape[1]) * len(shape[2])


def tile_of(X, shape):
    """(tile, stride, groups) of rows as pack_tile would leave them."""
    _, step = sizes(shape)
    n, d = X.shape
    groups, stride = -(-n // step), row_stride(d)
    tile = np.zeros((groups * step, stride), X.dtype)
    tile[:n, :d] = X
    return tile.reshape(-1), stride, groups


def columns_of(X, shape):
    """(columns, groups) of rows as turn_tile would leave them."""
    _, step = sizes(shape)
    tile, stride, groups = tile_of(X, shape)
    rows = tile.reshape(groups, step, stride)[:, :, : X.shape[1]]
    return np.ascontiguousarray(rows.transpose(0, 2, 1)).reshape(-1), groups


def panels_of(centers, shape, slack=0.0, shift=None):
    """(panels, number of panels, squared norms) of centers."""
    m, _ = sizes(shape)
    k, d = centers.shape
    n_panels = -(-k // m)
    panels, norms = np.empty(n_panels * (d + 1) * m, centers.dtype), np.empty(k)
    pack_centers(centers, np.zeros(d, centers.dtype) if shift is None else shift, slack, panels, norms, shape)
    return panels, n_panels, norms


def hard_rows(kind, n, d, seed=0, *, offset, tiny):
    """Clusters, or what is hard about rows: far offsets, ties, ranges, zeros, equal rows."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) + 9 * random.normal(size=(11, d))[random.integers(11, size=n)]
    if kind == "offset":
        X += offset
    elif kind == "grid":
        X = np.round(X / 4)
    elif kind == "huge ranges":
        X *= 10.0 ** random.integers(-8, 9, size=(n, 1))
    elif kind == "outlier column":
        X[:, -1] *= 1e7
    elif kind == "tiny":
        X *= tiny
    elif kind == "zeros":
        X[random.random(n) < 0.7] = 0
    elif kind == "equal":
        X[:] = X[0]
    elif kind == "constant column":
        X[:, 0] = 3
    return X


def grid(n, d, seed=0, levels=4):
    """Rows of small integers: sums and scores are exact, and ties abound."""
    return np.random.default_rng(seed).integers(0, levels, (n, d)).astype(np.float64)
