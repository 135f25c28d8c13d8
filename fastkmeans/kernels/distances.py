"""Squared distances, exactly: by the definition of nearest, and for inertia.

The definition is the float64 sum, over features in ascending order, of (x - c)^2 with x and c as stored. It
settles the rows that a sweep cannot (settle.py). Inertia needs no particular order, so it sums in vectors.
"""

import numpy as np

from fastkmeans.kernels.jit import inline
from fastkmeans.kernels.packing import normalise_row, stored_value
from fastkmeans.kernels.simd import add_squared_differences, splat, sum_lanes

EIGHT = (None,) * 8
FEATURES_A_LOOK = 64  # features between two looks at whether the sum can still win


@inline
def stored_row(rows, i, d, cosine, lane_row, row):
    """Write row i as the definition reads it to `row` (float64): as stored, or its unit row for cosine."""
    address, row_bytes, column_bytes, code, swapped, _, _ = rows
    address += i * row_bytes
    if cosine:
        for feature in range(d):
            lane_row[feature] = stored_value(address + feature * column_bytes, code, swapped)
        normalise_row(lane_row, 0, d)
        for feature in range(d):
            row[feature] = lane_row[feature]
    else:
        for feature in range(d):
            row[feature] = stored_value(address + feature * column_bytes, code, swapped)


@inline
def defined_sq_dist(row, centers, j, d, limit):
    """The definition's squared distance of `row` to center j; any value >= limit where it is not below it."""
    total = 0.0
    feature = 0
    while feature < d:
        until = min(feature + FEATURES_A_LOOK, d)
        while feature < until:
            difference = row[feature] - np.float64(centers[j, feature])
            total += difference * difference
            feature += 1
        # Sums of squares only grow, rounding included, so an early end cannot reject a winner.
        if total >= limit:
            return total
    return total


@inline
def own_sq_dists(
    tile,  # in     (count * stride,) packed rows
    stride,
    count,
    d,
    labels,  # in     (count,) negative: leave the row out
    flat_centers,  # in     (k * d,)
    shift,  # in     (d,)
    sq_dists,  # out    (count,) float64, 0 for rows left out
):
    """The squared distance of every packed row to the center of its label, in any order of features."""
    sq_dists_of(tile, stride, labels[:0], count, d, labels, flat_centers, shift, sq_dists)


@inline
def sq_dists_of(tile, stride, numbers, count, d, labels, flat_centers, shift, sq_dists):
    """As own_sq_dists, of the rows of the tile with these `numbers`; (0,): of all of them.

    The loop over rows is in here: a call a row would count references to five arrays, 160 cycles a row.
    """
    whole = d - d % 8
    for i in range(count):
        total = 0.0
        if labels[i] >= 0:
            at, place = (numbers[i] if len(numbers) else i) * stride, np.int64(labels[i]) * d
            if whole:
                sums = splat(0.0, EIGHT)
                for feature in range(0, whole, 8):
                    sums = add_squared_differences(
                        sums, tile, at + feature, flat_centers, place + feature, shift, feature, EIGHT
                    )
                total = sum_lanes(sums)
            for feature in range(whole, d):
                center = np.float64(flat_centers[place + feature]) - np.float64(shift[feature])
                difference = np.float64(tile[at + feature]) - center
                total += difference * difference
        sq_dists[i] = total
