"""The silhouette plot: the values of scikit-learn, sorted within each cluster."""

import numpy as np
import pytest

import fastkmeans
from fastkmeans import plots

metrics = pytest.importorskip("sklearn.metrics")


def values_of(ax):
    """The silhouettes of each drawn cluster, in the order of their places."""
    found = []
    for knife in ax.collections:
        corners = knife.get_paths()[0].vertices
        low, high = corners[:, 1].min(), corners[:, 1].max()
        middles = np.arange(low, high - 0.5) + 0.5
        own = []
        for middle in middles:
            sides = [
                (a, b)
                for a, b in zip(corners[:-1], corners[1:], strict=True)
                if min(a[1], b[1]) < middle < max(a[1], b[1])
            ]
            own.append(max((a[0] for a, _ in sides), key=abs))
        found.append(np.array(own))
    return found


def test_silhouettes_are_sorted_within_each_cluster(blobs, axes):
    X, result = blobs
    assert plots.silhouette(X, result, ax=axes) is axes
    expected = metrics.silhouette_samples(X, result.labels)
    drawn = values_of(axes)
    assert len(drawn) == 5
    for label, own in enumerate(drawn):
        np.testing.assert_allclose(own, np.sort(expected[result.labels == label])[::-1], rtol=1e-6)
    assert axes.lines[0].get_xdata()[0] == pytest.approx(expected.mean())
    assert [text.get_text() for text in axes.texts] == list("01234")
    assert axes.get_title(loc="left") == f"Mean silhouette {expected.mean():.2f}, 200 rows"


def test_labels_of_any_numbers_and_estimators(blobs):
    X, result = blobs
    ax = plots.silhouette(X, result.labels * 3 - 1)
    assert [text.get_text() for text in ax.texts] == ["-1", "2", "5", "8", "11"]
    model = fastkmeans.KMeans(5, random_state=0).fit(X)
    assert len(plots.silhouette(X, model).collections) == 5


def test_many_rows_are_sampled_and_the_title_says_so(blobs):
    X, result = blobs
    ax = plots.silhouette(X, result, sample_size=50, random_state=3)
    assert sum(map(len, values_of(ax))) == 50
    assert ax.get_title(loc="left").endswith(", 50 of 200 rows sampled")
    assert set(np.concatenate(values_of(ax))) <= set(np.concatenate(values_of(plots.silhouette(X, result))))
    again = plots.silhouette(X, result, sample_size=50, random_state=3)
    np.testing.assert_array_equal(np.concatenate(values_of(ax)), np.concatenate(values_of(again)))
    assert sum(map(len, values_of(plots.silhouette(X, result, sample_size=None)))) == 200


def test_the_metric_of_the_result_is_used(blobs):
    X, _ = blobs
    result = fastkmeans.fit(X, 4, metric="cosine", random_state=0)
    ax = plots.silhouette(X, result)
    assert ax.lines[0].get_xdata()[0] == pytest.approx(metrics.silhouette_score(X, result.labels, metric="cosine"))
    sampled = plots.silhouette(X, result, sample_size=60)
    assert set(np.concatenate(values_of(sampled))) <= set(np.concatenate(values_of(ax)))


def test_many_clusters_have_no_numbers(blobs):
    X, _ = blobs
    ax = plots.silhouette(X, fastkmeans.fit(X, 40, random_state=0))
    assert len(ax.collections) == 40 and not ax.texts


def test_labels_that_do_not_fit_are_refused(blobs):
    X, result = blobs
    with pytest.raises(ValueError, match="labels has shape"):
        plots.silhouette(X, result.labels[:-1])
    with pytest.raises(ValueError, match="labels"):
        plots.silhouette(X, np.zeros(200, int))
    with pytest.raises(ValueError, match="sample_size"):
        plots.silhouette(X, result, sample_size=0)
