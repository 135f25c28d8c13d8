"""Model files: they come back whole, appear whole or not at all, and anything else is refused."""

import json
import os
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest

import fastkmeans
from tests import naive
from tests.checks import ROOT, assert_same_bits, assert_same_result

CORNERS = np.array([[0, 0], [0, 1], [9, 9], [9, 10], [0, 9]], dtype=np.float32)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_save_and_load(tmp_path, metric):
    X = np.random.default_rng(0).normal(size=(200, 5))
    result = fastkmeans.fit(X, 6, metric=metric, random_state=0)
    result.save(tmp_path / "model.npz")
    loaded = fastkmeans.load(tmp_path / "model.npz")
    assert_same_result(result, loaded)
    assert result.history == loaded.history
    assert_same_bits(loaded.predict(X), result.labels)
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    fastkmeans.fit(CORNERS, 2, random_state=0).save(path)
    before = path.read_bytes()
    monkeypatch.setattr(np, "savez", lambda file, **arrays: file.write(b"half") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fastkmeans.fit(CORNERS, 3, random_state=0).save(path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def _cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def _rewritten(change, save=np.savez):
    """A function that rewrites a model file, after change(its arrays, its header)."""

    def rewrite(path):
        with np.load(path) as archive:
            parts = dict(archive)
        header = json.loads(parts["header"].tobytes())
        change(parts, header)
        if "header" in parts and parts["header"].dtype == np.uint8:
            parts["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
        save(path, **parts)

    return rewrite


def _with(**changes):
    """The same with some of its arrays changed, or of its header's entries."""

    def change(parts, header):
        for name, value in changes.items():
            (header if name in header else parts)[name] = value

    return _rewritten(change)


def _with_header(text):
    """The same with other bytes in place of the header."""

    def rewrite(path):
        with np.load(path) as archive:
            parts = dict(archive)
        np.savez(path, **parts | {"header": np.frombuffer(text, np.uint8)})

    return rewrite


def _with_entry(name, content):
    """The same with other bytes in place of one array's file."""

    def rewrite(path):
        with zipfile.ZipFile(path) as archive:
            entries = {entry: archive.read(entry) for entry in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for entry, own in (entries | {f"{name}.npy": content}).items():
                archive.writestr(entry, own)

    return rewrite


def _npy(shape, dtype="<f4", content=b"", order=False):
    """The file of an array whose header says what it likes."""
    described = f"{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': {shape}, }}"
    text = described.ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


def _one_bit(path):
    content = bytearray(path.read_bytes())
    content[content.index(b"NUMPY", 600) + 130] ^= 4  # within the centers
    path.write_bytes(content)


def _twice(path):
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.npy", _npy("(0,)", "<i4"))


def _encrypted(path):
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def _bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("header", b"{}"), ("labels", _npy("(0,)", "<i4"))):
            archive.writestr(f"{name}.npy", content)
        archive.writestr("centers.npy", _npy("(8192, 4096)", content=bytes(4 * 8192 * 4096)))


def _history(**changes):
    return _rewritten(lambda parts, header: header["history"][0].update(changes))


DAMAGE = {
    "cut short": _cut,
    "text": lambda path: path.write_text("no model"),
    "empty": lambda path: path.write_bytes(b""),
    "random bytes": lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)),
    "a zip of nothing": lambda path: zipfile.ZipFile(path, "w").close(),
    "an array alone": lambda path: path.write_bytes(_npy("(3,)", content=bytes(12))),
    "a pickle alone": lambda path: path.write_bytes(pickle.dumps(Trap())),
    "one bit changed": _one_bit,
    "encrypted": _encrypted,
    "one array more": _with(more=np.zeros(1)),
    "one array twice": _twice,
    "a name with a path": _rewritten(lambda parts, header: parts.update({"../labels": parts.pop("labels")})),
    "compressed": _rewritten(lambda parts, header: None, np.savez_compressed),
    "a bomb": _bomb,
    "centers of 4 TiB": _with_entry("centers", _npy("(1048576, 1048576)")),
    "centers of negative size": _with_entry("centers", _npy("(-2, -2)", content=bytes(16))),
    "a size beyond integers": _with_entry("centers", _npy(f"({10**30}, 2)")),
    "fewer bytes than claimed": _with_entry("labels", _npy("(5,)", "<i4", bytes(16))),
    "more bytes than claimed": _with_entry("labels", _npy("(5,)", "<i4", bytes(24))),
    "code for a shape": _with_entry("labels", _npy("(__import__('os').abort(),)", "<i4")),
    "an endless header": _with_entry("labels", _npy("(5,)" + " " * 20_000, "<i4", bytes(20))),
    "no NumPy file": _with_entry("labels", b"PK"),
    "Fortran's order": _with_entry("centers", _npy("(2, 2)", content=bytes(16), order=True)),
    "NaN in the centers": _with(centers=np.full((2, 2), np.nan, np.float32)),
    "infinite centers": _with(centers=np.full((2, 2), np.inf, np.float32)),
    "no centers": _with(centers=np.zeros((0, 2), np.float32)),
    "a vector of centers": _with(centers=np.zeros(4, np.float32)),
    "centers of the other byte order": _with(centers=np.zeros((2, 2), ">f4")),
    "centers of integers": _with(centers=np.zeros((2, 2), np.int64)),
    "an object array": _rewritten(lambda parts, header: parts.update(labels=np.array([None, Trap()], object))),
    "an object header": _rewritten(lambda parts, header: parts.update(header=np.array([Trap()], object))),
    "labels of another type": _with(labels=np.zeros(5)),
    "labels beyond the centers": _with(labels=np.full(5, 7, np.int32)),
    "labels below 0": _with(labels=np.full(5, -1, np.int32)),
    "another version": _with(version=99),
    "another format": _with(format="another"),
    "an unknown metric": _with(metric="manhattan"),
    "text for a number": _with(inertia="much"),
    "a negative inertia": _with(inertia=-1.0),
    "NaN for an inertia": _with(inertia=float("nan")),
    "a history of numbers": _with(history=[1, 2]),
    "a history that is none": _with(history=7),
    "text in the history": _history(seconds="long"),
    "a list in the history": _history(phase=["lloyd"]),
    "an unknown name in the history": _history(more=1),
    "no header": _rewritten(lambda parts, header: parts.pop("header")),
    "no JSON": _with_header(b"{"),
    "no text": _with_header(b"\xff\xfe"),
    "JSON of a list": _with_header(b"[]"),
    "JSON nested deeply": _with_header(b"[" * 100_000),
}


class Trap:
    """Unpickling one ends the process."""

    def __reduce__(self):
        return os.abort, ()


@pytest.mark.parametrize("damage", DAMAGE)
def test_load_refuses_what_is_no_model(tmp_path, damage):
    path = tmp_path / "model.npz"
    fastkmeans.fit(CORNERS, 2, random_state=0).save(path)
    DAMAGE[damage](path)
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="not a fastkmeans model file"):
            fastkmeans.load(path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 4e6 + 2 * path.stat().st_size
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_load_of_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        fastkmeans.load(tmp_path / "none.npz")


# ---- safetensors ------------------------------------------------------------------------------------------


def test_safetensors_come_back_whole(tmp_path):
    package = pytest.importorskip("safetensors.numpy")
    X = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
    result = fastkmeans.fit(X, 6, random_state=0)
    result.save(tmp_path / "model.safetensors")
    loaded = fastkmeans.load(tmp_path / "model.safetensors")
    assert_same_result(result, loaded)
    assert_same_bits(loaded.predict(X), result.labels)
    arrays = package.load_file(tmp_path / "model.safetensors")  # as anybody else reads it
    assert_same_bits(arrays["centers"], result.centers)
    assert_same_bits(arrays["labels"], result.labels)


SAFETENSORS_DAMAGE = {
    "cut short": lambda content: content[:-3],
    "text": lambda content: b"no model",
    "empty": lambda content: b"",
    "a header of 2^60 bytes": lambda content: (1 << 60).to_bytes(8, "little") + content[8:],
    "a header of zeros": lambda content: content[:8] + bytes(len(content) - 8),
    "another type": lambda content: content.replace(b'"F32"', b'"I32"'),
    "NaN in the centers": lambda content: content[:-36] + b"\xff\xff\xff\x7f" * 9,
    "no metadata": lambda content: content.replace(b"__metadata__", b"__metadatum_"),
    "another format": lambda content: content.replace(b"fastkmeans model", b"fastkmeans mode1"),
}


@pytest.mark.parametrize("damage", SAFETENSORS_DAMAGE)
def test_load_refuses_what_is_no_model_in_safetensors(tmp_path, damage):
    pytest.importorskip("safetensors")
    path = tmp_path / "model.safetensors"
    fastkmeans.fit(CORNERS, 2, random_state=0).save(path)
    content = path.read_bytes()
    path.write_bytes(SAFETENSORS_DAMAGE[damage](content))
    assert path.read_bytes() != content
    with pytest.raises(ValueError, match="not a fastkmeans model file"):
        fastkmeans.load(path)


def test_load_of_missing_safetensors(tmp_path):
    pytest.importorskip("safetensors")
    with pytest.raises(FileNotFoundError):
        fastkmeans.load(tmp_path / "none.safetensors")


# ---- earlier versions -------------------------------------------------------------------------------------

STORED = ROOT / "tests" / "stored"  # written by the versions in their names; never written anew


def test_a_file_of_an_earlier_version():
    for path in STORED.glob("*.npz"):
        loaded = fastkmeans.load(path)
        assert_same_bits(loaded.predict(CORNERS), loaded.labels)
        assert loaded.converged and loaded.inertia == pytest.approx(
            naive.inertia(CORNERS, loaded.labels, loaded.centers)
        )


@pytest.mark.parametrize("name", ["KMeans", "MiniBatchKMeans", "BisectingKMeans"])
def test_a_pickle_of_an_earlier_version(name):
    for path in STORED.glob(f"{name}-*.pickle"):
        model = pickle.loads(path.read_bytes())
        assert_same_bits(model.predict(CORNERS), model.labels_)
        assert model.get_params()["n_clusters"] == 2
        model.fit(CORNERS)
        assert_same_bits(model.predict(CORNERS), model.labels_)


def test_every_kind_is_stored():
    assert len(list(STORED.glob("*-0.1.0.*"))) == 4


def test_a_folder_that_is_not_there_is_named(tmp_path):
    result = fastkmeans.fit([[0.0], [1.0]], 1)
    path = tmp_path / "none" / "model.npz"
    with pytest.raises(FileNotFoundError, match="there is no folder") as caught:
        result.save(path)
    assert caught.value.filename == str(path)
