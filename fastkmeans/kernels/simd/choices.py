"""Comparisons: the best of many scores, and whether any lane is beyond a bound."""

from llvmlite import ir
from numba import types

from fastkmeans.kernels.jit import intrinsic
from fastkmeans.kernels.simd.emit import (
    LLVM,
    Vector,
    any_lane,
    emit_call,
    emit_load,
    emit_splat,
    halves,
    index_scalar,
    items,
    larger,
    offset,
    pointer,
    smaller,
)

BITS = {types.float32: types.int32, types.float64: types.int64}


def _tagged(builder, score, vector, tag, mask):
    """The score with `tag` in place of the lowest bits of its mantissa."""
    kind = LLVM[BITS[vector.lane]]
    bits = builder.bitcast(score, ir.VectorType(kind, vector.width))
    bits = builder.and_(bits, emit_splat(builder, ir.Constant(kind, ~mask), bits.type))
    bits = builder.or_(bits, emit_splat(builder, ir.Constant(kind, tag), bits.type))
    return builder.bitcast(bits, vector.llvm)


def _tag_mask(count):
    """The bits of the tags 0 .. count - 1."""
    return (1 << (count - 1).bit_length()) - 1


@intrinsic
def keep_two(typing, best, second, index, tile, first):
    """Fold tile[m][r], the scores of center first + m for the rows in its lanes, into the state of vector r.

    A score carries m in its lowest bits, so that the best of a tile brings its center along: no comparison a score,
    which would take a turn of the units that multiply. `index` is the `first` of the tile that holds the best, an
    earlier tile on a tie; winner() adds the tag.
    """
    result = types.Tuple((best, second, index))
    vector = best.dtype

    def generate(context, builder, signature, arguments):
        tops, runners, ids = (items(builder, arguments[s], len(best)) for s in range(3))
        before, mask = list(tops), _tag_mask(len(tile))
        for m, row in enumerate(items(builder, arguments[3], len(tile))):
            for r, score in enumerate(items(builder, row, len(tile.dtype))):
                score = _tagged(builder, score, vector, m, mask)
                runners[r] = larger(builder, smaller(builder, score, tops[r]), runners[r])
                tops[r] = larger(builder, score, tops[r])
        place = emit_splat(builder, index_scalar(builder, arguments[4]), index.dtype.llvm)
        for r, top in enumerate(tops):
            ids[r] = builder.select(builder.fcmp_ordered(">", top, before[r]), place, ids[r])
        parts = zip((best, second, index), (tops, runners, ids), strict=True)
        return context.make_tuple(builder, result, [context.make_tuple(builder, t, v) for t, v in parts])

    return result(best, second, index, tile, types.intp), generate


@intrinsic
def winner(typing, best, index, rows):
    """The centers of the best scores: index[r] plus the tag in best[r] of a tile of len(rows) centers."""
    vector = best.dtype

    def generate(context, builder, signature, arguments):
        kind = LLVM[BITS[vector.lane]]
        mask = emit_splat(builder, ir.Constant(kind, _tag_mask(len(rows))), ir.VectorType(kind, vector.width))
        centers = []
        for score, place in zip(*(items(builder, arguments[s], len(best)) for s in range(2)), strict=True):
            tag = builder.and_(builder.bitcast(score, mask.type), mask)
            tag = tag if tag.type == place.type else builder.trunc(tag, place.type)
            centers.append(builder.add(place, tag))
        return context.make_tuple(builder, index, centers)

    return index(best, index, rows), generate


@intrinsic
def keep_largest(typing, best, values, less):
    """The larger of best[r] and values[r] - less, lane by lane."""
    vector = best.dtype

    def generate(context, builder, signature, arguments):
        scalar = emit_splat(builder, arguments[2], vector.llvm)
        pairs = zip(*(items(builder, argument, len(best)) for argument in arguments[:2]), strict=True)
        values = [larger(builder, builder.fsub(value, scalar), top) for top, value in pairs]
        return context.make_tuple(builder, best, values)

    return best(best, values, less), generate


@intrinsic
def sift(typing, kept, values):
    """(the larger, the smaller) of kept[r] and values[r], lane by lane."""
    result = types.UniTuple(kept, 2)

    def generate(context, builder, signature, arguments):
        pairs = list(zip(*(items(builder, argument, len(kept)) for argument in arguments), strict=True))
        sides = [[choose(builder, *pair) for pair in pairs] for choose in (larger, smaller)]
        return context.make_tuple(builder, result, [context.make_tuple(builder, kept, side) for side in sides])

    return result(kept, values), generate


@intrinsic
def reaches(typing, tile, bounds):
    """Whether any tile[m][r] is at least bounds[r] in any lane."""

    def generate(context, builder, signature, arguments):
        limits = items(builder, arguments[1], len(bounds))
        hits = []
        for row in items(builder, arguments[0], len(tile)):
            for score, limit in zip(items(builder, row, len(tile.dtype)), limits, strict=True):
                hits.append(builder.fcmp_ordered(">=", score, limit))
        return any_lane(builder, hits, bounds.dtype.width)

    return types.boolean(tile, bounds), generate


@intrinsic
def any_beyond(typing, values, limit):
    """Whether any lane is larger in size than `limit`, or not a number."""
    vector = values.dtype

    def generate(context, builder, signature, arguments):
        limits = emit_splat(builder, arguments[1], vector.llvm)
        hits = []
        for value in items(builder, arguments[0], len(values)):
            size = emit_call(builder, f"llvm.fabs.{vector.suffix}", vector.llvm, [value])
            hits.append(builder.fcmp_unordered(">", size, limits))
        return any_lane(builder, hits, vector.width)

    return types.boolean(values, limit), generate


@intrinsic
def any_close(typing, best, second, norms, slope, base):
    """Whether best[r] - second[r] <= slope * norms[r] + base in any lane."""
    vector = best.dtype

    def generate(context, builder, signature, arguments):
        slopes, bases = (emit_splat(builder, scalar, vector.llvm) for scalar in arguments[3:])
        hits = []
        for parts in zip(*(items(builder, arguments[s], len(best)) for s in range(3)), strict=True):
            limit = emit_call(builder, f"llvm.fma.{vector.suffix}", vector.llvm, [slopes, parts[2], bases])
            hits.append(builder.fcmp_ordered("<=", builder.fsub(parts[0], parts[1]), limit))
        return any_lane(builder, hits, vector.width)

    return types.boolean(best, second, norms, slope, base), generate


@intrinsic
def differing(typing, a, b, at, lanes):
    """An integer whose bit i says whether a[at + i] != b[at + i], for one vector of lanes."""
    vector = Vector(a.dtype, len(lanes))

    def generate(context, builder, signature, arguments):
        places = [pointer(context, builder, *pair, arguments[2]) for pair in zip((a, b), arguments[:2], strict=True)]
        hits = builder.icmp_signed("!=", *(emit_load(builder, place, vector) for place in places))
        return builder.zext(builder.bitcast(hits, ir.IntType(vector.width)), ir.IntType(64))

    return types.int64(a, b, types.intp, lanes), generate


@intrinsic
def keep_least(typing, best, second, index, tile, numbers, at):
    """Fold tile[m][r], squared distances to the center numbers[at + m] of the rows in its lanes, into vector r."""
    result = types.Tuple((best, second, index))

    def generate(context, builder, signature, arguments):
        leasts, runners, ids = (items(builder, arguments[s], len(best)) for s in range(3))
        for m, row in enumerate(items(builder, arguments[3], len(tile))):
            place = pointer(context, builder, numbers, arguments[4], offset(builder, arguments[5], m))
            number = emit_splat(builder, builder.load(place), index.dtype.llvm)
            for r, value in enumerate(items(builder, row, len(tile.dtype))):
                nearer = builder.fcmp_ordered("<", value, leasts[r])
                runners[r] = smaller(builder, builder.select(nearer, leasts[r], value), runners[r])
                ids[r] = builder.select(nearer, number, ids[r])
                leasts[r] = builder.select(nearer, value, leasts[r])
        parts = zip((best, second, index), (leasts, runners, ids), strict=True)
        return context.make_tuple(builder, result, [context.make_tuple(builder, t, v) for t, v in parts])

    return result(best, second, index, tile, numbers, types.intp), generate


@intrinsic
def keep_nearer(typing, best, index, values, first):
    """(best, index) where values[i] is not less than best[i], else (values[i], first)."""
    result = types.Tuple((best, index))

    def generate(context, builder, signature, arguments):
        nearer = builder.fcmp_ordered("<", arguments[2], arguments[0])
        place = emit_splat(builder, index_scalar(builder, arguments[3]), index.llvm)
        parts = builder.select(nearer, arguments[2], arguments[0]), builder.select(nearer, place, arguments[1])
        return context.make_tuple(builder, result, parts)

    return result(best, index, values, types.intp), generate


@intrinsic
def least_place(typing, best, index):
    """index[i] + i of the lane i with the least best[i], the lowest one of equals; or of lane 0 with NaN."""

    def generate(context, builder, signature, arguments):
        value, width = arguments[0], best.width
        while width > 1:
            width //= 2
            low, high = halves(builder, value, width)
            value = smaller(builder, low, high)
        least = builder.extract_element(value, ir.Constant(ir.IntType(32), 0))
        hits = builder.fcmp_ordered("==", arguments[0], emit_splat(builder, least, best.llvm))
        bits = builder.zext(builder.bitcast(hits, ir.IntType(best.width)), ir.IntType(64))
        bits = builder.or_(bits, ir.Constant(bits.type, 1 << best.width))
        lane = emit_call(builder, "llvm.cttz.i64", bits.type, [bits, ir.Constant(ir.IntType(1), 1)])
        lane = builder.and_(lane, ir.Constant(lane.type, best.width - 1))
        return builder.add(builder.zext(builder.extract_element(arguments[1], lane), lane.type), lane)

    return types.int64(best, index), generate


@intrinsic
def lanes_not_beyond(typing, far, near, slope, base, count):
    """An integer whose bit i < count says whether far[i] - near[i] > slope * (far[i] + near[i]) + base is false."""

    def generate(context, builder, signature, arguments):
        a, b, *scalars, number = arguments
        slopes, bases = (emit_splat(builder, scalar, far.llvm) for scalar in scalars)
        limit = emit_call(builder, f"llvm.fma.{far.suffix}", far.llvm, [slopes, builder.fadd(a, b), bases])
        hits = builder.fcmp_unordered("<=", builder.fsub(a, b), limit)
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), far.width), list(range(far.width)))
        inside = builder.icmp_signed("<", lanes, emit_splat(builder, index_scalar(builder, number), lanes.type))
        return builder.zext(builder.bitcast(builder.and_(hits, inside), ir.IntType(far.width)), ir.IntType(64))

    return types.int64(far, near, slope, base, types.intp), generate


@intrinsic
def packed(typing, vector, bits, filling):
    """The lanes of `vector` whose bits are set, one after the other, and then those of `filling`.

    At most one register wide: LLVM 22 cuts a wider one into halves that write past each other.
    """

    def generate(context, builder, signature, arguments):
        values, mask, rest = arguments
        truths = ir.VectorType(ir.IntType(1), vector.width)
        mask = builder.bitcast(builder.trunc(mask, ir.IntType(vector.width)), truths)
        # As integers: where the CPU has no such instruction, LLVM 22 aborts on a filling of one floating-point number.
        bits = vector.lane.bitwidth
        whole = ir.VectorType(ir.IntType(bits), vector.width)
        values, rest = builder.bitcast(values, whole), builder.bitcast(rest, whole)
        name = f"llvm.experimental.vector.compress.v{vector.width}i{bits}"
        return builder.bitcast(emit_call(builder, name, whole, [values, mask, rest]), vector.llvm)

    return vector(vector, types.int64, filling), generate


@intrinsic
def lanes_differing(typing, a, b):
    """An integer whose bit i says whether a[i] != b[i]."""

    def generate(context, builder, signature, arguments):
        hits = builder.icmp_signed("!=", *arguments)
        return builder.zext(builder.bitcast(hits, ir.IntType(a.width)), ir.IntType(64))

    return types.int64(a, b), generate


@intrinsic
def count_where_each(typing, counts, index, numbers, at):
    """counts[m] + how many lanes of index are numbers[at + m]."""

    def generate(context, builder, signature, arguments):
        totals = []
        for m, total in enumerate(items(builder, arguments[0], len(counts))):
            place = pointer(context, builder, numbers, arguments[2], offset(builder, arguments[3], m))
            hits = builder.icmp_signed("==", arguments[1], emit_splat(builder, builder.load(place), index.llvm))
            bits = builder.zext(builder.bitcast(hits, ir.IntType(index.width)), ir.IntType(64))
            totals.append(builder.add(total, emit_call(builder, "llvm.ctpop.i64", bits.type, [bits])))
        return context.make_tuple(builder, counts, totals)

    return counts(counts, index, numbers, types.intp), generate


@intrinsic
def keep_range(typing, low, high, values):
    """(the less of low and values, the greater of high and values), lane by lane."""
    result = types.UniTuple(low, 2)

    def generate(context, builder, signature, arguments):
        parts = smaller(builder, *arguments[::2]), larger(builder, *arguments[1:])
        return context.make_tuple(builder, result, parts)

    return result(low, high, values), generate


@intrinsic
def range_of(typing, low, high):
    """The least lane of low, and the greatest of high."""
    result = types.UniTuple(low.lane, 2)

    def generate(context, builder, signature, arguments):
        parts = []
        for value, choose in zip(arguments, (smaller, larger), strict=True):
            width = low.width
            while width > 1:
                width //= 2
                value = choose(builder, *halves(builder, value, width))
            parts.append(builder.extract_element(value, ir.Constant(ir.IntType(32), 0)))
        return context.make_tuple(builder, result, parts)

    return result(low, high), generate


@intrinsic
def count_bits(typing, bits):
    """How many bits of `bits` are set."""

    def generate(context, builder, signature, arguments):
        return emit_call(builder, "llvm.ctpop.i64", ir.IntType(64), [arguments[0]])

    return types.int64(types.int64), generate


@intrinsic
def lowest_bit(typing, bits):
    """The place of the lowest bit of `bits`, which is not 0."""

    def generate(context, builder, signature, arguments):
        return emit_call(builder, "llvm.cttz.i64", ir.IntType(64), [arguments[0], ir.Constant(ir.IntType(1), 1)])

    return types.int64(types.int64), generate
