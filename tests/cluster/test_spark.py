"""Rows of Spark data frames: the bits of the same blocks in memory. Run where pyspark and Java are."""

import os
import shutil
import sys

import numpy as np
import pytest

import fastkmeans
from tests.checks import assert_same_bits

pyspark = pytest.importorskip("pyspark")
pytestmark = [
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark runs on Java"),
    pytest.mark.filterwarnings("ignore"),  # of pyspark's own, about pandas and sockets
]
SIZES = (300, 450, 250)


@pytest.fixture(scope="module")
def spark():
    from pyspark.sql import SparkSession

    before, os.environ["PYSPARK_PYTHON"] = os.environ.get("PYSPARK_PYTHON"), sys.executable

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", False)
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", 100)
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", 2)
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()
    del os.environ["PYSPARK_PYTHON"]
    os.environ |= {} if before is None else {"PYSPARK_PYTHON": before}


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return rng.normal(size=(sum(SIZES), 4)) + 5 * rng.integers(0, 4, (sum(SIZES), 1))


@pytest.fixture(scope="module")
def frame(spark, X):
    """A data frame with the rows in three partitions, in order, as columns, as arrays and with weights."""
    numbers = np.repeat(np.arange(len(SIZES)), SIZES)
    rows = [
        (int(block), [*map(float, row)], *map(float, row), float(i % 3))
        for i, (block, row) in enumerate(zip(numbers, X, strict=True))
    ]
    parts = spark.sparkContext.parallelize(rows, 1).map(lambda row: (row[0], row[1:]))
    own = parts.partitionBy(len(SIZES), lambda block: block).values()
    return own.toDF("v array<double>, a double, b double, c double, d double, w double").cache()


def in_batches(X, weights=None, **settings):
    cuts = np.cumsum(SIZES)[:-1]
    blocks = np.split(X, cuts)
    if weights is not None:
        blocks = list(zip(blocks, np.split(weights, cuts), strict=True))
    return fastkmeans.fit_batches(lambda: iter(blocks), 5, **settings)


@pytest.mark.parametrize("settings", [{}, {"init": "k-means||"}, {"init": "random", "n_init": 2, "metric": "cosine"}])
def test_the_bits_of_the_same_blocks(frame, X, settings):
    from fastkmeans import spark

    settings = {"random_state": 0, "max_iter": 4, **settings}
    expected = in_batches(X, **settings)
    found = spark.fit(frame, "v", 5, **settings)
    assert_same_bits(found.centers, expected.centers)
    assert (found.inertia, found.n_iter) == (expected.inertia, expected.n_iter)
    assert [stats.n_moved for stats in found.history] == [stats.n_moved for stats in expected.history]
    assert "n_samples=?" in repr(found) or "n_samples" in repr(found)
    labelled = found.labels.select("v", "label").toPandas()
    assert_same_bits(labelled["label"].to_numpy(), fastkmeans.predict(np.stack(labelled["v"]), found.centers,
                                                                     metric=found.metric))  # fmt: skip


def test_columns_weights_and_other_names(frame, X):
    from fastkmeans import spark

    settings = {"init": X[:5], "max_iter": 3}
    expected = in_batches(X, np.arange(len(X)) % 3.0, **settings)
    found = spark.fit(frame, ["a", "b", "c", "d"], 5, weights="w", output="cluster", **settings)
    assert_same_bits(found.centers, expected.centers)
    assert found.labels.columns == [*frame.columns, "cluster"] and found.labels.count() == len(X)


def test_ml_vectors(spark, X):
    from pyspark.ml.linalg import Vectors

    from fastkmeans import spark as ours

    rows = spark.createDataFrame([(Vectors.dense(row),) for row in X[:50].tolist()], ["features"]).coalesce(1)
    found = ours.fit(rows, "features", 3, init=X[:3])
    expected = fastkmeans.fit(X[:50], 3, init=X[:3], algorithm="dense")
    assert_same_bits(found.centers, expected.centers)
    assert found.labels.columns == ["features", "label"]
    assert_same_bits(found.labels.toPandas()["label"].to_numpy(), expected.labels)


def test_errors_name_the_column(frame, spark):
    from fastkmeans import spark as ours

    with pytest.raises(ValueError, match="no column 'x'"):
        ours.fit(frame, "x", 3)
    with pytest.raises(ValueError, match="has a column 'w' already"):
        ours.predict(frame, "v", np.zeros((2, 4)), output="w")
    with pytest.raises(TypeError, match="column 's' has type string"):
        ours.fit(spark.createDataFrame([("x",)], ["s"]), "s", 1)
    with pytest.raises(ValueError, match="contains NaN \\(at row 1, column 0\\)"):
        ours.fit(spark.createDataFrame([(1.0,), (None,), (2.0,)], "a double").coalesce(1), "a", 1)
    with pytest.raises(TypeError, match="weights="):
        ours.fit(frame, "v", 3, sample_weight="w")
    assert not frame.sparkSession.catalog.listTables()
