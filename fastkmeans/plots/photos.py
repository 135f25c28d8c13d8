"""A photo in the colours of its clusters."""

import numpy as np

from fastkmeans.plots.shown import Clustering
from fastkmeans.plots.style import new_axes, title_of

LUMINANCE = (0.299, 0.587, 0.114)
PANELS = 3


def quantised_photo(photo, result, *, ax=None, title=None):
    """Draw a photo beside itself in k colours, over a strip of these colours, each as wide as its share.

    Parameters
    ----------
    photo : ndarray of shape (height, width, 3), uint8
    result : KMeansResult, or a fitted estimator
        Of a fit of ``photo.reshape(-1, 3)``.
    ax : sequence of three matplotlib Axes, default=None
        For the photo, the photo in k colours, and the strip; None for a new figure.
    title : str, default=None
        Above the photo in k colours.

    Returns
    -------
    ndarray of three matplotlib Axes

    Examples
    --------
    >>> import fastkmeans
    >>> photo = np.array([[[0, 0, 0], [250, 0, 0]], [[4, 0, 0], [254, 0, 0]]], dtype=np.uint8)
    >>> axes = quantised_photo(photo, fastkmeans.fit(photo.reshape(-1, 3), 2, random_state=0))
    >>> axes[1].get_title(loc="left")
    '2 colours'
    """
    clustering = Clustering.of(result)
    photo = np.asarray(photo)
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.shape[0] * photo.shape[1] != len(clustering.labels):
        raise ValueError(
            f"photo has shape {photo.shape}, but the result is of {len(clustering.labels)} pixels; pass the photo "
            "that was fitted, (height, width, 3)"
        )
    palette = np.clip(np.rint(clustering.centers), 0, 255).astype(np.uint8)
    shares = clustering.sizes / len(clustering.labels)
    axes = _panels(photo) if ax is None else np.ravel(ax)
    if len(axes) != PANELS:
        raise ValueError(f"ax has {len(axes)} Axes; quantised_photo draws on {PANELS}: photo, colours, strip")

    original, quantised, strip = axes
    original.imshow(photo)
    title_of(original, f"original, {len(np.unique(photo.reshape(-1, 3), axis=0)):,} colours")
    quantised.imshow(palette[clustering.labels].reshape(photo.shape))
    title_of(quantised, title or f"{len(palette):,} colours")
    left = 0.0
    for index in np.argsort(palette @ np.array(LUMINANCE)):
        strip.barh(0, shares[index], left=left, color=palette[index] / 255)
        left += shares[index]
    strip.set_xlim(0, 1)
    strip.set_ylim(-0.4, 0.4)
    for each in axes:
        each.set_axis_off()
    return axes


def _panels(photo):
    """Two panels as wide as high as the photo, over a strip."""
    height, width = photo.shape[:2]
    grid = new_axes(12, 12 * (0.5 * height / width + 0.1), 2, 2)
    figure = grid[0, 0].figure
    figure.clear()
    return np.array(list(figure.subplot_mosaic("ab;cc", height_ratios=[1, 0.12]).values()))
