"""Operations on vectors and tiles: each states its own order and rounding."""

from llvmlite import ir
from numba import types

from fastkmeans.kernels.jit import intrinsic
from fastkmeans.kernels.simd.emit import (
    LLVM,
    Vector,
    emit_call,
    emit_load,
    emit_splat,
    emit_store,
    halves,
    index_scalar,
    items,
    load_everywhere,
    load_spread,
    offset,
    pointer,
    smaller,
    widened,
)


def _add_into(context, builder, array_type, array, at, values, vector):
    place = pointer(context, builder, array_type, array, at)
    emit_store(builder, builder.fadd(emit_load(builder, place, vector), values), place, vector)


def _squared_differences(builder, sums, columns, broadcast, vector):
    """sums[r] + (columns[r] - broadcast) ** 2."""
    differences = [builder.fsub(column, broadcast) for column in columns]
    name = f"llvm.fma.{vector.suffix}"
    return [
        emit_call(builder, name, vector.llvm, [value, value, total])
        for value, total in zip(differences, sums, strict=True)
    ]


@intrinsic
def splat(typing, scalar, lanes):
    """A vector whose lanes all hold `scalar`."""
    vector = Vector(scalar, len(lanes))

    def generate(context, builder, signature, arguments):
        return emit_splat(builder, arguments[0], vector.llvm)

    return vector(scalar, lanes), generate


@intrinsic
def repeat(typing, item, count):
    """A tuple of len(count) copies of `item`."""
    result = types.UniTuple(item, len(count))

    def generate(context, builder, signature, arguments):
        return context.make_tuple(builder, result, [arguments[0]] * len(count))

    return result(item, count), generate


@intrinsic
def fma_tile(typing, tile, array, at, step, panel):
    """tile[m][r] + array[at + m * step] * panel[r], each product and sum rounded once."""
    vector, row = panel.dtype, tile.dtype

    def generate(context, builder, signature, arguments):
        name = f"llvm.fma.{vector.suffix}"
        columns = items(builder, arguments[4], len(panel))
        rows = []
        for m, sums in enumerate(items(builder, arguments[0], len(tile))):
            broadcast = load_spread(context, builder, array, *arguments[1:4], m, vector)
            products = [
                emit_call(builder, name, vector.llvm, [broadcast, column, total])
                for column, total in zip(columns, items(builder, sums, len(row)), strict=True)
            ]
            rows.append(context.make_tuple(builder, row, products))
        return context.make_tuple(builder, tile, rows)

    return tile(tile, array, types.intp, types.intp, panel), generate


@intrinsic
def add_squares_from(typing, tile, array, at, step, panel):
    """tile[m][r] + (panel[r] - array[at + m * step]) ** 2, difference and sum rounded once each."""
    vector, row = panel.dtype, tile.dtype

    def generate(context, builder, signature, arguments):
        columns = items(builder, arguments[4], len(panel))
        rows = []
        for m, sums in enumerate(items(builder, arguments[0], len(tile))):
            broadcast = load_spread(context, builder, array, *arguments[1:4], m, vector)
            totals = _squared_differences(builder, items(builder, sums, len(row)), columns, broadcast, vector)
            rows.append(context.make_tuple(builder, row, totals))
        return context.make_tuple(builder, tile, rows)

    return tile(tile, array, types.intp, types.intp, panel), generate


@intrinsic
def subtract_differences(typing, tile, array, at, step, panel):
    """tile[m][r] - |panel[r] - array[at + m * step]|, both differences rounded."""
    vector, row = panel.dtype, tile.dtype

    def generate(context, builder, signature, arguments):
        columns = items(builder, arguments[4], len(panel))
        rows = []
        for m, sums in enumerate(items(builder, arguments[0], len(tile))):
            broadcast = load_spread(context, builder, array, *arguments[1:4], m, vector)
            totals = []
            for column, total in zip(columns, items(builder, sums, len(row)), strict=True):
                difference = builder.fsub(column, broadcast)
                size = emit_call(builder, f"llvm.fabs.{vector.suffix}", vector.llvm, [difference])
                totals.append(builder.fsub(total, size))
            rows.append(context.make_tuple(builder, row, totals))
        return context.make_tuple(builder, tile, rows)

    return tile(tile, array, types.intp, types.intp, panel), generate


@intrinsic
def add_squares_at(typing, tile, array, places, feature, panel):
    """tile[m][r] + (panel[r] - array[places[m] + feature]) ** 2, difference and sum rounded once each."""
    vector, row = panel.dtype, tile.dtype

    def generate(context, builder, signature, arguments):
        columns = items(builder, arguments[4], len(panel))
        starts = items(builder, arguments[2], len(places))
        rows = []
        for sums, start in zip(items(builder, arguments[0], len(tile)), starts, strict=True):
            place = builder.add(start, arguments[3])
            broadcast = load_everywhere(context, builder, array, arguments[1], place, vector)
            totals = _squared_differences(builder, items(builder, sums, len(row)), columns, broadcast, vector)
            rows.append(context.make_tuple(builder, row, totals))
        return context.make_tuple(builder, tile, rows)

    return tile(tile, array, places, types.intp, panel), generate


@intrinsic
def add_gain(typing, total, limit, values, weight):
    """total + weight * (limit - min(limit, values)), product and sum rounded once; limit, weight for all lanes."""

    def generate(context, builder, signature, arguments):
        bound, share = (emit_splat(builder, arguments[i], values.llvm) for i in (1, 3))
        fall = builder.fsub(bound, smaller(builder, arguments[2], bound))
        return emit_call(builder, f"llvm.fma.{values.suffix}", values.llvm, [share, fall, arguments[0]])

    return total(total, limit, values, weight), generate


@intrinsic
def add_squares(typing, sums, values):
    """sums[r] + values[r] ** 2, rounded once."""
    vector = values.dtype

    def generate(context, builder, signature, arguments):
        pairs = zip(items(builder, arguments[0], len(sums)), items(builder, arguments[1], len(values)), strict=True)
        squares = [emit_call(builder, f"llvm.fma.{vector.suffix}", vector.llvm, [v, v, s]) for s, v in pairs]
        return context.make_tuple(builder, sums, squares)

    return sums(sums, values), generate


@intrinsic
def add_squared_differences(typing, sums, tile, at, centers, place, shift, feature, lanes):
    """sums + (tile[at + i] - (centers[place + i] - shift[feature + i])) ** 2 for one vector of lanes, in float64."""
    source = Vector(tile.dtype, len(lanes))
    total = Vector(types.float64, len(lanes))

    def generate(context, builder, signature, arguments):
        def wide(array, kind, offset):
            values = emit_load(builder, pointer(context, builder, kind, array, offset), source)
            return widened(builder, values, tile.dtype, total)

        row = wide(arguments[1], tile, arguments[2])
        center = builder.fsub(wide(arguments[3], centers, arguments[4]), wide(arguments[5], shift, arguments[6]))
        difference = builder.fsub(row, center)
        return emit_call(builder, f"llvm.fma.{total.suffix}", total.llvm, [difference, difference, arguments[0]])

    signature = total(sums, tile, types.intp, centers, types.intp, shift, types.intp, lanes)
    return signature, generate


@intrinsic
def add_gains(typing, totals, limits, tile, weights):
    """totals[m] + weights[r] * (limits[r] - min(limits[r], tile[m][r])) over all r, product and sum rounded once."""
    vector = totals.dtype

    def generate(context, builder, signature, arguments):
        bounds = items(builder, arguments[1], len(limits))
        shares = items(builder, arguments[3], len(weights))
        sums = []
        pairs = zip(items(builder, arguments[0], len(totals)), items(builder, arguments[2], len(tile)), strict=True)
        for total, row in pairs:
            for value, bound, share in zip(items(builder, row, len(limits)), bounds, shares, strict=True):
                fall = builder.fsub(bound, smaller(builder, value, bound))
                total = emit_call(builder, f"llvm.fma.{vector.suffix}", vector.llvm, [share, fall, total])
            sums.append(total)
        return context.make_tuple(builder, totals, sums)

    return totals(totals, limits, tile, weights), generate


@intrinsic
def add_roots(typing, totals, tile, counted, at):
    """totals[r] + the sum over m of counted[at + m] * sqrt(tile[m][r]): over m in the tile's type, then in float64."""
    vector = tile.dtype.dtype

    def generate(context, builder, signature, arguments):
        sums = [None] * len(totals)
        for m, squares in enumerate(items(builder, arguments[1], len(tile))):
            place = offset(builder, arguments[3], m)
            factor = load_everywhere(context, builder, counted, arguments[2], place, vector)
            for r, square in enumerate(items(builder, squares, len(totals))):
                root = emit_call(builder, f"llvm.sqrt.{vector.suffix}", vector.llvm, [square])
                if sums[r] is None:
                    sums[r] = builder.fmul(factor, root)
                else:
                    sums[r] = emit_call(builder, f"llvm.fma.{vector.suffix}", vector.llvm, [factor, root, sums[r]])
        before = items(builder, arguments[0], len(totals))
        added = [
            builder.fadd(total, widened(builder, part, vector.lane, totals.dtype))
            for total, part in zip(before, sums, strict=True)
        ]
        return context.make_tuple(builder, totals, added)

    return totals(totals, tile, counted, types.intp), generate


@intrinsic
def widen(typing, vector):
    """The same lanes in float64."""
    result = Vector(types.float64, vector.width)

    def generate(context, builder, signature, arguments):
        return widened(builder, arguments[0], vector.lane, result)

    return result(vector), generate


@intrinsic
def multiply(typing, a, b):
    """a * b, lane by lane."""

    def generate(context, builder, signature, arguments):
        return builder.fmul(*arguments)

    return a(a, b), generate


@intrinsic
def add_where(typing, sums, index, first, values):
    """sums[m] + values in the lanes where index is first + m."""

    def generate(context, builder, signature, arguments):
        totals = []
        for m, total in enumerate(items(builder, arguments[0], len(sums))):
            wanted = emit_splat(builder, index_scalar(builder, offset(builder, arguments[2], m)), index.llvm)
            hit = builder.icmp_signed("==", arguments[1], wanted)
            totals.append(builder.select(hit, builder.fadd(total, arguments[3]), total))
        return context.make_tuple(builder, sums, totals)

    return sums(sums, index, types.intp, values), generate


@intrinsic
def add_row(typing, sums, at, array, start, weight, lanes):
    """sums[at + i] += weight * array[start + i] for one vector of lanes, in float64."""
    source = Vector(array.dtype, len(lanes))
    total = Vector(types.float64, len(lanes))

    def generate(context, builder, signature, arguments):
        values = emit_load(builder, pointer(context, builder, array, arguments[2], arguments[3]), source)
        values = widened(builder, values, array.dtype, total)
        scaled = builder.fmul(values, emit_splat(builder, arguments[4], total.llvm))
        _add_into(context, builder, sums, *arguments[:2], scaled, total)
        return context.get_dummy_value()

    return types.void(sums, types.intp, array, types.intp, types.float64, lanes), generate


@intrinsic
def add_moments(typing, sums, at, values, weights, origin):
    """One vector at sums[at] += weights * (values - origin), the next += weights * (values - origin) ** 2."""
    total = Vector(types.float64, values.width)

    def generate(context, builder, signature, arguments):
        array, at, row, weight, center = arguments
        difference = builder.fsub(widened(builder, row, values.lane, total), emit_splat(builder, center, total.llvm))
        first = builder.fmul(weight, difference)
        _add_into(context, builder, sums, array, at, first, total)
        second = builder.fmul(first, difference)
        _add_into(context, builder, sums, array, offset(builder, at, total.width), second, total)
        return context.get_dummy_value()

    return types.void(sums, types.intp, values, weights, types.float64), generate


@intrinsic
def add_where_each(typing, sums, index, numbers, at, values):
    """sums[m] + values in the lanes where index is numbers[at + m]."""

    def generate(context, builder, signature, arguments):
        totals = []
        for m, total in enumerate(items(builder, arguments[0], len(sums))):
            place = pointer(context, builder, numbers, arguments[2], offset(builder, arguments[3], m))
            hit = builder.icmp_signed("==", arguments[1], emit_splat(builder, builder.load(place), index.llvm))
            totals.append(builder.select(hit, builder.fadd(total, arguments[4]), total))
        return context.make_tuple(builder, sums, totals)

    return sums(sums, index, numbers, types.intp, values), generate


@intrinsic
def subtract(typing, vector, scalar):
    """vector - scalar, in every lane."""

    def generate(context, builder, signature, arguments):
        return builder.fsub(arguments[0], emit_splat(builder, arguments[1], vector.llvm))

    return vector(vector, scalar), generate


@intrinsic
def add_corner_squares(typing, far, near, centers, own, low, high):
    """One feature of squared distances from a corner of a box: (far + (v - c)^2, near + (v - own)^2).

    The corner is the one that favours the centers c most against `own`: v is high where c > own, else low.
    """
    result = types.UniTuple(far, 2)

    def generate(context, builder, signature, arguments):
        far_sum, near_sum, values, *scalars = arguments
        mine, bottom, top = (emit_splat(builder, scalar, far.llvm) for scalar in scalars)
        corner = builder.select(builder.fcmp_ordered(">", values, mine), top, bottom)
        sums = []
        for total, place in ((far_sum, values), (near_sum, mine)):
            difference = builder.fsub(corner, place)
            sums.append(emit_call(builder, f"llvm.fma.{far.suffix}", far.llvm, [difference, difference, total]))
        return context.make_tuple(builder, result, sums)

    return result(far, near, centers, own, low, high), generate


@intrinsic
def fold_four(typing, four):
    """A vector of the sums of the lanes of four vectors: halves are added to each other until one lane is left."""
    result = Vector(four.dtype.lane, 4)

    def generate(context, builder, signature, arguments):
        def added(a, b, spans):
            """Of runs of 2 * spans lanes in a and then b: their first halves plus their second halves."""
            lanes = range(0, 2 * a.type.count, 2 * spans)
            sides = ([run + at + i for run in lanes for i in range(spans)] for at in (0, spans))
            kind = ir.IntType(32)
            parts = [
                builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(kind, len(side)), side))
                for side in map(list, sides)
            ]
            return builder.fadd(*parts)

        vectors, width = items(builder, arguments[0], 4), four.dtype.width
        while width > 4:
            width //= 2
            vectors = [builder.fadd(*halves(builder, vector, width)) for vector in vectors]
        pairs = [added(*vectors[at : at + 2], 2) for at in (0, 2)]
        return added(*pairs, 1)

    return result(four), generate


@intrinsic
def sum_lanes(typing, vector):
    """The sum of the lanes, first to last."""

    def generate(context, builder, signature, arguments):
        zero = ir.Constant(LLVM[vector.lane], -0.0)
        name = f"llvm.vector.reduce.fadd.{vector.suffix}"
        return emit_call(builder, name, LLVM[vector.lane], [zero, arguments[0]])

    return vector.lane(vector), generate
