"""Rows and results as pictures take them: checked once, and read in blocks."""

from dataclasses import dataclass

import numpy as np

from fastkmeans import validation as check

ROWS_A_BLOCK = 1 << 16


@dataclass(frozen=True)
class Clustering:
    """The parts of a result, or of a fitted estimator, that are drawn."""

    centers: np.ndarray
    labels: np.ndarray
    metric: str

    @classmethod
    def of(cls, result):
        """What there is to draw of a result of any kind."""
        names = ("centers", "labels") if hasattr(result, "centers") else ("cluster_centers_", "labels_")
        centers, labels = (getattr(result, name, None) for name in names)
        if centers is None or labels is None:
            raise TypeError(f"result must have centers and labels, as those of fit do; got {type(result).__name__}")
        return cls(np.asarray(centers).astype(np.float64), np.asarray(labels), getattr(result, "metric", "euclidean"))

    @property
    def sizes(self):
        """(k,) rows of each cluster."""
        return np.bincount(self.labels, minlength=len(self.centers))


class ShownRows:
    """Rows that belong to a clustering: of its number and width, with finite values."""

    def __init__(self, X, clustering):
        array = check.as_rows(X)
        n, d = len(clustering.labels), clustering.centers.shape[1]
        if array.shape != (n, d):
            raise ValueError(
                f"X has shape {array.shape}, but the result is of {n} rows and {d} columns; pass the rows that were "
                "fitted"
            )
        check.checked_source(array, metric=clustering.metric)
        self.array, self.unit = array, clustering.metric == "cosine"

    def take(self, which):
        """(m, d) float64 rows, by numbers or a slice; of length 1 for cosine."""
        rows = self.array[which].astype(np.float64)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True) if self.unit else rows

    def thinned(self, most):
        """Numbers of at most `most` rows, evenly spread."""
        n = len(self.array)
        return np.linspace(0, n - 1, min(n, most)).astype(np.int64)

    def blocks(self):
        """(slice, float64 rows) of all rows, in pieces that are small beside X."""
        for start in range(0, len(self.array), ROWS_A_BLOCK):
            part = slice(start, start + ROWS_A_BLOCK)
            yield part, self.take(part)

    def spread(self):
        """(mean, standard deviation) of each column."""
        total = sum(rows.sum(axis=0) for _, rows in self.blocks())
        mean = total / len(self.array)
        squares = sum(((rows - mean) ** 2).sum(axis=0) for _, rows in self.blocks())
        return mean, np.sqrt(squares / len(self.array))
