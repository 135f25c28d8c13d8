"""KMeans for Dask collections, with a client of its own if need be: `fastkmeans.KMeans` takes them too.

A fit runs on the workers of the client, and `predict` and `transform` give Dask arrays. Needs ``dask[array,
distributed]``: ``pip install "fastkmeans-numba[dask]"``.
"""

from contextlib import nullcontext

from fastkmeans import api
from fastkmeans.estimators.kmeans import KMeans as InMemoryKMeans

__all__ = ["KMeans", "fit"]


def _with(client):
    return nullcontext() if client is None else client.as_current()


def fit(X, n_clusters, *, client=None, **settings):
    """Cluster the rows of a Dask array or data frame; `fastkmeans.fit`, with a client.

    Parameters
    ----------
    X : dask array or data frame of shape (n_samples, n_features)
        Persisted on the workers if it fits into 60 % of their memory, else made anew in each pass, block by block.
    n_clusters : int
    client : distributed.Client, default=None
        None for the current one; without any, blocks are computed into the memory of this process, or streamed
        through it if they are more than `memory_budget`.
    settings
        Of `fastkmeans.fit`. `sample_weight` may be a Dask array, or name a column of the data frame.

    Returns
    -------
    KMeansResult
        Its `labels` are a Dask array in the blocks of X. The same seed gives the same bits for the same blocks,
        whatever workers there are, and whichever are lost.
    """
    with _with(client):
        return api.fit(X, n_clusters, **settings)


class KMeans(InMemoryKMeans):
    """`fastkmeans.KMeans` over Dask collections, on the workers of `client`.

    Parameters
    ----------
    n_clusters : int, default=8
    client : distributed.Client, default=None
        None for the current one.
    others
        As for `fastkmeans.KMeans`.
    """

    def __init__(self, n_clusters=8, *, client=None, init="k-means++", n_init="auto", max_iter=300, tol=1e-4, verbose=0,
                 random_state=None, copy_x=True, algorithm="lloyd", metric="euclidean", n_threads=None):  # fmt: skip
        super().__init__(
            n_clusters, init=init, n_init=n_init, max_iter=max_iter, tol=tol, verbose=verbose,
            random_state=random_state, copy_x=copy_x, algorithm=algorithm, metric=metric, n_threads=n_threads,
        )  # fmt: skip
        self.client = client

    def _fit(self, X, sample_weight):
        with _with(self.client):
            return super()._fit(X, sample_weight)

    def score(self, X, y=None, sample_weight=None):
        """Minus the inertia of X around the centers, computed at once.

        Parameters
        ----------
        X : dask array or data frame
        y : ignored
        sample_weight : default=None

        Returns
        -------
        score : float
        """
        with _with(self.client):
            return super().score(X, y, sample_weight)

    def __getstate__(self):
        return super().__getstate__() | {"client": None}  # clients do not travel
