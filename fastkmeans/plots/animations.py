"""The iterations of a fit as an animated GIF, as tutorials show them: seeds, then labels and means in turn."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fastkmeans import api
from fastkmeans import validation as check
from fastkmeans.engine.seeding import SEEDINGS, chosen_seeding
from fastkmeans.plots.clusters import check_cells, corners, draw_cells, draw_centers
from fastkmeans.plots.plane import Plane
from fastkmeans.plots.shown import Clustering, ShownRows
from fastkmeans.plots.style import (
    bare,
    cluster_colours,
    counted,
    ink_of,
    mixed,
    new_axes,
    surface_of,
    title_of,
)
from fastkmeans.quality import _names
from fastkmeans.result import KMeansResult
from fastkmeans.sources.archives import write_whole

MOST_POINTS = 4_000  # drawn; all rows are fitted
LEAST_PIXELS = 240  # a side; less has no room for titles
LEAST_FRAMES = 4  # seeds, one iteration in two steps, the end
COLOURS = 128  # of the GIF
GOLDEN_RATIO = 0.618034
LAST_STAYS = 4  # times as long as another frame


@dataclass(frozen=True)
class Animation:
    """What was written.

    Attributes
    ----------
    path : Path
    n_frames : int
    result : KMeansResult
        Of the iterations that ran, all of which count even where frames leave some out.
    """

    path: Path
    n_frames: int
    result: KMeansResult


def animation(X, n_clusters, path, *, init="k-means++", max_iter=50, max_frames=40, fps=2.0, size=(560, 440),
              cells=False, names=None, random_state=None, metric="euclidean", n_threads=None):  # fmt: skip
    """Draw the iterations of a fit as an animated GIF: the seeds, then labels and means in turn.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        All rows are fitted; of more than 4,000, an even part is drawn, of more than two columns, in the first two
        principal directions.
    n_clusters : int
    path : path-like
        The GIF to write; it appears whole, or not at all.
    init : str, array or callable, default="k-means++"
        As for `fit`. "random" shows more iterations.
    max_iter : int, default=50
        Most iterations.
    max_frames : int, default=40
        Most frames, at least 4: two an iteration, one for the seeds and one for the end. Of more iterations, the later
        ones are thinned out, as the first move most.
    fps : float, default=2.0
        Frames a second.
    size : (int, int), default=(560, 440)
        Width and height in pixels, each at least 240.
    cells : bool, default=False
        Whether to draw the Voronoi cells; X must have one or two columns.
    names : sequence of str, default=None
        Of the columns; None for those of a data frame, or their numbers.
    random_state : int, Generator, RandomState or None, default=None
    metric : {"euclidean", "cosine"}, default="euclidean"
    n_threads : int or None, default=None

    Returns
    -------
    Animation
        `path`, `n_frames`, `result`.

    Raises
    ------
    ValueError, TypeError
        As for `fit`; and if `max_frames`, `fps` or `size` is too small.

    Notes
    -----
    The fit is run an iteration at a time, so that its centers can be seen. Colours follow matplotlib's style: under
    ``matplotlib.style.context("dark_background")`` the frames are dark.

    Examples
    --------
    >>> import os, tempfile
    >>> X = [[0.0, 0.0], [0.0, 1.0], [5.0, 5.0], [5.0, 6.0]]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = animation(X, 2, os.path.join(folder, "steps.gif"), init=[0, 1])
    >>> written.n_frames == 2 * written.result.n_iter + 2
    True
    """
    max_iter = check.check_integer(max_iter, "max_iter")
    max_frames = check.check_integer(max_frames, "max_frames", LEAST_FRAMES)
    width, height = (check.check_integer(pixels, "size", LEAST_PIXELS) for pixels in size)
    if not fps > 0:
        raise ValueError(f"fps={fps} must be more than 0 frames a second")
    array = check.as_rows(X)
    check_cells(cells, array.shape[1])
    ax = new_axes(width / 100, height / 100)  # and the hint, before the work
    ax.figure.set_dpi(100)

    steps, drawn, result = _iterations(array, n_clusters, init, max_iter, random_state, metric, n_threads)
    rows = ShownRows(array, Clustering.of(result))
    plane = Plane(rows, result.centers.astype(np.float64), _names(names, X, array.shape[1]))
    picture = _Picture(ax, rows, drawn, plane, cells)
    frames = picture.frames(steps, result, (max_frames - 2) // 2)

    stays = [1000 / fps] * (len(frames) - 1) + [LAST_STAYS * 1000 / fps]
    first, *others = frames
    write_whole(
        path, lambda file: first.save(file, "GIF", save_all=True, append_images=others, duration=stays, loop=0)
    )  # fmt: skip
    return Animation(Path(path), len(frames), result)


def _iterations(array, n_clusters, init, max_iter, random_state, metric, n_threads):
    """[(centers, labels of the drawn rows)] from the seeds on; which rows are drawn; and the result."""
    k = check.check_n_clusters(n_clusters, len(array))
    source, _ = check.checked_source(array, metric=metric, n_threads=n_threads)
    random = check.as_generator(random_state)
    legacy = np.random.RandomState(random.integers(2**32)) if callable(init) else None
    centers = check.as_init(init, k, array, source, metric, legacy)
    if isinstance(centers, str):
        centers = source.take(SEEDINGS[chosen_seeding(centers, source, k)](source, k, random, None))

    drawn = np.linspace(0, len(array) - 1, min(len(array), MOST_POINTS)).astype(np.int64)
    labels = api.predict(array, centers, metric=metric, n_threads=n_threads)
    steps, history, converged = [(centers, labels[drawn])], [], False
    while len(history) < max_iter and not converged:
        result = api.fit(array, k, init=centers, max_iter=1, tol=0, metric=metric, n_threads=n_threads)
        history.append(replace(result.history[0], iteration=len(history) + 1))
        converged = np.array_equal(labels, result.labels) and np.array_equal(centers, result.centers)
        centers, labels = result.centers, result.labels
        steps.append((centers, labels[drawn]))
    return steps, drawn, replace(result, n_iter=len(history), converged=converged, history=tuple(history))


class _Picture:
    """One Axes, drawn anew for each frame."""

    def __init__(self, ax, rows, drawn, plane, cells):
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        self.ax, self.plane, self.cells = ax, plane, cells
        self.canvas = FigureCanvasAgg(ax.figure)
        self.points = self._places(plane.project(rows.take(drawn)), np.arange(len(drawn)) * GOLDEN_RATIO % 1.0)
        self.colours = cluster_colours(len(plane.centers))

    def _places(self, points, heights):
        """Points in the plane; those of one column are spread over the height."""
        return points if points.shape[1] == 2 else np.column_stack([points, heights])

    def frames(self, steps, result, most_iterations):
        """PIL images: seeds, two for each iteration that is shown, the end."""
        n_iter = len(steps) - 1
        shown = np.arange(1, n_iter + 1)
        if n_iter > most_iterations:
            shown = _thinned(n_iter, most_iterations)
        places = [self._centers(centers) for centers, _ in steps]
        low, high = corners(np.concatenate([self.points, *places]))
        self.limits = (low[0], high[0]), (low[1], high[1])
        k = len(places[0])

        frames = [self._frame(counted(k, "first center"), places[0])]
        for iteration in shown.tolist():
            (_, labels), before, after = steps[iteration - 1], places[iteration - 1], places[iteration]
            frames.append(self._frame(f"iteration {iteration}: each row to its nearest center", before, labels))
            frames.append(
                self._frame(f"iteration {iteration}: each center to the mean of its rows", after, labels, before)
            )
        ended = "converged" if result.converged else "stopped"
        title = f"{ended} after {counted(n_iter, 'iteration')}, inertia {result.inertia:,.4g}"
        return [*frames, self._frame(title, places[-1], steps[-1][1])]

    def _centers(self, centers):
        return self._places(self.plane.project(centers.astype(np.float64)), np.full(len(centers), 0.5))

    def _frame(self, title, centers, labels=None, before=None):
        from PIL import Image

        ax = self.ax
        ax.clear()
        ax.set(xlim=self.limits[0], ylim=self.limits[1])
        colours = self.colours[labels] if labels is not None else [mixed(ink_of(ax), surface_of(ax), 0.5)]
        size = float(np.clip(6_000 / len(self.points), 3, 26))
        ax.scatter(*self.points.T, c=colours, s=size, alpha=0.7, linewidths=0)
        if self.cells:
            draw_cells(ax, centers[:, : len(self.plane.names)], self.colours)
        if before is not None:
            ax.plot(*np.stack([before, centers], axis=1).transpose(2, 1, 0), color=ink_of(ax), linewidth=1.4, zorder=3)
        draw_centers(ax, centers, self.colours)
        title_of(ax, title)
        ax.set_xlabel(self.plane.names[0])
        ax.set_ylabel(self.plane.names[1] if len(self.plane.names) > 1 else "")
        if len(self.plane.names) == 1:
            ax.set_yticks([])
        bare(ax)
        self.canvas.draw()
        return Image.fromarray(np.asarray(self.canvas.buffer_rgba())[..., :3].copy()).quantize(COLOURS)


def _thinned(n_iter, most):
    """`most` of the iterations 1 to n_iter: the first half as they come, then ever fewer, up to the last."""
    first = max(1, most // 2)
    later = np.geomspace(first, n_iter, most - first + 1)[1:].round().astype(int)
    return np.unique(np.concatenate([np.arange(1, first + 1), later]))
