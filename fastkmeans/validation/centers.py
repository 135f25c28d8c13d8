"""Centers, and what `init` stands for, as users give them."""

import numpy as np

from fastkmeans.engine.seeding import SEEDINGS
from fastkmeans.validation.rows import as_array, as_rows, rows_to_ask, unusable
from fastkmeans.validation.settings import nearest_name


def as_centers(centers, d, dtype, metric, name="centers"):
    """Centers as a C-ordered array in the computing type, of length 1 for cosine."""
    array = as_rows(centers, name)
    if array.shape[1] != d:
        raise ValueError(f"{name} has {array.shape[1]} columns, but X has {d}; both must have the same features")
    rows_to_ask(array, None, metric="euclidean", dtype=dtype, name=name)
    array = np.array(array, dtype, order="C")
    if metric == "cosine":
        lengths = np.sqrt((array.astype(np.float64) ** 2).sum(axis=1))
        if not lengths.all():
            raise unusable(array[0], int(np.flatnonzero(lengths == 0)[0]), True, dtype, name)
        off = np.abs(lengths - 1) > 4 * d * np.finfo(dtype).eps
        array[off] = array[off] / lengths[off, None]
    return array


def as_frozen(frozen_centers, n_clusters, array, source, metric, init):
    """Centers that never move, at most n_clusters, in the computing type."""
    name = "frozen_centers"
    frozen = as_centers(frozen_centers, array.shape[1], source.dtype, metric, name)
    if len(frozen) > n_clusters:
        raise ValueError(
            f"frozen_centers has {len(frozen)} rows, but n_clusters={n_clusters}, which counts them; raise n_clusters "
            "or leave some out"
        )
    if len(frozen) == n_clusters and not isinstance(init, str):
        raise ValueError(
            f"frozen_centers holds all n_clusters={n_clusters} centers, and init would add others; leave init out"
        )
    return frozen


def as_init(init, n_clusters, array, source, metric, random_state, n_frozen=0):
    """What `init` stands for: a seeding's name, or an array of centers, one for each that is not frozen."""
    n, d = array.shape
    n_clusters -= n_frozen
    wanted = f"n_clusters - {n_frozen} frozen" if n_frozen else "n_clusters"
    if isinstance(init, str):
        if init not in SEEDINGS:
            raise ValueError(
                f"init={init!r} is unknown{nearest_name(init, SEEDINGS)}; choose one of "
                f"{', '.join(map(repr, SEEDINGS))}, an array of centers, row numbers, or a callable"
            )
        if init in getattr(source, "no_seedings", ()):
            raise ValueError(f"init={init!r} is not for rows on a cluster; leave it out, or take 'k-means||'")
        return init
    name = "init"
    if callable(init):
        init, name = init(getattr(array, "given", array), n_clusters, random_state), "the result of init"
    if init is None:
        raise ValueError("init=None is no way of seeding; leave it out for 'auto'")
    given = as_array(init, name)
    if given.ndim == 1 and given.dtype.kind in "iu":
        return _rows_as_centers(given, n_clusters, wanted, n, source)
    if given.ndim != 2 or given.shape != (n_clusters, d):
        what = "number of features of the data" if given.shape[:1] == (n_clusters,) else "number of clusters"
        raise ValueError(
            f"The shape of the initial centers {given.shape} ({name}) does not match the {what}: it must be "
            f"({wanted}, columns of X) = ({n_clusters}, {d}); a 1-D init holds {n_clusters} row numbers (integers)"
        )
    return as_centers(given, d, source.dtype, metric, name)


def _rows_as_centers(given, n_clusters, wanted, n, source):
    if given.shape != (n_clusters,):
        raise ValueError(f"init lists {len(given)} row numbers, but {wanted}={n_clusters}; give one for each")
    outside = (given < 0) | (given >= n)
    if outside.any():
        raise ValueError(f"init lists row {given[outside][0]}, but X has rows 0 to {n - 1}")
    return source.take(given)
