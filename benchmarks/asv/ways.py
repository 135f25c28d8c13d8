"""Each way of labelling on rows that it is for, beside the dense way on the same rows: ten iterations."""

from statistics import mean

import fastkmeans

from .common import TINY, Compiled, blobs, first_centers

ITERATIONS = 10
SIZES = (
    {"boxes": (500, 2, 8), "bounds": (500, 16, 40), "screened": (500, 16, 8)}
    if TINY
    else {"boxes": (1_000_000, 2, 1000), "bounds": (100_000, 128, 1000), "screened": (100_000, 512, 48)}
)


class Way(Compiled):
    """A way that is asked for. Skipped where the machine or its memory makes fits go another one."""

    params = [[(name, *size) for own, size in SIZES.items() for name in (own, "dense")]]
    param_names = ["way, rows, features, clusters"]

    def prepare(self, workload):
        self.way, n, d, self.k = workload
        self.rows = blobs(n, d, self.k)
        self.init = first_centers(self.rows, self.k)
        gone = self.run().history[0].algorithm
        if self.way not in gone:  # bounds that sweep in bytes are "screened bounds"
            raise NotImplementedError(f"{self.way} goes as {gone}")

    def run(self):
        return fastkmeans.fit(self.rows, self.k, init=self.init, max_iter=ITERATIONS, tol=0, algorithm=self.way)

    def time_ten(self, workload):
        self.run()

    def peakmem_ten(self, workload):
        self.run()

    def track_pairs(self, workload):
        return 100 * mean(stats.pairs for stats in self.run().history)

    track_pairs.unit = "% of all pairs of a row and a center met"
