"""AFK-MC2: centers drawn by short random walks, so that rows are read twice and not k times."""

import numpy as np

from fastkmeans.engine.nearer import closest_to
from fastkmeans.engine.plus_plus import others, seeding_state
from fastkmeans.kernels.packing import plain_panels
from fastkmeans.kernels.trials import closest_center, draw_rows, walk

STEPS = 200  # rows a walk visits: the length of the paper's experiments


class _Proposals:
    """Draws rows half by weighted squared distance to the first center, or the frozen ones, half by weight alone."""

    def __init__(self, source, first, closest):
        self.source = source
        self.state = seeding_state(source)(source, 1, 1, first, np.zeros((1, 1)), closest)
        if closest is None:
            self.state.advance(1)
        self.potential = self.state.potential()
        self.running_weights = np.cumsum(source.weights) if source.weighted else None

    def draw(self, random, m):
        """m row numbers and how likely each was, up to a constant."""
        source, state = self.source, self.state
        numbers, by_distance = np.empty(m, np.int64), random.random(m) < 0.5
        uniforms = random.random(m)
        far = np.empty(by_distance.sum(), np.int64)
        draw_rows(
            state.potentials, state.slabs.tile_starts, state.closest, source.weights, uniforms[by_distance], far,
            state.running,
        )  # fmt: skip
        numbers[by_distance] = far
        if source.weighted:
            target = uniforms[~by_distance] * self.running_weights[-1]
            rows = np.searchsorted(self.running_weights, target, side="right")
        else:
            rows = (uniforms[~by_distance] * source.n).astype(np.int64)
        numbers[~by_distance] = np.minimum(rows, source.n - 1)
        # Both halves are in proportion to the weight, which cancels in a walk.
        likely = state.closest[numbers] / self.potential + 1.0 / source.total_weight
        return numbers, likely.astype(np.float64)


def afk_mc2(source, k, random, progress=None, frozen=None):
    """Each center ends a walk of 200 rows whose chances approach those of k-means++.

    References
    ----------
    .. [1] O. Bachem et al., "Fast and provably good seedings for k-means", NIPS 2016.
    """
    chosen, seed = np.empty(k, np.int64), int(random.integers(2**63))
    if frozen is None:
        chosen[:1], done = source.sample(1, seed), 1
        proposals, known = _Proposals(source, chosen[0], None), source.take(chosen[:1])
    else:
        proposals, known, done = _Proposals(source, 0, closest_to(source, frozen, seed)), frozen, 0
    before = len(known) - done
    centers = np.empty((before + k, source.d), source.dtype)
    centers[: len(known)] = known
    while done < k and proposals.potential > 0.0:
        if progress is not None and progress(done, proposals.potential) is False:
            break
        numbers, likely = proposals.draw(random, STEPS)
        rows = source.take(numbers)
        sq_dists = np.empty(STEPS)
        closest_center(
            plain_panels(rows, 8), source.d, centers.reshape(-1), before + done, sq_dists, np.empty(64, source.dtype)
        )
        end = walk(sq_dists, likely, random.random(STEPS))
        if not sq_dists[end] > 0.0:  # the walk met nothing but rows on centers
            break
        chosen[done], centers[before + done] = numbers[end], rows[end]
        done += 1
    if done < k:
        chosen[done:] = others(source, chosen[:done], k - done, int(random.integers(2**63)))
    return chosen
