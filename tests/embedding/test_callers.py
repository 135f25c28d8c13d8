"""Many callers at once: Python threads, pools of every kind, event loops; the answers are those of one caller."""

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import joblib
import numpy as np
import pytest

import fastkmeans
from tests.checks import assert_same_bits, assert_same_result, run_python

CALLERS = 16
OPTIONS = {"random_state": 0, "max_iter": 4}
WAYS = ("auto", "dense", "bounds", "screened", "boxes")


def rows_of(seed, n=6_000):
    d = (2, 3, 8, 17, 40)[seed % 5]
    dtype = (np.float32, np.float64, np.uint8)[seed % 3]
    return (np.random.default_rng(seed).normal(size=(n + seed, d)) * 20 + 100).astype(dtype)


def job(seed, n_threads=3):
    """A fit of its own kind, its predictions, and its distances."""
    X = rows_of(seed)
    way = WAYS[seed % len(WAYS)] if X.shape[1] <= 8 else "auto"
    kinds = {"init": "random", "n_init": 1} if seed % 2 else {}
    result = fastkmeans.fit(X, 12 + seed, algorithm=way, n_threads=n_threads, **kinds, **OPTIONS)
    return result, result.predict(X[::-1], n_threads=n_threads), result.transform(X[:50], n_threads=n_threads)


def assert_same_jobs(expected, found):
    for one, other in zip(expected, found, strict=True):
        assert_same_result(one[0], other[0])
        assert_same_bits(one[1], other[1])
        assert_same_bits(one[2], other[2])


@pytest.fixture(scope="module")
def serial():
    """The jobs one after another, each on one thread."""
    return [job(seed, n_threads=1) for seed in range(CALLERS)]


def test_sixteen_threads_fit_and_predict_at_once(serial):
    barrier = threading.Barrier(CALLERS, timeout=60)

    def together(seed):
        barrier.wait()
        return job(seed)

    with ThreadPoolExecutor(CALLERS) as pool:
        assert_same_jobs(serial, pool.map(together, range(CALLERS), timeout=300))


def test_threads_share_one_estimator():
    """As a web server does: one model, many requests."""
    X = rows_of(0)
    model = fastkmeans.KMeans(9, random_state=0, n_init=1).fit(X)
    parts = [X[first : first + 1 + 37 * first % 400] for first in range(0, 5000, 100)]
    with ThreadPoolExecutor(CALLERS) as pool:
        for part, labels in zip(parts, pool.map(model.predict, parts, timeout=120), strict=True):
            assert_same_bits(labels, model.predict(part))


@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing"])
def test_joblib(serial, backend):
    found = joblib.Parallel(2, backend=backend)(joblib.delayed(job)(seed) for seed in range(6))
    assert_same_jobs(serial[:6], found)
    if backend == "loky":
        joblib.externals.loky.get_reusable_executor().shutdown(wait=True)


def test_executors_of_an_event_loop(serial):
    async def main():
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(None, job, seed) for seed in range(6)))

    assert_same_jobs(serial[:6], asyncio.run(main()))


def test_an_event_loop_stays_awake():
    """Kernels release the GIL: within one iteration, which is one kernel a thread, a loop beats many times."""
    X = np.random.default_rng(0).normal(size=(200_000, 16)).astype(np.float32)
    beats, most = [0], [0]

    def callback(stats):
        most[0], beats[0] = max(most[0], beats[0]), 0
        return most[0] < 10  # a loaded machine may need several tries

    async def main():
        loop = asyncio.get_running_loop()
        fit = partial(fastkmeans.fit, X, 512, init="random", n_init=1, max_iter=300, tol=0, algorithm="dense")
        ours = loop.run_in_executor(None, partial(fit, random_state=0, callback=callback))
        while not ours.done():
            await asyncio.sleep(0.001)
            beats[0] += 1
        return await ours

    asyncio.run(main())
    assert most[0] >= 10


DASK = """
import dask, dask.array, numpy as np
import fastkmeans

X = np.random.default_rng(0).normal(size=(8000, 5)).astype(np.float32)
fit = dask.delayed(lambda seed: fastkmeans.fit(X, 10, random_state=seed, max_iter=4).inertia)
expected = [fastkmeans.fit(X, 10, random_state=seed, max_iter=4).inertia for seed in range(8)]
assert list(dask.compute(*map(fit, range(8)), scheduler="threads", num_workers=8)) == expected
centers = fastkmeans.fit(X, 10, random_state=0).centers
rows = dask.array.from_array(X, chunks=(1000, 5))
labels = rows.map_blocks(fastkmeans.predict, centers, dtype=np.int32, drop_axis=1).compute(scheduler="threads")
assert (labels == fastkmeans.predict(X, centers)).all()
print("fine")
"""


def test_dask_threads():
    pytest.importorskip("dask.array")
    assert run_python(DASK).strip() == "fine"


def test_an_error_in_one_caller_leaves_the_others_alone(serial):
    def failing(stats):
        raise LookupError("on purpose")

    def mixed(seed):
        if seed % 4 == 3:
            with pytest.raises(LookupError, match="on purpose"):
                fastkmeans.fit(rows_of(seed), 5, callback=failing, n_threads=3)
            return serial[seed]
        return job(seed)

    with ThreadPoolExecutor(CALLERS) as pool:
        assert_same_jobs(serial, pool.map(mixed, range(CALLERS), timeout=300))


# ---- forks ------------------------------------------------------------------------------------------------

POOL = """
import multiprocessing, os, signal
import numpy as np
import fastkmeans

X = np.random.default_rng(0).normal(size=(60_000, 8)).astype(np.float32)

def fit(seed):
    return fastkmeans.fit(X, 20, random_state=seed, max_iter=3, n_threads=3).centers.tobytes()

if __name__ == "__main__":
    signal.alarm(120)
    expected = [fit(seed) for seed in range(4)]
    for method in {methods}:
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(fit, range(4)) == expected, method
    print("fine")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_pools_of_processes(method, tmp_path):
    script = tmp_path / "pool.py"
    script.write_text(POOL.format(methods=[method]))
    assert run_python(None, arguments=[script]).strip() == "fine"


GENERATIONS = """
import os, signal, threading
import numpy as np
import fastkmeans

signal.alarm(120)
X = np.random.default_rng(0).normal(size=(60_000, 8)).astype(np.float32)
fit = lambda: fastkmeans.fit(X, 20, init=np.arange(20), max_iter=3, n_threads=3).centers.tobytes()
expected = fit()

def child(generation):
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)  # alarms are not inherited
        status = 1
        try:
            status = int(fit() != expected)
            if generation < 3:
                status |= child(generation + 1)
        finally:
            os._exit(status)
    return int(os.waitpid(pid, 0)[1] != 0)

assert child(1) == 0
thread = threading.Thread(target=lambda: statuses.append(child(2)))  # from another thread than the main one
statuses = []
thread.start(); thread.join()
assert statuses == [0] and fit() == expected
print("fine")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_children_and_their_children_fit():
    assert run_python(GENERATIONS).strip() == "fine"


# ---- endings ----------------------------------------------------------------------------------------------

ENDING = """
import sys, threading, time
import numpy as np
import fastkmeans

X = np.random.default_rng(0).normal(size=(300_000, 16)).astype(np.float32)
fastkmeans.fit(X[:5000], 50, init="random", n_init=1, max_iter=2, n_threads=3)
thread = threading.Thread(
    target=lambda: fastkmeans.fit(X, 200, init="random", n_init=1, max_iter=10**6, tol=0, n_threads=3), daemon=True
)
thread.start()
time.sleep(0.5)
assert thread.is_alive()
sys.exit(0)
"""


def test_the_interpreter_ends_in_the_middle_of_a_fit():
    assert run_python(ENDING, timeout=60) == ""


def test_nothing_is_left_but_idle_daemons():
    code = """
import threading
import fastkmeans, numpy as np
X = np.random.default_rng(0).normal(size=(100_000, 8)).astype(np.float32)
for _ in range(3):
    fastkmeans.fit(X, 20, init="k-means||", random_state=0, n_threads=4)
others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
assert all(thread.daemon for thread in others)
print(len(others))
"""
    assert int(run_python(code)) == 3
