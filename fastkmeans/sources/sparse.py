"""Sparse rows in memory: the stored values of a compressed matrix (CSR), read where they lie.

A source as sources/blocks.py describes it. scipy is not imported: whoever passes such a matrix has it.
"""

import numpy as np

from fastkmeans.engine.machine import vector_set
from fastkmeans.engine.sparse import Sparse, SparseSeeding, measure_sparse
from fastkmeans.kernels.gather import gather_rows
from fastkmeans.kernels.sparse import describe_sparse_rows
from fastkmeans.sources.blocks import ArrayRows, computing_dtype


def is_sparse(X):
    """Whether X is a sparse matrix or array of scipy's kind."""
    return hasattr(X, "toarray") and hasattr(X, "nnz")


def canonical_rows(X, rows):
    """`rows`, which are X in CSR, with ascending columns, each at most once; X itself is never changed."""
    if not rows.has_canonical_format:
        rows = rows.copy() if rows is X else rows
        rows.sum_duplicates()
    return rows


class SparseBlock:
    """All rows of a sparse source, as kernels read them; what they read stays alive with it."""

    def __init__(self, parts, d, weights):
        self.begins, self.columns, self.values = parts
        self.first, self.n, self.weights = 0, len(self.begins) - 1, weights
        self.rows = describe_sparse_rows(*parts, d, vector_set())

    def weights_in(self, start, stop):
        """The weights of rows [start, stop), (0,) where there are none."""
        return self.weights[start:stop]

    def take(self, numbers, d, cosine, out, *, whole):
        """Write the rows with these numbers, zeros and all."""
        gather_rows(self.rows, numbers, d, int(cosine), out)


class SparseRows(ArrayRows):
    """The rows of a sparse matrix as one source.

    Parameters
    ----------
    parts : (begins, columns, values)
        As in a canonical CSR matrix: row i has the values [begins[i], begins[i + 1]). Values are read in place if
        they are of the computing type, columns if they are int32; otherwise these are converted, no others.
    d : features
    weights, cosine, dtype, n_threads
        As for ArrayRows.
    """

    only_way = Sparse
    seeding_state = SparseSeeding

    def __init__(self, parts, d, weights=None, *, cosine=False, dtype=None, n_threads=None):
        begins, columns, values = parts
        self.dtype = np.dtype(dtype) if dtype is not None else computing_dtype(values.dtype)
        parts = (
            np.ascontiguousarray(begins, np.int64),
            np.ascontiguousarray(columns, np.int32),
            np.ascontiguousarray(values, self.dtype),
        )
        self.n, self.d = len(begins) - 1, d
        self.cosine, self.integers, self.n_threads = bool(cosine), values.dtype.kind in "iub", n_threads
        self.n_bytes = sum(part.nbytes for part in parts)
        self.weights = np.empty(0) if weights is None else weights
        self.weighted = weights is not None
        self._values_a_row = max(1.0, int(begins[-1]) / self.n)
        self.most_stored = max(1, int(np.diff(parts[0]).max()))
        self.blocks = self.pieces = [SparseBlock(parts, d, self.weights)]

    @property
    def values_a_row(self):
        """Stored values of a row, on average."""
        return self._values_a_row

    @classmethod
    def of(cls, matrix, weights=None, **options):
        """The source over a matrix that canonical_rows gave."""
        count = int(matrix.indptr[-1])  # what lies beyond is spare room
        parts = matrix.indptr, matrix.indices[:count], matrix.data[:count]
        return cls(parts, matrix.shape[1], weights, **options)

    def moments(self):
        """The Moments of the rows; raises UnusableRow."""
        return measure_sparse(self)

    def gathered(self, numbers, weights):
        """The rows with these numbers, copied, as a source of their own with these weights."""
        block = self.blocks[0]
        begins = block.begins[numbers]
        counts = block.begins[np.asarray(numbers) + 1] - begins
        own = np.concatenate([[0], np.cumsum(counts)])
        at = np.repeat(begins - own[:-1], counts) + np.arange(own[-1])
        parts = own, block.columns[at], block.values[at]
        return SparseRows(parts, self.d, weights, cosine=self.cosine, dtype=self.dtype, n_threads=self.n_threads)
