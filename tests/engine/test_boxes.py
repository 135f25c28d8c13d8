"""Fits by boxes: the same as dense ones, with restarts, empty clusters, weights, and where boxes do not serve."""

import gc
import weakref

import numpy as np
import pytest

import fastkmeans
from fastkmeans.engine import boxes, planner, threads
from fastkmeans.sources.blocks import ArrayRows
from tests import naive
from tests.checks import assert_same_bits, assert_same_result
from tests.engine.rows import blobs

FIXED = {"init": "random", "n_init": 1, "random_state": 0, "tol": 0}


@pytest.fixture
def never_given_up(monkeypatch):
    monkeypatch.setattr(boxes, "MOST_SWEPT", 2.0)


def both(X, k, **options):
    """Fits by the dense way and by boxes, which agree."""
    dense, boxed = (fastkmeans.fit(X, k, algorithm=name, **options) for name in ("dense", "boxes"))
    assert {stats.algorithm for stats in boxed.history} == {"boxes"}
    assert_same_bits(dense.labels, boxed.labels)
    assert_same_bits(boxed.labels, boxed.predict(X))
    assert (dense.n_iter, dense.converged) == (boxed.n_iter, boxed.converged)
    counts = [[(stats.n_moved, stats.n_relocated) for stats in result.history] for result in (dense, boxed)]
    assert counts[0] == counts[1]
    assert boxed.inertia == pytest.approx(dense.inertia, rel=1e-9)
    for one, other in zip(dense.history, boxed.history, strict=True):
        assert one.inertia == pytest.approx(other.inertia, rel=1e-7)
    return boxed


@pytest.mark.usefixtures("never_given_up")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("copies", [1, 4])
def test_empty_clusters(weighted, copies):
    X = np.repeat(blobs(3000, 3, 30, dtype=np.float32), copies, axis=0)
    weights = np.random.default_rng(0).random(len(X)) if weighted else None
    far = np.vstack([X[:200:4], np.full((10, 3), 1e5)])
    result = both(X, 60, init=far, max_iter=20, sample_weight=weights)
    assert any(stats.n_relocated for stats in result.history)


@pytest.mark.usefixtures("never_given_up")
def test_restarts_order_rows_once(monkeypatch):
    made = []
    monkeypatch.setattr(threads, "SERIAL_SECONDS", 0.0)  # runs side by side may each make their own
    monkeypatch.setattr(boxes, "Ordered", lambda *args, kind=boxes.Ordered: made.append(1) or kind(*args))
    X = blobs(20_000, 2, 30)
    options = {"init": "random", "n_init": 4, "random_state": 0, "max_iter": 8}
    both(X, 60, **options)
    assert len(made) == 1


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1"])
def test_a_fit_from_the_result_is_a_fixed_point(dtype):
    X = (blobs(9000, 2, 30) * 3 + 100).astype(dtype)
    result = fastkmeans.fit(X, 40, algorithm="boxes", **FIXED)
    assert result.converged and result.history[-1].algorithm == "boxes"
    again = fastkmeans.fit(X, 40, init=result.centers, algorithm="boxes", tol=0)
    assert again.n_iter == 1
    assert_same_bits(again.centers, result.centers)
    assert_same_bits(again.labels, result.labels)


def test_same_bits_on_any_number_of_threads(monkeypatch, n_threads):
    monkeypatch.setattr(threads, "SLAB_SECONDS", (1e-6, 1e-5))
    monkeypatch.setattr(threads, "SERIAL_SECONDS", 0.0)
    X = blobs(90_001, 2, 50) + 1e3
    one, other = (
        fastkmeans.fit(X, 100, algorithm="boxes", max_iter=6, n_threads=count, **FIXED) for count in (1, n_threads)
    )
    assert one.history[-1].algorithm == "boxes"
    assert_same_result(one, other)


@pytest.mark.parametrize("reason", ["columns", "memory", "given up"])
def test_dense_where_boxes_do_not_serve(monkeypatch, reason):
    X, k = blobs(2000, 9 if reason == "columns" else 3, 30), 50
    if reason == "memory":
        monkeypatch.setattr(boxes, "promised_bytes", lambda source, k: 1000)
    if reason == "given up":
        monkeypatch.setattr(boxes, "MOST_SWEPT", -1.0)
    result = fastkmeans.fit(X, k, algorithm="boxes", max_iter=8, **FIXED)
    tried = boxes.TRIED_PASSES if reason == "given up" else 0
    assert [stats.algorithm for stats in result.history] == ["boxes"] * tried + ["dense"] * (8 - tried)
    dense = fastkmeans.fit(X, k, algorithm="dense", max_iter=8, **FIXED)
    assert_same_bits(result.labels, dense.labels)
    assert [stats.n_moved for stats in result.history] == [stats.n_moved for stats in dense.history]


def test_rows_in_several_arrays_are_swept():
    X = blobs(2000, 2, 30)
    source = ArrayRows([X[:700], X[700:]])
    way = boxes.Boxes.for_source(source, np.zeros(2))
    way.watch(source, 5)
    assert way.name == "dense" and not planner.worth_ordering(source, 5)
    labels, _ = source.map_labels(way.prepare(X[:5]).labels_pass())
    assert_same_bits(labels, naive.assign(X, X[:5]))


def test_the_order_goes_with_its_source():
    source = ArrayRows(blobs(500, 2, 5))
    way = boxes.Boxes.for_source(source, np.zeros(2))
    way.watch(source, 5)
    rows = weakref.ref(way.rows)
    del source, way
    gc.collect()
    assert rows() is None


@pytest.mark.parametrize("n_threads", [1, 2])
def test_predict_by_boxes(monkeypatch, n_threads):
    monkeypatch.setattr(planner, "ORDERED_ROWS", 1000)
    monkeypatch.setattr(planner, "ORDERED_CLUSTERS", 20)
    monkeypatch.setattr(planner, "ORDERED_FEATURES", 3)
    used = []
    monkeypatch.setattr(planner, "Boxes", type("Seen", (boxes.Boxes,), {"watch": lambda *a: used.append(a[1].n) or
                                                                        boxes.Boxes.watch(*a)}))  # fmt: skip
    X = np.round(blobs(5000, 3, 30) * 2)
    centers = X[:: len(X) // 100][:100]
    assert_same_bits(fastkmeans.predict(X, centers, n_threads=n_threads), naive.assign(X, centers))
    assert_same_bits(fastkmeans.predict(X[:999], centers), naive.assign(X[:999], centers))
    assert_same_bits(fastkmeans.predict(X, centers[:19]), naive.assign(X, centers[:19]))
    assert used == [5000]
