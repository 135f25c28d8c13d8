"""select_k: settings as users give them, the path or the growth, the criteria, and the record of all."""

import numpy as np

from fastkmeans import validation as check
from fastkmeans.engine.seeding import SEEDINGS
from fastkmeans.lazily import is_dask
from fastkmeans.result import KMeansResult, warn_too_few
from fastkmeans.selection.criteria import Kind, chosen
from fastkmeans.selection.growing import RULES, grow, growing_rule
from fastkmeans.selection.path import Fitter, best_path, n_fits, path_from_sample, starter
from fastkmeans.selection.record import Selection
from fastkmeans.selection.references import BOXES
from fastkmeans.selection.suggestions import suggest
from fastkmeans.selection.table import Asked, table_of
from fastkmeans.sources.blocks import METRICS
from fastkmeans.sources.sparse import is_sparse

METHODS = ("path", *RULES)


def select_k(
    X,
    ks=range(2, 31),
    *,
    method="path",
    criteria=None,
    init="auto",
    n_init=1,
    max_iter=300,
    tol=1e-4,
    sample_weight=None,
    random_state=None,
    metric="euclidean",
    n_threads=None,
    verbose=0,
    callback=None,
    memory_budget=None,
    keep_labels=True,
    silhouette_sample_size=5000,
    n_references=10,
    reference_box="principal",
    n_bootstraps=20,
    alpha=1e-4,
):
    """Cluster the rows of X for many numbers of clusters, and say what criteria make of each.

    Parameters
    ----------
    X : array-like, sparse matrix, path or what `open_rows` gives, of shape (n_samples, n_features)
        As for `fit`, but for Dask collections.
    ks : iterable of int, default=range(2, 31)
        Numbers of clusters. For the growing methods the largest one counts: they start from one cluster and end
        there at the latest.
    method : {"path", "g-means", "x-means"}, default="path"
        "path" fits every k: going up, k starts from the centers of the k before and rows far from them; going down
        again, from the centers of the k after, the closest merged, where that is better. "g-means" splits the clusters
        whose rows are not normally distributed, "x-means" those whose rows have the lower BIC as two, fits all again,
        and ends when none is left.
    criteria : iterable of str, str or None, default=None
        Of "inertia", "elbow", "simplified_silhouette", "calinski_harabasz", "davies_bouldin", "bic", "aic", which cost
        one pass over the rows at most, and "silhouette", "gap", "stability", which cost more than the fits. None for
        the former, as far as they are defined for these rows; "all" for all that are.
    init : str or callable, default="auto"
        First centers of the first k; as for `fit`.
    n_init : int, default=1
        Paths from different starts, of which the best is kept at each k.
    max_iter, tol
        Of each fit, as for `fit`.
    sample_weight : array-like of shape (n_samples,), str or path, default=None
        As for `fit`. Not for "silhouette", "gap", "stability" and "g-means", which are defined for single rows.
    random_state : int, Generator, RandomState or None, default=None
        The same seed gives the same bits for any number of threads, and the same clusterings whatever the criteria.
    metric : {"euclidean", "cosine"}, default="euclidean"
        With "cosine" scatter and distances are those of unit rows about unit centers; not for "bic", "aic", "gap" and
        the growing methods, whose models unit rows do not follow.
    n_threads : int or None, default=None
    verbose : int, default=0
        1 shows a progress bar on stderr.
    callback : callable or None, default=None
        Called as ``callback(k, inertia)`` after every fit of X, of which a path has one on the way up and one on the
        way down for each k, and for one k beyond; returning False ends it, and what was fitted until then is returned.
    memory_budget : int, default=None
        As for `fit`. Rows of larger files start from the path of a sample of 256 rows a cluster.
    keep_labels : bool, default=True
        False leaves the labels out of the results (None), which are 4 bytes a row for each k.
    silhouette_sample_size : int, default=5000
        Rows whose silhouettes are taken, each against all rows; with as many rows or fewer, "silhouette" is exact.
    n_references : int, default=10
        Sets of rows without clusters for "gap", each as large as X.
    reference_box : {"principal", "axes"}, default="principal"
        Whether these fill a box along the principal directions of X, or one along the columns.
    n_bootstraps : int, default=20
        Bootstraps for "stability", at least 2.
    alpha : float, default=1e-4
        "g-means" splits clusters whose rows would be drawn with a lower chance, if they were normal.

    Returns
    -------
    Selection
        `ks`, `results`, `table`, `suggestions`; `str` of it is a table that says where criteria disagree.

    Raises
    ------
    ValueError, TypeError
        As for `fit`; and if a criterion is unknown, or not defined for these rows.

    Warns
    -----
    TooFewDistinctRows
        If X has fewer distinct rows than the largest k.

    Notes
    -----
    Rows are checked and measured once. A path takes about as many iterations as a fit of each k alone from one start,
    ends 1 % below their inertia on average, and at most 1 % above (`python -m benchmarks.compare --suite selection`).
    Inertia never rises with k, but by rounding. Memory: the labels of all ks (see `keep_labels`), and what `fit` takes.
    "gap" and "stability" fit a path for each reference or bootstrap, "gap" with one copy of X, "stability" with the
    labels of all ks a second time; "silhouette" takes O(silhouette_sample_size * n_samples * n_features) for each k.

    References
    ----------
    .. [1] A. Likas, N. Vlassis, J. Verbeek, "The global k-means clustering algorithm", Pattern Recognit. 36(2), 2003.
    .. [2] G. Hamerly, C. Elkan, "Learning the k in k-means", NIPS 2003.
    .. [3] D. Pelleg, A. Moore, "X-means: extending k-means with efficient estimation of the number of clusters", ICML
       2000.
    .. [4] R. Tibshirani, G. Walther, T. Hastie, "Estimating the number of clusters in a data set via the gap
       statistic", J. R. Stat. Soc. B 63(2), 2001. doi:10.1111/1467-9868.00293
       The papers of the other criteria are with their functions, in `fastkmeans/selection`.

    Examples
    --------
    >>> import numpy as np
    >>> random = np.random.default_rng(0)
    >>> X = np.concatenate([random.normal(center, 0.3, size=(50, 2)) for center in (0, 3, 6)])
    >>> selection = select_k(X, range(1, 7), random_state=0)
    >>> selection.suggestions["bic"], selection.suggestions["inertia"]
    (3, None)
    >>> np.bincount(selection.results[3].labels)
    array([50, 50, 50])
    """
    check.check_name(method, METHODS, "method")
    check.check_name(metric, METRICS, "metric")
    check.check_name(reference_box, BOXES, "reference_box")
    if not isinstance(init, str) and not callable(init):
        raise TypeError("init must be the name of a seeding or a callable, as an array has the centers of one k only")
    if isinstance(init, str):
        check.check_name(init, SEEDINGS, "init")
    if is_dask(X):
        raise TypeError("X is a Dask collection, which select_k does not take; pass X.compute(), or some of its rows")
    X, sample_weight = check.opened(X, sample_weight)
    array, budget = check.as_stored_or_rows(X, memory_budget)
    ks, n_init = check.check_ks(ks, array.shape[0]), check.check_integer(n_init, "n_init")
    settings = {"max_iter": check.check_integer(max_iter, "max_iter"), "tol": check.check_tol(tol)}
    weights = check.as_weights(sample_weight, array.shape[0])
    kind = Kind(metric, weights is not None, budget is not None, is_sparse(array))
    names, rule = chosen(criteria, kind), growing_rule(method, check.check_share(alpha, "alpha"), kind)
    sizes = {
        "silhouette_sample_size": check.check_integer(silhouette_sample_size, "silhouette_sample_size", 2),
        "n_references": check.check_integer(n_references, "n_references", 2),
        "n_bootstraps": check.check_integer(n_bootstraps, "n_bootstraps", 2),
    }
    check.check_callback(callback)
    n_threads = check.check_n_threads(n_threads)
    seeds = check.as_generator(random_state).integers(2**63, size=4).tolist()
    source, moments = check.checked_source(array, weights, metric=metric, n_threads=n_threads, budget=budget)
    random = np.random.default_rng(seeds[0])
    asked = Asked(
        array, source, moments, metric, budget, init, settings, reference_box=reference_box, seeds=seeds[1:], **sizes
    )
    try:
        from_sample = budget is not None and init == "auto"
        expected = len(ks) if from_sample else n_init * n_fits(ks, source.n)
        with Progress(verbose, expected if rule is None else None, callback) as tell:
            fitter = Fitter(source, moments, keep_labels=keep_labels or rule is not None, tell=tell, **settings)
            if rule is not None:
                path = grow(fitter, rule, ks[-1], random)
            elif from_sample:
                path = path_from_sample(fitter, ks, n_init, random)
            else:
                path = best_path(fitter, ks, starter(init, array, source, metric, random), n_init, random)
        table = table_of(path, names, asked)
    finally:
        if hasattr(source, "close"):
            source.close()
    ks = tuple(sorted(path))
    warn_too_few(path[ks[-1]].n_found, ks[-1], "k")
    results = {k: as_result(path[k], metric, keep_labels) for k in ks}
    suggestions = suggest(ks, table, names) if rule is None else {method: ks[-1]}
    return Selection(method, ks, results, table, suggestions)


def as_result(fitted, metric, keep_labels):
    """A clustering as `fit` gives it."""
    return KMeansResult(
        fitted.centers, fitted.labels if keep_labels else None, fitted.inertia, fitted.n_iter, fitted.converged,
        fitted.history, fitted.plan, metric,
    )  # fmt: skip


class Progress:
    """What is told of fits: a bar, if wanted, and the user's callback."""

    def __init__(self, verbose, n_fits, callback):
        self.verbose, self.n_fits, self.callback, self.bar = verbose, n_fits, callback, None

    def __enter__(self):
        if self.verbose:
            from tqdm import tqdm

            self.bar = tqdm(total=self.n_fits, unit="fit", desc="fits")
        return self.tell

    def __exit__(self, *exception):
        if self.bar is not None:
            self.bar.close()

    def tell(self, k, fitted):
        """A fit of k clusters is done; False if the user wants no more."""
        if self.bar is not None:
            self.bar.update(1)
            self.bar.set_postfix_str(f"k={k} inertia {fitted.inertia:.6g}", refresh=False)
        return None if self.callback is None else self.callback(k, fitted.inertia)
