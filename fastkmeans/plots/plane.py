"""Where rows of any width are drawn: one or two columns as they are, more by their principal directions."""

import numpy as np

MOST_ROWS = 20_000  # that directions are found from
WIDE = 1_000  # columns, from which on fewer rows than columns are looked at
FEW_ROWS = 512


class Plane:
    """One or two axes, their names, and the way from rows to them.

    Of more than 20,000 rows the principal directions are those of an even part; of more than 1,000 columns, of 512
    rows, so that their products stay small.
    """

    def __init__(self, rows, centers, names):
        d = centers.shape[1]
        self.middle, self.directions, self.names = np.zeros(d), np.eye(d), names
        if d > 2:
            part = rows.take(rows.thinned(FEW_ROWS if d > WIDE else MOST_ROWS))
            self.middle = part.mean(axis=0)
            self.directions, shares = _principal(part - self.middle)
            self.names = [f"principal direction {i} ({share:.0%} of variance)" for i, share in enumerate(shares, 1)]
        self.centers = self.project(centers)

    def project(self, rows):
        """(m, 1 or 2) places of rows."""
        return rows if len(self.middle) <= 2 else (rows - self.middle) @ self.directions


def _principal(centered):
    """The two directions of most variance, as columns, and their shares of it."""
    if len(centered) < centered.shape[1]:
        _, scales, directions = np.linalg.svd(centered, full_matrices=False)
        variances, directions = scales**2, directions.T
    else:
        variances, directions = np.linalg.eigh(centered.T @ centered)
        variances, directions = variances[::-1], directions[:, ::-1]
    if directions.shape[1] < 2:  # of one row
        directions = np.column_stack([directions, np.zeros(len(directions))])
        variances = np.append(variances, 0.0)
    total = max(float((centered**2).sum()), np.finfo(float).tiny)
    two = directions[:, :2]
    two = two * np.where(two[np.abs(two).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)  # the sign is anybody's: choose one
    return two, np.maximum(variances[:2], 0.0) / total
