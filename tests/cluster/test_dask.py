"""Rows on a Dask cluster: the bits of the same blocks anywhere else, whatever form the rows have."""

import os
import pickle

import numpy as np
import pytest

import fastkmeans
from fastkmeans import api
from fastkmeans.engine.scalable import WeightPass
from fastkmeans.sources.questions import PassQuestion, joined
from tests.checks import assert_same_bits

da = pytest.importorskip("dask.array")
dask = pytest.importorskip("dask")
SIZES = (700, 1, 1900, 399)


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(sum(SIZES), 5)) + 6 * rng.integers(0, 4, (sum(SIZES), 1))).astype(np.float32)


def blocks_of(X, sizes=SIZES):
    return np.split(X, np.cumsum(sizes)[:-1])


def chunked(X, sizes=SIZES):
    """X as a Dask array whose blocks are made by functions, as those of files are."""
    rows = [da.from_delayed(dask.delayed(np.copy)(own), own.shape, own.dtype) for own in blocks_of(X, sizes)]
    return da.concatenate(rows)


def assert_same_fit(a, b, labels=True):
    assert_same_bits(a.centers, b.centers)
    assert (a.inertia, a.n_iter, a.converged) == (b.inertia, b.n_iter, b.converged)
    assert [stats.n_moved for stats in a.history] == [stats.n_moved for stats in b.history]
    assert [stats.inertia for stats in a.history] == [stats.inertia for stats in b.history]
    if labels:
        assert_same_bits(np.asarray(a.labels), np.asarray(b.labels))


def in_batches(X, k, weights=None, **settings):
    own = None if weights is None else blocks_of(weights)
    blocks = blocks_of(X) if own is None else list(zip(blocks_of(X), own, strict=True))
    return fastkmeans.fit_batches(lambda: iter(blocks), k, **settings)


SETTINGS = {
    "centers": {"init": "rows"},
    "sample": {},
    "random": {"init": "random", "n_init": 2},
    "k-means||": {"init": "k-means||"},
    "cosine": {"metric": "cosine", "init": "rows"},
    "to the end": {"tol": 0, "init": "random", "n_init": 1},
}


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "cluster"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", SETTINGS)
def test_the_bits_of_the_same_blocks(X, name, weighted, scheduler, request):
    settings = {"algorithm": "dense", "random_state": 3, **SETTINGS[name]}
    if settings.get("init") == "rows":
        settings["init"] = X[[5, 800, 1500, 2000, 2500, 2999, 13]]
    weights = np.random.default_rng(1).integers(0, 4, len(X)).astype(float) if weighted else None
    expected = in_batches(X, 7, weights, **settings)
    if scheduler == "cluster":
        request.getfixturevalue("client")
        found = fastkmeans.fit(chunked(X), 7, sample_weight=weights, **settings)
    else:
        with dask.config.set(scheduler=scheduler):
            found = fastkmeans.fit(chunked(X), 7, sample_weight=weights, **settings)
    assert expected.n_iter > 1 and isinstance(found.labels, da.Array)
    assert found.labels.chunks == (SIZES,)
    assert_same_fit(found, expected)


def test_one_block_has_the_bits_of_the_array(X, client):
    whole = fastkmeans.fit(X, 6, init=X[:6], algorithm="dense")
    assert_same_fit(fastkmeans.fit(da.from_array(X, chunks=-1), 6, init=X[:6]), whole)


def test_rows_that_are_not_persisted(X, client, monkeypatch):
    settings = {"init": "k-means||", "random_state": 0, "n_init": 2}
    weights = np.arange(len(X)) % 3.0
    expected = fastkmeans.fit(chunked(X), 9, sample_weight=weights, **settings)
    monkeypatch.setattr("fastkmeans.sources.dask_rows.PERSIST_SHARE", 0.0)
    assert_same_fit(fastkmeans.fit(chunked(X), 9, sample_weight=weights, **settings), expected)


def test_many_blocks_and_large_sums_are_joined_on_workers(client, monkeypatch):
    X = np.random.default_rng(0).normal(size=(900, 4))
    rows = chunked(X, [20] * 45)
    expected = fastkmeans.fit(rows, 30, init=X[:30])
    monkeypatch.setattr("fastkmeans.sources.dask_rows.JOIN_BYTES", 0)
    monkeypatch.setattr("fastkmeans.sources.dask_rows.PAYLOAD_BYTES", 0)
    assert_same_fit(fastkmeans.fit(rows, 30, init=X[:30]), expected)
    monkeypatch.setattr("fastkmeans.sources.dask_rows.PERSIST_SHARE", 0.0)
    assert_same_fit(fastkmeans.fit(rows, 30, init=X[:30]), expected)


def test_joining_leaves_the_parts_as_they_are():
    """They may be asked for again, if the worker that joined them is lost."""
    question = pickle.dumps(PassQuestion(pickle.dumps(WeightPass(2)), None))
    parts = [[(0, 0, np.ones(2))], [(0, 1, np.ones(2)), (0, 2, np.full(2, 5.0))]]
    found = joined(question, parts, 3)
    assert [(level, place, own.tolist()) for level, place, own in found] == [(2, 0, [7.0, 7.0])]
    assert [own.tolist() for part in parts for _, _, own in part] == [[1.0, 1.0], [1.0, 1.0], [5.0, 5.0]]


def test_clusters_of_these_tests_leave_the_environment_alone(client):
    assert "OMP_NUM_THREADS" not in os.environ and "MALLOC_TRIM_THRESHOLD_" not in os.environ
    assert set(client.run(lambda: os.environ["OMP_NUM_THREADS"]).values()) == {"1"}


# ---- forms ------------------------------------------------------------------------------------------------


@pytest.fixture(params=["local", "cluster"])
def anywhere(request):
    if request.param == "cluster":
        request.getfixturevalue("client")


def test_unknown_sizes_empty_blocks_and_column_chunks(X, anywhere):
    expected = fastkmeans.fit(chunked(X), 5, init=X[:5])
    keep = np.ones(len(X), bool)
    keep[:700] = False  # the first block has no row left
    unknown = chunked(X)[da.from_array(keep, chunks=(SIZES,))]
    assert np.isnan(unknown.shape[0])
    found = fastkmeans.fit(unknown, 5, init=X[:5])
    assert found.labels.chunks == ((0, *SIZES[1:]),)
    assert_same_fit(found, fastkmeans.fit(chunked(X[700:], SIZES[1:]), 5, init=X[:5]))
    assert_same_fit(fastkmeans.fit(chunked(X).rechunk({1: 2}), 5, init=X[:5]), expected)


@pytest.mark.parametrize("dtype", ["f8", "f2", "u1", "i8"])
def test_types(X, dtype, anywhere):
    Y = X.astype(dtype)
    init = Y[[0, 900, 2800]]
    assert_same_fit(fastkmeans.fit(chunked(Y), 3, init=init), in_batches(Y, 3, init=init))


def test_data_frames(X, anywhere):
    pd, dd = pytest.importorskip("pandas"), pytest.importorskip("dask.dataframe")
    frame = pd.DataFrame(X, columns=list("abcde"))
    weights = np.arange(len(X)) % 5 + 0.5
    expected = fastkmeans.fit(da.from_array(X, chunks=(1000, 5)), 4, init=X[:4], sample_weight=weights)
    rows = dd.from_pandas(frame.assign(w=weights), chunksize=1000, sort=False)
    found = fastkmeans.fit(rows, 4, init=X[:4], sample_weight="w")
    assert_same_fit(found, expected)
    assert_same_fit(fastkmeans.fit(rows[list("abcde")], 4, init=X[:4], sample_weight=rows["w"]), expected)
    assert_same_bits(np.asarray(fastkmeans.predict(rows[list("abcde")], found.centers)), np.asarray(found.labels))
    with pytest.raises(TypeError, match="column 'e' has type"):
        fastkmeans.fit(rows.assign(e="x"), 4)


def test_predict_and_transform_wait_until_they_are_asked(X, anywhere):
    calls = []
    rows = chunked(X).map_blocks(lambda block: calls.append(1) or block, dtype=X.dtype, meta=np.empty((0, 5), X.dtype))
    centers = X[:4]
    labels, distances = fastkmeans.predict(rows, centers), fastkmeans.transform(rows, centers)
    assert calls == [] and labels.dtype == np.int32 and distances.shape == (len(X), 4)
    assert_same_bits(labels.compute(), fastkmeans.predict(X, centers))
    assert_same_bits(distances.compute(), fastkmeans.transform(X, centers))
    assert api.inertia(rows, centers) == pytest.approx(api.inertia(X, centers))


def test_the_estimator(X, client):
    from fastkmeans.dask import KMeans

    rows = chunked(X)
    model = KMeans(4, random_state=0, client=client).fit(rows)
    assert isinstance(model.labels_, da.Array) and model.n_features_in_ == 5
    assert_same_bits(model.labels_.compute(), model.predict(X))
    assert_same_bits(model.predict(rows).compute(), model.predict(X))
    assert_same_bits(model.fit_transform(rows).compute(), model.transform(X))
    assert model.score(rows) == pytest.approx(-model.inertia_)
    plain = fastkmeans.KMeans(4, random_state=0).fit(rows)
    assert_same_bits(plain.cluster_centers_, model.cluster_centers_)
    with pytest.raises(ValueError, match="X has 4 features, but KMeans is expecting 5"):
        model.predict(rows[:, :4])


@pytest.mark.parametrize("name", ["MiniBatchKMeans", "BisectingKMeans"])
def test_other_estimators_read_the_rows_into_memory(X, client, name):
    kind, rows = getattr(fastkmeans, name), chunked(X)
    model = kind(3, random_state=0).fit(rows)
    assert_same_bits(model.cluster_centers_, kind(3, random_state=0).fit(X).cluster_centers_)
    assert_same_bits(np.asarray(model.predict(rows)), model.predict(X))


def test_a_result_can_be_saved(X, client, tmp_path):
    result = fastkmeans.fit(chunked(X), 4, random_state=0)
    result.save(tmp_path / "model.npz")
    assert_same_bits(fastkmeans.load(tmp_path / "model.npz").labels, result.labels.compute())


def test_too_few_distinct_rows(anywhere):
    X = np.repeat(np.arange(6.0).reshape(3, 2), 50, axis=0)
    with pytest.warns(fastkmeans.TooFewDistinctRows, match="3 clusters hold rows"):
        result = fastkmeans.fit(chunked(X, (70, 80)), 5, random_state=0)
    assert result.inertia == 0.0


def test_few_rows_with_a_weight(anywhere):
    X = np.random.default_rng(0).normal(size=(100, 3))
    weights = np.zeros(100)
    weights[[3, 40, 77]] = 1.0, 2.0, 3.0
    result = fastkmeans.fit(chunked(X, (30, 70)), 3, sample_weight=weights, random_state=0)
    assert sorted(map(tuple, result.centers)) == sorted(map(tuple, X[[3, 40, 77]]))


# ---- errors -----------------------------------------------------------------------------------------------


def test_errors_name_what_is_wrong(X, anywhere):
    rows = chunked(X)
    bad = X.copy()
    bad[2999, 3] = np.nan
    with pytest.raises(ValueError, match="X contains NaN \\(at row 2999, column 3\\)"):
        fastkmeans.fit(chunked(bad), 3)
    with pytest.raises(ValueError, match="must be 2-D"):
        fastkmeans.fit(rows[:, 0], 3)
    with pytest.raises(ValueError, match="ask for at most 3000 clusters"):
        fastkmeans.fit(rows, 3001)
    with pytest.raises(ValueError, match="no rows"):
        fastkmeans.fit(rows[:0], 3)
    with pytest.raises(ValueError, match="sample_weight at row 701 is -1"):
        fastkmeans.fit(rows, 3, sample_weight=np.where(np.arange(len(X)) == 701, -1.0, 1.0))
    with pytest.raises(ValueError, match="sample_weight is zero for every row"):
        fastkmeans.fit(rows, 3, sample_weight=da.zeros(len(X), chunks=(SIZES,)))
    with pytest.raises(ValueError, match="sample_weight has shape"):
        fastkmeans.fit(rows, 3, sample_weight=np.ones(len(X) - 1))
    with pytest.raises(TypeError, match="names neither a file nor a column"):
        fastkmeans.fit(rows, 3, sample_weight="w")
    with pytest.raises(ValueError, match="3 columns"):
        fastkmeans.predict(rows, np.zeros((2, 3)))


def test_a_seeding_that_needs_all_rows_here(X, client):
    with pytest.raises(ValueError, match="init='afk-mc2' is not for rows on a cluster"):
        fastkmeans.fit(chunked(X), 3, init="afk-mc2")


def test_blocks_that_are_not_the_same_each_time(client, monkeypatch):
    monkeypatch.setattr("fastkmeans.sources.dask_rows.PERSIST_SHARE", 0.0)

    def some_rows(path):
        with open(path, "a") as file:
            file.write("x")
            return np.zeros((100 + file.tell(), 2))

    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        rows = da.from_delayed(dask.delayed(some_rows, pure=False)(file.name), (np.nan, 2), float)
        with pytest.raises(ValueError, match="its rows must be the same each time"):
            fastkmeans.fit(rows, 3)
