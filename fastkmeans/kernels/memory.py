"""Memory for kernels: arrays that begin with a cache line, as vectors that straddle two of them cost twice."""

import numpy as np

CACHE_LINE = 64


def aligned(count, dtype):
    """An empty array of `count` values that begins with a cache line."""
    return aligned_parts(((np.dtype(dtype), count),))[0]


def aligned_parts(parts):
    """An empty array for each (dtype, count), each begins with a cache line; all of one allocation."""
    sizes = [count * kind.itemsize for kind, count in parts]
    rooms = [-(-size // CACHE_LINE) * CACHE_LINE for size in sizes]
    # Not a byte more than alignment may take: whoever writes past the last part shall meet what lies there.
    raw = np.empty(sum(rooms[:-1]) + sizes[-1] + CACHE_LINE - 1, np.uint8)
    at, arrays = -raw.ctypes.data % CACHE_LINE, []
    for (kind, count), room in zip(parts, rooms, strict=True):
        arrays.append(np.ndarray((count,), kind, raw, at))
        at += room
    return arrays
