"""Label whole boxes of rows: centers that cannot be nearest anywhere in a box are not met by its rows.

Rows lie in the order of their place in space (ordering.py), in blocks of a few vectors, feature by feature; blocks lie
in groups, and groups in regions. Each has the smallest box around its rows. From region to group to block the list of
centers shrinks: with c* the center nearest to the middle of the box, c is ruled out if c* is nearer even to the corner
of the box that favours c most [1]_ [2]_. A block with one center left takes its sums as they were stored, and no row
is read; the rows of others meet the centers left.

Why a center that is ruled out is never the nearest. x -> |x - c|^2 - |x - c*|^2 is linear, so that its least value over
the box is at the corner v whose feature f is high where c_f > c*_f, else low. Differences and squares of stored values
are never negative, so that the computed T of |v - c|^2 and U of |v - c*|^2 are off by at most `slack` of themselves,
(d + 2) units of roundoff with room to spare, plus `tiny` for underflow; so is the definition's float64 sum for a row x.
|x - c|^2 + |x - c*|^2 is at most 2 (|v - c|^2 + |v - c*|^2) + 4 |high - low|^2. Hence, if

    T - U > slack * (3.3 (T + U) + 4.4 |high - low|^2) + 8 tiny,

the definition finds c* nearer than c for every row of the box: ties keep both. Likewise a row's best center is certain
if the second best exceeds it by 2.2 slack of it and 4 tiny; otherwise the definition settles it among those left.

The sums of a block are a function of its labels alone, stored or not, and groups are summed before they are added: a
fit from a result gives its centers again, whatever was ruled out on the way.

References
----------
.. [1] D. Pelleg, A. Moore, "Accelerating exact k-means algorithms with geometric reasoning", KDD 1999.
.. [2] T. Kanungo et al., "An efficient k-means clustering algorithm: analysis and implementation", IEEE Transactions on
   Pattern Analysis and Machine Intelligence 24(7), 2002.
"""

import numpy as np

from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.packing import lies_as_tile, pack_tile
from fastkmeans.kernels.simd import (
    add_corner_squares,
    add_squares_from,
    add_where_each,
    any_close,
    count_bits,
    differing,
    fold_lanes,
    keep_least,
    keep_nearer,
    lanes_not_beyond,
    least_place,
    load,
    lowest_bit,
    multiply,
    repeat,
    splat,
    store,
    subtract,
    vector_view,
    widen,
)

BLOCK_ROWS = 128
GROUP_BLOCKS = 16
REGION_GROUPS = 16
REGION_BLOCKS = GROUP_BLOCKS * REGION_GROUPS
NOBODY = -1  # label of a row that is not there, and of a block or group whose rows have several
MOST_FEATURES = 8
ONE = (None,)
FOUR = (None,) * 4


def boxes_shape(tile, d):
    """(centers at once, vectors of rows at once, lanes, features), tuples of Nones, for this register tile."""
    return (None,) * 2, (None,) * 4, tile[2], (None,) * d


def distance_slack(dtype, d):
    """(slack, tiny) of squared distances summed in `dtype`, the definition's own rounding included."""
    info = np.finfo(dtype)
    return 1.02 * (d + 3) * (float(info.eps) / 2 + 2.0**-53), (4 * d + 16) * float(info.smallest_subnormal)


# ---- sums of one block ------------------------------------------------------------------------------------


@inline
def add_block(
    columns,  # in     the blocks' rows, feature by feature
    block,
    weights,  # in     (blocks * BLOCK_ROWS,) or (0,)
    labels,  # in     (BLOCK_ROWS,) which of the numbers each row has
    numbers,  # in     (count,) and then numbers that no row has, to a multiple of four
    count,
    shift,  # in     (d,) float64
    sums,  # in/out flat, d + 1 for each number: the rows less shift, then their weight
    shape,
):
    """Add the rows of a block to the sums of their labels. For each label the order of sums is always the same."""
    _, _, lanes, features = shape
    d, width = len(features), len(lanes)
    weighted = len(weights) > 0
    for s in range(0, count, len(FOUR)):
        for feature in range(d):
            totals = repeat(splat(0.0, lanes), FOUR)
            for i in range(0, BLOCK_ROWS, width):
                values = subtract(
                    widen(load(columns, (block * d + feature) * BLOCK_ROWS + i, ONE, lanes)[0]), shift[feature]
                )
                if weighted:
                    values = multiply(values, load(weights, block * BLOCK_ROWS + i, ONE, lanes)[0])
                totals = add_where_each(totals, load(labels, i, ONE, lanes)[0], numbers, s, values)
            for c in range(min(len(FOUR), count - s)):
                sums[numbers[s + c] * (d + 1) + feature] += fold_lanes(totals[c])
        totals = repeat(splat(0.0, lanes), FOUR)
        for i in range(0, BLOCK_ROWS, width):
            values = splat(1.0, lanes)
            if weighted:
                values = load(weights, block * BLOCK_ROWS + i, ONE, lanes)[0]
            totals = add_where_each(totals, load(labels, i, ONE, lanes)[0], numbers, s, values)
        for c in range(min(len(FOUR), count - s)):
            sums[numbers[s + c] * (d + 1) + d] += fold_lanes(totals[c])


# ---- making them ------------------------------------------------------------------------------------------


@inline
def _widen_box(box, at, other, other_at, d):
    """Let the box at `at` hold the other one too."""
    for feature in range(d):
        box[at + feature] = min(box[at + feature], other[other_at + feature])
        box[at + d + feature] = max(box[at + d + feature], other[other_at + d + feature])


@jit
def fill_regions(
    rows,
    order,  # in     (n,) row numbers in the order of space
    starts,  # in     (points + 1,) where the rows of each point begin, equal rows being one point; (0,): each is its own
    row_weights,  # in     (n,) or (0,)
    n_points,
    start,  # regions
    stop,
    cosine,
    shift,  # in     (d,) float64
    columns,  # out
    weights,  # out    (blocks * BLOCK_ROWS,) or (0,): the rows of a point, or their weights
    boxes,  # out    of regions, groups and blocks: flat, low then high corner of each
    sums,  # out    of groups and blocks: flat, the rows less shift, then their weight
    shape,
):
    """Copy the rows of the regions into blocks; find the boxes, and the sums of blocks and groups."""
    _, _, lanes, features = shape
    d = len(features)
    region_boxes, group_boxes, block_boxes = boxes
    group_sums, block_sums = sums
    zero = columns.dtype.type(0)
    row, no_shift = np.empty(d, columns.dtype), np.zeros(d, columns.dtype)
    labels, numbers = np.empty(BLOCK_ROWS, np.int32), np.full(len(FOUR), NOBODY - 1, np.int32)
    numbers[0] = 0
    own = np.empty(d + 1)
    in_place = lies_as_tile(rows, d, d, columns.itemsize, cosine, 0)
    n = len(order)
    stored = vector_view(rows[0], n * d if in_place else 0, zero)
    n_blocks = (n_points + BLOCK_ROWS - 1) // BLOCK_ROWS
    for region in range(start, stop):
        for q in range(d):
            region_boxes[region * 2 * d + q], region_boxes[region * 2 * d + d + q] = np.inf, -np.inf
        last_block = min((region + 1) * REGION_BLOCKS, n_blocks)
        for block in range(region * REGION_BLOCKS, last_block):
            group = block // GROUP_BLOCKS
            if block % GROUP_BLOCKS == 0:
                for q in range(d):
                    group_boxes[group * 2 * d + q], group_boxes[group * 2 * d + d + q] = np.inf, -np.inf
                    group_sums[group * (d + 1) + q] = 0.0
                group_sums[group * (d + 1) + d] = 0.0
            at = block * 2 * d
            for q in range(d):
                block_boxes[at + q], block_boxes[at + d + q] = np.inf, -np.inf
            for i in range(BLOCK_ROWS):
                point = block * BLOCK_ROWS + i
                labels[i] = 0 if point < n_points else NOBODY
                point = min(point, n_points - 1)
                first = starts[point] if len(starts) else point
                number = order[first]
                if len(weights):
                    weight = 0.0
                    for q in range(first, starts[point + 1] if len(starts) else point + 1):
                        weight += row_weights[order[q]] if len(row_weights) else 1.0
                    weights[block * BLOCK_ROWS + i] = weight
                if in_place:
                    for q in range(d):
                        row[q] = stored[np.int64(number) * d + q]
                else:
                    pack_tile(rows, number, 1, 1, d, cosine, no_shift, 0, row, d)
                for q in range(d):
                    value = row[q]
                    columns[(block * d + q) * BLOCK_ROWS + i] = value
                    block_boxes[at + q] = min(block_boxes[at + q], value)
                    block_boxes[at + d + q] = max(block_boxes[at + d + q], value)
            for q in range(d + 1):
                own[q] = 0.0
            add_block(columns, block, weights, labels, numbers, 1, shift, own, shape)
            for q in range(d + 1):
                block_sums[block * (d + 1) + q] = own[q]
                group_sums[group * (d + 1) + q] += own[q]
            _widen_box(group_boxes, group * 2 * d, block_boxes, at, d)
            _widen_box(region_boxes, region * 2 * d, block_boxes, at, d)


@jit
def mark_points(rows, order, start, stop, d, cosine, like, is_new):
    """is_new[i] = whether the row at place i of the order differs from the one before; return how many do."""
    found = 0
    before, own, no_shift = np.empty(d, like.dtype), np.empty(d, like.dtype), np.zeros(d, like.dtype)
    if start > 0:
        pack_tile(rows, order[start - 1], 1, 1, d, cosine, no_shift, 0, own, d)
    for i in range(start, stop):
        before, own = own, before
        pack_tile(rows, order[i], 1, 1, d, cosine, no_shift, 0, own, d)
        same = i > 0
        for q in range(d):
            same = same and own[q] == before[q]
        is_new[i] = not same
        found += not same
    return found


# ---- a pass -----------------------------------------------------------------------------------------------


@inline
def narrow(
    boxes,
    box,  # which of them
    values,  # in     (d * room,) centers feature by feature, `count` of them, then infinity to a whole vector
    numbers,  # in     (room,) which centers they are
    count,
    kept_values,  # out    those that are not ruled out, with a vector of infinity behind them
    kept_numbers,  # out    and numbers that no row has
    bounds,  # in     (slack, tiny)
    middle,  # scratch (d,)
    shape,
):
    """List the centers that are not ruled out for a box; return how many there are."""
    _, _, lanes, features = shape
    d, width = len(features), len(lanes)
    slack, tiny = bounds
    lane = values.dtype.type
    room = len(numbers)
    at = box * 2 * d
    infinity, none = splat(lane(np.inf), lanes), splat(np.int32(0), lanes)
    diagonal = 0.0
    for q in range(d):
        low, high = boxes[at + q], boxes[at + d + q]
        middle[q] = low + (high - low) * lane(0.5)
        diagonal += (np.float64(high) - np.float64(low)) ** 2
    best, place = infinity, none
    for first in range(0, count, width):
        sums = repeat(repeat(splat(lane(0), lanes), ONE), ONE)
        for q in range(d):
            sums = add_squares_from(sums, middle, q, 1, load(values, q * room + first, ONE, lanes))
        best, place = keep_nearer(best, place, sums[0][0], first)
    nearest = least_place(best, place)
    own = middle
    for q in range(d):
        own[q] = values[q * room + nearest]
    slope, base = lane(3.3 * slack), lane(4.4 * slack * diagonal + 8 * tiny)
    kept = 0
    for first in range(0, count, width):
        far, near = splat(lane(0), lanes), splat(lane(0), lanes)
        for q in range(d):
            centers = load(values, q * room + first, ONE, lanes)[0]
            far, near = add_corner_squares(far, near, centers, own[q], boxes[at + q], boxes[at + d + q])
        left = lanes_not_beyond(far, near, slope, base)
        if count - first < width:
            left &= (1 << (count - first)) - 1
        while left != 0:
            i = first + lowest_bit(left)
            left &= left - 1
            for q in range(d):
                kept_values[q * room + kept] = values[q * room + i]
            kept_numbers[kept] = numbers[i]
            kept += 1
    for q in range(d):
        store(kept_values, q * room + kept, (infinity,))
    for i in range(len(FOUR)):
        kept_numbers[kept + i] = NOBODY - 1
    return kept


@inline
def two_nearest(columns, block, values, room, numbers, count, best, second, nearest, bounds, shape):
    """The nearest of `count` centers for every row of a block; return whether any row is in doubt."""
    centers, vectors, lanes, features = shape
    d = len(features)
    slack, tiny = bounds
    lane = best.dtype.type
    slope, base = lane(2.2 * slack), lane(4 * tiny)
    doubt = False
    for i in range(0, BLOCK_ROWS, len(vectors) * len(lanes)):
        least, runner_up = repeat(splat(lane(np.inf), lanes), vectors), repeat(splat(lane(np.inf), lanes), vectors)
        index = repeat(splat(np.int32(0), lanes), vectors)
        for s in range(0, count, len(centers)):
            sums = repeat(repeat(splat(lane(0), lanes), vectors), centers)
            for q in range(d):
                own = load(columns, (block * d + q) * BLOCK_ROWS + i, vectors, lanes)
                sums = add_squares_from(sums, values, q * room + s, 1, own)
            least, runner_up, index = keep_least(least, runner_up, index, sums, numbers, s)
        doubt |= any_close(runner_up, least, least, slope, base)
        store(best, i, least)
        store(second, i, runner_up)
        store(nearest, i, index)
    return doubt


@inline
def settle_block(columns, block, values, room, numbers, count, best, second, nearest, bounds, d):
    """Label the rows in doubt by the definition, among `count` centers in ascending order; return how many."""
    slack, tiny = bounds
    settled = 0
    for i in range(BLOCK_ROWS):
        least = np.float64(best[i])
        if np.float64(second[i]) - least <= 2.2 * slack * (1 + 1e-6) * least + 4 * tiny:
            settled += 1
            lowest = np.inf
            for s in range(count):
                total = 0.0
                for q in range(d):
                    difference = np.float64(columns[(block * d + q) * BLOCK_ROWS + i]) - np.float64(
                        values[q * room + s]
                    )
                    total += difference * difference
                if total < lowest:
                    lowest = total
                    nearest[i] = numbers[s]
    return settled


@inline
def rows_of(starts, first, stop):
    """How many rows the points [first, stop) stand for."""
    return starts[stop] - starts[first] if len(starts) else stop - first


@jit
def label_regions(
    columns,
    weights,  # in     (blocks * BLOCK_ROWS,) or (0,)
    starts,  # in     (points + 1,) or (0,)
    n_points,
    boxes,  # in     of regions, groups and blocks
    sums,  # in     of groups and blocks
    start,  # regions
    stop,
    labels,  # in/out (blocks * BLOCK_ROWS,) of rows in blocks that have several
    block_labels,  # in/out (blocks,) the label of all rows of the block, or NOBODY
    group_labels,  # in/out (groups,)
    centers,  # in     (d * room,) feature by feature, infinity from k on
    numbers,  # in     (room,)
    k,
    shift,  # in     (d,) float64
    bounds,  # in     (slack, tiny)
    with_sums,
    cluster_sums,  # in/out (k * d + 8,)
    cluster_weights,  # in/out (k,)
    shape,
):
    """Label the rows of the regions; return (rows whose label changed, rows settled, pairs of row and center met)."""
    _, _, lanes, features = shape
    d, width, room = len(features), len(lanes), len(numbers)
    region_boxes, group_boxes, block_boxes = boxes
    group_sums, block_sums = sums
    lists = np.empty((3, d * room), centers.dtype)
    region_values, group_values, block_values = lists[0], lists[1], lists[2]
    listed = np.empty((3, room), np.int32)
    region_numbers, group_numbers, block_numbers = listed[0], listed[1], listed[2]
    best, second = np.empty(BLOCK_ROWS, centers.dtype), np.empty(BLOCK_ROWS, centers.dtype)
    nearest, middle = np.empty(BLOCK_ROWS, np.int32), np.empty(d, centers.dtype)
    own_sums = np.zeros(k * (d + 1) if with_sums else 0)
    n_blocks = (n_points + BLOCK_ROWS - 1) // BLOCK_ROWS
    n_groups = (n_blocks + GROUP_BLOCKS - 1) // GROUP_BLOCKS
    moved, settled, swept = 0, 0, 0
    for region in range(start, stop):
        region_count = narrow(
            region_boxes, region, centers, numbers, k, region_values, region_numbers, bounds, middle, shape
        )
        for group in range(region * REGION_GROUPS, min((region + 1) * REGION_GROUPS, n_groups)):
            group_count = narrow(
                group_boxes, group, region_values, region_numbers, region_count, group_values, group_numbers, bounds,
                middle, shape,
            )  # fmt: skip
            label = group_numbers[0] if group_count == 1 else NOBODY
            if label == NOBODY or group_labels[group] != label:
                for block in range(group * GROUP_BLOCKS, min((group + 1) * GROUP_BLOCKS, n_blocks)):
                    first = block * BLOCK_ROWS
                    here = min(BLOCK_ROWS, n_points - first)
                    own_labels = labels[first : first + BLOCK_ROWS]
                    before = block_labels[block]
                    own = label
                    if label == NOBODY:
                        block_count = narrow(
                            block_boxes, block, group_values, group_numbers, group_count, block_values,
                            block_numbers, bounds, middle, shape,
                        )  # fmt: skip
                        if block_count == 1:
                            own = block_numbers[0]
                    if own != NOBODY:
                        if before != own:
                            if before != NOBODY:
                                moved += rows_of(starts, first, first + here)
                            else:
                                for i in range(here):
                                    if own_labels[i] != own:
                                        moved += rows_of(starts, first + i, first + i + 1)
                            block_labels[block] = own
                        if with_sums and label == NOBODY:
                            for q in range(d + 1):
                                own_sums[own * (d + 1) + q] += block_sums[block * (d + 1) + q]
                        continue
                    swept += here * block_count
                    doubt = two_nearest(
                        columns, block, block_values, room, block_numbers, block_count, best, second, nearest, bounds,
                        shape,
                    )  # fmt: skip
                    if doubt:
                        settled += settle_block(
                            columns, block, block_values, room, block_numbers, block_count, best, second, nearest,
                            bounds, d,
                        )  # fmt: skip
                    for i in range(here, BLOCK_ROWS):
                        nearest[i] = NOBODY
                    if before != NOBODY:
                        for i in range(BLOCK_ROWS):
                            own_labels[i] = before if i < here else NOBODY
                        block_labels[block] = NOBODY
                    for i in range(0, BLOCK_ROWS, width):
                        moves = differing(own_labels, nearest, i, lanes)
                        if len(starts):
                            while moves != 0:
                                point = first + i + lowest_bit(moves)
                                moves &= moves - 1
                                moved += rows_of(starts, point, point + 1)
                        else:
                            moved += count_bits(moves)
                        store(own_labels, i, load(nearest, i, ONE, lanes))
                    if with_sums:
                        add_block(
                            columns, block, weights, nearest, block_numbers, block_count, shift, own_sums, shape
                        )
            group_labels[group] = label
            if not with_sums:
                continue
            if label != NOBODY:
                for q in range(d + 1):
                    own_sums[label * (d + 1) + q] = group_sums[group * (d + 1) + q]
            for s in range(group_count):
                j = group_numbers[s]
                for q in range(d):
                    cluster_sums[j * d + q] += own_sums[j * (d + 1) + q]
                    own_sums[j * (d + 1) + q] = 0.0
                cluster_weights[j] += own_sums[j * (d + 1) + d]
                own_sums[j * (d + 1) + d] = 0.0
    return moved, settled, swept


@jit
def scatter_labels(order, starts, labels, block_labels, start, stop, n_points, out):
    """out[row] = the label of every row of the blocks [start, stop)."""
    for block in range(start, stop):
        own = block_labels[block]
        for point in range(block * BLOCK_ROWS, min((block + 1) * BLOCK_ROWS, n_points)):
            label = own if own != NOBODY else labels[point]
            if len(starts):
                for place in range(starts[point], starts[point + 1]):
                    out[order[place]] = label
            else:
                out[order[point]] = label
