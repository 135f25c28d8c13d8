"""Label whole boxes of rows: centers that cannot be nearest anywhere in a box are not met by its rows.

Rows lie in blocks in the order of space (box_rows.py), blocks in groups, these in regions and areas; each has the
smallest box around its rows. From area to region, group and block the list of centers shrinks: with c* the center
nearest to the middle of the box, c is ruled out if c* is nearer even to the corner of the box that favours c most [1]_
[2]_. A block with one center left takes its sums as they were stored, and no row is read; the rows of others meet the
centers left.

Why a center that is ruled out is never the nearest. x -> |x - c|^2 - |x - c*|^2 is linear, so that its least value over
the box is at the corner v whose feature f is high where c_f > c*_f, else low. Differences and squares of stored values
are never negative, so that the computed T of |v - c|^2 and U of |v - c*|^2 are off by at most `slack` of themselves,
(d + 2) units of roundoff with room to spare, plus `tiny` for underflow; so is the definition's float64 sum for a row x.
|x - c|^2 + |x - c*|^2 is at most 2 (|v - c|^2 + |v - c*|^2) + 4 |high - low|^2. Hence, if

    T - U > slack * (3.3 (T + U) + 4.4 |high - low|^2) + 8 tiny,

the definition finds c* nearer than c for every row of the box: ties keep both. Likewise a row's best center is certain
if the second best exceeds it by 2.2 slack of it and 4 tiny; otherwise the definition settles it among those left.

The sums of a block are a function of its labels alone, stored or not, and regions are summed before they are added: a
fit from a result gives its centers again, whatever was ruled out on the way.

References
----------
.. [1] D. Pelleg, A. Moore, "Accelerating exact k-means algorithms with geometric reasoning", KDD 1999.
.. [2] T. Kanungo et al., "An efficient k-means clustering algorithm: analysis and implementation", IEEE Transactions on
   Pattern Analysis and Machine Intelligence 24(7), 2002.
"""

import numpy as np

from fastkmeans.kernels.box_rows import (
    AREA_BLOCKS,
    AREA_REGIONS,
    BLOCK_ROWS,
    GROUP_BLOCKS,
    NO_NUMBER,
    NOBODY,
    ONE,
    REGION_BLOCKS,
    add_block,
)
from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.simd import (
    add_corner_squares,
    add_squares_from,
    any_close,
    count_bits,
    keep_least,
    keep_nearer,
    lanes_differing,
    lanes_not_beyond,
    least_place,
    load,
    lowest_bit,
    packed,
    repeat,
    splat,
    store,
)

MOST_FEATURES = 8


def boxes_shape(tile, d):
    """(centers at once, vectors of rows at once, lanes, features), tuples of Nones, for this register tile."""
    return (None,) * 2, (None,) * 4, tile[2], (None,) * d


def distance_slack(dtype, d):
    """(slack, tiny) of squared distances summed in `dtype`, the definition's own rounding included."""
    info = np.finfo(dtype)
    return 1.02 * (d + 3) * (float(info.eps) / 2 + 2.0**-53), (4 * d + 16) * float(info.smallest_subnormal)


@jit
def narrow(
    boxes,  # in     flat, low then high corner of each
    first,  # of them
    last,
    values,  # in     lists of centers, each feature by feature, `room` numbers for each and infinity behind the end
    numbers,  # in     which centers they are
    place,  # where the list begins among the numbers
    room,
    count,  # of the list
    kept_values,  # out    a list for each box, in the same form, `slot` * d apart
    kept_numbers,  # out    and NO_NUMBER for a vector behind its end
    slot,
    counts,  # out    of each list
    bounds,  # in     (slack, tiny)
    middle,  # scratch (d,)
    shape,
):
    """List the centers that are not ruled out for each box."""
    _, _, lanes, features = shape
    d, width, source = len(features), len(lanes), place * len(features)
    slack, tiny = bounds
    lane = values.dtype.type
    infinity, nobody = splat(lane(np.inf), lanes), splat(np.int32(NO_NUMBER), lanes)
    slope = lane(3.3 * slack)
    for box in range(first, last):
        at, target = box * 2 * d, (box - first) * slot
        diagonal = lane(0)
        for q in range(d):
            side = boxes[at + d + q] - boxes[at + q]
            middle[q] = boxes[at + q] + side * lane(0.5)
            diagonal += side * side
        best, at_best = infinity, splat(np.int32(0), lanes)
        for i in range(0, count, width):
            sums = repeat(repeat(splat(lane(0), lanes), ONE), ONE)
            for q in range(d):
                sums = add_squares_from(sums, middle, q, 1, load(values, source + q * room + i, ONE, lanes))
            best, at_best = keep_nearer(best, at_best, sums[0][0], i)
        nearest = least_place(best, at_best)
        base = lane(4.5 * slack * np.float64(diagonal) + 8 * tiny)
        kept = 0
        for i in range(0, count, width):
            far, near = splat(lane(0), lanes), splat(lane(0), lanes)
            for q in range(d):
                centers = load(values, source + q * room + i, ONE, lanes)[0]
                own = values[source + q * room + nearest]
                far, near = add_corner_squares(far, near, centers, own, boxes[at + q], boxes[at + d + q])
            left = lanes_not_beyond(far, near, slope, base, count - i)
            for q in range(d):
                centers = load(values, source + q * room + i, ONE, lanes)[0]
                store(kept_values, (target * d) + q * slot + kept, (packed(centers, left, infinity),))
            store(kept_numbers, target + kept, (packed(load(numbers, place + i, ONE, lanes)[0], left, nobody),))
            kept += count_bits(left)
        for q in range(d):
            store(kept_values, (target * d) + q * slot + kept, (infinity,))
        store(kept_numbers, target + kept, (nobody,))
        counts[box - first] = kept


@inline
def nearest_of_list(columns, block, values, place, slot, numbers, count, best, second, nearest, bounds, shape):
    """The nearest of the `count` centers of a list for every row of a block; return how many rows were settled."""
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
                sums = add_squares_from(sums, values, place * d + q * slot + s, 1, own)
            least, runner_up, index = keep_least(least, runner_up, index, sums, numbers, place + s)
        doubt |= any_close(runner_up, least, least, slope, base)
        store(best, i, least)
        store(second, i, runner_up)
        store(nearest, i, index)
    if not doubt:
        return 0
    return settle_block(columns, block, values, place, slot, numbers, count, best, second, nearest, bounds, d)


@inline
def settle_block(columns, block, values, place, slot, numbers, count, best, second, nearest, bounds, d):
    """Label the rows in doubt by the definition, among the centers of a list, which ascend; return how many."""
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
                    center = np.float64(values[place * d + q * slot + s])
                    difference = np.float64(columns[(block * d + q) * BLOCK_ROWS + i]) - center
                    total += difference * difference
                if total < lowest:
                    lowest = total
                    nearest[i] = numbers[place + s]
    return settled


@inline
def rows_of(starts, first, stop):
    """How many rows the points [first, stop) stand for."""
    return np.int64(starts[stop] - starts[first]) if len(starts) else stop - first


@inline
def take_whole(labels, block_labels, block, n_points, own, starts):
    """Give all rows of a block the label `own`; return how many had another."""
    first, before = block * BLOCK_ROWS, block_labels[block]
    here = min(BLOCK_ROWS, n_points - first)
    moved = 0
    if before == own:
        return moved
    block_labels[block] = own
    if before != NOBODY:
        moved += rows_of(starts, first, first + here)
    else:
        for i in range(first, first + here):
            if labels[i] != own:
                moved += rows_of(starts, i, i + 1)
    return moved


@inline
def take_each(labels, block_labels, block, n_points, nearest, starts, lanes):
    """Give the rows of a block the labels `nearest`; return how many had another."""
    first, before, width = block * BLOCK_ROWS, block_labels[block], len(lanes)
    here = min(BLOCK_ROWS, n_points - first)
    moved = 0
    if here < BLOCK_ROWS:
        for i in range(here, BLOCK_ROWS):
            nearest[i] = NOBODY
    if before != NOBODY:
        for i in range(BLOCK_ROWS):
            labels[first + i] = before if i < here else NOBODY
        block_labels[block] = NOBODY
    for i in range(0, BLOCK_ROWS, width):
        own = load(nearest, i, ONE, lanes)
        moves = lanes_differing(load(labels, first + i, ONE, lanes)[0], own[0])
        store(labels, first + i, own)
        if len(starts):
            while moves != 0:
                point = first + i + lowest_bit(moves)
                moves &= moves - 1
                moved += rows_of(starts, point, point + 1)
        else:
            moved += count_bits(moves)
    return moved


@jit
def label_regions(
    columns,  # in     as fill_blocks makes them
    weights,
    starts,
    n_points,
    boxes,  # in     of all areas, then of all regions, groups and blocks
    block_sums,
    region_sums,
    start,  # regions
    stop,
    labels,  # in/out (blocks * BLOCK_ROWS,) of rows in blocks that have several
    block_labels,  # in/out (blocks,) the label of all rows of the block, or NOBODY
    region_labels,  # in/out (regions,)
    centers,  # in     (d * room,) a list of all, as `narrow` has it
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
    kind, index = centers.dtype, np.int32
    n_blocks = len(block_labels)
    first_region = (n_blocks + AREA_BLOCKS - 1) // AREA_BLOCKS
    first_group = first_region + len(region_labels)
    first_block = first_group + (n_blocks + GROUP_BLOCKS - 1) // GROUP_BLOCKS
    groups, parts = REGION_BLOCKS // GROUP_BLOCKS, GROUP_BLOCKS
    area_values, area_numbers, in_area = np.empty(d * room, kind), np.empty(room, index), np.empty(1, np.int64)
    region_values, region_numbers, in_region = np.empty(d * room, kind), np.empty(room, index), np.empty(1, np.int64)
    group_values, group_numbers = np.empty(groups * d * room, kind), np.empty(groups * room, index)
    block_values, block_numbers = np.empty(parts * d * room, kind), np.empty(parts * room, index)
    in_group, in_block = np.empty(groups, np.int64), np.empty(parts, np.int64)
    best, second, nearest = np.empty(BLOCK_ROWS, kind), np.empty(BLOCK_ROWS, kind), np.empty(BLOCK_ROWS, index)
    middle, four = np.empty(d, kind), np.empty(4)
    own_sums = np.zeros(k * (d + 1) if with_sums else 0)
    moved, settled, swept = 0, 0, 0
    for region in range(start, stop):
        if region == start or region % AREA_REGIONS == 0:
            area = region // AREA_REGIONS
            narrow(boxes, area, area + 1, centers, numbers, 0, room, k, area_values, area_numbers, room, in_area,
                   bounds, middle, shape)  # fmt: skip
        box = first_region + region
        narrow(boxes, box, box + 1, area_values, area_numbers, 0, room, in_area[0], region_values, region_numbers, room,
               in_region, bounds, middle, shape)  # fmt: skip
        begin, end = region * REGION_BLOCKS, min((region + 1) * REGION_BLOCKS, n_blocks)
        label = np.int64(region_numbers[0]) if in_region[0] == 1 else NOBODY
        if label != NOBODY:
            if region_labels[region] != label:
                for block in range(begin, end):
                    moved += take_whole(labels, block_labels, block, n_points, label, starts)
            if with_sums:
                for q in range(d + 1):
                    own_sums[label * (d + 1) + q] = region_sums[region * (d + 1) + q]
        else:
            slot = (in_region[0] + width - 1) // width * width + width
            box = first_group + begin // GROUP_BLOCKS
            last = first_group + (end + GROUP_BLOCKS - 1) // GROUP_BLOCKS
            narrow(boxes, box, last, region_values, region_numbers, 0, room, in_region[0], group_values, group_numbers,
                   slot, in_group, bounds, middle, shape)  # fmt: skip
            for block in range(begin, end):
                group, part = (block - begin) // GROUP_BLOCKS, block % GROUP_BLOCKS
                if part == 0 and in_group[group] > 1:
                    box, last = first_block + block, first_block + min(block + GROUP_BLOCKS, end)
                    narrow(boxes, box, last, group_values, group_numbers, group * slot, slot, in_group[group],
                           block_values, block_numbers, slot, in_block, bounds, middle, shape)  # fmt: skip
                count, place = in_block[part], part * slot
                if in_group[group] == 1 or count == 1:
                    own = np.int64(group_numbers[group * slot] if in_group[group] == 1 else block_numbers[place])
                    moved += take_whole(labels, block_labels, block, n_points, own, starts)
                    if with_sums:
                        for q in range(d + 1):
                            own_sums[own * (d + 1) + q] += block_sums[block * (d + 1) + q]
                    continue
                swept += min(BLOCK_ROWS, n_points - block * BLOCK_ROWS) * count
                settled += nearest_of_list(
                    columns, block, block_values, place, slot, block_numbers, count, best, second, nearest, bounds,
                    shape,
                )  # fmt: skip
                moved += take_each(labels, block_labels, block, n_points, nearest, starts, lanes)
                if with_sums:
                    add_block(
                        columns, block, weights, nearest, block_numbers, place, count, shift, own_sums, four, shape
                    )
        region_labels[region] = label
        if with_sums:
            for s in range(in_region[0]):
                j = np.int64(region_numbers[s])
                for q in range(d):
                    cluster_sums[j * d + q] += own_sums[j * (d + 1) + q]
                    own_sums[j * (d + 1) + q] = 0.0
                cluster_weights[j] += own_sums[j * (d + 1) + d]
                own_sums[j * (d + 1) + d] = 0.0
    return moved, settled, swept
