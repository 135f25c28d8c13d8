"""Numbers of one byte: rows rounded to them, and dot products of four at a time.

A word is an int32 that holds four of them. Rows are stored unsigned (+128), centers signed, as the instructions
have it: VPDPBUSD of x86 (16 lanes: AVX512-VNNI; 8: that with AVX512-VL, or AVX-VNNI), USDOT of ARM (4 lanes: I8MM).
"""

from llvmlite import ir
from numba import types

from fastkmeans.kernels.jit import intrinsic
from fastkmeans.kernels.simd.emit import (
    Vector,
    emit_call,
    emit_load,
    emit_splat,
    items,
    larger,
    load_spread,
    offset,
    pointer,
)

BYTE = ir.IntType(8)
DOT_PRODUCTS = {16: "llvm.x86.avx512.vpdpbusd.512", 8: "llvm.x86.avx512.vpdpbusd.256", 4: "llvm.aarch64.neon.usdot"}
OFFSET = 128  # a row's byte holds its number and this


@intrinsic
def dot_tile(typing, tile, array, at, step, panel):
    """tile[m][r] + the dot product of the four signed bytes in array[at + m * step] with the unsigned of panel[r]."""
    vector, row = panel.dtype, tile.dtype
    name, bytes_kind = DOT_PRODUCTS[vector.width], ir.VectorType(BYTE, 4 * vector.width)
    name += ".v4i32.v16i8" if vector.width == 4 else ""

    def generate(context, builder, signature, arguments):
        columns = [builder.bitcast(words, bytes_kind) for words in items(builder, arguments[4], len(panel))]
        rows = []
        for m, sums in enumerate(items(builder, arguments[0], len(tile))):
            broadcast = builder.bitcast(load_spread(context, builder, array, *arguments[1:4], m, vector), bytes_kind)
            products = [
                emit_call(builder, name, vector.llvm, [total, column, broadcast])
                for column, total in zip(columns, items(builder, sums, len(row)), strict=True)
            ]
            rows.append(context.make_tuple(builder, row, products))
        return context.make_tuple(builder, tile, rows)

    return tile(tile, array, types.intp, types.intp, panel), generate


@intrinsic
def upper_scores(typing, products, terms, at, scales, errors, lengths):
    """products[m][r] * scales[r] * t[0] + t[1] + errors[r] * t[2] + lengths[r] * t[3], t[i] = terms[at + i * M + m].

    M is the number of rows of the tile; one rounding for every factor and every sum.
    """
    vector = scales.dtype
    row = types.UniTuple(vector, len(products.dtype))
    result = types.UniTuple(row, len(products))
    fma = f"llvm.fma.{vector.suffix}"

    def generate(context, builder, signature, arguments):
        per_row = [items(builder, arguments[s], len(scales)) for s in (3, 4, 5)]
        one = ir.Constant(arguments[2].type, 1)
        places = [offset(builder, arguments[2], i * len(products)) for i in range(4)]
        rows = []
        for m, sums in enumerate(items(builder, arguments[0], len(products))):
            factor, bias, by_error, by_length = (
                load_spread(context, builder, terms, arguments[1], place, one, m, vector) for place in places
            )
            scores = []
            for total, scale, error, length in zip(items(builder, sums, len(row)), *per_row, strict=True):
                scaled = builder.fmul(builder.sitofp(total, vector.llvm), scale)
                score = emit_call(builder, fma, vector.llvm, [scaled, factor, bias])
                score = emit_call(builder, fma, vector.llvm, [error, by_error, score])
                scores.append(emit_call(builder, fma, vector.llvm, [length, by_length, score]))
            rows.append(context.make_tuple(builder, row, scores))
        return context.make_tuple(builder, result, rows)

    return result(products, terms, types.intp, scales, errors, lengths), generate


@intrinsic
def differences(typing, tile, at, middle, feature, lanes):
    """tile[at + i] - middle[feature + i] for one vector of lanes, then rounded to float32."""
    source, result = Vector(tile.dtype, len(lanes)), Vector(types.float32, len(lanes))

    def generate(context, builder, signature, arguments):
        places = (arguments[0:2], tile), (arguments[2:4], middle)
        a, b = (emit_load(builder, pointer(context, builder, kind, *pair), source) for pair, kind in places)
        value = builder.fsub(a, b)
        return value if tile.dtype == types.float32 else builder.fptrunc(value, result.llvm)

    return result(tile, types.intp, middle, types.intp, lanes), generate


@intrinsic
def larger_size(typing, top, values):
    """max(top, |values|), lane by lane; what is not a number does not count."""

    def generate(context, builder, signature, arguments):
        size = emit_call(builder, f"llvm.fabs.{values.suffix}", values.llvm, [arguments[1]])
        return larger(builder, size, arguments[0])

    return top(top, values), generate


@intrinsic
def max_lanes(typing, vector):
    """The largest lane."""

    def generate(context, builder, signature, arguments):
        lane = vector.llvm.element
        return emit_call(builder, f"llvm.vector.reduce.fmax.{vector.suffix}", lane, [arguments[0]])

    return vector.lane(vector), generate


@intrinsic
def store_rounded(typing, array, at, values, inverse):
    """Write the bytes of values * inverse, rounded to the nearest, to `array`; return the rounded numbers."""

    def generate(context, builder, signature, arguments):
        target, place, numbers, factor = arguments
        scaled = builder.fmul(numbers, emit_splat(builder, factor, values.llvm))
        rounded = emit_call(builder, f"llvm.rint.{values.suffix}", values.llvm, [scaled])
        whole = builder.fptosi(rounded, ir.VectorType(ir.IntType(32), values.width))
        shifted = builder.add(whole, emit_splat(builder, ir.Constant(ir.IntType(32), OFFSET), whole.type))
        small = builder.trunc(shifted, ir.VectorType(BYTE, values.width))
        where = pointer(context, builder, array, target, place)
        builder.store(small, builder.bitcast(where, small.type.as_pointer())).align = 1
        return rounded

    return values(array, types.intp, values, inverse), generate


@intrinsic
def add_rest_square(typing, total, values, rounded, scale):
    """total + (values - rounded * scale) ** 2, each fused."""

    def generate(context, builder, signature, arguments):
        fma = f"llvm.fma.{values.suffix}"
        less = emit_splat(builder, builder.fneg(arguments[3]), values.llvm)
        rest = emit_call(builder, fma, values.llvm, [less, arguments[2], arguments[1]])
        return emit_call(builder, fma, values.llvm, [rest, rest, arguments[0]])

    return total(total, values, rounded, scale), generate
