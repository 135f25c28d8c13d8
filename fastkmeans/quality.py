"""What is in the clusters of a clustering, how far apart they lie, and which rows to look at first."""

from dataclasses import dataclass, field

import numpy as np

from fastkmeans import validation as check
from fastkmeans.asking import question
from fastkmeans.engine.quality import Totals, column_moments, largest, nearest_of_each, standardized
from fastkmeans.engine.silhouettes import two_nearest
from fastkmeans.lazily import is_dask
from fastkmeans.sources.frames import pandas_for
from fastkmeans.sources.stored import StoredRows

SHOWN_CLUSTERS, SHOWN_DRIVERS, SHOWN_ROWS = 40, 3, 5  # of a description that is printed
N_DRIVERS = 5


@dataclass(frozen=True)
class Driver:
    """A feature by which a cluster differs from the whole.

    Attributes
    ----------
    feature : int
    name : str
    value : float
        Of the center.
    difference : float
        Of the center from the mean of the data, in standard deviations of the feature; 0 if it is constant. For
        "cosine", of the mean of the cluster's unit rows, which is the center made shorter.
    explained : float
        Share of the feature's variance that this difference makes: the cluster's share of the rows times
        `difference` squared.
    """

    feature: int
    name: str
    value: float
    difference: float
    explained: float


@dataclass(frozen=True)
class NotableRow:
    """A row that is far from its center, or near to another.

    Attributes
    ----------
    row : int
    cluster, other : int
        Its own, and the one whose center is the nearest of the others; -1 if there is none.
    distance : float
        To the center of its cluster.
    relative : float
        `distance` over the mean distance in its cluster.
    margin : float
        Distance to the center of `other`, minus `distance`.
    """

    row: int
    cluster: int
    other: int
    distance: float
    relative: float
    margin: float


@dataclass(frozen=True)
class ClusterSummary:
    """One cluster.

    Attributes
    ----------
    index, size : int
    weight, share : float
        The weight of its rows, and its part of all weight.
    inertia, radius, mean_distance : float
        Sum of weight times squared distance to the center; distance of the farthest row; weighted mean distance, NaN
        if there is no weight.
    nearest_cluster : int
        The cluster whose center is nearest to this one's; -1 if it is the only one.
    separation : float
        The distance of the two centers; infinite if it is the only one.
    separation_ratio : float
        `separation` over the sum of both clusters' mean distances: about 1 where they touch. Infinite where both are
        points, NaN beside a cluster without weight.
    silhouette : float
        Weighted mean of the simplified silhouettes of its rows, 0 if it is the only one, NaN if there is no weight.
    drivers : tuple of Driver
        The features in which it differs most from the whole, most telling first.
    exemplars : tuple of int
        The numbers of the rows nearest to the center, nearest first.
    """

    index: int
    size: int
    weight: float
    share: float
    inertia: float
    radius: float
    mean_distance: float
    nearest_cluster: int
    separation: float
    separation_ratio: float
    silhouette: float
    drivers: tuple
    exemplars: tuple


@dataclass(frozen=True, eq=False)
class Description:
    """What `describe` found; printed, it is a table.

    Attributes
    ----------
    clusters : tuple of ClusterSummary
    outliers : tuple of NotableRow
        The rows farthest from their centers, farthest first.
    relative_outliers : tuple of NotableRow
        Those farthest for their cluster, by `relative`.
    ambiguous : tuple of NotableRow
        Those of the least margins, least first; empty if there is one cluster.
    labels, distances, margins : ndarray of shape (n_samples,)
        Of every row: its cluster, the distance to its center, and by how much the nearest other center is farther.
    explained : ndarray of shape (n_features,)
        Share of each feature's variance that lies between the centers: the sum of `Driver.explained` over the clusters.
    names : tuple of str
        Of the features.
    inertia, silhouette : float
        Of all rows: sum of weight times squared distance, weighted mean of the simplified silhouettes.
    """

    clusters: tuple
    outliers: tuple
    relative_outliers: tuple
    ambiguous: tuple
    labels: np.ndarray = field(repr=False)
    distances: np.ndarray = field(repr=False)
    margins: np.ndarray = field(repr=False)
    explained: np.ndarray = field(repr=False)
    names: tuple = field(repr=False)
    inertia: float
    silhouette: float

    def __str__(self):
        return "\n".join(_lines(self))

    def to_frame(self):
        """One row a cluster, as a pandas data frame.

        Returns
        -------
        pandas.DataFrame
            Indexed by cluster; drivers as text, exemplars as tuples of row numbers.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = pandas_for("to_frame")
        columns = [name for name in ClusterSummary.__dataclass_fields__ if name not in ("index", "drivers")]
        table = {name: [getattr(cluster, name) for cluster in self.clusters] for name in columns}
        table["drivers"] = [_told(cluster.drivers, len(cluster.drivers)) for cluster in self.clusters]
        return pandas.DataFrame(table, index=pandas.RangeIndex(len(self.clusters), name="cluster"))


def describe(X, result, *, names=None, sample_weight=None, labels=None, n_exemplars=5, n_outliers=10,
             n_drivers=N_DRIVERS, n_threads=None):  # fmt: skip
    """Describe the clusters that the rows of X fall into.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        As for `predict`, files too; not of Dask. The rows that were fitted, or others.
    result : KMeansResult or other record with `centers`, or a fitted estimator
        Its `metric` counts too. With "cosine", rows are unit rows, and distances those between unit vectors.
    names : sequence of str, default=None
        Of the features; None: the columns of a data frame or a table file, else "column 0" and so on.
    sample_weight : array-like of shape (n_samples,), default=None
        As for `fit`.
    labels : array-like of shape (n_samples,), default=None
        The cluster of each row, where that need not be the nearest, as for clusters of limited size; margins may then
        be negative. None: the nearest center.
    n_exemplars, n_outliers, n_drivers : int, default=5, 10, 5
        Rows listed for each cluster; rows listed of each kind; features listed for each cluster.
    n_threads : int or None, default=None

    Returns
    -------
    Description

    Raises
    ------
    ValueError, TypeError
        As for `predict`; and if names or labels do not fit X.

    Notes
    -----
    O(n_samples * (n_clusters * n_features + log n_samples) + n_clusters^2 * n_features), in four passes over X, five of
    sparse rows; memory O(n_samples + n_clusters * n_features). Distances are float64, of the exact squares.

    References
    ----------
    .. [1] D. Davies, D. Bouldin, "A cluster separation measure", IEEE Trans. PAMI 1(2), 1979, for `separation_ratio`.
       doi:10.1109/TPAMI.1979.4766909

    Examples
    --------
    >>> import fastkmeans
    >>> X = [[1.0, 0.0], [1.2, 0.1], [0.8, 0.1], [7.0, 0.2], [7.2, 0.0], [4.5, 0.0]]
    >>> result = fastkmeans.fit(X, 2, init=[0, 3])
    >>> description = describe(X, result, names=["income", "age"], n_outliers=2)
    >>> description.clusters[1].drivers[0].name, description.clusters[1].exemplars
    ('income', (3, 4, 5))
    >>> description.outliers[0].row, description.ambiguous[0].row
    (5, 5)
    """
    if is_dask(X):
        raise TypeError("X is a Dask collection; describe X.compute() if it fits in memory, or a part of it")
    centers, metric = _centers_of(result)
    n_exemplars, n_outliers, n_drivers = (
        check.check_integer(value, name, 0)
        for value, name in ((n_exemplars, "n_exemplars"), (n_outliers, "n_outliers"), (n_drivers, "n_drivers"))
    )
    X, sample_weight = check.opened(X, sample_weight)
    source, way = question(X, centers, metric, sample_weight, n_threads)
    names = _names(names, X, source.d)
    k = len(way.centers)
    labels = None if labels is None else check.labels_of_centers(labels, source.n, k)
    labels, own, other, runner_up = two_nearest(source, way, labels)
    weights = source.weights if source.weighted else None
    totals = Totals.of(labels, weights, own, other, k)
    mean, deviation = column_moments(source)
    means = way.centers.astype(np.float64)
    if metric == "cosine":  # rows of length 1 have shorter means: by their mean cosine with the center
        means *= 1 - 0.5 * totals.mean_squares[:, None]
    differences = standardized(means - mean, deviation)
    shares = totals.weights / source.total_weight

    own_mean = totals.mean_distances[labels]
    relative = np.divide(own, own_mean, out=np.zeros(source.n), where=own_mean > 0)
    margins = other - own

    def notable(rows):
        columns = rows, labels[rows], runner_up[rows], own[rows], relative[rows], margins[rows]
        return tuple(NotableRow(*values) for values in zip(*(column.tolist() for column in columns), strict=True))

    return Description(
        clusters=_summaries(centers_apart(way.centers, metric, n_threads), totals, shares, way.centers, differences,
                            names, n_drivers, nearest_of_each(labels, own, totals.sizes, n_exemplars)),
        outliers=notable(largest(own, n_outliers)),
        relative_outliers=notable(largest(relative, n_outliers)),
        ambiguous=notable(largest(-margins, n_outliers if k > 1 else 0)),
        labels=labels, distances=own, margins=margins, explained=shares @ differences**2, names=names,
        inertia=float(totals.inertias.sum()), silhouette=float(shares @ np.nan_to_num(totals.silhouettes)),
    )  # fmt: skip


def centers_apart(centers, metric, n_threads=None):
    """(the nearest other center of each, its distance); -1 and infinite where there is none."""
    source, way = question(centers, centers, metric, None, n_threads)
    _, _, distances, nearest = two_nearest(source, way, np.arange(len(centers), dtype=np.int32))
    return nearest, distances


def _centers_of(result):
    centers = getattr(result, "centers", getattr(result, "cluster_centers_", None))
    if centers is None:
        raise TypeError(
            f"result must have centers, as what fit returns and fitted estimators have, got {type(result).__name__}"
        )
    return centers, getattr(result, "metric", "euclidean")


def _names(names, X, d):
    if names is None:
        holder = X.tables[0] if isinstance(X, StoredRows) else X
        names = getattr(holder, "column_names", getattr(holder, "columns", None))
        if names is None or len(names) != d:
            return tuple(f"column {feature}" for feature in range(d))
    names = tuple(map(str, names))
    if len(names) != d:
        raise ValueError(f"names has {len(names)} entries, but X has {d} columns; give one for each")
    return names


def _summaries(apart, totals, shares, centers, differences, names, n_drivers, exemplars):
    """The ClusterSummary of every cluster."""
    nearest, separation = apart
    spread = totals.mean_distances + np.where(nearest < 0, 0.0, totals.mean_distances[nearest])
    ratios = np.divide(separation, spread, out=np.where(spread == 0, np.inf, np.nan), where=spread > 0)
    order = np.argsort(-np.abs(differences), axis=1, kind="stable")[:, :n_drivers].tolist()
    return tuple(
        ClusterSummary(
            index=j, size=int(totals.sizes[j]), weight=float(totals.weights[j]), share=float(shares[j]),
            inertia=float(totals.inertias[j]), radius=float(totals.radii[j]),
            mean_distance=float(totals.mean_distances[j]), nearest_cluster=int(nearest[j]),
            separation=float(separation[j]), separation_ratio=float(ratios[j]),
            silhouette=float(totals.silhouettes[j]),
            drivers=tuple(
                Driver(f, names[f], float(centers[j, f]), float(differences[j, f]),
                       float(shares[j] * differences[j, f] ** 2))
                for f in order[j]
            ),
            exemplars=tuple(exemplars[j].tolist()),
        )
        for j in range(len(centers))
    )  # fmt: skip


# ---- as text ------------------------------------------------------------------------------------------------

HEADINGS = (
    "cluster", "size", "share", "inertia", "radius", "mean dist", "nearest", "separation", "silhouette",
    "differs most in (standard deviations from the mean)",
)  # fmt: skip


def _told(drivers, most):
    return ", ".join(f"{driver.name} {driver.difference:+.2f}" for driver in drivers[:most])


def _lines(description):
    """The lines of the table, and of the rows to look at."""
    cells = [HEADINGS]
    for c in description.clusters[:SHOWN_CLUSTERS]:
        nearest = "-" if c.nearest_cluster < 0 else str(c.nearest_cluster)
        cells.append(
            (str(c.index), f"{c.size:,}", f"{c.share:.1%}", f"{c.inertia:.4g}", f"{c.radius:.4g}",
             f"{c.mean_distance:.4g}", nearest, f"{c.separation:.4g}", f"{c.silhouette:.3f}",
             _told(c.drivers, SHOWN_DRIVERS))
        )  # fmt: skip
    *widths, _ = (max(map(len, column)) for column in zip(*cells, strict=True))
    yield (
        f"{len(description.clusters)} clusters of {len(description.labels):,} rows, inertia "
        f"{description.inertia:.6g}, mean simplified silhouette {description.silhouette:.3f}"
    )
    for *numbers, last in cells:
        padded = (text.rjust(width) for text, width in zip(numbers, widths, strict=True))
        yield "  ".join([*padded, last]).rstrip()
    if len(description.clusters) > SHOWN_CLUSTERS:
        yield f"... and {len(description.clusters) - SHOWN_CLUSTERS} more"
    for title, rows, text in (
        ("farthest rows", description.outliers, "{0.row} (cluster {0.cluster}, distance {0.distance:.4g})"),
        ("farthest for their cluster", description.relative_outliers,
         "{0.row} (cluster {0.cluster}, {0.relative:.2g} times its mean)"),
        ("ambiguous rows", description.ambiguous, "{0.row} ({0.cluster} or {0.other}, margin {0.margin:.2g})"),
    ):  # fmt: skip
        if rows:
            yield f"{title}: " + ", ".join(text.format(row) for row in rows[:SHOWN_ROWS])
