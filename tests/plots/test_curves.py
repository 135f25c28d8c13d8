"""Lines over iterations and over numbers of clusters: their points, marks and words."""

from types import SimpleNamespace

import numpy as np
import pytest

import fastkmeans
from fastkmeans import plots

KS = np.arange(2, 8)


@pytest.fixture
def selection():
    """What `select_k` returns, as far as pictures read it."""
    table = {
        "inertia": np.array([900.0, 400, 100, 90, 80, 75]),
        "silhouette": np.array([0.2, 0.4, 0.8, 0.6, 0.5, np.nan]),
        "silhouette_error": np.full(6, 0.05),
        "davies_bouldin": np.array([2.0, 1, 0.5, 0.7, 0.9, 1]),
        "gap": np.full(6, np.nan),
    }
    suggestions = {"elbow": 4, "silhouette": 4, "davies_bouldin": None, "gap": None}
    results = {int(k): SimpleNamespace(inertia=inertia) for k, inertia in zip(KS, table["inertia"], strict=True)}
    return SimpleNamespace(ks=tuple(results), results=results, table=table, suggestions=suggestions)


# ---- over iterations --------------------------------------------------------------------------------------


def test_convergence_draws_the_history(blobs, axes):
    X, _ = blobs
    result = fastkmeans.fit(X, 8, init="random", random_state=1, n_init=1)
    assert plots.convergence(result, ax=axes) is axes
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), np.arange(1, result.n_iter + 1))
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [stats.inertia for stats in result.history])
    other = next(ax for ax in axes.figure.axes if ax is not axes)
    shifts = [stats.center_shift for stats in result.history if stats.center_shift > 0]
    np.testing.assert_array_equal(other.lines[0].get_ydata(), shifts)
    assert axes.get_title(loc="left") == f"{result.n_iter} iterations, converged"


def test_convergence_draws_seeding_and_every_run(blobs):
    X, _ = blobs
    history = []
    fastkmeans.fit(X, 5, init="k-means++", n_init=3, random_state=0, callback=history.append)
    ax = plots.convergence(history)
    assert len(ax.lines) == 6  # a line for each run and its seeding
    assert all(line.get_xdata().max() < 1 for line in ax.lines[1::2])
    last = {stats.restart: stats.inertia for stats in history if stats.phase == "lloyd"}
    strong = np.argmax([line.get_linewidth() for line in ax.lines[::2]])
    assert strong == min(last, key=last.get)
    assert [text.get_text() for text in ax.texts] == ["seeding"]


def test_convergence_of_one_iteration_and_of_none(blobs):
    X, _ = blobs
    ax = plots.convergence(fastkmeans.fit(X, 5, max_iter=1, random_state=0))
    assert ax.get_title(loc="left") == "1 iteration, not converged"
    low, high = ax.get_xlim()
    assert [tick for tick in ax.get_xticks() if low <= tick <= high] == [1.0]
    with pytest.raises(ValueError, match="no iterations to draw"):
        plots.convergence([])


def test_convergence_where_no_center_moves():
    ax = plots.convergence(fastkmeans.fit([[0.0], [1.0]], 2, init=[0, 1]))
    ax.figure.canvas.draw()
    assert len(ax.lines) == 1


# ---- over numbers of clusters -----------------------------------------------------------------------------


def test_elbow_marks_what_was_suggested(selection, axes):
    assert plots.elbow(selection, ax=axes) is axes
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), np.column_stack([KS, selection.table["inertia"]]))
    assert axes.get_legend().get_texts()[0].get_text() == "elbow: k = 4"
    assert [4.0] == list(axes.lines[2].get_xdata()) and [100.0] == list(axes.lines[2].get_ydata())


def test_no_elbow_is_no_mark(selection):
    selection.suggestions["elbow"] = None
    ax = plots.elbow(selection)
    assert len(ax.lines) == 1 and ax.get_legend() is None
    assert ax.get_title(loc="left") == "Inertia by number of clusters, no clear elbow"
    del selection.suggestions["elbow"]  # as of clusters that were grown
    assert plots.elbow(selection).get_title(loc="left") == "Inertia by number of clusters"


def test_criteria_have_panels_with_bands_and_marks(selection):
    axes = plots.criteria(selection)
    titles = [ax.get_title(loc="left") for ax in axes]
    assert titles == ["inertia, k = 4", "silhouette, k = 4", "Davies-Bouldin"]  # nothing is known of the gap
    assert [ax.get_ylabel() for ax in axes] == ["", "higher is better", "lower is better"]
    assert [len(ax.collections) for ax in axes] == [0, 1, 0]
    assert [len(ax.lines) for ax in axes] == [3, 3, 1]
    axes[0].figure.canvas.draw()


def test_criteria_use_given_axes_if_they_suffice(selection):
    from matplotlib.figure import Figure

    axes = Figure().subplots(2, 2)
    assert list(plots.criteria(selection, ax=axes)) == list(axes.flat[:3])
    with pytest.raises(ValueError, match="2 Axes, but there are 3 criteria: inertia, silhouette, davies_bouldin"):
        plots.criteria(selection, ax=axes[0])
    selection.table.clear()
    with pytest.raises(ValueError, match="no criteria"):
        plots.criteria(selection)


@pytest.mark.parametrize("method", ["path", "g-means"])
def test_what_select_k_returns_is_drawn(blobs, method):
    pytest.importorskip("fastkmeans.selection")
    pytest.importorskip("kneed")
    X, _ = blobs
    selection = fastkmeans.select_k(X, range(1, 9), method=method, random_state=0)
    ax = plots.elbow(selection)
    assert list(ax.lines[0].get_xdata()) == list(selection.ks)
    found = selection.suggestions["elbow" if method == "path" else method]
    assert ax.get_legend().get_texts()[0].get_text() == f"{'elbow' if method == 'path' else method}: k = {found}"
    axes = plots.criteria(selection)
    known = [name for name, values in selection.table.items() if np.isfinite(values).any()]
    assert len(axes) == len([name for name in known if not name.endswith("_error")])
    marked = {name for name, k in selection.suggestions.items() if k is not None and name in selection.table}
    assert sum("k = " in ax.get_title(loc="left") for ax in axes) == len(marked)
