"""Rows as boxes hold them: in the order of space, in blocks, with the box and the sums of each block.

A block is a few vectors of rows, feature by feature, so that a row lies in every lane. Equal rows may be one point with
a weight. The last block is filled up with its last point, labelled NOBODY.
"""

import numpy as np

from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.packing import pack_tile
from fastkmeans.kernels.simd import (
    add_where_each,
    count_where_each,
    fold_four,
    keep_range,
    load,
    multiply,
    prefetch,
    range_of,
    repeat,
    splat,
    store,
    subtract,
    widen,
)

BLOCK_ROWS = 64
GROUP_BLOCKS = 4
REGION_BLOCKS = 64
AREA_REGIONS = 16
AREA_BLOCKS = REGION_BLOCKS * AREA_REGIONS
NOBODY = -1  # label of a row that is not there, and of a block or region whose rows have several
NO_NUMBER = -2  # in place of a center's number behind the end of a list
ROWS_AHEAD = 32
ONE = (None,)
FOUR = (None,) * 4


@jit
def copy_rows(rows, start, stop, d, cosine, no_shift, copied):
    """Write rows [start, stop) to `copied`, (n * d,) in the computing type."""
    pack_tile(rows, start, stop - start, stop - start, d, cosine, no_shift, 0, copied[start * d : stop * d], d)


@jit
def mark_points(stored, order, start, stop, is_new, shape):
    """is_new[i] = whether the row at place i of the order differs from the one before."""
    d = len(shape[3])
    address, row_bytes = stored.ctypes.data, d * stored.itemsize
    before = np.int64(order[max(start - 1, 0)]) * d
    for i in range(start, stop):
        prefetch(address + order[min(i + ROWS_AHEAD, stop - 1)] * row_bytes)
        own = np.int64(order[i]) * d
        differing = i == 0
        for feature in range(d):
            differing |= stored[own + feature] != stored[before + feature]
        before = own
        is_new[i] = differing


@inline
def add_block(
    columns,  # in     the blocks' rows, feature by feature
    block,
    weights,  # in     (blocks * BLOCK_ROWS,) or (0,)
    labels,  # in     (BLOCK_ROWS,) which of the numbers each row has
    numbers,  # in     flat lists, and NO_NUMBER behind the end of each to a multiple of four
    place,  # where the list begins
    count,
    shift,  # in     (d,) float64
    sums,  # in/out flat, d + 1 for each number: the rows less shift, then their weight
    four,  # scratch (4,)
    shape,
):
    """Add the rows of a block to the sums of their labels. For each label the order of sums is always the same."""
    _, _, lanes, features = shape
    d, width = len(features), len(lanes)
    weighted = len(weights) > 0
    for s in range(0, count, len(FOUR)):
        here = min(len(FOUR), count - s)
        for feature in range(d):
            totals = repeat(splat(0.0, lanes), FOUR)
            for i in range(0, BLOCK_ROWS, width):
                values = widen(load(columns, (block * d + feature) * BLOCK_ROWS + i, ONE, lanes)[0])
                values = subtract(values, shift[feature])
                if weighted:
                    values = multiply(values, load(weights, block * BLOCK_ROWS + i, ONE, lanes)[0])
                totals = add_where_each(totals, load(labels, i, ONE, lanes)[0], numbers, place + s, values)
            store(four, 0, (fold_four(totals),))
            for c in range(here):
                sums[numbers[place + s + c] * (d + 1) + feature] += four[c]
        if weighted:
            totals = repeat(splat(0.0, lanes), FOUR)
            for i in range(0, BLOCK_ROWS, width):
                values = load(weights, block * BLOCK_ROWS + i, ONE, lanes)[0]
                totals = add_where_each(totals, load(labels, i, ONE, lanes)[0], numbers, place + s, values)
            store(four, 0, (fold_four(totals),))
            for c in range(here):
                sums[numbers[place + s + c] * (d + 1) + d] += four[c]
        else:
            counts = repeat(np.int64(0), FOUR)
            for i in range(0, BLOCK_ROWS, width):
                counts = count_where_each(counts, load(labels, i, ONE, lanes)[0], numbers, place + s)
            for c in range(here):
                sums[numbers[place + s + c] * (d + 1) + d] += counts[c]


@jit
def fill_blocks(
    stored,  # in     (n * d,) the rows
    order,  # in     (n,) row numbers in the order of space
    starts,  # in     (points + 1,) where the rows of each point begin in the order; or (0,): each row is a point
    row_weights,  # in     (n,) or (0,)
    n_points,
    start,  # blocks, whole regions of them
    stop,
    shift,  # in     (d,) float64
    columns,  # out
    weights,  # out    (blocks * BLOCK_ROWS,) or (0,): the rows of a point, or their weights
    boxes,  # out    (blocks * 2 * d,) low, then high corner of each block
    block_sums,  # out    (blocks * (d + 1),) the rows less shift, then their weight
    region_sums,  # out    (regions * (d + 1),)
    shape,
):
    """Copy rows into blocks; find the boxes of blocks, and the sums of blocks and regions."""
    _, _, lanes, features = shape
    d, width = len(features), len(lanes)
    lane = columns.dtype.type
    labels, numbers = np.zeros(BLOCK_ROWS, np.int32), np.full(len(FOUR), NO_NUMBER, np.int32)
    numbers[0] = 0
    own, four = np.empty(d + 1), np.empty(len(FOUR))
    address, row_bytes = stored.ctypes.data, d * stored.itemsize
    for block in range(start, stop):
        first = block * BLOCK_ROWS
        for i in range(BLOCK_ROWS):
            point = min(first + BLOCK_ROWS + i, n_points - 1)
            prefetch(address + order[starts[point] if len(starts) else point] * row_bytes)
        for i in range(BLOCK_ROWS):
            point = first + i
            if point >= n_points:
                labels[i] = NOBODY
                point = n_points - 1
            at = np.int64(order[starts[point] if len(starts) else point]) * d
            for q in range(d):
                columns[first * d + q * BLOCK_ROWS + i] = stored[at + q]
        if len(weights):
            for i in range(BLOCK_ROWS):
                point = min(first + i, n_points - 1)
                begin, end = (starts[point], starts[point + 1]) if len(starts) else (point, point + 1)
                weight = 0.0
                for place in range(begin, end):
                    weight += row_weights[order[place]] if len(row_weights) else 1.0
                weights[first + i] = weight
        for q in range(d):
            low, high = splat(lane(np.inf), lanes), splat(lane(-np.inf), lanes)
            for i in range(0, BLOCK_ROWS, width):
                low, high = keep_range(low, high, load(columns, first * d + q * BLOCK_ROWS + i, ONE, lanes)[0])
            boxes[block * 2 * d + q], boxes[block * 2 * d + d + q] = range_of(low, high)
        for q in range(d + 1):
            own[q] = 0.0
        add_block(columns, block, weights, labels, numbers, 0, 1, shift, own, four, shape)
        for q in range(d + 1):
            at = block // REGION_BLOCKS * (d + 1) + q
            block_sums[block * (d + 1) + q] = own[q]
            region_sums[at] = own[q] + (region_sums[at] if block % REGION_BLOCKS else 0.0)


@inline
def _own_sq_dists(columns, labels, block_labels, block, centers, shift, sq_dists, at, shape):
    """sq_dists[at + i] = squared distance of row i of a block to the center of its label."""
    label = block_labels[block]
    for i in range(BLOCK_ROWS):
        sq_dists[at + i] = 0.0
    for q in range(len(shape[3])):
        first = (block * len(shape[3]) + q) * BLOCK_ROWS
        if label != NOBODY:
            center = np.float64(centers[label, q]) - np.float64(shift[q])
            for i in range(BLOCK_ROWS):
                difference = np.float64(columns[first + i] - shift[q]) - center
                sq_dists[at + i] += difference * difference
        else:
            for i in range(BLOCK_ROWS):
                own = max(labels[block * BLOCK_ROWS + i], 0)  # of places without a row
                center = np.float64(centers[own, q]) - np.float64(shift[q])
                difference = np.float64(columns[first + i] - shift[q]) - center
                sq_dists[at + i] += difference * difference


@jit
def own_sq_dists(
    columns,  # in     as fill_blocks makes them
    labels,  # in     (blocks * BLOCK_ROWS,) of rows in blocks that have several
    block_labels,  # in     (blocks,)
    start,  # blocks
    stop,
    centers,  # in     (k, d)
    shift,  # in     (d,)
    sq_dists,  # out    (blocks of these * BLOCK_ROWS,) float64
    shape,
):
    """The squared distance of every row to the center of its label, as distances.own_sq_dists has it."""
    for block in range(start, stop):
        at = (block - start) * BLOCK_ROWS
        _own_sq_dists(columns, labels, block_labels, block, centers, shift, sq_dists, at, shape)


@jit
def own_inertia(columns, weights, n_points, labels, block_labels, start, stop, centers, shift, shape):
    """The sum of weight times own_sq_dists over the rows of the blocks [start, stop)."""
    sq_dists, sums = np.empty(BLOCK_ROWS), np.zeros(BLOCK_ROWS)
    for block in range(start, stop):
        _own_sq_dists(columns, labels, block_labels, block, centers, shift, sq_dists, 0, shape)
        for i in range(n_points - block * BLOCK_ROWS, BLOCK_ROWS):
            sq_dists[i] = 0.0
        if len(weights):
            for i in range(BLOCK_ROWS):
                sums[i] += sq_dists[i] * weights[block * BLOCK_ROWS + i]
        else:
            for i in range(BLOCK_ROWS):
                sums[i] += sq_dists[i]
    total = 0.0
    for i in range(BLOCK_ROWS):
        total += sums[i]
    return total


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
