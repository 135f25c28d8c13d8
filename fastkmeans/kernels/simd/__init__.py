"""A small vector vocabulary for kernels: the only folder with LLVM IR in it.

A `Vector` is `width` lanes of one number type, held in a register. Operations take tuples of vectors (a tile)
and read every size from the *types* of their arguments: a shape is a tuple of Nones whose length is the size,
so one source serves every register width, and a kernel's cache entry names its shape.
Memory is a one-dimensional array and an offset in elements; nothing is checked here.

  emit.py        the Vector type, and what operations are put together from
  memory.py      loads, stores, columns of rows, views, calls by address
  arithmetic.py  sums, products, squares
  choices.py     comparisons
  bytes.py       numbers of one byte, and their dot products
"""

from fastkmeans.kernels.simd.arithmetic import (
    add_gain,
    add_gains,
    add_moments,
    add_row,
    add_squared_differences,
    add_squares,
    add_squares_at,
    add_squares_from,
    add_where,
    fma_tile,
    multiply,
    repeat,
    splat,
    sum_lanes,
    widen,
)
from fastkmeans.kernels.simd.bytes import (
    add_rest_square,
    differences,
    dot_tile,
    larger_size,
    max_lanes,
    store_rounded,
    upper_scores,
)
from fastkmeans.kernels.simd.choices import (
    any_beyond,
    any_close,
    any_reaches,
    differing,
    fold_max,
    keep_below,
    keep_two,
    lowest_bit,
    reaches,
    reaching,
    winner,
)
from fastkmeans.kernels.simd.memory import (
    call_at,
    load,
    load_broadcast,
    load_four_columns,
    load_two_columns,
    prefetch,
    prefetch_far,
    store,
    store_tile,
    store_tile_apart,
    strided_view,
    vector_view,
)

__all__ = [
    "add_gain",
    "add_gains",
    "add_moments",
    "add_rest_square",
    "add_row",
    "add_squared_differences",
    "add_squares",
    "add_squares_at",
    "add_squares_from",
    "add_where",
    "any_beyond",
    "any_close",
    "any_reaches",
    "call_at",
    "differences",
    "differing",
    "dot_tile",
    "fma_tile",
    "fold_max",
    "keep_below",
    "keep_two",
    "larger_size",
    "load",
    "load_broadcast",
    "load_four_columns",
    "load_two_columns",
    "lowest_bit",
    "max_lanes",
    "multiply",
    "prefetch",
    "prefetch_far",
    "reaches",
    "reaching",
    "repeat",
    "splat",
    "store",
    "store_rounded",
    "store_tile",
    "store_tile_apart",
    "strided_view",
    "sum_lanes",
    "upper_scores",
    "vector_view",
    "widen",
    "winner",
]
