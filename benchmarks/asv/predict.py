"""Questions about given centers: labels and distances."""

import fastkmeans

from .common import Sized


class Predict(Sized):
    """The nearest center of every row."""

    def run(self, rows):
        fastkmeans.predict(rows, self.init)

    def time_predict(self, size):
        self.run(self.rows)

    def peakmem_predict(self, size):
        self.run(self.rows)


class Transform(Sized):
    """The distances of a tenth of the rows to all centers."""

    def run(self, rows):
        fastkmeans.transform(rows, self.init)

    def time_transform(self, size):
        self.run(self.rows[: len(self.rows) // 10])

    def peakmem_transform(self, size):
        self.run(self.rows[: len(self.rows) // 10])
