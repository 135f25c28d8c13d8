"""Pictures of what clusters hold: how large they are, and what sets them apart."""

import numpy as np

from fastkmeans import validation as check
from fastkmeans.plots.shown import Clustering, ShownRows
from fastkmeans.plots.style import (
    MOST_NUMBERED,
    PETROFF,
    bare,
    cluster_colours,
    counted,
    ink_of,
    new_axes,
    short,
    surface_of,
    title_of,
    whole_numbers,
)
from fastkmeans.quality import _names

MOST_COLUMNS, MOST_ROWS = 30, 40  # of a profile
LONGEST_NAME, LEAST_ROOM, POINTS_A_LETTER = 22, 16, 6.5  # names of columns; points
MOST_WITH_TOTALS = 12  # bars with their numbers over them
MOST_WRITTEN, NUMBER_ROOM = 200, 22  # cells of a profile with their numbers in them, and the points that one takes


# ---- how large they are -----------------------------------------------------------------------------------


def sizes(result, *, sample_weight=None, ax=None, title=None):
    """Draw how many rows each cluster has, beside the even share.

    Parameters
    ----------
    result : KMeansResult, or a fitted estimator
        Up to 30 clusters are drawn in their order, with their numbers; more by size, the largest first.
    sample_weight : array-like of shape (n_samples,), default=None
        The weights of the fit, to draw what each cluster weighs.
    ax : matplotlib Axes, default=None
        Where to draw; None for a new figure.
    title : str, default=None

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> import fastkmeans
    >>> ax = sizes(fastkmeans.fit([[0.0], [1.0], [9.0]], 2, init=[[0.5], [9.0]]))
    >>> [float(bar.get_height()) for bar in ax.patches]
    [2.0, 1.0]
    """
    clustering = Clustering.of(result)
    k, what = len(clustering.centers), "rows"
    totals = clustering.sizes.astype(np.float64)
    if sample_weight is not None:
        weights = check.as_weights(sample_weight, len(clustering.labels))
        totals, what = np.bincount(clustering.labels, weights, minlength=k), "weight"
    ax = new_axes(7.2, 3.8) if ax is None else ax
    few = k <= MOST_NUMBERED
    if few:
        bars = ax.bar(np.arange(k), totals, color=cluster_colours(k), linewidth=0)
    else:  # in one colour, as a rainbow would say nothing
        ax.stairs(np.sort(totals)[::-1], np.arange(k + 1) - 0.5, fill=True, color=PETROFF[0])
    even = totals.sum() / k
    ax.axhline(even, color=ink_of(ax), linewidth=1, linestyle=(0, (4, 3)), label=f"even share: {short(round(even, 1))}")
    if few:
        ax.set_xticks(np.arange(k))
    if k <= MOST_WITH_TOTALS:
        written = ax.bar_label(bars, [short(float(f"{total:.6g}")) for total in totals], fontsize="small", padding=2)
        for text in written:  # the line of the even share passes behind them
            text.set_bbox({"facecolor": surface_of(ax), "edgecolor": "none", "pad": 0.8})
    whole_numbers(ax.yaxis)
    ax.set_xlim(-0.6, k - 0.4)
    ax.set_ylim(0, max(totals.max(), even) * 1.22)
    ax.set_xlabel("cluster" if few else "clusters, the largest first")
    ax.set_ylabel(what)
    empty = int((clustering.sizes == 0).sum())
    title_of(ax, title or f"Sizes of {counted(k, 'cluster')}{f', {empty:,} of them empty' if empty else ''}")
    ax.legend(loc="upper right", frameon=False, fontsize="small")
    bare(ax)
    return ax


# ---- what sets them apart ---------------------------------------------------------------------------------


def profile(X, result, *, names=None, ax=None, title=None):
    """Draw how far each center lies from the mean of all rows in each column, in standard deviations.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The rows that were fitted. Of more than 30 columns, those whose centers are farthest apart are drawn.
    result : KMeansResult, or a fitted estimator
        Of more than 40 clusters, the largest are drawn.
    names : sequence of str, default=None
        Of the columns; None for those of a data frame, or their numbers.
    ax : matplotlib Axes, default=None
        Where to draw; None for a new figure.
    title : str, default=None

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> import fastkmeans
    >>> X = [[1.0, 2.0], [1.0, 4.0], [10.0, 2.0], [10.0, 4.0]]
    >>> ax = profile(X, fastkmeans.fit(X, 2, init=[[1.0, 3.0], [10.0, 3.0]]), names=["length", "width"])
    >>> ax.images[0].get_array().tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    from matplotlib.colors import LinearSegmentedColormap

    clustering = Clustering.of(result)
    rows = ShownRows(X, clustering)
    k, d = clustering.centers.shape
    names = _names(names, X, d)
    mean, deviation = rows.spread()
    heights = (clustering.centers - mean) / np.where(deviation > 0, deviation, 1.0)
    shown = np.sort(np.argsort(-clustering.sizes, kind="stable")[:MOST_ROWS])
    columns = np.sort(np.argsort(-heights[clustering.sizes > 0].std(axis=0), kind="stable")[:MOST_COLUMNS])
    heights = heights[np.ix_(shown, columns)]

    if ax is None:
        ax = new_axes(float(np.clip(2.5 + 0.5 * len(columns), 6, 14)), float(np.clip(2.2 + 0.3 * len(shown), 3.6, 14)))
    surface, ink = surface_of(ax), ink_of(ax)
    # Blue and orange differ for every kind of colour vision; what is average has the colour of the surface.
    scale = LinearSegmentedColormap.from_list("below and above", ["#1f77c9", surface, "#e8650a"])
    most = float(np.abs(heights).max()) or 1.0
    image = ax.imshow(heights, cmap=scale, vmin=-most, vmax=most, aspect="auto", interpolation="nearest")
    bar = ax.figure.colorbar(image, ax=ax, pad=0.02, fraction=0.05, aspect=30)
    bar.set_label("standard deviations", fontsize="small")
    bar.outline.set_visible(False)
    _name_columns(ax, [names[j] for j in columns])
    ax.set_yticks(np.arange(len(shown)), shown, fontsize="small" if len(shown) <= MOST_NUMBERED else "xx-small")
    if heights.size <= MOST_WRITTEN and _room(ax, len(columns)) >= NUMBER_ROOM:
        for (row, column), height in np.ndenumerate(heights):
            written = f"{height:+.1f}".replace("-0.0", "0.0").replace("+0.0", "0.0")
            ax.text(column, row, written, ha="center", va="center", fontsize="x-small", color=ink)
    ax.set_ylabel("cluster" if len(shown) == k else f"the largest {len(shown)} of {k:,} clusters")
    ax.set_xlabel("" if len(columns) == d else f"the {len(columns)} of {d:,} columns whose centers differ most")
    title_of(ax, title or "Centers beside the mean of all rows")
    ax.tick_params(length=0)
    bare(ax, "top", "right", "bottom", "left")
    return ax


def _room(ax, n_columns):
    """Points that each of so many columns has across."""
    return 72 * ax.figure.get_figwidth() * ax.get_position().width / n_columns


def _name_columns(ax, names):
    """Names under the columns: across where there is room, else slanted, else upright and small."""
    names = [name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…" for name in names]
    room = _room(ax, len(names))
    how = {}
    if room < LEAST_ROOM:
        how = {"rotation": 90, "fontsize": float(np.clip(0.7 * room, 4, 8))}
    elif room < POINTS_A_LETTER * max(map(len, names)):
        how = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(np.arange(len(names)), names, **how)
