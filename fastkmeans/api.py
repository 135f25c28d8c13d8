"""The functional face: fit, predict, transform, seeding."""

import numpy as np

from fastkmeans import validation as check
from fastkmeans.asking import checked_centers, question
from fastkmeans.engine import threads
from fastkmeans.engine.planner import label_rows
from fastkmeans.engine.plus_plus import plus_plus
from fastkmeans.kernels.jit import compiler_lock
from fastkmeans.lazily import is_dask, over_blocks
from fastkmeans.restarts import run_fit
from fastkmeans.result import warn_too_few
from fastkmeans.serving import labels_of_few
from fastkmeans.sources.blocks import METRICS
from fastkmeans.sources.label_files import check_label_file, label_file

threads.guard_fork(compiler_lock)


def fit(
    X,
    n_clusters,
    *,
    init="auto",
    n_init="auto",
    max_iter=300,
    tol=1e-4,
    sample_weight=None,
    random_state=None,
    algorithm="auto",
    metric="euclidean",
    n_threads=None,
    verbose=0,
    callback=None,
    memory_budget=None,
    checkpoint=None,
    frozen_centers=None,
):
    """Cluster the rows of X into `n_clusters` groups by Lloyd's algorithm, exactly.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Numbers of any dtype, order and byte order, read where they lie and never copied whole; pandas, polars and
        pyarrow tables of numbers. Sparse matrices of scipy are read by their stored values: CSR in place, other
        formats as a CSR copy, and the zeros are never written out beyond a few rows. Computed in float32 where that
        holds the values exactly (float32, float16, bool, 8- and 16-bit integers), else in float64. Or a path, a list
        of paths, a folder, or what `open_rows` gives: files that are larger than `memory_budget` are read block by
        block in every pass. Or a Dask array or data frame, which a cluster works on where its blocks lie.
    n_clusters : int
        Number of clusters, from 1 to n_samples.
    init : {"auto", "k-means++", "k-means||", "afk-mc2", "random"}, array or callable, default="auto"
        First centers. "k-means++" is greedy, with 2 + floor(log(n_clusters)) trials for each center; "k-means||" draws
        many rows in each of five rounds and chooses among them, as good and sooner done where there are many.
        "auto" takes the centers of the best of three fits of a sample of 256 rows a cluster, drawn with chances by
        weight, from 65,536 rows and 4,096 a cluster on, if the sample is small beside X; unless the first iteration
        over all rows shows that the sample missed some of what is there, as rows are more than 5 % farther from their
        centers. Then, and for fewer rows, it is "k-means||" from 16 clusters (8 of fewer than 16 columns) and 16,384
        rows on if there are 20 rows for each cluster and its candidates are small beside X, else "k-means++".
        "afk-mc2" takes short random walks, a quick start that is less good; "random" takes distinct rows. Or a
        (n_clusters, n_features) array of centers, a 1-D array of n_clusters row numbers, or a callable
        ``init(X, n_clusters, random_state)`` that returns either.
    n_init : int or "auto", default="auto"
        Runs from different starts, of which the best is kept, the first on a tie. "auto" is 10 for "random" and
        callables, else 1.
    max_iter : int, default=300
        Most iterations of a run.
    tol : float, default=1e-4
        A run ends when the squared movements of the centers sum to at most `tol` times the mean variance of the
        columns. 0 runs until no label changes.
    sample_weight : array-like of shape (n_samples,), Dask array, str or path, default=None
        Weights >= 0, counting as repetitions, in seeding too; a path to them, or the name of their
        column in the files, which is then no feature (where `open_rows` opened these, its `columns` say what is one).
    random_state : int, Generator, RandomState or None, default=None
        Seed. The same seed gives the same bits for any number of threads. None draws from NumPy's global state.
    algorithm : {"auto", "dense", "screened", "boxes", "bounds", "lloyd", "elkan"}, default="auto"
        How rows are labelled; every way gives the same labels. "auto", which "lloyd" and "elkan" mean too, takes the
        way that was measured to be fastest for so many columns and clusters, and gives it up if it does not pay;
        `KMeansResult.plan` tells. "dense" scores every row against every center; "screened" does so in bytes, 12 bytes
        a row, and measures the few centers that this leaves; "boxes" holds rows of up to 8 columns a second time, in
        the order of space, and rules centers out for whole blocks of them; "bounds" remembers for each row which groups
        of centers are too far, 4 bytes for 32 centers. Passes are dense where a way cannot go or memory has no room for
        it. Sparse rows are labelled by their own sweep, whatever the name.
    metric : {"euclidean", "cosine"}, default="euclidean"
        "cosine" clusters unit rows around unit centers; inertia is Euclidean there: 2 (1 - cos) a row.
    n_threads : int or None, default=None
        Threads to use; None for all CPUs that this process may use.
    verbose : int, default=0
        1 shows a progress bar on stderr.
    callback : callable or None, default=None
        Called with an `IterationStats` after every seeding step and iteration; returning False stops the fit,
        which then returns what it has.
    memory_budget : int, default=None
        Bytes that rows of files may take in memory, or, where the files are larger, the blocks that are read and what
        is kept for each row; None for half of what is free. The labels of a result are an array as long as the rows
        all the same, mapped from a temporary file where the budget has no room. Rows that are streamed are labelled
        densely, and "auto" and "k-means++" start from fits of a sample of 256 rows a cluster, whatever they show.
    checkpoint : path-like or Checkpoint, default=None
        An .npz file that holds the state of the fit after each iteration. If it is there already, the fit goes on from
        it, and ends with the bits of one that was never stopped; the file of other rows or settings is an error.
        Rows are labelled densely.
    frozen_centers : array-like of shape (m, n_features), default=None
        Centers that attract rows and never move, m <= n_clusters: the first m centers of the result, in its dtype (for
        cosine, of length 1). The others are seeded given these, an `init` of centers or row numbers has
        n_clusters - m of them, and so many a callable is asked for. A frozen center that is nearest to no row keeps
        an empty cluster.

    Returns
    -------
    KMeansResult
        `centers`, `labels`, `inertia`, `n_iter`, `converged`, `history`, `plan`.

    Raises
    ------
    ValueError, TypeError
        If X holds NaN, infinity or values whose squares overflow, is empty or not 2-D, or an argument is out of
        range; the message names the argument and the remedy.

    Warns
    -----
    TooFewDistinctRows
        If X has fewer distinct rows than `n_clusters`: the clusters left over are empty.

    Notes
    -----
    O(n_samples * n_clusters * n_features) an iteration, O(stored values * n_clusters) for sparse rows. Extra memory:
    partial sums, at most max(64 MB, 15 % of X), and three arrays of the size of the centers in float64. The label of a
    row is the center with the least float64 sum of squared differences, features in order, the lower index on a tie.

    References
    ----------
    .. [1] S. Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28(2), 1982.
       doi:10.1109/TIT.1982.1056489
    .. [2] D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
    .. [3] B. Bahmani et al., "Scalable k-means++", PVLDB 5(7), 2012.
    .. [4] O. Bachem et al., "Fast and provably good seedings for k-means", NIPS 2016.

    Examples
    --------
    >>> import numpy as np, fastkmeans
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]], dtype=np.float32)
    >>> result = fastkmeans.fit(X, 2, init=X[[0, 3]])
    >>> result.labels
    array([0, 0, 0, 1, 1, 1], dtype=int32)
    >>> result.centers
    array([[ 1.,  2.],
           [10.,  2.]], dtype=float32)
    >>> result.inertia
    16.0
    """
    result, n_found = run_fit(
        X, n_clusters, init=init, n_init=n_init, max_iter=max_iter, tol=tol, sample_weight=sample_weight,
        random_state=random_state, algorithm=algorithm, metric=metric, n_threads=n_threads, verbose=verbose,
        callback=callback, memory_budget=memory_budget, checkpoint=checkpoint, frozen_centers=frozen_centers,
    )  # fmt: skip
    warn_too_few(n_found, n_clusters)
    return result


def fit_batches(make_batches, n_clusters, **settings):
    """Cluster rows that a function gives in batches, anew for every pass, by Lloyd's algorithm, exactly.

    Parameters
    ----------
    make_batches : callable
        Without arguments; returns an iterable of (rows, columns) arrays, or of pairs of such an array and the weights
        of its rows. Called once a pass, and must give the same batches each time. Batches may differ in length, and
        are the blocks that are in memory, up to three at a time.
    n_clusters : int
    settings
        Of `fit`, all but `sample_weight`.

    Returns
    -------
    KMeansResult

    Raises
    ------
    ValueError, TypeError
        As for `fit`; and if the batches differ from one pass to the next, or come only once: for these there is
        `MiniBatchKMeans.partial_fit`.

    Examples
    --------
    >>> import numpy as np
    >>> def read():
    ...     for start in (0, 10, 100):
    ...         yield np.arange(start, start + 3.0).reshape(3, 1)
    >>> fit_batches(read, 3, random_state=0).inertia
    6.0
    """
    if "sample_weight" in settings:
        raise TypeError("fit_batches takes weights with the batches: let make_batches give pairs of rows and weights")
    return fit(check.as_batches(make_batches), n_clusters, **settings)


def predict(X, centers, *, metric="euclidean", n_threads=None, out=None):
    """The index of the nearest center of every row.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        As for `fit`; its dtype need not be that of the centers.
    centers : array-like of shape (n_clusters, n_features)
        For ``metric="cosine"``, centers that are not of length 1 are divided by their length.
    metric : {"euclidean", "cosine"}, default="euclidean"
    n_threads : int or None, default=None
    out : path-like, default=None
        A .npy or .parquet file that labels are written to as they come, for rows in files that are larger than memory.
        It appears whole, or not at all.

    Returns
    -------
    ndarray of shape (n_samples,), int32, or None with `out`
        The center with the least float64 sum of squared differences, the lower index on a tie. Of a Dask collection,
        a Dask array, computed when it is asked for.

    Raises
    ------
    ValueError, TypeError
        As for `fit`; and if the centers have other columns than X.

    Notes
    -----
    O(n_samples * n_clusters * n_features); extra memory O(n_clusters * n_features). Many rows of up to 4 features are
    put in the order of space first where clusters are many, so that most distances need not be taken; they are held a
    second time meanwhile.

    Examples
    --------
    >>> predict([[1.0], [8.0]], [[0.0], [9.0]])
    array([0, 1], dtype=int32)
    """
    if out is not None:
        check_label_file(out)
    if type(X) is np.ndarray and out is None:
        labels = labels_of_few(X, centers, metric)
        if labels is not None:
            return labels
    if is_dask(X):
        if out is not None:
            raise TypeError("out= is for arrays and files; of a Dask collection, write the Dask array of labels")
        return over_blocks(predict, X, *checked_centers(centers, metric), np.int32)
    source, way = question(X, centers, metric, None, n_threads)
    if out is None:
        return label_rows(source, way)
    with label_file(out, source.n) as labels:
        label_rows(source, way, labels)
    return None


def inertia(X, centers, sample_weight=None, *, metric="euclidean", n_threads=None):
    """The sum of weight times squared distance of every row to its nearest center.

    Parameters
    ----------
    X, centers, metric, n_threads
        As for `predict`.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
    """
    source, way = question(X, centers, metric, sample_weight, n_threads)
    return source.map_labels(way.inertia_pass())[1].inertia


def transform(X, centers, *, metric="euclidean", n_threads=None):
    """The Euclidean distance of every row to every center.

    Parameters
    ----------
    X, centers, metric, n_threads
        As for `predict`; with ``metric="cosine"`` distances are between unit vectors, sqrt(2 (1 - cos)).

    Returns
    -------
    ndarray of shape (n_samples, n_clusters)
        float32 if both X and the centers are computed in float32, else float64. Sums of squared differences: exact
        to rounding wherever the data lie.

    Examples
    --------
    >>> transform([[3.0, 4.0]], [[0.0, 0.0], [3.0, 4.0]])
    array([[5., 0.]])
    """
    if is_dask(X):
        centers, metric = checked_centers(centers, metric)
        dtype = np.promote_types(check.computing_type(X), check.computing_type(centers))
        return over_blocks(transform, X, centers, metric, dtype, len(centers))
    source, way = question(X, centers, metric, None, n_threads)
    distances = np.empty((source.n, len(way.centers)), source.dtype)
    source.reduce(way.transform_pass(), row_state=(distances,))
    return distances


def kmeans_plusplus(X, n_clusters, *, sample_weight=None, x_squared_norms=None, random_state=None,
                    n_local_trials=None, metric="euclidean", n_threads=None):  # fmt: skip
    """Choose first centers among the rows by greedy k-means++.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
    n_clusters : int
    sample_weight : array-like of shape (n_samples,), default=None
        Rows of weight 0 are not chosen while others are left.
    x_squared_norms : array-like of shape (n_samples,), default=None
        As scikit-learn has it; not needed here.
    random_state : int, Generator, RandomState or None, default=None
    n_local_trials : int or None, default=None
        Rows tried for each center, of which the best is taken; None for 2 + floor(log(n_clusters)).
    metric : {"euclidean", "cosine"}, default="euclidean"
    n_threads : int or None, default=None

    Returns
    -------
    centers : ndarray of shape (n_clusters, n_features)
    indices : ndarray of shape (n_clusters,), int64
        Row numbers of the centers.

    Notes
    -----
    O(n_samples * n_clusters * n_features * trials) at most: rows that a trial cannot win are not read. Extra memory:
    a distance and a label a row, and up to 48 MB of distances to the trials of a step.

    References
    ----------
    .. [1] D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
    .. [2] E. Raff, "Exact acceleration of K-Means++ and K-Means||", IJCAI 2021.
    """
    array = check.as_rows(X, sparse=True)
    k = check.check_n_clusters(n_clusters, array.shape[0])
    check.check_name(metric, METRICS, "metric")
    check.check_norms(x_squared_norms, array.shape[0])
    if n_local_trials is not None:
        check.check_integer(n_local_trials, "n_local_trials")
    n_threads = check.check_n_threads(n_threads)
    weights = check.as_weights(sample_weight, array.shape[0])
    random = check.as_generator(random_state)
    source, _ = check.checked_source(array, weights, metric=metric, n_threads=n_threads)
    indices = plus_plus(source, k, random, n_trials=n_local_trials)
    return source.take(indices), indices
