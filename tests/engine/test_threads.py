"""Threads: the cut, the tree, errors, many callers, forks, and how many there are."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastkmeans
from fastkmeans.engine import threads
from tests.checks import assert_same_result, run_python

# ---- the cut ----------------------------------------------------------------------------------------------


@given(st.integers(1, 10**8), st.floats(1e-10, 1e-3))
def test_slabs_cover_the_rows_in_order(n, row_seconds):
    cuts = threads.slab_cuts(n, 2, row_seconds)
    assert cuts[0] == 0 and cuts[-1] == n
    sizes = np.diff(cuts)
    assert sizes.min() >= 1 and sizes.max() <= threads.SLAB_ROWS_MOST
    assert sizes.max() - sizes.min() <= 1
    least, most = threads.SLAB_SECONDS
    if len(sizes) > 1 and sizes.max() < threads.SLAB_ROWS_MOST // 2:
        assert sizes.max() * row_seconds > least / 2 or sizes.max() == 1
    assert sizes.min() == 1 or sizes.min() * row_seconds <= most * 1.01


def test_the_cut_does_not_ask_for_the_number_of_threads(monkeypatch):
    before = threads.slab_cuts(100_003, 4, 1e-7)
    assert len(before) > 3
    monkeypatch.setattr(threads, "available_threads", lambda: 1)
    assert threads.slab_cuts(100_003, 4, 1e-7) == before


# ---- the tree ---------------------------------------------------------------------------------------------


def sequential_tree(leaves):
    """The tree as brackets: neighbours merge level by level, an odd one out moves up."""
    while len(leaves) > 1:
        pairs = [f"({a}{b})" for a, b in zip(leaves[::2], leaves[1::2], strict=False)]
        leaves = pairs + leaves[len(leaves) - len(leaves) % 2 :]
    return leaves[0]


def test_blocks_of_many_rows_are_cut_into_fewer_slabs():
    alone, of_many = (threads.slab_cuts(100_000, 4, 1e-7, of_rows) for of_rows in (0, 10_000_000))
    assert len(alone) == 26 and len(of_many) == threads.SLABS_A_BLOCK + 1
    assert of_many[0] == 0 and of_many[-1] == 100_000
    assert threads.slab_cuts(100_000, 4, 1e-7, 100_000) == alone
    assert len(threads.slab_cuts(10_000_000, 4, 1e-7, 100_000_000)) == 126  # none longer than 8 ms


def merged_sequentially(sizes, leaves):
    of_blocks, first = [], 0
    for size in sizes:
        of_blocks.append(sequential_tree(leaves[first : first + size]))
        first += size
    return sequential_tree(of_blocks)


@pytest.mark.parametrize("sizes", [[1], [3, 1, 5], [1] * 7, [8, 8, 8], [2, 7, 1, 1]])
@pytest.mark.parametrize("count", [1, 3])
def test_blocks_have_trees_of_their_own(sizes, count):
    leaves = [f"<{number}>" for number in range(sum(sizes))]
    merge = lambda left, right: f"({left}{right})"  # noqa: E731
    assert threads.reduce(sizes, leaves.__getitem__, merge, count) == merged_sequentially(sizes, leaves)


def test_trees_of_parts_come_to_the_tree_of_all():
    """Siblings may be merged wherever they meet."""
    merge = lambda left, right: f"({left}{right})"  # noqa: E731
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 8, 13):
        whole = threads.Tree(n, merge)
        for part in np.array_split(rng.permutation(n), 3):
            own = threads.Tree(n, merge)
            for leaf in part:
                own.add(int(leaf), f"<{leaf}>")
            for level, place, partial in own.left():
                whole.add(place, partial, level)
        assert whole.root == sequential_tree([f"<{leaf}>" for leaf in range(n)])


@pytest.mark.parametrize("n", [*range(1, 18), 31, 32, 33, 100])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_reduce_merges_in_the_fixed_tree(n, count):
    def leaf(number):
        time.sleep(1e-4 * (7 * number % 5))  # they end in another order than they begin in
        return f"<{number}>"

    merged = threads.reduce([n], leaf, lambda left, right: f"({left}{right})", count)
    assert merged == sequential_tree([f"<{number}>" for number in range(n)])


def test_few_partials_live_at_once():
    """At most one a thread, and one a level of the tree."""
    alive, most, lock = 0, 0, threading.Lock()

    def leaf(number):
        nonlocal alive, most
        with lock:
            alive += 1
            most = max(most, alive)
        return number

    def merge(left, right):
        nonlocal alive
        with lock:
            alive -= 1
        return left

    for count in (1, 3):
        alive = most = 0
        threads.reduce([256], leaf, merge, count)
        assert most <= count * (1 + np.log2(256)) and (count > 1 or most <= 9)


# ---- running tasks ----------------------------------------------------------------------------------------


def test_every_task_runs_once_in_ascending_order(n_threads):
    begun, lock = [], threading.Lock()

    def body(task):
        with lock:
            begun.append(task)

    threads.run(200, body, n_threads)
    assert sorted(begun) == list(range(200))
    if n_threads == 1:
        assert begun == list(range(200))


def test_threads_work_side_by_side():
    barrier = threading.Barrier(3, timeout=20)
    threads.run(3, lambda task: barrier.wait(), 3)


@pytest.mark.parametrize("failing", [0, 57, 199])
def test_an_error_reaches_the_caller_and_stops_the_rest(failing, n_threads):
    done = []

    def body(task):
        if task == failing:
            raise ZeroDivisionError(f"task {task}")
        time.sleep(1e-4)
        done.append(task)

    with pytest.raises(ZeroDivisionError, match=f"task {failing}"):
        threads.run(200, body, n_threads)
    assert len(done) < failing + 50
    count = len(done)
    time.sleep(0.01)
    assert len(done) == count, "tasks went on after run had returned"
    threads.run(10, done.append, n_threads)  # the pool still works


def test_runs_inside_runs():
    results = []

    def outer(task):
        threads.run(5, lambda inner: results.append((task, inner)), 3)

    threads.run(6, outer, 3)
    assert sorted(results) == [(a, b) for a in range(6) for b in range(5)]


# ---- many callers -----------------------------------------------------------------------------------------


def problem(seed):
    random = np.random.default_rng(seed)
    return random.normal(size=(20_000 + seed, 6)).astype(np.float32), 20 + seed


def test_eight_python_threads_fit_at_once():
    options = {"random_state": 0, "max_iter": 5, "n_threads": 3}
    serial = [fastkmeans.fit(*problem(seed), **options) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda seed: fastkmeans.fit(*problem(seed), **options), range(8), timeout=120))
    for one, other in zip(serial, together, strict=True):
        assert_same_result(one, other)


def test_a_fit_inside_a_callback():
    X, k = problem(1)
    inner = []

    def callback(stats):
        if stats.phase == "lloyd":
            inner.append(fastkmeans.fit(X[:5000], 4, random_state=0, n_threads=2))

    outer = fastkmeans.fit(X, k, init="random", n_init=1, random_state=0, max_iter=2, callback=callback)
    assert outer.n_iter == len(inner) == 2
    assert_same_result(inner[0], inner[1])


FORK = """
import os, signal, sys, threading, time
import numpy as np
import fastkmeans

X = np.random.default_rng(0).normal(size=(200_000, 8)).astype(np.float32)
options = dict(init=np.arange(30), max_iter=3, n_threads=3)
before = fastkmeans.fit(X, 30, **options)
assert sum(thread.name.startswith("fastkmeans") for thread in threading.enumerate()) == 2
busy = threading.Thread(target=lambda: [fastkmeans.fit(X, 30, **options) for _ in range(20)])
busy.start()  # forks find the pool, and locks, in use
for _ in range(5):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        after = fastkmeans.fit(X, 30, **options)
        fresh = fastkmeans.fit(X.astype(np.float64)[:300], 3, init=np.arange(3))  # perhaps not compiled yet
        os._exit(0 if after.centers.tobytes() == before.centers.tobytes() and fresh.n_iter else 1)
    status = os.waitpid(child, 0)[1]
    assert status == 0, f"the child ended with status {status}"
busy.join()

# A thread of the parent compiles: the child must not wait for it.
from fastkmeans.engine import threads
from fastkmeans.kernels.jit import compiler_lock

begun = threading.Event()

def compiling():
    with compiler_lock:
        begun.set()
        time.sleep(0.5)

threading.Thread(target=compiling).start()
begun.wait()
child = os.fork()
if child == 0:
    signal.alarm(60)
    with compiler_lock:
        pass
    barrier = threading.Barrier(3, timeout=20)
    threads.run(3, lambda task: barrier.wait(), 3)  # the child's pool has threads of its own
    os._exit(0)
status = os.waitpid(child, 0)[1]
assert status == 0, f"the child ended with status {status}"
assert fastkmeans.fit(X, 30, **options).inertia == before.inertia
print("fine")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forked_children_fit():
    assert run_python(FORK).strip() == "fine"


def test_processes_of_joblib():
    joblib = pytest.importorskip("joblib")
    X, k = problem(0)
    options = {"random_state": 0, "max_iter": 3}
    expected = fastkmeans.fit(X, k, **options)
    jobs = joblib.Parallel(2)(joblib.delayed(fastkmeans.fit)(X, k, **options) for _ in range(2))
    for result in jobs:
        assert_same_result(expected, result)
    joblib.externals.loky.get_reusable_executor().shutdown(wait=True)


# ---- how many ---------------------------------------------------------------------------------------------

LIMITS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


@pytest.fixture
def no_limits(monkeypatch):
    for name in LIMITS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "_limit", None)


def test_the_count_is_joblibs(no_limits):
    joblib = pytest.importorskip("joblib")
    assert threads.available_threads() == joblib.cpu_count()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_affinity_counts(no_limits):
    cpus = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(cpus)})
        assert threads.available_threads() == 1
    finally:
        os.sched_setaffinity(0, cpus)


@pytest.mark.parametrize("name", LIMITS)
def test_the_environment_limits(name, no_limits, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    monkeypatch.setattr(threads, "_quota_cpus", lambda: None)
    assert threads.available_threads() == 64
    for value, expected in (("5", 5), ("3,2", 3), ("100", 64), ("", 64), ("0", 64), ("many", 64)):
        monkeypatch.setenv(name, value)
        assert threads.available_threads() == expected


@pytest.mark.parametrize(
    "content, cpus",
    [("max 100000", None), ("150000 100000", 2), ("400000 100000", 4), ("10000 100000", 1), ("nonsense", None)],
)
def test_quota_of_a_container(tmp_path, content, cpus):
    (tmp_path / "cpu.max").write_text(content)
    assert threads._quota_cpus(str(tmp_path)) == cpus


@pytest.mark.parametrize("quota, cpus", [("-1", None), ("250000", 3)])
def test_quota_of_an_older_container(tmp_path, quota, cpus):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert threads._quota_cpus(str(tmp_path)) == cpus


def test_threadpoolctl_limits_bind(no_limits, monkeypatch):
    from threadpoolctl import threadpool_info, threadpool_limits

    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    monkeypatch.setattr(threads, "_quota_cpus", lambda: None)
    ours = [entry for entry in threadpool_info() if entry["user_api"] == "fastkmeans"]
    assert len(ours) == 1 and ours[0]["num_threads"] == 64
    with threadpool_limits(3):
        assert threads.available_threads() == 3
    with threadpool_limits(3, user_api="fastkmeans"):
        assert threads.available_threads() == 3
    with threadpool_limits(3, user_api="blas"):
        assert threads.available_threads() == 64
    assert threads.available_threads() == 64
