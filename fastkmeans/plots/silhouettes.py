"""The silhouette plot: how much nearer each row is to its own cluster than to the next."""

from dataclasses import dataclass

import numpy as np

from fastkmeans import validation as check
from fastkmeans.engine.silhouettes import by_means, by_pairs
from fastkmeans.plots.style import MOST_NUMBERED, bare, cluster_colours, counted, ink_of, new_axes, title_of
from fastkmeans.silhouette import _labelled_rows

MOST_ROWS = 5_000  # that are measured unless asked for otherwise
GAP = 0.01  # between clusters, of the height


def silhouette(X, labels, *, sample_size=MOST_ROWS, metric=None, random_state=0, n_threads=None, ax=None, title=None):
    """Draw the silhouettes of rows, sorted within each cluster, and their mean.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    labels : array-like of shape (n_samples,), KMeansResult or fitted estimator
        Clusters of the rows.
    sample_size : int or None, default=5_000
        Most rows to measure, each against all rows. Of more, as many are drawn at random, as the title says: their
        silhouettes are exact, and their mean is an estimate. None measures all.
    metric : {"euclidean", "cosine"}, default=None
        None for that of the result, or "euclidean".
    random_state : int, Generator, RandomState or None, default=0
        Seed of the sample.
    n_threads : int or None, default=None
    ax : matplotlib Axes, default=None
        Where to draw; None for a new figure.
    title : str, default=None

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        As for `silhouette_samples`.

    Notes
    -----
    O(sample_size * n_samples * n_features), of at most n_samples rows.

    References
    ----------
    .. [1] P. Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis",
       J. Comput. Appl. Math. 20, 1987. doi:10.1016/0377-0427(87)90125-7

    Examples
    --------
    >>> ax = silhouette([[0.0], [1.0], [8.0], [9.0]], [0, 0, 1, 1])
    >>> ax.get_title(loc="left")
    'Mean silhouette 0.87, 4 rows'
    """
    measured = Silhouettes.of(X, labels, sample_size, metric, random_state, n_threads)
    ax = new_axes(6.4, 4.6 if measured.n_shown <= 15 else 6.4) if ax is None else ax
    return measured.draw(ax, title)


@dataclass(frozen=True)
class Silhouettes:
    """Those of some rows, measured once and drawn as often as asked for."""

    values: np.ndarray
    labels: np.ndarray
    n: int  # rows they are a part of

    @classmethod
    def of(cls, X, labels, sample_size=MOST_ROWS, metric=None, random_state=0, n_threads=None):
        """As `silhouette` has it."""
        if metric is None:
            metric = getattr(labels, "metric", "euclidean")
        labels = np.asarray(getattr(labels, "labels", getattr(labels, "labels_", labels)))
        if sample_size is not None:
            sample_size = check.check_integer(sample_size, "sample_size")
        random = check.as_generator(random_state)
        source, numbered, k = _labelled_rows(X, labels, metric, n_threads)
        n, asked = source.n, None
        if sample_size is not None and n > sample_size:
            asked = np.sort(source.sample(sample_size, int(random.integers(2**63))))
            labels = labels[asked]
        if source.cosine:
            values = by_means(source, numbered, k)
            values = values if asked is None else values[asked]
        else:
            values = by_pairs(source, numbered, k, asked)
        return cls(values, labels, n)

    @property
    def n_shown(self):
        """How many clusters have rows among them."""
        return len(np.unique(self.labels))

    def draw(self, ax, title=None):
        """The Axes, with the silhouettes of each cluster below one another."""
        names, which = np.unique(self.labels, return_inverse=True)
        whole = names.dtype.kind in "iu" and names[0] >= 0
        colours = cluster_colours(int(names[-1]) + 1)[names] if whole else cluster_colours(len(names))

        order = np.lexsort((-self.values, which))
        ends = np.cumsum(np.bincount(which))
        gap, start = GAP * len(self.values) if len(names) <= MOST_NUMBERED else 0.0, 0
        for index, end in enumerate(ends):
            own = self.values[order[start:end]]
            low = start + index * gap
            places = low + np.arange(len(own) + 1)
            steps = np.append(own, own[-1])  # a row is a step from its place to the next
            ax.fill_betweenx(places, 0, steps, step="post", color=colours[index], linewidth=0)
            if len(names) <= MOST_NUMBERED:
                ax.text(
                    -0.012, low + len(own) / 2, str(names[index]), transform=ax.get_yaxis_transform(), ha="right",
                    va="center", fontsize="small", color=ink_of(ax),
                )  # fmt: skip
            start = end
        mean = float(self.values.mean())
        ax.axvline(mean, color=ink_of(ax), linewidth=1, linestyle=(0, (4, 3)))
        ax.set_ylim(start + len(names) * gap, -gap)  # the first cluster at the top
        lowest = float(self.values.min())
        ax.set_xlim(
            min(-0.02, lowest * 1.05), min(1.0, float(self.values.max()) + 0.05) if self.values.max() > 0 else 0.1
        )
        ax.axvline(0, color=ink_of(ax), linewidth=0.6)
        ax.set_yticks([])
        ax.set_xlabel("silhouette")
        ax.set_ylabel("cluster" if len(names) <= MOST_NUMBERED else "clusters in their order", labelpad=16)
        sampled = len(self.values) < self.n
        measured = counted(self.n, "row") if not sampled else f"{len(self.values):,} of {self.n:,} rows"
        title_of(ax, title or f"Mean silhouette {mean:.2f}, {measured}{' sampled' * sampled}")
        bare(ax, "top", "right", "left")
        return ax
