"""k-means|| and AFK-MC2: draws, weights and passes against NumPy; which seeding "auto" is."""

import numpy as np
import pytest

import fastkmeans
from fastkmeans.engine import scalable
from fastkmeans.engine.assigners import Dense
from fastkmeans.engine.passes import counter_keys
from fastkmeans.engine.seeding import SEEDINGS, chosen_seeding
from fastkmeans.sources.blocks import ArrayRows
from tests import naive
from tests.checks import assert_same_bits, assert_same_result
from tests.engine.rows import blobs


def test_rounds_draw_twice_k_rows_by_weighted_distance():
    """Not two a round, and by weight: both have been got wrong."""
    X = blobs(4000, 3, 50)
    weights = np.where(np.arange(4000) < 2000, 9.0, 1.0)
    source, closest = ArrayRows(X, weights), np.full(4000, 2.0)
    drawn = [np.concatenate(source.reduce(scalable.DrawPass(seed, 0.005), row_state=(closest,))) for seed in range(40)]
    chances = np.minimum(1, weights * closest * 0.005)
    rows = np.concatenate(drawn)
    for half in (slice(0, 2000), slice(2000, 4000)):
        found = ((rows >= half.start) & (rows < half.stop)).sum() / 40
        spread = np.sqrt((chances[half] * (1 - chances[half])).sum() / 40)
        assert abs(found - chances[half].sum()) < 4.5 * spread
    counted = []
    fastkmeans.fit(
        X, 50, init="k-means||", n_init=1, random_state=0, max_iter=1,
        callback=lambda stats: counted.append(stats.iteration) if stats.phase == "seeding" else None,
    )  # fmt: skip
    assert len(counted) == scalable.ROUNDS + 1 and counted[0] == 1
    rounds = np.diff(counted)
    assert (rounds > 50).all() and (rounds <= 160).all()  # 100 expected, fewer where chances reach 1


@pytest.mark.parametrize("weighted", [False, True])
def test_candidates_weigh_what_their_rows_weigh(weighted, monkeypatch):
    X = blobs(3000, 2, 20)
    weights = np.random.default_rng(0).integers(0, 5, 3000).astype(float) if weighted else None
    seen = []
    choose = scalable.plus_plus
    monkeypatch.setattr(
        scalable,
        "plus_plus",
        lambda source, k, random, **options: seen.append(source) or choose(source, k, random, **options),
    )
    fastkmeans.fit(X, 10, init="k-means||", n_init=1, random_state=0, sample_weight=weights, max_iter=1)
    own = np.ones(3000) if weights is None else weights
    candidates = seen[0].blocks[0].array
    expected = np.bincount(naive.assign(X, candidates), own, len(candidates))
    np.testing.assert_allclose(np.sort(seen[0].weights), np.sort(expected), atol=own.max() * 2)
    assert seen[0].weights.sum() == pytest.approx(own.sum())


@pytest.mark.parametrize("init, share", [("k-means||", 1.1), ("afk-mc2", 1.6)])
def test_other_seedings_come_near_k_means_plus_plus(init, share):
    X, k, seeds = blobs(3000, 3, 40, seed=4), 30, 15
    first = {"max_iter": 1, "tol": 1e9, "n_init": 1}  # one iteration: near the start
    greedy = [fastkmeans.fit(X, k, random_state=seed, **first).inertia for seed in range(seeds)]
    other = [fastkmeans.fit(X, k, init=init, random_state=seed, **first).inertia for seed in range(seeds)]
    rows = [fastkmeans.fit(X, k, init="random", random_state=seed, **first).inertia for seed in range(seeds)]
    assert np.mean(other) < share * np.mean(greedy)
    assert np.mean(other) < 0.75 * np.mean(rows), "no better than random rows"


@pytest.mark.parametrize("weighted", [False, True])
def test_a_walk_draws_by_weighted_squared_distance(weighted):
    X = np.array([[0.0], [1], [2], [4], [7]])
    weights = np.array([3.0, 1, 4, 2, 0.5]) if weighted else None
    source, counts, starts = ArrayRows(X, weights), np.zeros(5), 0
    for seed in range(4000):
        first, second = SEEDINGS["afk-mc2"](source, 2, np.random.default_rng(seed))
        starts += first == 0
        counts[second] += first == 0
    own = (1 if weights is None else weights) * naive.sq_dists(X, X[:1])[:, 0]
    np.testing.assert_allclose(counts / starts, own / own.sum(), atol=4.5 * np.sqrt(0.25 / starts))


@pytest.mark.parametrize("init", ["k-means||", "afk-mc2"])
@pytest.mark.parametrize("n, d, k", [(1, 1, 1), (5, 2, 5), (40, 1, 7), (300, 3, 299)])
def test_edges_of_other_seedings(init, n, d, k):
    X = blobs(n, d).astype(np.float32)
    for seed in range(5):
        rows = SEEDINGS[init](ArrayRows(X), k, np.random.default_rng(seed))
        assert rows.shape == (k,) and len(set(rows.tolist())) == k


@pytest.mark.parametrize(
    "n, k, name",
    [(20_000, 8, "k-means||"), (20_000, 7, "k-means++"), (16_000, 16, "k-means++"), (20_000, 1001, "k-means++")],
)
def test_auto_is_k_means_parallel_for_many_clusters_of_many_rows(n, k, name):
    X = np.arange(n, dtype=np.float32)[:, None] ** 2
    assert chosen_seeding("auto", ArrayRows(X), k) == name
    assert chosen_seeding("random", ArrayRows(X), k) == "random"
    wide = ArrayRows(np.zeros((20_000, 20), np.float32))
    assert chosen_seeding("auto", wide, 15) == "k-means++" and chosen_seeding("auto", wide, 16) == "k-means||"
    many_rows = ArrayRows(np.broadcast_to(np.float32(0), (20_000_000, 1)))
    assert chosen_seeding("auto", many_rows, 16) == "k-means++"  # 8 bytes a row are more than a fit may take
    if k < 1000:
        phases = []
        auto = fastkmeans.fit(X, k, random_state=0, max_iter=2, callback=lambda stats: phases.append(stats.algorithm))
        assert name in phases
        assert_same_result(auto, fastkmeans.fit(X, k, init=name, random_state=0, max_iter=2))
        rows = [SEEDINGS[init](ArrayRows(X), k, np.random.default_rng(0)) for init in ("auto", name)]
        assert_same_bits(*rows)


def test_the_passes_of_k_means_parallel_against_numpy():
    X, k = blobs(1003, 3, 30, dtype=np.float32) + np.float32(100), 7
    weights = np.random.default_rng(0).random(1003)
    source = ArrayRows(X, weights, n_threads=2)
    closest, labels = np.full(1003, np.inf, np.float32), np.zeros(1003, np.int32)
    way = Dense(np.float32, 3, np.zeros(3, np.float32), False)
    for first in (0, k):
        total = source.reduce(
            scalable.NearerPass(way.prepare(X[first : first + k].copy()), first), row_state=(labels, closest)
        )
        sq_dists = naive.sq_dists(X, X[: first + k])
        assert_same_bits(labels, sq_dists.argmin(axis=1).astype(np.int32))
        np.testing.assert_allclose(closest, sq_dists.min(axis=1), rtol=1e-5)
        assert total[0] == pytest.approx(weights @ closest.astype(np.float64))
    drawn = np.concatenate(source.reduce(scalable.DrawPass(5, 0.01), row_state=(closest,)))
    chances = 0.01 * weights * closest
    assert_same_bits(drawn, np.flatnonzero(counter_keys(np.arange(1003), 5) < chances))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_candidates_that_are_ruled_out_change_nothing(dtype, metric, monkeypatch):
    X = (blobs(4000, 21, 60) * 3 + 120).astype(dtype)
    weights = np.random.default_rng(0).random(4000)
    source, passes = ArrayRows(X, weights, cosine=metric == "cosine"), []
    reduce = ArrayRows.reduce
    monkeypatch.setattr(ArrayRows, "reduce", lambda *args, **state: passes.append(args[1]) or reduce(*args, **state))
    chosen = []
    for most_met in (2.0, -1.0):
        monkeypatch.setattr(scalable, "MOST_SWEPT", most_met)
        chosen.append(SEEDINGS["k-means||"](source, 60, np.random.default_rng(3)))
    assert_same_bits(*chosen)
    assert sum(isinstance(one, scalable.NewcomersPass) for one in passes) == scalable.ROUNDS
