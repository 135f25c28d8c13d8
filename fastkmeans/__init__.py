"""Exact k-means at the speed of the machine, on NumPy and Numba.

Names are loaded when first used: importing the package imports NumPy and nothing slower.

>>> import fastkmeans
>>> result = fastkmeans.fit([[0.0], [1.0], [9.0]], 2, random_state=0)
>>> result.inertia
0.5
"""

import importlib

from fastkmeans.engine.threads import register_controller

__version__ = "0.1.0"

_HOMES = {
    "fit": "api",
    "fit_batches": "api",
    "fit_many": "variants.many",
    "align_labels": "alignment",
    "predict": "api",
    "transform": "api",
    "nearest_centers": "nearest",
    "kmeans_plusplus": "api",
    "silhouette_samples": "silhouette",
    "silhouette_score": "silhouette",
    "simplified_silhouette_samples": "silhouette",
    "SilhouetteEstimate": "silhouette",
    "describe": "quality",
    "Description": "quality",
    "select_k": "selection",
    "Selection": "selection",
    "fit_balanced": "variants.balanced",
    "k_medians": "variants.medians",
    "KMeans": "estimators",
    "MiniBatchKMeans": "estimators",
    "BisectingKMeans": "estimators",
    "k_means": "estimators",
    "patch_sklearn": "patch",
    "unpatch_sklearn": "patch",
    "load": "persistence",
    "open_rows": "sources.stored",
    "Checkpoint": "checkpoint",
    "KMeansResult": "result",
    "BalancedResult": "variants.balanced",
    "KMediansResult": "variants.medians",
    "ManyResults": "variants.many",
    "Alignment": "alignment",
    "IterationStats": "result",
    "TooFewDistinctRows": "result",
}

__all__ = ["__version__", *_HOMES]


register_controller()


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'fastkmeans' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"fastkmeans.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
