"""Ways of labelling: equal labels by every way, what "auto" takes, and bounds that are given up."""

import re

import numpy as np
import pytest

import fastkmeans
from fastkmeans.engine import bounds, threads
from fastkmeans.engine.planner import ALIASES, ASSIGNERS, planned
from fastkmeans.engine.thresholds import WAYS
from fastkmeans.sources.blocks import ArrayRows
from tests.checks import assert_labels_by_definition, assert_same_bits, assert_same_result
from tests.engine.rows import blobs

FIXED = {"init": "random", "n_init": 1, "random_state": 0, "tol": 0}


@pytest.fixture(autouse=True)
def many_slabs(monkeypatch):
    monkeypatch.setattr(threads, "SLAB_SECONDS", (1e-6, 1e-5))
    monkeypatch.setattr(threads, "SERIAL_SECONDS", 0.0)


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "f2", ">f4"])
@pytest.mark.parametrize("n, d, k", [(1, 1, 1), (300, 2, 300), (2003, 5, 60), (1501, 16, 130), (700, 70, 25)])
@pytest.mark.parametrize("options", [{}, {"metric": "cosine"}, {"sample_weight": True}])
@pytest.mark.filterwarnings("ignore::fastkmeans.TooFewDistinctRows")
def test_ways_give_equal_labels(dtype, n, d, k, options):
    X = (blobs(n, d, 40, dtype=np.float64) * 2 + 100).astype(dtype)
    if "sample_weight" in options:
        options = {"sample_weight": np.random.default_rng(0).random(n)}
    dense = fastkmeans.fit(X, k, algorithm="dense", max_iter=12, **FIXED, **options)
    for name in ASSIGNERS:
        result = fastkmeans.fit(X, k, algorithm=name, max_iter=12, **FIXED, **options)
        assert_same_bits(result.labels, dense.labels)
        assert_same_bits(result.labels, result.predict(X))
        np.testing.assert_allclose(result.centers, dense.centers, rtol=1e-6, atol=1e-6)
        assert (result.n_iter, result.converged) == (dense.n_iter, dense.converged)
        assert result.inertia == pytest.approx(dense.inertia, rel=1e-9)
        if dtype != ">f4":
            assert_labels_by_definition(X, result.centers, result.labels, result.metric)


@pytest.mark.parametrize("name", ASSIGNERS)
def test_same_bits_on_any_number_of_threads(name, n_threads):
    X = blobs(4001, 6, 50, dtype=np.float32) + np.float32(1e3)
    one, other = (
        fastkmeans.fit(X, 100, algorithm=name, max_iter=20, n_threads=count, **FIXED) for count in (1, n_threads)
    )
    assert_same_result(one, other)


def test_empty_clusters_and_restarts_by_bounds():
    X = blobs(3000, 4, 30)
    far = np.vstack([X[:50], np.full((10, 4), 1e5)])
    dense, bounded = (fastkmeans.fit(X, 60, init=far, algorithm=name) for name in ("dense", "bounds"))
    assert_same_bits(dense.labels, bounded.labels)
    assert any(stats.n_relocated for stats in bounded.history)
    options = {"init": "random", "n_init": 4, "random_state": 0, "max_iter": 8}
    dense, bounded = (fastkmeans.fit(X, 60, algorithm=name, **options) for name in ("dense", "bounds"))
    assert_same_bits(dense.labels, bounded.labels)


def test_a_fit_from_the_result_is_a_fixed_point():
    X = blobs(3000, 4, 30, dtype=np.float32)
    result = fastkmeans.fit(X, 110, algorithm="bounds", **FIXED)
    assert result.converged
    again = fastkmeans.fit(X, 110, init=result.centers, algorithm="bounds", tol=0)
    assert again.n_iter == 1
    assert_same_bits(again.centers, result.centers)
    assert_same_bits(again.labels, result.labels)


def rows_like(n, d):
    """Rows that take no memory: the planner asks for their shape alone."""
    return ArrayRows(np.broadcast_to(np.float32(0), (n, d)))


def test_what_auto_takes():
    assert planned(rows_like(200_000, 128), "auto", 1000, 300)[0] == "bounds"
    assert planned(rows_like(200_000, 128), "lloyd", 1000, 300)[0] == "bounds" and "elkan" in ALIASES
    assert planned(rows_like(200_000, 2), "auto", 500, 300)[0] == "boxes"
    assert planned(rows_like(200_000, 128), "auto", 4, 300)[0] == "dense"
    assert planned(rows_like(200_000, 128), "auto", 1000, 2)[0] in ("dense", "screened"), "too few iterations"
    assert planned(rows_like(10, 64), "auto", 10, 300)[0] == "dense", "too few rows"
    assert planned(rows_like(200_000, 128), "auto")[0] == "dense", "a single pass"
    for name in ASSIGNERS:
        assert planned(rows_like(200_000, 128), name, 2, 1) == (name, "asked for")


def test_every_band_begins_with_one_cluster_and_names_ways():
    for band in (band for table in WAYS.values() for band in table.values()):
        assert band[0][0] == 1 and [k for k, _ in band] == sorted({k for k, _ in band})
        assert {way for _, way in band} <= set(ASSIGNERS)


@pytest.mark.parametrize("name", ASSIGNERS)
def test_the_plan_accounts_for_every_iteration(name):
    X = blobs(2000, 40 if name != "boxes" else 3, 60, dtype=np.float32)
    result = fastkmeans.fit(X, 100, algorithm=name, max_iter=12, **FIXED)
    lines = result.plan.split("\n")
    assert "asked for" in lines[0] and lines[-1].startswith("float32, tile ")
    covered = [
        int(number)
        for line in lines[:-1]
        for number in re.findall(r"\d+", line.split(":")[0].split("iteration")[1].split(",")[0])
    ]
    assert covered[0] == 1 and covered[-1] == result.n_iter
    assert all(0 <= stats.pairs <= 1 and stats.candidates >= 0 for stats in result.history)
    if result.history[-1].algorithm != "dense" and name in ("bounds", "boxes"):
        assert result.history[-1].pairs < 0.5 and "of all pairs" in result.plan


def test_the_plan_of_a_small_fit_and_of_none():
    X = blobs(200, 3, 4)
    assert fastkmeans.fit(X, 4, **FIXED).plan.startswith("dense, iteration")
    stopped = fastkmeans.fit(X, 4, init="k-means++", callback=lambda stats: False, random_state=0)
    assert stopped.n_iter == 0 and "no iteration" in stopped.plan


def test_bounds_that_rule_nothing_out_are_given_up(monkeypatch):
    monkeypatch.setattr(bounds, "MOST_SWEPT", -1.0)
    X = blobs(2000, 4, 30)
    result = fastkmeans.fit(X, 50, algorithm="bounds", max_iter=8, **FIXED)
    names = [stats.algorithm for stats in result.history]
    assert names == ["bounds"] * bounds.TRIED_PASSES + ["dense"] * (8 - bounds.TRIED_PASSES)
    assert_same_bits(result.labels, fastkmeans.fit(X, 50, algorithm="dense", max_iter=8, **FIXED).labels)


def test_bounds_that_memory_has_no_room_for(monkeypatch):
    monkeypatch.setattr(bounds, "STATE_SHARE", 0.0)
    X = blobs(2000, 4, 30)
    result = fastkmeans.fit(X, 250, algorithm="bounds", max_iter=5, **FIXED)
    assert {stats.algorithm for stats in result.history} == {"dense"}
    assert_same_bits(result.labels, fastkmeans.fit(X, 250, algorithm="dense", max_iter=5, **FIXED).labels)
