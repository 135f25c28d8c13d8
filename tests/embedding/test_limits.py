"""Guests that keep to the house's limits: CPUs, quotas, thread settings; and that leave things as they were."""

import os
import sys
import time

import numpy as np
import pytest

import fastkmeans
from tests.checks import run_python

COUNTING = """
import threading, os
{first}
import numpy as np
import fastkmeans
X = np.random.default_rng(0).normal(size=(400_000, 8)).astype(np.float32)
fastkmeans.fit(X, 20, init=np.arange(20), max_iter=3)
print(sum(thread.name.startswith("fastkmeans") for thread in threading.enumerate()) + 1)
"""
MANY = "os.sched_getaffinity = lambda process: set(range(6))"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_fits_start_no_more_threads_than_they_may_use():
    unset = {"OMP_NUM_THREADS": None, "NUMBA_NUM_THREADS": None, "LOKY_MAX_CPU_COUNT": None}
    quota = "from fastkmeans.engine import threads; threads._quota_cpus = lambda: 2"
    assert int(run_python(COUNTING.format(first=f"{MANY}; {quota}"), **unset)) == 2
    one = f"os.sched_setaffinity(0, {{{min(os.sched_getaffinity(0))}}})"
    assert int(run_python(COUNTING.format(first=one), **unset)) == 1
    quota = quota.replace("2", "None")
    assert int(run_python(COUNTING.format(first=f"{MANY}; {quota}"), **(unset | {"OMP_NUM_THREADS": "3"}))) == 3


def test_threadpool_limits_bind_fits():
    code = COUNTING.replace(
        "fastkmeans.fit(", "from threadpoolctl import threadpool_limits\nwith threadpool_limits(1): fastkmeans.fit("
    )
    assert int(run_python(code.format(first=MANY))) == 1


def settings():
    """What a user may have set: Numba's threads, every BLAS's, and the warnings of floating point."""
    import numba
    from threadpoolctl import threadpool_info

    pools = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info() if pool["user_api"] != "fastkmeans"}
    return numba.get_num_threads(), pools, np.geterr(), os.environ.copy()


def failing(stats):
    raise LookupError("on purpose")


@pytest.mark.parametrize("init", ["k-means++", "k-means||", "random"])
@pytest.mark.parametrize("callback", [None, failing])
def test_settings_are_as_before(init, callback):
    import numba
    from threadpoolctl import threadpool_limits

    X = np.random.default_rng(0).normal(size=(20_000, 8)).astype(np.float32)
    before = numba.get_num_threads()
    with threadpool_limits(1, user_api="blas"):
        numba.set_num_threads(1)
        try:
            expected = settings()
            try:
                fastkmeans.fit(X, 10, init=init, n_init=1, random_state=0, callback=callback)
            except LookupError:
                assert callback is failing
            found = settings()
            there_before = {path: found[1].get(path) for path in expected[1]}  # a first fit may load more libraries
            assert (found[0], there_before, *found[2:]) == expected
        finally:
            numba.set_num_threads(before)


def test_numpys_state_of_chance_is_left_alone():
    np.random.seed(5)  # noqa: NPY002 - what others may rely on
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    fastkmeans.fit(np.random.default_rng(0).normal(size=(500, 3)), 4, random_state=0)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_nothing_spins_after_a_fit():
    """CPU time of the whole process while it sleeps: at most 2 % of one core."""
    code = """
import time
import fastkmeans, numpy as np
X = np.random.default_rng(0).normal(size=(300_000, 16)).astype(np.float32)
fastkmeans.fit(X, 300, random_state=0, max_iter=5, n_threads=4)
began = time.process_time()
time.sleep(1.0)
print(time.process_time() - began)
"""
    assert float(run_python(code)) < 0.02


BLAS = """
import os, threading, time
os.environ["OPENBLAS_NUM_THREADS"] = "4"
import numpy as np
import fastkmeans

np.ones((300, 300)) @ np.ones((300, 300))  # starts BLAS's threads
blas = set(os.listdir("/proc/self/task"))
ticks = lambda: sum(
    sum(map(int, open(f"/proc/self/task/{task}/stat").read().rpartition(")")[2].split()[11:13]))
    for task in blas - {str(threading.get_native_id())}
)
time.sleep(0.3)
before = ticks()
X = np.random.default_rng(0).normal(size=(60_000, 96)).astype(np.float32)
result = fastkmeans.fit(X, 300, random_state=0, max_iter=6, n_threads=2)
result.transform(X[:5000])
print(ticks() - before)
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts ticks in /proc")
def test_blas_threads_stay_asleep():
    """Not a tick of the threads of BLAS: nothing a fit does wakes them, so cores are not asked for twice."""
    assert int(run_python(BLAS)) <= 3  # ticks, of 10 ms


def test_a_fit_that_fails_leaves_no_memory():
    """MemoryError on the way: all that was allocated is freed, and the next fit works."""
    import tracemalloc

    X = np.random.default_rng(0).normal(size=(100_000, 8)).astype(np.float32)
    fastkmeans.fit(X[:5000], 10, random_state=0)

    def exhausted(stats):
        if stats.phase == "lloyd":
            raise MemoryError("on purpose")

    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(3):
            with pytest.raises(MemoryError, match="on purpose"):
                fastkmeans.fit(X, 50, random_state=0, callback=exhausted)
        time.sleep(0.05)
        assert tracemalloc.get_traced_memory()[0] - before < 200_000
    finally:
        tracemalloc.stop()
    assert fastkmeans.fit(X, 10, random_state=0, max_iter=3).n_iter == 3


WITHOUT_MEMORY = """
import gc, tracemalloc
import numpy as np
import fastkmeans
from tests.checks import assert_same_bits
from tests.embedding.forbidden_pages import ScarceMemory

X = np.random.default_rng(0).normal(size=(3000, 6)).astype(np.float32)

def work():
    more = {{"callback": lambda stats: None}} if {watched} else {{}}
    result = fastkmeans.fit(X, 20, random_state=0, n_threads=1, max_iter=3, n_init=1, algorithm="{way}", **more)
    return result.centers, result.labels, result.predict(X), result.transform(X[:70])

def held():
    gc.collect()
    return tracemalloc.get_traced_memory()[0]

def attempt(times):
    scarce.left = times
    try:
        with scarce.used():
            return work()
    except MemoryError:
        return None

expected, times, scarce = work(), 0, ScarceMemory()
tracemalloc.start()
while (found := attempt(times)) is None:  # which may have loaded something, once
    before = held()
    attempt(times)
    assert held() - before < 10_000, (times, held() - before)
    for one, other in zip(expected, work(), strict=True):
        assert_same_bits(one, other)
    times += 1 + times // 12
for one, other in zip(expected, found, strict=True):
    assert_same_bits(one, other)
print(times)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="gives memory as Linux does")
@pytest.mark.parametrize("way, watched", [("auto", False), ("dense", True), ("bounds", True), ("boxes", True)])
def test_no_memory_at_any_moment(way, watched):
    """Each allocation of NumPy's fails in turn: a MemoryError, nothing is kept, and the next fit works."""
    assert int(run_python(WITHOUT_MEMORY.format(way=way, watched=watched))) > 20
