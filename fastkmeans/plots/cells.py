"""Voronoi cells in the plane: which points of a rectangle are nearest to which center."""

import numpy as np


def voronoi_cells(centers, low, high):
    """The convex polygons in which each center is the nearest, within a rectangle.

    Each cell starts as the rectangle and is cut by the bisectors with the other centers, nearest first, until they are
    twice as far as its farthest corner, so that only neighbours are looked at.

    Parameters
    ----------
    centers : ndarray of shape (k, 2)
    low, high : sequence of two floats
        Corners of the rectangle.

    Returns
    -------
    list of k ndarrays of shape (corners, 2)
        Counterclockwise; without corners where a cell lies outside, or where a center is equal to an earlier one.
    """
    (left, bottom), (right, top) = low, high
    rectangle = np.array([[left, bottom], [right, bottom], [right, top], [left, top]], dtype=float)
    cells = []
    for index, center in enumerate(centers):
        cell = rectangle
        sq_dists = ((centers - center) ** 2).sum(axis=1)
        for other in np.argsort(sq_dists, kind="stable"):
            if other == index or not len(cell):
                continue
            if sq_dists[other] == 0:
                cell = cell[:0] if other < index else cell
            elif sq_dists[other] > 4 * ((cell - center) ** 2).sum(axis=1).max():
                break
            else:
                cell = _cut(cell, centers[other] - center, (centers[other] + center) / 2)
        cells.append(cell)
    return cells


def _cut(polygon, normal, point):
    """What a convex polygon keeps on the inner side of the line through `point` with this outward `normal`."""
    heights = (polygon - point) @ normal
    corners = []
    for i in range(len(polygon)):
        before, after = heights[i - 1], heights[i]
        if (before > 0) != (after > 0):
            corners.append(polygon[i - 1] + before / (before - after) * (polygon[i] - polygon[i - 1]))
        if after <= 0:
            corners.append(polygon[i])
    return np.reshape(corners, (-1, 2))
