"""Thousands of small fits: those of few rows side by side, many in one compiled call, with the bits of one alone.

Only what every such fit goes through is here (kernels/few_rows.py): dense rows in memory, all in one slab, seeded by
k-means++ or by rows, labelled densely. What a problem needs beyond that makes it an ordinary fit, and whoever calls
makes that: a problem that is left has no iterations.
"""

import time
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from fastkmeans.engine import threads
from fastkmeans.engine.assigners import Dense
from fastkmeans.engine.lloyd import SETTLING_LOOKS, LloydRun
from fastkmeans.engine.machine import vector_set
from fastkmeans.engine.moments import from_sums, largest_value
from fastkmeans.engine.passes import IterationStats
from fastkmeans.engine.planner import account, planned
from fastkmeans.engine.plus_plus import FewRows, n_local_trials
from fastkmeans.engine.seeding import chosen_seeding
from fastkmeans.engine.small import PIECE_SECONDS
from fastkmeans.kernels.few_rows import GIVEN, PLUS_PLUS, RANDOM, few_fits, sums_of_columns
from fastkmeans.kernels.packing import STORED_DTYPES, reader, tile_shape, turner

STARTS = {"k-means++": PLUS_PLUS, "random": RANDOM}
MOST_ITERATIONS = 300  # a run of more is an ordinary one: room for so many is kept for every fit of a call
FEW_ITERATIONS = 20  # of a fit, by which the fits of one call are counted
MOST_FITS = 256  # of a call
NO_WEIGHTS = np.empty(0)


@dataclass(frozen=True)
class Shape:
    """What the planner and the choice of a seeding look at in a source."""

    n: int
    d: int
    dtype: np.dtype
    n_bytes: int = 0


def start_of(init, shape, k, max_iter):
    """GIVEN, PLUS_PLUS or RANDOM, if `few_fits` makes the fits of these rows by themselves; else None.

    Parameters
    ----------
    init : a seeding's name, or None for given centers
    shape : Shape
    """
    if not FewRows.suits(shape.n, shape.d, k) or planned(shape, "auto", k, max_iter)[0] != "dense":
        return None
    return GIVEN if init is None else STARTS.get(chosen_seeding(init, shape, k))


@dataclass
class Problems:
    """Problems whose rows have d columns, are computed in one type, and are integers in all or in none.

    Arrays have one entry a problem, or lie end to end.
    """

    dtype: np.dtype
    d: int
    integers: bool
    places: np.ndarray
    """(m, 5) int64: address, strides, dtype code and whether bytes are swapped, of the rows of each."""

    sizes: np.ndarray
    clusters: np.ndarray
    weights: list
    """(n,) float64, or None for none."""

    centers: np.ndarray = field(init=False)
    labels: np.ndarray = field(init=False)

    def __post_init__(self):
        self.center_cuts, self.label_cuts = _cuts(self.clusters * self.d), _cuts(self.sizes)
        self.centers, self.labels = np.empty(self.center_cuts[-1], self.dtype), np.empty(self.label_cuts[-1], np.int32)

    def __len__(self):
        return len(self.sizes)

    def centers_of(self, i):
        """(k, d), a view."""
        return self.centers[self.center_cuts[i] : self.center_cuts[i + 1]].reshape(-1, self.d)

    def labels_of(self, i):
        """(n,), a view."""
        return self.labels[self.label_cuts[i] : self.label_cuts[i + 1]]


def _cuts(sizes):
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def place_of(array):
    """A row of `Problems.places`: where the rows of a 2-D array lie, and what they are."""
    return (array.__array_interface__["data"][0], *array.strides, *_kind_of(array.dtype))


def places_in(stack):
    """`Problems.places` of the problems of a 3-D array."""
    places = np.empty((len(stack), 5), np.int64)
    places[:, 0] = stack.__array_interface__["data"][0] + stack.strides[0] * np.arange(len(stack))
    places[:, 1:] = (*stack.strides[1:], *_kind_of(stack.dtype))
    return places


def _kind_of(dtype):
    return STORED_DTYPES.index("u1" if dtype == np.bool_ else dtype.str[1:]), int(not dtype.isnative)


class FewFits:
    """The fits of Problems that `start_of` has a word for; their centers and labels are those of the Problems.

    Parameters
    ----------
    problems : Problems
    start : GIVEN (problems.centers hold the first centers), PLUS_PLUS or RANDOM
    seeds : (m,) of the fits
    draw : callable(problem, random) or None
        The numbers of the rows that a run begins with, for weighted rows: one, or for RANDOM all.
    """

    def __init__(self, problems, start, seeds, *, n_init, max_iter, tol, cosine, draw):
        self.problems, self.start, self.seeds, self.n_init = problems, start, seeds, n_init
        self.max_iter, self.tol, self.cosine, self.draw = max_iter, tol, cosine, draw
        m, d, dtype = len(problems), problems.d, problems.dtype
        self.way = Dense(dtype, d, np.zeros(d, dtype), cosine)
        self.reading = reader(dtype), turner(dtype, tile_shape(vector_set(), dtype, d))
        self.limit = np.array([largest_value(dtype, d)], dtype)
        trials = np.array([0, *(n_local_trials(k) for k in range(1, 1 + problems.clusters.max()))])
        self.trials = trials[problems.clusters]
        self.inertia, self.seconds, self.converged = np.empty(m), np.empty(m), np.zeros(m, bool)
        self.n_iter, self.kept_run = np.zeros(m, np.int64), np.zeros(m, np.int64)
        self.histories = [None] * m

    def run(self, n_threads):
        """Make all fits; those with `n_iter` 0 are left to the ordinary way."""
        cuts = self._calls()

        def call(number):
            self._fit(slice(cuts[number], cuts[number + 1]))

        threads.run(len(cuts) - 1, call, n_threads)

    def _calls(self):
        """Where to cut the problems into calls, which an interrupt waits for."""
        problems = self.problems
        row_seconds = np.array([self.way.row_seconds_for(k) for k in range(1 + problems.clusters.max())])
        seconds = problems.sizes * row_seconds[problems.clusters] * (FEW_ITERATIONS * self.n_init) + 1e-6
        calls = np.floor(np.cumsum(seconds) / (PIECE_SECONDS / 4))
        begins = np.flatnonzero(np.diff(calls, prepend=-1))
        cuts = [*begins.tolist(), len(problems)]
        return [at for first, stop in pairwise(cuts) for at in range(first, stop, MOST_FITS)] + [len(problems)]

    def _fit(self, own):
        """Make the fits of a range of problems."""
        problems, began = self.problems, time.perf_counter()
        m, n_init = own.stop - own.start, self.n_init
        sizes, clusters, trials = problems.sizes[own], problems.clusters[own], self.trials[own]
        weights = [NO_WEIGHTS if given is None else given for given in problems.weights[own]]
        totals = np.array([given.sum() if len(given) else n for given, n in zip(weights, sizes.tolist(), strict=True)])
        weight_cuts, weights = _cuts(list(map(len, weights))), np.concatenate(weights)
        origins, sums, usable = np.empty((m, problems.d)), np.empty((4, m, problems.d)), np.empty(m, np.bool_)
        where = problems.places[own], self.reading, sizes
        sums_of_columns(*where, weights, weight_cuts, int(self.cosine), self.limit, origins, sums, usable)
        shifts, spreads, variances = from_sums(
            sizes[:, None], origins, sums, totals[:, None], problems.dtype, problems.integers and not self.cosine
        )
        numbers = np.full((m, n_init, clusters.max() if self.start != GIVEN else 1), -1)
        seeds, uniforms = self._draws(own, numbers)
        most = min(self.max_iter, MOST_ITERATIONS)
        history = np.empty((m * most, 3))
        cuts = slice(own.start, own.stop + 1)
        scratch = self.way.borrow_scratch()
        done = few_fits(
            self.way.address, *where, clusters, weights, weight_cuts, usable, self.start, numbers, seeds, uniforms,
            trials, shifts, spreads, self.tol * variances, (self.way.slack, self.way.tiny), self.way.cosine,
            self.max_iter, most, SETTLING_LOOKS, problems.centers, problems.center_cuts[cuts],
            problems.labels, problems.label_cuts[cuts],
            self.inertia[own], self.n_iter[own], self.kept_run[own], self.converged[own], history,
            scratch, self.way.shape,
        )  # fmt: skip
        self.way.return_scratch(scratch)
        self.seconds[own] = (time.perf_counter() - began) / max(1, done)
        steps = history[:done].copy()
        stops = np.cumsum(self.n_iter[own]).tolist()
        self.histories[own] = [steps[first:stop] for first, stop in pairwise([0, *stops])]

    def _draws(self, own, numbers):
        """(seeds of the first rows, (m, n_init) uint64; uniform numbers, flat), as a fit draws them; and `numbers`."""
        seeds, uniforms = np.zeros((own.stop - own.start, self.n_init), np.uint64), []
        if self.start == GIVEN:
            return seeds, np.empty(0)
        for i, seed in enumerate(self.seeds[own].tolist()):
            random = np.random.default_rng(seed)
            randoms = [random]
            if self.n_init > 1:
                randoms = map(np.random.default_rng, random.integers(2**63, size=self.n_init).tolist())
            problem = own.start + i
            k, trials = int(self.problems.clusters[problem]), int(self.trials[problem])
            for run, own_random in enumerate(randoms):
                if self.problems.weights[problem] is not None:
                    first = self.draw(problem, own_random)
                    numbers[i, run, : len(first)] = first
                else:
                    seeds[i, run] = own_random.integers(2**63)
                if self.start == PLUS_PLUS:
                    uniforms.append(own_random.random(k * trials))
        return seeds, np.concatenate(uniforms) if uniforms else np.empty(0)

    def run_of(self, i):
        """(LloydRun, account of it) of problem i."""
        problems, steps = self.problems, self.histories[i]
        shape = Shape(int(problems.sizes[i]), problems.d, problems.dtype)
        _, why = planned(shape, "auto", int(problems.clusters[i]), self.max_iter)
        restart, name, seconds = int(self.kept_run[i]), self.way.name, float(self.seconds[i])
        history = [
            IterationStats("lloyd", restart, number, inertia, center_shift, int(n_moved), 0, name, seconds)
            for number, (inertia, center_shift, n_moved) in enumerate(steps.tolist(), 1)
        ]
        run = LloydRun(
            problems.centers_of(i), problems.labels_of(i), float(self.inertia[i]), len(history),
            bool(self.converged[i]), history, reasons=[(1, why)],
        )  # fmt: skip
        return run, account(run, self.way)
