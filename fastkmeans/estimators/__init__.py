"""scikit-learn's contract over the functional core: estimators, and its functions by its names and signatures."""

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise ImportError(
        'fastkmeans\' estimators need scikit-learn: pip install "fastkmeans-numba[sklearn]" (fastkmeans.fit does not)'
    ) from error

from fastkmeans.estimators.bisecting import BisectingKMeans
from fastkmeans.estimators.kmeans import KMeans, k_means
from fastkmeans.estimators.minibatch import MiniBatchKMeans

__all__ = ["BisectingKMeans", "KMeans", "MiniBatchKMeans", "k_means"]
