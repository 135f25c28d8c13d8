"""Fits do no more than they did: passes over the rows, pairs scored, candidates, rows settled, memory, allocations.

Limits lie 2 to 5 % above what was counted with the vector sets zen4, avx2 and plain, which hardly differ.
"""

import tracemalloc
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

import fastkmeans
from fastkmeans.engine import threads
from fastkmeans.engine.boxes import BoxesPass
from fastkmeans.engine.groups import screens
from fastkmeans.engine.plus_plus import Seeding
from fastkmeans.engine.scalable import ROUNDS
from fastkmeans.sources.blocks import ArrayRows
from tests.checks import run_python

CLUSTERS = 200


def leaning(n, d, directions, seed=0):
    """Rows that vary in a few directions, and a little in all: bounds are of use, and fits go on for long."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n, directions)) @ random.normal(size=(directions, d))
    return (rows + 0.05 * random.normal(size=(n, d))).astype(np.float32)


WIDE, PLANE = leaning(12_000, 24, 4), leaning(60_000, 2, 2)
ROWS = {"dense": WIDE, "screened": WIDE, "bounds": WIDE, "boxes": PLANE}
algorithms = pytest.mark.parametrize("algorithm", ROWS)


def run(algorithm, max_iter):
    """A fit that goes on to max_iter."""
    result = fastkmeans.fit(
        ROWS[algorithm], CLUSTERS, init=np.arange(CLUSTERS), algorithm=algorithm, max_iter=max_iter, tol=0, n_threads=1,
    )  # fmt: skip
    assert result.n_iter == max_iter
    return result


@dataclass
class Seen:
    """A pass over rows: its class, how many rows there were, and what it came to."""

    name: str
    n_rows: int
    partial: object


@pytest.fixture
def passes(monkeypatch):
    """The passes from now on, in order."""
    seen = []
    reduce, run_boxes = ArrayRows.reduce, BoxesPass.run

    def watched_reduce(source, kernel, row_state=()):
        partial = reduce(source, kernel, row_state)
        seen.append(Seen(type(kernel).__name__, source.n, partial))
        return partial

    def watched_boxes(kernel, source):
        partial = run_boxes(kernel, source)
        seen.append(Seen(type(kernel).__name__, source.n, partial))
        return partial

    monkeypatch.setattr(ArrayRows, "reduce", watched_reduce)
    monkeypatch.setattr(BoxesPass, "run", watched_boxes)
    return seen


# ---- passes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "algorithm, others", [("dense", 2), ("screened", 3 if screens(24) else 2), ("bounds", 3), ("boxes", 2)]
)
def test_an_iteration_is_one_pass(algorithm, others, passes):
    """Others: the check of all values; the labels of the last centers and their inertia, in one pass or two.

    Boxes take the inertia from their own rows, not by a pass.
    """
    for max_iter in (3, 6):
        passes.clear()
        run(algorithm, max_iter)
        assert len(passes) == max_iter + others


def test_a_converged_fit_looks_once_more(passes):
    """Where sums followed rows, the means of all rows are taken once: in float32 they are the same."""
    X = WIDE[:, :3].copy()
    result = fastkmeans.fit(X, 5, init=np.arange(5), algorithm="dense", tol=0, callback=lambda stats: None)
    assert result.converged and result.n_iter > 20
    assert len(passes) == result.n_iter + 3


def test_iterations_of_a_small_fit_are_no_passes(passes):
    """They run in compiled code: what is left is the check and the inertia."""
    result = fastkmeans.fit(PLANE[:5000], 4, init=np.arange(4), max_iter=6, tol=0)
    assert result.n_iter == 6 and len(passes) == 2


@pytest.mark.parametrize("ask", ["predict", "transform", "score"])
def test_a_question_is_one_pass(ask, passes):
    """And one that checks the values."""
    result = run("dense", 1)
    passes.clear()
    getattr(result, ask)(WIDE)
    assert len(passes) == 2


@pytest.mark.parametrize(
    "d, scoring, measured",
    [(24, lambda k: k, 59.0), (8, lambda k: 2 * k - 1, 83.0)],
    ids=["kept distances", "short rows, measured again"],
)
def test_greedy_seeding_measures_few_rows(d, scoring, measured, passes, monkeypatch):
    """A pass for each center; most rows lie so near to theirs that no trial can win them."""
    monkeypatch.setattr(Seeding, "compiled_steps", False)
    k = 100
    fastkmeans.kmeans_plusplus(WIDE[:, :d].copy(), k, random_state=0)
    names = Counter(seen.name for seen in passes)
    assert names == {"MomentsPass": 1, "ScorePass": scoring(k), "TakePass": k}
    rows = sum(part[-1] for seen in passes if seen.name == "ScorePass" for part in seen.partial)
    assert rows <= measured * len(WIDE)


def test_rounds_of_scalable_seeding(passes, monkeypatch):
    """Each is a pass that draws and one for what was drawn; the rest happens among the few rows drawn."""
    monkeypatch.setattr(Seeding, "compiled_steps", False)
    fastkmeans.fit(WIDE, 100, init="k-means||", algorithm="dense", max_iter=1, random_state=0)
    names = Counter(seen.name for seen in passes if seen.n_rows == len(WIDE))
    assert names.pop("NearerPass") + names.pop("NewcomersPass", 0) == ROUNDS + 1
    assert names.pop("DensePass") <= 2
    assert names == {"MomentsPass": 1, "DrawPass": ROUNDS, "WeightPass": 1}
    assert max(seen.n_rows for seen in passes if seen.n_rows != len(WIDE)) <= 11 * 100


# ---- pairs, candidates, rows settled ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "algorithm, pairs, candidates",
    [("dense", 10.0, 0.0), ("screened", 10.0, 3.1), ("bounds", 3.42, 3.15), ("boxes", 0.165, 0.0)],
)
def test_pairs_and_candidates(algorithm, pairs, candidates):
    """In ten iterations: pairs of a row and a center that were scored, in shares of all, and candidates a row."""
    history = run(algorithm, 10).history
    assert sum(stats.pairs for stats in history) <= pairs
    assert sum(stats.candidates for stats in history) <= candidates
    assert {stats.algorithm for stats in history} <= {algorithm, f"screened {algorithm}", "dense"}


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_few_rows_are_settled_by_the_definition(offset, passes):
    """14 of 100,000; a sweep that is less exact, or a bound that is looser, leaves more rows in doubt."""
    X = WIDE + np.float32(offset)
    fastkmeans.fit(X, CLUSTERS, init=np.arange(CLUSTERS), algorithm="dense", max_iter=5, tol=0)
    settled = [seen.partial.n_settled for seen in passes if seen.name == "DensePass"]
    assert sum(settled) <= 0.00025 * len(X) * len(settled)


# ---- memory -----------------------------------------------------------------------------------------------


def traced(algorithm, max_iter):
    """(the result, bytes held after a fit, bytes held at most)."""
    tracemalloc.start()
    try:
        return run(algorithm, max_iter), *tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


def print_held(algorithm):
    """Bytes held at most by 5 and by 20 iterations; held after these, by their result, and by the records of it."""
    run(algorithm, 1)
    (_, _, few), (result, left, many) = traced(algorithm, 5), traced(algorithm, 20)
    print(few, many, left, result.labels.nbytes + result.centers.nbytes, 500 * len(result.history))


@algorithms
def test_iterations_hold_no_more_memory(algorithm):
    """But for their records; and a fit leaves nothing behind but its result, without waiting for the collector.

    In a process of its own, as threads that other tests leave behind allocate meanwhile: those of a cluster's client.
    """
    code = f"from tests.guard.test_counts import print_held; print_held({algorithm!r})"
    few, many, left, own, records = map(int, run_python(code).split())
    assert many <= few + records
    assert left <= own + records + 8000


@pytest.mark.parametrize("algorithm, arrays", [("dense", 31), ("screened", 79), ("bounds", 79), ("boxes", 49)])
def test_compiled_code_allocates_by_the_slab(algorithm, arrays, monkeypatch):
    """Arrays that are handed to it, and its scratch: none for a tile, a row or a pair, and all are given back."""
    from numba.core.runtime import _nrt_python as runtime

    slabs, reduce = [], threads.reduce

    def watched(sizes, *rest):
        slabs.append(sum(sizes))
        return reduce(sizes, *rest)

    def allocated(max_iter):
        slabs.clear()
        before = runtime.memsys_get_stats_alloc() - runtime.memsys_get_stats_free()
        count = runtime.memsys_get_stats_alloc()
        run(algorithm, max_iter)
        assert runtime.memsys_get_stats_alloc() - runtime.memsys_get_stats_free() == before
        return runtime.memsys_get_stats_alloc() - count, sum(slabs)

    monkeypatch.setattr(threads, "reduce", watched)
    enabled = runtime.memsys_stats_enabled()
    runtime.memsys_enable_stats()
    try:
        allocated(1)
        (few, few_slabs), (many, many_slabs) = allocated(5), allocated(20)
    finally:
        if not enabled:
            runtime.memsys_disable_stats()
    assert many - few <= arrays * (many_slabs - few_slabs)
