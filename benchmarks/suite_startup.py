"""How long until the first answer: importing, the first small fit of a process, and small fits after it."""

import tempfile
import time
from statistics import median

import numpy as np

from benchmarks.child import run_json
from benchmarks.report import Table

SMALL = (300, 2, 4)  # rows, features, clusters
IMPORT_LIMIT, FIRST_FIT_LIMIT, COMPILING_LIMIT, SMALL_FIT_LIMIT = 0.030, 1.0, 10.0, 1e-3  # seconds

IMPORT = """
import json, time
import numpy
began = time.perf_counter()
import fastkmeans
print(json.dumps(time.perf_counter() - began))
"""

FIRST_FIT = """
import json, sys, time
import numpy as np
import fastkmeans
n, d, k = map(int, sys.argv[1:4])
rows = np.random.default_rng(0).normal(size=(n, d)).astype(sys.argv[4])
began = time.perf_counter()
fastkmeans.fit(rows, k, random_state=0)
print(json.dumps(time.perf_counter() - began))
"""

COLUMNS = (
    ("what", "what", ""),
    ("type", "dtype", ""),
    ("median ms", "ms", ".2f"),
    ("least", "least", ".2f"),
    ("most", "most", ".2f"),
    ("limit ms", "limit", ".0f"),
    ("met", "met", ""),
)


def run(options):
    """The table of the suite."""
    n, d, k = SMALL
    table = Table(f"Startup and small fits ({n} x {d}, k={k})", COLUMNS)
    table.notes.append("import: what `import fastkmeans` adds to `import numpy`; a first fit includes loading Numba")
    times = options.rounds_or(5, 3)
    table.rows.append(_row("import", None, [run_json(["-c", IMPORT]) for _ in range(times)], IMPORT_LIMIT))
    for dtype in options.pick(("float32", "float64"), ("float32",), ("float32",)):
        first_fit(dtype)  # fills the cache
        warm = [first_fit(dtype) for _ in range(times)]
        table.rows.append(_row("first fit, kernels in the cache", dtype, warm, FIRST_FIT_LIMIT))
        cold = [first_fit_compiling(dtype) for _ in range(options.pick(times, 1, 0))]
        if cold:
            table.rows.append(_row("first fit, no cache: compiles", dtype, cold, COMPILING_LIMIT))
        small = small_fits(dtype, options.pick(200, 200, 20))
        table.rows.append(_row("small fit, again", dtype, small, SMALL_FIT_LIMIT))
    return [table]


def _row(what, dtype, seconds, limit):
    ms = [1e3 * one for one in seconds]
    row = {"what": what, "dtype": dtype, "ms": median(ms), "least": min(ms), "most": max(ms), "limit": 1e3 * limit}
    return row | {"met": row["ms"] <= row["limit"], "samples": ms}


def first_fit(dtype, **environment):
    """Seconds of the first small fit of a new process."""
    return run_json(["-c", FIRST_FIT, *map(str, SMALL), dtype], **environment)


def first_fit_compiling(dtype):
    """As first_fit, where no kernel has been compiled yet."""
    with tempfile.TemporaryDirectory() as folder:
        return first_fit(dtype, FASTKMEANS_CACHE_DIR=folder)


def small_fits(dtype, times):
    """Seconds of `times` small fits in this process, after one that is not counted."""
    import fastkmeans

    n, d, k = SMALL
    rows = np.random.default_rng(0).normal(size=(n, d)).astype(dtype)
    seconds = []
    for _ in range(times + 1):
        began = time.perf_counter()
        fastkmeans.fit(rows, k, random_state=0)
        seconds.append(time.perf_counter() - began)
    return seconds[1:]
