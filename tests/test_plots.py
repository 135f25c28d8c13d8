"""Pictures: the right points, colours and files; a hint where matplotlib is missing."""

import sys

import numpy as np
import pytest

import fastkmeans

matplotlib = pytest.importorskip("matplotlib")

from fastkmeans import plots  # noqa: E402 - after the skip


@pytest.fixture(scope="module")
def blobs():
    random = np.random.default_rng(0)
    X = np.repeat(random.normal(scale=9.0, size=(5, 6)), 40, axis=0) + random.normal(size=(200, 6))
    return X, fastkmeans.fit(X, 5, random_state=0)


def offsets(figure):
    """The drawn points of rows, then of centers."""
    return [np.asarray(drawn.get_offsets()) for drawn in figure.axes[0].collections]


def test_two_columns_are_drawn_as_they_are(blobs):
    X = blobs[0][:, :2]
    result = fastkmeans.fit(X, 3, random_state=0)
    rows, centers = offsets(plots.scatter(X, result))
    np.testing.assert_array_equal(rows, X)
    np.testing.assert_array_equal(centers, result.centers)


def test_rows_of_a_cluster_share_a_colour(blobs):
    X, result = blobs
    colours = plots.scatter(X, result).axes[0].collections[0].get_facecolors()
    assert len(np.unique(colours, axis=0)) == 5
    for label in range(5):
        assert len(np.unique(colours[result.labels == label], axis=0)) == 1


def test_principal_directions_hold_the_most_variance(blobs):
    X, result = blobs
    rows, centers = offsets(plots.scatter(X, result))
    variances = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2 / (len(X) - 1)
    np.testing.assert_allclose(rows.var(axis=0, ddof=1), variances[:2])
    means = [rows[result.labels == label].mean(axis=0) for label in range(5)]
    np.testing.assert_allclose(centers, means, atol=1e-9)  # a projection keeps means


def test_many_rows_are_thinned(monkeypatch, blobs):
    monkeypatch.setattr(plots, "MOST_POINTS", 50)
    figure = plots.scatter(*blobs)
    assert len(offsets(figure)[0]) == 50
    assert figure.axes[0].get_title(loc="left") == "200 rows in 5 clusters (50 drawn)"


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_any_number_of_columns_and_metric(blobs, d, metric):
    X = blobs[0][:, :d]
    figure = plots.scatter(X, fastkmeans.fit(X, 2, metric=metric, random_state=0))
    assert [len(drawn) for drawn in offsets(figure)] == [200, 2]


def test_one_row_and_lists():
    result = fastkmeans.fit([[1.0, 2.0, 3.0]], 1)
    assert len(offsets(plots.scatter([[1.0, 2.0, 3.0]], result))[0]) == 1


def test_given_axes_are_used_and_no_figure_is_left_to_close(tmp_path, blobs):
    figure = matplotlib.figure.Figure()
    assert plots.scatter(*blobs, ax=figure.subplots(), title="mine") is figure
    assert figure.axes[0].get_title(loc="left") == "mine"
    assert "matplotlib.pyplot" not in sys.modules or matplotlib.pyplot.get_fignums() == []


def test_picture_is_written(tmp_path, blobs):
    plots.scatter(*blobs, path=tmp_path / "clusters.png")
    assert (tmp_path / "clusters.png").read_bytes().startswith(b"\x89PNG")


def test_quantised_photo_is_in_the_colours_of_the_centers(tmp_path):
    photo = np.random.default_rng(0).integers(0, 256, size=(12, 20, 3), dtype=np.uint8)
    result = fastkmeans.fit(photo.reshape(-1, 3), 4, random_state=0)
    figure = plots.quantised_photo(photo, result, path=tmp_path / "photo.png")
    original, quantised, strip = figure.axes
    np.testing.assert_array_equal(original.images[0].get_array(), photo)
    np.testing.assert_array_equal(
        quantised.images[0].get_array().reshape(-1, 3), np.rint(result.centers).astype(np.uint8)[result.labels]
    )
    assert quantised.get_title(loc="left") == "4 colours"
    assert sum(bar.get_width() for bar in strip.patches) == pytest.approx(1.0)
    assert (tmp_path / "photo.png").stat().st_size > 0


def test_shapes_that_do_not_fit_are_refused(blobs):
    X, result = blobs
    with pytest.raises(ValueError, match="shape"):
        plots.scatter(X[:-1], result)
    with pytest.raises(ValueError, match="shape"):
        plots.quantised_photo(np.zeros((2, 2, 3), np.uint8), result)


def test_without_matplotlib_gives_the_hint(monkeypatch, blobs):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install \"\.\[plots\]\""):
        plots.scatter(*blobs)
