"""What does a pass over a file larger than memory cost: the longer of reading and computing, or more?

A .npy file is written, and dropped from the system's cache before each measurement where that is allowed. In a process
of its own: one pass that only reads, as long as a pass computes (over one block, as often as there are blocks), and a
streamed fit's iterations. Peak memory is that of the fit's process, beside what it held before.
"""

import json
import os
import resource
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.child import run_json
from benchmarks.report import Table

TARGET = 1.2  # times the longer of reading and computing
ROWS_A_WRITE = 1 << 20


@dataclass(frozen=True)
class Case:
    """A file, and how it is fitted."""

    n: int
    d: int
    k: int
    budget_mib: int
    iterations: int = 3

    @property
    def title(self):
        return f"{self.n}x{self.d} k={self.k} "


FULL = (Case(125_000_000, 16, 16, 1024), Case(31_250_000, 64, 100, 1024), Case(15_625_000, 128, 500, 1024))
QUICK = (Case(4_000_000, 16, 16, 64),)
TINY = (Case(3_000, 4, 3, 1),)

COLUMNS = (
    ("rows", "n", ",d"),
    ("d", "d", "d"),
    ("k", "k", "d"),
    ("GB", "gigabytes", ".2f"),
    ("budget MiB", "budget_mib", "d"),
    ("reading, s", "reading", ".3f"),
    ("computing, s", "computing", ".3f"),
    ("a pass, s", "a_pass", ".3f"),
    ("pass / longer", "ratio", ".2f"),
    ("met", "met", ""),
    ("peak MiB", "peak_mib", ".0f"),
    ("within", "within", ""),
)


def run(options):
    """The table of the suite."""
    table = Table("Streaming a file", COLUMNS)
    table.notes.append(f"target: a pass takes at most {TARGET} times the longer of reading and computing")
    table.notes.append("reading: one pass over the blocks; computing: a dense pass over a block, times the blocks")
    for case in options.workloads(FULL, QUICK, TINY):
        with tempfile.TemporaryDirectory(dir=os.environ.get("FASTKMEANS_SCRATCH")) as folder:
            path = write_rows(Path(folder, "rows.npy"), case)
            line = run_json(
                ["-m", "benchmarks.suite_streaming", str(path), json.dumps(asdict(case)), str(options.threads)]
            )
        longer = max(line["reading"], line["computing"])
        line |= {"ratio": line["a_pass"] / longer, "met": "yes" if line["a_pass"] <= TARGET * longer else "NO"}
        line["within"] = "yes" if line["peak_mib"] <= case.budget_mib else "NO"
        table.rows.append(asdict(case) | line | {"gigabytes": 4 * case.n * case.d / 1e9})
        options.say(f"streaming {case.title}: a pass {line['a_pass']:.2f} s, reading {line['reading']:.2f}, computing "
                    f"{line['computing']:.2f}, peak {line['peak_mib']:.0f} MiB")  # fmt: skip
    return [table]


def write_rows(path, case):
    """A file of blobs."""
    chance = np.random.default_rng(0)
    middle = chance.normal(size=(case.k, case.d)).astype(np.float32) * 4
    with open(path, "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (case.n, case.d)}
        np.lib.format.write_array_header_1_0(file, header)
        for first in range(0, case.n, ROWS_A_WRITE):
            n = min(ROWS_A_WRITE, case.n - first)
            rows = chance.standard_normal((n, case.d), np.float32) + middle[chance.integers(case.k, size=n)]
            file.write(rows.tobytes())
        file.flush()
        os.fsync(file.fileno())
    return path


def forget(path):
    """Let the system drop the file from its cache, where it listens."""
    if hasattr(os, "posix_fadvise"):
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(path, case, n_threads):
    """The seconds and the memory of a case, in this process."""
    import fastkmeans
    from fastkmeans.engine.moments import measure as moments_of
    from fastkmeans.engine.planner import assigner_for
    from fastkmeans.sources.blocks import ArrayRows
    from fastkmeans.sources.stored import open_rows
    from fastkmeans.sources.streamed import StreamedRows

    stored, budget = open_rows(path), case.budget_mib << 20
    source = StreamedRows(stored.tables, n_threads=n_threads, budget=budget)
    centers = source.take(np.linspace(0, case.n - 1, case.k).astype(np.int64))
    settings = {"init": centers, "tol": 0, "memory_budget": budget, "n_threads": n_threads}
    few = Path(path).with_name("few.npy")
    np.save(few, source.take(np.arange(min(case.n, 40_000))))
    fastkmeans.fit(
        open_rows(few).load(), case.k, callback=lambda stats: None, algorithm="dense", **settings | {"max_iter": 2}
    )  # fmt: skip - compiles

    forget(path)
    buffer, began = source.new_buffer(), time.perf_counter()
    for _, read in source.readings():
        block = read(buffer)
    reading = time.perf_counter() - began

    own = ArrayRows(block.array, n_threads=n_threads)
    way = assigner_for(own, "dense", moments_of(own).shift).prepare(centers)
    labels, times = own.new_row_state(np.int32), []
    for _ in range(5):
        began = time.perf_counter()
        own.reduce(way.sums_pass(), row_state=(labels,))
        times.append(time.perf_counter() - began)
    computing = median(times) * case.n / own.n
    del buffer, block, own

    with open("/proc/self/clear_refs", "w") as file:  # the peak counter begins again
        file.write("5")
    before, passes = _peak_mib(), []
    forget(path)

    def callback(stats):
        passes.append(stats.seconds)
        forget(path)

    fastkmeans.fit(path, case.k, max_iter=case.iterations, callback=callback, **settings)
    return {"reading": reading, "computing": computing, "a_pass": median(passes), "peak_mib": _peak_mib() - before}


def _peak_mib():
    with open("/proc/self/status") as file:
        peak = [int(line.split()[1]) for line in file if line.startswith("VmHWM:")]
    return (peak[0] if peak else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Case(**json.loads(sys.argv[2])), int(sys.argv[3]))))
