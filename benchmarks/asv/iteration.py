"""Lloyd iterations from a given start: the whole fit less seeding."""

import fastkmeans

from .common import TINY, Compiled, Sized, blobs, first_centers

ITERATIONS = 5


class Iteration(Sized):
    """Five iterations from random rows."""

    def run(self, rows):
        return fastkmeans.fit(rows, self.k, init=self.init, max_iter=ITERATIONS, tol=0)

    def time_five(self, size):
        self.run(self.rows)

    def peakmem_five(self, size):
        self.run(self.rows)

    def track_inertia(self, size):
        return self.run(self.rows).inertia

    track_inertia.unit = "squared distance"


class StoredType(Compiled):
    """The same on rows of other types and layouts, which are converted tile by tile."""

    params = [["uint8", "columns"] if TINY else ["float32", "float64", "float16", "uint8", "columns"]]
    param_names = ["stored"]
    k = 8

    def prepare(self, stored):
        rows = blobs(500, 8, 8) if TINY else blobs(500_000, 16, 64)
        if stored == "columns":
            self.rows = rows.copy(order="F")
        elif stored == "uint8":
            self.rows = (8 * rows + 128).clip(0, 255).astype(stored)
        else:
            self.rows = rows.astype(stored)
        self.init = first_centers(self.rows, self.k)
        self.time_five(stored)

    def time_five(self, stored):
        fastkmeans.fit(self.rows, self.k, init=self.init, max_iter=ITERATIONS, tol=0)
