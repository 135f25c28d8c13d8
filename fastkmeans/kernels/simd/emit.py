"""The Vector type, and the LLVM instructions that operations are put together from."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import models, register_model

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


def items(builder, value, count):
    return [builder.extract_value(value, i) for i in range(count)]


def emit_splat(builder, scalar, vector):
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None))


def pointer(context, builder, array_type, array, at):
    field = context.data_model_manager[array_type].get_field_position("data")
    return builder.gep(builder.extract_value(array, field), [at])


def emit_load(builder, pointer, vector):
    value = builder.load(builder.bitcast(pointer, vector.llvm.as_pointer()))
    value.align = vector.lane.bitwidth // 8  # scratch is aligned, user rows need not be
    return value


def emit_store(builder, value, pointer, vector):
    instruction = builder.store(value, builder.bitcast(pointer, vector.llvm.as_pointer()))
    instruction.align = vector.lane.bitwidth // 8


def emit_call(builder, name, result, arguments):
    signature = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), arguments)


def offset(builder, at, steps):
    return builder.add(at, ir.Constant(at.type, steps))


def larger(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def smaller(builder, a, b):
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


def halves(builder, value, width):
    """The first `width` lanes, and the next."""
    number = ir.IntType(32)
    masks = ([first + i for i in range(width)] for first in (0, width))
    return [builder.shuffle_vector(value, value, ir.Constant(ir.VectorType(number, width), mask)) for mask in masks]


def index_scalar(builder, value):
    return builder.trunc(value, ir.IntType(32)) if value.type.width > 32 else value


def load_everywhere(context, builder, array_type, array, place, vector):
    """array[place] in every lane."""
    return emit_splat(builder, builder.load(pointer(context, builder, array_type, array, place)), vector.llvm)


def load_spread(context, builder, array_type, array, at, step, m, vector):
    """array[at + m * step] in every lane."""
    place = builder.add(at, builder.mul(step, ir.Constant(step.type, m)))
    return load_everywhere(context, builder, array_type, array, place, vector)


def any_lane(builder, hits, width):
    """Whether any lane of any of these vectors of truth values is true."""
    found = hits[0]
    for hit in hits[1:]:
        found = builder.or_(found, hit)
    return emit_call(builder, f"llvm.vector.reduce.or.v{width}i1", ir.IntType(1), [found])


def widened(builder, value, lane, vector):
    """Lanes of the type `lane` as those of the float64 vector type `vector`."""
    return value if lane == types.float64 else builder.fpext(value, vector.llvm)


def largest_lane(builder, value):
    """The largest lane, of lanes that are numbers: halves against halves, without the care that NaN would take."""
    width = value.type.count
    while width > 1:
        width //= 2
        kind = ir.VectorType(ir.IntType(32), width)
        halves = (ir.Constant(kind, list(range(first, first + width))) for first in (0, width))
        undefined = ir.Constant(value.type, ir.Undefined)
        value = larger(builder, *(builder.shuffle_vector(value, undefined, half) for half in halves))
    return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))
