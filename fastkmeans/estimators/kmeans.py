"""KMeans and k_means: scikit-learn's names, parameters and attributes over `fastkmeans.fit`."""

import warnings

import numpy as np

from fastkmeans import api
from fastkmeans import validation as check
from fastkmeans.engine.planner import ALIASES, ASSIGNERS
from fastkmeans.engine.seeding import SEEDINGS
from fastkmeans.estimators.base import LLOYD_CONSTRAINTS, BaseKMeans
from fastkmeans.sources.blocks import METRICS

KNOWN_ALGORITHMS = (*ALIASES, *ASSIGNERS)


class Narrator:
    """Prints the iterations of a fit as scikit-learn does."""

    def __init__(self, tol):
        self.tol, self.restart = tol, -1

    def __call__(self, stats):
        if stats.phase != "lloyd":
            return
        if stats.restart != self.restart:
            self.restart = stats.restart
            print("Initialization complete")
        print(f"Iteration {stats.iteration - 1}, inertia {stats.inertia}.")
        if stats.n_moved == 0:
            print(f"Converged at iteration {stats.iteration - 1}: strict convergence.")
        elif stats.center_shift <= self.tol:
            print(
                f"Converged at iteration {stats.iteration - 1}: center shift {stats.center_shift} "
                f"within tolerance {self.tol}."
            )


class KMeans(BaseKMeans):
    """k-means by Lloyd's algorithm, with the interface of ``sklearn.cluster.KMeans``.

    Parameters
    ----------
    n_clusters : int, default=8
    init : {"k-means++", "k-means||", "afk-mc2", "random", "auto"}, array-like or callable, default="k-means++"
        First centers, as for `fastkmeans.fit`, whose default "auto" is quicker where rows and clusters are many.
    n_init : int or "auto", default="auto"
        Runs from different starts, of which the best is kept; "auto" is 10 for "random" and callables, else 1.
    max_iter : int, default=300
    tol : float, default=1e-4
        A run ends when the squared movements of the centers sum to at most `tol` times the mean variance of the
        columns.
    verbose : int, default=0
        Print every iteration.
    random_state : int, RandomState instance, Generator or None, default=None
        The same seed gives the same bits, for any number of threads.
    copy_x : bool, default=True
        Accepted and ignored: X is neither copied nor changed.
    algorithm : {"lloyd", "elkan", "auto", "dense", "screened", "boxes", "bounds"}, default="lloyd"
        How rows are labelled, as for `fastkmeans.fit`: every way gives the same labels. "lloyd" and "elkan" mean
        "auto".
    metric : {"euclidean", "cosine"}, default="euclidean"
    n_threads : int or None, default=None
        Threads to use; None for all CPUs that this process may use.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        float32 where that holds the values of X exactly, else float64.
    labels_ : ndarray of shape (n_samples,), int32
        Always equal to ``predict(X)``.
    inertia_ : float
    n_iter_ : int
    converged_ : bool
        Whether the run ended by itself before `max_iter`.
    history_ : tuple of fastkmeans.IterationStats
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X has column names that are all strings.

    See Also
    --------
    fastkmeans.fit : the function underneath.

    Examples
    --------
    >>> import numpy as np
    >>> from fastkmeans import KMeans
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> km = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> km.predict([[0, 0], [12, 3]]) == km.labels_[[0, 3]]
    array([ True,  True])
    >>> km.inertia_
    16.0
    """

    _parameter_constraints = LLOYD_CONSTRAINTS
    fits_dask = True

    def __init__(self, n_clusters=8, *, init="k-means++", n_init="auto", max_iter=300, tol=1e-4, verbose=0,
                 random_state=None, copy_x=True, algorithm="lloyd", metric="euclidean", n_threads=None):  # fmt: skip
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.metric = metric
        self.n_threads = n_threads

    def fit(self, X, y=None, sample_weight=None):
        """Cluster the rows of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Of any number type and memory layout.
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0, counting as repetitions, in seeding too.

        Returns
        -------
        self
        """
        if not self._plainly_valid():
            self._validate_params()
        with self._all_or_nothing():
            return self._fit(X, sample_weight)

    def _plainly_valid(self):
        """Whether every parameter is of its plain type: 2 us, where scikit-learn's checks take 120 and know all."""
        numbers = self.n_clusters, self.max_iter, 1 if self.n_init == "auto" else self.n_init
        numbers += () if self.n_threads is None else (self.n_threads,)
        return (
            all(type(number) is int and number >= 1 for number in numbers)
            and (type(self.init) is np.ndarray or (isinstance(self.init, str) and self.init in SEEDINGS))
            and type(self.tol) is float and 0.0 <= self.tol < np.inf and type(self.copy_x) is bool
            and type(self.verbose) in (int, bool) and self.verbose >= 0
            and (self.random_state is None or (type(self.random_state) is int and 0 <= self.random_state < 2**32))
            and self.algorithm in KNOWN_ALGORITHMS and self.metric in METRICS
        )  # fmt: skip

    def _fit(self, X, sample_weight):
        X = self._validate(X, reset=True)
        if self.algorithm == "elkan" and self.n_clusters == 1:
            warnings.warn(
                "algorithm='elkan' doesn't make sense for a single cluster; 'lloyd' gives the same",
                RuntimeWarning,
                stacklevel=3,
            )
        self._warn_of_one_init()
        result, n_found = api.run_fit(
            X, self.n_clusters, init=self.init, n_init=self.n_init, max_iter=self.max_iter, tol=self.tol,
            sample_weight=sample_weight, random_state=self.random_state, algorithm=self.algorithm, metric=self.metric,
            n_threads=self.n_threads, narrator=Narrator if self.verbose else None,
        )  # fmt: skip
        self._warn_of_few_distinct(n_found)
        self.cluster_centers_, self.labels_ = result.centers, result.labels
        self.inertia_, self.n_iter_ = result.inertia, result.n_iter
        self.converged_, self.history_ = result.converged, result.history
        self._n_init = check.check_n_init(self.n_init, self.init)
        return self

    def to_sklearn(self):
        """A fitted ``sklearn.cluster.KMeans`` with these centers, for whatever takes only that (ONNX export, ...).

        Returns
        -------
        sklearn.cluster.KMeans
        """
        from fastkmeans.estimators.interop import to_sklearn

        return to_sklearn(self)

    @classmethod
    def from_sklearn(cls, fitted):
        """A fitted estimator with the centers, labels and parameters of a fitted ``sklearn.cluster.KMeans``.

        Parameters
        ----------
        fitted : sklearn.cluster.KMeans

        Returns
        -------
        KMeans
        """
        from fastkmeans.estimators.interop import from_sklearn

        return from_sklearn(cls, fitted)


def k_means(X, n_clusters, *, sample_weight=None, init="k-means++", n_init="auto", max_iter=300, verbose=False,
            tol=1e-4, random_state=None, copy_x=True, algorithm="lloyd", return_n_iter=False, metric="euclidean",
            n_threads=None):  # fmt: skip
    """Cluster the rows of X; as ``sklearn.cluster.k_means``.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    n_clusters : int
    sample_weight : array-like of shape (n_samples,), default=None
    init, n_init, max_iter, verbose, tol, random_state, copy_x, algorithm
        As for `KMeans`.
    return_n_iter : bool, default=False
        Return the number of iterations too.
    metric, n_threads
        As for `KMeans`.

    Returns
    -------
    centroid : ndarray of shape (n_clusters, n_features)
    label : ndarray of shape (n_samples,), int32
    inertia : float
    best_n_iter : int
        Only with `return_n_iter`.

    Examples
    --------
    >>> centers, labels, inertia = k_means([[1.0], [2.0], [9.0]], 2, random_state=0)
    >>> inertia
    0.5
    """
    fitted = KMeans(
        n_clusters, init=init, n_init=n_init, max_iter=max_iter, verbose=verbose, tol=tol, random_state=random_state,
        copy_x=copy_x, algorithm=algorithm, metric=metric, n_threads=n_threads,
    ).fit(X, sample_weight=sample_weight)  # fmt: skip
    outcome = fitted.cluster_centers_, fitted.labels_, fitted.inertia_
    return (*outcome, fitted.n_iter_) if return_n_iter else outcome
