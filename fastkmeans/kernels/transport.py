"""Rows to clusters of limited sizes, at the least cost: shortest paths on the graph of the clusters alone.

A row costs its squared distance to its center plus the center's price, and lies where that is least. A path from a
cluster that has too many rows to one with too few moves one row along each of its edges; the length of edge (a, b) is
the least that a row of a would cost more in b, the gap. A node more, REST, stands for what the bounds leave open: a
cluster passes on between `least` and `most` rows, and REST takes from one what it gives to another. Prices rise along
each path so that every row still lies where it costs least: this is the proof of the optimum (engine/balanced.py).

Gaps come from a short list of the cheapest rows of each pair, which is filled again by a look through the cluster when
it is used up. A list is kept by its worst entry first; entries whose row has left its cluster are dropped when they
reach the end, where the best is.
"""

import numpy as np

from fastkmeans.kernels.accumulate import accumulate
from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.packing import pack_tile

NOBODY = -1  # no row, in the chains of a cluster's rows
TILE_ROWS = 64


@inline
def _least_priced(sq_dists, prices):
    """Where squared distance plus price is least, the lower center on a tie."""
    best, label = np.inf, 0
    for j in range(len(sq_dists)):
        priced = sq_dists[j] + prices[j]
        if priced < best:
            best, label = priced, j
    return label


@jit
def label_again(
    sq_dists,  # in     (rows, k)
    prices,  # in     (k,)
    labels,  # out    (rows,) as priced_labels has them
):
    """Label rows at other prices."""
    for i in range(len(labels)):
        labels[i] = _least_priced(sq_dists[i], prices)


@jit
def priced_labels(
    rows,  # in     as describe_rows gives them
    start,  # rows of the slab
    stop,
    cosine,
    no_shift,  # in     (d,) zeros of the computing type
    centers,  # in     (d, k) float64, feature by feature
    prices,  # in     (k,)
    sq_dists,  # out    (stop - start, k) by the definition of nearest: float64 sums, features in order
    labels,  # out    (stop - start,) where squared distance plus price is least, the lower center on a tie
    tile,  # scratch (TILE_ROWS * d,) of the computing type
):
    """Measure the rows of a slab against all centers, and label them at the given prices."""
    d, k = centers.shape
    whole = d - d % 4
    for first in range(start, stop, TILE_ROWS):
        count = min(TILE_ROWS, stop - first)
        pack_tile(rows, first, count, count, d, cosine, no_shift, 0, tile, d)
        for i in range(count):
            at, place = i * d, first - start + i
            own = sq_dists[place]
            for j in range(k):
                own[j] = 0.0
            # Four features between two looks at the sums: a row takes 85 ns at d=16 k=50, and 240 with one.
            for f in range(0, whole, 4):
                x0, x1 = np.float64(tile[at + f]), np.float64(tile[at + f + 1])
                x2, x3 = np.float64(tile[at + f + 2]), np.float64(tile[at + f + 3])
                for j in range(k):
                    d0, d1 = x0 - centers[f, j], x1 - centers[f + 1, j]
                    d2, d3 = x2 - centers[f + 2, j], x3 - centers[f + 3, j]
                    own[j] = own[j] + d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3
            for f in range(whole, d):
                x = np.float64(tile[at + f])
                for j in range(k):
                    difference = x - centers[f, j]
                    own[j] += difference * difference
            labels[place] = _least_priced(own, prices)


@jit
def sum_rows(
    rows,  # in     as describe_rows gives them
    start,  # rows of the slab
    stop,
    cosine,
    shift,  # in     (d,)
    shifted,
    labels,  # in     (stop - start,)
    no_weights,  # in     (0,) float64
    tile,  # scratch (TILE_ROWS * stride,)
    stride,
    cluster_sums,  # in/out (k * d + 8,)
    cluster_weights,  # in/out (k,)
):
    """Add the rows of a slab to the sums of their clusters."""
    d = len(shift)
    for first in range(start, stop, TILE_ROWS):
        count = min(TILE_ROWS, stop - first)
        pack_tile(rows, first, count, count, d, cosine, shift, shifted, tile, stride)
        own = labels[first - start : first - start + count]
        accumulate(tile, stride, count, d, own, no_weights, cluster_sums, cluster_weights)


# ---- lists of candidates ----------------------------------------------------------------------------------


@inline
def _insert(lists, pair, key, row):
    """List a row that would cost `key` more, which is below the cutoff: what all rows cost that are not listed."""
    keys, rows, counts, cutoffs = lists
    room, place = keys.shape[1], counts[pair]
    full = place == room
    while place > 0 and keys[pair, place - 1] < key:
        place -= 1
    if full:  # the worst is dropped
        place -= 1
        for q in range(place):
            keys[pair, q], rows[pair, q] = keys[pair, q + 1], rows[pair, q + 1]
    else:
        for q in range(counts[pair], place, -1):
            keys[pair, q], rows[pair, q] = keys[pair, q - 1], rows[pair, q - 1]
        counts[pair] += 1
    keys[pair, place], rows[pair, place] = key, row
    if counts[pair] == room:
        cutoffs[pair] = keys[pair, 0]


@jit
def list_candidates(
    sq_dists,  # in     (n, k)
    order,  # in     (n,) rows by label, ascending
    starts,  # in     (k + 1,) where those of each cluster begin
    a,
    chains,  # out    first row of each cluster (k,), row after and row before each (n,)
    lists,  # out    for each pair of clusters: (k * k, room) keys and rows, (k * k,) counts and cutoffs
    gaps,  # out    (k, k)
):
    """Chain the rows of cluster a, and list the candidates of its pairs."""
    first, after, before = chains
    keys, rows, counts, cutoffs = lists
    k = len(gaps)
    for b in range(k):
        counts[a * k + b], cutoffs[a * k + b], gaps[a, b] = 0, np.inf, np.inf
    cutoffs[a * k + a] = -np.inf
    begin, end = starts[a], starts[a + 1]
    first[a] = order[begin] if begin < end else NOBODY
    for place in range(begin, end):
        row = order[place]
        before[row] = order[place - 1] if place > begin else NOBODY
        after[row] = order[place + 1] if place + 1 < end else NOBODY
        own_dists, limits = sq_dists[row], cutoffs[a * k : a * k + k]
        own, near = own_dists[a], False
        for b in range(k):  # in vectors: few rows are near to any other cluster
            near |= own_dists[b] - own < limits[b]
        if near:
            for b in range(k):
                key = own_dists[b] - own
                if key < limits[b]:
                    _insert(lists, a * k + b, key, row)
    for b in range(k):
        if counts[a * k + b] > 0:
            gaps[a, b] = keys[a * k + b, counts[a * k + b] - 1]


@jit
def _refresh(sq_dists, labels, chains, lists, gaps, a, b):
    """Find the gap of a pair anew, as the best of its list has left; return how many rows were looked at."""
    keys, rows, counts, cutoffs = lists
    first, after, _ = chains
    pair = a * len(gaps) + b
    count = counts[pair]
    while count > 0 and labels[rows[pair, count - 1]] != a:
        count -= 1
    counts[pair] = count
    looks = 0
    if count == 0 and cutoffs[pair] < np.inf:  # others wait beyond the cutoff
        cutoffs[pair] = np.inf
        row = first[a]
        while row != NOBODY:
            key = sq_dists[row, b] - sq_dists[row, a]
            if key < cutoffs[pair]:
                _insert(lists, pair, key, row)
            row = after[row]
            looks += 1
        count = counts[pair]
    gaps[a, b] = keys[pair, count - 1] if count > 0 else np.inf
    return looks


# ---- paths ------------------------------------------------------------------------------------------------


@inline
def _chain(row, a, b, chains):
    """Take a row out of the chain of a and put it first into that of b."""
    first, after, before = chains
    if before[row] != NOBODY:
        after[before[row]] = after[row]
    else:
        first[a] = after[row]
    if after[row] != NOBODY:
        before[after[row]] = before[row]
    before[row], after[row] = NOBODY, first[b]
    if first[b] != NOBODY:
        before[first[b]] = row
    first[b] = row


@jit
def _move_best(sq_dists, labels, chains, lists, gaps, a, b):
    """Move the row that sets the gap of (a, b); bring the gaps of both clusters up to date; return the looks taken."""
    keys, rows, counts, cutoffs = lists
    k = len(gaps)
    row = rows[a * k + b, counts[a * k + b] - 1]
    labels[row] = b
    _chain(row, a, b, chains)
    own, looks = sq_dists[row, b], k
    for j in range(k):
        left, joined = a * k + j, b * k + j
        if counts[left] > 0 and rows[left, counts[left] - 1] == row:
            looks += _refresh(sq_dists, labels, chains, lists, gaps, a, j)
        key = sq_dists[row, j] - own
        if key < cutoffs[joined]:
            _insert(lists, joined, key, row)
            gaps[b, j] = keys[joined, counts[joined] - 1]
    return looks


@jit
def _shortest_path(source, gaps, least, most, prices, kept, excess, dists, reached, parents):
    """Dijkstra from `source` by gaps plus difference of prices; return (nearest node that lacks rows, nodes reached).

    Rounding may leave a length a little below 0: it counts as 0.
    """
    k = len(gaps)
    rest = k
    dists[:] = np.inf
    reached[:] = False
    dists[source], parents[source] = 0.0, source
    n_reached = 0
    while True:
        node, dist = source, np.inf
        for v in range(k + 1):
            if not reached[v] and dists[v] < dist:
                node, dist = v, dists[v]
        reached[node] = True
        n_reached += 1
        if excess[node] < 0:
            return node, n_reached
        price = prices[node]
        for v in range(k):
            edge = gaps[node, v] if node != rest else (0.0 if kept[v] > least else np.inf)
            length = dist + max(edge + (prices[v] - price), 0.0)
            if not reached[v] and length < dists[v]:
                dists[v], parents[v] = length, node
        if node != rest and kept[node] < most:
            length = dist + max(prices[rest] - price, 0.0)
            if not reached[rest] and length < dists[rest]:
                dists[rest], parents[rest] = length, node


@jit
def transport(
    sq_dists,  # in     (n, k)
    labels,  # in/out (n,) of least squared distance plus price
    least,  # rows of a cluster
    most,
    prices,  # in/out (k + 1,) the last is that of REST
    kept,  # in/out (k,) rows that each cluster passes on: least where its price is below that of REST, most if above
    excess,  # in/out (k + 1,) rows of a cluster less those it passes on; those passed on less n
    chains,  # in/out as list_candidates makes them
    lists,  # in/out
    gaps,  # in/out
    looks,  # at rows and at edges, about, after which to return in any case
):
    """Move rows until no cluster has an excess; return whether that is so."""
    k = len(gaps)
    rest = k
    dists, reached, parents = np.empty(k + 1), np.empty(k + 1, np.bool_), np.empty(k + 1, np.int64)
    while looks > 0:
        source = 0
        while source <= rest and excess[source] <= 0:
            source += 1
        if source > rest:
            return True
        sink, n_reached = _shortest_path(source, gaps, least, most, prices, kept, excess, dists, reached, parents)
        looks -= n_reached * k
        for v in range(k + 1):
            if reached[v]:
                prices[v] += dists[sink] - dists[v]
        amount, v = min(excess[source], -excess[sink]), sink
        while v != source:
            u = parents[v]
            if u == rest:
                amount = min(amount, kept[v] - least)
            elif v == rest:
                amount = min(amount, most - kept[u])
            else:
                amount = 1
            v = u
        v = sink
        while v != source:  # from its end, so that no move changes a gap that is still to be used
            u = parents[v]
            if u == rest:
                kept[v] -= amount
            elif v == rest:
                kept[u] += amount
            else:
                looks -= _move_best(sq_dists, labels, chains, lists, gaps, u, v)
            v = u
        excess[source] -= amount
        excess[sink] += amount
    return False
