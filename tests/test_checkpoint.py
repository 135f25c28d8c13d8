"""Checkpoints: a run that was ended at any moment goes on and ends with the bits of one that was not."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import fastkmeans
from tests.checks import ROOT, assert_same_bits

K = 12


def rows(n=4_000, d=5, dtype=np.float32, seed=0):
    return (np.random.default_rng(seed).normal(size=(n, d)) * 5).astype(dtype)


def assert_same_fit(one, other):
    assert_same_bits(one.centers, other.centers)
    assert_same_bits(np.asarray(one.labels), np.asarray(other.labels))
    assert (one.inertia, one.n_iter, one.converged) == (other.inertia, other.n_iter, other.converged)
    assert [stats.inertia for stats in one.history] == [stats.inertia for stats in other.history]


class Ended(Exception):
    pass


def end_at(iteration, restart=0):
    def callback(stats):
        if stats.phase == "lloyd" and (stats.restart, stats.iteration) == (restart, iteration):
            raise Ended

    return callback


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("at", [1, 2, 7, 20])
def test_a_run_goes_on(tmp_path, dtype, metric, every, at):
    X, path = rows(dtype=dtype), tmp_path / "run.npz"
    weights = np.random.default_rng(1).random(len(X)) if at == 7 else None
    settings = {"random_state": 0, "metric": metric, "tol": 0, "max_iter": 40, "sample_weight": weights}
    whole = fastkmeans.fit(X, K, checkpoint=tmp_path / "other.npz", **settings)
    checkpoint = fastkmeans.Checkpoint(path, every=every)
    with pytest.raises(Ended):
        fastkmeans.fit(X, K, checkpoint=checkpoint, callback=end_at(at), **settings)
    assert path.exists() == (at >= every)
    seen = []
    resumed = fastkmeans.fit(X, K, checkpoint=checkpoint, callback=seen.append, n_threads=1, **settings)
    assert_same_fit(whole, resumed)
    if at >= every:
        assert [stats.phase for stats in seen][:1] == ["lloyd"] and seen[0].iteration == at // every * every + 1


def test_it_has_the_bits_of_a_dense_fit(tmp_path):
    X = rows()
    settings = {"random_state": 0, "callback": lambda stats: None}
    plain = fastkmeans.fit(X, K, algorithm="dense", **settings)
    assert_same_fit(plain, fastkmeans.fit(X, K, checkpoint=tmp_path / "run.npz", **settings))


@pytest.mark.parametrize("restart, at", [(0, 3), (1, 1), (1, 4), (2, 5)])
@pytest.mark.parametrize("seed", [0, None])
def test_restarts_go_on(tmp_path, restart, at, seed):
    X, path = rows(), tmp_path / "run.npz"
    settings = {"init": "random", "n_init": 3, "max_iter": 9, "random_state": seed}
    np.random.seed(3)  # noqa: NPY002 - what random_state=None draws from
    whole = fastkmeans.fit(X, K, checkpoint=tmp_path / "other.npz", **settings)
    np.random.seed(3)  # noqa: NPY002
    with pytest.raises(Ended):
        fastkmeans.fit(X, K, checkpoint=path, callback=end_at(at, restart), **settings)
    assert_same_fit(whole, fastkmeans.fit(X, K, checkpoint=path, **settings))


def test_a_finished_run_is_given_again(tmp_path):
    X, path = rows(), tmp_path / "run.npz"
    first = fastkmeans.fit(X, K, random_state=0, checkpoint=path)
    before = path.read_bytes()
    seen = []
    assert_same_fit(first, fastkmeans.fit(X, K, random_state=0, checkpoint=path, callback=seen.append))
    assert not seen and path.read_bytes() == before


def test_more_iterations_may_be_asked_for(tmp_path):
    X, path = rows(), tmp_path / "run.npz"
    fastkmeans.fit(X, K, random_state=0, checkpoint=path, max_iter=4, tol=0)
    more = fastkmeans.fit(X, K, random_state=0, checkpoint=path, max_iter=30, tol=0)
    assert_same_fit(more, fastkmeans.fit(X, K, random_state=0, checkpoint=tmp_path / "o.npz", max_iter=30, tol=0))


def test_empty_clusters_on_the_way(tmp_path):
    X = np.repeat(rows(40), 30, axis=0)
    settings = {"init": np.repeat(X[:3], 4, axis=0), "max_iter": 12, "tol": 0}
    whole = fastkmeans.fit(X, K, checkpoint=tmp_path / "other.npz", **settings)
    assert whole.history[0].n_relocated
    for at in range(1, len(whole.history)):
        path = tmp_path / f"{at}.npz"
        with pytest.raises(Ended):
            fastkmeans.fit(X, K, checkpoint=path, callback=end_at(at), **settings)
        assert_same_fit(whole, fastkmeans.fit(X, K, checkpoint=path, **settings))


OTHERS = {
    "rows": (lambda X: X[:-1], {}),
    "values": (lambda X: X + np.float32(X[3, 2] == X) * np.float32(1e-3), {}),
    "clusters": (lambda X: X, {"n_clusters": 5}),
    "metric": (lambda X: X, {"metric": "cosine"}),
    "random_state": (lambda X: X, {"random_state": 1}),
    "init": (lambda X: X, {"init": "k-means++"}),
}


@pytest.mark.parametrize("what", OTHERS)
def test_the_file_of_another_run_is_refused(tmp_path, what):
    X, path = rows(), tmp_path / "run.npz"
    fastkmeans.fit(X, K, random_state=0, checkpoint=path, max_iter=3)
    before = path.read_bytes()
    change, other = OTHERS[what]
    settings = {"n_clusters": K, "random_state": 0, "max_iter": 3} | other
    with pytest.raises(ValueError, match=f"of another run.*{what}.*delete it or name another file"):
        fastkmeans.fit(change(X), checkpoint=path, **settings)
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "bit", "nan", "model"])
def test_a_damaged_file_is_refused(tmp_path, damage):
    X, path = rows(), tmp_path / "run.npz"
    result = fastkmeans.fit(X, K, random_state=0, checkpoint=path, max_iter=3)
    content = bytearray(path.read_bytes())
    if damage == "bit":
        content[len(content) // 2] ^= 4
    if damage == "nan":
        with np.load(path) as arrays:
            spoilt = dict(arrays)
        spoilt["centers"][1, 1] = np.nan
        np.savez(path, **spoilt)
        content = path.read_bytes()
    if damage == "model":
        result.save(path)
        content = path.read_bytes()
    content = {"cut": content[:-300], "empty": b"", "text": b"not a checkpoint"}.get(damage, content)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged, or no checkpoint.*left as it is"):
        fastkmeans.fit(X, K, random_state=0, checkpoint=path, max_iter=3)
    assert path.read_bytes() == content


def test_what_cannot_be_a_checkpoint_is_said(tmp_path):
    X = rows(100)
    for checkpoint, kind, says in (
        (3, TypeError, "checkpoint must be a path or a Checkpoint"),
        (tmp_path / "no" / "run.npz", ValueError, "there is no folder"),
        (fastkmeans.Checkpoint(tmp_path / "run.npz", every=0), ValueError, "checkpoint.every=0"),
    ):
        with pytest.raises(kind, match=says):
            fastkmeans.fit(X, 3, checkpoint=checkpoint)
    with pytest.raises(ValueError, match="algorithm='bounds' cannot be resumed"):
        fastkmeans.fit(X, 3, checkpoint=tmp_path / "run.npz", algorithm="bounds")


RUN = """
import sys
import numpy as np
import fastkmeans
result = fastkmeans.fit(
    sys.argv[1], 40, random_state=0, max_iter=25, tol=0, memory_budget=1 << 22, checkpoint=sys.argv[2], n_threads=2
)
np.savez(sys.argv[3], centers=result.centers, labels=result.labels, inertia=result.inertia)
"""


@pytest.mark.skipif(os.name == "nt", reason="kills by a signal")
@pytest.mark.parametrize("n_kills", [3, pytest.param(24, marks=pytest.mark.slow)])
def test_a_streaming_run_that_is_killed(tmp_path, n_kills):
    """SIGKILL at random moments, resumed each time: the bits of a run that was left alone."""
    X = rows(300_000, 16)
    np.save(tmp_path / "rows.npy", X)
    chance, environment = random.Random(0), os.environ | {"PYTHONPATH": str(ROOT)}

    def start(name):
        command = [sys.executable, "-c", RUN, "rows.npy", f"{name}.npz", f"{name}-result.npz"]
        return subprocess.Popen(command, cwd=tmp_path, env=environment)

    began = time.perf_counter()
    assert start("whole").wait(timeout=300) == 0
    seconds, kills = time.perf_counter() - began, 0
    while kills < n_kills:
        process = start("killed")
        time.sleep(seconds * chance.uniform(0.4, 0.9))
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:  # it had ended
            (tmp_path / "killed.npz").unlink()
            (tmp_path / "killed-result.npz").unlink()
    assert start("killed").wait(timeout=300) == 0
    with np.load(tmp_path / "whole-result.npz") as one, np.load(tmp_path / "killed-result.npz") as other:
        for name in ("centers", "labels", "inertia"):
            assert_same_bits(one[name], other[name])
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == [] or kills
