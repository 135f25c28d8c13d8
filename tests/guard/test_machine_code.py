"""Inner loops do what their register tile says and no more, at every width of vectors: nothing spilled or called."""

import platform

import numpy as np
import pytest

from fastkmeans.kernels.boxes import boxes_shape
from fastkmeans.kernels.candidates import ROW_SHAPES, rows_shape
from fastkmeans.kernels.packing import SHAPES, tile_shape
from fastkmeans.kernels.seeding import EIGHT
from tests.guard.inner_loops import CPUS, DTYPES, FEW, MANY, WITH_BYTES, inner_loops
from tests.guard.machine_code import ACCESSES, KINDS, loops

FUSED = [name for name in CPUS if name != "plain"]
REGISTERS = {"avx512": 32, "zen4": 32, "avx2": 16, "neon": 32, "plain": 16}
REGISTER_BYTES = {"avx512": 64, "zen4": 64, "avx2": 32, "plain": 16}
NAMES = {16: "xmm", 32: "ymm", 64: "zmm"}
# Instructions that neither compute nor touch memory, in a pass of the loop.
COUNTING = 6  # what moves on, compares and jumps
ASKING_AHEAD = 32  # and asks for lines of the next tile, and copies the sums around that
COMPARING = 72  # and keeps the least, the next and whose they are, of 2 centers and 4 vectors
# Vectors that the stack holds, where tiles do not fit sixteen registers: no more of them.
KNOWN_SPILLS = {
    ("listed trials", "avx2", "float64"): 16,
    ("boxes", "avx2", "float32"): 64,
    ("boxes", "avx2", "float64"): 64,
}
KNOWN_RELOADS = {"whole trials": 6, "corners": 5}  # addresses and counts

x86 = pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="compiles for x86-64")
dtypes = pytest.mark.parametrize("dtype", DTYPES)
vector_sets = pytest.mark.parametrize("vector_set", FUSED)


def vector_of(vector_set, dtype, lanes):
    """(registers that a vector takes, what they are called)."""
    size, register = len(lanes) * np.dtype(dtype).itemsize, REGISTER_BYTES[vector_set]
    return max(1, size // register), NAMES[min(size, register)]


def sweep_of(shape, registers):
    """What a feature costs in a register tile: a product a pair of vectors, a number for all lanes, vectors."""
    spread, vectors = len(shape[0]), len(shape[1])
    return {"fma": spread * vectors * registers, "broadcast": spread, "load": vectors * registers}


def assert_holds(loop, wanted, register, *, other=COUNTING, spill=0, reload=0):
    """The loop is `wanted`, as often as LLVM unrolled it, and no more of `other`, `spill` and `reload` than these."""
    kind = next(iter(wanted))
    unrolled, rest = divmod(loop[kind], wanted[kind])
    assert unrolled and not rest, loop
    assert loop["other"] <= other and loop["spill"] <= spill and loop["reload"] <= reload, loop
    exact = [kind for kind in (*KINDS, *ACCESSES) if kind not in ("spill", "reload")]
    assert {kind: loop[kind] for kind in exact} == {kind: unrolled * wanted.get(kind, 0) for kind in exact}
    assert loop["register"] == register


@x86
@dtypes
@pytest.mark.parametrize("tile", ["narrow", "wide"])
@vector_sets
def test_dense_sweep(vector_set, tile, dtype):
    """A feature of a group of rows and a panel of centers."""
    shape = tile_shape(vector_set, dtype, FEW if tile == "narrow" else MANY)
    registers, name = vector_of(vector_set, dtype, shape[2])
    assert_holds(inner_loops(vector_set)[f"sweep {tile} {dtype}"], sweep_of(shape, registers), name)


@x86
@vector_sets
def test_sweeps_within_the_whole_kernel_of_a_slab(vector_set):
    """The labelling one and the settling one, and what is left of them where they are unrolled."""
    shape = tile_shape(vector_set, np.float32, MANY)
    registers, name = vector_of(vector_set, np.float32, shape[2])
    sweeps = inner_loops(vector_set)["slab"]
    assert len(sweeps) >= 2
    for loop in sweeps:
        assert_holds(loop, sweep_of(shape, registers), name)


@x86
@dtypes
@vector_sets
def test_sweep_of_lists(vector_set, dtype):
    """A feature of some listed rows and a panel of centers in the lanes."""
    shape = rows_shape(vector_set, dtype)
    registers, name = vector_of(vector_set, dtype, shape[2])
    assert_holds(inner_loops(vector_set)[f"lists {dtype}"], sweep_of(shape, registers), name)


@x86
@pytest.mark.parametrize("vector_set", WITH_BYTES)
def test_sweep_in_bytes(vector_set):
    """As many instructions for four features as the sweep of lists takes for one."""
    shape = rows_shape(vector_set, np.float32)
    registers, name = vector_of(vector_set, np.int32, shape[2])
    wanted = sweep_of(shape, registers)
    wanted = {"dot": wanted.pop("fma")} | wanted
    assert_holds(inner_loops(vector_set)["bytes"], wanted, name)


@x86
@dtypes
@vector_sets
def test_trials_against_listed_rows(vector_set, dtype):
    """A feature of eight rows and eight trials: a difference and its square a pair of vectors."""
    registers, name = vector_of(vector_set, dtype, EIGHT)
    wanted = sweep_of((EIGHT, (None,)), registers)
    spill = KNOWN_SPILLS.get(("listed trials", vector_set, dtype), 0)
    copies = 2 * spill  # the sums change places as they come from the stack
    loop = inner_loops(vector_set)[f"listed trials {dtype}"]
    assert_holds(loop, wanted | {"subtract": wanted["fma"]}, name, spill=spill, other=COUNTING + copies)


@x86
@dtypes
@pytest.mark.parametrize("tile", ["narrow", "wide"])
@vector_sets
def test_distances_of_silhouettes(vector_set, tile, dtype):
    """A feature of a group of rows and a panel of others: a difference and its square a pair of vectors."""
    shape = tile_shape(vector_set, dtype, FEW if tile == "narrow" else MANY)
    registers, name = vector_of(vector_set, dtype, shape[2])
    wanted = sweep_of(shape, registers)
    places = len(shape[0])  # one for each of the others: they lie a row apart
    loop = inner_loops(vector_set)[f"silhouettes {tile} {dtype}"]
    assert_holds(loop, wanted | {"subtract": wanted["fma"]}, name, other=COUNTING + places)


@x86
@dtypes
@vector_sets
def test_trials_against_whole_tiles(vector_set, dtype):
    """A feature of a group of rows and a panel of trials; a loop around this one asks for the next tile."""
    shape = tile_shape(vector_set, dtype, 1)
    registers, name = vector_of(vector_set, dtype, shape[2])
    wanted, loop = sweep_of(shape, registers), inner_loops(vector_set)[f"whole trials {dtype}"]
    reload = KNOWN_RELOADS["whole trials"]
    assert_holds(loop, wanted | {"subtract": wanted["fma"]}, name, other=ASKING_AHEAD, reload=reload)


@x86
@dtypes
@vector_sets
def test_boxes(vector_set, dtype):
    """Two centers of a list and the rows of a block, all features; the rows stay in registers or on the stack."""
    shape = boxes_shape(tile_shape(vector_set, dtype, FEW), FEW)
    registers, name = vector_of(vector_set, dtype, shape[2])
    centers = len(shape[0])
    squares = centers * len(shape[1]) * registers * FEW
    wanted = {"fma": squares, "subtract": squares, "broadcast": centers * (FEW + 1)}  # and the numbers of the centers
    spill = KNOWN_SPILLS.get(("boxes", vector_set, dtype), 0)
    assert_holds(inner_loops(vector_set)[f"boxes {dtype}"], wanted, name, other=COMPARING, spill=spill)


@x86
@dtypes
@vector_sets
def test_centers_ruled_out_for_a_box(vector_set, dtype):
    """A vector of centers, all features: how far from the middle; and at the corners, packed if they are left.

    Where no instruction packs, the stack does it.
    """
    found = inner_loops(vector_set)
    _, name = vector_of(vector_set, dtype, tile_shape(vector_set, dtype, FEW)[2])
    middles, corners = found[f"middles {dtype}"], found[f"corners {dtype}"]
    wanted = {"fma": FEW, "subtract": FEW, "load": FEW}
    assert_holds(middles, wanted, name, other=12 * middles["fma"] // FEW)  # the nearest so far and its place
    squares = 2 * FEW
    wanted = {"fma": squares + 1, "subtract": squares + 1, "add": 1, "broadcast": 3 * FEW, "store": FEW + 1}
    assert {kind: corners[kind] for kind in wanted} == wanted
    assert corners["call"] == corners["gather"] == corners["division"] == 0
    if REGISTER_BYTES[vector_set] == 64:
        assert corners["spill"] == 0 and corners["reload"] <= KNOWN_RELOADS["corners"]


@x86
@dtypes
@pytest.mark.parametrize("vector_set", CPUS)
def test_sums(vector_set, dtype):
    """A register of a row: times its weight, added to the sums of its cluster, which are read and written."""
    _, name = vector_of(vector_set, np.float64, EIGHT)
    wanted = {"multiply": 1, "add": 1, "load": 2, "store": 1}
    assert_holds(inner_loops(vector_set)[f"sums {dtype}"], wanted, name, other=COUNTING + 4)  # converting


@x86
@dtypes
def test_plain_x86_has_no_fused_multiply_add(dtype):
    """There each lane of a product is a call of the C library: no more than one."""
    found, itemsize = inner_loops("plain"), np.dtype(dtype).itemsize
    tile, rows = tile_shape("plain", dtype, 1), rows_shape("plain", dtype)
    box = boxes_shape(tile, FEW)
    pieces = {
        "sweep narrow": tile, "sweep wide": tile, "lists": rows, "listed trials": (EIGHT, (None,), EIGHT),
        "whole trials": tile, "boxes": (box[0], box[1] * FEW, box[2]),
    }  # fmt: skip
    for name, (spread, vectors, lanes) in pieces.items():
        loop = found[f"{name} {dtype}"]
        assert loop["call"] == len(spread) * len(vectors) * len(lanes), name
        assert loop["gather"] == loop["division"] == 0, name
        assert loop["subtract"] in (0, loop["call"] * itemsize // REGISTER_BYTES["plain"]), name


def test_tiles_fit_the_registers():
    """The sums, the vectors that they are multiplied by, and one number for all lanes."""
    for name, registers in REGISTERS.items():
        for rows, vectors, _ in (*SHAPES[name][:2], ROW_SHAPES[name]):
            assert rows * vectors + vectors + 1 <= registers, name


def test_loops_are_told_apart_and_counted():
    """A loop in a loop; an operand for all lanes; the stack by its pointer, and by %rbp only where that holds it."""
    code = """
	movq	%rbp, %rax
.outer:
	vmovups	(%rdi), %ymm0
	vmovaps	%ymm3, -32(%rsp)
.inner:
	vfmadd231ps	4(%rbp,%r11,4){1to8}, %ymm0, %ymm1
	{vex}	vpdpbusd	%ymm1, %ymm2, %ymm3
	incq	%rcx
	jne	.inner
	movq	16(%rsp), %rdx
	testq	%rdx, %rdx
	jne	.outer
	retq
"""
    outer, inner = sorted(loops(code), key=lambda loop: -loop["inner_loops"])

    def seen(loop):
        return {kind: count for kind, count in loop.items() if count}

    assert seen(inner) == {"fma": 1, "dot": 1, "broadcast": 1, "other": 2, "instructions": 4, "register": "ymm"}
    assert seen(outer) == {"load": 1, "spill": 1, "reload": 1, "other": 2, "instructions": 5, "inner_loops": 1}
    assert loops(code.replace("%rbp, %rax", "%rsp, %rbp"))[-1]["spill"] == 1
