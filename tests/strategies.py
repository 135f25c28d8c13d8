"""Hypothesis strategies: awkward points, weights, dtypes and memory layouts."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

DTYPES = ("f2", "f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "?")


def _unaligned(X):
    raw = np.empty(X.nbytes + 1, np.uint8)
    view = np.frombuffer(raw.data, X.dtype, X.size, offset=1).reshape(X.shape)
    view[...] = X
    return view


def _gappy(X):
    wide = np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)
    wide[1::2], wide[:, 1::3] = 0, 0
    return wide[::2, ::3]


def _read_only(X):
    X = X.copy()
    X.setflags(write=False)
    return X


LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": _gappy,
    "padded rows": lambda X: np.hstack([X, X])[:, : X.shape[1]],
    "reversed": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "byte-swapped": lambda X: X.astype(X.dtype.newbyteorder()),
    "byte-swapped Fortran": lambda X: np.asfortranarray(X.astype(X.dtype.newbyteorder())),
    "unaligned": _unaligned,
    "read-only": _read_only,
}
"""Name -> a function that returns the same values in another layout."""


def values_of(dtype, shape, seed=0):
    """Reproducible values that use much of the range of a dtype, fit for k-means."""
    random = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return random.random(shape) < 0.5
    if dtype.kind == "f":
        return (random.normal(size=shape) * 3).astype(dtype)
    info = np.iinfo(dtype)
    return random.integers(info.min, info.max, shape, dtype, endpoint=True)


@st.composite
def points(draw, max_rows=60, max_features=9, dtypes=("f4", "f8")):
    """(n, d) rows: normal, with an offset, on a small grid (ties), or few distinct rows (duplicates)."""
    n, d = draw(st.integers(1, max_rows)), draw(st.integers(1, max_features))
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    kind = draw(st.sampled_from(("grid", "duplicates", "normal", "offset", "any")))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    if kind in ("normal", "offset", "any") and dtype.char not in "fd":
        return values_of(dtype, (n, d), seed)
    if kind == "any":
        elements = st.floats(-1e4, 1e4, width=32, allow_subnormal=True)
        return draw(hnp.arrays(np.float32, (n, d), elements=elements)).astype(dtype)
    if kind == "grid":
        return random.integers(0, 4, (n, d)).astype(dtype)
    if kind == "duplicates":
        distinct = random.normal(size=(draw(st.integers(1, 5)), d))
        return distinct[random.integers(0, len(distinct), n)].astype(dtype)
    offset = 0.0 if kind == "normal" else draw(st.sampled_from((-1e6, 1e3, 1e6)))
    return (random.normal(size=(n, d)) + offset).astype(dtype)


@st.composite
def points_and_k(draw, **options):
    """Rows, and a number of clusters for them."""
    X = draw(points(**options))
    return X, draw(st.integers(1, min(len(X), 12)))


@st.composite
def weights(draw, n):
    """(n,) weights >= 0 with some zeros, not all of them."""
    values = draw(hnp.arrays(np.float64, n, elements=st.sampled_from((0.0, 0.0, 0.5, 1.0, 2.0, 7.25))))
    values[draw(st.integers(0, n - 1))] = 1.0
    return values


@st.composite
def layouts(draw):
    """A function that copies an array to another layout, byte order, or alignment."""
    return LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))]
