"""Where clusters lie, how large they are, what sets them apart: the right points, colours and words."""

import sys

import matplotlib
import matplotlib.style
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import fastkmeans
from fastkmeans import plots
from fastkmeans.plots import clusters
from fastkmeans.plots.cells import voronoi_cells
from fastkmeans.plots.plane import Plane
from fastkmeans.plots.shown import Clustering, ShownRows
from fastkmeans.plots.style import MOST_NUMBERED, PETROFF, cluster_colours, surface_of
from tests import naive


def drawn(ax, label):
    """The places of what is drawn under a label."""
    return np.asarray(next(part for part in ax.collections if part.get_label() == label).get_offsets())


# ---- scatter ----------------------------------------------------------------------------------------------


def test_two_columns_are_drawn_as_they_are(flat):
    X, result = flat
    ax = plots.scatter(X, result)
    assert isinstance(ax, Axes)
    np.testing.assert_array_equal(drawn(ax, "rows"), X)
    np.testing.assert_array_equal(drawn(ax, "centers"), result.centers)
    assert [text.get_text() for text in ax.texts] == ["0", "1", "2"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("column 0", "column 1")
    low, high = np.transpose([ax.get_xlim(), ax.get_ylim()])
    assert (low < X.min(axis=0)).all() and (high > X.max(axis=0)).all()


def test_rows_of_a_cluster_share_a_colour(blobs):
    X, result = blobs
    colours = plots.scatter(X, result).collections[0].get_facecolors()
    assert len(np.unique(colours, axis=0)) == 5
    for label in range(5):
        assert len(np.unique(colours[result.labels == label], axis=0)) == 1


def test_principal_directions_hold_the_most_variance(blobs):
    X, result = blobs
    ax = plots.scatter(X, result)
    rows, centers = drawn(ax, "rows"), drawn(ax, "centers")
    variances = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2 / (len(X) - 1)
    np.testing.assert_allclose(rows.var(axis=0, ddof=1), variances[:2])
    assert ax.get_xlabel() == f"principal direction 1 ({variances[0] / variances.sum():.0%} of variance)"
    means = [rows[result.labels == label].mean(axis=0) for label in range(5)]
    np.testing.assert_allclose(centers, means, atol=1e-9)  # a projection keeps means


def test_directions_of_more_columns_than_rows(blobs):
    random = np.random.default_rng(1)
    X = random.normal(size=(30, 2)) @ random.normal(size=(2, 1500)) * 10 + random.normal(size=(30, 1500))
    clustering = Clustering.of(fastkmeans.fit(X, 3, random_state=0))
    plane = Plane(ShownRows(X, clustering), clustering.centers, ["?"] * 1500)
    np.testing.assert_allclose(plane.directions.T @ plane.directions, np.eye(2), atol=1e-9)
    variances = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2
    np.testing.assert_allclose((plane.project(X) ** 2).sum(axis=0), variances[:2])


@pytest.mark.parametrize("block", [7, 1000])
def test_many_rows_are_drawn_by_density(monkeypatch, flat, block):
    X, result = flat
    monkeypatch.setattr(clusters, "MOST_POINTS", 50)
    monkeypatch.setattr(clusters, "PIXELS", (20, 10))
    monkeypatch.setattr("fastkmeans.plots.shown.ROWS_A_BLOCK", block)
    ax = plots.scatter(X, result)
    assert ax.get_title(loc="left") == "200 rows in 3 clusters, drawn by density"
    assert all(part.get_label() != "rows" for part in ax.collections)
    image = np.asarray(ax.images[0].get_array())
    low, high = np.transpose([ax.get_xlim(), ax.get_ylim()])
    counts, *_ = np.histogram2d(*X.T, bins=(20, 10), range=list(zip(low, high, strict=True)))
    np.testing.assert_array_equal(image[..., 3] > 0, counts.T > 0)
    assert image[..., 3].argmax() == counts.T.argmax()
    column, row = ((X[0] - low) / (high - low) * (20, 10)).astype(int)
    inside = (((X - low) / (high - low) * (20, 10)).astype(int) == (column, row)).all(axis=1)
    np.testing.assert_allclose(image[row, column, :3], cluster_colours(3)[result.labels[inside]].mean(axis=0))


def test_the_default_limit_of_points():
    X = np.random.default_rng(0).normal(size=(20_001, 3)).astype(np.float32)
    result = fastkmeans.fit(X, 2, random_state=0, max_iter=2)
    assert len(plots.scatter(X, result).images) == 1


def test_one_column_is_a_histogram(blobs):
    X = blobs[0][:, :1]
    result = fastkmeans.fit(X, 3, random_state=0)
    ax = plots.scatter(X, result, names=["length"], cells=True)
    assert sum(bar.get_height() for bar in ax.patches) == 200
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("length", "rows")
    np.testing.assert_array_equal(drawn(ax, "centers")[:, 0], result.centers[:, 0])
    between = [
        path.vertices[0, 0] for part in ax.collections if part.get_label() != "centers" for path in part.get_paths()
    ]
    middle = np.sort(result.centers[:, 0])
    np.testing.assert_allclose(between, (middle[1:] + middle[:-1]) / 2)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float16, np.int8, ">f4"])
def test_any_number_of_columns_metric_and_dtype(blobs, d, metric, dtype):
    X = np.asfortranarray(blobs[0][:, :d].astype(dtype) + np.ones(1, dtype))
    X[(X == 0).all(axis=1)] = 1
    result = fastkmeans.fit(X, 2, metric=metric, random_state=0)
    ax = plots.scatter(X, result)
    assert len(drawn(ax, "centers")) == 2
    if metric == "cosine" and d == 2:
        np.testing.assert_allclose(np.linalg.norm(drawn(ax, "rows"), axis=1), 1.0)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_one_row_and_equal_rows(d):
    for n in (1, 4):
        ax = plots.scatter([[2.0] * d] * n, fastkmeans.fit([[2.0] * d] * n, 1))
        assert np.isfinite([*ax.get_xlim(), *ax.get_ylim()]).all() and len(drawn(ax, "centers")) == 1


def test_many_clusters_are_not_numbered(blobs):
    X = blobs[0]
    for k in (MOST_NUMBERED, MOST_NUMBERED + 1):
        ax = plots.scatter(X, fastkmeans.fit(X, k, random_state=0))
        assert len(ax.texts) == (k if k <= MOST_NUMBERED else 0)
        assert len(drawn(ax, "centers")) == k and ax.get_legend() is None


def test_given_axes_names_and_title_are_used(flat, axes):
    X, result = flat
    assert plots.scatter(X, result, ax=axes, names=["a", "b"], title="mine") is axes
    assert (axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()) == ("mine", "a", "b")


def test_names_of_a_data_frame_are_used(flat):
    pandas = pytest.importorskip("pandas")
    X, result = flat
    assert plots.scatter(pandas.DataFrame(X, columns=["width", 7]), result).get_xlabel() == "width"


def test_axes_of_pyplot_are_drawn_on(flat):
    from matplotlib import pyplot

    figure, ax = pyplot.subplots()
    assert plots.scatter(*flat, ax=ax).figure is figure
    pyplot.close(figure)


def test_estimators_are_drawn(flat):
    pytest.importorskip("sklearn")
    X, _ = flat
    model = fastkmeans.KMeans(3, random_state=0).fit(X)
    np.testing.assert_array_equal(drawn(plots.scatter(X, model), "centers"), model.cluster_centers_)


def test_other_clusterings_are_drawn(flat):
    X, _ = flat
    for result in (
        fastkmeans.fit_balanced(X, 3, min_size=60, random_state=0),
        fastkmeans.k_medians(X, 3, random_state=0),
    ):
        np.testing.assert_allclose(drawn(plots.scatter(X, result), "centers"), result.centers)
        assert sum(bar.get_height() for bar in plots.sizes(result).patches) == len(X)
        assert len(plots.silhouette(X, result).collections) == len(plots.profile(X, result).images[0].get_array()) == 3


@pytest.mark.parametrize("make", ["style", "axes"])
def test_dark_styles_go_through(flat, make):
    with matplotlib.style.context("dark_background"):
        ax = plots.scatter(*flat) if make == "style" else matplotlib.figure.Figure().subplots()
    if make == "axes":  # a style that was left since
        plots.scatter(*flat, ax=ax, cells=True)
    assert surface_of(ax) == (0, 0, 0)
    assert to_rgb(ax.texts[0].get_color()) == (1, 1, 1)
    marks = next(part for part in ax.collections if part.get_label() == "centers")
    np.testing.assert_array_equal(marks.get_facecolors()[0, :3], 0)


def test_clear_axes_are_taken_for_what_the_ink_shows_on(axes):
    axes.set_facecolor("none")
    axes.figure.set_facecolor("none")
    assert surface_of(axes) == (1, 1, 1)
    axes.title.set_color("white")
    assert surface_of(axes) == (0, 0, 0)


def test_what_cannot_be_drawn_is_refused(blobs):
    X, result = blobs
    with pytest.raises(ValueError, match="shape"):
        plots.scatter(X[:-1], result)
    with pytest.raises(ValueError, match="cells=True needs X of 1 or 2 columns, got 6"):
        plots.scatter(X, result, cells=True)
    with pytest.raises(ValueError, match="names has 2 entries"):
        plots.scatter(X, result, names=["a", "b"])
    with pytest.raises(TypeError, match="centers and labels"):
        plots.scatter(X, X)
    holed = X.copy()
    holed[3, 2] = np.nan
    with pytest.raises(ValueError, match="row 3, column 2"):
        plots.scatter(holed, result)
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match="toarray"):
        plots.scatter(sparse.csr_matrix(X), result)


def test_without_matplotlib_gives_the_hint(monkeypatch, blobs):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for draw in (lambda: plots.scatter(*blobs), lambda: plots.convergence(blobs[1])):
        with pytest.raises(ImportError, match=r"pip install \"\.\[plots\]\""):
            draw()


# ---- cells ------------------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_cells_hold_the_points_nearest_to_their_center(k, seed):
    random = np.random.default_rng(seed)
    centers = random.integers(-4, 5, size=(k, 2)) * 0.75  # ties, equal centers, and some outside
    cells = voronoi_cells(centers, (-2, -2), (2, 2))
    points = random.uniform(-2, 2, size=(60, 2))
    nearest = naive.assign(points, centers)
    for point, label in zip(points, nearest, strict=True):
        cell = cells[label]
        sides = np.roll(cell, -1, axis=0) - cell
        offsets = point - cell
        assert (sides[:, 0] * offsets[:, 1] - sides[:, 1] * offsets[:, 0] > -1e-9).all()  # to the left of each side
    areas = [0.5 * np.sum(c[:, 0] * np.roll(c[:, 1], -1) - c[:, 1] * np.roll(c[:, 0], -1)) for c in cells]
    assert sum(areas) == pytest.approx(16.0)


def test_cells_are_drawn_under_the_rows(flat):
    ax = plots.scatter(*flat, cells=True)
    cells = next(part for part in ax.collections if part.get_label() == "cells")
    assert len(cells.get_paths()) == 3
    assert cells.get_zorder() < ax.collections[0].get_zorder()


# ---- colours ----------------------------------------------------------------------------------------------


def test_colours_are_distinct_and_start_with_the_ten():
    colours = cluster_colours(300)
    assert colours.shape == (300, 3) and colours.min() >= 0 and colours.max() <= 1
    np.testing.assert_allclose(colours[:10], [to_rgb(name) for name in PETROFF])
    assert len(np.unique((colours * 255).round(), axis=0)) > 295
    np.testing.assert_array_equal(cluster_colours(3), colours[:3])


def test_every_colour_shows_on_white_and_on_black():
    colours = cluster_colours(300)
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    assert ((1.05 / (luminance + 0.05)) > 1.4).all() and ((luminance + 0.05) / 0.05 > 1.9).all()


# ---- sizes ------------------------------------------------------------------------------------------------


def test_sizes_are_those_of_the_labels(blobs, axes):
    _, result = blobs
    assert plots.sizes(result, ax=axes) is axes
    assert [bar.get_height() for bar in axes.patches] == np.bincount(result.labels).tolist()
    assert [text.get_text() for text in axes.texts] == ["40"] * 5
    assert axes.get_legend().get_texts()[0].get_text() == "even share: 40"


def test_weights_are_drawn(blobs):
    X, result = blobs
    weights = np.linspace(0, 1, len(X))
    ax = plots.sizes(result, sample_weight=weights)
    np.testing.assert_allclose(
        [bar.get_height() for bar in ax.patches], np.bincount(result.labels, weights), rtol=1e-12
    )
    assert ax.get_ylabel() == "weight"
    with pytest.raises(ValueError, match="sample_weight"):
        plots.sizes(result, sample_weight=weights[:-1])


def test_many_sizes_go_down_and_empty_clusters_are_counted():
    X = np.repeat(np.arange(50.0), 2)[:, None]
    with pytest.warns(fastkmeans.TooFewDistinctRows):
        ax = plots.sizes(fastkmeans.fit(X, 60, random_state=0))
    heights = ax.patches[0].get_data().values
    assert (np.diff(heights) <= 0).all() and len(heights) == 60 and heights.sum() == 100
    assert ax.get_title(loc="left") == "Sizes of 60 clusters, 10 of them empty"


# ---- profile ----------------------------------------------------------------------------------------------


def test_profile_is_of_standardised_centers(blobs, axes):
    X, result = blobs
    assert plots.profile(X, result, ax=axes, names=list("abcdef")) is axes
    expected = (result.centers - X.mean(axis=0)) / X.std(axis=0)
    np.testing.assert_allclose(axes.images[0].get_array(), expected)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == list("abcdef")
    assert len(axes.texts) == 30
    most = np.abs(expected).max()
    assert axes.images[0].get_clim() == pytest.approx((-most, most))


def test_profile_of_many_columns_and_clusters_shows_the_telling_ones():
    random = np.random.default_rng(0)
    X = random.normal(size=(500, 60))
    X[:, 7] += np.repeat([0, 50], 250)
    ax = plots.profile(X, fastkmeans.fit(X, 50, random_state=0))
    assert ax.images[0].get_array().shape == (40, 30)
    assert "column 7" in [tick.get_text() for tick in ax.get_xticklabels()]
    assert ax.get_ylabel() == "the largest 40 of 50 clusters"
    assert ax.get_xlabel() == "the 30 of 60 columns whose centers differ most"
    assert not ax.texts


def test_profile_of_constant_columns_and_long_names():
    X = [[1.0, 3.0], [1.0, 5.0]]
    ax = plots.profile(X, fastkmeans.fit(X, 2, init=[0, 1]), names=["a" * 50, "$b_"])
    np.testing.assert_array_equal(ax.images[0].get_array(), [[0, -1], [0, 1]])
    assert ax.get_xticklabels()[0].get_text() == "a" * 21 + "…"
    ax.figure.canvas.draw()


def test_profiles_write_numbers_only_where_they_fit():
    X = np.random.default_rng(0).normal(size=(60, 12))
    result = fastkmeans.fit(X, 4, random_state=0)
    for width, written in ((10, True), (4, False)):
        ax = plots.profile(X, result, ax=Figure(figsize=(width, 4)).subplots())
        assert bool(ax.texts) == written
