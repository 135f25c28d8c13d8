"""Interrupts, ends and exceptions in the middle of the work: prompt, clean, and nothing half-done remains."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import fastkmeans
from tests.checks import ROOT, assert_same_bits, run_python

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals differ there")

UNCHANGED = """
import os, signal, threading, time
import numpy as np
from fastkmeans import {name}

X = np.random.default_rng(0).normal(size=(300_000, 24)).astype(np.float32)
model = {name}(5, random_state=0, max_iter=3, n_init=1).fit(X[:3000])
state = lambda: {{name: np.asarray(value).tobytes() for name, value in vars(model).items() if name.endswith("_")}}
before, old = state(), model.get_params()
model.set_params(n_clusters=200, max_iter=10**6, tol=0, init="random"{more})
params = model.get_params()

def interrupt():
    time.sleep(0.7)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt).start()
try:
    model.fit(X)
    raise SystemExit("no interrupt")
except KeyboardInterrupt:
    pass
assert model.get_params() == params
assert state() == before
model.set_params(**old)
model.fit(X[:3000])
print("fine")
"""


@posix_only
@pytest.mark.parametrize("name, more", [("KMeans", ""), ("MiniBatchKMeans", ", max_no_improvement=None")])
def test_an_interrupted_estimator_is_as_before(name, more):
    assert run_python(UNCHANGED.format(name=name, more=more)).strip() == "fine"


LONG = """
import sys
import numpy as np
import fastkmeans
X = np.random.default_rng(0).normal(size=(300_000, 24)).astype(np.float32)
fastkmeans.fit(X[:5000], 50, init="random", n_init=1, max_iter=3)
print("ready", flush=True)
fastkmeans.fit(X, 200, init="random", n_init=1, max_iter=10**6, tol=0)
"""

SAVING = """
import sys
import numpy as np
import fastkmeans
X = np.random.default_rng(0).normal(size=(200_000, 4)).astype(np.float32)
results = [fastkmeans.fit(X, k, init="random", n_init=1, random_state=0, max_iter=2) for k in (3, 4)]
results[0].save(sys.argv[1])
print("ready", flush=True)
while True:
    for result in results:
        result.save(sys.argv[1])
"""


def end_by(code, number, *arguments, after=0.5):
    """(seconds from the signal to the end, exit code, standard error) of a process that says when it is ready."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
        try:
            assert process.stdout.readline().strip() == "ready", process.stderr.read()
            time.sleep(after)
            began = time.perf_counter()
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
            return time.perf_counter() - began, process.returncode, errors
        finally:
            process.kill()


@posix_only
def test_ctrl_c_ends_the_process():
    """Promised: within a second. Asserted: within three, for a busy machine."""
    seconds, status, errors = end_by(LONG, signal.SIGINT)
    assert seconds < 3 and "KeyboardInterrupt" in errors
    assert status in (1, 130, -signal.SIGINT)


@posix_only
def test_sigterm_ends_at_once():
    seconds, status, errors = end_by(LONG, signal.SIGTERM)
    assert (seconds < 1, status, errors) == (True, -signal.SIGTERM, "")


@posix_only
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGKILL", None)])
@pytest.mark.parametrize("after", [0.01, 0.05, 0.13])
def test_files_under_their_names_are_whole(tmp_path, number, after):
    path = tmp_path / "model.npz"
    end_by(SAVING, number, path, after=after)
    assert len(fastkmeans.load(path).centers) in (3, 4)
    if number == signal.SIGINT:  # a Python process that is asked cleans up
        assert os.listdir(tmp_path) == ["model.npz"]


@pytest.mark.parametrize("phase", ["seeding", "lloyd"])
@pytest.mark.parametrize("error", [LookupError("on purpose"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_what_a_callback_raises_arrives(phase, error):
    X = np.random.default_rng(0).normal(size=(30_000, 6))
    seen = []

    def callback(stats):
        seen.append(stats)
        if stats.phase == phase:
            raise error

    with pytest.raises(type(error)) as caught:
        fastkmeans.fit(X, 20, random_state=0, callback=callback, n_threads=3)
    assert caught.value is error
    assert [stats.phase for stats in seen].count(phase) == 1 and seen[-1].phase == phase
    expected = fastkmeans.fit(X, 20, random_state=0, n_threads=1)
    assert_same_bits(fastkmeans.fit(X, 20, random_state=0, n_threads=3).labels, expected.labels)


def test_an_estimator_that_fails_is_as_before():
    X = np.random.default_rng(0).normal(size=(400, 3))
    model = fastkmeans.KMeans(4, random_state=0, n_init=1).fit(X)
    centers, labels = model.cluster_centers_, model.labels_
    spoilt = X.copy()
    spoilt[7, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model.fit(spoilt)
    assert model.cluster_centers_ is centers and model.labels_ is labels
    assert_same_bits(model.predict(X), labels)


def test_a_full_disk_leaves_the_old_model(tmp_path):
    """A limit on file sizes, which the system enforces as it does a full disk: by an error in a write."""
    pytest.importorskip("resource")
    code = """
import os, resource, signal, sys
import numpy as np
import fastkmeans
X = np.random.default_rng(0).normal(size=(100_000, 2))
result = fastkmeans.fit(X, 3, init="random", n_init=1, random_state=0, max_iter=2)
small = fastkmeans.fit(X[:10], 2, random_state=0)
small.save(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    result.save(sys.argv[1])
except OSError as error:
    print(error.errno, os.listdir(os.path.dirname(sys.argv[1])), len(fastkmeans.load(sys.argv[1]).labels))
"""
    path = tmp_path / "model.npz"
    printed = run_python(None, arguments=["-c", code, str(path)])
    assert printed.strip() == "27 ['model.npz'] 10"
