"""Rows that are more than memory: read from tables block by block in every pass, the next while one is worked on.

A source as blocks.py describes it, so every pass of the engine runs over it as over arrays. Blocks are cut from the
tables by the memory budget alone; an array in the same blocks gives the same bits. What is kept for each row (labels,
while a fit lasts) lies in a temporary file where the budget has no room for it.
"""

import tempfile
import threading

import numpy as np

from fastkmeans.sources.archives import make_room
from fastkmeans.sources.blocks import ArrayRows, Block, computing_dtype

LIVE_BLOCKS = 3  # one or two that threads work on, and one that is being read
LEAST_BLOCK, MOST_BLOCK = 1 << 18, 64 << 20  # bytes; larger ones read no faster
STATE_SHARE = 0.25  # of the budget, for what is kept a row; half of it is for blocks


class Piece:
    """Where a block of rows is stored: rows [start, start + n) of a table, the rows from `first` on of the source."""

    def __init__(self, table, start, n, first):
        self.table, self.start, self.n, self.first = table, start, n, first


def block_rows(table, budget):
    """Rows of a block of the table."""
    size = min(max(budget // (2 * LIVE_BLOCKS), LEAST_BLOCK), MOST_BLOCK)
    return max(1, int(size // max(1, table.d * table.dtype.itemsize)))


class StreamedRows(ArrayRows):
    """The rows of tables with the same columns, one after the other.

    Parameters
    ----------
    tables : list of Table
    weights : ndarray of shape (n,), float64, or None
    cosine, dtype, n_threads
        As for ArrayRows.
    budget : int
        Bytes that blocks and what is kept for rows may take.
    """

    streamed = True
    tell_read = None
    """Called with the bytes that a pass has read so far, from 0 on, if somebody wants to know."""

    def __init__(self, tables, weights=None, *, cosine=False, dtype=None, n_threads=None, budget=1 << 30):
        self.tables, pieces, first = tables, [], 0
        for table in tables:
            step = block_rows(table, budget)
            for start in range(0, table.n, step):
                n = min(step, table.n - start)
                pieces.append(Piece(table, start, n, first))
                first += n
        stored = np.result_type(*(table.dtype for table in tables))
        self._describe(stored, pieces, first, tables[0].d, weights, cosine, dtype, n_threads, budget)

    def _describe(self, stored, pieces, n, d, weights, cosine, dtype, n_threads, budget):
        self.pieces, self.n, self.d, self.budget = pieces, n, d, budget
        self.bytes_a_pass = n * d * stored.itemsize
        self.dtype = np.dtype(dtype) if dtype is not None else computing_dtype(stored)
        self.cosine, self.integers, self.n_threads = bool(cosine), stored.kind in "iub", n_threads
        self.weights = np.empty(0) if weights is None else weights
        self.weighted = weights is not None
        self.n_bytes = min(budget, n * d * stored.itemsize)
        self.free = []

    @property
    def label_bytes(self):
        """Memory that labels take."""
        return 0 if self._in_file(4 * self.n) else 4 * self.n

    def readings(self):
        """(piece, a function of a buffer that gives its Block) of each piece, in order."""
        for piece in self.pieces:
            yield piece, lambda buffer, piece=piece: self._read(piece, buffer)

    def _read(self, piece, buffer):
        dtype = piece.table.dtype
        out = buffer[: piece.n * self.d * dtype.itemsize].view(dtype).reshape(piece.n, self.d)
        piece.table.read_into(piece.start, piece.start + piece.n, out)
        return Block(out, piece.first, self._weights_of_piece(piece), self.dtype)

    def _weights_of_piece(self, piece):
        return self.weights[piece.first : piece.first + piece.n] if self.weighted else self.weights

    def new_buffer(self):
        """Memory for the largest piece."""
        size = max(piece.n * self.d * piece.table.dtype.itemsize for piece in self.pieces)
        return np.empty(size, np.uint8)

    def check_unchanged(self):
        """Raise if a pass may have read rows that another did not."""
        for table in self.tables:
            table.check_unchanged()

    def reduce(self, kernel, row_state=()):
        slabs = [piece for own in self.slabs(kernel.row_seconds) for piece, _, _ in own]
        with _Window(self, slabs) as window:
            partial = super().reduce(_Windowed(kernel, window), row_state)
        self.check_unchanged()
        return partial

    def take(self, numbers, unit=True):
        """The rows with these numbers, as ArrayRows gives them; reads the ranges that they lie in."""
        numbers = np.asarray(numbers, np.int64)
        out = np.empty((len(numbers), self.d), self.dtype)
        order = np.argsort(numbers, kind="stable")
        ends = np.searchsorted(numbers[order], [piece.first + piece.n for piece in self.pieces])
        begin = 0
        for piece, end in zip(self.pieces, ends, strict=True):
            own, begin = order[begin:end], end
            if len(own) == 0:
                continue
            wanted = numbers[own] - piece.first
            low, high = int(wanted[0]), int(wanted[-1]) + 1
            rows = np.empty((high - low, self.d), piece.table.dtype)
            piece.table.read_into(piece.start + low, piece.start + high, rows)
            part = np.empty((len(own), self.d), self.dtype)
            Block(rows, 0, np.empty(0), self.dtype).take(wanted - low, self.d, self.cosine and unit, part, whole=True)
            out[own] = part
        return out

    def new_row_state(self, dtype, columns=None):
        """As ArrayRows gives it; in a temporary file if memory has no room."""
        shape = (self.n,) if columns is None else (columns, self.n)
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        state = _zeros_in_file(shape, dtype, size) if self._in_file(size) else np.zeros(shape, dtype)
        return state if columns is None else state.T

    def _in_file(self, size):
        return size > STATE_SHARE * self.budget


def _zeros_in_file(shape, dtype, size):
    """An array over a temporary file, which goes with the last array over it."""
    with tempfile.TemporaryFile(prefix="fastkmeans-") as file:
        make_room(
            file, size, f", of what is kept for each row, in {tempfile.gettempdir()}",
            "; let TMPDIR name another place, or raise memory_budget",
        )  # fmt: skip
        return np.memmap(file, dtype, "r+", shape=shape)


class _Windowed:
    """A pass whose blocks are there only while they are worked on."""

    def __init__(self, kernel, window):
        self.kernel, self.window = kernel, window
        self.row_seconds, self.partial_bytes = kernel.row_seconds, kernel.partial_bytes
        self.centers_shape, self.held_bytes = kernel.centers_shape, getattr(kernel, "held_bytes", 0)
        self.start, self.merge = kernel.start, kernel.merge

    def add(self, piece, start, stop, partial, *row_state):
        block = self.window.acquire(piece)
        try:
            self.kernel.add(block, start, stop, partial, *row_state)
        finally:
            self.window.release(piece)


class _Window:
    """The blocks of one pass: a thread reads them in order into a few buffers, as slabs let go of those before."""

    def __init__(self, source, slabs):
        self.source, self.changed = source, threading.Condition()
        self.left = {}
        for piece in slabs:
            self.left[piece] = self.left.get(piece, 0) + 1
        self.blocks, self.buffers, self.error, self.ended = {}, {}, None, False
        self.tell_read = source.tell_read or (lambda n_bytes: None)
        self.thread = threading.Thread(target=self._read, name="fastkmeans-reader", daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        with self.changed:
            self.ended = True
            self.changed.notify_all()
        self.thread.join()
        self.source.free += self.buffers.values()

    def _read(self):
        try:
            self.tell_read(n_read := 0)
            for piece, read in self.source.readings():
                with self.changed:
                    self.changed.wait_for(lambda: self.ended or len(self.buffers) < LIVE_BLOCKS)
                    if self.ended:
                        return
                    free = self.source.free
                    self.buffers[piece] = buffer = free.pop() if free else self.source.new_buffer()
                block = read(buffer)
                self.tell_read(n_read := n_read + block.array.nbytes)
                with self.changed:
                    self.blocks[piece] = block
                    self.changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - raised where the block is asked for
            with self.changed:
                self.error = error
                self.changed.notify_all()

    def acquire(self, piece):
        """The block of the piece, once it has been read."""
        with self.changed:
            self.changed.wait_for(lambda: piece in self.blocks or self.error is not None)
            if piece not in self.blocks:
                raise self.error
            return self.blocks[piece]

    def release(self, piece):
        """A slab of the piece is done."""
        with self.changed:
            self.left[piece] -= 1
            if self.left[piece] == 0 and self.blocks.pop(piece, None) is not None:
                self.source.free.append(self.buffers.pop(piece))
                self.changed.notify_all()
