"""Fitted estimators to scikit-learn's own classes and back."""

import numpy as np
import sklearn.cluster

from fastkmeans.engine.threads import available_threads

ORIGINALS: dict = {}  # scikit-learn's own objects by name, while fastkmeans.patch has put ours in their place
SHARED = ("n_clusters", "n_init", "max_iter", "tol", "verbose", "copy_x")
FITTED = ("cluster_centers_", "labels_", "inertia_", "n_iter_", "n_features_in_", "feature_names_in_")


def original(name):
    """scikit-learn's own object of this name in ``sklearn.cluster``."""
    return ORIGINALS.get(name) or getattr(sklearn.cluster, name)


def to_sklearn(fitted):
    """scikit-learn's KMeans with the parameters and the outcome of ours."""
    if fitted.metric != "euclidean":
        raise ValueError(
            f"metric={fitted.metric!r} is none of scikit-learn's; fit unit rows (sklearn.preprocessing.normalize) "
            "with metric='euclidean' and convert that"
        )
    if not hasattr(fitted, "cluster_centers_"):
        raise ValueError("this KMeans is not fitted yet; call fit first")
    values = {name: getattr(fitted, name) for name in SHARED}
    values["init"] = fitted.init if not isinstance(fitted.init, str) or fitted.init == "random" else "k-means++"
    values["algorithm"] = "elkan" if fitted.algorithm == "elkan" else "lloyd"
    values["random_state"] = None if isinstance(fitted.random_state, np.random.Generator) else fitted.random_state
    theirs = original("KMeans")(**values)
    _copy_outcome(fitted, theirs)
    theirs._n_features_out = len(theirs.cluster_centers_)
    theirs._n_threads = available_threads()
    return theirs


def from_sklearn(cls, fitted):
    """Our estimator with the parameters and the outcome of scikit-learn's KMeans."""
    if not hasattr(fitted, "cluster_centers_"):
        raise ValueError(f"{fitted!r} has no cluster_centers_; pass a fitted sklearn.cluster.KMeans")
    given = fitted.get_params(deep=False)
    ours = cls(**{name: given[name] for name in cls().get_params() if name in given})
    _copy_outcome(fitted, ours)
    return ours


def _copy_outcome(source, target):
    for name in FITTED:
        if hasattr(source, name):
            value = getattr(source, name)
            setattr(target, name, value.copy() if isinstance(value, np.ndarray) else value)
