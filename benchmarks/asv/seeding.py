"""Choosing first centers: its time and memory, and the potential of the start that it finds."""

import numpy as np

import fastkmeans
from fastkmeans.api import inertia
from fastkmeans.engine.seeding import SEEDINGS
from fastkmeans.sources.blocks import ArrayRows

from .common import Sized


class PlusPlus(Sized):
    """Greedy k-means++."""

    def run(self, rows):
        return fastkmeans.kmeans_plusplus(rows, self.k, random_state=0)[0]

    def time_plus_plus(self, size):
        self.run(self.rows)

    def peakmem_plus_plus(self, size):
        self.run(self.rows)

    def track_potential(self, size):
        return inertia(self.rows, self.run(self.rows))

    track_potential.unit = "squared distance"


class Scalable(Sized):
    """k-means||, what `fit` takes for many rows and clusters."""

    def run(self, rows):
        source = ArrayRows(rows)
        return source.take(SEEDINGS["k-means||"](source, self.k, np.random.default_rng(0)))

    def time_scalable(self, size):
        self.run(self.rows)

    def peakmem_scalable(self, size):
        self.run(self.rows)

    def track_potential(self, size):
        return inertia(self.rows, self.run(self.rows))

    track_potential.unit = "squared distance"
