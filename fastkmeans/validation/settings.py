"""Numbers, names and seeds, as users give them."""

import difflib
import math
import numbers

import numpy as np

from fastkmeans.engine.planner import ALIASES, ASSIGNERS


def nearest_name(word, known):
    """A question after the known name that is most like this one; nothing if none is."""
    close = difflib.get_close_matches(word, list(known), 1, 0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def check_name(value, known, argument):
    """Raise unless `value` is one of the known names."""
    if not isinstance(value, str) or value not in known:
        hint = nearest_name(value, known) if isinstance(value, str) else ""
        raise ValueError(f"{argument}={value!r} is unknown{hint}; choose one of {', '.join(map(repr, known))}")
    return value


def check_algorithm(algorithm):
    """Raise unless a way of labelling has this name."""
    return check_name(algorithm, [*ALIASES, *ASSIGNERS], "algorithm")


def check_resumable(algorithm):
    """The way of a fit with a checkpoint: sums of other ways depend on what they remember of the rows."""
    if algorithm not in (*ALIASES, "dense"):
        raise ValueError(f"algorithm={algorithm!r} cannot be resumed from a checkpoint; leave it out, or take 'dense'")
    return "dense"


def check_integer(value, argument, least=1):
    """`value` as an int of at least `least`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{argument} must be an integer, got {value!r} ({type(value).__name__})")
    if value < least:
        raise ValueError(f"{argument}={value} must be at least {least}")
    return int(value)


def check_n_clusters(n_clusters, n):
    """`n_clusters` as an int between 1 and the number of rows."""
    k = check_integer(n_clusters, "n_clusters")
    if k > n:
        raise ValueError(f"n_samples={n} should be >= n_clusters={k}: X has {n} rows; ask for at most {n} clusters")
    return k


def check_sizes(min_size, max_size, n_clusters, n, floor=1):
    """(least, most) rows of a cluster: as equal as can be if neither is given, else what leaves the other open."""
    if min_size is None and max_size is None:
        return n // n_clusters, -(-n // n_clusters)
    least = floor if min_size is None else check_integer(min_size, "min_size", floor)
    if n_clusters * least > n:
        raise ValueError(
            f"min_size={min_size} needs {n_clusters * least} rows for n_clusters={n_clusters}, but X has {n}; at most "
            f"{n // n_clusters} is possible, or ask for fewer clusters"
        )
    most = n - (n_clusters - 1) * least if max_size is None else check_integer(max_size, "max_size")
    if least > most:
        raise ValueError(f"min_size={min_size} is more than max_size={max_size}; swap them, or leave one out")
    if n_clusters * most < n:
        raise ValueError(
            f"max_size={max_size} leaves room for {n_clusters * most} rows in n_clusters={n_clusters}, but X has {n}; "
            f"at least {-(-n // n_clusters)} is needed, or ask for more clusters"
        )
    return least, most


def check_ks(ks, n):
    """Numbers of clusters, ascending and each once, as a tuple of ints between 1 and the number of rows."""
    if isinstance(ks, str) or not np.iterable(ks):
        raise TypeError(f"ks must list numbers of clusters, like range(2, 31), got {ks!r}")
    found = sorted({check_integer(k, "ks") for k in ks})
    if not found:
        raise ValueError("ks is empty; list at least one number of clusters, like range(2, 31)")
    if found[-1] > n:
        raise ValueError(f"ks goes up to {found[-1]}, but X has {n} rows; ask for at most {n} clusters")
    return tuple(found)


def check_share(value, argument):
    """`value` as a float between 0 and 1."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{argument} must be a number between 0 and 1, got {value!r}")
    if not 0 < value < 1:
        raise ValueError(f"{argument}={value} must lie between 0 and 1")
    return float(value)


def check_tol(tol):
    """`tol` as a float >= 0."""
    if isinstance(tol, (bool, np.bool_)) or not isinstance(tol, numbers.Real):
        raise TypeError(f"tol must be a number >= 0, got {tol!r}")
    if not (math.isfinite(tol) and tol >= 0):
        raise ValueError(f"tol={tol} must be finite and >= 0")
    return float(tol)


def check_n_init(n_init, init, several=10):
    """How many runs: "auto" is `several` for random starts and callables, else 1; fixed centers need one."""
    fixed = not isinstance(init, str) and not callable(init)
    if isinstance(n_init, str) and n_init == "auto":
        return several if callable(init) or (isinstance(init, str) and init == "random") else 1
    n_init = check_integer(n_init, "n_init")
    return 1 if fixed else n_init


def check_n_threads(n_threads):
    """`n_threads` as an int of at least 1, or None for all."""
    return None if n_threads is None else check_integer(n_threads, "n_threads")


def check_callback(callback):
    """Raise unless `callback` is None or can be called."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable with one IterationStats, got {type(callback).__name__}")
    return callback


def as_generator(random_state):
    """A NumPy Generator: seeded by an integer or by a draw from what was given."""
    if random_state is None:
        return np.random.default_rng(np.random.randint(2**32, dtype=np.uint64))  # noqa: NPY002 - scikit-learn's rule
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**32, dtype=np.uint64))
    if isinstance(random_state, (bool, np.bool_)) or not isinstance(random_state, numbers.Integral):
        raise TypeError(f"random_state must be None, an integer, a Generator or a RandomState, got {random_state!r}")
    if random_state < 0:
        raise ValueError(f"random_state={random_state} must be >= 0")
    return np.random.default_rng(int(random_state))
