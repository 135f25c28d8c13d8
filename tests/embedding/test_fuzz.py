"""Whatever bytes and numbers come: an answer by the definition or a ValueError, no crash, no hang.

A short run is part of the suite. The long one, over 10,000 inputs:

    HYPOTHESIS_PROFILE=long python -m pytest tests/embedding/test_fuzz.py tests/test_properties.py
"""

import io
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastkmeans
from fastkmeans.engine.planner import ASSIGNERS
from fastkmeans.sources.files import READERS, read_table
from tests.checks import assert_labels_by_definition, assert_same_bits

pytestmark = pytest.mark.filterwarnings("ignore")

# ---- numbers ----------------------------------------------------------------------------------------------


@st.composite
def wild_rows(draw):
    """Rows whose values span whatever their type can hold, with what arithmetic likes least among them."""
    n, d = draw(st.integers(1, 80)), draw(st.integers(1, 20))
    dtype = np.dtype(draw(st.sampled_from(("f4", "f8"))))
    info, random = np.finfo(dtype), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    power = draw(st.integers(int(np.log2(info.smallest_subnormal)), info.maxexp - 1))
    width = draw(st.sampled_from((0, 0, 3, 60)))
    with np.errstate(all="ignore"):
        X = np.ldexp(random.normal(size=(n, d)), power + random.integers(-width, width + 1, (n, d)))
        X = np.clip(X, -float(info.max), float(info.max)).astype(dtype)
        X += dtype.type(draw(st.sampled_from((0, 0, 1e4, -1e8, 1e15))))
    for what in draw(st.lists(st.sampled_from(range(8)), max_size=3)):
        row, column = random.integers(n), random.integers(d)
        if what == 0:
            X[row] = info.max
        elif what == 1:
            X[row, column] = -info.max / 2
        elif what == 2:
            X[:, column] = X[row, column]
        elif what == 3:
            X[n // 2 :] = X[row]
        elif what == 4:
            X[row] = 0
        elif what == 5:
            X[row, column] = info.smallest_subnormal
        elif what == 6:
            X[row] *= dtype.type(2.0 ** random.integers(1, 30))
        else:
            X = np.round(X)
    X[~np.isfinite(X)] = 0
    return X


@given(wild_rows(), st.integers(1, 12), st.sampled_from(("auto", *ASSIGNERS)), st.booleans(), st.data())
def test_wild_numbers(X, k, way, weighted, data):
    k = min(k, len(X))
    weights = np.random.default_rng(k).random(len(X)) * 10.0 ** data.draw(st.integers(-30, 30)) if weighted else None
    init = data.draw(st.sampled_from(("k-means++", "random", "k-means||", np.arange(k))))
    settings = {"init": init, "n_init": 1, "random_state": 0, "max_iter": 4, "sample_weight": weights}
    try:
        result = fastkmeans.fit(X, k, algorithm=way, **settings)
    except ValueError as error:
        assert str(error).split()[0] in ("X", "the", "sample_weight", "algorithm", "algorithm="), error
        return
    assert np.isfinite(result.centers).all() and np.isfinite(result.inertia) and result.inertia >= 0
    assert_labels_by_definition(X, result.centers, result.labels)
    assert_same_bits(result.labels, result.predict(X))
    other = fastkmeans.fit(X, k, algorithm=way, n_threads=3, **settings)
    assert_same_bits(result.centers, other.centers)


@given(wild_rows(), wild_rows())
def test_wild_centers(X, centers):
    d = min(X.shape[1], centers.shape[1])
    X, centers = X[:, :d], centers[:, :d].astype(X.dtype)
    try:
        labels = fastkmeans.predict(X, centers)
    except ValueError as error:
        assert str(error).split()[0] in ("X", "centers", "the"), error
        return
    assert_labels_by_definition(X, centers, labels)


# ---- bytes ------------------------------------------------------------------------------------------------


def _model():
    result = fastkmeans.fit(np.arange(40.0).reshape(20, 2) ** 2, 3, random_state=0)
    return result


def _as_bytes(save):
    file = io.BytesIO()
    save(file)
    return file.getvalue()


@pytest.fixture(scope="module")
def model_bytes(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.npz"
    _model().save(path)
    return path.read_bytes()


@st.composite
def spoilt(draw, content):
    """Bytes with some of them changed, taken out, put in, or cut off."""
    spoilt = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(spoilt) - 1)))
        what = draw(st.integers(0, 4))
        if what == 0 and spoilt:
            spoilt[place] = draw(st.integers(0, 255))
        elif what == 1 and spoilt:
            spoilt[place] ^= 1 << draw(st.integers(0, 7))
        elif what == 2:
            del spoilt[place : place + draw(st.integers(1, 40))]
        elif what == 3:
            spoilt[place:place] = draw(st.binary(min_size=1, max_size=20))
        else:
            del spoilt[place:]
    return bytes(spoilt)


@given(st.data())
def test_spoilt_model_files(model_bytes, tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "spoilt.npz"
    path.write_bytes(data.draw(st.one_of(spoilt(model_bytes), st.binary(max_size=300))))
    try:
        loaded = fastkmeans.load(path)
    except ValueError as error:
        assert "is not a fastkmeans model file" in str(error)
        return
    X = np.ones((3, loaded.centers.shape[1]))
    assert loaded.predict(X).max() < len(loaded.centers)


WHOLE = {
    ".npy": _as_bytes(lambda file: np.save(file, np.arange(12.0).reshape(4, 3))),
    ".npz": _as_bytes(lambda file: np.savez(file, x=np.arange(12.0).reshape(4, 3))),
    ".csv": b"a,b,c\n1,2,3\n4,5,6\n7,,9\n",
    ".tsv": b"1\t2\n3\t4\n",
    ".txt": b"# rows\n1 2 3\n4 5 6\n",
}


def test_every_kind_of_file_is_spoilt():
    assert set(WHOLE) | {".parquet"} == set(READERS)


@pytest.mark.parametrize("suffix", sorted(READERS))
@given(data=st.data())
def test_spoilt_files_of_rows(suffix, tmp_path_factory, data):
    if suffix == ".parquet":
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        table = pyarrow.table({"a": [1.0, 2.0, 3.0], "b": [4, 5, 6]})
        whole = _as_bytes(lambda file: parquet.write_table(table, file))
    else:
        whole = WHOLE[suffix]
    path = tmp_path_factory.getbasetemp() / f"spoilt{suffix}"
    path.write_bytes(data.draw(st.one_of(spoilt(whole), st.binary(max_size=200))))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = read_table(path)
            fastkmeans.fit(np.array(rows), 1)
    except (ValueError, TypeError) as error:
        assert str(error)


def _stored(suffix, folder):
    """A whole file of rows in a format that is read range by range."""
    rows, path = np.arange(24.0).reshape(8, 3), folder / f"whole{suffix}"
    if suffix == ".npy":
        np.save(path, rows)
    elif suffix == ".h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            file["rows"] = rows
    else:
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        table = pyarrow.table({"a": rows[:, 0], "b": rows[:, 1]})
        if suffix == ".parquet":
            parquet.write_table(table, path, row_group_size=3)
        else:
            with pyarrow.ipc.new_file(path, table.schema) as file:
                file.write_table(table, 3)
    return path.read_bytes()


@pytest.mark.parametrize("suffix", [".npy", ".parquet", ".arrow", ".h5"])
@given(data=st.data())
def test_spoilt_files_that_are_streamed(suffix, tmp_path_factory, data):
    whole = _stored(suffix, tmp_path_factory.getbasetemp())
    path = tmp_path_factory.getbasetemp() / f"streamed{suffix}"
    path.write_bytes(data.draw(st.one_of(spoilt(whole), st.binary(max_size=200))))
    try:
        with fastkmeans.open_rows(path) as rows:
            if rows.nbytes < 1 << 20:
                fastkmeans.fit(rows, 1)
    except (ValueError, TypeError) as error:
        assert str(error)
