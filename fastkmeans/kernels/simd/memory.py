"""Vectors from memory and back; columns of rows; arrays over memory that Python owns; calls by address."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import populate_array

from fastkmeans.kernels.jit import intrinsic
from fastkmeans.kernels.simd.emit import Vector, emit_load, emit_store, items, load_spread, offset, pointer


@intrinsic
def load(typing, array, at, vectors, lanes):
    """len(vectors) consecutive vectors of `array`, from element `at` on."""
    vector = Vector(array.dtype, len(lanes))
    result = types.UniTuple(vector, len(vectors))

    def generate(context, builder, signature, arguments):
        loaded = [
            emit_load(
                builder,
                pointer(context, builder, array, arguments[0], offset(builder, arguments[1], r * vector.width)),
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
        for r, value in enumerate(items(builder, arguments[2], len(values))):
            at = offset(builder, arguments[1], r * vector.width)
            emit_store(builder, value, pointer(context, builder, array, arguments[0], at), vector)
        return context.get_dummy_value()

    return types.void(array, types.intp, values), generate


@intrinsic
def store_tile(typing, array, at, tile):
    """Write every vector of the tile, row after row, to `array` from element `at` on."""
    vector, row = tile.dtype.dtype, tile.dtype

    def generate(context, builder, signature, arguments):
        for m, values in enumerate(items(builder, arguments[2], len(tile))):
            for r, value in enumerate(items(builder, values, len(row))):
                at = offset(builder, arguments[1], (m * len(row) + r) * vector.width)
                emit_store(builder, value, pointer(context, builder, array, arguments[0], at), vector)
        return context.get_dummy_value()

    return types.void(array, types.intp, tile), generate


@intrinsic
def store_tile_apart(typing, array, at, stride, tile):
    """Write row m of the tile, vector after vector, to `array` from element at + m * stride on."""
    vector, row = tile.dtype.dtype, tile.dtype

    def generate(context, builder, signature, arguments):
        place = arguments[1]
        for values in items(builder, arguments[3], len(tile)):
            for r, value in enumerate(items(builder, values, len(row))):
                at = offset(builder, place, r * vector.width)
                emit_store(builder, value, pointer(context, builder, array, arguments[0], at), vector)
            place = builder.add(place, arguments[2])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, tile), generate


@intrinsic
def load_broadcast(typing, array, at, step, rows, vectors, lanes):
    """A tile whose row m holds, in every lane of every vector, array[at + m * step]."""
    vector = Vector(array.dtype, len(lanes))
    row = types.UniTuple(vector, len(vectors))
    result = types.UniTuple(row, len(rows))

    def generate(context, builder, signature, arguments):
        tile = []
        for m in range(len(rows)):
            broadcast = load_spread(context, builder, array, *arguments[:3], m, vector)
            tile.append(context.make_tuple(builder, row, [broadcast] * len(vectors)))
        return context.make_tuple(builder, result, tile)

    return result(array, types.intp, types.intp, rows, vectors, lanes), generate


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
            return emit_load(builder, pointer(context, builder, array, arguments[0], place), quad)

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
def load_two_columns(typing, array, at, lanes):
    """Two vectors: the elements at even and at odd places of `array` from `at` on, that is, rows of two turned."""
    vector = Vector(array.dtype, len(lanes))
    result = types.UniTuple(vector, 2)

    def generate(context, builder, signature, arguments):
        places = (arguments[1], offset(builder, arguments[1], vector.width))
        low, high = (
            emit_load(builder, pointer(context, builder, array, arguments[0], place), vector) for place in places
        )
        masks = (range(first, 2 * vector.width, 2) for first in (0, 1))
        kind = ir.VectorType(ir.IntType(32), vector.width)
        columns = [builder.shuffle_vector(low, high, ir.Constant(kind, list(mask))) for mask in masks]
        return context.make_tuple(builder, result, columns)

    return result(array, types.intp, lanes), generate


def _view(context, builder, kind, address, shape, strides):
    """An array of the type `kind` over memory that somebody else owns; strides of None: contiguous."""
    array = context.make_array(kind)(context, builder)
    lane = context.get_data_type(kind.dtype)
    size = ir.Constant(address.type, context.get_abi_sizeof(lane))
    populate_array(
        array,
        data=builder.inttoptr(address, lane.as_pointer()),
        shape=cgutils.pack_array(builder, shape),
        strides=cgutils.pack_array(builder, [size] if strides is None else strides),
        itemsize=size,
        meminfo=None,
    )
    return array._getvalue()


@intrinsic
def strided_view(typing, address, n_rows, n_columns, row_stride, column_stride, like):
    """The matrix at `address` as an array of the type of `like`; strides in bytes."""
    result = types.Array(like, 2, "A")

    def generate(context, builder, signature, arguments):
        return _view(context, builder, result, arguments[0], arguments[1:3], arguments[3:5])

    return result(types.intp, types.intp, types.intp, types.intp, types.intp, like), generate


@intrinsic
def vector_view(typing, address, count, like):
    """The `count` contiguous numbers at `address` as an array of the type of `like`."""
    result = types.Array(like, 1, "C")

    def generate(context, builder, signature, arguments):
        return _view(context, builder, result, arguments[0], [arguments[1]], None)

    return result(types.intp, types.intp, like), generate


def _emit_prefetch(builder, address, locality):
    place = builder.inttoptr(address, ir.IntType(8).as_pointer())
    number = ir.IntType(32)
    hints = [ir.Constant(number, value) for value in (0, locality, 1)]  # to read, how near, data
    kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0"), [place, *hints])


@intrinsic
def prefetch(typing, address):
    """Ask for the cache line at `address`, which may lie anywhere, into the first level."""

    def generate(context, builder, signature, arguments):
        _emit_prefetch(builder, arguments[0], 3)
        return context.get_dummy_value()

    return types.void(types.intp), generate


@intrinsic
def prefetch_far(typing, address):
    """As `prefetch`, into the second level: many more lines can be under way at once."""

    def generate(context, builder, signature, arguments):
        _emit_prefetch(builder, arguments[0], 2)
        return context.get_dummy_value()

    return types.void(types.intp), generate


@intrinsic
def call_at(typing, address, arguments, result):
    """Call the function at `address` (jit.address_of) with a tuple of arguments; `result` shows its type."""

    def generate(context, builder, signature, values):
        kinds = [context.get_value_type(argument) for argument in arguments]
        kind = ir.FunctionType(context.get_value_type(result), kinds).as_pointer()
        passed = items(builder, values[1], len(arguments))
        return builder.call(builder.inttoptr(values[0], kind), passed)

    return result(types.intp, arguments, result), generate
