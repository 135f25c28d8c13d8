"""Single kernels on one tile in cache, on one thread; `python -m benchmarks.kernels` shows them as rates."""

import pytest

from benchmarks import kernels
from fastkmeans.engine.machine import vector_set
from fastkmeans.kernels.packing import tile_shape

ROUNDS = 20
CALLS = 50  # in a compiled loop: a call from Python takes longer than some of the kernels


def tile(d, k):
    return kernels.Tile("float32", d, k, tile_shape(vector_set(), "float32", d))


def measure(benchmark, case):
    case.run()
    benchmark.extra_info |= {"rows": case.rows, "tile": case.tile, "calls": CALLS}
    benchmark.pedantic(case.run, args=(CALLS,), rounds=ROUNDS)


@pytest.mark.parametrize(("d", "k"), [(2, 8), (16, 64), (128, 1000)])
def test_two_best(benchmark, d, k):
    measure(benchmark, tile(d, k).two_best())


@pytest.mark.parametrize("stored", kernels.STORED["float32"])
def test_pack(benchmark, stored):
    measure(benchmark, tile(16, 64).pack(stored))


@pytest.mark.parametrize("d", [2, 3, 16, 128])
def test_turn(benchmark, d):
    measure(benchmark, tile(d, 8).turn())


@pytest.mark.parametrize(("d", "k"), [(16, 64), (128, 1000)])
def test_accumulate(benchmark, d, k):
    measure(benchmark, tile(d, k).accumulate())


def test_accumulate_by_lane(benchmark):
    measure(benchmark, tile(2, 8).accumulate_by_lane())
