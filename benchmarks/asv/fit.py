"""Whole fits with default settings: time, peak memory, and how good the clustering is."""

import fastkmeans

from .common import TINY, Compiled, Sized, blobs


class Fit(Sized):
    """Seeding, iterations to convergence (30 at most), labels."""

    def run(self, rows):
        return fastkmeans.fit(rows, self.k, max_iter=30, random_state=0)

    def time_fit(self, size):
        self.run(self.rows)

    def peakmem_fit(self, size):
        self.run(self.rows)

    def track_inertia(self, size):
        return self.run(self.rows).inertia

    def track_iterations(self, size):
        return self.run(self.rows).n_iter

    track_inertia.unit = "squared distance"
    track_iterations.unit = "iterations"


class SmallFit(Compiled):
    """Fits of which a program does thousands."""

    params = [[(100, 2, 3)] if TINY else [(100, 2, 3), (300, 2, 4), (1797, 64, 10)]]
    param_names = ["rows, features, clusters"]
    number = 100  # calls a sample: one is too short for the clock

    def prepare(self, size):
        self.rows, self.k = blobs(*size), size[2]
        self.time_fit(size)

    def time_fit(self, size):
        fastkmeans.fit(self.rows, self.k, random_state=0)
