"""A small vector vocabulary for kernels: the only folder with LLVM IR in it.

A `Vector` is `width` lanes of one number type, held in a register. Operations take tuples of vectors (a tile)
and read every size from the *types* of their arguments: a shape is a tuple of Nones whose length is the size,
so one source serves every register width, and a kernel's cache entry names its shape.
Memory is a one-dimensional array and an offset in elements; nothing is checked here.

  emit.py        the Vector type, and what operations are put together from
  memory.py      loads, stores, columns of rows, views, calls by address
  arithmetic.py  sums, products, squares
  choices.py     comparisons
"""

from fastkmeans.kernels.simd.arithmetic import (
    add_corner_squares,
    add_gain,
    add_gains,
    add_moments,
    add_row,
    add_squared_differences,
    add_squares,
    add_squares_at,
    add_squares_from,
    add_where,
    add_where_each,
    fma_tile,
    fold_lanes,
    multiply,
    repeat,
    splat,
    subtract,
    sum_lanes,
    widen,
)
from fastkmeans.kernels.simd.choices import (
    any_beyond,
    any_close,
    count_bits,
    differing,
    keep_least,
    keep_nearer,
    keep_two,
    lanes_not_beyond,
    least_place,
    lowest_bit,
    reaches,
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
    "add_corner_squares",
    "add_gain",
    "add_gains",
    "add_moments",
    "add_row",
    "add_squared_differences",
    "add_squares",
    "add_squares_at",
    "add_squares_from",
    "add_where",
    "any_beyond",
    "any_close",
    "count_bits",
    "differing",
    "call_at",
    "add_where_each",
    "fma_tile",
    "fold_lanes",
    "keep_least",
    "keep_nearer",
    "keep_two",
    "lanes_not_beyond",
    "least_place",
    "load",
    "load_broadcast",
    "load_four_columns",
    "load_two_columns",
    "lowest_bit",
    "multiply",
    "prefetch",
    "prefetch_far",
    "reaches",
    "repeat",
    "splat",
    "store",
    "store_tile",
    "store_tile_apart",
    "strided_view",
    "subtract",
    "sum_lanes",
    "vector_view",
    "widen",
    "winner",
]
