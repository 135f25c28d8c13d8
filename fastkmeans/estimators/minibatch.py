"""MiniBatchKMeans: scikit-learn's names, parameters and attributes over the engine's mini-batches."""

import copy
import math
import warnings
from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval

from fastkmeans import validation as check
from fastkmeans.engine.minibatch import (
    Progress,
    best_start,
    learn,
    run_minibatch,
    some_rows,
)
from fastkmeans.engine.planner import assigner_for
from fastkmeans.engine.seeding import SEEDINGS
from fastkmeans.estimators.base import COMMON_CONSTRAINTS, NOT_NEGATIVE, POSITIVE, BaseKMeans, is_array_like

N_INIT = 3  # runs of the seeding for "random" and callables: each costs little beside a fit
INIT_BATCHES = 3  # rows that seeding looks at, in batches; where these are fewer than clusters, in clusters

ENDINGS = {"shift": "small centers change", "inertia": "lack of improvement in inertia"}


def tell_step(stats):
    """Print what a batch did."""
    smoothed = "" if stats.smoothed is None else f", smoothed {stats.smoothed}"
    print(f"Minibatch step {stats.step}/{stats.n_steps}: mean batch inertia: {stats.inertia}{smoothed}")
    if stats.n_reassigned:
        tell_reassigned(stats.n_reassigned)
    if stats.ended:
        print(f"Converged ({ENDINGS[stats.ended]}) at step {stats.step}/{stats.n_steps}")


def tell_reassigned(count):
    """Print how many centers were starved."""
    print(f"Reassigned {count} starved centers to rows of the batch")


class MiniBatchKMeans(BaseKMeans):
    """k-means by mini-batches, with the interface of ``sklearn.cluster.MiniBatchKMeans``.

    Batches of rows are drawn at random; each is labelled exactly, and moves the centers to the running means of the
    rows that they were given. Far fewer rows are read than by `KMeans`, and the centers are an approximation. Rows
    too many for memory are learnt piece by piece with `partial_fit`.

    Parameters
    ----------
    n_clusters : int, default=8
    init : {"k-means++", "k-means||", "afk-mc2", "random", "auto"}, array-like or callable, default="k-means++"
        First centers, chosen among `init_size` random rows.
    max_iter : int, default=100
        The rows that are drawn in all are at most so many times the rows of X.
    batch_size : int, default=1024
        Rows of a batch. Batches of some 10,000 rows keep several threads busy.
    verbose : int, default=0
        Print every batch.
    compute_labels : bool, default=True
        Label all rows in the end; without it there is no `labels_`, and `inertia_` is an estimate from the batches.
    random_state : int, RandomState instance, Generator or None, default=None
        The same seed gives the same bits, for any number of threads.
    tol : float, default=0.0
        The fit ends when the squared movements of the centers in a batch sum to at most `tol` times the mean variance
        of the columns; 0 for never.
    max_no_improvement : int or None, default=10
        The fit ends after so many batches in a row without a new least of the smoothed inertia; None for never.
    init_size : int or None, default=None
        Random rows among which the first centers are chosen; None for three batches, or three times `n_clusters`
        where three batches have fewer rows than clusters are asked for.
    n_init : int or "auto", default="auto"
        First centers to compare on random rows, of which the best are used; "auto" is 3 for "random" and callables,
        else 1.
    reassignment_ratio : float, default=0.01
        Centers with less than this share of the largest center's weight are moved to random rows.
    n_threads : int or None, default=None
        Threads to use; None for all CPUs that this process may use.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        float32 where that holds the values of X exactly, else float64.
    labels_ : ndarray of shape (n_samples,), int32
        Always equal to ``predict(X)``; of the last piece after `partial_fit`. Only with `compute_labels`.
    inertia_ : float
    n_iter_ : int
        Rounds over as many rows as X has, the last one counted whole. Only after `fit`.
    n_steps_ : int
        Batches.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X has column names that are all strings.

    See Also
    --------
    KMeans : exact, and often fast enough.

    References
    ----------
    .. [1] D. Sculley, "Web-scale k-means clustering", WWW 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from fastkmeans import MiniBatchKMeans
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> km = MiniBatchKMeans(n_clusters=2, batch_size=6, random_state=0).fit(X)
    >>> km.labels_[:3] == km.labels_[3:]
    array([False, False, False])
    >>> pieces = MiniBatchKMeans(n_clusters=2, init=[[0, 0], [9, 0]]).partial_fit(X[1:4]).partial_fit(X[4:])
    >>> pieces.cluster_centers_
    array([[ 1.,  2.],
           [10.,  2.]])
    """

    _parameter_constraints = {
        **COMMON_CONSTRAINTS,
        "batch_size": [POSITIVE],
        "compute_labels": ["boolean"],
        "max_no_improvement": [Interval(Integral, 0, None, closed="left"), None],
        "init_size": [POSITIVE, None],
        "reassignment_ratio": [NOT_NEGATIVE],
    }

    def __init__(self, n_clusters=8, *, init="k-means++", max_iter=100, batch_size=1024, verbose=0,
                 compute_labels=True, random_state=None, tol=0.0, max_no_improvement=10, init_size=None,
                 n_init="auto", reassignment_ratio=0.01, n_threads=None):  # fmt: skip
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.verbose = verbose
        self.compute_labels = compute_labels
        self.random_state = random_state
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.init_size = init_size
        self.n_init = n_init
        self.reassignment_ratio = reassignment_ratio
        self.n_threads = n_threads

    def fit(self, X, y=None, sample_weight=None):
        """Cluster the rows of X by batches drawn from them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Of any number type and memory layout.
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0: the chances of rows to be drawn, and what they count in seeding.

        Returns
        -------
        self
        """
        self._validate_params()
        with self._all_or_nothing():
            array = check.as_rows(self._validate(X, reset=True), sparse=True)
            weights = check.as_weights(sample_weight, array.shape[0])
            source, moments = check.checked_source(array, weights, n_threads=self.n_threads)
            random = check.as_generator(self.random_state)
            start = self._start_sizes(source.n)
            way = assigner_for(source, "auto", moments.shift)
            centers = self._first_centers(array, source, way, random, start)
            run = run_minibatch(
                source, way, centers, random, batch_size=start["_batch_size"],
                n_steps=self.max_iter * source.n // start["_batch_size"], tol=self.tol * moments.mean_variance,
                max_no_improvement=self.max_no_improvement, reassignment_ratio=self.reassignment_ratio,
                callback=tell_step if self.verbose else None,
            )  # fmt: skip
            n_iter = math.ceil(run.n_steps * start["_batch_size"] / source.n)
            outcome = self._outcome(source, way, run.progress, run.smoothed * source.total_weight)
            self._set(outcome | start | {"_random": random, "n_steps_": run.n_steps, "n_iter_": n_iter})
        return self

    def partial_fit(self, X, y=None, sample_weight=None):
        """Move the centers by one batch, the rows of X; the first call chooses first centers among them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Of any number type and memory layout.
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0, counting as repetitions.

        Returns
        -------
        self
        """
        self._validate_params()
        with self._all_or_nothing():
            begun = hasattr(self, "cluster_centers_")
            array = check.as_rows(self._validate(X, reset=not begun), sparse=True)
            weights = check.as_weights(sample_weight, array.shape[0])
            dtype = np.promote_types(self.cluster_centers_.dtype, check.computing_type(array)) if begun else None
            source, moments = check.checked_source(array, weights, dtype=dtype, n_threads=self.n_threads)
            way = assigner_for(source, "auto", moments.shift)
            if begun:
                # A step that fails must not have drawn.
                random = copy.deepcopy(self._random)
                start, since = {}, self._since_reassign
                progress = Progress(self.cluster_centers_.astype(source.dtype), self._counts, since)
            else:
                random = check.as_generator(self.random_state)
                start = self._start_sizes(source.n)
                progress = Progress.begin(self._first_centers(array, source, way, random, start))
            progress, inertia, n_reassigned = learn(source, way, progress, random, self.reassignment_ratio)
            if self.verbose and n_reassigned:
                tell_reassigned(n_reassigned)
            outcome = self._outcome(source, way, progress, inertia)
            self._set(outcome | start | {"_random": random, "n_steps_": getattr(self, "n_steps_", 0) + 1})
        return self

    def fit_predict(self, X, y=None, sample_weight=None):
        """Fit X and return the labels of its rows, also without `compute_labels`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
        """
        self.fit(X, sample_weight=sample_weight)
        return self.labels_ if self.compute_labels else self.predict(X)

    # ---- the start ----------------------------------------------------------------------------------------

    def _start_sizes(self, n):
        """The parameters that depend on the rows, by the names of scikit-learn's own attributes."""
        check.check_n_clusters(self.n_clusters, n)
        batch_size = min(self.batch_size, n)
        init_size = self.init_size
        if init_size is None:
            init_size = INIT_BATCHES * batch_size
            if init_size < self.n_clusters:
                init_size = INIT_BATCHES * self.n_clusters
        elif init_size < self.n_clusters:
            warnings.warn(
                f"init_size={init_size} should be larger than n_clusters={self.n_clusters}: taking three rows a "
                "cluster instead",
                RuntimeWarning,
                stacklevel=3,
            )
            init_size = INIT_BATCHES * self.n_clusters
        n_init = check.check_n_init(self.n_init, self.init, several=N_INIT)
        self._warn_of_one_init()
        return {"_batch_size": batch_size, "_init_size": min(init_size, n), "_n_init": n_init}

    def _first_centers(self, array, source, way, random, start):
        """The best of the first centers, each found among other rows."""
        n_init, init_size, k = start["_n_init"], start["_init_size"], self.n_clusters
        if is_array_like(self.init):
            return check.as_init(self.init, k, array, source, "euclidean", None)

        def candidate():
            rows, own = array, source
            if init_size < source.n:
                numbers = some_rows(source, init_size, random)
                rows = array[numbers] if callable(self.init) else None
                own = source.gathered(numbers, source.weights_of(numbers) if source.weighted else None)
            if callable(self.init):
                legacy = np.random.RandomState(random.integers(2**32))  # what scikit-learn's callables expect
                return check.as_init(self.init, k, rows, own, "euclidean", legacy)
            return own.take(SEEDINGS[self.init](own, k, random))

        def tell(inertia):
            print(f"Inertia of the first centers on random rows: {inertia}")

        candidates = [candidate] * n_init
        return best_start(source, way, candidates, init_size, random, tell if self.verbose else None)

    # ---- the end ------------------------------------------------------------------------------------------

    def _outcome(self, source, way, progress, estimate):
        """The attributes that follow from the centers; labels and inertia of the rows of the source, if wanted."""
        found = {"cluster_centers_": progress.centers, "_counts": progress.counts,
                 "_since_reassign": progress.since_reassign, "inertia_": estimate}  # fmt: skip
        if self.compute_labels:
            labels, partial = source.map_labels(way.prepare(progress.centers).inertia_pass())
            found |= {"labels_": labels, "inertia_": partial.inertia}
        return found

    def _set(self, outcome):
        """Set the attributes."""
        if "labels_" not in outcome and hasattr(self, "labels_"):
            del self.labels_  # of an earlier fit
        vars(self).update(outcome)
