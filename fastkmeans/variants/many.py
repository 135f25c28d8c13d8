"""Many problems in one call: thousands of small fits, or the codebooks of a product quantiser."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from fastkmeans import validation as check
from fastkmeans.engine import threads
from fastkmeans.engine.assigners import dense_row_seconds
from fastkmeans.engine.many import GIVEN, RANDOM, FewFits, Problems, Shape, place_of, places_in, start_of
from fastkmeans.engine.seeding import random_rows
from fastkmeans.lazily import is_dask
from fastkmeans.restarts import run_fit
from fastkmeans.result import KMeansResult, TooFewDistinctRows
from fastkmeans.sources.blocks import METRICS, ArrayRows
from fastkmeans.sources.stored import is_path

# Large fits for each thread, from which on they run side by side, not one after the other on all threads. Codebooks of
# 100k x 64 in 8 groups, k=256, ten iterations on two threads: 2.0 to 2.2 s side by side, 2.3 to 2.4 otherwise.
FITS_A_THREAD = 2


class ManyResults(Sequence):
    """The results of many fits: a sequence of `KMeansResult`, which are made when they are asked for.

    Attributes
    ----------
    centers : ndarray of shape (n_problems, n_clusters, n_features), or list of ndarray
        One array where all problems have the same columns, clusters and computing type, else a list; as `labels`.
    labels : ndarray of shape (n_problems, n_samples), int32, or list of ndarray
    inertia : ndarray of shape (n_problems,), float64
    n_iter : ndarray of shape (n_problems,), int64
    converged : ndarray of shape (n_problems,), bool
    seeds : ndarray of shape (n_problems,), int64
        Result i is that of ``fit(problems[i], n_clusters, random_state=seeds[i])``.
    metric : {"euclidean", "cosine"}
    """

    def __init__(self, groups, places, seeds, metric):
        self._groups, self._places = groups, places
        self.seeds, self.metric = seeds, metric
        self.inertia, self.n_iter = np.empty(len(seeds)), np.empty(len(seeds), np.int64)
        self.converged = np.empty(len(seeds), bool)
        for group in groups:
            for name in ("inertia", "n_iter", "converged"):
                getattr(self, name)[group.numbers] = getattr(group, name)
        first, alike = groups[0].problems, len(groups) == 1
        own = [(groups[group].problems, at) for group, at in places.tolist()]
        if alike and len(set(first.clusters.tolist())) == 1:
            self.centers = first.centers.reshape(len(seeds), -1, first.d)
        else:
            self.centers = [problems.centers_of(at) for problems, at in own]
        if alike and len(set(first.sizes.tolist())) == 1:
            self.labels = first.labels.reshape(len(seeds), -1)
        else:
            self.labels = [problems.labels_of(at) for problems, at in own]

    def __len__(self):
        return len(self.seeds)

    def __getitem__(self, number):
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        number = range(len(self))[number]
        group, at = self._places[number]
        return self._groups[group].result(at, self.metric)

    def __repr__(self):
        return (
            f"ManyResults({len(self)} fits, inertia={self.inertia.sum():.6g} in all, "
            f"{np.count_nonzero(self.converged)} converged)"
        )


class _Group:
    """Problems that are solved in one way, and what came out."""

    def __init__(self, numbers, problems):
        self.numbers, self.problems, self.few, self.ordinary = np.array(numbers), problems, None, {}
        self.inertia, self.n_iter = np.empty(len(numbers)), np.zeros(len(numbers), np.int64)
        self.converged = np.empty(len(numbers), bool)

    def take_few(self, few):
        """Take over what compiled fits came to; return the places of the problems that they left."""
        self.few = few
        self.inertia[:], self.n_iter[:], self.converged[:] = few.inertia, few.n_iter, few.converged
        return np.flatnonzero(few.n_iter == 0)

    def keep(self, at, result):
        """Keep the result of an ordinary fit; its arrays go where those of the others are."""
        centers, labels = self.problems.centers_of(at), self.problems.labels_of(at)
        centers[:], labels[:] = result.centers, result.labels
        self.inertia[at], self.n_iter[at], self.converged[at] = result.inertia, result.n_iter, result.converged
        self.ordinary[at] = replace(result, centers=centers, labels=labels)

    def result(self, at, metric):
        """The KMeansResult of the problem at this place."""
        if at in self.ordinary:
            return self.ordinary[at]
        run, plan = self.few.run_of(at)
        return KMeansResult(
            run.centers, run.labels, run.inertia, run.n_iter, run.converged, tuple(run.history), plan, metric
        )


def fit_many(
    problems,
    n_clusters,
    *,
    init="auto",
    n_init="auto",
    max_iter=300,
    tol=1e-4,
    sample_weight=None,
    random_state=None,
    metric="euclidean",
    n_threads=None,
):
    """Cluster many sets of rows, each on its own, in one parallel call.

    Parameters
    ----------
    problems : array-like of shape (n_problems, n_samples, n_features), or sequence of 2-D arrays
        Rows as `fit` takes them, in memory, read where they lie. Those of a sequence may differ in length, columns and
        dtype, and may be data frames or sparse matrices. A view serves too: the columns of X in `m` groups, as product
        quantisation has them, are ``X.reshape(len(X), m, -1).swapaxes(0, 1)``, of which nothing is copied.
    n_clusters : int or sequence of n_problems int
    init : {"auto", "k-means++", "k-means||", "afk-mc2", "random"}, array or callable, default="auto"
        As for `fit`. An array of shape (n_problems, n_clusters, n_features) has the first centers of each; what `fit`
        takes, a 2-D array or row numbers, is the same for all.
    n_init, max_iter, tol
        As for `fit`, and the same for all.
    sample_weight : array-like of shape (n_problems, n_samples) or (n_samples,), or sequence, default=None
        Weights of the rows: of each problem, None for none, or the same for all.
    random_state : int, Generator, RandomState or None, default=None
        Each problem has a seed of its own, ``np.random.default_rng(random_state).integers(2**63, size=n_problems)``.
    metric : {"euclidean", "cosine"}, default="euclidean"
    n_threads : int or None, default=None
        Threads to use; None for all CPUs that this process may use.

    Returns
    -------
    ManyResults
        A sequence of `KMeansResult`: number i is what ``fit(problems[i], ..., random_state=seeds[i])`` returns, to the
        bit, for any number of threads. Its `centers` (n_problems, n_clusters, n_features), `labels` and `inertia`
        have all of them in one array each.

    Raises
    ------
    ValueError, TypeError
        As for `fit`; the message names the problem.

    Warns
    -----
    TooFewDistinctRows
        If a problem has fewer distinct rows than clusters.

    Notes
    -----
    Problems of up to 8,192 numbers and 64 clusters are solved hundreds in one compiled call: 10,000 of 200 x 4, k=4
    in a sixteenth of the time that calls of `fit` take (python -m benchmarks.compare --suite many). Larger ones are
    ordinary fits: a thread for each where they are small or at least twice as many as the threads, else all threads for
    one after the other. In memory at once are the results, and what fits take that run at a time.

    References
    ----------
    .. [1] H. Jegou, M. Douze, C. Schmid, "Product quantization for nearest neighbor search", IEEE Trans. Pattern Anal.
       Mach. Intell. 33(1), 2011. doi:10.1109/TPAMI.2010.57

    Examples
    --------
    >>> import numpy as np, fastkmeans
    >>> days = np.array([[[1.0], [2.0], [9.0]], [[0.0], [5.0], [7.0]]])
    >>> results = fastkmeans.fit_many(days, 2, random_state=0)
    >>> results.inertia
    array([0.5, 2. ])
    >>> results[1].labels.tolist() in ([0, 1, 1], [1, 0, 0])
    True

    Codebooks of 4 columns each, and the codes of the rows:

    >>> X = np.random.default_rng(0).normal(size=(1000, 16)).astype(np.float32)
    >>> books = fastkmeans.fit_many(X.reshape(1000, 4, 4).swapaxes(0, 1), 16, random_state=0)
    >>> books.centers.shape, books.labels.T.shape
    ((4, 16, 4), (1000, 4))
    """
    problems = _as_problems(problems)
    m = len(problems)
    clusters = _checked_clusters(n_clusters, problems)
    check.check_name(metric, METRICS, "metric")
    max_iter, tol = check.check_integer(max_iter, "max_iter"), check.check_tol(tol)
    n_init = check.check_n_init(n_init, init)
    n_threads = check.check_n_threads(n_threads) or threads.available_threads()
    inits, weights = _inits(init, m), _weights(sample_weight, problems)
    seeds = check.as_generator(random_state).integers(2**63, size=m)
    settings = {"max_iter": max_iter, "tol": tol, "metric": metric, "n_init": n_init}

    groups, places = _grouped(problems, clusters, weights, inits, max_iter)
    left = []
    for start, group in groups.items():
        ordinary = range(len(group.numbers))
        if start[0] is not None:
            ordinary = group.take_few(_few_fits(start[0], group, problems, inits, seeds, n_threads, settings))
        left += [(int(group.numbers[at]), group, int(at)) for at in ordinary]
    left.sort(key=lambda entry: entry[0])
    poor = _ordinary_fits(left, problems, weights, inits, seeds, n_threads, settings)
    if poor:
        others = f" and {len(poor) - 1} others have" if len(poor) > 1 else " has"
        warnings.warn(
            f"problems[{min(poor)}]{others} fewer distinct rows than clusters: some clusters are empty; ask for fewer",
            TooFewDistinctRows,
            stacklevel=2,
        )
    return ManyResults(list(groups.values()), places, seeds, metric)


# ---- what users give --------------------------------------------------------------------------------------


def _as_problems(problems):
    """A 3-D array, or a list of 2-D arrays and sparse matrices."""
    if isinstance(problems, Mapping) or not (hasattr(problems, "__array__") or isinstance(problems, Sequence)):
        raise TypeError(
            f"problems must be a 3-D array or a sequence of tables, got {type(problems).__name__}; make a list of them"
        )
    if isinstance(problems, str | bytes):
        raise TypeError(f"problems must be a 3-D array or a sequence of tables, got {type(problems).__name__}")
    if hasattr(problems, "__array__"):
        array = problems if isinstance(problems, np.ndarray) else np.asarray(problems)
        if array.ndim == 3 and len(array):
            array = check.as_array(array, "problems")
            check.as_rows(array[0], "problems[0]")
            return array
        if array.ndim != 1 and len(array):
            raise ValueError(
                f"problems must be 3-D (problems, rows, columns), got {array.ndim}-D of shape {array.shape}; pass [X] "
                "for one problem, or X.reshape(len(X), m, -1).swapaxes(0, 1) for its columns in m groups"
            )
    if len(problems) == 0:
        raise ValueError("problems is empty; at least one is required")
    return [_as_problem(X, f"problems[{i}]") for i, X in enumerate(problems)]


def _as_problem(X, name):
    if is_path(X) or is_dask(X):
        raise TypeError(f"{name} is not in memory: fit_many takes arrays; call fit for files and Dask collections")
    return check.as_rows(X, name, sparse=True)


@contextmanager
def _naming(number):
    """Let errors say which problem they are about."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"problems[{number}]: {error}") from error


def _checked_clusters(n_clusters, problems):
    """(m,) numbers of clusters."""
    each = list(n_clusters) if np.ndim(n_clusters) == 1 else [n_clusters] * len(problems)
    if len(each) != len(problems):
        raise ValueError(f"n_clusters lists {len(each)} numbers, but there are {len(problems)} problems")
    checked = {}
    for i, (k, X) in enumerate(zip(each, problems, strict=True)):
        if (k, X.shape[0]) not in checked:
            with _naming(i):
                checked[k, X.shape[0]] = check.check_n_clusters(k, X.shape[0])
    return np.array([int(k) for k in each])


def _inits(init, m):
    """What `init` is for each problem."""
    if isinstance(init, str) or callable(init) or np.ndim(init) != 3:
        return [init] * m
    if len(init) != m:
        raise ValueError(f"init has first centers for {len(init)} problems, but there are {m}")
    return list(np.asarray(init))


def _weights(sample_weight, problems):
    """[weights of each problem's rows, None for none]."""
    m = len(problems)
    if sample_weight is None:
        return [None] * m
    shared = not any(own is None or np.ndim(own) for own in sample_weight)
    each = [sample_weight] * m if shared else list(sample_weight)
    if len(each) != m:
        raise ValueError(
            f"sample_weight is for {len(each)} problems, but there are {m}; give None where there are none"
        )
    weights = []
    for i, (own, X) in enumerate(zip(each, problems, strict=True)):
        with _naming(i):
            weights.append(check.as_weights(own, X.shape[0]))
    return weights


# ---- the two ways -----------------------------------------------------------------------------------------


def _grouped(problems, clusters, weights, inits, max_iter):
    """({(start, ...): _Group}, (m, 2) the group and the place in it of every problem)."""
    named, starts, members, keys = [init if isinstance(init, str) else None for init in inits], {}, {}, []
    for i, X in enumerate(problems):
        dtype, k, sparse = X.dtype, int(clusters[i]), not isinstance(X, np.ndarray)
        what = (X.shape, dtype, k, sparse, named[i], callable(inits[i]))
        if what not in starts:
            shape = Shape(*X.shape, check.computing_type(X))
            able = not (sparse or callable(inits[i]))
            start = start_of(named[i], shape, k, max_iter) if able else None
            starts[what] = start, shape.dtype, shape.d, dtype.kind in "iub"
        members.setdefault(starts[what], []).append(i)
        keys.append(starts[what])
    stack = isinstance(problems, np.ndarray)
    groups = {}
    for key, numbers in members.items():
        start, dtype, d, integers = key
        where = np.empty((0, 5), np.int64)
        if start is not None:
            where = places_in(problems) if stack else np.array([place_of(problems[i]) for i in numbers])
        sizes = np.array([problems[i].shape[0] for i in numbers])
        own = [weights[i] for i in numbers]
        groups[key] = _Group(numbers, Problems(dtype, d, integers, where, sizes, clusters[numbers], own))
    places, order = np.empty((len(keys), 2), np.int64), {key: at for at, key in enumerate(groups)}
    for key, group in groups.items():
        places[group.numbers] = [(order[key], at) for at in range(len(group.numbers))]
    return groups, places


def _few_fits(start, group, problems, inits, seeds, n_threads, settings):
    """FewFits of the problems of a group, made."""
    own, numbers = group.problems, group.numbers
    metric, n_init = settings["metric"], settings["n_init"]

    def source(at):
        return ArrayRows(problems[numbers[at]], own.weights[at], cosine=metric == "cosine", n_threads=1)

    if start == GIVEN:
        for at, i in enumerate(numbers):
            with _naming(i):
                own.centers_of(at)[:] = check.as_init(
                    inits[i], int(own.clusters[at]), problems[i], source(at), metric, None
                )

    def draw(at, random):
        return random_rows(source(at), 1 if start != RANDOM else int(own.clusters[at]), random)

    few = FewFits(
        own, start, seeds[numbers], n_init=n_init, max_iter=settings["max_iter"], tol=settings["tol"],
        cosine=metric == "cosine", draw=draw,
    )  # fmt: skip
    few.run(n_threads)
    return few


def _ordinary_fits(left, problems, weights, inits, seeds, n_threads, settings):
    """Fit [(number, group, place in it)] as `fit` does; return the numbers of those with too few distinct rows."""
    poor, failed = set(), {}

    def fit_one(entry, own_threads):
        i, group, at = entry
        try:
            with _naming(i):
                k = int(group.problems.clusters[at])
                result, n_found = run_fit(
                    problems[i], k, init=inits[i], sample_weight=weights[i], random_state=int(seeds[i]),
                    algorithm="auto", n_threads=own_threads, **settings,
                )  # fmt: skip
        except Exception as error:
            failed[i] = error
            raise
        group.keep(at, result)
        if n_found < k:
            poor.add(i)

    def is_large(entry):
        _, group, at = entry
        seconds = dense_row_seconds(group.problems.dtype, group.problems.d, int(group.problems.clusters[at]))
        return group.problems.sizes[at] * seconds > threads.SERIAL_SECONDS

    large = [entry for entry in left if is_large(entry)]
    if len(large) >= FITS_A_THREAD * n_threads:
        large = []
    apart = {entry[0] for entry in large}
    small = [entry for entry in left if entry[0] not in apart]
    try:
        threads.run(len(small), lambda number: fit_one(small[number], 1), n_threads)
        for entry in large:
            fit_one(entry, n_threads)
    except Exception:
        if failed:  # begun in order: the first problem that is wrong is among them
            raise failed[min(failed)] from None
        raise
    return poor
