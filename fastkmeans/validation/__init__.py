"""User input to what the engine takes. Every error that a user can cause is raised in this folder."""

from fastkmeans.validation.centers import (
    as_centers,
    as_init,
)
from fastkmeans.validation.labels import (
    as_labels,
    labels_of_centers,
    numbered,
)
from fastkmeans.validation.rows import (
    as_batches,
    as_rows,
    as_stored_or_rows,
    checked_source,
    computing_type,
    opened,
    refuse_what_is_no_table,
    rows_to_ask,
)
from fastkmeans.validation.settings import (
    as_generator,
    check_algorithm,
    check_callback,
    check_integer,
    check_n_clusters,
    check_n_init,
    check_n_threads,
    check_name,
    check_resumable,
    check_tol,
)
from fastkmeans.validation.weights import (
    as_weights,
    check_norms,
    check_total,
)

__all__ = [
    "as_batches",
    "as_centers",
    "as_generator",
    "as_init",
    "as_labels",
    "as_rows",
    "as_stored_or_rows",
    "as_weights",
    "check_algorithm",
    "check_callback",
    "check_integer",
    "check_n_clusters",
    "check_n_init",
    "check_n_threads",
    "check_name",
    "check_norms",
    "check_resumable",
    "check_tol",
    "check_total",
    "checked_source",
    "computing_type",
    "labels_of_centers",
    "numbered",
    "opened",
    "refuse_what_is_no_table",
    "rows_to_ask",
]
