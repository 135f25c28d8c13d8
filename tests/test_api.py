"""The functional face: what comes back, every dtype and layout, no copy of X."""

import tracemalloc

import numpy as np
import pytest

import fastkmeans
from fastkmeans import api
from tests import naive
from tests.checks import assert_labels_by_definition, assert_same_bits, assert_same_result
from tests.strategies import DTYPES, LAYOUTS, values_of

CORNERS = np.array([[0, 0], [0, 1], [9, 9], [9, 10], [0, 9]], dtype=np.float32)


def blobs(n=400, d=5, k=6, seed=0, dtype=np.float32):
    random = np.random.default_rng(seed)
    centers = random.normal(scale=5.0, size=(k, d))
    return (centers[np.arange(n) % k] + random.normal(size=(n, d))).astype(dtype)


# ---- results ----------------------------------------------------------------------------------------------


def test_a_fit_by_hand():
    result = fastkmeans.fit(CORNERS, 3, init=CORNERS[[0, 2, 4]])
    assert result.labels.tolist() == [0, 0, 1, 1, 2]
    assert result.centers.tolist() == [[0, 0.5], [9, 9.5], [0, 9]]
    assert result.inertia == 1.0
    assert result.converged and result.n_iter == len(result.history) == 2
    assert result.metric == "euclidean" and "dense" in result.plan
    assert [stats.n_moved for stats in result.history] == [5, 0]
    assert [stats.n_relocated for stats in result.history] == [0, 0]
    assert [stats.iteration for stats in result.history] == [1, 2]
    assert {stats.phase for stats in result.history} == {"lloyd"}
    assert result.history[0].center_shift == pytest.approx(0.5)
    assert [stats.inertia for stats in result.history] == pytest.approx([2.0, 1.0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_types_of_a_result(dtype):
    X = values_of(dtype, (50, 3))
    result = fastkmeans.fit(X, 4, random_state=0)
    wide = np.dtype(dtype).name in ("float64", "int32", "uint32", "int64", "uint64")
    assert result.centers.dtype == (np.float64 if wide else np.float32)
    assert result.centers.shape == (4, 3) and result.centers.flags.c_contiguous
    assert result.labels.dtype == np.int32 and result.labels.shape == (50,)
    assert type(result.inertia) is float and type(result.n_iter) is int and type(result.converged) is bool
    assert_labels_by_definition(X, result.centers, result.labels)


def test_repr_says_what_happened():
    assert repr(fastkmeans.fit(CORNERS, 3, random_state=0)).startswith(
        "KMeansResult(n_clusters=3, n_features=2, n_samples=5, inertia=1, converged after "
    )


def test_result_is_frozen():
    with pytest.raises(AttributeError):
        fastkmeans.fit(CORNERS, 2, random_state=0).inertia = 0.0


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "u1"])
@pytest.mark.parametrize("max_iter", [1, 2, 300])
def test_labels_and_inertia_belong_to_the_centers(dtype, metric, max_iter):
    X = np.abs(blobs() * 8 + 1).astype(dtype)
    result = fastkmeans.fit(X, 9, metric=metric, random_state=3, max_iter=max_iter)
    assert_same_bits(result.labels, result.predict(X))
    assert_labels_by_definition(X, result.centers, result.labels, metric)
    rows = naive.unit_rows(X, result.centers.dtype) if metric == "cosine" else X
    assert result.inertia == pytest.approx(naive.inertia(rows, result.labels, result.centers), rel=1e-5)
    assert result.score(X) == pytest.approx(-result.inertia, rel=1e-12)


def test_max_iter_and_convergence():
    X = blobs(2000, 3, 30)
    short = fastkmeans.fit(X, 20, random_state=0, max_iter=2)
    assert short.n_iter == 2 and not short.converged
    full = fastkmeans.fit(X, 20, random_state=0, tol=0)
    assert full.converged and full.n_iter > 2 and full.history[-1].n_moved == 0
    loose = fastkmeans.fit(X, 20, random_state=0, tol=0.1)
    assert loose.converged and loose.n_iter < full.n_iter
    assert loose.history[-1].center_shift <= 0.1 * X.astype(np.float64).var(axis=0).mean()


# ---- seeds and starts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_a_seed_names_a_result(init):
    X = blobs()
    first = fastkmeans.fit(X, 8, init=init, random_state=5)
    assert_same_result(first, fastkmeans.fit(X, 8, init=init, random_state=5))
    assert_same_result(first, fastkmeans.fit(X, 8, init=init, random_state=np.int64(5)))
    others = [fastkmeans.fit(X, 8, init=init, random_state=seed, max_iter=1).centers for seed in range(6, 12)]
    assert not all(np.array_equal(first.centers, other) for other in others)


def test_kinds_of_random_state():
    X = blobs()
    for make in (np.random.default_rng, np.random.RandomState):
        one, other = (fastkmeans.fit(X, 8, random_state=make(4)) for _ in range(2))
        assert_same_result(one, other)
    generator = np.random.default_rng(4)
    fastkmeans.fit(X, 8, random_state=generator)
    assert generator.integers(2**62) != np.random.default_rng(4).integers(2**62), "the generator was not used"


def test_no_seed_follows_numpys_global_state():
    X = blobs()
    results = []
    for _ in range(2):
        np.random.seed(7)  # noqa: NPY002 - the state in question
        results.append(fastkmeans.fit(X, 8))
    assert_same_result(*results)


def test_n_init_keeps_the_best():
    X = blobs(600, 2, 12, seed=1)
    seen = []
    best = fastkmeans.fit(X, 12, init="random", n_init=6, random_state=1, callback=lambda stats: seen.append(stats))
    final = {}
    for stats in seen:
        final[stats.restart] = stats.inertia
    assert sorted(final) == list(range(6))
    assert len({round(value, 6) for value in final.values()}) > 1, "all runs alike: the test shows nothing"
    assert best.inertia <= min(final.values()) * (1 + 1e-6)
    assert {stats.restart for stats in best.history} == {min(final, key=final.get)}
    assert best.history[0].restart != 5, "the last run is the best: the test shows little"
    assert_labels_by_definition(X, best.centers, best.labels)


def test_n_init_auto():
    def runs(**options):
        seen = set()
        fastkmeans.fit(CORNERS, 2, random_state=0, callback=lambda stats: seen.add(stats.restart), **options)
        return len(seen)

    assert runs() == 1
    assert runs(init="random") == 10
    assert runs(init=lambda X, k, random_state: X[:k]) == 10
    assert runs(init=CORNERS[:2], n_init=5) == 1


def test_init_as_rows_numbers_and_callable():
    X = blobs()
    rows = [3, 50, 201]
    expected = fastkmeans.fit(X, 3, init=X[rows])
    assert_same_result(expected, fastkmeans.fit(X, 3, init=np.array(rows)))
    assert_same_result(expected, fastkmeans.fit(X, 3, init=X[rows].tolist()))

    def choose(data, n_clusters, random_state):
        assert n_clusters == 3 and isinstance(random_state, np.random.RandomState)
        return data[rows]

    assert_same_result(expected, fastkmeans.fit(X, 3, init=choose, n_init=1))


def test_kmeans_plusplus():
    X = blobs()
    centers, indices = fastkmeans.kmeans_plusplus(X, 12, random_state=0)
    assert_same_bits(centers, X[indices])
    assert len(set(indices.tolist())) == 12
    again = fastkmeans.kmeans_plusplus(X, 12, random_state=0)
    assert_same_bits(indices, again[1])
    unit, numbers = fastkmeans.kmeans_plusplus(X, 5, random_state=0, metric="cosine")
    assert_same_bits(unit, naive.unit_rows(X[numbers], np.float32))


# ---- cosine -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_cosine_is_euclidean_on_unit_rows_with_unit_centers(dtype):
    X = blobs(500, 4, 8, dtype=dtype)
    start = np.arange(6) * 37
    cosine = fastkmeans.fit(X, 6, metric="cosine", init=start, tol=0)
    unit = naive.unit_rows(X, np.dtype(dtype))
    centers, labels, inertia, _ = naive.lloyd(unit, unit[start], tol=0, cosine=True)
    assert np.array_equal(cosine.labels, labels)
    np.testing.assert_allclose(cosine.centers, centers, atol=1e-6 if dtype == "f4" else 1e-13)
    np.testing.assert_allclose(np.linalg.norm(cosine.centers.astype(np.float64), axis=1), 1, rtol=1e-6)
    assert cosine.inertia == pytest.approx(inertia, rel=1e-5)


def test_cosine_does_not_see_lengths():
    X = blobs(300, 6, 4, dtype=np.float64)
    scaled = X * 2.0 ** np.random.default_rng(0).integers(-3, 4, (300, 1))
    one, other = (fastkmeans.fit(rows, 4, metric="cosine", init=[0, 1, 2, 3]) for rows in (X, scaled))
    assert_same_result(one, other)


# ---- predict, transform, score ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "u1", "i8"])
@pytest.mark.parametrize("k", [1, 2, 9, 40])
def test_transform(dtype, k):
    X = (blobs(130, 5) * 7).astype(dtype)
    centers = X[:k].astype(np.float64 if dtype in ("f8", "i8") else np.float32)
    distances = fastkmeans.transform(X, centers)
    assert distances.dtype == centers.dtype
    expected = np.sqrt(naive.sq_dists(X, centers))
    np.testing.assert_allclose(distances, expected, rtol=1e-5 if distances.dtype == np.float32 else 1e-13)
    assert (distances[np.arange(k), np.arange(k)] == 0).all()


def test_transform_cosine():
    X = blobs(60, 5)
    result = fastkmeans.fit(X, 4, metric="cosine", random_state=0)
    cosines = naive.unit_rows(X, np.float64) @ result.centers.astype(np.float64).T
    np.testing.assert_allclose(result.transform(X) ** 2, 2 * (1 - cosines), atol=1e-5)


def test_transform_does_not_cancel_far_from_zero():
    X = (blobs(100, 3, dtype=np.float64) + 1e9).round()
    distances = fastkmeans.transform(X, X[:5])
    np.testing.assert_allclose(distances, np.sqrt(naive.sq_dists(X, X[:5])), rtol=1e-12)


def test_score_takes_weights():
    X = blobs(200)
    weights = np.random.default_rng(0).random(200)
    result = fastkmeans.fit(X, 5, random_state=0)
    expected = -naive.inertia(X, result.labels, result.centers, weights)
    assert result.score(X, weights) == pytest.approx(expected, rel=1e-6)
    assert api.inertia(X, result.centers, weights) == -result.score(X, weights)


def test_predict_with_rows_of_another_type():
    X = blobs(300, dtype=np.float64)
    result = fastkmeans.fit(X, 7, random_state=0)
    for dtype in ("f2", "f4", "i2"):
        assert_labels_by_definition(X.astype(dtype), result.centers, result.predict(X.astype(dtype)))
    narrow = fastkmeans.fit(X.astype(np.float32), 7, random_state=0)
    assert_labels_by_definition(X, narrow.centers, narrow.predict(X))


# ---- every dtype and layout -------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 3, 11])
def test_layouts_give_the_bits_of_the_plain_array(dtype, layout, d):
    X = values_of(dtype, (83, d), seed=d)
    weights = np.random.default_rng(d).random(83)
    for metric in ("euclidean", "cosine") if dtype == "f2" else ("euclidean",):
        options = {"metric": metric, "random_state": 1, "sample_weight": weights, "max_iter": 4}
        expected = fastkmeans.fit(X, 2, **options)
        view = LAYOUTS[layout](X)
        assert np.array_equal(view, X)
        assert_same_result(expected, fastkmeans.fit(view, 2, **options))
        assert_same_bits(expected.labels, expected.predict(view))


def test_broadcast_rows_and_lists():
    row = np.float32([1, 2, 3])
    assert fastkmeans.fit(np.broadcast_to(row, (10, 3)), 1).centers.tolist() == [[1, 2, 3]]
    X = blobs(20, 2, dtype=np.float64)
    expected = fastkmeans.fit(X, 3, random_state=0)
    assert_same_result(expected, fastkmeans.fit(X.tolist(), 3, random_state=0))
    assert_same_result(expected, fastkmeans.fit(tuple(map(tuple, X)), 3, random_state=0))


def test_tables():
    X = blobs(40, 2, dtype=np.float64)
    expected = fastkmeans.fit(X, 3, random_state=0)
    pandas, polars, arrow = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    for table in (pandas.DataFrame(X), polars.DataFrame(X), arrow.table({"a": X[:, 0], "b": X[:, 1]})):
        assert_same_result(expected, fastkmeans.fit(table, 3, random_state=0))


def test_a_memory_map_is_read_in_place(tmp_path):
    X = blobs(500, 4)
    np.save(tmp_path / "rows.npy", X)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert_same_result(fastkmeans.fit(X, 5, random_state=0), fastkmeans.fit(mapped, 5, random_state=0))


@pytest.mark.parametrize("layout", ["C", "Fortran", "byte-swapped", "strided"])
def test_x_is_not_copied(layout):
    X = LAYOUTS[layout](np.random.default_rng(0).integers(0, 255, (400_000, 16), np.uint8))
    options = {"init": np.arange(8), "max_iter": 3, "n_threads": 2}
    fastkmeans.fit(X[:2000], 8, **options)  # compiles
    tracemalloc.start()
    fastkmeans.fit(X, 8, **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    labels = 2 * 4 * len(X)
    assert peak < labels + 0.25 * X.nbytes, f"{peak / 1e6:.1f} MB for an X of {X.nbytes / 1e6:.1f} MB"


def test_arguments_are_not_changed():
    X, weights = blobs(50), np.linspace(0, 1, 50)
    init = X[:4].copy()
    kept = X.copy(), weights.copy(), init.copy()
    fastkmeans.fit(X, 4, init=init, sample_weight=weights)
    for given, copy in zip((X, weights, init), kept, strict=True):
        assert_same_bits(given, copy)


# ---- callbacks, progress ----------------------------------------------------------------------------------


def test_callback_sees_every_step_and_can_stop():
    X = blobs(300)
    seen = []
    result = fastkmeans.fit(X, 10, random_state=0, callback=seen.append)
    assert [stats.iteration for stats in seen if stats.phase == "seeding"] == list(range(1, 10))
    assert tuple(stats for stats in seen if stats.phase == "lloyd") == result.history
    potentials = [stats.inertia for stats in seen if stats.phase == "seeding"]
    assert potentials == sorted(potentials, reverse=True)
    stopped = fastkmeans.fit(X, 10, random_state=0, callback=lambda s: not (s.phase == "lloyd" and s.iteration == 2))
    assert stopped.n_iter == 2 and not stopped.converged
    assert_labels_by_definition(X, stopped.centers, stopped.labels)
    early = fastkmeans.fit(X, 10, random_state=0, callback=lambda stats: False)
    assert early.n_iter == 0 and not early.converged
    assert_labels_by_definition(X, early.centers, early.labels)


def test_an_error_in_a_callback_reaches_the_caller():
    def fail(stats):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fastkmeans.fit(CORNERS, 2, callback=fail)


def test_verbose_writes_to_stderr(capsys):
    expected = fastkmeans.fit(CORNERS, 2, random_state=0)
    assert_same_result(expected, fastkmeans.fit(CORNERS, 2, random_state=0, verbose=1))
    out, err = capsys.readouterr()
    assert out == "" and "inertia" in err
