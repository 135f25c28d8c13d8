"""Fitted estimators to scikit-learn's class and back, and on to ONNX."""

import numpy as np
import pytest
import sklearn.cluster

import fastkmeans
from tests.checks import assert_same_bits


@pytest.fixture
def X():
    random = np.random.default_rng(0)
    return (random.normal(size=(300, 4)) + 6 * random.normal(size=(5, 4))[np.arange(300) % 5]).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_to_scikit_learn(X, dtype):
    X = X.astype(dtype)
    ours = fastkmeans.KMeans(5, init="k-means||", random_state=0, max_iter=50).fit(X)
    theirs = ours.to_sklearn()
    assert type(theirs) is sklearn.cluster.KMeans and theirs.max_iter == 50 and theirs.n_features_in_ == 4
    assert_same_bits(theirs.cluster_centers_, ours.cluster_centers_)
    assert np.array_equal(theirs.predict(X), ours.predict(X))
    assert theirs.score(X) == pytest.approx(ours.score(X), rel=1e-5)
    assert theirs.get_feature_names_out().tolist() == [f"kmeans{j}" for j in range(5)]
    theirs.fit(X)  # its parameters are valid
    theirs.cluster_centers_[:] = 0
    assert ours.cluster_centers_.any(), "the arrays are shared"


def test_from_scikit_learn(X):
    theirs = sklearn.cluster.KMeans(5, random_state=3, n_init=2, algorithm="elkan").fit(X)
    ours = fastkmeans.KMeans.from_sklearn(theirs)
    assert ours.get_params() == {**theirs.get_params(), "metric": "euclidean", "n_threads": None}
    assert np.array_equal(ours.predict(X), theirs.labels_) and ours.inertia_ == theirs.inertia_
    assert_same_bits(ours.to_sklearn().labels_, theirs.labels_)


def test_what_cannot_be_converted(X):
    with pytest.raises(ValueError, match="cosine.*normalize"):
        fastkmeans.KMeans(2, metric="cosine").fit(X).to_sklearn()
    with pytest.raises(ValueError, match="not fitted"):
        fastkmeans.KMeans(2).to_sklearn()
    with pytest.raises(ValueError, match="no cluster_centers_"):
        fastkmeans.KMeans.from_sklearn(sklearn.cluster.KMeans(2))


def test_onnx(X):
    skl2onnx = pytest.importorskip("skl2onnx")
    runtime = pytest.importorskip("onnxruntime")
    ours = fastkmeans.KMeans(5, random_state=0).fit(X)
    model = skl2onnx.to_onnx(ours.to_sklearn(), X[:1])
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    labels = session.run(None, {session.get_inputs()[0].name: X})[0]
    assert np.array_equal(labels, ours.labels_)
