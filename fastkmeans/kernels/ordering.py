"""Rows in the order of their place in space: places on Hilbert's curve [1]_, sorted by radix.

Coordinates are cut to one grid; a key is the number of a row's cell along the curve, which never jumps, so that rows
that follow each other lie together: 64 of them, 1M x 2 with 1000 clusters, meet 1.9 centers, and 3.2 in Morton's order.
It is only an order: rows beyond the grid count as at its edge, and no label depends on it. The sort is one cut into
buckets by the highest bits, side by side over slabs, then each bucket by itself while it is in cache. Equal keys keep
the order of the rows, so that the order is one, whatever the number of threads.

References
----------
.. [1] J. Skilling, "Programming the Hilbert curve", AIP Conference Proceedings 707, 2004.
"""

import numpy as np

from fastkmeans.kernels.jit import inline, jit

KEY_BITS = 32
FEATURE_BITS = 16
TOP_BITS = 11  # of the cut into buckets: 16 KB of places, half of L1
LOW_DIGIT = 11
CURVE_LEVELS = 10  # beyond them, cells are so small that their order does not matter
TILE_ROWS = 256
FEW = 24  # rows that are put in order one by one

ROW_BITS = np.uint64(32)
ROW_MASK = np.uint64((1 << 32) - 1)


def bits_a_feature(d):
    """Bits of a key for each of d features."""
    return min(FEATURE_BITS, KEY_BITS // d)


def spread_bits(d):
    """(256,) the bits of every byte, d - 1 zeros between them."""
    values = np.arange(256, dtype=np.uint64)
    return sum(((values >> np.uint64(bit)) & np.uint64(1)) << np.uint64(bit * d) for bit in range(8))


@inline
def along_curve(cells, count, d, bits):
    """Turn grid cells into the transposed numbers of their places on Hilbert's curve [1]_, for `count` rows at once."""
    for level in range(bits - 1, max(0, bits - 1 - CURVE_LEVELS), -1):
        below = np.uint32((1 << level) - 1)
        for feature in range(d):
            for i in range(count):
                first, own = cells[0, i], cells[feature, i]
                is_set = np.uint32(0) - ((own >> np.uint32(level)) & np.uint32(1))
                swap = (first ^ own) & below & ~is_set
                cells[0, i] = first ^ swap ^ (below & is_set)
                if feature > 0:
                    cells[feature, i] = own ^ swap
    for feature in range(1, d):
        for i in range(count):
            cells[feature, i] ^= cells[feature - 1, i]
    for i in range(count):
        turned = cells[d - 1, i] >> np.uint32(1)
        for shift in range(4):
            turned ^= turned >> np.uint32(1 << shift)
        for feature in range(d):
            cells[feature, i] ^= turned


@jit
def make_keys(
    stored,  # in     (n * d,) the rows
    start,  # rows of the slab
    stop,
    low,  # in     (d,) corner of the grid
    scale,  # grid steps for a unit of length
    spread,  # in     (256,) as spread_bits gives it
    bits,  # of a feature
    top_shift,  # bits of a key below those that tell its bucket
    keys,  # out    (n,) uint32
    counts,  # in/out (buckets,) rows of the slab in each bucket
    shape,
):
    """Write the keys of the rows of a slab, and count its buckets."""
    d = len(shape[3])
    lane = stored.dtype.type
    most = lane((1 << bits) - 1)
    far = np.uint64(min(8 * d, 63))  # of the bits from the ninth on; there are none where d is 8
    cells = np.empty((d, TILE_ROWS), np.uint32)
    for first in range(start, stop, TILE_ROWS):
        count = min(TILE_ROWS, stop - first)
        for feature in range(d):
            for i in range(count):
                place = (stored[(first + i) * d + feature] - low[feature]) * scale
                place = place if place > lane(0) else lane(0)
                cells[feature, i] = np.int32(place if place < most else most)
        along_curve(cells, count, d, bits)
        for i in range(count):
            key = np.uint64(0)
            for feature in range(d):
                cell = cells[d - 1 - feature, i]
                own = spread[cell & np.uint32(255)] | (spread[cell >> np.uint32(8)] << far)
                key |= own << np.uint64(feature)
            keys[first + i] = key
            counts[key >> np.uint64(top_shift)] += 1


@jit
def cut_into_buckets(
    keys,
    start,
    stop,
    top_shift,
    places,  # in/out (buckets,) where the slab's next row of each bucket goes
    pairs,  # out    (n,) uint64: key, then row number
):
    """Put the keys of a slab, with the numbers of their rows, into their buckets."""
    for i in range(start, stop):
        key = np.uint64(keys[i])
        bucket = key >> np.uint64(top_shift)
        place = places[bucket]
        places[bucket] = place + 1
        pairs[place] = key << ROW_BITS | np.uint64(i)


@jit
def sort_buckets(
    pairs,  # in/out (n,)
    edges,  # in     (buckets + 1,)
    first_bucket,
    last_bucket,
    low_bits,  # of a key, that differ within a bucket
    order,  # out    (n,) int32
):
    """Sort the pairs of these buckets; write their row numbers, and return how many different keys there are."""
    most = 0
    for bucket in range(first_bucket, last_bucket):
        most = max(most, edges[bucket + 1] - edges[bucket])
    spare = np.empty(most, np.uint64)
    counts = np.empty(1 << LOW_DIGIT, np.int64)
    distinct = 0
    for bucket in range(first_bucket, last_bucket):
        begin, count = edges[bucket], edges[bucket + 1] - edges[bucket]
        if count == 0:
            continue
        own = pairs[begin : begin + count]
        if count <= FEW:
            for i in range(1, count):
                pair = own[i]
                at = i
                while at > 0 and own[at - 1] > pair:
                    own[at] = own[at - 1]
                    at -= 1
                own[at] = pair
        else:
            digits = (low_bits + LOW_DIGIT - 1) // LOW_DIGIT
            digit_bits = (low_bits + digits - 1) // max(digits, 1)
            source, target = own, spare[:count]
            for digit in range(digits):
                shift = np.uint64(32 + digit * digit_bits)
                mask = np.uint64((1 << digit_bits) - 1)
                for c in range(1 << digit_bits):
                    counts[c] = 0
                for i in range(count):
                    counts[(source[i] >> shift) & mask] += 1
                total = 0
                for c in range(1 << digit_bits):
                    here = counts[c]
                    counts[c] = total
                    total += here
                for i in range(count):
                    pair = source[i]
                    place = (pair >> shift) & mask
                    target[counts[place]] = pair
                    counts[place] += 1
                source, target = target, source
            if digits % 2:
                for i in range(count):
                    own[i] = source[i]
        last = ROW_MASK
        for i in range(count):
            key = own[i] >> ROW_BITS
            distinct += i == 0 or key != last
            last = key
            order[begin + i] = own[i] & ROW_MASK
    return distinct
