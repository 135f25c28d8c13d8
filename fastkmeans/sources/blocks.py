"""Rows in memory: arrays of any dtype, layout and byte order, whole or in blocks, read where they lie.

This is the protocol by which the engine reaches rows, wherever they come from (engine/passes.py is the other
side of it):

  n, d, dtype, cosine, integers, weighted     what the rows are; dtype is the computing type
  reduce(kernel, row_state=())                one pass over the rows, merged in the fixed tree
  sample(m, seed)                             row numbers of a weighted draw that every source makes alike
  take(numbers)                               those rows in the computing type, of length 1 for cosine
  gathered(numbers, weights)                  those rows as a source of their own, in the computing type
  new_row_state(dtype, columns=None)          an array with one entry (or row of columns) a row; each column lies
                                              together in memory: kernels write to it by address
  weights, weights_of(numbers), total_weight  the weights, if `weighted`
  map_labels(kernel, labels=None)             the labels that an assigning pass gives, in row order
Sources of arrays also have `blocks`, `n_bytes` and `threads_for`, which small fits and sums in label order use; those
of other rows (sparse.py) `values_a_row`, `moments`, `only_way` and `seeding_state`: how much there is to read, and what
measures, labels and seeds them.
"""

import math
from itertools import pairwise

import numpy as np

from fastkmeans.engine import threads
from fastkmeans.engine.machine import vector_set
from fastkmeans.engine.passes import counter_keys, partials_budget
from fastkmeans.kernels.gather import gather_rows
from fastkmeans.kernels.packing import describe_rows

METRICS = ("euclidean", "cosine")
FLOAT32_EXACT = ("f4", "f2", "i1", "u1", "i2", "u2")  # stored types whose values float32 holds exactly
SAMPLE_ROWS = 1 << 14  # keys drawn at a time: few enough for the second cache level, 4 ms for 1M rows, not 16


def computing_dtype(dtype):
    """float32 where it holds the stored values exactly, else float64."""
    exact = dtype == np.bool_ or dtype.str[1:] in FLOAT32_EXACT
    return np.dtype(np.float32 if exact else np.float64)


def keys_below(bound, seed, first, stop, weights, largest):
    """The sampling keys of rows [first, stop) that are below the bound, and whose they are."""
    numbers = np.arange(first, stop)
    rates = weights / largest if len(weights) else np.ones(1)
    uniforms = counter_keys(numbers, seed)
    least = np.exp(-bound * rates) if bound < np.inf else rates == 0.0  # a key is below 1
    near = np.flatnonzero(uniforms > least)
    with np.errstate(over="ignore"):
        keys = -np.log(uniforms[near]) / (rates[near] if len(weights) else 1.0)
    below = np.isfinite(keys)
    return keys[below], numbers[near[below]]


class Block:
    """A contiguous range of a source's rows, as kernels read it."""

    def __init__(self, array, first, weights, dtype):
        self.array, self.first, self.weights = array, first, weights
        self.n = len(array)
        self.rows = describe_rows(array, dtype, vector_set())
        self.as_computed = array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned

    def weights_in(self, start, stop):
        """The weights of rows [start, stop), (0,) where there are none."""
        return self.weights[start:stop]

    def take(self, numbers, d, cosine, out, *, whole):
        """Copy those of the rows with these numbers that lie in the block; `whole`: all of them do."""
        if not whole:
            inside = np.flatnonzero((numbers >= self.first) & (numbers < self.first + self.n))
            part = np.empty((len(inside), d), out.dtype)
            self.take(numbers[inside] - self.first, d, cosine, part, whole=True)
            out[inside] = part
        elif self.as_computed and not cosine:
            np.take(self.array, numbers, axis=0, out=out, mode="clip")  # 26 ns a row at d=32, and 177 by the kernel
        else:
            gather_rows(self.rows, numbers, d, int(cosine), out)


class ArrayRows:
    """The rows of a 2-D array, or of several with the same columns, as one source.

    Parameters
    ----------
    arrays : ndarray or list of ndarray, (n, d)
        Read in place; nothing is copied.
    weights : ndarray of shape (n,), float64, or None
    cosine : bool
        Read every row as its unit row.
    dtype : computing type, default by the stored one
    n_threads : int, default all that are available
    """

    def __init__(self, arrays, weights=None, *, cosine=False, dtype=None, n_threads=None):
        arrays = arrays if isinstance(arrays, list) else [arrays]
        stored = arrays[0].dtype
        self.n, self.d = sum(map(len, arrays)), arrays[0].shape[1]
        self.dtype = np.dtype(dtype) if dtype is not None else computing_dtype(stored)
        self.cosine, self.integers = bool(cosine), stored.kind in "iub"
        self.n_threads = n_threads
        self.n_bytes = sum(array.nbytes for array in arrays)
        self.weights = np.empty(0) if weights is None else weights
        self.weighted = weights is not None
        self.blocks = []
        first = 0
        for array in arrays:
            own = self.weights[first : first + len(array)] if self.weighted else self.weights
            self.blocks.append(Block(array, first, own, self.dtype))
            first += len(array)
        self.pieces = self.blocks

    @property
    def values_a_row(self):
        """Numbers that a row is made of."""
        return self.d

    @property
    def total_weight(self):
        if not self.weighted:
            return float(self.n)
        return sum(float(self.weights[piece.first : piece.first + piece.n].sum()) for piece in self.pieces)

    @property
    def largest_weight(self):
        return float(self.weights.max()) if self.weighted else 1.0

    def weights_of(self, numbers):
        """The weights of the rows with these numbers."""
        return self.weights[numbers] if self.weighted else np.ones(len(numbers))

    def slabs(self, row_seconds):
        """[(block, start, stop) of its slabs] of every block, in row order."""
        return [
            [
                (block, start, stop)
                for start, stop in pairwise(threads.slab_cuts(block.n, self.values_a_row, row_seconds, self.n))
            ]
            for block in self.pieces
        ]

    def threads_for(self, seconds):
        """How many threads `seconds` of work are worth."""
        if seconds < threads.SERIAL_SECONDS:
            return 1
        return self.n_threads or threads.available_threads()

    def reduce(self, kernel, row_state=()):
        """Run a pass over all rows; return its merged partial (see engine/passes.py)."""
        by_block = self.slabs(kernel.row_seconds)
        slabs = [slab for own in by_block for slab in own]

        def leaf(number):
            block, start, stop = slabs[number]
            partial = kernel.start()
            rows = slice(block.first + start, block.first + stop)
            kernel.add(block, start, stop, partial, *(state[rows] for state in row_state))
            return partial

        n_threads = self.threads_for(self.n * kernel.row_seconds)
        allowed = (partials_budget(self, kernel.centers_shape) - getattr(kernel, "held_bytes", 0)) / max(
            1, kernel.partial_bytes
        )
        n_threads = max(1, min(n_threads, int(allowed) - math.ceil(math.log2(len(slabs) + 1))))
        return threads.reduce([len(own) for own in by_block], leaf, kernel.merge, n_threads)

    def sample(self, m, seed):
        """Numbers of m rows drawn without replacement, with chances by weight; rows of weight 0 never."""
        largest = self.largest_weight
        total = self.total_weight / largest
        # Keys are exponential with the weights as rates: about so many lie below the bound. Heavy rows count once.
        bound = (m + 6.0 * math.sqrt(m) + 20.0) / total
        while True:
            keys, numbers = self._keys_below(bound, seed, largest)
            if len(keys) >= m or bound == np.inf:
                return numbers[np.lexsort((numbers, keys))[:m]]
            bound = bound * 4.0 if bound * total < self.n else np.inf

    def _keys_below(self, bound, seed, largest):
        """The sampling keys below the bound, and whose they are."""
        found = []
        for first in range(0, self.n, SAMPLE_ROWS):
            stop = min(first + SAMPLE_ROWS, self.n)
            found.append(keys_below(bound, seed, first, stop, self.weights[first:stop], largest))
        return map(np.concatenate, zip(*found, strict=True))

    def take(self, numbers, unit=True):
        """The rows with these numbers, (m, d) in the computing type, of length 1 for cosine (unless not `unit`)."""
        numbers = np.asarray(numbers, np.int64)
        out = np.empty((len(numbers), self.d), self.dtype)
        row_seconds = 1e-9 * (20 + 0.4 * self.d)
        cuts = threads.slab_cuts(len(numbers), self.d, row_seconds)

        def take_part(part):
            own = slice(cuts[part], cuts[part + 1])
            for block in self.blocks:
                block.take(numbers[own], self.d, self.cosine and unit, out[own], whole=len(self.blocks) == 1)

        threads.run(len(cuts) - 1, take_part, self.threads_for(len(numbers) * row_seconds))
        return out

    def gathered(self, numbers, weights):
        """The rows with these numbers, copied, as a source of their own with these weights."""
        return ArrayRows(self.take(numbers), weights, dtype=self.dtype, n_threads=self.n_threads)

    def new_row_state(self, dtype, columns=None):
        """An array with one entry a row, zeros; with `columns`, (n, columns), each column contiguous."""
        return np.zeros(self.n, dtype) if columns is None else np.zeros((columns, self.n), dtype).T

    def map_labels(self, kernel, labels=None):
        """The labels that `kernel`, a pass with labels as its row state, gives (into `labels`); and its partial."""
        labels = self.new_row_state(np.int32) if labels is None else labels
        return labels, self.reduce(kernel, row_state=(labels,))
