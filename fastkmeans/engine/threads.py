"""The only file that knows threads: how many, the pool, the cut into slabs, the fixed merging tree.

Kernels release the GIL, so a Python thread a core is enough. A slab is a contiguous range of rows, one task for
one thread; the cut depends on the shape of the problem alone, and partial results merge in a fixed binary tree
over slab numbers, so results have the same bits on 1 thread or 64. The calling thread works too; idle pool
threads sleep, are daemons, and are forgotten in a forked child.
"""

import math
import os
import queue
import threading

SLAB_SECONDS = (0.4e-3, 8e-3)  # least and most work of one slab, on the machine of ROW_SECONDS
SLABS_WANTED, SLABS_A_BLOCK = 64, 8  # of all rows; of a block of them, at least
SLAB_ROWS_MOST = 1 << 18
SLAB_VALUES_MOST = 1 << 21  # numbers that a slab reads: 10 ms where each has to be turned byte by byte
SERIAL_SECONDS = 0.5e-3  # less work than this is done by the caller: waking a thread costs 30 to 100 us

_limit = None  # set through threadpoolctl, None: none


# ---- how many ---------------------------------------------------------------------------------------------


def _quota_cpus(root="/sys/fs/cgroup"):
    """CPUs that the control group's quota allows, or None without one."""
    try:
        with open(f"{root}/cpu.max") as file:
            quota, period = file.read().split()
    except (OSError, ValueError):
        try:
            with open(f"{root}/cpu/cpu.cfs_quota_us") as file:
                quota = file.read().strip()
            with open(f"{root}/cpu/cpu.cfs_period_us") as file:
                period = file.read().strip()
        except OSError:
            return None
    if quota in ("max", "-1"):
        return None
    try:
        return max(1, math.ceil(int(quota) / int(period)))
    except (ValueError, ZeroDivisionError):
        return None


def available_threads():
    """The CPUs this process may really use: affinity, container quota, and the environment's thread limits."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:
        count = os.cpu_count() or 1
    limits = [count, _quota_cpus(), _limit]
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
        value = os.environ.get(name, "").split(",")[0].strip()
        if value.isdigit() and int(value) > 0:
            limits.append(int(value))
    return max(1, min(limit for limit in limits if limit is not None))


def limit_threads(count):
    """Let fits use at most `count` threads unless they name a number (what threadpool_limits calls)."""
    global _limit
    _limit = count


# ---- the cut ----------------------------------------------------------------------------------------------


def slab_cuts(n_rows, d, row_seconds, of_rows=0):
    """Boundaries of the slabs of n_rows rows of d values whose work is about row_seconds each: (0, ..., n_rows).

    Rows that are a block of `of_rows` are cut into fewer, as other blocks are there to share out.
    """
    least, most = SLAB_SECONDS
    work = n_rows * row_seconds
    by_work = math.ceil(work / min(max(work / SLABS_WANTED, least), most))
    if of_rows > n_rows:
        longest = min(max(of_rows * row_seconds / SLABS_WANTED, least), most)
        by_work = max(math.ceil(work / longest), min(by_work, SLABS_A_BLOCK))
    by_size = max(math.ceil(n_rows / SLAB_ROWS_MOST), math.ceil(n_rows * d / SLAB_VALUES_MOST))
    count = min(max(by_work, by_size, 1), max(1, n_rows))
    return [n_rows * i // count for i in range(count + 1)]


# ---- the pool ---------------------------------------------------------------------------------------------


class _Job:
    """Tasks 0 .. n_tasks - 1 of one caller, taken in ascending order by whoever is free."""

    def __init__(self, n_tasks, body):
        self.n_tasks, self.body = n_tasks, body
        self.lock = threading.Lock()
        self.idle = threading.Condition(self.lock)
        self.next_task = self.helpers = 0
        self.error = None

    def work(self):
        while True:
            with self.lock:
                task = self.next_task
                if task >= self.n_tasks or self.error is not None:
                    return
                self.next_task += 1
            try:
                self.body(task)
            except BaseException as error:  # noqa: BLE001 - handed to the caller, whoever ran the task
                with self.lock:
                    self.error = self.error or error
                return

    def help(self):
        with self.lock:
            if self.next_task >= self.n_tasks or self.error is not None:
                return
            self.helpers += 1
        try:
            self.work()
        finally:
            with self.lock:
                self.helpers -= 1
                self.idle.notify_all()

    def stop(self, error):
        with self.lock:
            self.error = self.error or error

    def wait(self):
        with self.lock:
            while self.helpers:
                self.idle.wait()


class _Pool:
    def __init__(self):
        self.jobs = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.size = 0

    def call(self, job, helpers):
        with self.lock:
            while self.size < helpers:
                name = f"fastkmeans-{self.size}"
                try:
                    threading.Thread(target=self._serve, name=name, daemon=True).start()
                except RuntimeError:  # the interpreter is ending, or threads are used up: the caller does it all
                    break
                self.size += 1
        for _ in range(min(helpers, self.size)):
            self.jobs.put(job)

    def _serve(self):
        while True:
            self.jobs.get().help()


_pool = _Pool()


def run(n_tasks, body, n_threads):
    """Call body(0), ..., body(n_tasks - 1), begun in this order, on up to n_threads threads, the caller's included.

    An exception of a task stops the rest and is raised here; so is an interrupt of the caller, once the tasks
    under way have ended.
    """
    if n_threads <= 1 or n_tasks <= 1:
        for task in range(n_tasks):
            body(task)
        return
    job = _Job(n_tasks, body)
    try:
        _pool.call(job, min(n_threads, n_tasks) - 1)
        job.work()
        job.wait()
    except BaseException as error:
        job.stop(error)
        job.wait()
        raise
    if job.error is not None:
        raise job.error


# ---- the tree ---------------------------------------------------------------------------------------------


class Tree:
    """Merges the partials of numbered leaves in a binary tree over their numbers, whatever their order in time.

    Parameters
    ----------
    n_leaves : int
    merge : callable
        merge(left, right) gives the partial of both; it may be `left`, changed.
    """

    def __init__(self, n_leaves, merge):
        self.merge, self.lock, self.waiting = merge, threading.Lock(), {}
        self.widths = [n_leaves]
        while self.widths[-1] > 1:
            self.widths.append((self.widths[-1] + 1) // 2)
        self.root = None

    def add(self, place, partial, level=0):
        """Take in the partial at a place of a level, and merge as far as it goes; return the root, once it is there."""
        while self.widths[level] > 1:
            sibling = place ^ 1
            if sibling < self.widths[level]:
                with self.lock:
                    other = self.waiting.pop((level, sibling), None)
                    if other is None:
                        self.waiting[level, place] = partial
                        return None
                partial = self.merge(other, partial) if sibling < place else self.merge(partial, other)
            level, place = level + 1, place // 2
        self.root = partial
        return partial

    def left(self):
        """[(level, place, partial)] of what has no sibling here, for `take` of another tree of as many leaves."""
        if self.root is not None:
            return [(len(self.widths) - 1, 0, self.root)]
        return [(level, place, partial) for (level, place), partial in self.waiting.items()]

    def take(self, parts):
        """Take in what other trees have left; return self."""
        for level, place, partial in parts:
            self.add(place, partial, level)
        return self


def reduce(sizes, leaf, merge, n_threads):
    """Merge leaf(0), leaf(1), ... by merge(left, right) in the fixed tree; return the root.

    Parameters
    ----------
    sizes : list of int
        Leaves of each block of rows. Each block has a tree of its own, and their roots have one more: so a block comes
        to the same partial wherever it is worked on.
    """
    blocks = [Tree(size, merge) for size in sizes]
    over_blocks = Tree(len(blocks), merge)
    places = [(block, place) for block, size in enumerate(sizes) for place in range(size)]

    def work(number):
        block, place = places[number]
        root = blocks[block].add(place, leaf(number))
        if root is not None:
            over_blocks.add(block, root)

    run(len(places), work, n_threads)
    return over_blocks.root


# ---- fork, threadpoolctl ----------------------------------------------------------------------------------


def _forget_pool():
    global _pool
    _pool = _Pool()


def guard_fork(compiler_lock):
    """Let forked children start clean: no pool of the parent's, and no compiler lock held by a thread not there."""
    os.register_at_fork(
        before=compiler_lock.acquire,
        after_in_parent=compiler_lock.release,
        after_in_child=lambda: (compiler_lock.release(), _forget_pool()),
    )


def register_controller():
    """Make threadpoolctl.threadpool_limits bind us, from the import of the package on.

    A controller is found by a library that is loaded: NumPy's core is there before any rows are, LLVM only once
    kernels are asked for, which may be within the limits.
    """
    import threadpoolctl

    class FastKMeansController(threadpoolctl.LibController):
        user_api = "fastkmeans"
        internal_api = "fastkmeans"
        filename_prefixes = ("_multiarray_umath",)

        def get_num_threads(self):
            return available_threads()

        def set_num_threads(self, num_threads):
            limit_threads(num_threads)

        def get_version(self):
            return None

        def set_additional_attributes(self):
            pass

    try:
        threadpoolctl.register(FastKMeansController)
    except ValueError:  # registered already, by an earlier import of this module
        pass
