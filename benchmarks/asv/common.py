"""What the asv classes share: the workloads and their rows, and kernels that are compiled before anything is timed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).absolute().parent.parent.parent
# asv imports this folder alone. At the end of the path: in front, the checkout would hide the build under test.
sys.path.append(str(ROOT))

from benchmarks.datasets import first_centers, load  # noqa: E402

__all__ = ["Compiled", "SIZES", "Sized", "TINY", "blobs", "first_centers"]

TINY = os.environ.get("FASTKMEANS_BENCH_TINY") == "1"  # tests run every class once, on next to nothing
# (rows, features, clusters): held up by arithmetic, by memory, by both; then far more rows than any cache holds
SIZES = (
    [(400, 2, 4), (500, 8, 8)]
    if TINY
    else [(100_000, 128, 1000), (1_000_000, 2, 8), (1_000_000, 32, 100), (10_000_000, 2, 8), (10_000_000, 8, 64)]
)
FEW = 1_000_000  # rows that kernels are loaded with: of fewer, narrow ones would go another way than all of them do
ROOM = 5  # times the rows is what making them takes, and what fits hold beside them
KEPT = ROOT / ".asv" / "rows"
MAKE_ROWS = """
import sys
import numpy as np
from benchmarks.datasets import load
np.save(sys.argv[2], load(sys.argv[1]))
"""


def available_bytes():
    """Memory that may be taken without swapping; infinite where the system does not tell."""
    try:
        with open("/proc/meminfo") as file:
            return next(int(line.split()[1]) << 10 for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return float("inf")


def blobs(n, d, centers):
    """The rows of the workload blobs:n:d:centers; NotImplementedError, asv's word for "skip", without room for them.

    Rows are made by a process of their own and kept: making them takes longer than most of what is timed, and twice the
    memory of what is measured.
    """
    name = f"blobs:{n}:{d}:{centers}"
    if TINY:
        return load(name)
    if ROOM * n * d * 4 > available_bytes():
        raise NotImplementedError(f"{name} has no room in memory")
    path = KEPT / f"{name.replace(':', '-')}.npy"
    if not path.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.npy")
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", MAKE_ROWS, name, str(unfinished)], env=env, check=True)
        unfinished.replace(path)
    return np.load(path)


class Compiled:
    """A benchmark of compiled code. What varies it, and so what `setup` takes, is up to the class."""

    timeout = 120
    warmup_time = 0  # setup has made the call already
    repeat = (2, 20, 4.0)  # least and most samples, and the seconds after which there are enough
    prepared = None
    """The parameters that the rows at hand are for: asv calls `setup` again before every sample."""

    def setup_cache(self):
        """Compile all kernels, in the process that asv has for this: they are in the cache for those of benchmarks.

        So compiling is in no time, and what the compiler holds in no peak of memory.
        """
        from fastkmeans.warmup import compile_all

        compile_all()

    setup_cache.timeout = 600

    def setup(self, *parameters):
        if self.prepared != parameters:
            self.prepare(*parameters)
            self.prepared = parameters

    def prepare(self, *parameters):
        """Make the rows ready, and load the kernels of what is timed."""
        raise NotImplementedError


class Sized(Compiled):
    """A benchmark over blobs of every size, of something that `run` does with rows."""

    params = [SIZES]
    param_names = ["rows, features, clusters"]

    def prepare(self, size):
        n, d, self.k = size
        self.rows = blobs(n, d, self.k)
        self.init = first_centers(self.rows, self.k)
        self.load_kernels()

    def load_kernels(self):
        self.run(self.rows[:FEW])

    def run(self, rows):
        raise NotImplementedError
