"""Two clusterings beside each other: which cluster of one is which of the other, and what has changed."""

from dataclasses import dataclass, is_dataclass, replace

import numpy as np

from fastkmeans.engine.agreement import adjusted_rand_index, contingency
from fastkmeans.sources.frames import pandas_for

__all__ = ["Alignment", "align_labels"]

WAYS = ("auto", "rows", "centers")
NONE = -1


@dataclass(frozen=True, eq=False, repr=False)
class Alignment:
    """Which cluster of `other` is which of `result`, and how they differ; printed, it is a table.

    Attributes
    ----------
    mapping : ndarray of shape (n_clusters of other,), int64
        For each cluster of `other` its cluster in `result`, -1 for a new one.
    inverse : ndarray of shape (n_clusters of result,), int64
        For each cluster of `result` its cluster in `other`, -1 for one that has vanished.
    by : {"rows", "centers"}
        What clusters were matched by.
    new, vanished : tuple of int
        Clusters of `other` that are none of `result`; clusters of `result` that are none of `other`.
    labels : ndarray of shape (n_samples,), int32, or None
        The labels of `other` by the numbers of `result`, -1 in new clusters; None if it has none.
    moved_share : float or None
        Share of the rows whose cluster is another one now; None where the two have no rows in common, as the next two.
    adjusted_rand : float or None
        Adjusted Rand index of the two labellings: 1 for equal ones, about 0 for unrelated ones, whatever the numbers.
    kept : ndarray of shape (n_clusters of result,), float64, or None
        Share of each cluster's rows that are in it still.
    sizes_before, sizes_after : ndarray of shape (n_clusters of result,), int64, or None
        Rows in each cluster of `result`, and in its cluster in `other`, 0 if vanished; None without labels.
    sizes_new : ndarray of shape (len(new),), int64, or None
    movement : ndarray of shape (n_clusters of result,), float64, or None
        Euclidean distance between the two centers of each cluster, NaN if vanished; None without centers on both sides.
    """

    mapping: np.ndarray
    inverse: np.ndarray
    by: str
    new: tuple = ()
    vanished: tuple = ()
    labels: np.ndarray | None = None
    moved_share: float | None = None
    adjusted_rand: float | None = None
    kept: np.ndarray | None = None
    sizes_before: np.ndarray | None = None
    sizes_after: np.ndarray | None = None
    sizes_new: np.ndarray | None = None
    movement: np.ndarray | None = None

    def relabelled(self, other):
        """`other` with its clusters in the order of `result`'s.

        Parameters
        ----------
        other : KMeansResult
            With as many clusters as `result`. Those that are new take the numbers of the vanished, in order.

        Returns
        -------
        KMeansResult
            The same centers and labels by other numbers, all else as it was. A row that is equally near to two centers
            stays where it is, while `predict` gives it to the lower number.

        Raises
        ------
        ValueError, TypeError
            If there are other numbers of clusters, or `other` is no result.
        """
        if not (is_dataclass(other) and hasattr(other, "centers") and hasattr(other, "labels")):
            raise TypeError(f"other must be a result with centers and labels, got {type(other).__name__}")
        k = len(self.mapping)
        if not len(other.centers) == k == len(self.inverse):
            raise ValueError(
                f"other has {len(other.centers)} clusters, result {len(self.inverse)} (aligned with {k}): only as many "
                "can take each other's numbers; mapping and labels tell which are which"
            )
        numbers = self.mapping.copy()
        numbers[numbers == NONE] = np.setdiff1d(np.arange(k), numbers)
        centers = np.empty_like(other.centers)
        centers[numbers] = other.centers
        return replace(other, centers=centers, labels=numbers.astype(np.int32)[np.asarray(other.labels)])

    def _lines(self):
        """A dict for each cluster of `result`, then for each new one; None where nothing is known."""
        lines = []
        for j, c in enumerate(self.inverse.tolist()):
            if c == NONE and j not in self.vanished:
                continue
            line = {"cluster": j, "in_other": None if c == NONE else c}
            for name in ("sizes_before", "sizes_after", "kept", "movement"):
                values = getattr(self, name)
                line[name] = None if values is None else values[j].item()
            lines.append(line)
        for at, c in enumerate(self.new):
            size = None if self.sizes_new is None else self.sizes_new[at].item()
            lines.append({"cluster": None, "in_other": c, "sizes_before": None, "sizes_after": size})
        return lines

    def to_frame(self):
        """The table as a pandas data frame: one row a cluster, those of `result` first; holes where there is nothing.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = pandas_for("to_frame")
        frame = pandas.DataFrame(self._lines(), columns=["cluster", "in_other", *COLUMNS])
        return frame.astype({name: "Int64" for name in ("cluster", "in_other", "sizes_before", "sizes_after")})

    def __str__(self):
        head = f"{len(self.mapping)} clusters matched with {len(self.inverse)} by {self.by}"
        if self.moved_share is not None:
            head += f": {self.moved_share:.2%} of {len(self.labels)} rows moved"
            head += f", adjusted Rand index {self.adjusted_rand:.4f}"
        table = [("cluster", "in other", *(title for title, _ in COLUMNS.values()))]
        for line in self._lines():
            cluster = "new" if line["cluster"] is None else str(line["cluster"])
            there = "gone" if line["in_other"] is None else str(line["in_other"])
            values = [(line.get(name), shown) for name, (_, shown) in COLUMNS.items()]
            table.append((cluster, there, *("-" if v is None or v != v else format(v, shown) for v, shown in values)))
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        rows = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        return "\n".join([head, *rows])

    def __repr__(self):
        return f"Alignment(mapping={self.mapping.tolist()}, by={self.by!r})"


COLUMNS = {
    "sizes_before": ("before", "d"),
    "sizes_after": ("after", "d"),
    "kept": ("kept", ".1%"),
    "movement": ("center moved", ".4g"),
}


def align_labels(result, other, *, X=None, by="auto"):
    """Match the clusters of two clusterings, whose numbers mean nothing, and tell what has changed.

    Parameters
    ----------
    result, other : KMeansResult, fitted estimator, or array-like of shape (n_samples,)
        The clustering that keeps its numbers, and the one that is matched with it: anything with `centers` and
        `labels`, or `cluster_centers_` and `labels_`; or labels alone, integers from 0.
    X : array-like of shape (n_samples, n_features), default=None
        Rows to compare the two by: whoever has centers labels them, and plain labels must be theirs.
    by : {"auto", "rows", "centers"}, default="auto"
        "rows" matches clusters so that as many rows as possible are in the same one; clusters that share no row are not
        matched. "centers" matches them so that the distances between matched centers sum to the least. "auto" is "rows"
        with `X`, or where both have equally many labels, else "centers". Of two fits of as many, but different, rows
        that is wrong: pass ``by="centers"``, or `X`.

    Returns
    -------
    Alignment
        `mapping`, `labels`, `relabelled(other)`, and what has changed: rows, sizes, centers, new and vanished clusters.

    Raises
    ------
    ValueError, TypeError
        If the two cannot be compared in the way that is asked for: labels of other lengths, centers of other columns.
    ImportError
        If scipy is not installed.

    Notes
    -----
    The assignment problem is solved by scipy, O(n_clusters^3) at most [1]_; counting is O(n_samples + n_clusters^2).

    References
    ----------
    .. [1] H. W. Kuhn, "The Hungarian method for the assignment problem", Naval Research Logistics Quarterly 2, 1955.
       doi:10.1002/nav.3800020109
    .. [2] L. Hubert, P. Arabie, "Comparing partitions", Journal of Classification 2, 1985. doi:10.1007/BF01908075

    Examples
    --------
    >>> alignment = align_labels([0, 0, 1, 1, 1, 2], [2, 2, 0, 0, 1, 1])
    >>> alignment.mapping
    array([1, 2, 0])
    >>> print(alignment)
    3 clusters matched with 3 by rows: 16.67% of 6 rows moved, adjusted Rand index 0.4444
    cluster  in other  before  after    kept  center moved
          0         2       2      2  100.0%             -
          1         0       3      2   66.7%             -
          2         1       1      2  100.0%             -
    """
    one, two = _Side(result, "result"), _Side(other, "other")
    if by not in WAYS:
        raise ValueError(f"by={by!r} is unknown; choose one of {', '.join(map(repr, WAYS))}")
    if X is not None:
        one.label(X)
        two.label(X)
    shared = one.labels is not None and two.labels is not None and len(one.labels) == len(two.labels)
    if by == "auto":
        by = "rows" if shared else "centers"
    distances = _distances(one, two) if one.centers is not None and two.centers is not None else None
    if by == "rows" and not shared:
        counts = [f"{side.name} has {'no' if side.labels is None else len(side.labels)} labels" for side in (one, two)]
        raise ValueError(f"{' and '.join(counts)}: pass X, rows that both label, or take by='centers'")
    if by == "centers" and distances is None:
        raise ValueError(
            f"{_lacking(one, two)}: two clusterings are compared by labels of the same rows, or by centers of the same "
            "columns; pass X, rows that both label"
        )
    # Where rows are not known to be the same, counts of them together mean nothing.
    table = contingency(one.labels, two.labels, one.k, two.k) if by == "rows" else None
    pairs = _matched(table, distances)
    return _alignment(by, one, two, pairs, table, distances)


def _lacking(one, two):
    """Why two sides cannot be compared by centers."""
    for side in (one, two):
        if side.centers is None:
            return f"{side.name} has no centers"
    return f"result has centers of {one.centers.shape[1]} columns, other of {two.centers.shape[1]}"


class _Side:
    """Centers and labels of a clustering, whatever it is; None for what it lacks."""

    def __init__(self, given, name):
        self.name, self.centers, self.labels, self.metric = name, None, None, "euclidean"
        if any(hasattr(given, attribute) for attribute in ("centers", "cluster_centers_", "labels", "labels_")):
            self.centers = _either(given, "cluster_centers_", "centers")
            self.labels = _either(given, "labels_", "labels")
            self.metric = getattr(given, "metric", "euclidean")
        elif hasattr(given, "fit"):
            raise TypeError(f"{name} is not fitted: {type(given).__name__} has neither centers nor labels")
        else:
            self.labels = given
        if self.centers is not None:
            self.centers = np.asarray(self.centers)
        if self.labels is not None:
            self.labels = _checked_labels(self.labels, name, self.centers)
        if self.centers is None and self.labels is None:
            raise TypeError(f"{name} has neither centers nor labels")
        self.k = len(self.centers) if self.centers is not None else int(self.labels.max()) + 1

    def label(self, X):
        """Take the labels of X in place of those at hand, or see that these are as many."""
        if self.centers is not None:
            from fastkmeans.api import predict

            self.labels = np.asarray(predict(X, self.centers, metric=self.metric))
        elif len(self.labels) != (n := X.shape[0] if hasattr(X, "shape") else len(X)):
            raise ValueError(f"{self.name} has {len(self.labels)} labels, but X has {n} rows")

    def sizes(self):
        """Rows of each cluster."""
        return np.bincount(self.labels, minlength=self.k)


def _either(given, *names):
    return next((getattr(given, name) for name in names if hasattr(given, name)), None)


def _checked_labels(labels, name, centers):
    """The labels as integers from 0."""
    array = np.asarray(labels)
    if array.ndim != 1 or len(array) == 0 or array.dtype.kind not in "iu":
        raise TypeError(
            f"{name} must be a result, a fitted estimator, or a 1-D array of integer labels, got an array of shape "
            f"{array.shape} and dtype {array.dtype}"
        )
    if array.min() < 0:
        raise ValueError(
            f"{name} has the label {array.min()}; labels are numbers from 0: leave rows without a cluster out"
        )
    if centers is not None and array.max() >= len(centers):
        raise ValueError(f"{name} has the label {array.max()}, but {len(centers)} centers")
    return array.astype(np.int64)


def _distances(one, two):
    """(k of result, k of other) distances between centers; None where columns differ."""
    if one.centers.shape[1] != two.centers.shape[1]:
        return None
    _, cdist = _scipy()
    return cdist(one.centers.astype(np.float64), two.centers.astype(np.float64))


def _matched(table, distances):
    """The pairs of the best assignment: by most rows in common, pairs without any left out, or by least distances."""
    solve, _ = _scipy()
    ours, theirs = solve(distances) if table is None else solve(table, maximize=True)
    if table is not None:
        share = table[ours, theirs] > 0
        ours, theirs = ours[share], theirs[share]
    return ours, theirs


def _scipy():
    try:
        from scipy.optimize import linear_sum_assignment
        from scipy.spatial.distance import cdist
    except ImportError:
        raise ImportError('align_labels needs scipy: pip install ".[select]" in the checkout') from None
    return linear_sum_assignment, cdist


def _alignment(by, one, two, pairs, table, distances):
    """The Alignment that follows from the pairs of clusters."""
    ours, theirs = pairs
    mapping, inverse = np.full(two.k, NONE), np.full(one.k, NONE)
    mapping[theirs], inverse[ours] = ours, theirs
    before, after = (None if side.labels is None else side.sizes() for side in (one, two))
    # A number that no label has, and no center, is no cluster.
    new = tuple(c for c in np.flatnonzero(mapping == NONE).tolist() if two.centers is not None or after[c])
    vanished = tuple(j for j in np.flatnonzero(inverse == NONE).tolist() if one.centers is not None or before[j])
    known = {"new": new, "vanished": vanished, "sizes_before": before}
    if two.labels is not None:
        sizes = np.zeros(one.k, np.int64)
        sizes[ours] = after[theirs]
        known |= {"labels": mapping.astype(np.int32)[two.labels], "sizes_after": sizes, "sizes_new": after[list(new)]}
    if table is not None:
        kept = np.zeros(one.k)
        kept[ours] = table[ours, theirs]
        with np.errstate(invalid="ignore"):
            known |= {"kept": kept / before, "moved_share": 1.0 - float(kept.sum() / before.sum())}
        known["adjusted_rand"] = adjusted_rand_index(table)
    if distances is not None:
        movement = np.full(one.k, np.nan)
        movement[ours] = distances[ours, theirs]
        known["movement"] = movement
    return Alignment(mapping, inverse, by, **known)
