"""Single kernels of the ways that leave pairs of a row and a center out, and of seeding: more cases for kernels.py."""

import numpy as np

from benchmarks.kernels import Case
from fastkmeans.engine.boxes import Boxes
from fastkmeans.engine.groups import Sweep, screens
from fastkmeans.engine.plus_plus import Seeding, borrow_scratch
from fastkmeans.kernels import boxes, candidates, screen, seeding
from fastkmeans.kernels.box_rows import BLOCK_ROWS, REGION_BLOCKS
from fastkmeans.kernels.packing import row_stride
from fastkmeans.sources.blocks import ArrayRows

LISTED = 256  # rows a list
TRIALS = 8
LISTED_FEATURES = (16, 64, 128, 384)


def sweep_list(dtype, d, in_bytes=False):
    """Listed rows against a panel of centers, of which none reaches a cut: the scores and the look at them."""
    sweep, rng = Sweep.of(np.dtype(dtype), d, in_bytes), np.random.default_rng(0)
    form = np.dtype(np.int32) if in_bytes else sweep.scores

    def numbers(count):
        return rng.integers(0, 1 << 20, count).astype(form) if in_bytes else rng.normal(size=count).astype(form)

    ones = np.ones(LISTED, sweep.scores)
    cuts = np.full(LISTED, np.finfo(sweep.scores).max)
    row_terms = cuts, ones, 0 * ones, 0 * ones, 0 * ones
    arguments = (
        numbers(LISTED * sweep.stride), sweep.stride, np.arange(LISTED), LISTED, sweep.depth,
        numbers((sweep.depth + 1) * sweep.width), np.zeros(candidates.TERMS * sweep.width, sweep.scores), row_terms,
        np.full(LISTED, -np.inf, sweep.scores), 0, candidates.sweep_scratch(sweep.scores, LISTED, sweep.shape), 0,
        sweep.shape,
    )  # fmt: skip
    function = screen._sweep_words if in_bytes else candidates._sweep_scores
    name = "sweep list in bytes" if in_bytes else "sweep list"
    return Case(name, sweep.shape, d, sweep.width, LISTED, function, arguments, flops=2.0 * LISTED * d * sweep.width)


def round_to_bytes(dtype, d):
    """Listed rows as bytes, with the terms of their scores."""
    stride = row_stride(d)
    tile = np.zeros((LISTED, stride), dtype)
    tile[:, :d] = np.random.default_rng(0).normal(size=(LISTED, d))
    row_terms = tuple(np.zeros(LISTED, np.float32) for _ in range(5))
    arguments = (
        tile.reshape(-1), stride, np.arange(LISTED), LISTED, d, np.zeros(stride, dtype), 0.0, 0.0,
        np.zeros(LISTED * stride, np.uint8), screen.words_of(d), row_terms, np.zeros(LISTED),
    )  # fmt: skip
    return Case("round to bytes", (), d, None, LISTED, screen._round_rows, arguments)


class BoxesOfARegion:
    """The rows of one region in the order of space, and centers that lie among them."""

    def __init__(self, dtype, d, k):
        rng = np.random.default_rng(0)
        self.d, self.k = d, k
        self.source = ArrayRows(rng.normal(size=(REGION_BLOCKS * BLOCK_ROWS, d)).astype(dtype))
        self.way = Boxes.for_source(self.source, np.zeros(d, self.source.dtype))
        self.way.watch(self.source, k)
        self.way.prepare(rng.normal(size=(k, d)).astype(dtype))

    def narrow(self):
        """The centers left for each box; what counts as a row is a box."""
        way, room = self.way, len(self.way.numbers)
        n_boxes = len(way.rows.boxes) // (2 * self.d)
        kept = np.empty(n_boxes * self.d * room, self.source.dtype), np.empty(n_boxes * room, np.int32)
        arguments = (
            way.rows.boxes, 0, n_boxes, way.turned.reshape(-1), way.numbers, 0, room, self.k, *kept, room,
            np.empty(n_boxes, np.int64), way.box_bounds, np.empty(self.d, self.source.dtype), way.box_shape,
        )  # fmt: skip
        return Case("narrow, a box", (), self.d, self.k, n_boxes, boxes.narrow, arguments)

    def label(self):
        """Labels and sums of the rows."""
        way, rows = self.way, self.way.rows
        arguments = (
            rows.columns, rows.weights, rows.starts, rows.n_points, rows.boxes, rows.block_sums, rows.region_sums,
            0, rows.n_regions, way.labels, way.block_labels, way.region_labels, way.turned.reshape(-1), way.numbers,
            self.k, rows.shift, way.box_bounds, True, np.zeros(self.k * self.d + 8), np.zeros(self.k), way.box_shape,
        )  # fmt: skip
        return Case("label region", (), self.d, self.k, rows.n_points, boxes.label_regions, arguments)


def score_trials(dtype, d, share):
    """What eight trials would gain in one tile, of which this share of the rows may be won."""
    rng = np.random.default_rng(0)
    n = seeding.seeding_tile_rows(dtype, d)
    source = ArrayRows(rng.normal(size=(n, d)).astype(dtype))
    state = Seeding(source, TRIALS, TRIALS, 0, np.empty((TRIALS, TRIALS)))
    state.set_trials(np.arange(TRIALS))
    closest = rng.random(n).astype(dtype)
    limits = np.full(TRIALS, np.quantile(closest, 1 - share) if share < 1 else -1, dtype)
    scratch = borrow_scratch([], source.dtype, d, n, state.shape)
    arguments = (
        state.address, source.blocks[0].rows, 0, n, source.weights, closest, state.labels, d, 0, state.trials(TRIALS),
        limits, -1, np.empty(0), (0, 0), np.empty(state.lanes), state.lanes, n, scratch, state.shape,
    )  # fmt: skip
    case = Case(f"score trials {share:.0%}", state.shape, d, TRIALS, n, seeding.score_trials, arguments)
    case.rows_read = source.blocks[0].array
    return case


def way_work(dtype):
    """All of them, at some sizes."""
    for d in LISTED_FEATURES:
        yield sweep_list(dtype, d)
        if screens(d):
            yield sweep_list(dtype, d, in_bytes=True)
            yield round_to_bytes(np.dtype(dtype), d)
    for d, k in ((2, 8), (2, 100), (3, 100)):
        region = BoxesOfARegion(dtype, d, k)
        yield from (region.narrow(), region.label())
    for d in (2, 32, 128):
        yield from (score_trials(dtype, d, 1.0), score_trials(dtype, d, 0.1))
