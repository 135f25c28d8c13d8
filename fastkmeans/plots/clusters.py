"""Where clusters lie: rows by points or by their density, centers, and Voronoi cells."""

import numpy as np

from fastkmeans.plots.cells import voronoi_cells
from fastkmeans.plots.plane import Plane
from fastkmeans.plots.shown import Clustering, ShownRows
from fastkmeans.plots.style import (
    MOST_NUMBERED,
    bare,
    cluster_colours,
    counted,
    ink_of,
    mixed,
    new_axes,
    surface_of,
    title_of,
    whole_numbers,
)
from fastkmeans.quality import _names

MOST_POINTS = 20_000  # more only hide one another: their density is drawn instead
PIXELS = (480, 360)  # of a density
BINS = 120  # of one column
MARGIN = 0.04
FAINTEST = 0.25  # opacity where a pixel holds one row


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
    O(n_samples * n_features) time, and memory for two numbers a row.

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
    plane = Plane(rows, clustering.centers, _names(names, X, d))
    colours = cluster_colours(k)
    ax = new_axes(7.2, 5.6) if ax is None else ax
    by_density = d > 1 and n > MOST_POINTS

    if d == 1:
        _draw_histogram(ax, rows, clustering, colours)
    else:
        points = np.concatenate([plane.project(part) for _, part in rows.blocks()])
        low, high = corners(np.concatenate([points, plane.centers]))
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        draw = _draw_density if by_density else _draw_points
        draw(ax, points, colours, clustering.labels)
    if cells:
        draw_cells(ax, plane.centers, colours)
    draw_centers(ax, plane.centers if d > 1 else np.column_stack([plane.centers, np.zeros(k)]), colours)

    title_of(ax, title or f"{counted(n, 'row')} in {counted(k, 'cluster')}{', drawn by density' if by_density else ''}")
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


def _draw_points(ax, points, colours, labels):
    size = float(np.clip(12_000 / len(points), 3, 30))
    ax.scatter(*points.T, c=colours[labels], s=size, alpha=0.7, linewidths=0, rasterized=True, label="rows")


def _draw_density(ax, points, colours, labels):
    """An image whose pixels have the mean colour of their rows, the stronger the more there are."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    width, height = PIXELS
    column = ((points[:, 0] - left) * (width / (right - left))).astype(np.int64)
    row = ((points[:, 1] - bottom) * (height / (top - bottom))).astype(np.int64)
    pixels = row * width + column
    counts = np.bincount(pixels, minlength=width * height)
    sums = np.stack([np.bincount(pixels, colours[labels, channel], len(counts)) for channel in range(3)])
    ax.imshow(
        _toned(counts, sums).reshape(height, width, 4), origin="lower", extent=(left, right, bottom, top),
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
