"""User input to what the engine takes. Every error that a user can cause is raised here."""

import difflib
import math
import numbers
import os

import numpy as np

from fastkmeans.engine.moments import UnusableRow, largest_value, measure
from fastkmeans.engine.planner import ALIASES, ASSIGNERS
from fastkmeans.engine.seeding import SEEDINGS
from fastkmeans.sources.batches import Batches, BatchRows
from fastkmeans.sources.blocks import ArrayRows, computing_dtype
from fastkmeans.sources.frames import table_to_array
from fastkmeans.sources.sparse import SparseRows, canonical_rows, is_sparse
from fastkmeans.sources.stored import StoredRows, default_budget, is_path, open_rows, weights_in
from fastkmeans.sources.streamed import StreamedRows

FEW_VALUES = 1 << 17
LEAST_BUDGET = 1 << 20
WEIGHT_LIMIT = 1e250  # sums of weights times squares must fit float64


# ---- rows -------------------------------------------------------------------------------------------------


def as_rows(X, name="X", sparse=False):
    """X as a 2-D array of numbers, in place wherever it is one already; with `sparse`, or as a matrix in CSR."""
    array = _as_sparse(X, name) if sparse and is_sparse(X) else _as_array(X, name)
    return _checked_shape(array, name)


def opened(X, sample_weight):
    """X and the weights, opened if X names files, read if a path or a column of X names the weights."""
    named = isinstance(sample_weight, str | os.PathLike)
    if is_path(X):
        X = open_rows(X, leave_out=str(sample_weight) if named and not is_path(sample_weight) else None)
    return X, weights_in(X, sample_weight) if named else sample_weight


def as_stored_or_rows(X, memory_budget, name="X"):
    """(X as `as_rows` has it, None); or, if X is StoredRows larger than the budget, X and the budget."""
    if memory_budget is not None:
        memory_budget = check_integer(memory_budget, "memory_budget", LEAST_BUDGET)
    if isinstance(X, Batches):
        return X, default_budget() if memory_budget is None else memory_budget
    if not isinstance(X, StoredRows):
        return as_rows(X, name, sparse=True), None
    _checked_dtype(np.empty(0, X.dtype), name)
    _checked_shape(X, name)
    budget = default_budget() if memory_budget is None else memory_budget
    return (X, budget) if X.nbytes > budget else (as_rows(X.load(), name), None)


def as_batches(make_batches):
    """What the function gives, as Batches: every batch has been looked at."""

    def as_batch(given):
        rows, weights = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
        array = _as_array(rows, "a batch")
        if array.ndim != 2:
            raise ValueError(f"a batch must be 2-D (rows, columns), got {array.ndim}-D of shape {array.shape}")
        return array, None if weights is None else _plain_weights(weights, len(array))

    return Batches(make_batches, as_batch)


def _checked_shape(array, name):
    if array.ndim != 2:
        remedy = {
            0: "pass a table of rows and columns",
            1: f"reshape with {name}.reshape(-1, 1) if it is one column, or {name}.reshape(1, -1) if it is one row",
        }.get(array.ndim, f"flatten each row: {name}.reshape(len({name}), -1)")
        raise ValueError(f"{name} must be 2-D (rows, columns), got {array.ndim}-D of shape {array.shape}; {remedy}")
    if array.shape[0] == 0:
        raise ValueError(f"{name} has no rows (0 sample(s), shape={array.shape}); at least 1 is required")
    if array.shape[1] == 0:
        raise ValueError(f"{name} has no columns (0 feature(s), shape={array.shape}); at least 1 is required")
    return array


def _as_sparse(X, name):
    if X.ndim != 2:
        return np.empty(X.shape)  # as_rows says what is wrong with that
    _checked_dtype(np.empty(0, X.dtype), name)
    rows = X.tocsr()
    n, d = rows.shape
    if d >= 2**31:
        raise ValueError(f"{name} has {d} columns, and centers would have as many; at most {2**31 - 1} are possible")
    begins, columns = rows.indptr, rows.indices[: rows.indptr[-1]]
    sound = begins[0] == 0 and (np.diff(begins) >= 0).all() and len(columns) == begins[-1] <= len(rows.data)
    if not (sound and (len(columns) == 0 or 0 <= columns.min() <= columns.max() < d)):
        raise ValueError(f"{name} is no sound sparse matrix: {name}.tocsr().check_format() says what is wrong")
    rows = canonical_rows(X, rows)
    return rows.astype(np.float64) if rows.dtype.kind == "f" and rows.dtype.itemsize > 8 else rows


def _as_array(X, name):
    if is_sparse(X):
        raise TypeError(f"{name} is a sparse matrix; pass {name}.toarray() if it fits in memory")
    refuse_what_is_no_table(X, name)
    try:
        array = np.asarray(table_to_array(X, name))
    except ValueError as error:
        raise ValueError(f"{name} is not a table of numbers: {error}") from None
    return _checked_dtype(array, name)


def refuse_what_is_no_table(X, name="X"):
    """Raise if X is of a type that holds no table, or one with holes, whatever is in it."""
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise ValueError(
            f"{name} is a masked array with {np.ma.count_masked(X)} masked entries, which k-means cannot skip; "
            f"fill them ({name}.filled(value)) or drop those rows"
        )
    if is_sparse(X):  # one of them is a dict
        return
    if isinstance(X, (str, bytes, dict, set)) or (hasattr(X, "__next__") and not hasattr(X, "__array__")):
        raise TypeError(
            f"{name} must be a table of numbers, got {type(X).__name__}; pass a 2-D array, a data frame or a path"
        )


def _checked_dtype(array, name):
    kind = array.dtype.kind
    if kind == "c":
        raise ValueError(
            f"{name} is complex, and Complex data not supported: pass the parts as columns, "
            f"np.hstack([{name}.real, {name}.imag])"
        )
    if kind == "O":
        raise TypeError(
            f"{name} has dtype object, which may hold anything; convert it first, e.g. {name}.astype(np.float64)"
        )
    if kind not in "biuf":
        raise TypeError(f"{name} has dtype {array.dtype}; k-means needs numbers: convert or encode it first")
    if kind == "f" and array.dtype.itemsize > 8:  # no kernel reads long doubles
        return array.astype(np.float64)
    return array if type(array) is np.ndarray else np.asarray(array).view(np.ndarray)


def checked_source(array, weights=None, *, metric="euclidean", dtype=None, n_threads=None, name="X", budget=None):
    """A source over `array` and its Moments, once every value has been looked at; streamed, with a `budget`."""
    settings = {"cosine": metric == "cosine", "dtype": dtype, "n_threads": n_threads}
    if budget is not None:
        make, rows = (BatchRows, array) if isinstance(array, Batches) else (StreamedRows, array.tables)
        source = make(rows, weights, budget=budget, **settings)
    else:
        source = (SparseRows.of if is_sparse(array) else ArrayRows)(array, weights, **settings)
    try:
        return source, measure(source)
    except UnusableRow as found:
        if budget is not None:
            row = source.take([found.row], unit=False)
        else:
            row = array[[found.row]].toarray() if is_sparse(array) else array[found.row : found.row + 1]
        raise _unusable(row[0], found.row, found.zero, source.dtype, name) from None


def rows_to_ask(array, weights, *, metric, dtype, n_threads=None, name="X", budget=None):
    """A source over `array` for questions about given centers, once every value has been looked at."""
    if _plainly_usable(array, metric, dtype):
        return ArrayRows(array, weights, dtype=dtype, n_threads=n_threads)
    settings = {"metric": metric, "dtype": dtype, "n_threads": n_threads}
    return checked_source(array, weights, name=name, budget=budget, **settings)[0]


def _plainly_usable(array, metric, dtype):
    """Whether a look by NumPy finds few values usable: 15 us for 16,000, where a pass with its set-up takes 100."""
    few = type(array) is np.ndarray and array.size <= FEW_VALUES and metric == "euclidean"
    return few and float(np.abs(array).max()) <= largest_value(dtype, array.shape[1])


def _unusable(values, row, zero, dtype, name):
    if zero:
        return ValueError(
            f"{name} row {row} is all zeros and has no direction, which metric='cosine' needs; drop such rows"
        )
    values = values.astype(np.float64)
    limit = largest_value(dtype, len(values))
    column = int(np.flatnonzero(~(np.abs(values) <= limit))[0])
    value, place = values[column], f"at row {row}, column {column}"
    if np.isnan(value):
        return ValueError(
            f"{name} contains NaN ({place}); k-means has no notion of a missing value: impute it "
            f"(e.g. sklearn.impute.SimpleImputer) or drop the row"
        )
    if np.isinf(value):
        return ValueError(f"{name} contains infinity ({place}); replace it or drop the row")
    return ValueError(
        f"{name} holds {value:g} {place}, whose square overflows {np.dtype(dtype).name} (largest size here "
        f"{limit:.3g}); scale the data" + ("" if dtype == np.float64 else " or convert it to float64")
    )


def as_weights(sample_weight, n):
    """The weights as a contiguous float64 array; None for none, or for ones, which are quicker left out."""
    if sample_weight is None:
        return None
    weights = _plain_weights(sample_weight, n)
    with np.errstate(over="ignore"):
        total = weights.sum()
    if total == 0:
        raise ValueError("sample_weight is zero for every row; at least one must be positive")
    if not total < WEIGHT_LIMIT:
        raise ValueError(f"sample_weight sums to {total:g}, which overflows; divide the weights by a constant")
    return None if (weights == 1).all() else weights


def _plain_weights(sample_weight, n):
    """n finite weights >= 0 as a contiguous float64 array."""
    try:
        weights = np.asarray(sample_weight)
        if weights.dtype.kind not in "biuf":
            raise TypeError
        number, weights = weights.ndim == 0, np.ascontiguousarray(weights, np.float64)
    except (TypeError, ValueError):
        raise TypeError("sample_weight must be numbers, one a row of X") from None
    if number:
        weights = np.full(n, float(weights[0]))
    if weights.shape != (n,):
        raise ValueError(
            f"sample_weight has shape {weights.shape}, but X has {n} rows: Sample weights must be 1D array of "
            f"shape ({n},)"
        )
    if not np.isfinite(weights).all():
        row = int(np.flatnonzero(~np.isfinite(weights))[0])
        raise ValueError(f"sample_weight contains NaN or infinity (at row {row}); every weight must be finite")
    if (weights < 0).any():
        row = int(np.flatnonzero(weights < 0)[0])
        raise ValueError(f"sample_weight is negative at row {row} ({weights[row]:g}); weights must be >= 0")
    return weights


def check_norms(x_squared_norms, n):
    """Raise unless there is one for each row; they are not used."""
    if x_squared_norms is not None and len(x_squared_norms) != n:
        raise ValueError(
            f"The length of x_squared_norms {len(x_squared_norms)} should be equal to the length of n_samples {n}; "
            "it may be left out"
        )


# ---- centers ----------------------------------------------------------------------------------------------


def as_centers(centers, d, dtype, metric, name="centers"):
    """Centers as a C-ordered array in the computing type, of length 1 for cosine."""
    array = as_rows(centers, name)
    if array.shape[1] != d:
        raise ValueError(f"{name} has {array.shape[1]} columns, but X has {d}; both must have the same features")
    rows_to_ask(array, None, metric="euclidean", dtype=dtype, name=name)
    array = np.array(array, dtype, order="C")
    if metric == "cosine":
        lengths = np.sqrt((array.astype(np.float64) ** 2).sum(axis=1))
        if not lengths.all():
            raise _unusable(array[0], int(np.flatnonzero(lengths == 0)[0]), True, dtype, name)
        off = np.abs(lengths - 1) > 4 * d * np.finfo(dtype).eps
        array[off] = array[off] / lengths[off, None]
    return array


def as_init(init, n_clusters, array, source, metric, random_state):
    """What `init` stands for: a seeding's name, or an array of centers."""
    n, d = array.shape
    if isinstance(init, str):
        if init not in SEEDINGS:
            raise ValueError(
                f"init={init!r} is unknown{_nearest(init, SEEDINGS)}; choose one of "
                f"{', '.join(map(repr, SEEDINGS))}, an array of centers, row numbers, or a callable"
            )
        return init
    name = "init"
    if callable(init):
        init, name = init(array, n_clusters, random_state), "the result of init"
    if init is None:
        raise ValueError("init=None is no way of seeding; leave it out for 'auto'")
    given = _as_array(init, name)
    if given.ndim == 1 and given.dtype.kind in "iu":
        return _rows_as_centers(given, n_clusters, n, source)
    if given.ndim != 2 or given.shape != (n_clusters, d):
        what = "number of features of the data" if given.shape[:1] == (n_clusters,) else "number of clusters"
        raise ValueError(
            f"The shape of the initial centers {given.shape} ({name}) does not match the {what}: it must be "
            f"(n_clusters, columns of X) = ({n_clusters}, {d}); a 1-D init holds {n_clusters} row numbers (integers)"
        )
    return as_centers(given, d, source.dtype, metric, name)


def _rows_as_centers(given, n_clusters, n, source):
    if given.shape != (n_clusters,):
        raise ValueError(f"init lists {len(given)} row numbers, but n_clusters={n_clusters}; give one for each")
    outside = (given < 0) | (given >= n)
    if outside.any():
        raise ValueError(f"init lists row {given[outside][0]}, but X has rows 0 to {n - 1}")
    return source.take(given)


# ---- numbers and names ------------------------------------------------------------------------------------


def _nearest(word, known):
    close = difflib.get_close_matches(word, list(known), 1, 0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def check_name(value, known, argument):
    """Raise unless `value` is one of the known names."""
    if not isinstance(value, str) or value not in known:
        hint = _nearest(value, known) if isinstance(value, str) else ""
        raise ValueError(f"{argument}={value!r} is unknown{hint}; choose one of {', '.join(map(repr, known))}")
    return value


def check_algorithm(algorithm):
    """Raise unless a way of labelling has this name."""
    return check_name(algorithm, [*ALIASES, *ASSIGNERS], "algorithm")


def check_resumable(algorithm):
    """The way of a fit with a checkpoint: sums of other ways depend on what they remember of the rows."""
    if algorithm not in (*ALIASES, "dense"):
        raise ValueError(f"algorithm={algorithm!r} cannot be resumed from a checkpoint; leave it out, or take 'dense'")
    return "dense"


def check_integer(value, argument, least=1):
    """`value` as an int of at least `least`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{argument} must be an integer, got {value!r} ({type(value).__name__})")
    if value < least:
        raise ValueError(f"{argument}={value} must be at least {least}")
    return int(value)


def check_n_clusters(n_clusters, n):
    """`n_clusters` as an int between 1 and the number of rows."""
    k = check_integer(n_clusters, "n_clusters")
    if k > n:
        raise ValueError(f"n_samples={n} should be >= n_clusters={k}: X has {n} rows; ask for at most {n} clusters")
    return k


def check_tol(tol):
    """`tol` as a float >= 0."""
    if isinstance(tol, (bool, np.bool_)) or not isinstance(tol, numbers.Real):
        raise TypeError(f"tol must be a number >= 0, got {tol!r}")
    if not (math.isfinite(tol) and tol >= 0):
        raise ValueError(f"tol={tol} must be finite and >= 0")
    return float(tol)


def check_n_init(n_init, init, several=10):
    """How many runs: "auto" is `several` for random starts and callables, else 1; fixed centers need one."""
    fixed = not isinstance(init, str) and not callable(init)
    if isinstance(n_init, str) and n_init == "auto":
        return several if callable(init) or (isinstance(init, str) and init == "random") else 1
    n_init = check_integer(n_init, "n_init")
    return 1 if fixed else n_init


def check_n_threads(n_threads):
    """`n_threads` as an int of at least 1, or None for all."""
    return None if n_threads is None else check_integer(n_threads, "n_threads")


def check_callback(callback):
    """Raise unless `callback` is None or can be called."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable with one IterationStats, got {type(callback).__name__}")
    return callback


def as_generator(random_state):
    """A NumPy Generator: seeded by an integer or by a draw from what was given."""
    if random_state is None:
        return np.random.default_rng(np.random.randint(2**32, dtype=np.uint64))  # noqa: NPY002 - scikit-learn's rule
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**32, dtype=np.uint64))
    if isinstance(random_state, (bool, np.bool_)) or not isinstance(random_state, numbers.Integral):
        raise TypeError(f"random_state must be None, an integer, a Generator or a RandomState, got {random_state!r}")
    if random_state < 0:
        raise ValueError(f"random_state={random_state} must be >= 0")
    return np.random.default_rng(int(random_state))


def computing_type(array):
    """The type that a fit of `array` computes in."""
    return computing_dtype(array.dtype)
