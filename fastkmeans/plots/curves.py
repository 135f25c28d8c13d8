"""Lines: a fit over its iterations, and measures of a clustering over the number of clusters."""

import math

import numpy as np

from fastkmeans.plots.style import (
    PETROFF,
    bare,
    counted,
    ink_of,
    new_axes,
    plain_numbers,
    title_of,
    whole_numbers,
)

SEEDING_SHARE = 0.4  # of the iterations' width
# What `select_k` measures: a name to read, and which way is better ("" where a bend is looked for).
CRITERIA = {
    "inertia": ("inertia", ""),
    "elbow": ("Kneedle's difference", "higher"),
    "simplified_silhouette": ("simplified silhouette", "higher"),
    "silhouette": ("silhouette", "higher"),
    "calinski_harabasz": ("Calinski-Harabasz", "higher"),
    "davies_bouldin": ("Davies-Bouldin", "lower"),
    "bic": ("BIC", "lower"),
    "aic": ("AIC", "lower"),
    "gap": ("gap statistic", ""),
    "stability": ("stability", "higher"),
}
PANEL_WIDTH, PANEL_HEIGHT, PANELS_ACROSS = 3.5, 2.6, 3


# ---- over iterations --------------------------------------------------------------------------------------


def convergence(result, *, ax=None, title=None):
    """Draw the inertia and the squared movement of the centers over the iterations of a fit.

    Parameters
    ----------
    result : KMeansResult, or a sequence of IterationStats
        A result's `history` is of its best run. What a callback gathered may hold seeding steps, drawn before the
        first iteration, and several runs, of which the one that ends lowest is drawn strongly.
    ax : matplotlib Axes, default=None
        Where to draw; None for a new figure. The movement has an axis of its own at the right.
    title : str, default=None

    Returns
    -------
    matplotlib Axes
        That of the inertia.

    Raises
    ------
    ValueError
        If there is nothing to draw, as of a result without iterations.

    Examples
    --------
    >>> import fastkmeans
    >>> result = fastkmeans.fit([[0.0], [1.0], [9.0]], 2, random_state=0)
    >>> len(convergence(result).lines[0].get_xdata()) == result.n_iter
    True
    """
    runs = _runs_in(list(getattr(result, "history", result)))
    ax = new_axes(7.2, 4.2) if ax is None else ax
    best = min(runs, key=lambda run: run["lloyd"][-1].inertia)
    most = max(len(run["lloyd"]) for run in runs)
    own, other = PETROFF[0], PETROFF[6]
    dots = {"marker": "o", "markersize": 3} if len(best["lloyd"]) <= 60 else {}

    for run in runs:
        look = (
            {"color": own, "linewidth": 1.8, "zorder": 3}
            if run is best
            else {"color": own, "linewidth": 0.8, "alpha": 0.4}
        )
        inertias = [stats.inertia for stats in run["lloyd"]]
        ax.plot([stats.iteration for stats in run["lloyd"]], inertias, **look, **(dots if run is best else {}))
        if run["seeding"]:
            places = np.linspace(1 - max(2, SEEDING_SHARE * most), 0.5, len(run["seeding"]))
            ax.plot(places, [stats.inertia for stats in run["seeding"]], linestyle=(0, (2, 1)), **look)
    moving = [(stats.iteration, stats.center_shift) for stats in best["lloyd"] if stats.center_shift > 0]
    shifts = ax.twinx()
    if moving:
        shifts.plot(*zip(*moving, strict=True), color=other, linewidth=1.4, **dots)
        shifts.set_yscale("log")
    else:
        shifts.set_yticks([])

    drawn = [stats.inertia for run in runs for stats in run["lloyd"] + run["seeding"] if stats.inertia > 0]
    if drawn and max(drawn) > 10 * min(drawn):
        ax.set_yscale("log")
    else:
        plain_numbers(ax.yaxis)
    for each, label, colour in ((ax, "inertia", own), (shifts, "squared movement of the centers", other)):
        each.set_ylabel(label, color=colour)
        each.tick_params(axis="y", which="both", colors=colour)
        bare(each, "top")
    ax.set_xlabel("iteration")
    whole_numbers(ax.xaxis)
    if most == 1:
        ax.set_xlim(0.5, 1.5)
    if any(run["seeding"] for run in runs):
        _mark_seeding(ax, most)
    ended = {True: ", converged", False: ", not converged"}.get(getattr(result, "converged", None), "")
    title_of(ax, title or f"{counted(len(best['lloyd']), 'iteration')}{ended}")
    return ax


def _runs_in(history):
    """The runs of a history, each as its records by phase."""
    runs = {}
    for stats in history:
        runs.setdefault(stats.restart, {"seeding": [], "lloyd": []})[stats.phase].append(stats)
    runs = [run for run in runs.values() if run["lloyd"]]
    if not runs:
        raise ValueError("there are no iterations to draw: result.history, or the sequence, holds none")
    return runs


def _mark_seeding(ax, n_iter):
    """A grey ground under what comes before the first iteration, where the axis has no numbers."""
    ax.axvspan(ax.get_xlim()[0], 0.75, color=ink_of(ax), alpha=0.07, linewidth=0)
    ax.text(0.01, 0.02, "seeding", transform=ax.transAxes, fontsize="small", color=ink_of(ax))
    ax.set_xticks([tick for tick in ax.get_xticks() if 1 <= tick <= n_iter])
    ax.margins(x=0)


# ---- over numbers of clusters -----------------------------------------------------------------------------


def elbow(selection, *, ax=None, title=None):
    """Draw the inertia over the number of clusters, and the elbow, or where a growing method ended.

    Parameters
    ----------
    selection : Selection
        What `select_k` returns.
    ax : matplotlib Axes, default=None
        Where to draw; None for a new figure.
    title : str, default=None

    Returns
    -------
    matplotlib Axes
    """
    ks = np.asarray(selection.ks)
    inertias = np.array([selection.results[k].inertia for k in selection.ks])
    ax = new_axes(6.4, 4.2) if ax is None else ax
    _draw_curve(ax, ks, inertias)
    sought = [name for name in selection.suggestions if name == "elbow" or name not in CRITERIA]  # or how it grew
    found = {name: selection.suggestions[name] for name in sought if selection.suggestions[name] is not None}
    for name, k in found.items():
        _mark(ax, ks, inertias, k, f"{name}: k = {k}")
        ax.legend(loc="upper right", frameon=False)
    ax.set_xlabel("clusters (k)")
    ax.set_ylabel("inertia")
    ax.set_ylim(bottom=min(0.0, float(np.nanmin(inertias))))
    title_of(ax, title or "Inertia by number of clusters" + ", no clear elbow" * (sought != [] and not found))
    return ax


def criteria(selection, *, ax=None):
    """Draw each criterion of a selection over the number of clusters, in panels of their own.

    Parameters
    ----------
    selection : Selection
        What `select_k` returns. Bands are the standard errors of what was estimated.
    ax : sequence of matplotlib Axes, default=None
        One for each criterion, in the order of ``selection.table``; None for a new figure.

    Returns
    -------
    ndarray of matplotlib Axes
        One for each criterion. The number of clusters that a criterion suggests is marked.

    Raises
    ------
    ValueError
        If `ax` holds fewer Axes than there are criteria.
    """
    ks = np.asarray(selection.ks)
    names = [name for name, values in selection.table.items() if name in CRITERIA and np.isfinite(values).any()]
    if not names:
        raise ValueError("the selection has no criteria to draw: its table holds none that select_k measures")
    suggestions = selection.suggestions
    axes = _grid(len(names)) if ax is None else np.ravel(ax)
    if len(axes) < len(names):
        raise ValueError(f"ax has {len(axes)} Axes, but there are {len(names)} criteria: {', '.join(names)}")
    for panel, name in zip(axes, names, strict=False):
        text, better = CRITERIA[name]
        values = np.asarray(selection.table[name], dtype=float)
        error = selection.table.get(f"{name}_error")
        _draw_curve(panel, ks, values, None if error is None else np.asarray(error, dtype=float))
        found = suggestions.get("elbow" if name == "inertia" and "elbow" not in names else name)
        suggested = f", k = {found}" if found is not None else ""
        if found is not None:
            _mark(panel, ks, values, found, f"k = {found}")
        title_of(panel, f"{text}{suggested}")
        if better:
            panel.set_ylabel(f"{better} is better", fontsize="small")
        panel.set_xlabel("clusters (k)", fontsize="small")
        panel.tick_params(labelsize="small")
    return axes[: len(names)]


def _grid(count):
    across = min(count, PANELS_ACROSS)
    down = math.ceil(count / across)
    grid = new_axes(PANEL_WIDTH * across, PANEL_HEIGHT * down, down, across).ravel()
    for unused in grid[count:]:
        unused.remove()
    return grid[:count]


def _draw_curve(ax, ks, values, error=None):
    """One criterion as a line, with its standard error as a band."""
    few = {"marker": "o", "markersize": 3.5} if len(ks) <= 60 else {}
    ax.plot(ks, values, color=PETROFF[0], linewidth=1.6, **few)
    if error is not None:
        ax.fill_between(ks, values - error, values + error, color=PETROFF[0], alpha=0.25, linewidth=0)
    whole_numbers(ax.xaxis)
    plain_numbers(ax.yaxis)
    bare(ax)


def _mark(ax, ks, values, found, label):
    """A line at the suggested number of clusters, and a ring where it meets the curve."""
    ax.axvline(found, color=ink_of(ax), linewidth=1, linestyle=(0, (4, 3)), alpha=0.7, label=label)
    at = np.flatnonzero(ks == found)
    if len(at):
        ax.plot([found], values[at[:1]], marker="o", markersize=9, markerfacecolor="none", color=PETROFF[6])
