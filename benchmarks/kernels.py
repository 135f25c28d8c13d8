"""python -m benchmarks.kernels: single kernels on one thread, on one tile in cache, as a slab calls them.

The sweep in GFLOP/s, everything that is done once a row in nanoseconds a row. Each kernel is called in a compiled
loop, as the call from Python alone takes longer than some of them; so the first line takes seconds to compile.
"""

import argparse
from dataclasses import dataclass
from functools import cache

import numba
import numpy as np

from benchmarks import machine, report
from fastkmeans.engine.machine import vector_set
from fastkmeans.kernels import accumulate, assign, packing, settle, slab

SIZES = ((2, 8), (8, 64), (16, 64), (32, 100), (64, 256), (128, 1000), (768, 1000))
ROW_SIZES = ((2, 8), (3, 16), (7, 16), (8, 64), (16, 64), (32, 100), (128, 1000))
STORED = {"float32": ("float32", "float16", "uint8", "int16"), "float64": ("float64", "int64")}  # by computing type
CALL_SECONDS = 0.02  # of one compiled loop: far above the clock's resolution

COLUMNS = (
    ("kernel", "kernel", ""),
    ("tile", "tile", ""),
    ("d", "d", "d"),
    ("k", "k", "d"),
    ("rows", "rows", "d"),
    ("ns/row", "ns", ".2f"),
    ("GFLOP/s", "gflops", ".1f"),
    ("% of sgemm", "share", ".0f"),
)


@cache
def looped(kernel):
    """A compiled function (times, arguments) that calls `kernel` so many times."""
    options = {"nogil": True, "error_model": "numpy"}  # as kernels/jit.py; its cache would not see edits made here
    # What is inlined always takes no *arguments; what kernels call by address is a plain function.
    called = numba.njit(**options)(getattr(kernel, "py_func", kernel))

    @numba.njit(**options)
    def loop(times, arguments):
        for _ in range(times):
            called(*arguments)

    return loop


@dataclass
class Case:
    """A kernel with the arguments of one tile."""

    kernel: str
    shape: tuple
    d: int
    k: int | None
    rows: int
    function: object
    arguments: tuple
    flops: float = 0.0
    rows_read: np.ndarray | None = None
    """Rows that the arguments know by address only: kept alive here."""

    @property
    def tile(self):
        return "x".join(str(len(part)) for part in self.shape) if self.shape else "-"

    def run(self, times=1):
        """Call the kernel `times` times."""
        looped(self.function)(times, self.arguments)

    def seconds(self, repeat=5):
        """Seconds of one call, the best of `repeat` measurements."""
        self.run()
        first = machine.best_seconds(lambda: self.run(10), 2) / 10
        times = max(1, int(CALL_SECONDS / first))
        return machine.best_seconds(lambda: self.run(times), repeat) / times

    def line(self, seconds):
        """The row of a report."""
        row = {"kernel": self.kernel, "tile": self.tile, "d": self.d, "k": self.k, "rows": self.rows}
        return row | {"ns": 1e9 * seconds / self.rows, "gflops": self.flops / seconds / 1e9 if self.flops else None}


def shape_of(text, dtype):
    """The shape that "8x2x16" stands for; the last number counts lanes of float32."""
    centers, vectors, lanes = map(int, text.split("x"))
    return (None,) * centers, (None,) * vectors, (None,) * (lanes * 4 // np.dtype(dtype).itemsize)


def own_shapes(dtype):
    """The shapes that this machine's kernels have."""
    return [packing.tile_shape(vector_set(), dtype, d) for d in (2, packing.SHAPES[vector_set()][2])]


class Tile:
    """A packed tile of normal rows and its centers, in the scratch that a slab works in."""

    def __init__(self, dtype, d, k, shape):
        rng = np.random.default_rng(0)
        self.d, self.k, self.shape, self.dtype = d, k, shape, np.dtype(dtype)
        (self.tile, self.columns), each_row, self.settling = slab.scratch_for(self.dtype, d, shape)
        self.room = len(each_row[0])
        self.scores = [np.empty(self.room, self.dtype) for _ in range(2)]
        self.nearest = np.empty(self.room, np.int32)
        self.stride = len(self.tile) // self.room
        self.n_groups = self.room // (len(shape[1]) * len(shape[2]))
        self.tile[:] = rng.normal(size=len(self.tile))
        self.columns[:] = rng.normal(size=len(self.columns))
        self.shift = np.zeros(d, self.dtype)
        self.labels = rng.integers(0, k, self.room).astype(np.int32)
        self.weights = np.empty(0)
        self.sums, self.cluster_weights = np.zeros(k * d + 8), np.zeros(k)
        self.n_panels = -(-k // len(shape[0]))
        self.panels = np.empty(self.n_panels * len(shape[0]) * (d + 1), self.dtype)
        self.centers, self.center_norms = rng.normal(size=(k, d)).astype(self.dtype), np.empty(k)
        slack, tiny = settle.rounding_slack(self.dtype, d)
        packing.pack_centers(self.centers, self.shift, slack, self.panels, self.center_norms, shape)
        self.bounds = slack, tiny, float(self.center_norms.max())

    def case(self, kernel, function, arguments, *, shaped=True, clusters=True, rows=None, **more):
        shape, k = self.shape if shaped else (), self.k if clusters else None
        return Case(kernel, shape, self.d, k, rows or self.room, function, arguments, **more)

    def two_best(self):
        lowest = self.dtype.type(-np.inf)
        arguments = (
            self.columns, self.n_groups, self.d, self.panels, self.n_panels, lowest, *self.scores, self.nearest,
            0, 0, self.shape,
        )  # fmt: skip
        return self.case("two_best", assign.two_best, arguments, flops=2.0 * self.room * self.d * self.k)

    def pack(self, stored, order="C"):
        """`stored` rows into the tile; the rows are in cache, so this is the cost of converting them."""
        rows_read = np.asarray(np.random.default_rng(0).integers(0, 100, (self.room, self.d)), stored, order=order)
        rows = packing.describe_rows(rows_read, self.dtype, vector_set())
        arguments = (rows, 0, self.room, self.room, self.d, 0, self.shift, 0, self.tile, self.stride)
        name = f"pack {stored}" + " columns" * (order == "F")
        return self.case(name, packing.pack_tile, arguments, shaped=False, clusters=False, rows_read=rows_read)

    def turn(self):
        arguments = (self.tile, self.stride, self.n_groups, self.d, self.columns, self.shape)
        return self.case("turn", packing.turn_tile, arguments, clusters=False)

    def square_norms(self):
        arguments = (self.columns, self.n_groups, self.d, self.scores[0], self.shape)
        return self.case("square_norms", packing.square_norms, arguments, clusters=False)

    def mark_uncertain(self):
        """Where every row's best leads by far, as nearly always."""
        late, late_cuts, *_ = self.settling
        best, second = np.ones(self.room, self.dtype), np.full(self.room, -1e3, self.dtype)
        arguments = (
            best, second, self.nearest, np.ones_like(best), self.room, self.center_norms, self.bounds, 0, late,
            late_cuts, 0, self.shape,
        )  # fmt: skip
        return self.case("mark_uncertain", settle.mark_uncertain, arguments)

    def settle(self):
        """One group of rows, each between its two best centers."""
        late, late_cuts, scores, exact_rows, sq_dists, *_ = self.settling
        count = self.room // self.n_groups
        rows_read = np.random.default_rng(1).normal(size=(count, self.d)).astype(self.dtype)
        late[:count] = np.arange(count)
        all_scores = rows_read @ self.centers.T - 0.5 * (self.centers**2).sum(axis=1)
        late_cuts[:count] = np.sort(all_scores, axis=1)[:, -2] - 1e-3
        rows = packing.describe_rows(rows_read, self.dtype, vector_set())
        arguments = (
            rows, late[:count], late_cuts[:count], count, self.d, 0, self.shift, 0, self.centers, self.panels,
            self.n_panels, self.tile, self.stride, self.columns, scores, exact_rows, sq_dists, self.nearest, self.shape,
        )  # fmt: skip
        return self.case("settle", settle.settle_rows, arguments, rows=count, rows_read=rows_read)

    def accumulate(self):
        arguments = (
            self.tile, self.stride, self.room, self.d, self.labels, self.weights, self.sums, self.cluster_weights
        )  # fmt: skip
        return self.case("accumulate", accumulate.accumulate, arguments, shaped=False)

    def accumulate_by_lane(self):
        arguments = (
            self.columns, self.n_groups, self.d, self.labels, self.weights, self.sums, self.cluster_weights, self.shape
        )  # fmt: skip
        return self.case("accumulate_by_lane", accumulate.accumulate_by_lane, arguments)


def sweeps(dtype, shapes, sizes=SIZES):
    """The sweep in every shape at every size."""
    for d, k in sizes:
        for shape in shapes:
            yield Tile(dtype, d, k, shape).two_best()


def row_work(dtype, sizes=ROW_SIZES):
    """What is done once a row: reading it, turning it, its norm, whether its best is certain, its share of the sums."""
    for d, k in sizes:
        tile = Tile(dtype, d, k, packing.tile_shape(vector_set(), dtype, d))
        for stored in STORED[tile.dtype.name]:
            yield tile.pack(stored)
        yield tile.pack(tile.dtype.name, order="F")
        yield from (tile.turn(), tile.square_norms(), tile.mark_uncertain(), tile.settle(), tile.accumulate())
        if accumulate.BY_LANE_CLUSTERS >= k:
            yield tile.accumulate_by_lane()


def main(argv=None):
    from benchmarks.way_kernels import way_work  # which has its cases from here

    p = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__.split("\n\n")[0])
    p.add_argument("--dtype", choices=["float32", "float64"], default="float32", help="computing type")
    p.add_argument("--shapes", help="tile shapes to compare, as 8x2x16,6x4x16 (default: this machine's)")
    p.add_argument("--match", default="", metavar="TEXT", help="only kernels whose name contains it")
    p.add_argument("--output", metavar="FOLDER", help="write a report and every raw number there")
    arguments = p.parse_args(argv)
    named = arguments.shapes.split(",") if arguments.shapes else []
    shapes = [shape_of(text, arguments.dtype) for text in named] or own_shapes(arguments.dtype)
    command = f"python -m benchmarks.kernels --dtype {arguments.dtype}"
    command += f" --shapes {arguments.shapes}" * bool(named) + f" --match '{arguments.match}'" * bool(arguments.match)
    facts = machine.describe(1)
    print("\n".join([f"date: {facts['date']}", *report.head(facts, command)]), flush=True)
    slower = np.dtype(arguments.dtype).itemsize // 4  # float64 has half the lanes
    tables = []
    for title, found in (
        ("The sweep", sweeps(arguments.dtype, shapes)),
        ("Once a row", row_work(arguments.dtype)),
        ("Lists, boxes, seeding", way_work(arguments.dtype)),
    ):
        table = report.Table(f"{title}, {arguments.dtype}, one thread", COLUMNS)
        before = machine.sgemm_gflops(1)
        table.rows = [case.line(case.seconds()) for case in found if arguments.match in case.kernel]
        after = machine.sgemm_gflops(1)
        for row in table.rows:
            row["share"] = 100 * row["gflops"] / ((before + after) / 2 / slower) if row["gflops"] else None
        table.notes.append(
            f"sgemm on one thread before and after: {before:.0f}, {after:.0f}; in float64 half of it counts"
        )
        tables.append(table)
        print(report.as_text(table), flush=True)
    if arguments.output:
        files = report.write(arguments.output, f"{facts['date']}-kernels", facts, command, {"kernels": tables}, {})
        print("\nwritten:", *files, sep="\n  ")


if __name__ == "__main__":
    machine.restart_with_blas("benchmarks.kernels")
    main()
