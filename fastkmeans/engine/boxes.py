"""Label rows of few features in the order of space, box by box (kernels/boxes.py): exact, and few rows are read."""

from weakref import WeakKeyDictionary

import numpy as np

from fastkmeans.engine import threads
from fastkmeans.engine.assigners import Dense, DensePass, Sums, among_largest
from fastkmeans.engine.passes import SCRATCH_BYTES, promised_bytes
from fastkmeans.kernels.box_rows import (
    AREA_BLOCKS,
    BLOCK_ROWS,
    GROUP_BLOCKS,
    NOBODY,
    REGION_BLOCKS,
    copy_rows,
    fill_blocks,
    mark_points,
    own_inertia,
    own_sq_dists,
    scatter_labels,
)
from fastkmeans.kernels.boxes import MOST_FEATURES, boxes_shape, distance_slack, label_regions
from fastkmeans.kernels.memory import aligned
from fastkmeans.kernels.ordering import (
    TOP_BITS,
    bits_a_feature,
    cut_into_buckets,
    make_keys,
    sort_buckets,
    spread_bits,
)
from fastkmeans.kernels.slab import LABELS_ONLY, WITH_SUMS

SAMPLED_ROWS = 4096
SLAB_ROWS = 1 << 16
ORDERING_SECONDS = 2e-8  # a row
MERGED_SHARE = 0.5  # of distinct rows, up to which equal rows become one point
TRIED_PASSES, MOST_SWEPT = 3, 0.4  # boxes that rule out so little, after so many passes, are given up


def grid_of(sample, bits):
    """(low corner, steps for a unit of length) of a grid for the keys of rows like these."""
    ranked = np.sort(sample, axis=0).astype(np.float64)
    first_tenth, last_tenth = ranked[len(ranked) // 10], ranked[-1 - len(ranked) // 10]
    reach = 3.0 * (last_tenth - first_tenth)
    low, high = np.maximum(ranked[0], first_tenth - reach), np.minimum(ranked[-1], last_tenth + reach)
    extent = float((high - low).max())
    most = float(np.finfo(sample.dtype).max) / 4
    return low.astype(sample.dtype), min((1 << bits) / extent, most) if extent > 0 else 0.0


def boxes_around(boxes, size):
    """The boxes around every `size` boxes that follow each other."""
    starts = np.arange(0, len(boxes), size)
    d = boxes.shape[1] // 2
    parts = np.minimum.reduceat(boxes[:, :d], starts), np.maximum.reduceat(boxes[:, d:], starts)
    return np.concatenate(parts, axis=1)


class Ordered:
    """The rows of a source in the order of space, in blocks, with boxes and sums."""

    def __init__(self, source, shift, shape):
        self.shape, self.shift, self.d = shape, shift.astype(np.float64), source.d
        self.n_threads = source.threads_for(source.n * ORDERING_SECONDS)
        self.cuts = np.linspace(0, source.n, -(-source.n // SLAB_ROWS) + 1).astype(np.int64)
        stored = self._stored(source)
        n_keys = self._sort(source, stored)
        self.starts, self.n_points = np.empty(0, np.int32), source.n
        if n_keys <= MERGED_SHARE * source.n:
            self._merge(stored)
        self._fill(source, stored)

    def run(self, body, cuts):
        """body(number, start, stop) for every part of the cuts."""
        threads.run(len(cuts) - 1, lambda i: body(i, int(cuts[i]), int(cuts[i + 1])), self.n_threads)

    def _stored(self, source):
        """The rows in the computing type, one after the other: as they lie, or copied."""
        block = source.blocks[0]
        if block.as_computed and not source.cosine:
            return block.array.reshape(-1)
        copied, no_shift = np.empty(source.n * self.d, source.dtype), np.zeros(self.d, source.dtype)
        cosine = int(source.cosine)
        self.run(lambda _, start, stop: copy_rows(block.rows, start, stop, self.d, cosine, no_shift, copied), self.cuts)
        return copied

    def _sort(self, source, stored):
        """Find the order of the rows; return how many different keys they have."""
        bits = bits_a_feature(self.d)
        low_bits = max(0, bits * self.d - TOP_BITS)
        pairs, edges = self._buckets(source, stored, bits, low_bits)
        self.order = np.empty(source.n, np.int32)
        parts = np.searchsorted(edges, self.cuts)
        parts[-1] = 1 << TOP_BITS
        found = np.zeros(len(parts), np.int64)

        def sort(part, first, last):
            found[part] = sort_buckets(pairs, edges, first, last, low_bits, self.order)

        self.run(sort, parts)
        return int(found.sum())

    def _buckets(self, source, stored, bits, low_bits):
        """(keys and row numbers in buckets by the highest bits, where each bucket begins)."""
        n, d = source.n, self.d
        sampled = np.linspace(0, n - 1, min(n, SAMPLED_ROWS)).astype(np.int64)
        low, scale = grid_of(stored.reshape(n, d)[sampled], bits)
        scale, spread = source.dtype.type(scale), spread_bits(d)
        keys, pairs = np.empty(n, np.uint32), np.empty(n, np.uint64)
        counts = np.zeros((len(self.cuts) - 1, 1 << TOP_BITS), np.int64)

        def key(part, start, stop):
            make_keys(stored, start, stop, low, scale, spread, bits, low_bits, keys, counts[part], self.shape)

        self.run(key, self.cuts)
        ends = counts.T.cumsum().reshape(counts.T.shape).T
        places = np.ascontiguousarray(ends - counts)
        edges = np.append(places[0], n)

        def cut(part, start, stop):
            cut_into_buckets(keys, start, stop, low_bits, places[part], pairs)

        self.run(cut, self.cuts)
        return pairs, edges

    def _merge(self, stored):
        """Let equal rows that follow each other be one point, if that makes far fewer of them."""
        is_new = np.empty(len(self.order), np.bool_)
        self.run(lambda _, start, stop: mark_points(stored, self.order, start, stop, is_new, self.shape), self.cuts)
        starts = np.flatnonzero(is_new)
        if len(starts) <= MERGED_SHARE * len(is_new):
            self.starts, self.n_points = np.append(starts, len(is_new)).astype(np.int32), len(starts)

    def _fill(self, source, stored):
        d, dtype = self.d, source.dtype
        self.n_blocks = -(-self.n_points // BLOCK_ROWS)
        self.n_regions = -(-self.n_blocks // REGION_BLOCKS)
        self.columns = aligned(self.n_blocks * BLOCK_ROWS * d, dtype)
        weighted = source.weighted or len(self.starts)
        self.weights = aligned(self.n_blocks * BLOCK_ROWS if weighted else 0, np.float64)
        boxes = np.empty((self.n_blocks, 2 * d), dtype)
        self.block_sums, self.region_sums = np.empty((d + 1) * self.n_blocks), np.empty((d + 1) * self.n_regions)

        def fill(_, start, stop):
            fill_blocks(
                stored, self.order, self.starts, source.weights, self.n_points, start, stop, self.shift, self.columns,
                self.weights, boxes.reshape(-1), self.block_sums, self.region_sums, self.shape,
            )  # fmt: skip

        self.block_cuts = np.append(np.arange(0, self.n_blocks, AREA_BLOCKS), self.n_blocks)
        self.run(fill, self.block_cuts)
        levels = [boxes_around(boxes, size) for size in (AREA_BLOCKS, REGION_BLOCKS, GROUP_BLOCKS)]
        self.boxes = np.concatenate([*levels, boxes]).reshape(-1)

    def each_row(self, values, points):
        """(value, row number) of every row of these points."""
        if not len(self.starts):
            return values, self.order[points].astype(np.int64)
        sizes = self.starts[points + 1] - self.starts[points]
        places = np.arange(sizes.sum()) + np.repeat(self.starts[points] - sizes.cumsum() + sizes, sizes)
        return np.repeat(values, sizes), self.order[places].astype(np.int64)

    def give_labels(self, labels, block_labels, out):
        """Write the labels of points to `out`, in the order of rows."""

        def scatter(_, start, stop):
            scatter_labels(self.order, self.starts, labels, block_labels, start, stop, self.n_points, out)

        self.run(scatter, self.block_cuts)


_ordered: WeakKeyDictionary = WeakKeyDictionary()  # of sources, so that restarts share it


def ordered(source, shift, shape):
    """The rows of `source` in blocks, made once for a shift and a shape."""
    key = shift.tobytes(), shape
    known = _ordered.get(source)
    if known is None or known[0] != key:
        known = _ordered[source] = key, Ordered(source, shift, shape)
    return known[1]


def bytes_to_order(source):
    """What a fit by boxes holds at most beside the rows, but for centers and sums."""
    labels = 4 * source.n
    sorting = 16 * source.n
    holding = (4 + 4 + source.d * source.dtype.itemsize + 8 * source.weighted) * source.n
    filling = 4 * source.n
    as_they_lie = source.blocks[0].as_computed and not source.cosine
    copied = 0 if as_they_lie else source.d * source.dtype.itemsize * source.n
    return labels + copied + max(sorting + filling, holding)


class BoxesPass:
    """Label the rows of every region; then, by `action`, sums or nothing."""

    def __init__(self, way, action):
        self.way, self.action = way, action

    def run(self, source):
        way, rows = self.way, self.way.rows
        k, d = way.centers.shape
        summed = self.action == WITH_SUMS
        n_slabs = len(threads.slab_cuts(rows.n_points, d, way.point_seconds)) - 1
        cuts = np.linspace(0, rows.n_regions, min(n_slabs, rows.n_regions) + 1).astype(np.int64)

        def leaf(part):
            partial = Sums.of(k, d) if summed else Sums.of(0, 0)
            partial.n_moved, partial.n_settled, partial.n_swept = label_regions(
                rows.columns, rows.weights, rows.starts, rows.n_points, rows.boxes, rows.block_sums, rows.region_sums,
                cuts[part], cuts[part + 1], way.labels, way.block_labels, way.region_labels, way.turned.reshape(-1),
                way.numbers, k, rows.shift, way.box_bounds, summed, partial.cluster_sums, partial.cluster_weights,
                way.box_shape,
            )  # fmt: skip
            return partial

        n_threads = source.threads_for(rows.n_points * way.point_seconds)
        return threads.reduce([len(cuts) - 1], leaf, Sums.merge, n_threads)


class Boxes(Dense):
    """As Dense, but centers are ruled out for whole boxes of rows, which are kept in the order of space.

    Where features are many or memory is scarce, passes are dense.
    """

    compiled_fit = follows = follows_in_order = False
    rows = None
    gives_up = False

    @property
    def name(self):
        """The way that passes go."""
        return "boxes" if self.rows is not None and not self.gives_up else "dense"

    @property
    def sums_itself(self):
        """Whether passes go by boxes."""
        return self.name == "boxes"

    @property
    def remembers(self):
        """Whether passes go by boxes."""
        return self.rows is not None

    def watch(self, source, k):
        """Put the rows in order, if they may be held a second time."""
        self.rows, self.gives_up, self.passes = None, False, 0
        held = k * source.d * (8 * self.dtype.itemsize + 24) + SCRATCH_BYTES
        if source.d > MOST_FEATURES:
            self.why = f"boxes serve rows of up to {MOST_FEATURES} columns"
            return
        if len(getattr(source, "blocks", ())) != 1:
            self.why = "boxes serve rows that lie in one array"
            return
        if bytes_to_order(source) + held > promised_bytes(source, k):
            self.why = "rows in the order of space would take more memory than the fit may"
            return
        self.box_shape = boxes_shape(self.shape, self.d)
        self.rows = rows = ordered(source, self.shift, self.box_shape)
        self.labels = aligned(rows.n_blocks * BLOCK_ROWS, np.int32)
        self.labels[:] = 0
        self.labels[rows.n_points :] = NOBODY
        self.block_labels = np.full(rows.n_blocks, NOBODY, np.int32)
        self.region_labels = np.full(rows.n_regions, NOBODY, np.int32)
        self.box_bounds = distance_slack(self.dtype, self.d)
        width = len(self.box_shape[2])
        room = (-(-k // width) + 1) * width
        # Blocks that lie on an edge between clusters cost ten times as much as those inside one.
        on_edge = min(1.0, 3.0 * (k * BLOCK_ROWS / rows.n_points) ** (1 / self.d))
        self.point_seconds = 0.3e-9 + 2e-9 * on_edge
        self.numbers = np.arange(room, dtype=np.int32)
        self.turned = np.full((self.d, room), np.inf, self.dtype)

    def shares(self, partial):
        if self.rows is None:
            return super().shares(partial)
        return partial.n_swept / (self.rows.n_points * len(self.centers)), 0.0

    def learn(self, partial):
        """Give boxes up that rule out too little: from the next pass on, all are dense."""
        self.passes += 1
        if self.rows is not None and self.passes >= TRIED_PASSES:
            self.gives_up = partial.n_swept > MOST_SWEPT * self.rows.n_points * len(self.centers)
            if self.gives_up:
                self.why = f"boxes ruled out less than {1 - MOST_SWEPT:.0%} of the pairs"

    def prepare(self, centers):
        super().prepare(centers)
        if self.rows is not None:
            self.turned[:, : len(centers)] = centers.T
        return self

    def labels_pass(self):
        return self._pass(LABELS_ONLY)

    def sums_pass(self):
        return self._pass(WITH_SUMS)

    def _pass(self, action):
        return DensePass(self, action) if self.rows is None or self.gives_up else BoxesPass(self, action)

    def reduce(self, source, pass_, labels):
        """Run a pass for labels or sums: over the boxes, whose labels stay with them until give_labels."""
        if isinstance(pass_, BoxesPass):
            return pass_.run(source)
        if self.gives_up:
            self.give_labels(labels)
            self.rows = None
        return super().reduce(source, pass_, labels)

    def give_labels(self, labels):
        """Write the labels in the order of rows."""
        if self.rows is not None:
            self.rows.give_labels(self.labels, self.block_labels, labels)

    def own_inertia(self, source, labels):
        """The sum of weight times squared distance of every row to the center of its label."""
        if self.rows is None:
            return super().own_inertia(source, labels)
        rows = self.rows
        sums = np.zeros(len(rows.block_cuts) - 1)

        def add(part, start, stop):
            sums[part] = own_inertia(
                rows.columns, rows.weights, rows.n_points, self.labels, self.block_labels, start, stop, self.centers,
                self.shift, self.box_shape,
            )  # fmt: skip

        rows.run(add, rows.block_cuts)
        return float(sums.sum())

    def farthest(self, source, labels, wanted):
        """(weight times squared distance, row number) of the rows farthest from the centers of their labels."""
        if self.rows is None or (source.weighted and len(self.rows.starts)):
            return super().farthest(source, labels, wanted)
        rows, found = self.rows, [None] * (len(self.rows.block_cuts) - 1)

        def look(part, start, stop):
            sq_dists = np.empty((stop - start) * BLOCK_ROWS)
            own_sq_dists(
                rows.columns, self.labels, self.block_labels, start, stop, self.centers, self.shift, sq_dists,
                self.box_shape,
            )  # fmt: skip
            points = slice(start * BLOCK_ROWS, min(stop * BLOCK_ROWS, rows.n_points))
            sq_dists = sq_dists[: points.stop - points.start]
            if source.weighted:
                sq_dists = sq_dists * rows.weights[points]
            keep = among_largest(sq_dists, wanted)
            found[part] = sq_dists[keep], keep + points.start

        rows.run(look, rows.block_cuts)
        sq_dists, points = map(np.concatenate, zip(*found, strict=True))
        keep = among_largest(sq_dists, wanted)
        sq_dists, numbers = rows.each_row(sq_dists[keep], points[keep])
        order = np.lexsort((numbers, -sq_dists))[:wanted]
        return sq_dists[order], numbers[order]
