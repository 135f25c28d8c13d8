"""MiniBatchKMeans: approximate fits whose time hardly depends on the rows, and one batch of a stream."""

import fastkmeans

from .common import SIZES, TINY, Sized

BATCH = 100 if TINY else 10_000
MANY_ROWS = SIZES[1:]


class MiniBatch(Sized):
    """A whole fit from batches of 10,000 rows, with labels and inertia of all rows at its end."""

    params = [MANY_ROWS]

    def run(self, rows):
        return fastkmeans.MiniBatchKMeans(self.k, batch_size=BATCH, random_state=0).fit(rows)

    def time_fit(self, size):
        self.run(self.rows)

    def peakmem_fit(self, size):
        self.run(self.rows)

    def track_inertia(self, size):
        return self.run(self.rows).inertia_

    def track_batches(self, size):
        return self.run(self.rows).n_steps_

    track_inertia.unit = "squared distance"
    track_batches.unit = "batches"


class PartialFit(Sized):
    """One batch of 10,000 rows for an estimator that has seen some."""

    params = [MANY_ROWS]

    def load_kernels(self):
        self.batch = self.rows[:BATCH]
        self.estimator = fastkmeans.MiniBatchKMeans(self.k, random_state=0).partial_fit(self.batch)
        self.time_batch(None)

    def time_batch(self, size):
        self.estimator.partial_fit(self.batch)
