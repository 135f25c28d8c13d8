"""Rows in blocks that lie in other processes: questions (questions.py) go to them, and only answers come back.

A source as blocks.py describes it; who carries the questions (dask_rows.py, spark_rows.py) is below it.
"""

import pickle
import uuid
import weakref

import numpy as np

from fastkmeans.engine.passes import READS, SETS
from fastkmeans.engine.threads import Tree
from fastkmeans.sources.blocks import ArrayRows, computing_dtype
from fastkmeans.sources.questions import (
    DistinctPass,
    EntriesQuestion,
    KeysPass,
    PassQuestion,
    Place,
    RowsQuestion,
    States,
)


class RowState:
    """One entry a row, beside the rows; here is only how it came about."""

    def __init__(self, source, name, dtype):
        self.source, self.name, self.dtype, self.fill, self.version = source, name, np.dtype(dtype), 0, 0

    def __setitem__(self, rows, value):
        if rows != slice(None) or self.version:
            raise IndexError("only a new state can be written to from here, and only whole")
        self.fill = value

    def __getitem__(self, numbers):
        return self.source.entries(self, np.asarray(numbers))


class RemoteRows:
    """The rows of blocks in other processes; a subclass carries the questions there.

    Parameters
    ----------
    facts : Facts
        Of blocks that are not empty.
    cosine, dtype, n_threads
        As for ArrayRows.
    budget : int
        Bytes that a sample of the rows may take here, four times over.
    """

    streamed = True  # labelled densely
    why_dense = "rows are in blocks of Dask's"
    no_seedings = ("afk-mc2",)  # needs a distance a row here

    def __init__(self, facts, *, cosine=False, dtype=None, n_threads=None, budget=1 << 30):
        self.facts, self.d = facts, facts.d
        self.dtype = np.dtype(dtype) if dtype is not None else computing_dtype(facts.dtype)
        self.cosine, self.integers, self.n_threads = bool(cosine), facts.dtype.kind in "iub", n_threads
        self.weighted, self.budget = len(facts.weight_sums) > 0, budget
        self.firsts = np.concatenate([[0], np.cumsum(facts.sizes)]).astype(np.int64)
        self.n = int(self.firsts[-1])
        self.n_bytes = self.n * self.d * facts.dtype.itemsize
        self.places = [
            Place(number, int(first), int(n), self.d, self.dtype)
            for number, (first, n) in enumerate(zip(self.firsts, facts.sizes, strict=False))
        ]
        self.fit, self.turn = uuid.uuid4().hex, 0
        self.states, self.steps = weakref.WeakValueDictionary(), []

    # what a subclass gives

    def answers(self, question, numbers):
        """{number: answer} of the blocks with these numbers."""
        raise NotImplementedError

    def merged(self, kernel, question):
        """The root of the tree over the answers of all blocks to a PassQuestion, which has this pass."""
        raise NotImplementedError

    def root_of(self, kernel, parts):
        """The partial of all blocks, from what trees over some of them have left."""
        return Tree(len(self.places), kernel.merge).take(parts).root

    # the rows

    @property
    def total_weight(self):
        return float(sum(self.facts.weight_sums)) if self.weighted else float(self.n)

    def weights_of(self, numbers):
        """The weights of the rows with these numbers."""
        return self._rows(numbers, unit=False)[1] if self.weighted else np.ones(len(numbers))

    def _of_blocks(self, numbers):
        """{block: places in it} of rows, and {block: where they stand in `numbers`}."""
        numbers = np.asarray(numbers, np.int64)
        blocks = np.searchsorted(self.firsts, numbers, side="right") - 1
        where = {int(block): np.flatnonzero(blocks == block) for block in np.unique(blocks)}
        return {block: numbers[own] - self.firsts[block] for block, own in where.items()}, where

    def _rows(self, numbers, unit):
        places, where = self._of_blocks(numbers)
        rows, weights = np.empty((len(numbers), self.d), self.dtype), np.ones(len(numbers))
        found = self.answers(RowsQuestion(places, self.dtype, self.cosine and unit), list(places))
        for block, own in where.items():
            rows[own], weights[own] = found[block]
        return rows, weights

    def take(self, numbers, unit=True):
        """The rows with these numbers, as ArrayRows gives them."""
        return self._rows(numbers, unit)[0]

    def gathered(self, numbers, weights):
        """The rows with these numbers as a source of their own, here, with these weights."""
        return ArrayRows(self.take(numbers), weights, dtype=self.dtype, n_threads=self.n_threads)

    @property
    def largest_weight(self):
        return self.facts.largest_weight

    sample = ArrayRows.sample

    def _keys_below(self, bound, seed, largest):
        found = self.reduce(KeysPass(bound, seed, largest))
        return map(np.concatenate, zip(*found, strict=True))

    # states and passes

    def new_row_state(self, dtype, columns=None):
        """A state of zeros; of one entry a row only."""
        if columns is not None:
            raise NotImplementedError("rows in other processes keep one number a state")
        state = RowState(self, f"state {self.turn}", dtype)
        self.turn += 1
        self.states[state.name] = state
        return state

    def _states(self, row_states, after=None):
        alive = dict(self.states)
        self.steps = [(step, names) for step, names in self.steps if all(name in alive for name in names)]
        wanted = tuple((state.name, state.version) for state in row_states)
        specs = {name: (state.dtype, state.fill) for name, state in alive.items()}
        return States(self.fit, self.n, wanted, after, specs, tuple(self.steps) if wanted else ())

    def reduce(self, kernel, row_state=()):
        """Run a pass over all rows; return its merged partial."""
        effect, pickled = getattr(kernel, "effect", "changes"), pickle.dumps(kernel)
        if effect == READS or not row_state:
            return self.merged(kernel, PassQuestion(pickled, self._states(row_state)))
        self.turn += 1
        partial = self.merged(kernel, PassQuestion(pickled, self._states(row_state, self.turn)))
        names = tuple(state.name for state in row_state)
        if effect == SETS:
            self.steps = [(step, own) for step, own in self.steps if not set(own) <= set(names)]
        self.steps.append((pickled, names))
        for state in row_state:
            state.version = self.turn
        return partial

    def entries(self, state, numbers):
        """The entries of a state for the rows with these numbers."""
        places, where = self._of_blocks(numbers)
        entries = np.empty(len(numbers), state.dtype)
        found = self.answers(EntriesQuestion(places, self._states((state,))), list(places))
        for block, own in where.items():
            entries[own] = found[block]
        return entries

    def n_distinct(self, labels):
        """How many labels there are."""
        return len(self.reduce(DistinctPass(), row_state=(labels,)))

    def map_labels(self, kernel, labels=None):
        """The labels that `kernel` gives, as a state, and its partial."""
        labels = self.new_row_state(np.int32) if labels is None else labels
        return labels, self.reduce(kernel, row_state=(labels,))
