"""Single passes over rows in memory, on all threads: the dense sweep, and the sums of what it labelled."""

import numpy as np

from fastkmeans.engine.assigners import Dense, Sums
from fastkmeans.engine.label_order import reduce_in_label_order
from fastkmeans.sources.blocks import ArrayRows

from .common import SIZES, TINY, Sized


class Pass(Sized):
    """One pass with centers that are packed already, into labels that are there already."""

    def load_kernels(self):
        self.source = ArrayRows(self.rows)
        self.way = Dense.for_source(self.source, np.zeros(self.source.d, self.source.dtype)).prepare(self.init)
        self.labels = self.source.new_row_state(np.int32)
        self.reduce(self.way.inertia_pass())
        self.reduce(self.way.sums_pass())

    def reduce(self, pass_):
        return self.source.reduce(pass_, row_state=(self.labels,))


class Assign(Pass):
    """Labels alone: every row against every center."""

    def time_assign(self, size):
        self.reduce(self.way.labels_pass())

    def peakmem_assign(self, size):
        self.reduce(self.way.labels_pass())

    def track_inertia(self, size):
        return self.reduce(self.way.inertia_pass()).inertia

    track_inertia.unit = "squared distance"


class Accumulate(Pass):
    """Labels and the sums of their clusters, as in an iteration: what it takes longer than Assign is accumulating."""

    def time_assign_and_accumulate(self, size):
        self.reduce(self.way.sums_pass())

    def peakmem_assign_and_accumulate(self, size):
        self.reduce(self.way.sums_pass())


class AccumulateInOrder(Pass):
    """Sums of rows whose labels are known, in the order of labels: the form for wide rows and many clusters."""

    params = [SIZES if TINY else [(100_000, 128, 1000), (1_000_000, 32, 100)]]

    def load_kernels(self):
        super().load_kernels()
        self.time_accumulate(None)

    def time_accumulate(self, size):
        reduce_in_label_order(self.source, self.way, self.labels, Sums(np.empty(0), np.empty(0)))
