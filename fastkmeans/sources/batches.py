"""Rows that a function makes anew for every pass: batches of any length, the same ones in the same order."""

import numpy as np

from fastkmeans.sources.blocks import Block
from fastkmeans.sources.streamed import Piece, StreamedRows

ONE_SHOT = (
    "passes over the rows need a fresh iterator each: pass a function that makes one, such as lambda: read(path); for "
    "rows that come only once there is MiniBatchKMeans().partial_fit(batch)"
)


class Batches:
    """What a function that gives batches gives, once it has been looked through: sizes, columns, type, weights.

    Parameters
    ----------
    make_batches : callable
        Without arguments; returns an iterable of (rows, columns) arrays, or of pairs of these and weights.
    as_batch : callable
        Turns what the iterable gives into (array, weights or None), or raises.
    """

    def __init__(self, make_batches, as_batch):
        if not callable(make_batches):
            raise TypeError(f"make_batches is a {type(make_batches).__name__}, but {ONE_SHOT}")
        self.make_batches, self.as_batch = make_batches, as_batch
        self.sizes, dtypes, weights, self.d, self.seen = [], [], [], None, None
        for array, own_weights in self:
            self.d = array.shape[1] if self.d is None else self.d
            self._check_columns(array)
            self.sizes.append(len(array))
            dtypes.append(array.dtype)
            weights.append(own_weights)
        if not self.sizes:
            raise ValueError("make_batches gave no batch; at least one row is required")
        if len({own is None for own in weights}) > 1:
            raise ValueError("make_batches gave weights with some batches only; give them with all, or none")
        self.dtype = np.result_type(*dtypes)
        self.weights = None if weights[0] is None else np.concatenate(weights)
        self.shape = sum(self.sizes), self.d

    def _check_columns(self, array):
        if array.shape[1] != self.d:
            raise ValueError(f"batch {len(self.sizes)} has {array.shape[1]} columns, those before it {self.d}")

    def as_source(self, weights, **settings):
        """A source over the rows."""
        return BatchRows(self, weights, **settings)

    def __iter__(self):
        batches = iter(self.make_batches())
        if batches is self.seen:
            raise TypeError(f"make_batches gave the same iterator twice, but {ONE_SHOT}")
        self.seen = batches
        return ((array, weights) for array, weights in map(self.as_batch, batches) if len(array))


class BatchRows(StreamedRows):
    """The rows of batches as a source; a batch is a block."""

    def __init__(self, batches, weights=None, *, cosine=False, dtype=None, n_threads=None, budget=1 << 30):
        self.batches, pieces, first = batches, [], 0
        for n in batches.sizes:
            pieces.append(Piece(None, 0, n, first))
            first += n
        weights = batches.weights if weights is None else weights
        self._describe(batches.dtype, pieces, first, batches.d, weights, cosine, dtype, n_threads, budget)

    def readings(self):
        batches = iter(self.batches)
        for number, piece in enumerate(self.pieces):
            array, _ = next(batches, (None, None))
            if array is None or array.shape != (piece.n, self.d):
                got = "nothing" if array is None else f"an array of shape {array.shape}"
                raise ValueError(
                    f"make_batches gave {got} as batch {number}, but one of shape {(piece.n, self.d)} before; it must "
                    "give the same rows each time"
                )
            block = Block(array, piece.first, self._weights_of_piece(piece), self.dtype)
            yield piece, lambda buffer, block=block: block
        if next(batches, None) is not None:
            raise ValueError(f"make_batches gave more than the {len(self.pieces)} batches it gave before")

    def new_buffer(self):
        return None  # batches bring their own memory

    def check_unchanged(self):
        pass

    def take(self, numbers, unit=True):
        numbers = np.asarray(numbers, np.int64)
        out = np.empty((len(numbers), self.d), self.dtype)
        for _, read in self.readings():
            read(None).take(numbers, self.d, self.cosine and unit, out, whole=False)
        return out
