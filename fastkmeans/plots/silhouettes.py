"""The silhouette plot: how much nearer each row is to its own cluster than to the next."""

import numpy as np

from fastkmeans import validation as check
from fastkmeans.plots.style import MOST_NUMBERED, bare, cluster_colours, ink_of, new_axes, title_of

MOST_ROWS = 10_000  # whose silhouettes are computed unless asked for otherwise
GAP = 0.01  # between clusters, of the height


def silhouette(X, labels, *, sample_size=MOST_ROWS, metric=None, random_state=0, n_threads=None, ax=None, title=None):
    """Draw the silhouettes of rows, sorted within each cluster, and their mean.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    labels : array-like of shape (n_samples,), KMeansResult or fitted estimator
        Clusters of the rows.
    sample_size : int or None, default=10_000
        Most rows to take. Of more, as many are drawn at random, and silhouettes are those among them, as
        the title says: estimates, in time that does not grow with n_samples. None takes all, in time that grows with
        its square.
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

    References
    ----------
    .. [1] P. Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis",
       J. Comput. Appl. Math. 20, 1987.

    Examples
    --------
    >>> ax = silhouette([[0.0], [1.0], [8.0], [9.0]], [0, 0, 1, 1])
    >>> ax.get_title(loc="left")
    'Silhouettes of 4 rows, mean 0.87'
    """
    from fastkmeans import silhouette_samples

    if metric is None:
        metric = getattr(labels, "metric", "euclidean")
    labels = np.asarray(getattr(labels, "labels", getattr(labels, "labels_", labels)))
    array = check.as_rows(X, sparse=True)
    n = array.shape[0]
    if labels.shape != (n,):
        raise ValueError(f"labels has shape {labels.shape}, but X has {n} rows; give one label for each row")
    k, sampled = len(np.unique(labels)), False
    if sample_size is not None and n > check.check_integer(sample_size, "sample_size"):
        chosen = np.sort(check.as_generator(random_state).choice(n, sample_size, replace=False))
        array, labels, sampled = array[chosen], labels[chosen], True
    values = silhouette_samples(array, labels, metric=metric, n_threads=n_threads)
    names, which = np.unique(labels, return_inverse=True)
    whole = names.dtype.kind in "iu" and names[0] >= 0
    colours = cluster_colours(int(names[-1]) + 1)[names] if whole else cluster_colours(len(names))

    height = 4.6 if len(names) <= 15 else 6.4
    ax = new_axes(6.4, height) if ax is None else ax
    order = np.lexsort((-values, which))
    ends = np.cumsum(np.bincount(which))
    gap, start = GAP * len(values) if len(names) <= MOST_NUMBERED else 0.0, 0
    for index, end in enumerate(ends):
        own = values[order[start:end]]
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
    mean = float(values.mean())
    ax.axvline(mean, color=ink_of(ax), linewidth=1, linestyle=(0, (4, 3)))
    ax.set_ylim(start + len(names) * gap, -gap)  # the first cluster at the top
    lowest = float(values.min())
    ax.set_xlim(min(-0.02, lowest * 1.05), min(1.0, float(values.max()) + 0.05) if values.max() > 0 else 0.1)
    ax.axvline(0, color=ink_of(ax), linewidth=0.6)
    ax.set_yticks([])
    ax.set_xlabel("silhouette")
    ax.set_ylabel("cluster" if len(names) <= MOST_NUMBERED else "clusters in their order", labelpad=16)
    counted = f"{len(values):,} of {n:,} rows, sampled" if sampled else f"{n:,} rows"
    lost = f", {k - len(names)} clusters not among them" if len(names) < k else ""
    title_of(ax, title or f"Silhouettes of {counted}{lost}, mean {mean:.2f}")
    bare(ax, "top", "right", "left")
    return ax
