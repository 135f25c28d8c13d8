"""Rows by number against centers in the lanes: rows of a list need not be gathered, nor turned into columns.

A tile here has a row of vectors for each of a few listed rows, and a center in every lane. `numbers` is a tuple of the
rows' numbers; row i of an array begins at i * stride.
"""

from llvmlite import binding, ir
from numba import types

from fastkmeans.kernels.jit import intrinsic
from fastkmeans.kernels.simd.emit import (
    LLVM,
    emit_call,
    emit_splat,
    items,
    larger,
    largest_lane,
    load_everywhere,
    pointer,
)

BYTE, WORD = ir.IntType(8), ir.IntType(64)
# Four unsigned bytes of a row by four signed ones of a center: of AVX512-VNNI (with AVX512-VL, or AVX-VNNI, at half the
# width), and of ARM's I8MM.
DOT_PRODUCTS = {
    16: "llvm.x86.avx512.vpdpbusd.512",
    8: "llvm.x86.avx512.vpdpbusd.256",
    4: "llvm.aarch64.neon.usdot.v4i32.v16i8",
}
X86_TAKES_WORDS = binding.llvm_version_info < (22,)  # whose four bytes the later ones name


def _constant(value, like):
    return ir.Constant(like.type, value)


@intrinsic
def row_numbers(typing, listed, first, count, rows):
    """listed[first], listed[first + 1], ..., len(rows) of them; the one before `count` stands for all beyond."""
    result = types.UniTuple(types.intp, len(rows))

    def generate(context, builder, signature, arguments):
        array, begin, end, _ = arguments
        last, numbers = builder.sub(end, _constant(1, end)), []
        for m in range(len(rows)):
            at = builder.add(begin, _constant(m, begin))
            at = builder.select(builder.icmp_signed("<", at, end), at, last)
            numbers.append(builder.load(pointer(context, builder, listed, array, at)))
        return context.make_tuple(builder, result, numbers)

    return result(listed, types.intp, types.intp, rows), generate


def _each_row(context, builder, array_type, arguments, panel, multiply):
    """A tile: multiply(broadcast of array[number + feature], vector of the panel, sum so far) for every row."""
    tile, array, numbers, stride, feature, vectors = arguments
    columns = items(builder, vectors, len(panel))
    rows = []
    for sums, number in zip(
        items(builder, tile, tile.type.count), items(builder, numbers, numbers.type.count), strict=True
    ):
        place = builder.add(builder.mul(number, stride), feature)
        value = load_everywhere(context, builder, array_type, array, place, panel.dtype)
        parts = zip(columns, items(builder, sums, len(panel)), strict=True)
        rows.append(
            context.make_tuple(
                builder, types.UniTuple(panel.dtype, len(panel)), [multiply(value, *part) for part in parts]
            )
        )
    return rows


@intrinsic
def dot_rows(typing, tile, array, numbers, stride, feature, panel):
    """tile[m][r] + the dot product of the four unsigned bytes in a row's word with the signed ones in each of panel[r].

    The word is array[numbers[m] * stride + feature].
    """
    vector = panel.dtype
    of_words = X86_TAKES_WORDS and ".x86." in DOT_PRODUCTS[vector.width]
    kind = vector.llvm if of_words else ir.VectorType(BYTE, 4 * vector.width)

    def generate(context, builder, signature, arguments):
        def multiply(words, column, total):
            own = builder.bitcast(words, kind), builder.bitcast(column, kind)
            return emit_call(builder, DOT_PRODUCTS[vector.width], vector.llvm, [total, *own])

        return context.make_tuple(builder, tile, _each_row(context, builder, array, arguments, panel, multiply))

    return tile(tile, array, numbers, types.intp, types.intp, panel), generate


@intrinsic
def fma_rows(typing, tile, array, numbers, stride, feature, panel):
    """tile[m][r] + array[numbers[m] * stride + feature] * panel[r], each product and sum rounded once."""
    vector = panel.dtype

    def generate(context, builder, signature, arguments):
        def multiply(value, column, total):
            return emit_call(builder, f"llvm.fma.{vector.suffix}", vector.llvm, [value, column, total])

        return context.make_tuple(builder, tile, _each_row(context, builder, array, arguments, panel, multiply))

    return tile(tile, array, numbers, types.intp, types.intp, panel), generate


@intrinsic
def upper_scores(typing, products, numbers, scales, errors, lengths, factor, bias, by_error, by_length):
    """products[m][r] * scale * factor[r] + bias[r] + error * by_error[r] + length * by_length[r], rounded at each step.

    Scale, error and length are those of row numbers[m].
    """
    vector, row = factor.dtype, factor
    result = types.UniTuple(row, len(products))
    fma = f"llvm.fma.{vector.suffix}"

    def generate(context, builder, signature, arguments):
        of_centers = [items(builder, arguments[s], len(row)) for s in range(5, 9)]
        rows = []
        sums_and_numbers = zip(
            items(builder, arguments[0], len(products)), items(builder, arguments[1], len(products)), strict=True
        )
        for sums, number in sums_and_numbers:
            scale, error, length = (
                load_everywhere(context, builder, signature.args[s], arguments[s], number, vector) for s in (2, 3, 4)
            )
            scores = []
            for total, t, b, e, w in zip(items(builder, sums, len(row)), *of_centers, strict=True):
                scaled = builder.fmul(builder.sitofp(total, vector.llvm), scale)
                score = emit_call(builder, fma, vector.llvm, [scaled, t, b])
                score = emit_call(builder, fma, vector.llvm, [error, e, score])
                scores.append(emit_call(builder, fma, vector.llvm, [length, w, score]))
            rows.append(context.make_tuple(builder, row, scores))
        return context.make_tuple(builder, result, rows)

    signature = result(products, numbers, scales, errors, lengths, factor, bias, by_error, by_length)
    return signature, generate


@intrinsic
def judge(typing, scores, numbers, cuts, lows, hits):
    """Bit r * width + i of hits[m] says whether lane i of scores[m][r] reaches cuts[numbers[m]]; return their union.

    lows[numbers[m]] becomes the largest of itself and the scores below the cut.
    """
    row, vector = scores.dtype, scores.dtype.dtype
    lane = LLVM[vector.lane]

    def generate(context, builder, signature, arguments):
        union = ir.Constant(WORD, 0)
        lowest = emit_splat(builder, ir.Constant(lane, float("-inf")), vector.llvm)
        parts = zip(items(builder, arguments[0], len(scores)), items(builder, arguments[1], len(scores)), strict=True)
        for m, (values, number) in enumerate(parts):
            cut = load_everywhere(context, builder, cuts, arguments[2], number, vector)
            bits, top = ir.Constant(WORD, 0), lowest
            for r, value in enumerate(items(builder, values, len(row))):
                reached = builder.bitcast(builder.fcmp_ordered(">=", value, cut), ir.IntType(vector.width))
                bits = builder.or_(bits, builder.shl(builder.zext(reached, WORD), _constant(r * vector.width, bits)))
                top = larger(builder, builder.select(builder.fcmp_ordered("<", value, cut), value, lowest), top)
            place = pointer(context, builder, lows, arguments[3], number)
            builder.store(larger(builder, largest_lane(builder, top), builder.load(place)), place)
            at = ir.Constant(ir.IntType(64), m)
            builder.store(bits, pointer(context, builder, hits, arguments[4], at))
            union = builder.or_(union, bits)
        return union

    return types.int64(scores, numbers, cuts, lows, hits), generate
