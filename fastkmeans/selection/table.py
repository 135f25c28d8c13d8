"""The table: every criterion that was asked for, at every k."""

from dataclasses import dataclass

import numpy as np

from fastkmeans import validation as check
from fastkmeans.engine.planner import assigner_for
from fastkmeans.selection.criteria import Measured, aic, bic, calinski_harabasz, davies_bouldin
from fastkmeans.selection.distances import mean_distances, mean_simplified_silhouette
from fastkmeans.selection.path import Fitter, scatter
from fastkmeans.selection.references import gap_statistic
from fastkmeans.selection.stability import stability
from fastkmeans.selection.suggestions import difference_curve
from fastkmeans.silhouette import silhouette_score


@dataclass
class Asked:
    """The rows, and the settings of criteria that need more than a clustering."""

    array: np.ndarray
    source: object
    moments: object
    metric: str
    budget: int | None
    init: object
    settings: dict
    """max_iter and tol of fits."""

    silhouette_sample_size: int
    n_references: int
    reference_box: str
    n_bootstraps: int
    seeds: list
    """Of silhouettes, references and bootstraps."""

    def fitter(self, weights):
        """A Fitter over the rows with other weights."""
        more = {"metric": self.metric, "n_threads": self.source.n_threads, "budget": self.budget}
        source, moments = check.checked_source(self.array, weights, **more)
        return Fitter(source, moments, **self.settings)

    def labels(self, fitted):
        """The labels of a clustering: kept, or found again."""
        if fitted.labels is not None:
            return fitted.labels
        way = assigner_for(self.source, "dense", self.moments.shift).prepare(fitted.centers)
        return self.source.map_labels(way.labels_pass())[0]


def table_of(path, names, asked):
    """{criterion: values at the ks of the path}, with the errors of estimates; elbow's is its difference curve."""
    ks = sorted(path)
    total = path[1].inertia if 1 in path else scatter(asked.source, asked.moments)
    rows = [_of_one(path[k], names, asked, total) for k in ks]
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    if "elbow" in names:
        table["elbow"] = difference_curve(np.array(ks), np.array([path[k].inertia for k in ks]))
    if "gap" in names:
        table["gap"], table["gap_error"] = gap_statistic(
            asked.source, path, kind=asked.reference_box, n_references=asked.n_references, init=asked.init,
            random=np.random.default_rng(asked.seeds[1]), settings=asked.settings,
        )  # fmt: skip
    if "stability" in names:
        table["stability"], table["stability_error"] = stability(
            lambda k: asked.labels(path[k]), ks, asked.fitter, n_bootstraps=asked.n_bootstraps, init=asked.init,
            array=asked.array, metric=asked.metric, random=np.random.default_rng(asked.seeds[2]),
        )  # fmt: skip
    names = dict.fromkeys(["inertia", *names])  # which is free, and what the elbow is of
    columns = [column for name in names for column in (name, f"{name}_error") if column in table]
    return {column: table[column] for column in columns}


def _of_one(fitted, names, asked, total):
    """{criterion: value} of one clustering."""
    filled, found = fitted.filled, {"inertia": fitted.inertia}
    measured = Measured(
        fitted.inertia, total, asked.moments.total_weight, fitted.centers[filled].astype(np.float64),
        fitted.cluster_weights[filled],
    )  # fmt: skip
    for criterion in (calinski_harabasz, bic, aic):
        if criterion.__name__ in names:
            found[criterion.__name__] = criterion(measured)
    where = asked.source, asked.moments.shift, fitted
    if {"davies_bouldin", "simplified_silhouette", "silhouette"} & set(names):
        labels = asked.labels(fitted)
    if "davies_bouldin" in names:
        found["davies_bouldin"] = davies_bouldin(measured, mean_distances(*where, labels))
    if "simplified_silhouette" in names:
        found["simplified_silhouette"] = mean_simplified_silhouette(*where, labels)
    if "silhouette" in names:
        found["silhouette"] = found["silhouette_error"] = np.nan
        if 2 <= measured.k < asked.source.n:
            size, seed = asked.silhouette_sample_size, asked.seeds[0]
            settings = {"metric": asked.metric, "n_threads": asked.source.n_threads}
            estimate = silhouette_score(asked.array, labels, sample_size=size, random_state=seed, **settings)
            found["silhouette"], found["silhouette_error"] = estimate.value, estimate.standard_error
    return found
