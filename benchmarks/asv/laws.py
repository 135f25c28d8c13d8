"""How five iterations follow the computing type, the threads, the columns and the clusters, each varied by itself."""

import fastkmeans

from .common import TINY, Compiled, blobs, first_centers

BASE = (500, 8, 8) if TINY else (1_000_000, 32, 100)
NARROW = (400, 2, 4) if TINY else (10_000_000, 2, 8)
ITERATIONS = 5


class Law(Compiled):
    """Five iterations from random rows."""

    def begin(self, rows, k, n_threads=None):
        """Take these rows for the call that is timed, and make it once."""
        self.rows, self.k, self.n_threads = rows, k, n_threads
        self.init = first_centers(rows, k)
        self.run()

    def run(self):
        fastkmeans.fit(self.rows, self.k, init=self.init, max_iter=ITERATIONS, tol=0, n_threads=self.n_threads)


class ComputingType(Law):
    """float64 has half the lanes, and twice the bytes."""

    params = [["float32", "float64"]]
    param_names = ["type"]

    def prepare(self, dtype):
        self.begin(blobs(*BASE).astype(dtype), BASE[2])

    def time_five(self, dtype):
        self.run()


class Threads(Law):
    """One thread and all: where arithmetic is most of the work, and where reading memory is."""

    params = [[BASE, NARROW], [1, "all"]]
    param_names = ["rows, features, clusters", "threads"]

    def prepare(self, size, threads):
        self.begin(blobs(*size), size[2], None if threads == "all" else threads)

    def time_five(self, size, threads):
        self.run()


class Columns(Law):
    """100,000 rows of few and of many columns, 64 clusters."""

    params = [[2, 8] if TINY else [2, 8, 32, 128, 512]]
    param_names = ["features"]

    def prepare(self, d):
        n, k = (500, 8) if TINY else (100_000, 64)
        self.begin(blobs(n, d, k), k)

    def time_five(self, d):
        self.run()


class Clusters(Law):
    """100,000 rows of 32 columns, few and many clusters."""

    params = [[4, 8] if TINY else [8, 64, 512, 4096]]
    param_names = ["clusters"]

    def prepare(self, k):
        self.begin(blobs(500, 8, 8) if TINY else blobs(100_000, 32, 100), k)

    def time_five(self, k):
        self.run()
