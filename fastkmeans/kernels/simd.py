"""A small vector vocabulary for kernels: the only file with LLVM IR in it.

A `Vector` is `width` lanes of one number type, held in a register. Operations take tuples of vectors (a tile)
and read every size from the *types* of their arguments: a shape is a tuple of Nones whose length is the size,
so one source serves every register width, and a kernel's cache entry names its shape.
Memory is a one-dimensional array and an offset in elements; nothing is checked here.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import models, register_model
from numba.np.arrayobj import populate_array

from fastkmeans.kernels.jit import intrinsic

LLVM = {
    types.float32: ir.FloatType(),
    types.float64: ir.DoubleType(),
    types.int32: ir.IntType(32),
    types.int64: ir.IntType(64),
}


class Vector(types.Type):
    """`width` lanes of the number type `lane`."""

    def __init__(self, lane, width):
        self.lane, self.width = lane, width
        super().__init__(f"Vector({lane} x {width})")

    @property
    def llvm(self):
        return ir.VectorType(LLVM[self.lane], self.width)

    @property
    def suffix(self):
        letter = "f" if isinstance(self.lane, types.Float) else "i"
        return f"v{self.width}{letter}{self.lane.bitwidth}"


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        super().__init__(manager, vector, vector.llvm)


# ---- helpers that emit code -------------------------------------------------------------------------------


def _items(builder, value, count):
    return [builder.extract_value(value, i) for i in range(count)]


def _splat(builder, scalar, vector):
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None))


def _pointer(context, builder, array_type, array, at):
    field = context.data_model_manager[array_type].get_field_position("data")
    return builder.gep(builder.extract_value(array, field), [at])


def _load(builder, pointer, vector):
    value = builder.load(builder.bitcast(pointer, vector.llvm.as_pointer()))
    value.align = vector.lane.bitwidth // 8  # scratch is aligned, user rows need not be
    return value


def _store(builder, value, pointer, vector):
    instruction = builder.store(value, builder.bitcast(pointer, vector.llvm.as_pointer()))
    instruction.align = vector.lane.bitwidth // 8


def _call(builder, name, result, arguments):
    signature = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), arguments)


def _offset(builder, at, steps):
    return builder.add(at, ir.Constant(at.type, steps))


def _larger(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _smaller(builder, a, b):
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


def _index_scalar(builder, value):
    return builder.trunc(value, ir.IntType(32)) if value.type.width > 32 else value


def _keep_two(builder, state, score, ids):
    """Fold one vector of scores into (best, second, index); the earlier center keeps a tie."""
    best, second, index = state
    nearer = builder.fcmp_ordered(">", score, best)
    second = _larger(builder, _smaller(builder, score, best), second)
    return _larger(builder, score, best), second, builder.select(nearer, ids, index)


# ---- making, loading, storing -----------------------------------------------------------------------------


@intrinsic
def splat(typing, scalar, lanes):
    """A vector whose lanes all hold `scalar`."""
    vector = Vector(scalar, len(lanes))

    def generate(context, builder, signature, arguments):
        return _splat(builder, arguments[0], vector.llvm)

    return vector(scalar, lanes), generate


@intrinsic
def repeat(typing, item, count):
    """A tuple of len(count) copies of `item`."""
    result = types.UniTuple(item, len(count))

    def generate(context, builder, signature, arguments):
        return context.make_tuple(builder, result, [arguments[0]] * len(count))

    return result(item, count), generate


@intrinsic
def load(typing, array, at, vectors, lanes):
    """len(vectors) consecutive vectors of `array`, from element `at` on."""
    vector = Vector(array.dtype, len(lanes))
    result = types.UniTuple(vector, len(vectors))

    def generate(context, builder, signature, arguments):
        loaded = [
            _load(
                builder,
                _pointer(context, builder, array, arguments[0], _offset(builder, arguments[1], r * vector.width)),
                vector,
            )
            for r in range(len(vectors))
        ]
        return context.make_tuple(builder, result, loaded)

    return result(array, types.intp, vectors, lanes), generate


@intrinsic
def store(typing, array, at, values):
    """Write the vectors of the tuple `values` one after another to `array`, from element `at` on."""
    vector = values.dtype

    def generate(context, builder, signature, arguments):
        for r, value in enumerate(_items(builder, arguments[2], len(values))):
            at = _offset(builder, arguments[1], r * vector.width)
            _store(builder, value, _pointer(context, builder, array, arguments[0], at), vector)
        return context.get_dummy_value()

    return types.void(array, types.intp, values), generate


@intrinsic
def store_tile(typing, array, at, tile):
    """Write every vector of the tile, row after row, to `array` from element `at` on."""
    vector, row = tile.dtype.dtype, tile.dtype

    def generate(context, builder, signature, arguments):
        for m, values in enumerate(_items(builder, arguments[2], len(tile))):
            for r, value in enumerate(_items(builder, values, len(row))):
                at = _offset(builder, arguments[1], (m * len(row) + r) * vector.width)
                _store(builder, value, _pointer(context, builder, array, arguments[0], at), vector)
        return context.get_dummy_value()

    return types.void(array, types.intp, tile), generate


@intrinsic
def load_broadcast(typing, array, at, step, rows, vectors, lanes):
    """A tile whose row m holds, in every lane of every vector, array[at + m * step]."""
    vector = Vector(array.dtype, len(lanes))
    row = types.UniTuple(vector, len(vectors))
    result = types.UniTuple(row, len(rows))

    def generate(context, builder, signature, arguments):
        tile = []
        for m in range(len(rows)):
            place = builder.add(arguments[1], builder.mul(arguments[2], ir.Constant(arguments[2].type, m)))
            scalar = builder.load(_pointer(context, builder, array, arguments[0], place))
            tile.append(context.make_tuple(builder, row, [_splat(builder, scalar, vector.llvm)] * len(vectors)))
        return context.make_tuple(builder, result, tile)

    return result(array, types.intp, types.intp, rows, vectors, lanes), generate


# ---- arithmetic -------------------------------------------------------------------------------------------


@intrinsic
def fma_tile(typing, tile, array, at, step, panel):
    """tile[m][r] + array[at + m * step] * panel[r], each product and sum rounded once."""
    vector, row = panel.dtype, tile.dtype

    def generate(context, builder, signature, arguments):
        name = f"llvm.fma.{vector.suffix}"
        columns = _items(builder, arguments[4], len(panel))
        rows = []
        for m, sums in enumerate(_items(builder, arguments[0], len(tile))):
            place = builder.add(arguments[2], builder.mul(arguments[3], ir.Constant(arguments[3].type, m)))
            scalar = builder.load(_pointer(context, builder, array, arguments[1], place))
            broadcast = _splat(builder, scalar, vector.llvm)
            products = [
                _call(builder, name, vector.llvm, [broadcast, column, total])
                for column, total in zip(columns, _items(builder, sums, len(row)), strict=True)
            ]
            rows.append(context.make_tuple(builder, row, products))
        return context.make_tuple(builder, tile, rows)

    return tile(tile, array, types.intp, types.intp, panel), generate


@intrinsic
def add_squares_from(typing, tile, array, at, step, panel):
    """tile[m][r] + (panel[r] - array[at + m * step]) ** 2, difference and sum rounded once each."""
    vector, row = panel.dtype, tile.dtype

    def generate(context, builder, signature, arguments):
        name = f"llvm.fma.{vector.suffix}"
        columns = _items(builder, arguments[4], len(panel))
        rows = []
        for m, sums in enumerate(_items(builder, arguments[0], len(tile))):
            place = builder.add(arguments[2], builder.mul(arguments[3], ir.Constant(arguments[3].type, m)))
            scalar = builder.load(_pointer(context, builder, array, arguments[1], place))
            broadcast = _splat(builder, scalar, vector.llvm)
            differences = [builder.fsub(column, broadcast) for column in columns]
            totals = zip(differences, _items(builder, sums, len(row)), strict=True)
            squares = [_call(builder, name, vector.llvm, [value, value, total]) for value, total in totals]
            rows.append(context.make_tuple(builder, row, squares))
        return context.make_tuple(builder, tile, rows)

    return tile(tile, array, types.intp, types.intp, panel), generate


@intrinsic
def add_lower(typing, totals, limits, tile, weights):
    """totals[m] + weights[r] * min(limits[r], tile[m][r]) over all r, in float64; weights are float64 vectors."""
    total = totals.dtype

    def generate(context, builder, signature, arguments):
        bounds = _items(builder, arguments[1], len(limits))
        shares = _items(builder, arguments[3], len(weights))
        sums = []
        pairs = zip(_items(builder, arguments[0], len(totals)), _items(builder, arguments[2], len(tile)), strict=True)
        for sum_so_far, row in pairs:
            values = zip(_items(builder, row, len(limits)), bounds, shares, strict=True)
            for value, bound, share in values:
                lower = _smaller(builder, value, bound)
                lower = lower if limits.dtype == total else builder.fpext(lower, total.llvm)
                sum_so_far = builder.fadd(sum_so_far, builder.fmul(share, lower))
            sums.append(sum_so_far)
        return context.make_tuple(builder, totals, sums)

    return totals(totals, limits, tile, weights), generate


@intrinsic
def minimum(typing, a, b):
    """The smaller of a[r] and b[r], lane by lane."""

    def generate(context, builder, signature, arguments):
        pairs = zip(*(_items(builder, value, len(a)) for value in arguments), strict=True)
        return context.make_tuple(builder, a, [_smaller(builder, x, y) for x, y in pairs])

    return a(a, b), generate


@intrinsic
def add_squares(typing, sums, values):
    """sums[r] + values[r] ** 2, rounded once."""
    vector = values.dtype

    def generate(context, builder, signature, arguments):
        pairs = zip(_items(builder, arguments[0], len(sums)), _items(builder, arguments[1], len(values)), strict=True)
        squares = [_call(builder, f"llvm.fma.{vector.suffix}", vector.llvm, [v, v, s]) for s, v in pairs]
        return context.make_tuple(builder, sums, squares)

    return sums(sums, values), generate


@intrinsic
def keep_two(typing, best, second, index, tile, first):
    """Fold tile[m][r], the scores of center first + m for the rows in its lanes, into the state of vector r."""
    result = types.Tuple((best, second, index))

    def generate(context, builder, signature, arguments):
        states = list(zip(*(_items(builder, arguments[s], len(best)) for s in range(3)), strict=True))
        for m, row in enumerate(_items(builder, arguments[3], len(tile))):
            center = _index_scalar(builder, _offset(builder, arguments[4], m))
            ids = _splat(builder, center, index.dtype.llvm)
            scores = _items(builder, row, len(tile.dtype))
            states = [_keep_two(builder, state, scores[r], ids) for r, state in enumerate(states)]
        parts = zip((best, second, index), zip(*states, strict=True), strict=True)
        return context.make_tuple(builder, result, [context.make_tuple(builder, t, list(v)) for t, v in parts])

    return result(best, second, index, tile, types.intp), generate


@intrinsic
def widen(typing, vector):
    """The same lanes in float64."""
    result = Vector(types.float64, vector.width)

    def generate(context, builder, signature, arguments):
        return arguments[0] if vector == result else builder.fpext(arguments[0], result.llvm)

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
        for m, total in enumerate(_items(builder, arguments[0], len(sums))):
            wanted = _splat(builder, _index_scalar(builder, _offset(builder, arguments[2], m)), index.llvm)
            hit = builder.icmp_signed("==", arguments[1], wanted)
            totals.append(builder.select(hit, builder.fadd(total, arguments[3]), total))
        return context.make_tuple(builder, sums, totals)

    return sums(sums, index, types.intp, values), generate


def _add_into(context, builder, array_type, array, at, values, vector):
    place = _pointer(context, builder, array_type, array, at)
    _store(builder, builder.fadd(_load(builder, place, vector), values), place, vector)


@intrinsic
def add_moments(typing, sums, at, values, weights, origin):
    """One vector at sums[at] += weights * (values - origin), the next += weights * (values - origin) ** 2."""
    total = Vector(types.float64, values.width)

    def generate(context, builder, signature, arguments):
        array, at, row, weight, center = arguments
        row = row if values == total else builder.fpext(row, total.llvm)
        difference = builder.fsub(row, _splat(builder, center, total.llvm))
        first = builder.fmul(weight, difference)
        _add_into(context, builder, sums, array, at, first, total)
        second = builder.fmul(first, difference)
        _add_into(context, builder, sums, array, _offset(builder, at, total.width), second, total)
        return context.get_dummy_value()

    return types.void(sums, types.intp, values, weights, types.float64), generate


# ---- questions and rearrangement --------------------------------------------------------------------------


@intrinsic
def reaches(typing, tile, bounds):
    """Whether any tile[m][r] is at least bounds[r] in any lane."""

    def generate(context, builder, signature, arguments):
        limits = _items(builder, arguments[1], len(bounds))
        found = None
        for row in _items(builder, arguments[0], len(tile)):
            for score, limit in zip(_items(builder, row, len(tile.dtype)), limits, strict=True):
                hit = builder.fcmp_ordered(">=", score, limit)
                found = hit if found is None else builder.or_(found, hit)
        return _call(builder, f"llvm.vector.reduce.or.v{bounds.dtype.width}i1", ir.IntType(1), [found])

    return types.boolean(tile, bounds), generate


@intrinsic
def any_beyond(typing, values, limit):
    """Whether any lane is larger in size than `limit`, or not a number."""
    vector = values.dtype

    def generate(context, builder, signature, arguments):
        limits = _splat(builder, arguments[1], vector.llvm)
        found = None
        for value in _items(builder, arguments[0], len(values)):
            size = _call(builder, f"llvm.fabs.{vector.suffix}", vector.llvm, [value])
            hit = builder.fcmp_unordered(">", size, limits)
            found = hit if found is None else builder.or_(found, hit)
        return _call(builder, f"llvm.vector.reduce.or.v{vector.width}i1", ir.IntType(1), [found])

    return types.boolean(values, limit), generate


@intrinsic
def any_close(typing, best, second, norms, slope, base):
    """Whether best[r] - second[r] <= slope * norms[r] + base in any lane."""
    vector = best.dtype

    def generate(context, builder, signature, arguments):
        slopes, bases = (_splat(builder, scalar, vector.llvm) for scalar in arguments[3:])
        found = None
        for parts in zip(*(_items(builder, arguments[s], len(best)) for s in range(3)), strict=True):
            limit = _call(builder, f"llvm.fma.{vector.suffix}", vector.llvm, [slopes, parts[2], bases])
            hit = builder.fcmp_ordered("<=", builder.fsub(parts[0], parts[1]), limit)
            found = hit if found is None else builder.or_(found, hit)
        return _call(builder, f"llvm.vector.reduce.or.v{vector.width}i1", ir.IntType(1), [found])

    return types.boolean(best, second, norms, slope, base), generate


@intrinsic
def load_four_columns(typing, array, at, stride, lanes):
    """Four vectors: elements 0 to 3 of the rows of `array` that begin at `at`, `at` + stride, ..., a lane a row."""
    vector = Vector(array.dtype, len(lanes))
    result = types.UniTuple(vector, 4)
    quad = Vector(array.dtype, 4)

    def generate(context, builder, signature, arguments):
        def shuffle(a, b, mask):
            return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(mask)), mask))

        def row(i):
            place = builder.add(arguments[1], builder.mul(arguments[2], ir.Constant(arguments[2].type, i)))
            return _load(builder, _pointer(context, builder, array, arguments[0], place), quad)

        def joined(parts):
            while len(parts) > 1:
                width = parts[0].type.count
                parts = [shuffle(a, b, list(range(2 * width))) for a, b in zip(parts[::2], parts[1::2], strict=True)]
            return parts[0]

        # z[i] holds rows i, i + 4, i + 8, ... whole; a 4 x 4 transpose inside each group of four lanes follows.
        z = [joined([row(i + 4 * q) for q in range(vector.width // 4)]) for i in range(4)]
        groups = range(0, vector.width, 4)
        other = vector.width

        def pairs(a, b, first):
            return shuffle(a, b, [g + p for g in groups for p in (first, other + first, first + 1, other + first + 1)])

        low01, high01 = pairs(z[0], z[1], 0), pairs(z[0], z[1], 2)
        low23, high23 = pairs(z[2], z[3], 0), pairs(z[2], z[3], 2)
        columns = [
            shuffle(a, b, [g + p for g in groups for p in (first, first + 1, other + first, other + first + 1)])
            for a, b in ((low01, low23), (high01, high23))
            for first in (0, 2)
        ]
        return context.make_tuple(builder, result, columns)

    return result(array, types.intp, types.intp, lanes), generate


@intrinsic
def add_row(typing, sums, at, array, start, weight, lanes):
    """sums[at + i] += weight * array[start + i] for one vector of lanes, in float64."""
    source = Vector(array.dtype, len(lanes))
    total = Vector(types.float64, len(lanes))

    def generate(context, builder, signature, arguments):
        place = _pointer(context, builder, sums, arguments[0], arguments[1])
        values = _load(builder, _pointer(context, builder, array, arguments[2], arguments[3]), source)
        if array.dtype != types.float64:
            values = builder.fpext(values, total.llvm)
        scaled = builder.fmul(values, _splat(builder, arguments[4], total.llvm))
        _store(builder, builder.fadd(_load(builder, place, total), scaled), place, total)
        return context.get_dummy_value()

    return types.void(sums, types.intp, array, types.intp, types.float64, lanes), generate


@intrinsic
def add_squared_differences(typing, sums, tile, at, centers, place, shift, feature, lanes):
    """sums + (tile[at + i] - (centers[place + i] - shift[feature + i])) ** 2 for one vector of lanes, in float64."""
    source = Vector(tile.dtype, len(lanes))
    total = Vector(types.float64, len(lanes))

    def generate(context, builder, signature, arguments):
        def wide(array, kind, offset):
            values = _load(builder, _pointer(context, builder, kind, array, offset), source)
            return values if tile.dtype == types.float64 else builder.fpext(values, total.llvm)

        row = wide(arguments[1], tile, arguments[2])
        center = builder.fsub(wide(arguments[3], centers, arguments[4]), wide(arguments[5], shift, arguments[6]))
        difference = builder.fsub(row, center)
        return _call(builder, f"llvm.fma.{total.suffix}", total.llvm, [difference, difference, arguments[0]])

    signature = total(sums, tile, types.intp, centers, types.intp, shift, types.intp, lanes)
    return signature, generate


@intrinsic
def sum_lanes(typing, vector):
    """The sum of the lanes, first to last."""

    def generate(context, builder, signature, arguments):
        zero = ir.Constant(LLVM[vector.lane], -0.0)
        name = f"llvm.vector.reduce.fadd.{vector.suffix}"
        return _call(builder, name, LLVM[vector.lane], [zero, arguments[0]])

    return vector.lane(vector), generate


# ---- memory that Python owns ------------------------------------------------------------------------------


@intrinsic
def strided_view(typing, address, n_rows, n_columns, row_stride, column_stride, like):
    """The matrix at `address` as an array of the type of `like`; strides in bytes."""
    result = types.Array(like, 2, "A")

    def generate(context, builder, signature, arguments):
        array = context.make_array(result)(context, builder)
        data = builder.inttoptr(arguments[0], context.get_data_type(like).as_pointer())
        size = ir.Constant(arguments[0].type, context.get_abi_sizeof(context.get_data_type(like)))
        populate_array(
            array,
            data=data,
            shape=cgutils.pack_array(builder, arguments[1:3]),
            strides=cgutils.pack_array(builder, arguments[3:5]),
            itemsize=size,
            meminfo=None,
        )
        return array._getvalue()

    return result(types.intp, types.intp, types.intp, types.intp, types.intp, like), generate


@intrinsic
def vector_view(typing, address, count, like):
    """The `count` contiguous numbers at `address` as an array of the type of `like`."""
    result = types.Array(like, 1, "C")

    def generate(context, builder, signature, arguments):
        array = context.make_array(result)(context, builder)
        data = builder.inttoptr(arguments[0], context.get_data_type(like).as_pointer())
        size = ir.Constant(arguments[0].type, context.get_abi_sizeof(context.get_data_type(like)))
        populate_array(
            array,
            data=data,
            shape=cgutils.pack_array(builder, [arguments[1]]),
            strides=cgutils.pack_array(builder, [size]),
            itemsize=size,
            meminfo=None,
        )
        return array._getvalue()

    return result(types.intp, types.intp, like), generate


@intrinsic
def call_at(typing, address, arguments, result):
    """Call the function at `address` (jit.address_of) with a tuple of arguments; `result` shows its type."""

    def generate(context, builder, signature, values):
        kinds = [context.get_value_type(argument) for argument in arguments]
        kind = ir.FunctionType(context.get_value_type(result), kinds).as_pointer()
        items = _items(builder, values[1], len(arguments))
        return builder.call(builder.inttoptr(values[0], kind), items)

    return result(types.intp, arguments, result), generate
