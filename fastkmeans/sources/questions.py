"""Questions to blocks of rows, where these lie: what passes come to, some rows, some entries of a row state.

They travel pickled, with what it takes to make row states again: what is kept for each row (labels, while a fit lasts)
stays beside the rows, and is a cache. Each state is known by the passes that wrote to it, and a process that does not
have it, as its block came there from a worker that was lost, makes it again by them. Labels are what the last centers
give, so for Lloyd's algorithm that is one pass.
"""

import itertools
import pickle
import threading
from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fastkmeans.engine import threads
from fastkmeans.engine.passes import READS
from fastkmeans.sources.blocks import Block, computing_dtype, keys_below

FITS_KEPT = 4


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
    return tree.take(pickle.loads(pickle.dumps(list(itertools.chain.from_iterable(parts))))).left()
