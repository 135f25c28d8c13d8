"""KMeans: equal to fastkmeans.fit, and scikit-learn's habits: routing, output, clones, pickles, verbose, warnings."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import fastkmeans
from fastkmeans import KMeans, k_means
from tests import naive
from tests.checks import assert_labels_by_definition, assert_same_bits, run_python


def blobs(n=400, d=3, k=6, dtype=np.float64, seed=0):
    random = np.random.default_rng(seed)
    return (random.normal(size=(n, d)) + 7 * random.normal(size=(k, d))[np.arange(n) % k]).astype(dtype)


@pytest.mark.parametrize("options", [{}, {"init": "random"}, {"metric": "cosine"}, {"init": "k-means||", "tol": 0}])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_equal_to_fit(options, dtype):
    X = (blobs() + 40).astype(dtype)
    weights = np.random.default_rng(1).random(len(X))
    km = KMeans(6, random_state=4, **options).fit(X, sample_weight=weights)
    result = fastkmeans.fit(X, 6, random_state=4, sample_weight=weights, **{"init": "k-means++", **options})
    assert_same_bits(km.cluster_centers_, result.centers)
    assert_same_bits(km.labels_, result.labels)
    assert_same_bits(km.labels_, km.predict(X))
    assert (km.inertia_, km.n_iter_, km.converged_) == (result.inertia, result.n_iter, result.converged)
    assert km.score(X, sample_weight=weights) == pytest.approx(-km.inertia_)
    assert_same_bits(km.transform(X), result.transform(X))
    assert_same_bits(clone(km).fit_transform(X), KMeans(6, random_state=4, **options).fit(X).transform(X))
    assert_same_bits(k_means(X, 6, random_state=4, sample_weight=weights, **options)[1], km.labels_)
    assert k_means(X, 6, random_state=4, return_n_iter=True)[3] == KMeans(6, random_state=4).fit(X).n_iter_


@pytest.mark.parametrize("kind", [np.random.RandomState, np.random.default_rng])
def test_random_states(kind):
    X = blobs()
    assert_same_bits(*(KMeans(6, random_state=kind(3)).fit(X).cluster_centers_ for _ in range(2)))
    drawn = []
    for _ in range(2):
        np.random.seed(5)  # noqa: NPY002 - None draws from the global state
        drawn.append(KMeans(6, init="random", n_init=1).fit(X).cluster_centers_)
    assert_same_bits(*drawn)


def test_one_row_is_labelled_as_many_are():
    for k, d in ((1, 1), (3, 2), (8, 5), (17, 3), (100, 64)):
        for rows_type in (np.float32, np.float64):
            for centers_type in (np.float32, np.float64):
                X, km = blobs(300, d).astype(rows_type), KMeans(k, random_state=0, max_iter=3)
                km.fit(blobs(300, d).astype(centers_type))
                one_by_one = np.concatenate([km.predict(X[i : i + 1]) for i in range(0, 300, 7)])
                assert_same_bits(one_by_one, km.predict(X)[::7])
                assert_labels_by_definition(X[::7], km.cluster_centers_, one_by_one)
    centers = np.array([[1.0], [1.0], [3.0]])
    km.cluster_centers_, km.n_features_in_ = centers, 1
    assert km.predict(np.array([[2.0], [1.0]])).tolist() == [0, 0]  # ties
    centers[0] = 2.0
    assert km.predict(np.array([[2.0], [1.0]])).tolist() == [0, 1]  # centers changed in place


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_one_bad_row_is_an_error(bad):
    km = KMeans(3, random_state=0).fit(blobs())
    with pytest.raises(ValueError, match="X "):
        km.predict(np.array([[bad, 0.0, 0.0]]))
    with pytest.raises(ValueError, match="2 features"):
        km.predict(np.zeros((1, 2)))
    km.cluster_centers_[1, 1] = bad
    with pytest.raises(ValueError, match="centers "):
        km.predict(np.zeros((1, 3)))


def test_output_names_and_pandas():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(blobs(), columns=["a", "b", "c"])
    km = KMeans(4, random_state=0).set_output(transform="pandas").fit(X)
    assert km.feature_names_in_.tolist() == ["a", "b", "c"] and km.n_features_in_ == 3
    frame = km.transform(X)
    assert list(frame.columns) == [f"kmeans{j}" for j in range(4)] and frame.shape == (400, 4)
    assert_same_bits(km.predict(X), km.labels_)
    with pytest.warns(UserWarning, match="feature names"):
        assert_same_bits(km.predict(X.to_numpy()), km.labels_)
    with pytest.raises(ValueError, match="feature names"):
        km.predict(X[["c", "b", "a"]])


def test_metadata_routing():
    sklearn = pytest.importorskip("sklearn")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, weights = blobs(), np.arange(400.0)
    with sklearn.config_context(enable_metadata_routing=True):
        km = KMeans(4, random_state=0).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        routed = make_pipeline(scaler, km).fit(X, sample_weight=weights)[-1]
    expected = KMeans(4, random_state=0).fit(StandardScaler().fit_transform(X), sample_weight=weights)
    assert_same_bits(routed.cluster_centers_, expected.cluster_centers_)


def test_clone_pickle_and_repr():
    km = KMeans(4, random_state=0, init=blobs()[:4], n_threads=2).fit(blobs())
    assert not hasattr(clone(km), "cluster_centers_")
    again = pickle.loads(pickle.dumps(km))
    assert_same_bits(again.predict(blobs()), km.labels_)
    assert "KMeans" in km._repr_html_() and "n_threads=2" in repr(km)


def test_not_fitted():
    for method in ("predict", "transform", "score"):
        with pytest.raises(NotFittedError):
            getattr(KMeans(), method)(blobs())


def test_a_failed_fit_leaves_the_estimator_as_it_was():
    km = KMeans(4, random_state=0).fit(blobs())
    before = dict(vars(km))
    bad = blobs()
    bad[3, 1] = np.nan
    with pytest.raises(ValueError, match="row 3, column 1"):
        km.fit(bad)
    with pytest.raises(ValueError, match="sample_weight"):
        km.fit(blobs(), sample_weight=np.ones(3))
    assert all(value is before[name] for name, value in vars(km).items())


def test_x_is_neither_changed_nor_copied():
    X = np.asfortranarray(blobs()) + 1e6
    X.setflags(write=False)
    KMeans(4, random_state=0, copy_x=False).fit(X).predict(X)
    narrow = (blobs(20_000, 8) * 5 + 100).astype(np.uint8)
    assert KMeans(3, random_state=0).fit(narrow).cluster_centers_.dtype == np.float32


def test_empty_clusters_keep_labels_and_predict_together():
    X = blobs(200)
    far = np.vstack([X[:2], np.full((3, 3), 1e6)])
    km = KMeans(5, init=far, n_init=1, max_iter=2).fit(X)
    assert_same_bits(km.labels_, km.predict(X))
    assert len(np.unique(km.labels_)) == 5


def test_warnings_in_scikit_learns_words():
    X = np.repeat([[0.0], [1.0]], 5, axis=0)
    with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(2\) found smaller than n_clusters \(3\)"):
        KMeans(3, random_state=0).fit(X)
    with pytest.warns(RuntimeWarning, match="performing only one init in KMeans"):
        KMeans(2, init=[[0.0], [1.0]], n_init=3).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        KMeans(2, init=[[0.0], [1.0]], n_init=1, n_threads=1).fit(X)


@pytest.mark.parametrize("tol, words", [(0, "strict convergence"), (0.5, "center shift")])
def test_verbose_prints_every_iteration(tol, words, capsys):
    km = KMeans(6, init="random", n_init=2, tol=tol, random_state=0, verbose=1).fit(blobs())
    told = capsys.readouterr().out
    assert told.count("Initialization complete") == 2 and told.count("Iteration 0, inertia") == 2 and words in told
    assert_same_bits(km.labels_, KMeans(6, init="random", n_init=2, tol=tol, random_state=0).fit(blobs()).labels_)


@pytest.mark.parametrize("offset", [1e6, 1e8])
def test_offsets(offset):
    """Where scikit-learn's transform is off by 5e-3 to 1.9, and its float32 labels are not those of predict."""
    X = blobs() + offset
    km = KMeans(6, random_state=0).fit(X)
    expected = np.sqrt(naive.sq_dists(X, km.cluster_centers_))
    np.testing.assert_allclose(km.transform(X), expected, rtol=1e-6)
    single = (blobs() * 10 + offset).astype(np.float32)
    km = KMeans(6, random_state=0).fit(single)
    assert_same_bits(km.predict(single), km.labels_)


def test_without_scikit_learn_the_core_works_and_estimators_say_what_to_install():
    run_python("""
import sys
sys.modules["sklearn"] = None
import fastkmeans
fastkmeans.fit([[0.0], [9.0]], 2, random_state=0)
try:
    fastkmeans.KMeans
except ImportError as error:
    assert "fastkmeans-numba[sklearn]" in str(error), error
else:
    raise AssertionError
""")
