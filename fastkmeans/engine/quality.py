"""What describes a clustering: columns about their means, totals of clusters, and the rows to look at first."""

from dataclasses import dataclass

import numpy as np

from fastkmeans.engine.moments import check_rows
from fastkmeans.engine.silhouettes import ratio

# ---- columns ------------------------------------------------------------------------------------------------


ROUNDING = 1e-12  # of a mean: columns that differ by less from theirs are constant


class StoredColumnsPass:
    """Weighted sums over the stored values of sparse rows, column by column: of 1, v - origin, (v - origin)^2."""

    centers_shape = (0, 0)

    def __init__(self, source, origin):
        self.origin, self.cosine = origin, source.cosine
        self.row_seconds = 1e-9 * (20 + 20 * source.values_a_row)
        self.partial_bytes = 24 * source.d

    def start(self):
        return np.zeros((3, len(self.origin)))

    def add(self, block, start, stop, partial):
        begins = block.begins[start : stop + 1]
        own = slice(begins[0], begins[-1])
        values, columns = block.values[own].astype(np.float64), block.columns[own]
        rows = np.repeat(np.arange(stop - start), np.diff(begins))
        if self.cosine:
            values /= np.sqrt(np.bincount(rows, values * values, stop - start))[rows]
        values -= self.origin[columns]
        weights = block.weights[start:stop][rows] if len(block.weights) else np.ones(len(rows))
        for power, sums in enumerate(partial):
            sums += np.bincount(columns, weights * values**power, len(self.origin))

    def merge(self, left, right):
        left += right
        return left


def column_moments(source):
    """(means, standard deviations) of the columns, weighted, (d,) float64 each."""
    total = source.total_weight
    if hasattr(source, "only_way"):
        mean = source.reduce(StoredColumnsPass(source, np.zeros(source.d)))[1] / total
        stored, _, squares = source.reduce(StoredColumnsPass(source, mean))
        deviation = np.sqrt((squares + np.maximum(total - stored, 0.0) * mean**2) / total)
        return mean, np.where(deviation <= ROUNDING * np.abs(mean), 0.0, deviation)
    origin, (_, _, sums, squares) = check_rows(source)  # about a row, of which constant columns do not differ
    mean = sums / total
    return origin + mean, np.sqrt(np.maximum(squares / total - mean * mean, 0.0))


def standardized(differences, deviation):
    """(k, d) differences in units of the columns' standard deviations, 0 for constant columns."""
    return np.divide(differences, deviation, out=np.zeros_like(differences), where=deviation > 0)


# ---- clusters -----------------------------------------------------------------------------------------------


@dataclass
class Totals:
    """What the rows of each cluster come to, (k,) each; means are NaN for clusters without weight."""

    sizes: np.ndarray
    weights: np.ndarray
    inertias: np.ndarray
    radii: np.ndarray
    mean_distances: np.ndarray
    silhouettes: np.ndarray

    @property
    def mean_squares(self):
        """Inertia a unit of weight, 0 where there is none."""
        return np.divide(self.inertias, self.weights, out=np.zeros(len(self.weights)), where=self.weights > 0)

    @classmethod
    def of(cls, labels, weights, own, other, k):
        """Of rows with these labels, weights (None: 1) and distances to their own center and the nearest other one."""

        def summed(values):
            return np.bincount(labels, values if weights is None else weights * values, k)

        sizes, total, radii = np.bincount(labels, minlength=k), summed(np.ones(len(labels))), np.zeros(k)
        np.maximum.at(radii, labels, own)
        silhouettes = ratio(own, other) if k > 1 else np.zeros(len(labels))
        means = [
            np.divide(summed(values), total, out=np.full(k, np.nan), where=total > 0) for values in (own, silhouettes)
        ]
        return cls(sizes, total, summed(own * own), radii, *means)


# ---- rows ---------------------------------------------------------------------------------------------------


def largest(values, wanted):
    """Where the `wanted` largest values are, the largest first, the lower index on a tie."""
    wanted = min(wanted, len(values))
    if wanted == 0:
        return np.empty(0, np.intp)
    bound = -np.partition(-values, wanted - 1)[wanted - 1]
    among = np.flatnonzero(values >= bound)
    return among[np.argsort(-values[among], kind="stable")][:wanted]


def nearest_of_each(labels, own, sizes, wanted):
    """For each cluster the numbers of its `wanted` nearest rows, the nearest first, the lower number on a tie."""
    order = np.lexsort((own, labels))
    ends = np.cumsum(sizes)
    return [order[end - size : end - size + min(wanted, size)] for end, size in zip(ends, sizes, strict=True)]
