"""Whole iterations of a small fit inside one compiled call, over the same verbs and slabs as engine/lloyd.py.

It hands back to Python what is rare: an empty cluster to fill, the end of a piece of work (an interrupt must
not wait), convergence. Sums of slabs merge in the same tree, walked depth first.
"""

import numpy as np

from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.packing import pack_centers
from fastkmeans.kernels.slab import WITH_MOVES, WITH_SUMS, assign_slab
from fastkmeans.kernels.update import count_empty, follows_moves, inertia_from_sums, moves_are_sound, update_centers


@inline
def set_zero(sums):
    """sums = 0."""
    for i in range(len(sums)):
        sums[i] = 0.0


@inline
def add_to(left, right):
    """left += right."""
    for i in range(len(left)):
        left[i] += right[i]


GOING_ON, CLOSE_ENOUGH, LABELS_STAY, EMPTY_CLUSTER = range(4)


@jit
def small_fit(
    address,  # of the slab kernel
    rows,
    cuts,  # in     (n_slabs + 1,) boundaries of the slabs
    weights,  # in     (n,) or (0,)
    labels,  # in/out (n,)
    centers,  # in/out (k, d)
    spare,  # scratch (k, d)
    shift,
    panels,  # scratch
    center_norms,  # scratch
    rounding,  # in     (slack, tiny)
    flags,  # in     (cosine, shifted)
    n_frozen,  # the first so many centers never move
    spread,  # in     sum w |x - shift|^2
    tol,
    n_before,  # iterations done before this call
    history,  # out    (n_iterations, 3) inertia, center shift, rows moved
    last_moved,  # rows that moved in the iteration before this call, as follows_moves takes it
    cluster_sums,  # in/out (k * d + 8,) of the last iteration
    cluster_weights,  # in/out (k,)
    sums_stack,  # scratch (levels, k * d + 8)
    weights_stack,  # scratch (levels, k)
    scratch,
    shape,
):
    """Run up to len(history) iterations; return (how it ended, iterations finished, rows moved in the last)."""
    slack, tiny = rounding
    cosine, shifted = flags
    n_slabs = len(cuts) - 1
    for iteration in range(len(history)):
        pack_centers(centers, shift, slack, panels, center_norms, shape)
        largest = 0.0
        for j in range(len(center_norms)):
            largest = max(largest, center_norms[j])
        bounds = (slack, tiny, largest)
        follow = follows_moves(n_before + iteration, last_moved, cuts[n_slabs], len(weights) > 0)
        moved, top, moved_spread = 0, 0, 0.0
        for slab in range(2 * n_slabs):  # a second time where moves turn out not to be sound
            start, stop = cuts[slab % n_slabs], cuts[slab % n_slabs + 1]
            set_zero(sums_stack[top])
            set_zero(weights_stack[top])
            own = weights[start:stop] if len(weights) else weights
            slab_moved, _, slab_spread = assign_slab(
                address, rows, start, stop, own, labels[start:stop], centers, shift, panels, center_norms, bounds,
                (cosine, shifted, np.int64(WITH_MOVES if follow else WITH_SUMS)), sums_stack[top], weights_stack[top],
                scratch, shape,
            )  # fmt: skip
            moved += slab_moved
            moved_spread += slab_spread
            top += 1
            # Every pair of equal height merges at once; after the last slab the rest merges, latest first.
            pairs = slab % n_slabs + 1
            last = pairs == n_slabs
            while top > 1 and (pairs % 2 == 0 or last):
                add_to(sums_stack[top - 2], sums_stack[top - 1])
                add_to(weights_stack[top - 2], weights_stack[top - 1])
                top -= 1
                pairs //= 2
            if last and (not follow or moves_are_sound(moved_spread, moved, spread, cuts[n_slabs])):
                break
            if last:
                follow, top = False, 0
        if not follow:
            set_zero(cluster_sums)
            set_zero(cluster_weights)
        add_to(cluster_sums, sums_stack[0])
        add_to(cluster_weights, weights_stack[0])
        last_moved = moved if n_before + iteration > 0 else cuts[n_slabs]
        if count_empty(cluster_weights[n_frozen:]) > 0:
            return EMPTY_CLUSTER, iteration, moved
        history[iteration, 0] = inertia_from_sums(spread, cluster_sums, cluster_weights, centers, shift)
        history[iteration, 1] = 0.0
        history[iteration, 2] = moved
        if (moved == 0 and n_before + iteration > 0) or n_frozen == len(centers):
            return LABELS_STAY, iteration + 1, moved
        center_shift = update_centers(cluster_sums, cluster_weights, shift, cosine, n_frozen, centers, spare)
        history[iteration, 1] = center_shift
        for j in range(len(centers)):
            for feature in range(centers.shape[1]):
                centers[j, feature] = spare[j, feature]
        if center_shift <= tol:
            return CLOSE_ENOUGH, iteration + 1, moved
    return GOING_ON, len(history), np.int64(-1)
