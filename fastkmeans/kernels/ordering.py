"""Rows in the order of their place in space: Morton keys, sorted by radix.

A key interleaves the bits of a row's coordinates, all cut to the same grid, so that rows that follow each other lie
together. It is only an order: rows beyond the grid count as at its edge, and no label depends on it. A sort is one
cut into buckets by the highest bits, side by side over slabs, then each bucket by itself while it is in cache. Equal
keys keep the order of the rows, so that the order is one, whatever the number of threads.
"""

import numpy as np

from fastkmeans.kernels.jit import jit

KEY_BITS = 32
FEATURE_BITS = 16
TOP_BITS = 11  # of the cut into buckets: 16 KB of places, half of L1
LOW_DIGIT = 11
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
    far = np.uint64(8 * d)
    for i in range(start, stop):
        key = np.uint64(0)
        for feature in range(d):
            place = (stored[i * d + feature] - low[feature]) * scale
            place = place if place > lane(0) else lane(0)
            cell = np.uint32(place if place < most else most)
            own = spread[cell & np.uint32(255)] | (spread[cell >> np.uint32(8)] << far)
            key |= own << np.uint64(feature)
        keys[i] = key
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
