"""Is the best center certain? If not, the definition of nearest decides.

With u the unit roundoff, a score computed by d fused steps from a rounded row x, a rounded center c and a
rounded bias is off by at most (d + 6) u (|x|^2 / 2 + |c|^2) =: slack * (|x|^2 / 2 + |c|^2), because each
step rounds a partial sum of at most |x||c| + |c|^2 / 2, shifting rounds x and c once, and |x||c| <=
(|x|^2 + |c|^2) / 2; the tag in its lowest bits (simd/choices.py) adds at most 14 u of the same. The bias holds
slack * |c|^2 on top, so that for every center

    true score <= computed + slack * |x|^2 / 2,      true score >= computed - slack * (|x|^2 / 2 + 2 |c|^2)

and a best that leads by more than slack * (|x|^2 + 2 |c_best|^2) is the nearest: one far center makes no other
row doubtful. `slack` also covers the rounding of the definition's own sum; `tiny` covers underflow. A row that
is not certain is swept again, against the same cut: the few centers that reach it are measured by the definition.
"""

import numpy as np

from fastkmeans.kernels.distances import defined_sq_dist, stored_row
from fastkmeans.kernels.jit import inline
from fastkmeans.kernels.packing import columns_of, pack_tile
from fastkmeans.kernels.simd import any_close, fma_tile, load, load_broadcast, reaches, store_tile

UNCERTAIN = -1
TAG_ULPS = 7  # a center's tag of three bits changes its score by at most so many units in the last place


def rounding_slack(dtype, d):
    """(slack, tiny) of the bound above, for scores in `dtype` of d features, with room to spare."""
    info = np.finfo(dtype)
    unit = float(info.eps) / 2
    own = 2 * (d + 2) * 2.0**-53  # of the definition's own float64 sums
    # 1 % and more covers second-order terms and |x|^2 as summed in `dtype` (d * u < 1 % up to d = 160,000).
    slack = 1.02 * ((d + 8 + 2 * TAG_ULPS) * unit + own) + 2.0 * (d * unit) ** 2
    return slack, (4 * d + 16 + 2 * TAG_ULPS) * float(info.smallest_subnormal)


@inline
def mark_uncertain(
    best,  # in     (count,) as two_best gives them, whole groups readable
    second,  # in     (count,)
    nearest,  # in/out (count,) UNCERTAIN where a row needs settling
    norms,  # in     (count,)
    count,
    center_norms,  # in     (k,)
    bounds,  # in     (slack, tiny, largest center norm)
    first,  # number of the tile's first row
    late,  # out    numbers of the rows to settle, appended from n_late on
    late_cuts,  # out    the score that a rival of such a row must reach
    n_late,
    shape,
):
    """List the rows whose best center is not certain; return how many are listed now."""
    slack, tiny, largest_norm = bounds
    _, vectors, lanes = shape
    step = len(vectors) * len(lanes)
    lane = best.dtype.type
    slope, base = lane(slack), lane(2 * slack * largest_norm + tiny)
    doubt = False
    for i in range(0, count, step):
        top, runner_up = load(best, i, vectors, lanes), load(second, i, vectors, lanes)
        doubt |= any_close(top, runner_up, load(norms, i, vectors, lanes), slope, base)
    if doubt:
        for i in range(count):
            margin = slack * (np.float64(norms[i]) + 2 * center_norms[nearest[i]]) + tiny
            lead = np.float64(best[i]) - np.float64(second[i])
            if lead <= margin:
                cut = np.float64(best[i]) - margin * (1 + 1e-6) - tiny
                # Rounding the cut to float32 must not raise it; half an ulp of float32 is 6e-8 of its size.
                late_cuts[n_late] = cut - abs(cut) * (1e-7 if late_cuts.itemsize == 4 else 0.0)
                late[n_late] = first + i
                nearest[i] = UNCERTAIN
                n_late += 1
    return n_late


@inline
def settle_rows(
    rows,
    late,  # in     (n_late,) numbers of the rows to settle, at most one group
    late_cuts,  # in     (step,) what a rival's score must reach; beyond n_late ignored
    n_late,
    d,
    cosine,
    shift,
    shifted,
    centers,  # in     (k, d)
    panels,
    n_panels,
    tile,  # out    the rows, packed
    stride,
    columns,  # scratch (d * step,)
    score_tile,  # scratch (m * step,)
    exact_rows,  # scratch (step * d,) float64
    sq_dists,  # scratch (step,) float64
    nearest,  # out    (n_late,)
    shape,
):
    """Pack the listed rows and label them by the definition, measuring only centers that reach a row's cut."""
    centers_a_panel, vectors, lanes = shape
    m, step = len(centers_a_panel), len(vectors) * len(lanes)
    one = np.int64(1)  # a literal would be a type of its own, compiled again
    for i in range(step):
        room = tile[i * stride : (i + 1) * stride]
        if i < n_late:
            stored_row(rows, late[i], d, cosine, room, exact_rows[i * d : (i + 1) * d])
            pack_tile(rows, late[i], 1, 1, d, cosine, shift, shifted, room, stride)
        else:
            for q in range(stride):
                room[q] = 0
            late_cuts[i] = np.inf
        sq_dists[i] = np.inf
        nearest[i] = 0
    columns_of(rows, tile, stride, one, d, columns, shape)
    at = 0
    for panel in range(n_panels):
        scores = load_broadcast(panels, at, 1, centers_a_panel, vectors, lanes)
        at += m
        for feature in range(d):
            scores = fma_tile(scores, panels, at, 1, load(columns, feature * step, vectors, lanes))
            at += m
        if not reaches(scores, load(late_cuts, 0, vectors, lanes)):
            continue
        store_tile(score_tile, 0, scores)
        for c in range(min(m, len(centers) - panel * m)):
            for i in range(n_late):
                if score_tile[c * step + i] >= late_cuts[i]:
                    j = panel * m + c
                    sq_dist = defined_sq_dist(exact_rows[i * d : (i + 1) * d], centers, j, d, sq_dists[i])
                    if sq_dist < sq_dists[i]:
                        sq_dists[i] = sq_dist
                        nearest[i] = j
