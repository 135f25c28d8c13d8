"""How much memory does a fit take beside X, at its peak, and is that within what we promise?

Each fit runs in a process of its own: rows made, kernels warmed by a small fit, free memory handed back to the
system, the peak counter reset; then the fit. The figure is the peak less what was in use before, labels and all.
"""

import gc
import json
import sys
import threading
import time
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks import datasets, peers
from benchmarks.child import run_json
from benchmarks.report import Table

MIB = 1 << 20
FLOOR_BYTES = 64 * MIB
SHARE_OF_ROWS = 0.15
CENTER_ARRAYS = 3  # of the size of the centers, in float64


@dataclass(frozen=True)
class Case:
    """A fit whose memory is measured."""

    data: str
    k: int
    init: str = "auto"
    dtype: str = "float32"
    order: str = "C"

    @property
    def title(self):
        return f"{self.data} k={self.k} {self.dtype}"


FULL = (
    Case("blobs:10000000:2:8", 8),
    Case("blobs:1000000:32:100", 100),
    Case("blobs:1000000:32:100", 100, dtype="float64", order="F"),
    Case("blobs:1000000:32:100", 100, dtype="float16"),
    Case("blobs:200000:128:1000", 1000),
    Case("blobs:200000:128:1000", 1000, "random"),
    Case("blobs:100000:128:1000", 10000, "random"),
    Case("blobs:50000:768:1000", 1000, "random"),
)
QUICK = (Case("blobs:1000000:2:8", 8), Case("blobs:20000:128:1000", 2000, "random"))
TINY = (Case("blobs:500:2:4", 4),)

COLUMNS = (
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("type", "dtype", ""),
    ("order", "order", ""),
    ("init", "init", ""),
    ("library", "peer", ""),
    ("X MiB", "rows_mib", ".1f"),
    ("extra MiB", "extra_mib", ".1f"),
    ("bound MiB", "bound_mib", ".1f"),
    ("within", "within", ""),
)


def bound_bytes(rows_bytes, k, d):
    """What a fit may take beside X."""
    return max(FLOOR_BYTES, SHARE_OF_ROWS * rows_bytes + CENTER_ARRAYS * k * d * 8)


def run(options):
    """The table of the suite. Rivals appear if they are named, and start from given centers."""
    table = Table("Peak memory of a fit beside X", COLUMNS)
    table.notes.append("bound: max(64 MiB, 15 % of X + 3 k d 8 bytes); extra: least of the rounds")
    for case in options.workloads(FULL, QUICK, TINY):
        for peer in options.peers:
            task = json.dumps(asdict(case) | {"peer": peer, "threads": options.threads})
            rounds = options.rounds_or(2)  # the first may compile, if its kernels are in no cache yet
            found = [run_json(["-m", "benchmarks.suite_memory", task]) for _ in range(rounds)]
            row = asdict(case) | min(found, key=lambda one: one["extra_mib"]) | {"peer": peer}
            row["within"] = row["extra_mib"] <= row["bound_mib"] if peer == peers.OURS else None
            options.say(f"memory {case.title}: {peer} {row['extra_mib']:.1f} MiB")
            table.rows.append(row)
    return [table]


# ---- in the measuring process -----------------------------------------------------------------------------


class PeakMemory:
    """Context manager: `before` and `peak` are bytes in use, at its start and at the most within."""

    def __enter__(self):
        gc.collect()
        _release_free_memory()
        self.counted = _reset_peak()
        self.before = self.peak = _status("VmRSS") if self.counted else _sampled()
        if not self.counted:  # no such counter: look every millisecond
            self.ended = threading.Event()
            self.watcher = threading.Thread(target=self._watch)
            self.watcher.start()
        return self

    def _watch(self):
        while not self.ended.is_set():
            self.peak = max(self.peak, _sampled())
            time.sleep(1e-3)

    def __exit__(self, *exception):
        if self.counted:
            self.peak = _status("VmHWM")
        else:
            self.ended.set()
            self.watcher.join()


def _release_free_memory():
    """Give freed heap back to the system; else a fit would reuse it unseen."""
    import ctypes

    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):  # not glibc
        pass


def _reset_peak():
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        return False
    return True


def _status(field):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field))


def _sampled():
    import psutil

    return psutil.Process().memory_info().rss


def fit(task, rows, k, iterations=6):
    """The fit that is measured."""
    if task["peer"] == peers.OURS:
        import fastkmeans

        init = {"init": task["init"], "n_init": 1, "max_iter": iterations, "random_state": 0}
        return fastkmeans.fit(rows, k, n_threads=task["threads"], **init)
    return peers.run(task["peer"], rows, k, datasets.first_centers(rows, k), iterations, n_threads=task["threads"])


def main():
    task = json.loads(sys.argv[1])
    rows = datasets.load(task["data"], np.dtype(task["dtype"]), task["order"])
    few = min(len(rows), 4096)
    fit(task, rows[:few], min(task["k"], few // 8))
    with PeakMemory() as memory:
        result = fit(task, rows, task["k"])  # held, as a user would: its labels and centers count
    del result
    bound = bound_bytes(rows.nbytes, task["k"], rows.shape[1])
    sizes = {"rows_mib": rows.nbytes, "extra_mib": memory.peak - memory.before, "bound_mib": bound}
    print(json.dumps({name: size / MIB for name, size in sizes.items()}))


if __name__ == "__main__":
    main()
