"""Questions about given centers: what predict, transform, silhouettes and descriptions begin with."""

import numpy as np

from fastkmeans import validation as check
from fastkmeans.engine.moments import exact_shift
from fastkmeans.engine.planner import assigner_for
from fastkmeans.sources.blocks import METRICS


def question(X, centers, metric, sample_weight, n_threads):
    """A source over X and an assigner prepared with the centers, for questions about given centers."""
    X, sample_weight = check.opened(X, sample_weight)
    array, budget = check.as_stored_or_rows(X, None)
    check.check_name(metric, METRICS, "metric")
    n_threads = check.check_n_threads(n_threads)
    stored = np.asarray(check.as_rows(centers, "centers"))
    dtype = np.promote_types(check.computing_type(array), check.computing_type(stored))
    centers = check.as_centers(stored, array.shape[1], dtype, metric)
    weights = check.as_weights(sample_weight, array.shape[0])
    source = check.rows_to_ask(array, weights, metric=metric, dtype=dtype, n_threads=n_threads, budget=budget)
    wide = centers.astype(np.float64)
    shift = exact_shift(wide.mean(axis=0), wide.std(axis=0), dtype, integers=False)
    return source, assigner_for(source, "auto", shift).prepare(centers)


def checked_centers(centers, metric):
    """Centers and metric for rows that come later; and whatever is wrong with them now."""
    check.check_name(metric, METRICS, "metric")
    centers = np.asarray(check.as_rows(centers, "centers"))
    check.as_centers(centers, centers.shape[1], check.computing_type(centers), metric)
    return centers, metric
