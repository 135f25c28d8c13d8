"""Pictures of clusterings, with matplotlib: rows coloured by cluster, and a photo in k colours.

Figures are made without pyplot, so they need no display, belong to nobody but the caller, and need not be closed.
"""

import colorsys

import numpy as np

MOST_POINTS = 20_000  # more only hide one another
GOLDEN_RATIO = 0.618034
LUMINANCE = (0.299, 0.587, 0.114)
INK = "#222222"


def _new_figure(**settings):
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError('pictures need matplotlib: pip install ".[plots]" in the checkout') from None
    return Figure(layout="constrained", facecolor="white", **settings)


def _colours(k):
    """k colours, told apart as well as k colours can be: hues a golden ratio apart, in three lightnesses."""
    lightness, saturation = (0.48, 0.62, 0.36), (0.75, 0.65, 0.70)
    return np.array(
        [colorsys.hls_to_rgb(i * GOLDEN_RATIO % 1.0, lightness[i % 3], saturation[i % 3]) for i in range(k)]
    )


def _plane(rows, centers):
    """Rows and centers in two columns, and the names of the axes."""
    if rows.shape[1] == 1:
        rows, centers = (np.column_stack([part, np.zeros(len(part))]) for part in (rows, centers))
        return rows, centers, ("column 0", "")
    if rows.shape[1] == 2:
        return rows, centers, ("column 0", "column 1")
    middle = rows.mean(axis=0)
    centered = rows - middle
    variances, directions = np.linalg.eigh(centered.T @ centered)
    shares = variances[:-3:-1] / max(variances.sum(), np.finfo(float).tiny)
    plane = directions[:, :-3:-1]
    names = tuple(f"principal direction {i + 1} ({share:.0%} of the variance)" for i, share in enumerate(shares))
    return centered @ plane, (centers - middle) @ plane, names


def scatter(X, result, *, path=None, ax=None, title=None):
    """Draw rows as points coloured by cluster, centers as crosses.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The rows that were fitted. Two columns are drawn as they are; of more, the first two principal directions.
        Of more than 20,000 rows an even part is drawn.
    result : KMeansResult
    path : path-like, default=None
        Where to save the picture.
    ax : matplotlib Axes, default=None
        Where to draw; None for a new figure.
    title : str, default=None
        None for one that says how many rows and clusters there are.

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> import fastkmeans
    >>> X = [[1.0, 2.0], [1.0, 4.0], [10.0, 2.0], [10.0, 4.0]]
    >>> figure = scatter(X, fastkmeans.fit(X, 2, random_state=0))
    >>> figure.axes[0].get_title(loc="left")
    '4 rows in 2 clusters'
    """
    X = X if isinstance(X, np.ndarray) else np.asarray(X)
    n, k = len(result.labels), len(result.centers)
    if X.shape != (n, result.centers.shape[1]):
        raise ValueError(f"X has shape {X.shape}, but the result is of {n} rows and {result.centers.shape[1]} columns")
    shown = np.linspace(0, n - 1, min(n, MOST_POINTS)).astype(np.int64)
    rows = X[shown].astype(np.float64)
    if result.metric == "cosine":
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    points, centers, axis_names = _plane(rows, result.centers.astype(np.float64))

    if ax is None:
        ax = _new_figure(figsize=(8, 6.5), dpi=150).subplots()
    size = float(np.clip(30_000 / len(points), 3, 30))
    ax.scatter(*points.T, c=_colours(k)[result.labels[shown]], s=size, alpha=0.6, linewidths=0, rasterized=True)
    mark = float(np.clip(3_000 / k, 12, 70))
    ax.scatter(*centers.T, c="white", marker="X", s=mark, edgecolors=INK, linewidths=0.9, label="centers", zorder=3)
    part = f" ({len(shown):,} drawn)" if len(shown) < n else ""
    ax.set_title(title or f"{n:,} rows in {k:,} clusters{part}", loc="left", color=INK, fontweight="bold")
    ax.set_xlabel(axis_names[0], color=INK)
    ax.set_ylabel(axis_names[1], color=INK)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="upper right", frameon=False)
    return _saved(ax.figure, path)


def quantised_photo(photo, result, *, path=None, title=None):
    """Draw a photo beside itself in k colours, over a strip of these colours, each as wide as its share.

    Parameters
    ----------
    photo : ndarray of shape (height, width, 3), uint8
    result : KMeansResult
        Of a fit of ``photo.reshape(-1, 3)``.
    path : path-like, default=None
        Where to save the picture.
    title : str, default=None
        Above the photo in k colours.

    Returns
    -------
    matplotlib Figure
    """
    photo = np.asarray(photo)
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.shape[0] * photo.shape[1] != len(result.labels):
        raise ValueError(
            f"photo has shape {photo.shape}, but the result is of {len(result.labels)} pixels of 3 colours"
        )
    palette = np.clip(np.rint(result.centers), 0, 255).astype(np.uint8)
    shares = np.bincount(result.labels, minlength=len(palette)) / len(result.labels)

    height, width = photo.shape[:2]
    figure = _new_figure(figsize=(12, 12 * (0.5 * height / width + 0.1)), dpi=150)
    original, quantised, strip = figure.subplot_mosaic("ab;cc", height_ratios=[1, 0.12]).values()
    original.imshow(photo)
    original.set_title(f"original, {len(np.unique(photo.reshape(-1, 3), axis=0)):,} colours", loc="left", color=INK)
    quantised.imshow(palette[result.labels].reshape(photo.shape))
    quantised.set_title(title or f"{len(palette)} colours", loc="left", color=INK)
    left = 0.0
    for index in np.argsort(palette @ np.array(LUMINANCE)):
        strip.barh(0, shares[index], left=left, color=palette[index] / 255)
        left += shares[index]
    strip.set_xlim(0, 1)
    strip.set_ylim(-0.4, 0.4)
    for ax in (original, quantised, strip):
        ax.set_axis_off()
    return _saved(figure, path)


def _saved(figure, path):
    if path is not None:
        figure.savefig(path)
    return figure
