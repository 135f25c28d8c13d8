"""One slab's share of an iteration for sparse rows: score a tile, find the best, settle, sum.

Lanes hold centers: a stored value is broadcast and meets its column's row of a panel, so a sweep costs what is
stored, not n * k * d. A panel (some vectors of centers, feature by feature, bias first) stays in the second cache
level while a tile of rows meets it; the scores of the tile are kept, and those of a row in doubt need no second sweep.

The bound is that of settle.py with the stored values of the row, m, in place of d: a score is a rounded bias
and m fused steps, each of which rounds a partial sum of at most |x||c| + |c|^2 / 2, so that it is off by at most
slack(m) * (|x|^2 / 2 + |c|^2). The bias holds share * |c|^2 on top, where share is the slack of the fullest row, so

    true score <= computed + slack * |x|^2 / 2,    true score >= computed - slack * (|x|^2 / 2 + |c|^2) - share * |c|^2

and a best that leads by more than slack * (|x|^2 + |c_best|^2) + share * |c_best|^2 is the nearest. The few centers
that reach a row in doubt are scored once more in float64; those that are still as near as rounding may have it
are measured by the definition, over all features.
"""

import numpy as np

from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.memory import aligned
from fastkmeans.kernels.simd import add_squares, fma_tile, keep_two, load, repeat, splat, store, store_tile, sum_lanes
from fastkmeans.kernels.slab import LABELS_ONLY, OWN_INERTIA, WITH_MOVES, WITH_SUMS
from fastkmeans.kernels.sparse import exact_sq_dist, own_sq_dist, read_values, stored_rows

EIGHT = (None,) * 8
ONE = (None,)
SCORE_BYTES = 128 * 1024
MOST_TILE_ROWS = 512
UNIT_VALUES = 1 << 14  # of a tile's rows, converted for cosine


def sparse_shape(lanes, k):
    """(vectors a panel, lanes) for k centers, as tuples of Nones."""
    return (None,) * (1 if k <= len(lanes) else 4), lanes


def sparse_scratch(dtype, d, k, most_stored, shape):
    """What assign_sparse_slab needs for one thread: scores, best of each lane, unit values, one row in float64."""
    vectors, lanes = map(len, shape)
    padded = -(-k // (vectors * lanes)) * vectors * lanes
    room = int(np.clip(SCORE_BYTES // (padded * np.dtype(dtype).itemsize), 8, MOST_TILE_ROWS))
    best = aligned(lanes, dtype), aligned(lanes, dtype), aligned(lanes, np.int32)
    return aligned(room * padded, dtype), best, np.empty(max(UNIT_VALUES, most_stored), dtype), np.zeros(d)


def sparse_slack(dtype, d, most_stored):
    """(slack without values, slack a stored value, share of the bias, own, tiny): see above and settle.py."""
    info = np.finfo(dtype)
    unit = float(info.eps) / 2
    own = 3 * (d + 2) * 2.0**-53  # of the definition's float64 sums and of squared lengths
    fixed, a_value = 1.02 * (8 * unit + own), 1.02 * unit + 2.0 * most_stored * unit * unit
    return fixed, a_value, fixed + a_value * most_stored, own, (4 * d + 16) * float(info.smallest_subnormal)


@jit
def pack_sparse_centers(
    centers,  # in     (k, d)
    share,  # of a squared length, that the bias holds on top
    panels,  # out    (n_panels * (d + 1) * vectors * width,)
    center_norms,  # out    (k,)
    shape,
):
    """Write the centers as panels: bias, then the features, a center in every lane; padding never wins."""
    vectors, lanes = shape
    k, d = centers.shape
    m = len(vectors) * len(lanes)
    center_norms[:] = 0.0
    for panel in range((k + m - 1) // m):
        at, first = panel * (d + 1) * m, panel * m
        count = min(m, k - first)
        for feature in range(d):
            place = at + (feature + 1) * m
            for i in range(count):
                value = centers[first + i, feature]
                panels[place + i] = value
                center_norms[first + i] += np.float64(value) * np.float64(value)
            for i in range(count, m):
                panels[place + i] = 0
        for i in range(m):
            norm = center_norms[first + i] if i < count else 0.0
            panels[at + i] = share * norm - 0.5 * norm if i < count else np.finfo(panels.dtype).min


@inline
def _square_norm(values, first, last):
    """The squared length of a row, in the computing type by vectors."""
    lane = values.dtype.type
    sums = repeat(splat(lane(0), EIGHT), ONE)
    whole = first + (last - first) // 8 * 8
    for q in range(first, whole, 8):
        sums = add_squares(sums, load(values, q, ONE, EIGHT))
    total = sum_lanes(sums[0])
    for q in range(whole, last):
        total += values[q] * values[q]
    return np.float64(total)


@jit
def _settle(values, first, last, columns, begin, scores, at, cut, norm, centers, center_norms, rounding, dense):
    """The nearest center of a row, among those whose scores, from scores[at] on, reach the cut."""
    k, d = centers.shape
    own, tiny = rounding[3], rounding[4]
    slack = 1.02 * (last - first + 8) * 2.0**-53 + own
    best, best_score, reached = 0, -np.inf, 0
    for j in range(k):
        if scores[at + j] >= cut:
            score = -0.5 * center_norms[j]
            for q in range(first, last):
                score += np.float64(values[q]) * np.float64(centers[j, columns[begin + q - first]])
            reached += 1
            if score > best_score:
                best, best_score = j, score
    if reached == 1:
        return best
    nearest, sq_dist = best, np.inf
    for j in range(k):
        if scores[at + j] >= cut:
            score = -0.5 * center_norms[j]
            for q in range(first, last):
                score += np.float64(values[q]) * np.float64(centers[j, columns[begin + q - first]])
            margin = slack * (norm * 1.02 + center_norms[best] + center_norms[j]) + tiny
            if best_score - score <= margin:
                other = exact_sq_dist(values, first, columns, begin, begin + last - first, centers, j, sq_dist, dense)
                if other < sq_dist:
                    nearest, sq_dist = j, other
    return nearest


@inline
def _add_row(values, first, last, columns, begin, d, label, weight, cluster_sums, cluster_weights):
    """Add weight times a row to the sums of a cluster."""
    cluster_weights[label] += weight
    place = np.int64(label) * d
    for q in range(first, last):
        cluster_sums[place + columns[begin + q - first]] += weight * np.float64(values[q])


@inline
def _best_of_lanes(best, lane_best, lane_second, lane_index):
    """(best score, next, lowest center of the best) from those of the lanes."""
    width = len(lane_best)
    top, runner_up, nearest = best, best, np.int64(0)
    for lane in range(width):
        value, j = lane_best[lane], np.int64(lane_index[lane]) * width + lane
        if value > top or (value == top and j < nearest):
            runner_up = max(runner_up, top)
            top, nearest = value, j
        else:
            runner_up = max(runner_up, value)
        runner_up = max(runner_up, lane_second[lane])
    return top, runner_up, nearest


@jit
def assign_sparse_slab(
    rows,
    start,  # rows of the slab
    stop,
    weights,  # in     (stop - start,) or (0,)
    labels,  # in/out (stop - start,) int32
    centers,  # in     (k, d)
    panels,  # in     as pack_sparse_centers writes them
    center_norms,  # in     (k,)
    rounding,  # in     as sparse_slack gives it
    flags,  # in     (cosine, action)
    cluster_sums,  # in/out (k * d + 8,)
    cluster_weights,  # in/out (k,)
    scratch,  # as sparse_scratch makes it
    shape,
):
    """Label the rows of a slab; return (rows whose label changed, rows settled, inertia if asked).

    With moves, in place of the inertia: the sum of the squared lengths of the rows that moved.
    """
    scores, (lane_best, lane_second, lane_index), unit, dense = scratch
    vectors, lanes = shape
    cosine, action = flags
    fixed, a_value, share, _, tiny = rounding
    k, d = centers.shape
    width = len(lanes)
    m = len(vectors) * width
    n_panels = (k + m - 1) // m
    padded = n_panels * m
    room = len(scores) // padded
    lowest = unit.dtype.type(-np.inf)
    begins, columns, stored = stored_rows(rows, stop, unit.dtype.type(0))
    moved, settled, measured = 0, 0, 0.0
    first_row = start
    while first_row < stop:
        base, count = begins[first_row], 0
        values, offset = stored, np.int64(0)
        if cosine:
            values, offset = unit, base
            while count < min(room, stop - first_row) and begins[first_row + count + 1] - base <= len(unit):
                first = begins[first_row + count]
                read_values(stored, first, begins[first_row + count + 1], cosine, unit, first - base)
                count += 1
        else:
            count = min(room, stop - first_row)
        for panel in range(n_panels if action != OWN_INERTIA else 0):
            place = panel * (d + 1) * m
            bias = load(panels, place, vectors, lanes)
            place += m
            for i in range(count):
                sums = (bias,)
                for q in range(begins[first_row + i], begins[first_row + i + 1]):
                    column = load(panels, place + np.int64(columns[q]) * m, vectors, lanes)
                    sums = fma_tile(sums, values, q - offset, 1, column)
                store_tile(scores, i * padded + panel * m, sums)
        for i in range(count):
            row = first_row + i - start
            begin, end = begins[first_row + i], begins[first_row + i + 1]
            first, last = begin - offset, end - offset
            label = np.int64(labels[row])
            before = label
            if action != OWN_INERTIA:
                top = repeat(splat(lowest, lanes), ONE)
                second, index = top, repeat(splat(np.int32(0), lanes), ONE)
                for vector in range(padded // width):
                    tile = (load(scores, i * padded + vector * width, ONE, lanes),)
                    top, second, index = keep_two(top, second, index, tile, vector)
                store(lane_best, 0, top)
                store(lane_second, 0, second)
                store(lane_index, 0, index)
                best, runner_up, label = _best_of_lanes(lowest, lane_best, lane_second, lane_index)
                norm = _square_norm(values, first, last)
                own = fixed + a_value * (last - first)
                margin = own * (1.02 * norm + center_norms[label]) + share * center_norms[label] + tiny
                if np.float64(best) - np.float64(runner_up) <= margin:
                    cut = np.float64(best) - margin * (1 + 1e-6) - tiny
                    label = np.int64(_settle(
                        values, first, last, columns, begin, scores, i * padded, cut, norm, centers, center_norms,
                        rounding, dense,
                    ))  # fmt: skip
                    settled += 1
                moved += before != label
                labels[row] = label
            if action == WITH_SUMS:
                weight = weights[row] if len(weights) else 1.0
                _add_row(values, first, last, columns, begin, d, label, weight, cluster_sums, cluster_weights)
            elif action == WITH_MOVES:
                if before != label:
                    measured += _square_norm(values, first, last)
                    _add_row(values, first, last, columns, begin, d, before, -1.0, cluster_sums, cluster_weights)
                    _add_row(values, first, last, columns, begin, d, label, 1.0, cluster_sums, cluster_weights)
            elif action != LABELS_ONLY:  # inertia, of labels found or given
                weight = weights[row] if len(weights) else 1.0
                measured += weight * own_sq_dist(
                    values, first, columns, begin, end, centers, label, center_norms[label], dense
                )
        first_row += count
    return moved, settled, measured


@jit
def sum_sparse_in_label_order(
    rows,
    n,
    order,  # in     (n,) row numbers sorted by label, ascending within a label
    starts,  # in     (k + 1,) where each label begins in order
    start,  # the part of order to sum
    stop,
    weights,  # in     (n,) or (0,)
    cosine,
    unit,  # scratch (most stored values of a row,)
    own_sums,  # scratch (d,)
    cluster_sums,  # out    (k, d) of the clusters that lie wholly in the part
    cluster_weights,  # out    (k,)
    edge_sums,  # out    (2, d) of the cluster that began before the part, and of the one that goes on after it
    edge_weights,  # out    (2,)
    edge_labels,  # out    (2,) those clusters, -1: none
):
    """As gather.sum_in_label_order, from the stored values: one cluster's sums at a time, which fit a cache."""
    begins, columns, stored = stored_rows(rows, n, unit.dtype.type(0))
    own_weight = np.zeros(1)
    j = np.searchsorted(starts, start, side="right") - 1
    at = start
    while at < stop:
        until = min(starts[j + 1], stop)
        own_sums[:] = 0.0
        own_weight[0] = 0.0
        for i in range(at, until):
            row = np.int64(order[i])
            first, last = begins[row], begins[row + 1]
            weight = weights[row] if len(weights) else 1.0
            if cosine:
                read_values(stored, first, last, cosine, unit, 0)
                _add_row(unit, 0, last - first, columns, first, 0, 0, weight, own_sums, own_weight)
            else:
                _add_row(stored, first, last, columns, first, 0, 0, weight, own_sums, own_weight)
        if starts[j] >= start and starts[j + 1] <= stop:
            cluster_sums[j] = own_sums
            cluster_weights[j] = own_weight[0]
        else:
            edge = 0 if starts[j] < start else 1
            edge_sums[edge] = own_sums
            edge_weights[edge] = own_weight[0]
            edge_labels[edge] = j
        at = until
        j += 1
        while at < stop and starts[j + 1] <= at:
            j += 1
