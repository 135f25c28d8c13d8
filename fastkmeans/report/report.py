"""What there is to say of a model and rows, written to one HTML file that needs nothing else."""

from dataclasses import replace

import numpy as np

import fastkmeans.report.page as page
from fastkmeans import __version__
from fastkmeans import validation as check
from fastkmeans.plots.shown import Clustering, ShownRows
from fastkmeans.plots.style import cluster_colours, counted, new_axes
from fastkmeans.quality import _names, describe
from fastkmeans.report.page import Column, fixed, number, percent, text
from fastkmeans.report.pictures import pictures
from fastkmeans.result import KMeansResult
from fastkmeans.sources.archives import write_whole
from fastkmeans.sources.sparse import is_sparse

TINY = 0.05  # of an even share of the rows
MOST_LISTED = 12  # clusters in a warning
MOST_VALUES = 6  # columns of single rows that are shown
MOST_WITH_EXEMPLARS = 40  # clusters
N_EXEMPLARS, N_OUTLIERS, N_DRIVERS = 5, 10, 3
SAME_INERTIA = 1e-4  # relative; rows of float32 are summed differently by one who weighs them
UNEVEN_SCALES = 100.0  # times another column's standard deviation


def write_report(model, X, path, *, names=None, title=None, sample_weight=None, random_state=0, n_threads=None):
    """Write a page about a clustering: what it is, how good it is, what is in it.

    Tables of the clusters, of their most typical rows and of the rows that fit worst; pictures; warnings. One HTML file
    that loads nothing and suits light and dark screens, a phone's width and a keyboard.

    Parameters
    ----------
    model : KMeansResult
        What `fit` returned or `load` read.
    X : array-like of shape (n_samples, n_features), path or what `open_rows` gives
        The rows that were fitted, or others of as many columns, which are labelled by the model. In memory.
    path : path-like
        The file to write; it appears whole, or not at all.
    names : sequence of str, default=None
        Of the columns; None for those of a data frame or file, or their numbers.
    title : str, default=None
    sample_weight : array-like of shape (n_samples,), default=None
        The weights of the fit.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the rows whose silhouettes are drawn, where there are more than 5,000.
    n_threads : int or None, default=None

    Raises
    ------
    ValueError, TypeError
        If the model is no KMeansResult; if X has other columns, or is larger than memory, sparse or of Dask.
    ImportError
        If matplotlib is not installed.

    Notes
    -----
    O(n_samples * n_clusters * n_features): a million rows of 16 columns take seconds. Equal input gives equal bytes.

    Examples
    --------
    >>> import fastkmeans, os, tempfile
    >>> X = [[0.0, 1.0], [0.0, 2.0], [9.0, 1.0], [9.0, 2.0]]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(fastkmeans.fit(X, 2, random_state=0), X, os.path.join(folder, "report.html"))
    ...     os.listdir(folder)
    ['report.html']
    """
    if not isinstance(model, KMeansResult):
        raise TypeError(f"model must be a KMeansResult, as fit returns and load reads, got {type(model).__name__}")
    new_axes()  # the hint, before the work
    names, rows = _named_rows(X, names)
    n, d = rows.shape
    if d != model.centers.shape[1]:
        raise ValueError(
            f"X has {d} columns, but the model has centers of {model.centers.shape[1]}; pass the columns it was "
            "fitted on"
        )
    description = describe(
        rows, model, names=names, sample_weight=sample_weight, n_exemplars=N_EXEMPLARS, n_outliers=N_OUTLIERS,
        n_drivers=N_DRIVERS, n_threads=n_threads,
    )  # fmt: skip
    same = len(model.labels) == n and np.array_equal(model.labels, description.labels)
    result = replace(model, labels=description.labels, inertia=description.inertia)
    weights = None if sample_weight is None else check.as_weights(sample_weight, n)
    seed = int(check.as_generator(random_state).integers(2**32))  # one, as each picture is drawn twice
    figures = [
        page.figure(*uris, *words)
        for uris, *words in pictures(rows, result, description.names, weights, seed, n_threads)
    ]

    k = len(description.clusters)
    sections = [("summary", "Summary", _summary(model, result, description))]
    warnings = _warnings(rows, model, result, description, same)
    if warnings:
        sections.append(("warnings", "Warnings", f'<div class="warnings">{page.items(warnings)}</div>'))
    sections += [
        ("pictures", "Pictures", f'<div class="pictures">{"".join(figures)}</div>'),
        ("clusters", "Clusters", _clusters(description, weights is not None)),
        ("typical", "Typical rows", _exemplars(rows, description)),
        ("unusual", "Unusual rows", _unusual(rows, description)),
        ("run", "How it was computed", _run(model)),
    ]  # fmt: skip
    content = page.page(
        title or f"{counted(n, 'row')} in {counted(k, 'cluster')}", sections, f"Written by fastkmeans {__version__}."
    )
    write_whole(path, lambda file: file.write(content.encode("utf-8")))


def _named_rows(X, names):
    """(names of the columns, the rows as an array in memory)."""
    if is_sparse(X):
        raise TypeError("X is sparse, and a report shows the values of rows; pass X.toarray() if it fits in memory")
    X, _ = check.opened(X, None)
    rows, budget = check.as_stored_or_rows(X, None)
    if budget is not None:
        raise TypeError("X is larger than memory, or of Dask, and a report needs its rows at hand: pass a part of it")
    return _names(names, X, rows.shape[1]), rows


# ---- sections ---------------------------------------------------------------------------------------------


def _summary(model, result, description):
    n, (k, d) = len(result.labels), result.centers.shape
    entries = {
        "Rows": f"{n:,}",
        "Columns": f"{d:,}",
        "Clusters": f"{k:,}",
        "Inertia": page.written(result.inertia, 6),
        "Iterations": f"{model.n_iter:,}, {'converged' if model.converged else 'not converged'}",
        "Mean simplified silhouette": f"{description.silhouette:.3f}",
        "Metric": result.metric,
        "Largest and smallest cluster": "{:,} and {:,} rows".format(
            *(pick(cluster.size for cluster in description.clusters) for pick in (max, min))
        ),
    }
    return page.pairs(entries)


def _warnings(rows, model, result, description, same):
    """Sentences on what a reader should know before trusting the rest."""
    n, k = len(result.labels), len(description.clusters)
    sizes = np.array([cluster.size for cluster in description.clusters])
    lines = []
    if not same:
        lines.append(
            "These are not the rows that were fitted, or not in that order: they were labelled by the model, and all "
            "numbers here are of these rows."
        )
    elif abs(result.inertia - model.inertia) > SAME_INERTIA * max(model.inertia, np.finfo(float).tiny):
        lines.append(
            f"The model has an inertia of {model.inertia:,.6g}, and these rows of {result.inertia:,.6g}: it was fitted "
            "with other weights, or to other rows."
        )
    if not model.converged:
        lines.append(
            f"The fit did not converge: it stopped after {counted(model.n_iter, 'iteration')}. Raise max_iter."
        )
    empty = np.flatnonzero(sizes == 0)
    if len(empty):
        lines.append(f"{counted(len(empty), 'cluster')} without rows: {_listed(empty)}. Ask for fewer clusters.")
    tiny = np.flatnonzero((sizes > 0) & ((sizes < TINY * n / k) | ((sizes == 1) & (n > 2 * k))))
    if len(tiny):
        lines.append(
            f"{counted(len(tiny), 'cluster')} with hardly any rows (under {TINY:.0%} of an even share, or one): "
            f"{_listed(tiny)}. They may be outliers."
        )
    return lines + _scale_warning(rows, result, description.names)


def _scale_warning(rows, result, names):
    """What to say where one column drowns another; lengths of rows do not count for cosine."""
    if result.metric == "cosine":
        return []
    _, deviations = ShownRows(rows, Clustering.of(result)).spread()
    varying = np.flatnonzero(deviations > 0)
    if not len(varying):
        return []
    widest, narrowest = (varying[pick(deviations[varying])] for pick in (np.argmax, np.argmin))
    times = deviations[widest] / deviations[narrowest]
    if times < UNEVEN_SCALES:
        return []
    return [
        f"Columns differ in scale: {names[widest]} spreads {page.written(times, 2)} times as far as "
        f"{names[narrowest]}, and counts that much more in a distance. Scale them first, unless their units are the "
        "same."
    ]


def _listed(indices):
    shown = ", ".join(map(str, indices[:MOST_LISTED].tolist()))
    return shown + (f" and {len(indices) - MOST_LISTED:,} more" if len(indices) > MOST_LISTED else "")


CLUSTERS = (
    Column("Cluster", "text"),
    Column("Rows"),
    Column("Share"),
    Column("Radius", meaning="distance of its farthest row from its center"),
    Column("Mean distance", meaning="of its rows from its center"),
    Column("Nearest", meaning="the cluster whose center is nearest"),
    Column("Separation", meaning="distance of these two centers"),
    Column("Silhouette", meaning="simplified: 1 is far from other centers, 0 between two"),
    Column("Stands out by", "wide", "columns in which its center is farthest from the mean, in standard deviations"),
)


def _clusters(description, weighted):
    """The table of clusters, sortable."""
    colours = cluster_colours(len(description.clusters))
    columns = list(CLUSTERS)
    if weighted:
        columns.insert(2, Column("Weight"))
    lines = []
    for cluster in description.clusters:
        drivers = ", ".join(f"{driver.name} {driver.difference:+.1f}" for driver in cluster.drivers)
        cells = [
            page.Cell(page.swatch(colours[cluster.index]) + str(cluster.index), cluster.index),
            number(cluster.size),
            percent(cluster.share),
            number(cluster.radius if cluster.size else np.nan),
            number(cluster.mean_distance),
            number(cluster.nearest_cluster if cluster.nearest_cluster >= 0 else np.nan),
            number(cluster.separation),
            fixed(cluster.silhouette, 3),
            text(drivers),
        ]
        if weighted:
            cells.insert(2, number(cluster.weight))
        lines.append(cells)
    told = (
        "<p>Press a heading to sort by it. Distances are between a row and the center of its cluster; the silhouette "
        "is the simplified one, by distances to centers; a cluster stands out by a column if its center lies many "
        "standard deviations above (+) or below (-) the mean of all rows.</p>"
    )
    return told + page.table("Clusters", columns, lines, sortable=True)


def _telling_columns(rows, description):
    """The numbers of the columns to show of single rows: all, or those that differ most between clusters."""
    d = rows.shape[1]
    if d <= MOST_VALUES:
        return np.arange(d)
    return np.sort(np.argsort(-description.explained, kind="stable")[:MOST_VALUES])


def _values(rows, row, columns):
    return [number(value) for value in rows[row, columns].astype(np.float64)]


def _exemplars(rows, description):
    """For each cluster, its rows that are nearest to the center."""
    columns = _telling_columns(rows, description)
    heads = [Column("Row", "text"), Column("Distance"), *(page.named(description.names[j]) for j in columns)]
    clusters = [cluster for cluster in description.clusters if cluster.size]
    shown = sorted(clusters, key=lambda cluster: -cluster.size)[:MOST_WITH_EXEMPLARS]
    colours = cluster_colours(len(description.clusters))
    parts = ["<p>The rows nearest to each center, nearest first, counted from 0."]
    if len(columns) < rows.shape[1]:
        parts.append(f" Of {rows.shape[1]:,} columns, the {len(columns)} that tell clusters apart best.")
    if len(shown) < len(clusters):
        parts.append(f" Of {len(clusters):,} clusters, the {len(shown)} largest.")
    parts.append("</p>")
    for position, cluster in enumerate(shown):
        lines = [
            [number(row), number(description.distances[row]), *_values(rows, row, columns)] for row in cluster.exemplars
        ]
        name = f"{page.swatch(colours[cluster.index])}Cluster {cluster.index}, {counted(cluster.size, 'row')}"
        content = page.table(f"Typical rows of cluster {cluster.index}", heads, lines)
        parts.append(page.details(name, content, is_open=position == 0))
    return "".join(parts)


def _unusual(rows, description):
    """The rows farthest from their centers, and those that are nearly as near to another one."""
    columns = _telling_columns(rows, description)
    values = [page.named(description.names[j]) for j in columns]
    far = [
        [number(found.row), number(found.cluster), number(found.distance), fixed(found.relative, 2),
         *_values(rows, found.row, columns)]
        for found in description.outliers
    ]  # fmt: skip
    heads = [Column("Row", "text"), Column("Cluster"), Column("Distance"), Column("Times the mean"), *values]
    parts = ["<h3>Outliers</h3>", page.table("Rows farthest from their centers", heads, far, sortable=True)]
    if description.ambiguous:
        near = [
            [number(found.row), number(found.cluster), number(found.other), number(found.margin),
             *_values(rows, found.row, columns)]
            for found in description.ambiguous
        ]  # fmt: skip
        heads = [Column("Row", "text"), Column("Cluster"), Column("Or"), Column("Margin"), *values]
        parts += [
            "<h3>Between two clusters</h3>",
            page.table("Rows nearly as near to another center", heads, near, sortable=True),
        ]
    return "".join(parts)


def _run(model):
    """The plan of the fit."""
    return page.details("What ran, and why", page.block(model.plan or "The model does not say."))
