"""Comparisons: the best of many scores, and whether any lane is beyond a bound."""

from numba import types

from fastkmeans.kernels.jit import intrinsic
from fastkmeans.kernels.simd.emit import any_lane, emit_call, emit_splat, index_scalar, items, larger, offset, smaller


def _keep_two(builder, state, score, ids):
    """Fold one vector of scores into (best, second, index); the earlier center keeps a tie."""
    best, second, index = state
    nearer = builder.fcmp_ordered(">", score, best)
    second = larger(builder, smaller(builder, score, best), second)
    return larger(builder, score, best), second, builder.select(nearer, ids, index)


@intrinsic
def keep_two(typing, best, second, index, tile, first):
    """Fold tile[m][r], the scores of center first + m for the rows in its lanes, into the state of vector r."""
    result = types.Tuple((best, second, index))

    def generate(context, builder, signature, arguments):
        states = list(zip(*(items(builder, arguments[s], len(best)) for s in range(3)), strict=True))
        for m, row in enumerate(items(builder, arguments[3], len(tile))):
            center = index_scalar(builder, offset(builder, arguments[4], m))
            ids = emit_splat(builder, center, index.dtype.llvm)
            scores = items(builder, row, len(tile.dtype))
            states = [_keep_two(builder, state, scores[r], ids) for r, state in enumerate(states)]
        parts = zip((best, second, index), zip(*states, strict=True), strict=True)
        return context.make_tuple(builder, result, [context.make_tuple(builder, t, list(v)) for t, v in parts])

    return result(best, second, index, tile, types.intp), generate


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
