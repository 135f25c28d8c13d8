"""From the sums of an iteration to its new centers, its inertia, and whether it was the last."""

import numpy as np

from fastkmeans.kernels.jit import jit

MOVES_FOLLOWED = 16  # iterations from one sum over all rows to the next
MOVES_SHARE = 0.15  # at 1M x 2, k=8 a moved row costs 8 ns, a summed one 1.3 (python -m benchmarks.kernels)

MOVES_REACH = 1e6


@jit
def update_centers(
    cluster_sums,  # in     (k * d + 8,) sums of shifted rows
    cluster_weights,  # in     (k,)
    shift,  # in     (d,)
    cosine,
    n_frozen,  # the first so many centers never move
    centers,  # in     (k, d)
    new_centers,  # out    (k, d) means; a cluster without weight, or of length 0 in cosine, keeps its center
):
    """Write the new centers; return the sum of the squared shifts of the centers."""
    k, d = centers.shape
    center_shift = 0.0
    for j in range(k):
        weight = cluster_weights[j] if j >= n_frozen else 0.0
        scale = 1.0
        if cosine and weight > 0.0:
            squares = 0.0
            for feature in range(d):
                mean = np.float64(shift[feature]) + cluster_sums[j * d + feature] / weight
                squares += mean * mean
            scale = 0.0 if squares == 0.0 else 1.0 / np.sqrt(squares)
        for feature in range(d):
            if weight > 0.0 and scale > 0.0:
                mean = np.float64(shift[feature]) + cluster_sums[j * d + feature] / weight
                new_centers[j, feature] = mean * scale
            else:
                new_centers[j, feature] = centers[j, feature]
            difference = np.float64(new_centers[j, feature]) - np.float64(centers[j, feature])
            center_shift += difference * difference
    return center_shift


@jit
def follows_moves(iteration, last_moved, n, weighted):
    """Whether the sums of an iteration are those before it plus what its moved rows take along.

    `last_moved` counts the rows that moved in the iteration before, n where sums were changed otherwise. Rounding
    must not pile up, so that now and then all rows are summed again; and weights must cancel to exactly 0 where a
    cluster empties, as counts do.
    """
    return not weighted and iteration % MOVES_FOLLOWED != 0 and last_moved <= n * MOVES_SHARE


@jit
def moves_are_sound(moved_spread, n_moved, spread, n):
    """Whether sums that followed moves are as good as sums over all rows.

    A row that is very much longer than the others leaves its rounding behind when it leaves a cluster. Rows that
    moved may be MOVES_REACH times as long as the rows are on average: then what stays is 1e-10 of an average row.
    """
    return moved_spread <= MOVES_REACH * MOVES_REACH * max(1, n_moved) * (spread / n)


@jit
def inertia_from_sums(spread, cluster_sums, cluster_weights, centers, shift):
    """The inertia of the rows around `centers`, from their sums alone.

    sum w |x - c|^2 = sum w |x|^2 - 2 sum c.sums + sum w |c|^2, all about `shift`; `spread` is the first term.
    """
    k, d = centers.shape
    total = spread
    for j in range(k):
        for feature in range(d):
            center = np.float64(centers[j, feature]) - np.float64(shift[feature])
            total += center * (cluster_weights[j] * center - 2.0 * cluster_sums[j * d + feature])
    return max(total, 0.0)


@jit
def count_empty(cluster_weights):
    """How many clusters have no weight."""
    empty = 0
    for j in range(len(cluster_weights)):
        empty += cluster_weights[j] <= 0.0
    return empty


@jit
def sort_by_label(labels, starts, order):
    """Counting sort: order[starts[j] : starts[j + 1]] = the rows labelled j, ascending; starts is (k + 1,)."""
    starts[:] = 0
    for i in range(len(labels)):
        starts[labels[i] + 1] += 1
    for j in range(len(starts) - 1):
        starts[j + 1] += starts[j]
    places = starts.copy()
    for i in range(len(labels)):
        order[places[labels[i]]] = i
        places[labels[i]] += 1
