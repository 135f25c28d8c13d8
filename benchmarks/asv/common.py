"""What the asv classes share: the workloads, and their size."""

import os
import sys
from pathlib import Path

# asv imports this folder alone. At the end of the path: in front, the checkout would hide the build under test.
sys.path.append(str(Path(__file__).absolute().parent.parent.parent))

from benchmarks.datasets import first_centers, load  # noqa: E402

__all__ = ["Rows", "TINY", "first_centers", "load"]

TINY = os.environ.get("FASTKMEANS_BENCH_TINY") == "1"  # tests run every class once, on next to nothing
# (rows, features, clusters): bound by memory, by both, by arithmetic, by arithmetic with long rows
SIZES = (
    [(400, 2, 4), (500, 8, 8)]
    if TINY
    else [(1_000_000, 2, 8), (500_000, 16, 64), (100_000, 128, 1000), (20_000, 768, 500)]
)


class Rows:
    """A benchmark over blobs of every size; `compile` is called before anything is timed."""

    params = [SIZES]
    param_names = ["size"]
    timeout = 300

    def setup(self, size):
        n, d, k = size
        self.k = k
        self.rows = load(f"blobs:{n}:{d}:{k}")
        self.init = first_centers(self.rows, k)
        self.few = self.rows[: max(2 * k, 2000)]
        self.compile()

    def compile(self):
        raise NotImplementedError
