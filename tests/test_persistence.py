"""Model files: they come back whole, appear whole or not at all, and anything else is refused."""

import json

import numpy as np
import pytest

import fastkmeans
from tests.checks import assert_same_bits, assert_same_result

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


def _with(**changes):
    """A function that rewrites a model file with some of its arrays changed, or of its header's entries."""

    def rewrite(path):
        with np.load(path) as archive:
            parts = dict(archive)
        header = json.loads(parts["header"].tobytes())
        for name, value in changes.items():
            if name in header:
                header[name] = value
            else:
                parts[name] = value
        parts["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
        np.savez(path, **parts)

    return rewrite


DAMAGE = {
    "cut short": _cut,
    "text": lambda path: path.write_text("no model"),
    "empty": lambda path: path.write_bytes(b""),
    "one array more": _with(more=np.zeros(1)),
    "NaN in the centers": _with(centers=np.full((2, 2), np.nan, np.float32)),
    "a pickle": _with(labels=np.array([None, "x"], object)),
    "labels of another type": _with(labels=np.zeros(5)),
    "labels beyond the centers": _with(labels=np.full(5, 7, np.int32)),
    "another version": _with(version=99),
    "an unknown metric": _with(metric="manhattan"),
    "text for a number": _with(inertia="much"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_load_refuses_what_is_no_model(tmp_path, damage):
    path = tmp_path / "model.npz"
    fastkmeans.fit(CORNERS, 2, random_state=0).save(path)
    DAMAGE[damage](path)
    with pytest.raises(ValueError, match="not a fastkmeans model file"):
        fastkmeans.load(path)


def test_load_of_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        fastkmeans.load(tmp_path / "none.npz")
