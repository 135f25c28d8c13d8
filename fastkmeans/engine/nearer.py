"""How far rows are from centers that are given: what seeding goes on from beside them.

k-means|| lowers these distances to the rows that each round draws; any seeding begins with them where some centers are
frozen.
"""

import numpy as np

from fastkmeans.engine.moments import exact_shift
from fastkmeans.engine.planner import assigner_for

SHIFT_ROWS = 256  # rows by which columns far from zero are noticed


class NearerPass:
    """Lowers each row's distance to that of its nearest new candidate; sums weight * distance."""

    def __init__(self, way, first_label):
        self.way, self.first_label = way, first_label
        self.sweep = way.labels_pass()
        self.row_seconds = self.sweep.row_seconds + 1e-9 * (4 + way.centers.shape[1])
        self.partial_bytes, self.centers_shape = 64, self.sweep.centers_shape

    def start(self):
        return [0.0]

    def add(self, block, start, stop, partial, labels, closest):
        nearest = np.empty(stop - start, np.int32)
        self.sweep.add(block, start, stop, self.sweep.start(), nearest)
        partial[0] = self.way.take_nearer(block, start, stop, nearest, self.first_label, labels, closest)

    def merge(self, left, right):
        left[0] += right[0]
        return left


def way_to_measure(source, some):
    """An assigner for passes of seeding, shifted by what the rows with these numbers look like."""
    shift = None
    if getattr(source, "values_a_row", source.d) == source.d:  # sparse rows are not shifted
        look = source.take(some).astype(np.float64)
        shift = exact_shift(look.mean(axis=0), look.std(axis=0), source.dtype, source.integers and not source.cosine)
    return assigner_for(source, "auto", shift)


def closest_to(source, centers, seed):
    """The squared distance of every row to the nearest of the centers, as a row state."""
    way = way_to_measure(source, source.sample(min(source.n, SHIFT_ROWS), seed))
    closest, labels = source.new_row_state(source.dtype), source.new_row_state(np.int32)
    closest[:] = np.inf
    source.reduce(NearerPass(way.prepare(centers), 0), row_state=(labels, closest))
    return closest
