"""Rows and what is kept beside them, as users give them, to what the engine takes; and its sources over them."""

import os

import numpy as np

from fastkmeans.engine.moments import UnusableRow, largest_value, measure
from fastkmeans.sources.batches import Batches
from fastkmeans.sources.blocks import ArrayRows, computing_dtype
from fastkmeans.sources.dask_rows import DaskTable, is_dask
from fastkmeans.sources.facts import RemoteTable
from fastkmeans.sources.frames import table_to_array
from fastkmeans.sources.sparse import SparseRows, canonical_rows, is_sparse
from fastkmeans.sources.stored import StoredRows, default_budget, is_path, open_rows, weights_in
from fastkmeans.validation.settings import check_integer
from fastkmeans.validation.weights import check_total, plain_weights

FEW_VALUES = 1 << 17
LEAST_BUDGET = 1 << 20
LARGEST_PRICED = 1e140  # its square times all columns and clusters there may be fits float64


def as_rows(X, name="X", sparse=False):
    """X as a 2-D array of numbers, in place wherever it is one already; with `sparse`, or as a matrix in CSR."""
    array = _as_sparse(X, name) if sparse and is_sparse(X) else as_array(X, name)
    return _checked_shape(array, name)


def opened(X, sample_weight):
    """X and the weights: files are opened, Dask's blocks looked at; weights read if a path or a column of X names them.

    A DaskTable or Batches has its weights itself.
    """
    named = isinstance(sample_weight, str | os.PathLike)
    if is_dask(X):
        if named and is_path(sample_weight):
            sample_weight = weights_in(X, sample_weight)
        elif named:
            X, sample_weight = _without_column(X, sample_weight)
        return DaskTable(X, sample_weight, check_total), None
    if is_path(X):
        X = open_rows(X, leave_out=str(sample_weight) if named and not is_path(sample_weight) else None)
    return X, weights_in(X, sample_weight) if named else sample_weight


def _without_column(X, name):
    if name not in getattr(X, "columns", ()):
        raise TypeError(f"sample_weight={name!r} names neither a file nor a column of X")
    return X.drop(columns=[name]), X[name]


def as_stored_or_rows(X, memory_budget, name="X"):
    """(X as `as_rows` has it, None); or X and the budget, if X is larger than that or in blocks of Dask's."""
    if memory_budget is not None:
        memory_budget = check_integer(memory_budget, "memory_budget", LEAST_BUDGET)
    if not isinstance(X, Batches | StoredRows | RemoteTable):
        return as_rows(X, name, sparse=True), None
    budget = default_budget() if memory_budget is None else memory_budget  # 70 us, as it reads the system's files
    if isinstance(X, Batches):
        return X, budget
    _checked_shape(X, name)
    _checked_dtype(np.empty(0, X.dtype), name)
    if isinstance(X, RemoteTable):
        return X if X.distant or X.nbytes <= budget else as_batches(X.batches()), budget
    return (X, budget) if X.nbytes > budget else (as_rows(X.load(), name), None)


def as_rows_at_hand(X, asker):
    """X as an array in memory, for what needs all rows at once; files are read, if they fit."""
    if is_sparse(X):
        raise TypeError(f"X is a sparse matrix, which {asker} does not take; pass X.toarray() if it fits in memory")
    array, budget = as_stored_or_rows(opened(X, None)[0], None)
    if budget is not None:
        raise TypeError(
            f"{asker} needs all rows in memory, and X comes in blocks; pass an array, or a sample of the rows"
        )
    return array


def check_room(n_bytes, memory_budget, n, k):
    """Raise unless what is kept for n rows and k clusters has room in the budget, None for half of what is free."""
    if memory_budget is not None:
        memory_budget = check_integer(memory_budget, "memory_budget", LEAST_BUDGET)
    budget = default_budget() if memory_budget is None else memory_budget
    if n_bytes > budget:
        raise ValueError(
            f"the distances of {n:,} rows to {k:,} centers take {n_bytes / 2**30:.2f} GB, and memory_budget is "
            f"{budget / 2**30:.2f} GB; ask for fewer clusters, fit a sample of the rows and label the others with "
            "predict, or raise memory_budget"
        )


def check_magnitude(array, name="X"):
    """Raise if sums of squared distances over paths of clusters might overflow."""
    largest = max(float(array.max()), -float(array.min()))
    if largest > LARGEST_PRICED:
        raise ValueError(f"{name} holds values up to {largest:.3g}, too large for prices; divide it by a constant")


def as_batches(make_batches):
    """What the function gives, as Batches: every batch has been looked at."""

    def as_batch(given):
        rows, weights = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
        array = as_array(rows, "a batch")
        if array.ndim != 2:
            raise ValueError(f"a batch must be 2-D (rows, columns), got {array.ndim}-D of shape {array.shape}")
        return array, None if weights is None else plain_weights(weights, len(array))

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


def as_array(X, name):
    """X as an array of numbers of any dimensions."""
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
        source = array.as_source(weights, budget=budget, **settings)
    else:
        source = (SparseRows.of if is_sparse(array) else ArrayRows)(array, weights, **settings)
    try:
        return source, measure(source)
    except UnusableRow as found:
        if budget is not None:
            row = source.take([found.row], unit=False)
        else:
            row = array[[found.row]].toarray() if is_sparse(array) else array[found.row : found.row + 1]
        raise unusable(row[0], found.row, found.zero, source.dtype, name) from None


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


def unusable(values, row, zero, dtype, name):
    """The error that tells what is wrong with the values of a row."""
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


def computing_type(array):
    """The type that a fit of `array` computes in."""
    return computing_dtype(array.dtype)
