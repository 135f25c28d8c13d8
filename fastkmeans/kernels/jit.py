"""The one decorator for compiled code, and Numba's compiler lock for whoever forks.

Every kernel is `nogil`: threads are Python threads over compiled calls (engine/threads.py). There is no
fastmath: a sum must be the same sum in two compilations, and a NaN test must see a NaN.
"""

import numba
from numba.core import sigutils
from numba.core.ccallback import CFunc
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic

from fastkmeans.kernels.cache import KernelCache, attach

__all__ = ["address_of", "compiler_lock", "inline", "intrinsic", "jit"]

compiler_lock = global_compiler_lock

if numba.config.DISABLE_JIT:
    raise RuntimeError("fastkmeans needs compiled kernels, but NUMBA_DISABLE_JIT is set; unset it to use fastkmeans")


def jit(function):
    """Compile `function` on first call for its argument types, GIL released, kept in the kernel cache."""
    return attach(numba.njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True)(function))


def inline(function):
    """As `jit`, but compiled into each caller: for helpers of one or two callers.

    A called kernel is optimised once for itself and again in every caller; with helpers inlined, the first
    compilation of a sweep took 4.4 s and not 9.0 s.
    """
    return attach(numba.njit(nogil=True, error_model="numpy", inline="always")(function))


def address_of(function, *arguments, result):
    """Compile `function` for the types of these example arguments and return its address, for simd.call_at.

    What many kernels need is so compiled once, not again in each of them: a kernel that calls another contains
    it, optimised anew.
    """
    options = {"nopython": True, "nogil": True, "error_model": "numpy"}
    signature = sigutils.normalize_signature(numba.typeof(result)(*map(numba.typeof, arguments)))
    compiled = CFunc(function, signature, {}, options)
    compiled._cache = KernelCache(function, options)
    compiled.compile()
    _compiled_for_good.append(compiled)
    return compiled.address


_compiled_for_good = []
