"""Steps of greedy k-means++ inside one compiled call, over the same verbs and slabs as engine/plus_plus.py.

For steps that touch few rows: there a thread takes longer to wake than the work lasts. Gains and potentials are
kept by tile and added up in the order of tiles, so that the bits do not depend on who runs a step.
"""

import numpy as np

from fastkmeans.kernels.jit import inline, jit
from fastkmeans.kernels.packing import pack_tile
from fastkmeans.kernels.seeding import score_trials
from fastkmeans.kernels.trials import best_trial, draw_rows, pack_trials, take_trial, trial_limits


@inline
def _score(where, d, cosine, state, trials, limits, taken, wanted, kept, gains, lanes, tile_rows, scratch, shape):
    """score_trials over all slabs."""
    address, rows, cuts, first_tiles = where
    weights, closest, labels, _ = state
    measured = 0
    for slab in range(len(cuts) - 1):
        start, stop = cuts[slab], cuts[slab + 1]
        own = weights[start:stop] if len(weights) else weights
        room = (kept.ctypes.data + start * kept.itemsize, closest.size) if len(kept) else (0, 0)
        tiles = wanted[first_tiles[slab] : first_tiles[slab + 1]]
        measured += score_trials(
            address, rows, start, stop, own, closest[start:stop], labels[start:stop], d, cosine, trials, limits, taken,
            tiles, room, gains[first_tiles[slab] * lanes : first_tiles[slab + 1] * lanes], lanes, tile_rows, scratch,
            shape,
        )  # fmt: skip
    return measured


@inline
def _take(where, state, kept, lanes, trial, limits, label, gains, tile_rows):
    """take_trial over all slabs; `kept` are the trial's distances to all rows, or none."""
    _, _, cuts, first_tiles = where
    weights, closest, labels, potentials = state
    for slab in range(len(cuts) - 1):
        start, stop = cuts[slab], cuts[slab + 1]
        first, last = first_tiles[slab], first_tiles[slab + 1]
        own = weights[start:stop] if len(weights) else weights
        take_trial(
            closest[start:stop], labels[start:stop], own, kept[start:stop], lanes, trial, limits, label,
            gains[first * lanes : last * lanes], tile_rows, potentials[first:last],
        )  # fmt: skip


@jit
def plus_plus_steps(
    where,  # (address of the scoring kernel, rows, boundaries of the slabs, first tile of each slab)
    tile_starts,  # in     (tiles + 1,) first row of each tile
    cosine,
    state,  # in/out (weights, closest, labels, potentials): of rows, of tiles the last
    kept,  # scratch (lanes, n) or (0, 0)
    chosen,  # in/out (k,) row numbers of the centers; chosen[0] is there from the start
    centers,  # in/out (k, d) those rows
    done,  # centers that rows know of
    uniforms,  # in     (steps, n_trials)
    margins,
    table,  # scratch (lanes, k)
    limits,  # scratch (k,)
    narrow,  # scratch for trials in panels of 8
    wide,  # scratch for trials in panels of a register tile
    gains,  # scratch (tiles * lanes,)
    running,  # scratch (tiles,)
    tile_rows,
    most_measured,  # rows measured in a step that make the next one worth waking a thread
    turn,  # address of the code that turns groups of rows
    scale,  # 1 / the largest weight
    scratch,
    shape,
):
    """Take up to len(uniforms) steps; return (centers that rows know of, rows measured in the last step, potential)."""
    d, lanes, n_trials = centers.shape[1], len(table), uniforms.shape[1]
    m = len(shape[0])
    weights, closest, labels, potentials = state
    one = np.int64(1)
    numbers = np.full(n_trials, chosen[0])
    candidates = np.empty((n_trials, d), closest.dtype)
    measured, total = 0, np.inf
    for step in range(len(uniforms)):
        if done > 0:
            total = draw_rows(potentials, tile_starts, closest, weights, uniforms[step], numbers, running)
            if not total > 0.0:
                break
        for trial in range(n_trials):
            pack_tile(where[1], numbers[trial], one, one, d, cosine, candidates[trial], 0, candidates[trial], d)
        best, measured = 0, 0
        own_limits, own_kept = limits, closest[:0]
        if done > 0:
            pack_trials(candidates, narrow, wide, m)
            trial_limits(narrow, d, centers.reshape(-1), done, margins, table, limits, n_trials, scratch[2][0])
            trials = (narrow, wide, n_trials, turn, scale)
            measured = _score(
                where, d, cosine, state, trials, limits, -1, running[:0], kept, gains, lanes, tile_rows, scratch, shape
            )  # fmt: skip
            best = best_trial(gains, lanes, n_trials)
            own_limits = table[best]
            if len(kept):
                own_kept = kept[best]
        else:
            limits[0] = -1  # every row is measured to the first center
        if len(own_kept):
            _take(where, state, own_kept, lanes, best, own_limits, done, gains, tile_rows)
        else:
            for tile in range(len(potentials)):
                running[tile] = gains[tile * lanes + best] if done > 0 else 1.0
            pack_trials(candidates[best : best + 1], narrow, wide, m)
            again = _score(
                where, d, cosine, state, (narrow, wide, 1, turn, scale), own_limits, done, running, kept[:0], gains, 8,
                tile_rows, scratch, shape,
            )  # fmt: skip
            measured = max(measured, again)
            _take(where, state, own_kept, 8, 0, own_limits, done, gains, tile_rows)
        chosen[done] = numbers[best]
        for feature in range(d):
            centers[done, feature] = candidates[best, feature]
        done += 1
        if measured > most_measured:
            break
    return done, measured, total
