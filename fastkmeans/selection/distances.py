"""What criteria need of the rows: their mean distances to their own centers, and how near the next ones are."""

import numpy as np

from fastkmeans.engine.assigners import ClusterInertiaPass
from fastkmeans.engine.planner import assigner_for
from fastkmeans.engine.silhouettes import ratio, two_nearest


class DistanceSumsPass(ClusterInertiaPass):
    """The sum of weight times distance of the rows of each cluster to its center."""

    def add(self, block, start, stop, partial, labels):
        distances = np.sqrt(self.way.own_sq_dists(block, start, stop, labels))
        weights = block.weights_in(start, stop)
        partial += np.bincount(labels, distances * weights if len(weights) else distances, len(partial))


def mean_distances(source, shift, fitted, labels):
    """The mean distance of the rows of each cluster that holds some to its center."""
    way = assigner_for(source, "dense", shift).prepare(fitted.centers)
    sums = source.reduce(DistanceSumsPass(way), row_state=(labels,))
    return sums[fitted.filled] / fitted.cluster_weights[fitted.filled]


def mean_simplified_silhouette(source, shift, fitted, labels):
    """The weighted mean of `fastkmeans.simplified_silhouette_samples` about the centers that hold rows."""
    filled = fitted.filled
    if fitted.n_found < 2:
        return np.nan
    way = assigner_for(source, "dense", shift).prepare(np.ascontiguousarray(fitted.centers[filled]))
    if not filled.all():
        labels = (np.cumsum(filled) - 1).astype(np.int32)[labels]
    _, own, other, _ = two_nearest(source, way, labels)
    return float(np.average(ratio(own, other), weights=source.weights if source.weighted else None))
