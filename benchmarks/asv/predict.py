"""Questions about given centers: labels and distances."""

import fastkmeans

from .common import Rows


class Predict(Rows):
    """The nearest center of every row."""

    def compile(self):
        fastkmeans.predict(self.few, self.init)

    def time_predict(self, size):
        fastkmeans.predict(self.rows, self.init)

    def peakmem_predict(self, size):
        fastkmeans.predict(self.rows, self.init)


class Transform(Rows):
    """The distances of a tenth of the rows to all centers."""

    def compile(self):
        fastkmeans.transform(self.few, self.init)

    def time_transform(self, size):
        fastkmeans.transform(self.rows[: len(self.rows) // 10], self.init)
