"""Awkward X: values, shapes, types, layouts, containers."""

import os
import tempfile

import numpy as np

from tests.estimators.awkward.cases import BLOBS, case, fit, with_

# ---- X: values
case("X has NaN")(lambda: fit(with_(np.nan)))
case("X has +inf")(lambda: fit(with_(np.inf)))
case("X has -inf float32")(lambda: fit(with_(-np.inf, dtype=np.float32)))
case("X all NaN")(lambda: fit(np.full((10, 2), np.nan)))
case("X huge 1e200 (squares overflow)")(lambda: fit(BLOBS * 1e200))
case("X huge 1e30 float32 (squares overflow)")(lambda: fit((BLOBS * 1e30).astype(np.float32)))
case("X one value 1e200 among small")(lambda: fit(with_(1e200)))
case("X max float64")(lambda: fit(with_(np.finfo(float).max)))
case("X denormals 5e-324")(lambda: fit(BLOBS * 5e-324 * 1e3))
case("X tiny 1e-170 (squares underflow)")(lambda: fit(BLOBS * 1e-170))
case("X tiny float32 1e-25 (squares underflow)")(lambda: fit((BLOBS * 1e-25).astype(np.float32)))
case("X offset 1e8 + blobs, float64")(lambda: fit(BLOBS + 1e8))
case("X offset 1e8 + blobs*1e-4, float64 (cancellation)")(lambda: fit(BLOBS * 1e-4 + 1e8))
case("X offset 1e8 + blobs, float32 (not representable)")(lambda: fit((BLOBS + 1e8).astype(np.float32)))
case("X offset 1e4 + blobs, float32 (cancellation)")(lambda: fit((BLOBS + 1e4).astype(np.float32)))
case("X offset 1e6 + 10*blobs, float32 (cancellation)")(lambda: fit((BLOBS * 10 + 1e6).astype(np.float32)))
case("X constant data, k=3")(lambda: fit(np.ones((60, 3))))
case("X constant data, k=1")(lambda: fit(np.ones((60, 3)), 1))
case("X constant huge 1e16/3, k=2")(lambda: fit(np.full((50, 4), 1e16 / 3), 2))
case("X duplicates: 2 distinct points, k=5")(lambda: fit(np.repeat([[0.0, 0.0], [1.0, 1.0]], 20, 0), 5))
case("X has -0.0 and 0.0")(lambda: fit(np.array([[0.0], [-0.0], [1.0], [1.0]]), 2))
# ---- X: shape
case("X 1-D")(lambda: fit(np.arange(10.0)))
case("X 0-D")(lambda: fit(np.float64(3.0)))
case("X 3-D")(lambda: fit(np.zeros((4, 3, 2))))
case("X empty list")(lambda: fit([]))
case("X 0 samples")(lambda: fit(np.zeros((0, 3))))
case("X 0 features")(lambda: fit(np.zeros((10, 0))))
case("X 1 sample, k=1")(lambda: fit([[1.0, 2.0]], 1))
case("X 1 sample, k=2")(lambda: fit([[1.0, 2.0]], 2))
case("X n_samples == k")(lambda: fit(BLOBS[:5], 5))
case("X None")(lambda: fit(None))
case("X list of lists")(lambda: fit(BLOBS.tolist()))
case("X ragged list")(lambda: fit([[1, 2], [3], [4, 5]], 2))
case("X tuple of tuples")(lambda: fit(tuple(map(tuple, BLOBS))))
case("X a generator")(lambda: fit(r for r in BLOBS))
case("X a dict")(lambda: fit({"a": [1, 2], "b": [3, 4]}))
case("X a str")(lambda: fit("hello"))
# ---- X: dtype
case("X bool")(lambda: fit(BLOBS > 1, 2))
case("X strings of numbers")(lambda: fit(BLOBS.astype(str)))
case("X strings")(lambda: fit(np.array([["a", "b"], ["c", "d"], ["e", "f"]]), 2))
case("X bytes")(lambda: fit(np.array([[b"1"], [b"2"], [b"3"]]), 2))
case("X object dtype of floats")(lambda: fit(BLOBS.astype(object)))
case("X object dtype with None")(lambda: fit(with_(None, dtype=object)))
case("X object dtype with str")(lambda: fit(with_("x", dtype=object)))
case("X complex")(lambda: fit(BLOBS + 1j))
case("X datetime64")(lambda: fit(np.array([["2020-01-01"], ["2021-01-01"], ["2022-01-01"]], dtype="M8[D]"), 2))
case("X structured dtype")(lambda: fit(np.zeros(5, dtype=[("a", float), ("b", float)]), 2))
case("X float16")(lambda: fit(BLOBS.astype(np.float16)))
case("X float16 with overflow in squares (300)")(lambda: fit((BLOBS * 60).astype(np.float16)))
case("X longdouble")(lambda: fit(BLOBS.astype(np.longdouble)))
case("X float32")(lambda: fit(BLOBS.astype(np.float32)))
case("X int8")(lambda: fit((BLOBS * 10).astype(np.int8)))
case("X uint8 (image)")(lambda: fit(((BLOBS + 10) * 10).astype(np.uint8)))
case("X uint64 huge 2**63+")(lambda: fit(np.uint64(2) ** np.uint64(63) + (np.abs(BLOBS) * 1e15).astype(np.uint64)))
case("X int64 huge 2**62")(lambda: fit(np.int64(2) ** 62 + (BLOBS * 1e15).astype(np.int64)))
case("X int64 near 2**53 (not exact in float64)")(lambda: fit(2**53 + BLOBS.astype(np.int64)))
case("X big-endian >f8")(lambda: fit(BLOBS.astype(">f8")))
case("X big-endian >f4")(lambda: fit(BLOBS.astype(">f4")))
# ---- X: memory layout and containers
case("X Fortran order")(lambda: fit(np.asfortranarray(BLOBS)))
case("X non-contiguous slice [::2, ::2]")(lambda: fit(np.repeat(np.repeat(BLOBS, 2, 0), 2, 1)[::2, ::2]))
case("X negative strides")(lambda: fit(BLOBS[::-1, ::-1]))
case("X broadcast (stride 0)")(lambda: fit(np.broadcast_to(BLOBS[:1], (10, 3)), 2))


def _ro():
    X = BLOBS.copy()
    X.setflags(write=False)
    return fit(X)


case("X read-only")(_ro)


def _ro_cp():
    X = BLOBS.copy()
    X.setflags(write=False)
    return fit(X, copy_x=False)


case("X read-only, copy_x=False")(_ro_cp)


def _mutate():
    X = BLOBS + 100
    Y = X.copy()
    r = fit(X)
    return r + f"; X unchanged={np.array_equal(X, Y)}"


case("X is not modified (copy_x=True)")(_mutate)


def _mutate2():
    X = BLOBS + 100
    Y = X.copy()
    r = fit(X, copy_x=False)
    return r + f"; X close={np.allclose(X, Y)}"


case("X restored to rounding (copy_x=False)")(_mutate2)


def _unaligned():
    b = np.zeros(BLOBS.nbytes + 1, np.uint8)
    X = (
        b[1:].view(np.float64).reshape(BLOBS.shape)
        if False
        else np.frombuffer(b.data, dtype=np.float64, count=BLOBS.size, offset=1).reshape(BLOBS.shape)
    )
    X[...] = BLOBS
    return fit(X) + f"; aligned={X.flags.aligned}"


case("X unaligned memory")(_unaligned)


def _mm(mode):
    f = tempfile.NamedTemporaryFile(suffix=".npy", delete=False)
    np.save(f, BLOBS)
    f.close()
    try:
        return fit(np.load(f.name, mmap_mode=mode))
    finally:
        os.unlink(f.name)


case("X memmap read-only")(lambda: _mm("r"))
case("X memmap r+")(lambda: _mm("r+"))
case("X masked array, a masked cell")(lambda: fit(np.ma.masked_array(BLOBS, mask=np.arange(180).reshape(60, 3) == 4)))
case("X np.matrix")(lambda: fit(np.matrix(BLOBS)))


def _pd(f):
    import pandas as pd

    return fit(f(pd))


case("X DataFrame float")(lambda: _pd(lambda pd: pd.DataFrame(BLOBS, columns=list("abc"))))
case("X DataFrame mixed int/float32/bool")(
    lambda: _pd(
        lambda pd: pd.DataFrame(
            {"a": BLOBS[:, 0].astype("f4"), "b": (BLOBS[:, 1] * 9).astype(int), "c": BLOBS[:, 2] > 1}
        )
    )
)
case("X DataFrame categorical of numbers")(
    lambda: _pd(lambda pd: pd.DataFrame({"a": BLOBS[:, 0], "b": pd.Categorical([1, 2, 3] * 20)}))
)
case("X DataFrame categorical of strings")(
    lambda: _pd(lambda pd: pd.DataFrame({"a": BLOBS[:, 0], "b": pd.Categorical(list("xyz") * 20)}))
)
case("X DataFrame nullable Float64 with NA")(
    lambda: _pd(lambda pd: pd.DataFrame({"a": pd.array([1.0, None, 3.0], dtype="Float64"), "b": [1.0, 2.0, 3.0]}))
)
case("X DataFrame nullable Int64 no NA")(
    lambda: _pd(lambda pd: pd.DataFrame({"a": pd.array([1, 2, 30], dtype="Int64"), "b": [1.0, 2.0, 3.0]}))
)
case("X DataFrame non-str column names (mixed)")(lambda: _pd(lambda pd: pd.DataFrame(BLOBS, columns=["a", 1, 2])))
case("X DataFrame of sparse columns")(lambda: _pd(lambda pd: pd.DataFrame(BLOBS).astype(pd.SparseDtype(float, 0.0))))
case("X Series")(lambda: _pd(lambda pd: pd.Series(BLOBS[:, 0])))


def _arrow():
    import pyarrow as pa

    return fit(pa.table({"a": BLOBS[:, 0], "b": BLOBS[:, 1]}))


case("X pyarrow Table")(_arrow)


def _sp(fmt, arr=True, **kw):
    import scipy.sparse as sp

    A = (sp.csr_array if arr else sp.csr_matrix)(np.where(abs(BLOBS) > 0.5, BLOBS, 0)).asformat(fmt)
    for k, v in kw.items():
        setattr(A, k, v(A))
    return fit(A)


case("X sparse csr_array")(lambda: _sp("csr"))
case("X sparse csr_matrix")(lambda: _sp("csr", False))
case("X sparse csc")(lambda: _sp("csc"))
case("X sparse coo")(lambda: _sp("coo"))
case("X sparse csr, int64 indices")(
    lambda: _sp("csr", indices=lambda A: A.indices.astype(np.int64), indptr=lambda A: A.indptr.astype(np.int64))
)
case("X sparse csr with NaN")(lambda: _sp("csr", data=lambda A: np.r_[np.nan, A.data[1:]]))


def _spint():
    import scipy.sparse as sp

    return fit(sp.csr_array((BLOBS * 3).astype(np.int32)))


case("X sparse csr, int data")(_spint)
