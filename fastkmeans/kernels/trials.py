"""What surrounds the scoring of trials: drawing rows, limits, the best trial and its rows; and walks of AFK-MC2."""

import numpy as np

from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.seeding import EIGHT, measure_eight
from fastkmeans.kernels.simd import store_tile


@inline
def _eight_from(at, last, d):
    """Where eight rows of a flat matrix of d columns begin, from row `at` on, the last one repeated."""
    return (
        at * d, min(at + 1, last) * d, min(at + 2, last) * d, min(at + 3, last) * d, min(at + 4, last) * d,
        min(at + 5, last) * d, min(at + 6, last) * d, min(at + 7, last) * d,
    )  # fmt: skip


@jit
def take_trial(
    closest,  # in/out (n,) of a slab
    labels,  # in/out (n,)
    weights,  # in     (n,) or (0,)
    kept,  # in     (n,) distances of the measured rows to this trial, or (0,): only sum the potentials
    lanes,
    trial,
    limits,  # in     (centers,) of this trial
    label,  # the new center's
    gains,  # in     (tiles * lanes,)
    tile_rows,
    potentials,  # in/out (tiles,) sum of weight * closest, of the tiles that gain
):
    """Give the trial's rows to it, and sum the potentials anew of tiles that gained."""
    row_limits = np.empty(tile_rows, closest.dtype)
    for tile in range(len(potentials)):
        if not gains[tile * lanes + trial] > 0.0:
            continue
        first, until = tile * tile_rows, min((tile + 1) * tile_rows, len(closest))
        if len(kept):  # three loops that fill vectors; with a branch a row it took 8 and not 0.7 ns
            near, own, distances = closest[first:until], labels[first:until], kept[first:until]
            for i in range(len(near)):
                row_limits[i] = limits[own[i]]
            for i in range(len(near)):
                own[i] = label if (near[i] > row_limits[i]) & (distances[i] < near[i]) else own[i]
            for i in range(len(near)):
                near[i] = distances[i] if (near[i] > row_limits[i]) & (distances[i] < near[i]) else near[i]
        potentials[tile] = tile_potential(closest, weights, first, until)


@inline
def tile_potential(closest, weights, first, until):
    """sum of weight * closest over [first, until), in four interleaved float64 sums."""
    a, b, c, e = 0.0, 0.0, 0.0, 0.0
    i = first
    if len(weights):
        while i < until:
            a += np.float64(closest[i]) * weights[i]
            i += 1
        return a
    while i + 4 <= until:
        a += closest[i]
        b += closest[i + 1]
        c += closest[i + 2]
        e += closest[i + 3]
        i += 4
    while i < until:
        a += closest[i]
        i += 1
    return (a + b) + (c + e)


@jit
def trial_limits(
    trials,  # in     (n_panels * d * 8,)
    d,
    centers,  # in     (room, d) flat, of which `count` are there
    count,
    margins,  # in     (share, tiny): see skip_margins
    table,  # out    (n_panels * 8, room) limits of every trial
    limits,  # out    (room,) the least of a center's
    n_trials,
    distances,  # scratch (64,)
):
    """Squared half distances between the trials and the centers so far, rounded down.

    A row nearer to its center than a limit keeps it, in the bits of its computed distances: with a share for the
    rounding of three of them, and an absolute part where squares underflow.
    """
    share, tiny = margins
    lane = distances.dtype.type
    zero = lane(0)
    last = count - 1
    for at in range(0, count, len(EIGHT)):
        for panel in range(len(table) // len(EIGHT)):
            places = _eight_from(at, last, d)
            values = measure_eight(centers, places, d, trials, panel * d * len(EIGHT), zero)
            store_tile(distances, 0, values)
            for q in range(min(len(EIGHT), count - at)):
                for c in range(min(len(EIGHT), n_trials - panel * len(EIGHT))):
                    limit = lane(np.float64(distances[q * len(EIGHT) + c]) * share - tiny)
                    table[panel * len(EIGHT) + c, at + q] = limit
                    least = limit if panel == 0 and c == 0 else min(limits[at + q], limit)
                    limits[at + q] = least


def skip_margins(dtype, d):
    """(share, tiny) of trial_limits: closest <= share * |trial - center|^2 - tiny proves a row safe.

    With g = (d + 4) u the relative error of a computed squared distance, a true distance to the center of at most
    half the true one between trial and center, less a factor (1 - 2 g), leaves the computed distance to the trial
    at least the computed one to the center; 8 g covers the rounding of both sides and of the limit itself.
    """
    info = np.finfo(dtype)
    g = (d + 4) * float(info.eps) / 2
    return 0.25 * (1 - 8 * g), 16 * (d + 1) * float(info.smallest_subnormal)


@jit
def pack_trials(candidates, narrow, wide, m):
    """Write candidates (n_trials, d), feature-major, in panels of 8 and of m, padded with the first one."""
    n_trials, d = candidates.shape
    for width, panels in ((len(EIGHT), narrow), (m, wide)):
        for panel in range((n_trials + width - 1) // width):
            for feature in range(d):
                for c in range(width):
                    j = panel * width + c
                    panels[(panel * d + feature) * width + c] = candidates[j if j < n_trials else 0, feature]


@jit
def draw_rows(
    potentials,  # in     (tiles,)
    tile_starts,  # in     (tiles + 1,) first row of each tile
    closest,  # in     (n,)
    weights,  # in     (n,) or (0,)
    uniforms,  # in     numbers in [0, 1), one a draw
    numbers,  # out    as many rows
    running,  # scratch (tiles,)
):
    """Draw rows with chances weight * closest; return the sum of these, and draw nothing where it is not positive."""
    total = 0.0
    for tile in range(len(potentials)):
        total += potentials[tile]
        running[tile] = total
    if not total > 0.0:
        return total
    for draw in range(len(uniforms)):
        target = uniforms[draw] * total
        tile = min(np.searchsorted(running, target, side="right"), len(potentials) - 1)
        while tile > 0 and not potentials[tile] > 0.0:  # met by rounding alone
            tile -= 1
        below = running[tile - 1] if tile > 0 else 0.0
        chosen = tile_starts[tile]
        for i in range(tile_starts[tile], tile_starts[tile + 1]):
            share = np.float64(closest[i]) * (weights[i] if len(weights) else 1.0)
            if share > 0.0:
                chosen = i
                below += share
                if below > target:
                    break
        numbers[draw] = chosen
    return total


@jit
def best_trial(gains, lanes, n_trials):
    """The trial of the greatest gain, summed over the tiles; the first of equals. `gains` may be longer than they."""
    best, most = 0, -1.0
    for trial in range(n_trials):
        total = 0.0
        for at in range(trial, len(gains), lanes):
            total += gains[at]
        if total > most:
            best, most = trial, total
    return best


@jit
def closest_center(panels, d, centers, count, sq_dists, distances):
    """sq_dists[i] = squared distance of row i, in panels of 8, to the nearest of the first `count` flat centers."""
    zero, last = distances.dtype.type(0), count - 1
    for row in range(0, len(sq_dists), len(EIGHT)):
        n_rows = min(len(EIGHT), len(sq_dists) - row)
        for c in range(n_rows):
            sq_dists[row + c] = np.inf
        for at in range(0, count, len(EIGHT)):
            places = _eight_from(at, last, d)
            store_tile(distances, 0, measure_eight(centers, places, d, panels, row * d, zero))
            for q in range(len(EIGHT)):
                for c in range(n_rows):
                    sq_dists[row + c] = min(sq_dists[row + c], distances[q * len(EIGHT) + c])


@jit
def walk(wanted, likely, uniforms):
    """The place where a Metropolis walk over proposals ends: `wanted` chances, proposed with the `likely` ones."""
    here = 0
    for there in range(1, len(wanted)):
        if wanted[there] * likely[here] > uniforms[there] * wanted[here] * likely[there]:
            here = there
    return here
