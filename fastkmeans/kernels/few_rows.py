"""Whole fits of few rows, one after the other in one compiled call: sums of columns, first centers, iterations, end.

For thousands of small problems, where Python's share of a fit is twenty times the arithmetic. Nothing here is a
second way to fit: iterations are those of small_fit.py, passes those of slab.py with all rows in one slab, and sums of
columns and k-means++ add in the order of engine/moments.py and engine/plus_plus.py (FewRows), so that a fit has the
bits that it has alone. What is rare (an empty cluster, a value that no fit can use) is left to the ordinary way.
"""

import numpy as np

from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.packing import pack_centers, pack_tile
from fastkmeans.kernels.slab import OWN_INERTIA, WITH_INERTIA, WITH_SUMS, assign_slab
from fastkmeans.kernels.small_fit import EMPTY_CLUSTER, GOING_ON, LABELS_STAY, set_zero, small_fit
from fastkmeans.kernels.update import count_empty, follows_moves, update_centers

GIVEN, PLUS_PLUS, RANDOM = range(3)  # where first centers come from
LEVELS = 3  # of small_fit's stacks, for one slab


@inline
def _rows_of(places, reading, i):
    """Problem i's rows as packing.describe_rows gives them."""
    return (places[i, 0], places[i, 1], places[i, 2], places[i, 3], places[i, 4], reading[0], reading[1])


@inline
def _read(rows, n, d, cosine, tile):
    """All n rows, in the computing type, of length 1 for cosine."""
    zero = np.int64(0)
    pack_tile(rows, zero, zero + n, zero + n, d, cosine, tile, 0, tile, d)


@jit
def sums_of_columns(
    places,  # in     (m, 5) address, strides, dtype code, swapped of every problem
    reading,  # (reader, turner)
    sizes,  # in     (m,) rows
    weights,  # in     of all rows of weighted problems
    weight_cuts,  # in     (m + 1,) whose they are
    cosine,
    limit,  # in     (1,) what no value may exceed in size, in the computing type
    origins,  # out    (m, d) the first rows
    sums,  # out    (4, m, d) about these: sums and squares, without weights and with them
    usable,  # out    (m,) whether a fit can use all values
):
    """What engine/moments.py has of each problem, the rows added one after the other."""
    m, d = origins.shape
    most = 0
    for i in range(m):
        most = max(most, sizes[i])
    tile = np.empty(most * d, limit.dtype)
    for i in range(m):
        n, own = sizes[i], weights[weight_cuts[i] : weight_cuts[i + 1]]
        rows = _rows_of(places, reading, i)
        _read(rows, n, d, 0, tile)
        good = True
        for q in range(n * d):
            good &= abs(tile[q]) <= limit[0]
        if good and cosine:
            _read(rows, n, d, cosine, tile)
            for row in range(n):
                squares = 0.0
                for feature in range(d):
                    squares += np.float64(abs(tile[row * d + feature]))
                good &= squares > 0.0
        usable[i] = good
        for feature in range(d):
            origins[i, feature] = tile[feature] if good else 0.0
            for kind in range(4):
                sums[kind, i, feature] = 0.0
        for row in range(n if good else 0):
            for feature in range(d):
                value = np.float64(tile[row * d + feature]) - origins[i, feature]
                square = value * value
                sums[0, i, feature] += value
                sums[1, i, feature] += square
                if len(own):
                    sums[2, i, feature] += own[row] * value
                    sums[3, i, feature] += own[row] * square
        if len(own) == 0:
            for feature in range(d):
                sums[2, i, feature] = sums[0, i, feature]
                sums[3, i, feature] = sums[1, i, feature]


@inline
def _draw(n, seed, uniforms, numbers, count):
    """The first `count` rows that ArrayRows.sample draws of n without weights: those of the largest uniform numbers."""
    for i in range(n):
        z = np.uint64(i) * np.uint64(0x9E3779B97F4A7C15) + seed
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
        uniforms[i] = (np.float64(z >> np.uint64(11)) + 0.5) * 2.0**-53
    for drawn in range(count):
        best = 0
        for i in range(1, n):
            if uniforms[i] > uniforms[best]:
                best = i
        numbers[drawn] = best
        uniforms[best] = -1.0


@inline
def _measure(columns, n, d, row, sq_dists):
    """Squared distances of all rows to one of them, in the computing type, features in order."""
    for i in range(n):
        sq_dists[i] = 0
    for feature in range(d):
        at = feature * n
        value = columns[at + row]
        for i in range(n):
            difference = columns[at + i] - value
            sq_dists[i] += difference * difference


@inline
def _plus_plus(columns, n, d, weights, k, n_trials, uniforms, chosen, closest, left, best_left, running):
    """Choose the rows after chosen[0] by greedy k-means++, as FewRows does; return whether there were any left to draw.

    `uniforms` are (k * n_trials,), those of step 0 unused.
    """
    _measure(columns, n, d, chosen[0], closest)
    for step in range(1, k):
        total, last = 0.0, 0
        for i in range(n):
            share = (weights[i] if len(weights) else 1.0) * np.float64(closest[i])
            total += share
            running[i] = total
            if share != 0.0:
                last = i
        if not total > 0.0:
            return False
        least = 0.0
        for trial in range(n_trials):
            drawn = np.searchsorted(running[:n], uniforms[step * n_trials + trial] * total, side="right")
            row = min(drawn, last)
            _measure(columns, n, d, row, left)
            for i in range(n):
                left[i] = min(closest[i], left[i])
            potential = 0.0
            for i in range(n):
                potential += np.float64(left[i]) * (weights[i] if len(weights) else 1.0)
            if trial == 0 or potential < least:
                least = potential
                chosen[step] = row
                for i in range(n):
                    best_left[i] = left[i]
        for i in range(n):
            closest[i] = best_left[i]
    return True


@inline
def _means_stay(
    address, rows, n, weights, labels, centers, spare, shift, panels, center_norms, rounding, flags, history, n_iter,
    cluster_sums, cluster_weights, looks, scratch, shape,
):  # fmt: skip
    """What _Fit.settle of engine/lloyd.py does, `looks` times at most; return whether the labels are the centers'."""
    slack, tiny = rounding
    cosine, shifted = flags
    at, zero = n_iter - 2, np.int64(0)
    if at < 1 or not follows_moves(at, np.int64(history[at - 1, 2]), n, len(weights) > 0):
        return True
    for _ in range(looks):
        bounds = _prepare(centers, shift, slack, tiny, panels, center_norms, shape)
        set_zero(cluster_sums)
        set_zero(cluster_weights)
        assign_slab(
            address, rows, zero, n, weights, labels, centers, shift, panels, center_norms, bounds,
            (cosine, shifted, np.int64(WITH_SUMS)), cluster_sums, cluster_weights, scratch, shape,
        )  # fmt: skip
        if count_empty(cluster_weights) > 0:
            return True
        update_centers(cluster_sums, cluster_weights, shift, cosine, np.int64(0), centers, spare)
        same = True
        for j in range(len(centers)):
            for feature in range(centers.shape[1]):
                same &= centers[j, feature] == spare[j, feature]
        if same:
            return True
        for j in range(len(centers)):
            for feature in range(centers.shape[1]):
                centers[j, feature] = spare[j, feature]
    return False


@inline
def _prepare(centers, shift, slack, tiny, panels, center_norms, shape):
    """Pack the centers; return the bounds of a pass against them."""
    pack_centers(centers, shift, slack, panels, center_norms, shape)
    largest = 0.0
    for j in range(len(center_norms)):
        largest = max(largest, center_norms[j])
    return slack, tiny, largest


@jit
def few_fits(
    address,  # of the slab kernel
    places,  # in     (m, 5) as in sums_of_columns
    reading,
    sizes,  # in     (m,) rows
    clusters,  # in     (m,)
    weights,
    weight_cuts,
    usable,  # in     (m,) problems that are not are left out
    start,  # GIVEN, PLUS_PLUS or RANDOM
    numbers,  # in/out (m, n_init, most clusters) rows that are first centers; -1 where they are to be drawn
    seeds,  # in     (m, n_init) uint64, of these draws
    uniforms,  # in     flat: (clusters, trials) numbers a run, run after run
    trials,  # in     (m,) a step of k-means++
    shifts,  # in     (m, d)
    spreads,  # in     (m,)
    tols,  # in     (m,)
    rounding,  # (slack, tiny)
    cosine,
    max_iter,
    most_iterations,  # runs that have not ended by then are left to others
    looks,  # at means, once labels stay
    centers,  # in/out flat; the first ones, where they are given
    center_cuts,  # in     (m + 1,)
    labels,  # out    flat
    label_cuts,  # in     (m + 1,)
    inertias,  # out    (m,)
    n_iters,  # out    (m,) 0 where the problem was left
    kept_runs,  # out    (m,) which of the runs was kept
    converged,  # out    (m,)
    history,  # out    (m * most_iterations, 3) inertia, center shift, rows moved; fit after fit
    scratch,
    shape,
):
    """Fit every problem n_init times and keep the best run, the first of equals; return the iterations in `history`."""
    m, n_init = seeds.shape
    d = shifts.shape[1]
    lanes = len(shape[0])
    n, k = 0, 0
    for i in range(m):
        n, k = max(n, sizes[i]), max(k, clusters[i])
    tile, columns = np.empty(n * d, centers.dtype), np.empty(n * d, centers.dtype)
    closest, left, best_left = np.empty(n, centers.dtype), np.empty(n, centers.dtype), np.empty(n, centers.dtype)
    running, own_labels = np.empty(n), np.empty(n, np.int32)
    flat_centers, flat_spare = np.empty(k * d, centers.dtype), np.empty(k * d, centers.dtype)
    panels, norms = np.empty((k + lanes - 1) // lanes * lanes * (d + 1), centers.dtype), np.empty(k)
    flat_sums, own_weights = np.empty(k * d + 8), np.empty(k)
    sums_stack, weights_stack = np.empty(LEVELS * (k * d + 8)), np.empty(LEVELS * k)
    steps, best_steps = np.empty((most_iterations, 3)), np.empty((most_iterations, 3))
    cuts = np.zeros(2, np.int64)
    slack, tiny = rounding
    at_uniform, filled = 0, 0
    zero = np.int64(0)
    for i in range(m):
        n, k = sizes[i], clusters[i]
        rows, shift = _rows_of(places, reading, i), shifts[i]
        own = weights[weight_cuts[i] : weight_cuts[i + 1]]
        first_uniform = at_uniform
        at_uniform += n_init * k * trials[i] if start == PLUS_PLUS else 0
        n_iters[i] = 0
        if not usable[i]:
            continue
        if start != GIVEN:
            _read(rows, n, d, cosine, tile)
        if start == PLUS_PLUS:
            for row in range(n):
                for feature in range(d):
                    columns[feature * n + row] = tile[row * d + feature]
        shifted = zero
        for feature in range(d):
            shifted |= np.int64(shift[feature] != 0)
        cuts[1] = n
        kept_centers = centers[center_cuts[i] : center_cuts[i + 1]]
        kept_labels = labels[label_cuts[i] : label_cuts[i + 1]]
        here, spare = flat_centers[: k * d].reshape(k, d), flat_spare[: k * d].reshape(k, d)
        cluster_sums, cluster_weights = flat_sums[: k * d + 8], own_weights[:k]
        own_panels, own_norms = panels[: (k + lanes - 1) // lanes * lanes * (d + 1)], norms[:k]
        best_iterations, best_inertia, best_converged = zero, np.inf, False
        for run in range(n_init):
            chosen = numbers[i, run]
            if start != GIVEN and chosen[0] < 0:
                _draw(n, seeds[i, run], running, chosen, k if start == RANDOM else 1)
            if start == PLUS_PLUS:
                own_uniforms = uniforms[first_uniform + run * k * trials[i] :]
                if not _plus_plus(
                    columns, n, d, own, k, trials[i], own_uniforms, chosen, closest, left, best_left, running
                ):  # fmt: skip
                    best_iterations = zero
                    break
            for j in range(k):
                for feature in range(d):
                    if start == GIVEN:
                        here[j, feature] = kept_centers[j * d + feature]
                    else:
                        here[j, feature] = tile[chosen[j] * d + feature]
            for row in range(n):
                own_labels[row] = 0
            set_zero(cluster_sums)
            set_zero(cluster_weights)
            ended, n_iter, _ = small_fit(
                address, rows, cuts, own, own_labels[:n], here, spare, shift, own_panels, own_norms, rounding,
                (cosine, shifted), zero, spreads[i], tols[i], zero, steps, n, cluster_sums, cluster_weights,
                sums_stack[: LEVELS * (k * d + 8)].reshape(LEVELS, k * d + 8),
                weights_stack[: LEVELS * k].reshape(LEVELS, k), scratch, shape,
            )  # fmt: skip
            if ended == EMPTY_CLUSTER or (ended == GOING_ON and n_iter < max_iter):
                best_iterations = zero
                break
            steps[0, 2] = n
            settled = ended == LABELS_STAY and _means_stay(
                address, rows, n, own, own_labels[:n], here, spare, shift, own_panels, own_norms, rounding,
                (cosine, shifted), steps, n_iter, cluster_sums, cluster_weights, looks, scratch, shape,
            )  # fmt: skip
            bounds = _prepare(here, shift, slack, tiny, own_panels, own_norms, shape)
            action = np.int64(OWN_INERTIA if settled else WITH_INERTIA)
            _, _, inertia = assign_slab(
                address, rows, zero, n, own, own_labels[:n], here, shift, own_panels, own_norms, bounds,
                (cosine, shifted, action), cluster_sums, cluster_weights, scratch, shape,
            )  # fmt: skip
            if run == 0 or inertia < best_inertia:
                best_inertia, best_iterations, best_converged = inertia, n_iter, ended != GOING_ON
                kept_runs[i] = run
                for row in range(n):
                    kept_labels[row] = own_labels[row]
                for q in range(k * d):
                    kept_centers[q] = flat_centers[q]
                for step in range(n_iter):
                    for kind in range(3):
                        best_steps[step, kind] = steps[step, kind]
        inertias[i], n_iters[i], converged[i] = best_inertia, best_iterations, best_converged
        for step in range(best_iterations):
            for kind in range(3):
                history[filled + step, kind] = best_steps[step, kind]
        filled += best_iterations
    return filled
