"""What a fit gives back: plain frozen records that agree with themselves."""

import warnings
from dataclasses import dataclass, field

import numpy as np

from fastkmeans.engine.passes import IterationStats

__all__ = ["IterationStats", "KMeansResult", "TooFewDistinctRows"]


class TooFewDistinctRows(UserWarning):
    """The rows hold fewer distinct values than clusters were asked for, so some clusters are empty."""


def warn_too_few(n_found, n_clusters, name="n_clusters"):
    """Warn whoever called the caller if fewer clusters hold rows than were asked for by the argument `name`."""
    if n_found < n_clusters:
        warnings.warn(
            f"X has fewer distinct rows than {name}={n_clusters}: {n_found} clusters hold rows, the others are empty; "
            "ask for fewer clusters",
            TooFewDistinctRows,
            stacklevel=3,
        )


@dataclass(frozen=True, eq=False, repr=False)
class KMeansResult:
    """A clustering: `labels` and `inertia` are those of `centers`, exactly.

    Attributes
    ----------
    centers : ndarray of shape (n_clusters, n_features), float32 or float64
        Cluster means, in the type that the fit computed in. Unit vectors for ``metric="cosine"``.
    labels : ndarray of shape (n_samples,), int32
        Index of each row's nearest center; equal to ``predict(X)`` of the rows that were fitted.
    inertia : float
        Sum over the rows of weight times squared distance to the nearest center.
    n_iter : int
        Iterations of Lloyd's algorithm.
    converged : bool
        Whether the run ended by itself, not at `max_iter` or by a callback.
    history : tuple of IterationStats
        One record an iteration of the run that was kept.
    plan : str
        What ran, and why: a line for each stretch of iterations that went one way, with the share of all pairs of a row
        and a center that were scored, if not all, and the candidates a row that were measured; then the computing type
        and the register tile. To be read, not parsed: `history` has the numbers.
    metric : {"euclidean", "cosine"}
    """

    centers: np.ndarray
    labels: np.ndarray
    inertia: float
    n_iter: int
    converged: bool
    history: tuple = field(default=())
    plan: str = ""
    metric: str = "euclidean"

    def __repr__(self):
        k, d = self.centers.shape
        ended = "converged" if self.converged else "stopped"
        return (
            f"KMeansResult(n_clusters={k}, n_features={d}, n_samples={getattr(self.labels, 'shape', ('?',))[0]}, "
            f"inertia={self.inertia:.6g}, {ended} after {self.n_iter} iterations)"
        )

    def predict(self, X, *, n_threads=None, out=None):
        """The index of the nearest center of every row of X; see `fastkmeans.predict`."""
        from fastkmeans import api

        return api.predict(X, self.centers, metric=self.metric, n_threads=n_threads, out=out)

    def transform(self, X, *, n_threads=None):
        """The distance of every row of X to every center; see `fastkmeans.transform`."""
        from fastkmeans import api

        return api.transform(X, self.centers, metric=self.metric, n_threads=n_threads)

    def nearest(self, X, n_nearest, *, n_threads=None):
        """The nearest few centers of every row of X, and their distances; see `fastkmeans.nearest_centers`."""
        from fastkmeans.nearest import nearest_centers

        return nearest_centers(X, self.centers, n_nearest, metric=self.metric, n_threads=n_threads)

    def score(self, X, sample_weight=None, *, n_threads=None):
        """Minus the inertia of X around the centers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        sample_weight : array-like of shape (n_samples,), default=None
        n_threads : int, default=None

        Returns
        -------
        float
        """
        from fastkmeans import api

        return -api.inertia(X, self.centers, sample_weight, metric=self.metric, n_threads=n_threads)

    def save(self, path):
        """Write the result to an .npz file that `fastkmeans.load` reads; the file appears whole or not at all."""
        from fastkmeans import persistence

        persistence.save(self, path)
