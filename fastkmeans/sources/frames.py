"""Tables of pandas, polars and pyarrow, as arrays: whoever passes one has its library; and frames for those who ask."""

import numpy as np


def table_to_array(X, name):
    """The values of a pandas, polars or pyarrow table; other objects as they are."""
    library = type(X).__module__.split(".")[0]
    if library == "pandas" and hasattr(X, "dtypes") and getattr(X, "ndim", 0) == 2:
        for column, dtype in X.dtypes.items():
            if dtype.name == "category" or (dtype.kind not in "biuf" and not str(dtype).startswith("Sparse")):
                raise TypeError(f"{name} column {column!r} has type {dtype}; k-means needs numbers: encode or drop it")
        if all(isinstance(dtype, np.dtype) for dtype in X.dtypes):
            return X.to_numpy(dtype=np.result_type(*X.dtypes)) if X.shape[1] else X.to_numpy(dtype=np.float64)
        return X.to_numpy(dtype=np.float64)  # extension types: missing entries become NaN, which is an error later
    if library == "polars" and hasattr(X, "to_numpy"):
        return X.to_numpy()
    if library == "pyarrow" and hasattr(X, "column_names"):
        columns = [X.column(i).to_numpy(zero_copy_only=False) if hasattr(X.column(i), "chunks") is False
                   else X.column(i).to_numpy() for i in range(X.num_columns)]  # fmt: skip
        for column, values in zip(X.column_names, columns, strict=True):
            if values.dtype.kind not in "biuf":
                raise TypeError(f"{name} column {column!r} has type {values.dtype}; k-means needs numbers: drop it")
        return np.column_stack(columns) if columns else np.empty((X.num_rows, 0))
    return X


def pandas_for(caller):
    """The module pandas, or an error that says how to get it."""
    try:
        import pandas
    except ImportError:
        raise ImportError(f"{caller} needs pandas: pip install pandas") from None
    return pandas
