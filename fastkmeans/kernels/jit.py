"""The one decorator for compiled code, and Numba's compiler lock for whoever forks.

Every kernel is `nogil`: threads are Python threads over compiled calls (engine/threads.py). There is no
fastmath: a sum must be the same sum in two compilations, and a NaN test must see a NaN.
"""

import numba
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic

from fastkmeans.kernels.cache import attach

__all__ = ["compiler_lock", "inline", "intrinsic", "jit"]

compiler_lock = global_compiler_lock

if numba.config.DISABLE_JIT:
    raise RuntimeError(
        "fastkmeans needs compiled kernels, but NUMBA_DISABLE_JIT is set; unset it to use fastkmeans"
    )


def jit(function):
    """Compile `function` on first call for its argument types, GIL released, kept in the kernel cache."""
    return attach(numba.njit(nogil=True, error_model="numpy")(function))


def inline(function):
    """As `jit`, but compiled into each caller: for helpers of one or two callers.

    A called kernel is optimised once for itself and again in every caller; inlining the helpers takes the
    first compilation of a whole sweep from 9.0 s to IIIs (python -m benchmarks.startup).
    """
    return attach(numba.njit(nogil=True, error_model="numpy", inline="always")(function))
