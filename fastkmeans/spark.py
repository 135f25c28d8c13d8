"""k-means of Spark data frames, where their rows lie.

Needs ``pip install "fastkmeans-numba[spark]"`` and Java; and fastkmeans where Spark's Python workers run: the variable
PYSPARK_PYTHON names their interpreter, and is read when the session begins.
"""

from dataclasses import replace

import numpy as np

from fastkmeans import api
from fastkmeans import validation as check
from fastkmeans.sources.blocks import METRICS
from fastkmeans.sources.spark_rows import SparkTable, rows_of

__all__ = ["fit", "predict"]


def fit(frame, features, n_clusters, *, weights=None, output="label", **settings):
    """Cluster the rows of a Spark data frame by Lloyd's algorithm, exactly.

    Each pass is one job over the partitions, whose rows stay where they are; centers travel with it.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
        Cached while the fit lasts.
    features : str or list of str
        A column of arrays or of ML vectors, or columns of numbers.
    n_clusters : int
    weights : str, default=None
        A column of weights >= 0.
    output : str, default="label"
        The name of the column of labels.
    settings
        Of `fastkmeans.fit`, all but `sample_weight`.

    Returns
    -------
    KMeansResult
        Its `labels` are the data frame with a column of labels, computed when it is asked for. The same seed gives the
        same bits for the same partitions.

    Raises
    ------
    ValueError, TypeError
        As for `fastkmeans.fit`; and if a column is missing or no number.
    """
    if "sample_weight" in settings:
        raise TypeError("fit takes the name of a column as weights=, not sample_weight=")
    table = SparkTable(frame, features, weights, check.check_total)
    try:
        result = api.fit(table, n_clusters, **settings)
    finally:
        table.close()
    return replace(result, labels=predict(frame, features, result.centers, metric=result.metric, output=output))


def predict(frame, features, centers, *, metric="euclidean", output="label"):
    """A Spark data frame with a column more: the index of the nearest center of every row.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
    features : str or list of str
    centers : array-like of shape (n_clusters, n_features)
    metric : {"euclidean", "cosine"}, default="euclidean"
    output : str, default="label"

    Returns
    -------
    pyspark.sql.DataFrame
        Computed when it is asked for.
    """
    from pyspark.sql.types import IntegerType, StructType

    columns = [features] if isinstance(features, str) else list(features)
    check.check_name(metric, METRICS, "metric")
    centers = np.asarray(check.as_rows(centers, "centers"))
    if output in frame.columns:
        raise ValueError(f"the data frame has a column {output!r} already; name another with output=")
    vectors = dict(frame.dtypes).get(columns[0]) == "vector"
    source = frame
    if vectors:
        from pyspark.ml.functions import vector_to_array

        source, columns = frame.withColumn("fastkmeans features", vector_to_array(columns[0])), ["fastkmeans features"]
    schema = StructType([*frame.schema.fields]).add(output, IntegerType())

    def label(batches):
        import pyarrow as pa

        from fastkmeans import api as own_api

        for batch in batches:
            if batch.num_rows:
                rows, _ = rows_of([batch], columns)
                labels = pa.array(own_api.predict(rows, centers, metric=metric, n_threads=1))
                kept = [name for name in batch.schema.names if name != "fastkmeans features"]
                yield pa.RecordBatch.from_arrays([*(batch[name] for name in kept), labels], names=[*kept, output])

    return source.mapInArrow(label, schema)
