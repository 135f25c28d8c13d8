"""The pictures of a report, each drawn for light pages and for dark ones, as data that an image element takes."""

import base64
import io

from fastkmeans import plots
from fastkmeans.plots.silhouettes import Silhouettes
from fastkmeans.plots.style import new_axes

WIDTH, HEIGHT = 4.6, 3.5  # inches: their text is read at the width of a phone, too
DPI = 160  # of the parts that would be thousands of lines


def _theme(ink, surface, line):
    return {
        "figure.facecolor": surface, "axes.facecolor": surface, "savefig.facecolor": surface, "text.color": ink,
        "axes.labelcolor": ink, "xtick.color": ink, "ytick.color": ink, "axes.edgecolor": line, "font.size": 9,
        "svg.hashsalt": "fastkmeans",
    }  # fmt: skip


LIGHT = _theme("#1c1e21", "#ffffff", "#8a8f97")  # as template.html has them
DARK = _theme("#e9e9e7", "#16181c", "#8a8f97")


def in_both_themes(draw, height=HEIGHT):
    """(light, dark) data URIs of what `draw(ax)` draws."""
    import matplotlib.style

    found = []
    for theme in (LIGHT, DARK):
        with matplotlib.style.context(["default", theme]):
            ax = new_axes(WIDTH, height)
            draw(ax)
            for each in ax.figure.axes:
                for part in each.collections:
                    part.set_rasterized(True)
            file = io.BytesIO()
            ax.figure.savefig(file, format="svg", dpi=DPI, metadata={"Date": None})
        found.append("data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode("ascii"))
    return found


def pictures(X, result, names, sample_weight, random_state, n_threads):
    """(picture, alternative text, caption) of what there is to see of the result."""
    k, d = result.centers.shape
    n = len(result.labels)
    some = min(k, 40)
    where = {1: "along the only column", 2: "by their two columns"}.get(d, "by the two directions of most variance")
    drawn = [(
        lambda ax: plots.scatter(X, result, ax=ax, names=names, cells=d == 2 and k <= 200),
        HEIGHT,
        f"Plot of {n:,} rows {where}, coloured by cluster, with {k:,} centers marked.",
        "Where the clusters lie" + ("; rows that are far apart may look near, as in any plane." if d > 2 else "."),
    ), (
        lambda ax: plots.sizes(result, ax=ax, sample_weight=sample_weight),
        HEIGHT,
        f"Bar chart of the sizes of {k:,} clusters; the table of clusters has the numbers.",
        "How large they are, beside an even share.",
    ), (
        lambda ax: plots.profile(X, result, ax=ax, names=names),
        float(max(HEIGHT, 1.6 + 0.16 * some)),
        "Heat map of the centers, in standard deviations from the mean of each column; the table of clusters names "
        "the columns that stand out.",
        "What sets them apart: orange is above the mean of all rows, blue below.",
    )]  # fmt: skip
    if 2 <= len(set(result.labels.tolist())) < n:
        silhouettes = Silhouettes.of(X, result, random_state=random_state, n_threads=n_threads)
        drawn.append((
            silhouettes.draw,
            HEIGHT if k <= 15 else 1.4 * HEIGHT,
            "Silhouettes of the rows of each cluster, sorted, with their mean; the table of clusters has their means.",
            "How well rows fit: near 1 well, near 0 between two clusters, below 0 nearer to another.",
        ))  # fmt: skip
    if result.history:
        drawn.append((
            lambda ax: plots.convergence(result, ax=ax),
            HEIGHT,
            f"Line chart of the inertia over {len(result.history):,} iterations, from "
            f"{result.history[0].inertia:,.5g} to {result.history[-1].inertia:,.5g}.",
            "How the fit went: the inertia falls, and the centers come to rest.",
        ))  # fmt: skip
    return [(in_both_themes(draw, height), alt, caption) for draw, height, alt, caption in drawn]
