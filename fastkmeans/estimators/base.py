"""What the estimators share: parameters, checks of X, and everything that needs only the centers."""

import warnings
from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from fastkmeans import api
from fastkmeans import validation as check
from fastkmeans.engine.planner import ALIASES, ASSIGNERS
from fastkmeans.engine.seeding import SEEDINGS
from fastkmeans.lazily import is_dask
from fastkmeans.sources.blocks import METRICS

POSITIVE = Interval(Integral, 1, None, closed="left")
NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
COMMON_CONSTRAINTS: dict = {
    "n_clusters": [POSITIVE],
    "init": [StrOptions(set(SEEDINGS)), callable, "array-like"],
    "n_init": [StrOptions({"auto"}), POSITIVE],
    "max_iter": [POSITIVE],
    "tol": [NOT_NEGATIVE],
    "verbose": ["verbose"],
    "random_state": ["random_state", np.random.Generator],
    "n_threads": [POSITIVE, None],
}
LLOYD_CONSTRAINTS: dict = {
    **COMMON_CONSTRAINTS,
    "copy_x": ["boolean"],
    "algorithm": [StrOptions({*ALIASES, *ASSIGNERS})],
    "metric": [StrOptions(set(METRICS))],
}


def is_array_like(init):
    """Whether `init` gives the centers themselves."""
    return not isinstance(init, str) and not callable(init)


class BaseKMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):
    """An estimator with `cluster_centers_`."""

    metric = "euclidean"  # of estimators that know no other
    fits_dask = False  # whether Dask's blocks are fitted where they lie, not read into memory

    def _validate(self, X, *, reset):
        """X as the core takes it: any number type, read where it lies; the core looks at every value."""
        if type(X) is np.ndarray and X.ndim == 2 and X.size and X.dtype.kind in "biuf":
            # The core makes the other checks, and of columns without names there is only the number to look at.
            if reset:
                self.n_features_in_ = X.shape[1]
                vars(self).pop("feature_names_in_", None)
                return X
            if X.shape[1] == self.n_features_in_ and not hasattr(self, "feature_names_in_"):
                return X
        check.refuse_what_is_no_table(X)
        if is_dask(X) and (self.fits_dask or not reset):
            return self._validate_dask(X, reset)
        return validate_data(
            self, X, reset=reset, accept_sparse=True, accept_large_sparse=True, dtype="numeric",
            ensure_all_finite=False,
        )  # fmt: skip

    def _validate_dask(self, X, reset):
        if len(X.shape) == 2:  # of others the core says what is wrong
            validate_data(self, X._meta if hasattr(X, "columns") else X, reset=reset, skip_check_array=True)
        return X

    @contextmanager
    def _all_or_nothing(self):
        """Whatever fails inside, or is interrupted, leaves the estimator as it was."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def _warn_of_one_init(self, stacklevel=4):
        """Warn where centers are given, for which there is one run, and more runs are asked for."""
        if is_array_like(self.init) and self.n_init not in ("auto", 1):
            warnings.warn(
                f"Explicit initial center position passed: performing only one init in {type(self).__name__} "
                f"instead of n_init={self.n_init}.",
                RuntimeWarning,
                stacklevel=stacklevel,
            )

    def _warn_of_few_distinct(self, n_found, stacklevel=4):
        """Warn where clusters are left without rows."""
        if n_found < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({n_found}) found smaller than n_clusters ({self.n_clusters}). "
                "Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=stacklevel,
            )

    def fit_predict(self, X, y=None, sample_weight=None):
        """Fit X and return the labels of its rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
        """
        return self.fit(X, sample_weight=sample_weight).labels_

    def fit_transform(self, X, y=None, sample_weight=None):
        """Fit X and return the distances of its rows to the centers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_clusters)
        """
        return self.fit(X, sample_weight=sample_weight).transform(X)

    def predict(self, X):
        """The index of the nearest center of every row of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Of any number type, whatever the type that was fitted.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
        """
        centers = getattr(self, "cluster_centers_", None)
        if centers is not None and type(X) is np.ndarray and not hasattr(self, "feature_names_in_"):
            labels = api.labels_of_few(X, centers, self.metric)  # a few rows: checks would take most of the time
            if labels is not None:
                return labels
        check_is_fitted(self)
        return api.predict(
            self._validate(X, reset=False), centers, metric=self.metric, n_threads=self.n_threads
        )  # fmt: skip

    def transform(self, X):
        """The distance of every row of X to every center.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_clusters)
            Dense, also where X is sparse.
        """
        check_is_fitted(self)
        X = self._validate(X, reset=False)
        return api.transform(X, self.cluster_centers_, metric=self.metric, n_threads=self.n_threads)

    def score(self, X, y=None, sample_weight=None):
        """Minus the inertia of X around the centers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        score : float
        """
        check_is_fitted(self)
        X = self._validate(X, reset=False)
        return -api.inertia(X, self.cluster_centers_, sample_weight, metric=self.metric, n_threads=self.n_threads)

    @property
    def _n_features_out(self):
        return len(self.cluster_centers_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
