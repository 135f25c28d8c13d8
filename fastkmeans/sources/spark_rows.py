"""Rows of a Spark data frame, where they lie: each question is one `mapInArrow` over its partitions.

A partition is a block. Its rows are put together from Arrow batches in each pass; what is kept for them lies in
Python's worker processes, which Spark uses again, and is made anew where a partition comes to another one.
"""

import pickle

import numpy as np

from fastkmeans.sources.facts import Facts, RemoteTable, look_at, look_at_weights
from fastkmeans.sources.questions import answers_of
from fastkmeans.sources.remote import RemoteRows

ANSWERS = "number int, answer binary"
NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "boolean")
WEIGHTS = "fastkmeans weights"


def rows_of(batches, columns):
    """The rows of Arrow batches as an array, and their weights or None; `columns` are numbers, or one of lists."""
    import pyarrow as pa

    table = pa.Table.from_batches(batches)
    weights = table[WEIGHTS].to_numpy() if WEIGHTS in table.column_names else None
    own = [table[name] for name in columns]
    if len(own) > 1 or not (pa.types.is_list(own[0].type) or pa.types.is_large_list(own[0].type)):
        return np.column_stack([column.to_numpy() for column in own]), weights
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in own[0].chunks]
    lengths = np.concatenate([chunk.value_lengths().to_numpy(zero_copy_only=False) for chunk in own[0].chunks])
    if len(np.unique(lengths)) > 1:
        raise ValueError(f"column {columns[0]!r} has lists of several lengths, or none in some rows; all need the same")
    return np.concatenate(parts).reshape(len(lengths), -1), weights


def _each_partition(columns, work):
    """A function for mapInArrow: what `work(number, rows, weights)` gives of each partition that has rows."""

    def run(batches):
        import pyarrow as pa
        from pyspark import TaskContext

        batches = [batch for batch in batches if batch.num_rows]
        if batches:
            number = TaskContext.get().partitionId()
            answer = pickle.dumps(work(number, *rows_of(batches, columns)))
            yield pa.RecordBatch.from_pydict(
                {"number": pa.array([number], pa.int32()), "answer": pa.array([answer], pa.binary())}
            )

    return run


class SparkTable(RemoteTable):
    """A Spark data frame, cached and looked at.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
    features : str or list of str
        A column of arrays or of ML vectors, or columns of numbers.
    weights : str or None
        A column.
    check_weights : callable
        Raises what is wrong with the sum of the weights.
    """

    def __init__(self, frame, features, weights, check_weights):
        self.columns = [features] if isinstance(features, str) else list(features)
        self.given = frame
        self.frame = _selected(frame, self.columns, weights).persist()
        looks = dict(self.ask(_look))
        self.partitions = sorted(looks)
        shapes = [looks[number][0] for number in self.partitions]
        if not shapes:
            self.shape, self.dtype = (0, len(self.columns)), np.dtype(float)
            return
        if len({d for _, d, _ in shapes}) > 1:
            raise ValueError(f"column {self.columns[0]!r} has lists of several lengths; all need the same")
        self.sizes, d = [n for n, *_ in shapes], shapes[0][1]
        self.shape, self.dtype = (sum(self.sizes), d), np.result_type(*(dtype for *_, dtype in shapes))
        self.nbytes = self.shape[0] * d * self.dtype.itemsize
        own = [looks[number][1] for number in self.partitions]
        for look in own:
            if isinstance(look, str):
                raise ValueError(look)
        self.weight_sums, self.largest = [], 1.0
        if weights is not None:
            check_weights(sum(total for total, *_ in own))
            if not all(ones for *_, ones in own):
                self.weight_sums, self.largest = [total for total, *_ in own], max(most for _, most, _ in own)

    def ask(self, work):
        """[(partition, answer)] of all partitions that have rows."""
        rows = self.frame.mapInArrow(_each_partition(self.columns, work), ANSWERS).collect()
        return [(row["number"], pickle.loads(row["answer"])) for row in rows]

    def as_source(self, weights, **settings):
        return SparkRows(self, **settings)

    def close(self):
        """Let go of the cached rows."""
        self.frame.unpersist()


def _selected(frame, columns, weights):
    from pyspark.sql.functions import col

    types = dict(frame.dtypes)
    for name in [*columns, *([] if weights is None else [weights])]:
        if name not in types:
            raise ValueError(f"the data frame has no column {name!r}; it has {', '.join(map(repr, types))}")
    own = []
    for name in columns:
        column = col(f"`{name}`")
        if types[name] == "vector" and len(columns) == 1:
            from pyspark.ml.functions import vector_to_array

            column = vector_to_array(column).alias(name)
        elif not (types[name] in NUMBERS or (types[name].startswith("array<") and len(columns) == 1)):
            raise TypeError(f"column {name!r} has type {types[name]}; k-means needs numbers: encode or drop it")
        own.append(column)
    return frame.select(*own, *([] if weights is None else [col(f"`{weights}`").cast("double").alias(WEIGHTS)]))


def _look(number, rows, weights):
    return look_at(rows), None if weights is None else look_at_weights(weights, len(rows), number, 0)


class SparkRows(RemoteRows):
    """The rows of a SparkTable."""

    why_dense = "rows are in partitions of Spark's"

    def __init__(self, table, **settings):
        facts = Facts(table.sizes, table.shape[1], table.dtype, table.weight_sums, table.largest)
        super().__init__(facts, **settings)
        self.table = table
        self.of_partition = {partition: place for partition, place in zip(table.partitions, self.places, strict=True)}

    def close(self):
        self.table.close()

    def _ask(self, question, numbers):
        payload, n_blocks, weighted = pickle.dumps(question), len(self.places), self.weighted
        wanted = set(numbers)
        places = {partition: place for partition, place in self.of_partition.items() if place.number in wanted}

        def work(partition, rows, weights):
            if partition not in places:
                return []
            return answers_of(payload, [places[partition]], [rows], [weights if weighted else None], n_blocks)

        return [answer for _, answers in self.table.ask(work) for answer in answers]

    def answers(self, question, numbers):
        return {number: answer for _, number, answer in self._ask(question, numbers)} if numbers else {}

    def merged(self, kernel, question):
        return self.root_of(kernel, self._ask(question, range(len(self.places))))
