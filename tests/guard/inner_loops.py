"""The inner loops that carry the time, compiled for a CPU that need not be there; nothing of it is run.

python -m tests.guard.inner_loops avx2     # what the tests see of that vector set, as JSON

Most loops are compiled with a few lines around the piece of a kernel that has them, in a tenth of the kernel's time.
The sweeps are seen once more within the whole kernel, whose other values want registers too.
"""

import json
import sys
from functools import cache

import numba
import numpy as np

from fastkmeans.kernels import cache as kernel_cache
from fastkmeans.kernels import jit
from fastkmeans.kernels.accumulate import accumulate
from fastkmeans.kernels.assign import two_best
from fastkmeans.kernels.boxes import boxes_shape, narrow, nearest_of_list
from fastkmeans.kernels.candidates import rows_shape, score_sweeper
from fastkmeans.kernels.packing import tile_shape
from fastkmeans.kernels.screen import word_sweeper
from fastkmeans.kernels.seeding import _score_whole, measure_eight
from fastkmeans.kernels.silhouette import add_distances
from fastkmeans.kernels.simd import store_tile
from fastkmeans.kernels.slab import assigner
from tests.checks import run_python
from tests.guard.machine_code import hottest, loops

# A CPU of each vector set, as LLVM calls it: the widths that it has are its own, whatever this machine is.
CPUS = {"avx512": "icelake-server", "zen4": "znver4", "avx2": "alderlake", "plain": "x86-64"}
WITH_BYTES = ("avx512", "zen4", "avx2")  # alderlake, unlike other CPUs of AVX2, multiplies bytes
FEW, MANY = 2, 1000  # columns that have the narrow and the wide register tile
DTYPES = ("float32", "float64")


@cache
def inner_loops(vector_set):
    """{"piece dtype": counts of its inner loop} for this vector set, and {"slab": those of all its sweeps}."""
    code = run_python(
        "", arguments=["-m", "tests.guard.inner_loops", vector_set], NUMBA_CPU_NAME=CPUS[vector_set],
        NUMBA_CPU_FEATURES="", FASTKMEANS_VECTOR_SET=vector_set,
    )  # fmt: skip
    return json.loads(code)


def loops_of(body, *examples):
    """The loops of a function for arguments like these."""
    signature = tuple(map(numba.typeof, examples))
    compiled = numba.njit(error_model="numpy")(body)
    compiled.compile(signature)
    return loops(compiled.inspect_asm(signature))


def loops_by_address(make, *arguments):
    """The loops of the kernel that `make` compiles for arguments that are new to it, and gives the address of."""
    make(*arguments)
    return loops(jit._compiled_for_good[-1]._library.get_asm_str())


def pieces(vector_set, dtype):
    """(name, inner loop) of every piece, for a computing type."""
    dtype = np.dtype(dtype)
    lanes, numbers, labels, zero = np.empty(1, dtype), np.empty(1), np.empty(1, np.int32), dtype.type(0)
    tile = tile_shape(vector_set, dtype, 1)

    def sweep(columns, count, panels, lowest, best, nearest, shape):
        two_best(columns, count, count, panels, count, lowest, best, best, nearest, 0, 0, shape)

    def sums(tile, count, labels, weights, cluster_sums):
        accumulate(tile, count, count, count, labels, weights, cluster_sums, cluster_sums)

    def listed_trials(tile, places, count, trials, like, distances):
        store_tile(distances, 0, measure_eight(tile, places, count, trials, 0, like))

    def whole_trials(rows, count, lanes, weights, gains, shape):
        _score_whole(
            rows, 0, 0, count, weights, 1.0, lanes, count, 0, count, lanes, count, lanes, count, gains, 0, 0, count,
            lanes, lanes, lanes, lanes, lanes, lanes, lanes, shape,
        )  # fmt: skip

    def boxes(columns, count, numbers, labels, bounds, shape):
        nearest_of_list(columns, 0, columns, 0, count, numbers, count, columns, columns, labels, bounds, shape)

    for name, d in (("sweep narrow", FEW), ("sweep wide", MANY)):
        shape = tile_shape(vector_set, dtype, d)
        yield name, hottest(loops_of(sweep, lanes, 0, lanes, zero, lanes, labels, shape))
        found = loops_of(add_distances.py_func, lanes, 0, 0, lanes, 0, 0, lanes, numbers, shape)
        yield f"silhouettes {name.split()[1]}", hottest(found)
    yield "lists", hottest(loops_by_address(score_sweeper, dtype, rows_shape(vector_set, dtype)))
    yield "sums", hottest(loops_of(sums, lanes, 0, labels, numbers, numbers))
    yield "listed trials", hottest(loops_of(listed_trials, lanes, (0,) * 8, 0, lanes, zero, lanes))
    yield "whole trials", hottest(loops_of(whole_trials, (0,) * 7, 0, lanes, numbers, numbers, tile))
    shape = boxes_shape(tile, FEW)
    yield "boxes", hottest(loops_of(boxes, lanes, 0, labels, labels, (0.0, 0.0), shape))
    ruled_out = loops_of(
        narrow.py_func, lanes, 0, 0, lanes, labels, 0, 0, 0, lanes, labels, 0, np.empty(1, np.int64), (0.0, 0.0), lanes,
        shape,
    )  # fmt: skip
    yield "middles", hottest(ruled_out)
    yield "corners", hottest([loop for loop in ruled_out if loop["store"]])


def main(vector_set):
    """Print the counts of all loops as JSON."""
    kernel_cache._folders = lambda: ([], None)  # what is kept holds no text of its code
    single = np.dtype(np.float32)
    found = {f"{name} {dtype}": loop for dtype in DTYPES for name, loop in pieces(vector_set, dtype)}
    if vector_set in WITH_BYTES:
        found["bytes"] = hottest(loops_by_address(word_sweeper, rows_shape(vector_set, single)))
    if vector_set != "plain":
        slab = loops_by_address(assigner, single, tile_shape(vector_set, single, MANY))
        found["slab"] = [loop for loop in slab if loop["fma"] and loop["broadcast"] and not loop["inner_loops"]]
    json.dump(found, sys.stdout, indent=1)


if __name__ == "__main__":
    main(sys.argv[1])
