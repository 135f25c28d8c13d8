"""Greedy k-means++ alone: its time, and the potential of the start that it finds."""

import fastkmeans

from .common import Rows


class PlusPlus(Rows):
    """Choosing all first centers."""

    def compile(self):
        self.run(self.few)

    def run(self, rows):
        return fastkmeans.kmeans_plusplus(rows, self.k, random_state=0)

    def time_plus_plus(self, size):
        self.run(self.rows)

    def peakmem_plus_plus(self, size):
        self.run(self.rows)

    def track_potential(self, size):
        from benchmarks.peers import inertia

        return inertia(self.rows, self.run(self.rows)[0])
