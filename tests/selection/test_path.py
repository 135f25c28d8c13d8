"""The path of k: as good as fits of each k alone, never rising, the same bits, from all kinds of rows."""

import numpy as np
import pytest
from scipy import sparse

import fastkmeans
from fastkmeans import select_k
from fastkmeans import validation as check
from fastkmeans.engine.planner import assigner_for
from fastkmeans.selection.path import Fitter, GainsPass, merged, with_rows
from fastkmeans.sources.blocks import ArrayRows
from tests import naive
from tests.checks import assert_labels_by_definition, assert_same_result
from tests.strategies import LAYOUTS, values_of

FEW = {"criteria": ["inertia"], "random_state": 0}


def blobs(n=600, d=3, k=6, seed=0, dtype=np.float32, scale=4.0):
    random = np.random.default_rng(seed)
    centers = random.normal(scale=scale, size=(k, d))
    return (centers[random.integers(k, size=n)] + random.normal(size=(n, d))).astype(dtype)


def inertias(selection):
    return np.array([selection.results[k].inertia for k in selection.ks])


ROWS = {
    "blobs": lambda photo: blobs(4000, 8, 12),
    "many blobs": lambda photo: blobs(2000, 16, 25),
    "noise": lambda photo: np.random.default_rng(0).normal(size=(2000, 10)),
    "photo": lambda photo: photo[:: len(photo) // 4000],
}


@pytest.mark.parametrize("name", ROWS)
def test_inertia_is_that_of_fits_of_each_k_alone_or_less(name, photo):
    X, ks = ROWS[name](photo), range(2, 21)
    alone = np.median([[fastkmeans.fit(X, k, random_state=seed).inertia for k in ks] for seed in range(5)], axis=0)
    for seed in range(2):
        ratio = inertias(select_k(X, ks, criteria="inertia", random_state=seed)) / alone
        assert ratio.max() < 1.01
        assert ratio.mean() < 1.0


def test_a_path_goes_up_and_down_again():
    fits = []
    select_k(blobs(), range(2, 6), callback=lambda k, inertia: fits.append(k), **FEW)
    assert fits == [2, 3, 4, 5, 7, 5, 4, 3, 2]
    fits.clear()
    select_k(blobs(9), (4, 8, 9), callback=lambda k, inertia: fits.append(k), **FEW)
    assert fits == [4, 8, 9, 8, 4]


@pytest.mark.parametrize("ks", [range(1, 30), (3, 4, 9, 40), (7,), (25, 2, 2, 11)])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_inertia_never_rises(ks, metric):
    for seed in range(3):
        X = blobs(100 + 50 * seed, 2 + seed, 5, seed)
        selection = select_k(X, ks, metric=metric, criteria="inertia", random_state=seed)
        assert selection.ks == tuple(sorted(set(ks)))
        assert (np.diff(inertias(selection)) <= 1e-6 * inertias(selection)[:-1]).all()


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_results_are_those_of_a_fit(metric):
    X = blobs()
    selection = select_k(X, range(1, 8), metric=metric, **FEW)
    rows = naive.unit_rows(X, np.float32) if metric == "cosine" else X
    for k, result in selection.results.items():
        assert result.centers.shape == (k, 3) and result.centers.dtype == np.float32 and result.metric == metric
        assert_labels_by_definition(X, result.centers, result.labels, metric)
        np.testing.assert_allclose(result.inertia, naive.inertia(rows, result.labels, result.centers), rtol=1e-6)
        again = fastkmeans.fit(X, k, init=result.centers, metric=metric)
        assert again.inertia <= result.inertia * (1 + 1e-6)
        assert "started" in result.plan and result.converged


def test_same_bits_for_any_number_of_threads(n_threads):
    X = blobs(3000, 6, 9)
    one = select_k(X, range(1, 9), random_state=3, n_threads=1, criteria="all", n_references=2, n_bootstraps=2)
    more = select_k(X, range(1, 9), random_state=3, n_threads=n_threads, criteria="all", n_references=2, n_bootstraps=2)
    for k in one.ks:
        assert_same_result(one.results[k], more.results[k])
    for name, values in one.table.items():
        np.testing.assert_array_equal(values, more.table[name], err_msg=name)


def test_criteria_and_labels_change_nothing_in_the_clusterings():
    X = blobs()
    plain = select_k(X, range(2, 7), **FEW)
    full = select_k(X, range(2, 7), criteria="all", n_references=2, n_bootstraps=2, keep_labels=False, random_state=0)
    kept = select_k(X, range(2, 7), criteria="all", n_references=2, n_bootstraps=2, random_state=0)
    for k, result in plain.results.items():
        np.testing.assert_array_equal(result.centers, full.results[k].centers)
        assert full.results[k].labels is None and "n_samples=?" in repr(full.results[k])
    for name, values in kept.table.items():
        np.testing.assert_array_equal(values, full.table[name], err_msg=name)


def test_more_starts_are_never_worse():
    X = blobs(500, 4, 15)
    one, three = (select_k(X, range(2, 25), n_init=n_init, **FEW) for n_init in (1, 3))
    assert (inertias(three) <= inertias(one)).all()
    assert (inertias(three) < inertias(one)).any()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u1", "i8", "?"])
def test_dtypes_and_layouts(dtype, layout):
    X = values_of(dtype, (60, 4)) if dtype != "i8" else values_of("i2", (60, 4)).astype("i8")
    plain, other = (select_k(rows, range(1, 5), random_state=0) for rows in (X, LAYOUTS[layout](X)))
    for k in plain.ks:
        np.testing.assert_array_equal(plain.results[k].labels, other.results[k].labels)
    for name, values in plain.table.items():
        np.testing.assert_array_equal(values, other.table[name])


def test_weights_count_as_repetitions():
    X, random = blobs(150, 2, 4, dtype=np.float64), np.random.default_rng(1)
    weights = random.integers(0, 4, len(X))
    weighted = select_k(X, range(1, 6), sample_weight=weights, tol=0, n_init=5, random_state=0)
    repeated = select_k(np.repeat(X, weights, axis=0), range(1, 6), tol=0, n_init=5, random_state=0)
    for name, values in repeated.table.items():
        np.testing.assert_allclose(weighted.table[name], values, rtol=1e-9, err_msg=name)


def test_sparse_rows():
    X = blobs(300, 6, 4, dtype=np.float64)
    X[np.abs(X) < 1] = 0
    dense, thin = (select_k(rows, range(1, 7), n_init=3, random_state=0) for rows in (X, sparse.csr_array(X)))
    for name, values in dense.table.items():
        np.testing.assert_allclose(thin.table[name], values, rtol=1e-3, err_msg=name)


def test_rows_of_files(tmp_path):
    X = blobs(40_000, 8, 5)
    np.save(tmp_path / "rows.npy", X)
    whole = select_k(X, range(1, 7), random_state=0)
    read = select_k(tmp_path / "rows.npy", range(1, 7), random_state=0)
    for name, values in whole.table.items():
        np.testing.assert_array_equal(values, read.table[name])
    streamed = select_k(fastkmeans.open_rows(tmp_path / "rows.npy"), range(1, 7), memory_budget=1 << 20, random_state=0)
    assert "sampled rows" in streamed.results[3].plan
    for name, values in whole.table.items():
        np.testing.assert_allclose(streamed.table[name][:5], values[:5], rtol=5e-3, err_msg=name)
    assert (np.diff(inertias(streamed)) <= 0).all()
    stable = select_k(
        tmp_path / "rows.npy", (5,), criteria="stability", n_bootstraps=2, memory_budget=1 << 20, random_state=0
    )
    assert stable.table["stability"] > 0.99


def test_starts_of_ones_own():
    X = blobs()
    given = select_k(X, (3, 4), init=lambda rows, k, random: rows[:k], **FEW)
    first = fastkmeans.fit(X, 3, init=X[:3])
    assert given.results[3].inertia <= first.inertia
    assert "started by itself" in given.results[3].plan or "merged" in given.results[3].plan
    for init in ("k-means||", "random", "afk-mc2"):
        assert select_k(X, (3, 4), init=init, **FEW).ks == (3, 4)


def test_a_callback_ends_the_path():
    told = []

    def until_four(k, inertia):
        told.append((k, inertia))
        return k < 4

    selection = select_k(blobs(), range(2, 10), callback=until_four, **FEW)
    assert selection.ks == (2, 3, 4)
    assert [k for k, _ in told] == [2, 3, 4]
    assert told[2][1] == selection.results[4].inertia


@pytest.mark.parametrize("calls", range(1, 10))
def test_a_path_may_end_after_any_fit(calls):
    told = []
    selection = select_k(blobs(), range(2, 6), callback=lambda k, inertia: told.append(k) or len(told) < calls, **FEW)
    assert told == [2, 3, 4, 5, 7, 5, 4, 3, 2][:calls]
    assert selection.ks == (2, 3, 4, 5)[:calls]


def test_few_distinct_rows():
    X = np.repeat([[0.0, 1.0], [2.0, 3.0], [9.0, 9.0]], 5, axis=0)
    with pytest.warns(fastkmeans.TooFewDistinctRows, match="fewer distinct rows than k=5: 3 clusters"):
        selection = select_k(X, range(1, 6), random_state=0)
    assert selection.table["inertia"][2] == selection.table["inertia"][4] == 0.0
    assert np.isnan(selection.table["bic"][2:]).all()
    np.testing.assert_allclose(selection.table["simplified_silhouette"][2:], 1.0)


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (2, 5), (5, 1)])
def test_edge_shapes(shape):
    X = np.arange(np.prod(shape), dtype=np.float64).reshape(shape) ** 2
    selection = select_k(X, range(1, len(X) + 1), criteria="all", n_references=2, n_bootstraps=2, random_state=0)
    assert selection.results[len(X)].inertia == 0.0
    assert str(selection)


# ---- its parts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_gains_are_what_a_further_center_takes_from_the_inertia(weighted):
    X, random = blobs(9000, 5, 4), np.random.default_rng(0)
    weights = random.random(len(X)) if weighted else None
    source = ArrayRows(X, weights)
    centers, trials = X[:3], X[100:107]
    closest = naive.sq_dists(X, centers).min(axis=1)
    way = assigner_for(source, "dense", np.zeros(5, np.float32)).prepare(trials)
    gains = source.reduce(GainsPass(way), row_state=(closest.astype(np.float32),))
    for trial, gain in zip(trials, gains, strict=True):
        left = naive.sq_dists(X, np.vstack([centers, trial])).min(axis=1)
        expected = ((closest - left) * (1 if weights is None else weights)).sum()
        np.testing.assert_allclose(gain, expected, rtol=1e-4)


def test_rows_that_are_added_are_far_and_lower_the_inertia():
    X = blobs(500, 4, 8, scale=20.0)
    source = ArrayRows(X)
    centers = with_rows(source, np.zeros(4, np.float32), X[:1], 7, np.random.default_rng(0))
    assert centers.shape == (8, 4)
    np.testing.assert_array_equal(centers[0], X[0])
    assert all((X == row).all(axis=1).any() for row in centers[1:])
    found = [naive.inertia(X, naive.assign(X, centers[:k]), centers[:k]) for k in range(1, 9)]
    assert (np.diff(found) < 0).all()
    assert found[-1] < 0.05 * found[0]  # a row in each blob


def test_merged_are_the_two_whose_union_adds_least():
    random = np.random.default_rng(0)
    for _ in range(20):
        k = int(random.integers(2, 8))
        centers, weights = random.normal(size=(k, 3)), random.integers(0, 5, k).astype(float)
        found = merged(centers, weights, k - 1, False)
        added = {}
        for i in range(k):
            for j in range(i + 1, k):
                total = max(weights[i] + weights[j], 1e-300)
                mean = (weights[i] * centers[i] + weights[j] * centers[j]) / total if total > 1e-300 else centers[i]
                spread = weights[i] * ((centers[i] - mean) ** 2).sum() + weights[j] * ((centers[j] - mean) ** 2).sum()
                added[i, j] = spread, mean
        least = min(spread for spread, _ in added.values())
        fits = []
        for (i, j), (spread, mean) in added.items():
            if spread <= least + 1e-12:
                expected = np.delete(centers, j, axis=0)
                expected[i] = mean
                fits.append(np.allclose(found, expected))
        assert any(fits)
    assert merged(random.normal(size=(9, 2)), np.ones(9), 4, False).shape == (4, 2)
    unit = naive.unit_rows(random.normal(size=(9, 3)), np.float64)
    np.testing.assert_allclose(np.linalg.norm(merged(unit, np.ones(9), 4, True), axis=1), 1)


def test_a_fit_grown_from_another_is_no_worse():
    X = blobs(300, 3, 5)
    source, moments = check.checked_source(X)
    fitter = Fitter(source, moments)
    few = fitter.fit(X[:4], "")
    more = fitter.grown(few, 6, np.random.default_rng(0))
    assert more.inertia < few.inertia and len(more.centers) == 6
    np.testing.assert_allclose(more.cluster_weights, np.bincount(more.labels, minlength=6))
