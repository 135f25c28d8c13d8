"""Rounding to numbers of one byte, stored unsigned: 128 is 0."""

from llvmlite import ir
from numba import types

from fastkmeans.kernels.jit import intrinsic
from fastkmeans.kernels.simd.emit import (
    Vector,
    emit_call,
    emit_load,
    emit_splat,
    larger,
    largest_lane,
    pointer,
)

BYTE = ir.IntType(8)
OFFSET = 128  # a row's byte holds its number and this


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
    """The largest lane, of lanes that are numbers."""

    def generate(context, builder, signature, arguments):
        return largest_lane(builder, arguments[0])

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
