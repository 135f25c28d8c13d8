"""BisectingKMeans: scikit-learn's names, parameters and attributes over the engine's bisection."""

import numpy as np
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from fastkmeans import validation as check
from fastkmeans.engine.bisecting import STRATEGIES, bisect, walk
from fastkmeans.engine.seeding import SEEDINGS
from fastkmeans.estimators.base import LLOYD_CONSTRAINTS, POSITIVE, BaseKMeans
from fastkmeans.estimators.kmeans import Narrator


def tell_split(n_clusters, sizes, run):
    """Print what a split did."""
    left, right = sizes
    print(f"Split into {n_clusters} clusters: {left + right} rows into {left} and {right}, inertia {run.inertia}")


class BisectingKMeans(BaseKMeans):
    """k-means by splitting clusters in two, with the interface of ``sklearn.cluster.BisectingKMeans``.

    All rows are one cluster first. Then the cluster with the largest inertia, or the most rows, is split by 2-means,
    until there are `n_clusters`. The splits are a tree: labels follow it down, and neighbouring labels are related.

    Parameters
    ----------
    n_clusters : int, default=8
    init : {"k-means++", "k-means||", "afk-mc2", "random", "auto"} or callable, default="random"
        First two centers of each split. A callable is called as ``init(X, 2, random_state)`` with the rows of the
        cluster.
    n_init : int, default=1
        Runs of 2-means for each split, of which the best is taken.
    random_state : int, RandomState instance, Generator or None, default=None
        The same seed gives the same bits, for any number of threads.
    max_iter : int, default=300
        Most iterations of a run.
    verbose : int, default=0
        Print every iteration and every split.
    tol : float, default=1e-4
        A run ends when the squared movements of its two centers sum to at most this, in the units of X squared: as
        in scikit-learn, other than in `KMeans`, the variance does not count.
    copy_x : bool, default=True
        Accepted and ignored: X is not changed.
    algorithm : {"lloyd", "elkan", "auto", "dense", "screened", "boxes", "bounds"}, default="lloyd"
        Accepted and ignored: every way gives the same labels, and two centers are quickest swept dense.
    bisecting_strategy : {"biggest_inertia", "largest_cluster"}, default="biggest_inertia"
        Which cluster is split next.
    n_threads : int or None, default=None
        Threads to use; None for all CPUs that this process may use.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        The centers of the leaves, from left to right. float32 where that holds the values of X exactly, else float64.
    labels_ : ndarray of shape (n_samples,), int32
        The leaf of every row; always equal to ``predict(X)``. Not always the nearest of all centers.
    inertia_ : float
        Sum of weight times squared distance of the rows to the centers of their labels.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X has column names that are all strings.

    See Also
    --------
    KMeans : lower inertia, and all centers at once.

    References
    ----------
    .. [1] M. Steinbach, G. Karypis, V. Kumar, "A comparison of document clustering techniques", KDD workshop on text
       mining, 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from fastkmeans import BisectingKMeans
    >>> X = np.array([[1, 1], [2, 1], [10, 1], [10, 2], [10, 30], [10, 31]])
    >>> bisecting = BisectingKMeans(n_clusters=3, init="k-means++", random_state=0).fit(X)
    >>> bisecting.inertia_
    1.5
    >>> bool((bisecting.predict(X) == bisecting.labels_).all())
    True
    """

    _parameter_constraints = {
        **LLOYD_CONSTRAINTS,
        "init": [StrOptions(set(SEEDINGS)), callable],
        "n_init": [POSITIVE],
        "bisecting_strategy": [StrOptions(set(STRATEGIES))],
    }
    del _parameter_constraints["metric"]

    def __init__(self, n_clusters=8, *, init="random", n_init=1, random_state=None, max_iter=300, verbose=0,
                 tol=1e-4, copy_x=True, algorithm="lloyd", bisecting_strategy="biggest_inertia",
                 n_threads=None):  # fmt: skip
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.random_state = random_state
        self.max_iter = max_iter
        self.verbose = verbose
        self.tol = tol
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.bisecting_strategy = bisecting_strategy
        self.n_threads = n_threads

    def fit(self, X, y=None, sample_weight=None):
        """Split the rows of X into clusters.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Of any number type and memory layout.
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0, counting as repetitions, in seeding too; "largest_cluster" counts rows.

        Returns
        -------
        self
        """
        self._validate_params()
        with self._all_or_nothing():
            array = check.as_rows(self._validate(X, reset=True), sparse=True)
            check.check_n_clusters(self.n_clusters, array.shape[0])
            weights = check.as_weights(sample_weight, array.shape[0])
            source, moments = check.checked_source(array, weights, n_threads=self.n_threads)
            random = check.as_generator(self.random_state)

            def start(rows, numbers):
                if not callable(self.init):
                    return rows.take(SEEDINGS[self.init](rows, 2, random))
                own = array if numbers is None else array[numbers]
                legacy = np.random.RandomState(random.integers(2**32))  # what scikit-learn's callables expect
                return check.as_init(self.init, 2, own, rows, "euclidean", legacy)

            found = bisect(
                source, moments, self.n_clusters, start, strategy=self.bisecting_strategy, n_init=self.n_init,
                max_iter=self.max_iter, tol=self.tol, callback=Narrator(self.tol) if self.verbose else None,
                tell=tell_split if self.verbose else None,
            )  # fmt: skip
            self._warn_of_few_distinct(found.n_found, stacklevel=3)
            self.cluster_centers_, self.labels_, self.inertia_ = found.centers, found.labels, found.inertia
            self._tree = found.tree
        return self

    def predict(self, X):
        """The leaf of every row of X: at each split of the tree its nearer center.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Of any number type, whatever the type that was fitted.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
        """
        check_is_fitted(self)
        array = check.as_rows(self._validate(X, reset=False), sparse=True)
        dtype = np.promote_types(check.computing_type(array), self.cluster_centers_.dtype)
        source, _ = check.checked_source(array, dtype=dtype, n_threads=self.n_threads)
        return walk(source, self._tree, self.cluster_centers_)
