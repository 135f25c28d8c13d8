"""Rows in blocks that lie in other processes: questions go to them, and only answers come back.

A source as blocks.py describes it; who carries questions (dask_rows.py, spark_rows.py) is below it. What is kept for
each row (labels, while a fit lasts) stays beside the rows, and is a cache: each state knows the passes that made it,
and a process that does not have it, as its block came there from a worker that was lost, makes it again by them. Labels
are what the last centers give, so for Lloyd's algorithm that is one pass.
"""

import itertools
import pickle
import threading
import uuid
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fastkmeans.engine import threads
from fastkmeans.engine.passes import READS, SETS
from fastkmeans.sources.blocks import ArrayRows, Block, computing_dtype, keys_below

FITS_KEPT = 4


# ---- where the rows are -----------------------------------------------------------------------------------


class _Kept:
    """The row states of this process, of the fits that were heard of last."""

    def __init__(self):
        self.lock, self.fits = threading.Lock(), OrderedDict()

    def take(self, fit, number):
        """{name: (version, array)} of a block, which are nobody else's until they are put back."""
        with self.lock:
            return self.fits.get(fit, {}).pop(number, {})

    def put(self, fit, number, states):
        with self.lock:
            self.fits.setdefault(fit, {})[number] = states
            self.fits.move_to_end(fit)
            while len(self.fits) > FITS_KEPT:
                self.fits.popitem(last=False)

    def forget(self, fit):
        with self.lock:
            self.fits.pop(fit, None)


kept = _Kept()


def forget(fit):
    """Let go of what this process keeps for the rows of a fit."""
    kept.forget(fit)


def run_pass(kernel, block, states, of_rows):
    """The partial of one block of `of_rows` rows, on the calling thread."""
    cuts = list(pairwise(threads.slab_cuts(block.n, block.array.shape[1], kernel.row_seconds, of_rows)))

    def leaf(slab):
        start, stop = cuts[slab]
        partial = kernel.start()
        kernel.add(block, start, stop, partial, *(state[start:stop] for state in states))
        return partial

    return threads.reduce([len(cuts)], leaf, kernel.merge, 1)


@dataclass
class States:
    """Row states that a question needs: which, and how they came about."""

    fit: str
    of_rows: int
    wanted: tuple
    """(name, version) of each."""

    after: int | None
    """The version once the question is answered; None for the same as before."""

    alive: dict
    """{name: (dtype, fill)} of all that the engine still holds."""

    steps: tuple
    """(pickled pass, names) of the passes that made them, in order."""

    def borrow(self, block, number):
        """{name: (version, array)}, kept or made again."""
        own = {name: entry for name, entry in kept.take(self.fit, number).items() if name in self.alive}
        if any(name not in own or own[name][0] != version for name, version in self.wanted):
            made = {name: np.full(block.n, fill, dtype) for name, (dtype, fill) in self.alive.items()}
            for step, names in self.steps:
                if all(name in made for name in names):
                    run_pass(pickle.loads(step), block, [made[name] for name in names], self.of_rows)
            own |= {name: (version, made[name]) for name, version in self.wanted}
        return own

    def give_back(self, number, own):
        if self.after is not None:
            own |= {name: (self.after, own[name][1]) for name, _ in self.wanted}
        kept.put(self.fit, number, own)


@dataclass
class PassQuestion:
    """What a pass comes to; it travels pickled, as it may have to be kept besides."""

    kernel: bytes
    states: States

    def opened(self):
        """The question with its pass."""
        return PassQuestion(pickle.loads(self.kernel), self.states)

    def answer(self, block, number):
        own = self.states.borrow(block, number)
        partial = run_pass(self.kernel, block, [own[name][1] for name, _ in self.states.wanted], self.states.of_rows)
        self.states.give_back(number, own)
        return partial


@dataclass
class EntriesQuestion:
    """The entries of a state for some rows: {block: their places in it}."""

    places: dict
    states: States

    def answer(self, block, number):
        own = self.states.borrow(block, number)
        entries = own[self.states.wanted[0][0]][1][self.places[number]]
        self.states.give_back(number, own)
        return entries


@dataclass
class RowsQuestion:
    """Some rows, {block: their places in it}; and their weights."""

    places: dict
    dtype: np.dtype
    cosine: bool

    def answer(self, block, number):
        places = self.places[number]
        rows = np.empty((len(places), block.array.shape[1]), self.dtype)
        block.take(places, rows.shape[1], self.cosine, rows, whole=True)
        return rows, block.weights[places] if len(block.weights) else np.ones(len(places))


@dataclass
class KeysPass:
    """Sampling keys below a bound, and whose they are; as ArrayRows.sample has them."""

    bound: float
    seed: int
    largest: float
    row_seconds: float = 2e-8
    partial_bytes: int = 64
    centers_shape: tuple = (0, 0)
    effect: str = READS

    def start(self):
        return []

    def add(self, block, start, stop, partial):
        weights = block.weights_in(start, stop)
        first = block.first
        partial.append(keys_below(self.bound, self.seed, first + start, first + stop, weights, self.largest))

    def merge(self, left, right):
        return left + right


class DistinctPass:
    """The set of labels."""

    row_seconds, partial_bytes, centers_shape, effect = 2e-8, 64, (0, 0), READS

    def start(self):
        return set()

    def add(self, block, start, stop, partial, labels):
        partial.update(np.unique(labels).tolist())

    def merge(self, left, right):
        return left | right


@dataclass
class Place:
    """Which block of a source some rows are."""

    number: int
    first: int
    n: int
    d: int
    dtype: np.dtype


def answers_of(question, places, arrays, weights, n_blocks):
    """The answers of blocks to a pickled question.

    Returns
    -------
    list of (level, place, partial)
        What a pass comes to, merged as far as the blocks are siblings in the tree over all `n_blocks`; for other
        questions (0, number, answer) of each block.
    """
    question, tree, answers = pickle.loads(question), None, []
    if isinstance(question, PassQuestion):
        question = question.opened()
        tree = threads.Tree(n_blocks, question.kernel.merge)
    for place, array, own_weights in zip(places, arrays, weights, strict=True):
        answer = question.answer(_block(place, array, own_weights), place.number)
        if tree is None:
            answers.append((0, place.number, answer))
        else:
            tree.add(place.number, answer)
    return answers if tree is None else tree.left()


def _block(place, array, weights):
    array = np.asarray(array)
    if array.shape != (place.n, place.d):
        raise ValueError(
            f"block {place.number} has shape {array.shape} now, and {(place.n, place.d)} when the fit began; its rows "
            "must be the same each time that they are made"
        )
    if np.promote_types(computing_dtype(array.dtype), place.dtype) != place.dtype:
        raise ValueError(f"block {place.number} holds {array.dtype}, and not what its collection says: {place.dtype}")
    weights = np.empty(0) if weights is None else np.ascontiguousarray(weights, np.float64)
    return Block(array, place.first, weights, place.dtype)


def joined(question, parts, n_blocks):
    """What `answers_of` gave for several sets of blocks, as one; the parts are left as they are."""
    tree = threads.Tree(n_blocks, pickle.loads(question).opened().kernel.merge)
    for level, place, partial in itertools.chain.from_iterable(parts):
        tree.add(place, pickle.loads(pickle.dumps(partial)), level)
    return tree.left()


# ---- where the fit is -------------------------------------------------------------------------------------


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
