"""Lloyd iterations from a given start: the whole fit less seeding."""

import fastkmeans

from .common import TINY, Rows, first_centers, load

ITERATIONS = 5


class Iteration(Rows):
    """Five full iterations from random rows."""

    def compile(self):
        self.run(self.few)

    def run(self, rows):
        return fastkmeans.fit(rows, self.k, init=self.init, max_iter=ITERATIONS, tol=0)

    def time_five(self, size):
        self.run(self.rows)

    def track_inertia(self, size):
        return self.run(self.rows).inertia


class StoredType:
    """The same on rows of other types and layouts, which are converted tile by tile."""

    params = [["uint8", "columns"] if TINY else ["float32", "float64", "float16", "uint8", "columns"]]
    param_names = ["stored"]
    timeout = 300
    k = 8

    def setup(self, stored):
        rows = load("blobs:500:8:8" if TINY else "blobs:500000:16:64")
        if stored == "columns":
            self.rows = rows.copy(order="F")
        elif stored == "uint8":
            self.rows = (8 * rows + 128).clip(0, 255).astype(stored)
        else:
            self.rows = rows.astype(stored)
        self.init = first_centers(self.rows, self.k)
        self.run(self.rows[:2000])

    def run(self, rows):
        return fastkmeans.fit(rows, self.k, init=self.init, max_iter=ITERATIONS, tol=0)

    def time_five(self, stored):
        self.run(self.rows)
