"""Pictures of a result: where its clusters lie, how large they are, and what sets them apart."""

import numpy as np

from fastkmeans.plots.cells import voronoi_cells
from fastkmeans.plots.plane import Plane
from fastkmeans.plots.shown import Clustering, ShownRows
from fastkmeans.plots.style import (
    MOST_NUMBERED,
    PETROFF,
    bare,
    cluster_colours,
    column_names,
    ink_of,
    mixed,
    new_axes,
    short,
    surface_of,
    title_of,
    whole_numbers,
)

MOST_POINTS = 20_000  # more only hide one another: their density is drawn instead
PIXELS = (480, 360)  # of a density
BINS = 120  # of one column
MARGIN = 0.04
FAINTEST = 0.25  # opacity where a pixel holds one row
MOST_COLUMNS, MOST_ROWS = 30, 40  # of a profile
MOST_WITH_TOTALS = 12  # bars with their numbers over them
MOST_WRITTEN = 200  # cells of a profile with their numbers in them


# ---- where they lie ---------------------------------------------------------------------------------------


def scatter(X, result, *, ax=None, cells=False, names=None, title=None):
    """Draw rows coloured by cluster, and the centers, by number where these are at most 30.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The rows that were fitted. Two columns are drawn as they are; of more, the first two principal directions,
        with the share of the variance that each holds; of one column, a histogram. More than 20,000 rows are drawn by
        their density: the more rows a pixel holds, the stronger its colour, which is the mean of their clusters'.
    result : KMeansResult, or a fitted estimator
    ax : matplotlib Axes, default=None
        Where to draw; None for a new figure.
    cells : bool, default=False
        Whether to draw the Voronoi cells, the areas of which each center is the nearest. X must have one or two
        columns.
    names : sequence of str, default=None
        Of the columns; None for those of a data frame, or their numbers.
    title : str, default=None
        None for one that says how many rows and clusters there are.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        If X is not of the shape of the result, is sparse, or has too many columns for cells.

    Notes
    -----
    O(n_samples * n_features), in blocks of rows: a million rows of 16 columns take about a second.

    Examples
    --------
    >>> import fastkmeans
    >>> X = [[1.0, 2.0], [1.0, 4.0], [10.0, 2.0], [10.0, 4.0]]
    >>> ax = scatter(X, fastkmeans.fit(X, 2, random_state=0))
    >>> ax.get_title(loc="left")
    '4 rows in 2 clusters'
    """
    clustering = Clustering.of(result)
    rows = ShownRows(X, clustering)
    (n, d), k = rows.array.shape, len(clustering.centers)
    check_cells(cells, d)
    plane = Plane(rows, clustering.centers, column_names(X, names, d))
    colours = cluster_colours(k)
    ax = new_axes(7.2, 5.6) if ax is None else ax
    by_density = d > 1 and n > MOST_POINTS

    if d == 1:
        _draw_histogram(ax, rows, clustering, colours)
    elif by_density:
        _draw_density(ax, rows, clustering, plane, colours)
    else:
        points = np.concatenate([plane.project(part) for _, part in rows.blocks()])
        size = float(np.clip(12_000 / n, 3, 30))
        ax.scatter(
            *points.T, c=colours[clustering.labels], s=size, alpha=0.7, linewidths=0, rasterized=True, label="rows"
        )
        _leave_margins(ax, np.concatenate([points, plane.centers]))
    if cells:
        draw_cells(ax, plane.centers, colours)
    draw_centers(ax, plane.centers if d > 1 else np.column_stack([plane.centers, np.zeros(k)]), colours)

    title_of(ax, title or f"{n:,} rows in {k:,} clusters{', drawn by density' if by_density else ''}")
    ax.set_xlabel(plane.names[0])
    ax.set_ylabel("rows" if d == 1 else plane.names[1])
    bare(ax)
    return ax


def draw_centers(ax, places, colours, zorder=4):
    """Mark centers: by their numbers if these are few, else by small crosses."""
    ink, surface = ink_of(ax), surface_of(ax)
    few = len(places) <= MOST_NUMBERED
    drawn = ax.scatter(
        *places.T, marker="o" if few else "X", s=150 if few else float(np.clip(1_500 / len(places), 8, 30)),
        c=[surface], edgecolors=colours if few else [ink], linewidths=1.8 if few else 0.6, zorder=zorder,
        label="centers", clip_on=False,
    )  # fmt: skip
    if few:
        for index, place in enumerate(places):
            ax.text(
                *place, str(index), ha="center", va="center_baseline", fontsize=8, fontweight="bold", color=ink,
                zorder=zorder + 1,
            )  # fmt: skip
    return drawn


def check_cells(cells, d):
    """Raise if cells are asked for that do not lie in a plane."""
    if cells and d > 2:
        raise ValueError(f"cells=True needs X of 1 or 2 columns, got {d}: cells of more do not lie in a plane")


def corners(points):
    """The lower and the upper corner of a rectangle that leaves a margin around the points."""
    low, high = points.min(axis=0), points.max(axis=0)
    extent = np.where(high > low, high - low, 1.0)
    return low - MARGIN * extent, high + MARGIN * extent


def _leave_margins(ax, points):
    low, high = corners(points)
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1], high[1])
    return low, high


def _draw_density(ax, rows, clustering, plane, colours):
    """An image whose pixels have the mean colour of their rows, the stronger the more there are."""
    extremes = [plane.centers]
    for _, part in rows.blocks():
        points = plane.project(part)
        extremes += [points.min(axis=0)[None], points.max(axis=0)[None]]
    low, high = _leave_margins(ax, np.concatenate(extremes))
    width, height = PIXELS
    counts, sums = np.zeros(width * height), np.zeros((3, width * height))
    for part, block in rows.blocks():
        column, row = ((plane.project(block) - low) / (high - low) * PIXELS).astype(np.int64).T
        pixels, labels = row * width + column, clustering.labels[part]
        counts += np.bincount(pixels, minlength=len(counts))
        for channel in range(3):
            sums[channel] += np.bincount(pixels, colours[labels, channel], minlength=len(counts))
    ax.imshow(
        _toned(counts, sums).reshape(height, width, 4), origin="lower", extent=(low[0], high[0], low[1], high[1]),
        aspect="auto", interpolation="nearest", zorder=1,
    )  # fmt: skip


def _toned(counts, sums):
    """(pixels, 4) colours with opacities that follow the logarithm of the counts."""
    image = np.zeros((len(counts), 4))
    full = counts > 0
    image[full, :3] = (sums[:, full] / counts[full]).T
    tone = np.log1p(counts[full]) / np.log1p(counts.max())
    image[full, 3] = FAINTEST + (1 - FAINTEST) * tone
    return np.clip(image, 0.0, 1.0)


def _draw_histogram(ax, rows, clustering, colours):
    """Bars of one column, each in the mean colour of its rows."""
    values = np.concatenate([part[:, 0] for _, part in rows.blocks()])
    counts, edges = np.histogram(values, bins=BINS)
    where = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, BINS - 1)
    mean = np.stack([np.bincount(where, colours[clustering.labels, channel], BINS) for channel in range(3)], axis=1)
    full = counts > 0
    ax.bar(edges[:-1][full], counts[full], np.diff(edges)[full], align="edge", color=mean[full] / counts[full, None])
    ax.set_ylim(0, counts.max() * 1.05)
    whole_numbers(ax.yaxis)


def draw_cells(ax, centers, colours):
    """Cells as tinted areas under the rows, with lines between them."""
    from matplotlib.collections import PolyCollection

    surface, line = surface_of(ax), mixed(ink_of(ax), surface_of(ax), 0.45)
    if centers.shape[1] == 1:
        inner = np.sort(centers[:, 0])
        ax.vlines((inner[1:] + inner[:-1]) / 2, 0, 1, transform=ax.get_xaxis_transform(), color=line, linewidth=0.8)
        return
    low, high = np.transpose([ax.get_xlim(), ax.get_ylim()])
    cells = voronoi_cells(centers, low, high)
    full = [index for index, cell in enumerate(cells) if len(cell)]
    tints = [mixed(colours[index], surface, 0.18) for index in full]
    polygons = PolyCollection(
        [cells[index] for index in full], facecolors=tints, edgecolors=[line], linewidths=0.8, zorder=0.5, label="cells"
    )
    ax.add_collection(polygons, autolim=False)


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
    from fastkmeans import validation as check

    clustering = Clustering.of(result)
    k, what = len(clustering.centers), "rows"
    totals = clustering.sizes.astype(np.float64)
    if sample_weight is not None:
        weights = check.as_weights(sample_weight, len(clustering.labels))
        totals, what = np.bincount(clustering.labels, weights, minlength=k), "weight"
    ax = new_axes(7.2, 3.8) if ax is None else ax
    few = k <= MOST_NUMBERED
    order = np.arange(k) if few else np.argsort(-totals, kind="stable")
    colours = cluster_colours(k) if few else PETROFF[0]  # a rainbow would say nothing
    bars = ax.bar(np.arange(k), totals[order], width=0.8 if few else 1.0, color=colours, linewidth=0)
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
    title_of(ax, title or f"Sizes of {k:,} clusters{f', {empty:,} of them empty' if empty else ''}")
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
    names = column_names(X, names, d)
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
    most = max(float(np.abs(heights).max()), 1e-9)
    image = ax.imshow(heights, cmap=scale, vmin=-most, vmax=most, aspect="auto", interpolation="nearest")
    bar = ax.figure.colorbar(image, ax=ax, pad=0.02, fraction=0.05)
    bar.set_label("standard deviations", fontsize="small")
    bar.outline.set_visible(False)
    long = len(columns) > 6 or max(len(names[j]) for j in columns) > 10
    ax.set_xticks(
        np.arange(len(columns)), [_shortened(names[j]) for j in columns], rotation=45 if long else 0,
        ha="right" if long else "center", rotation_mode="anchor" if long else "default",
    )  # fmt: skip
    ax.set_yticks(np.arange(len(shown)), shown, fontsize="small" if len(shown) <= MOST_NUMBERED else "xx-small")
    if heights.size <= MOST_WRITTEN:
        for (row, column), height in np.ndenumerate(heights):
            ax.text(
                column,
                row,
                f"{height:+.1f}".replace("-0.0", "0.0").replace("+0.0", "0.0"),
                ha="center",
                va="center",
                fontsize="x-small",
                color=ink,
            )
    ax.set_ylabel("cluster")
    parts = [
        f"{m} of {of:,} {what}" for m, of, what in ((len(shown), k, "clusters"), (len(columns), d, "columns")) if m < of
    ]
    title_of(ax, title or "Centers beside the mean of all rows" + (f" ({', '.join(parts)})" if parts else ""))
    ax.tick_params(length=0)
    bare(ax, "top", "right", "bottom", "left")
    return ax


def _shortened(name, most=22):
    return name if len(name) <= most else name[: most - 1] + "…"
