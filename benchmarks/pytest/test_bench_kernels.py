"""Single kernels on rows in cache, on one thread, 50 calls at once; rates: `python -m benchmarks.kernels`."""

import numpy as np
import pytest

from benchmarks import kernels, way_kernels
from fastkmeans.engine.groups import screens
from fastkmeans.engine.machine import vector_set
from fastkmeans.kernels.packing import tile_shape

ROUNDS = 20
CALLS = 50  # in a compiled loop: a call from Python takes longer than some of the kernels
NARROW, MIDDLE, WIDE = (2, 8), (16, 64), (128, 1000)
types = pytest.mark.parametrize("dtype", ["float32", "float64"])


def tile(d, k, dtype="float32"):
    return kernels.Tile(dtype, d, k, tile_shape(vector_set(), dtype, d))


def measure(benchmark, case):
    case.run()
    benchmark.extra_info |= {"rows": case.rows, "tile": case.tile, "calls": CALLS}
    benchmark.pedantic(case.run, args=(CALLS,), rounds=ROUNDS)


@types
@pytest.mark.parametrize(("d", "k"), [NARROW, MIDDLE, WIDE])
def test_two_best(benchmark, d, k, dtype):
    measure(benchmark, tile(d, k, dtype).two_best())


@pytest.mark.parametrize(
    ("dtype", "stored"), [(own, stored) for own, all_ in kernels.STORED.items() for stored in all_]
)
def test_pack(benchmark, dtype, stored):
    measure(benchmark, tile(*MIDDLE, dtype).pack(stored))


def test_pack_columns(benchmark):
    measure(benchmark, tile(*MIDDLE).pack("float32", order="F"))


@pytest.mark.parametrize("d", [2, 3, 16, 128])
def test_turn(benchmark, d):
    measure(benchmark, tile(d, 8).turn())


@types
@pytest.mark.parametrize(("d", "k"), [MIDDLE, WIDE])
def test_accumulate(benchmark, d, k, dtype):
    measure(benchmark, tile(d, k, dtype).accumulate())


@types
def test_accumulate_by_lane(benchmark, dtype):
    measure(benchmark, tile(*NARROW, dtype).accumulate_by_lane())


@pytest.mark.parametrize(("d", "k"), [NARROW, WIDE])
def test_mark_uncertain(benchmark, d, k):
    measure(benchmark, tile(d, k).mark_uncertain())


@pytest.mark.parametrize(("d", "k"), [NARROW, WIDE])
def test_settle(benchmark, d, k):
    measure(benchmark, tile(d, k).settle())


@types
@pytest.mark.parametrize("d", [16, 128])
def test_sweep_list(benchmark, d, dtype):
    measure(benchmark, way_kernels.sweep_list(dtype, d))


@pytest.mark.parametrize("d", [16, 128])
def test_sweep_list_in_bytes(benchmark, d):
    if not screens(d):
        pytest.skip("no dot products of bytes on this machine")
    measure(benchmark, way_kernels.sweep_list("float32", d, in_bytes=True))


@types
def test_round_to_bytes(benchmark, dtype):
    measure(benchmark, way_kernels.round_to_bytes(np.dtype(dtype), 128))


@pytest.mark.parametrize("k", [8, 100])
def test_narrow_boxes(benchmark, k):
    measure(benchmark, way_kernels.BoxesOfARegion("float32", 2, k).narrow())


@types
@pytest.mark.parametrize("k", [8, 100])
def test_label_region(benchmark, k, dtype):
    measure(benchmark, way_kernels.BoxesOfARegion(dtype, 2, k).label())


@types
@pytest.mark.parametrize("share", [1.0, 0.1], ids="share={}".format)
def test_score_trials(benchmark, share, dtype):
    measure(benchmark, way_kernels.score_trials(dtype, 32, share))
