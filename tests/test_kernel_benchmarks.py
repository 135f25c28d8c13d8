"""The kernels that benchmarks.kernels measures, and `pytest benchmarks`: what is timed does what it says."""

import getpass
import json
import platform
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import kernels, way_kernels
from fastkmeans.engine.groups import screens
from fastkmeans.engine.machine import vector_set
from fastkmeans.kernels.packing import tile_shape
from tests import naive
from tests.checks import ROOT


def test_kernel_cases_run():
    small = [(2, 8)]
    cases = [*kernels.sweeps("float32", kernels.own_shapes("float32")[:1], small)]
    cases += kernels.row_work("float32", small)
    for case in cases:
        case.run()
        line = case.line(1e-6)
        assert line["ns"] > 0 and (case.flops == 0) == (line["gflops"] is None)
    found = {case.kernel for case in cases}
    assert found >= {"two_best", "turn", "accumulate", "accumulate_by_lane", "pack uint8", "mark_uncertain", "settle"}


def test_settled_rows_get_their_nearest_center():
    case = kernels.Tile("float32", 3, 20, tile_shape(vector_set(), "float32", 3)).settle()
    case.run(2)
    centers, nearest = case.arguments[8], case.arguments[-2]
    np.testing.assert_array_equal(nearest[: case.rows], naive.assign(case.rows_read, centers))


@pytest.mark.parametrize("in_bytes", [False, True])
def test_swept_lists_keep_the_largest_score(in_bytes):
    if in_bytes and not screens(16):
        pytest.skip("no dot products of bytes on this machine")
    case = way_kernels.sweep_list("float32", 16, in_bytes)
    case.run(2)
    tile, panel, lows = case.arguments[0], case.arguments[5].reshape(-1, case.k), case.arguments[8]
    if in_bytes:  # a factor of 0 leaves the bias, 0
        np.testing.assert_array_equal(lows, 0)
    else:
        scores = panel[0] + tile.reshape(case.rows, -1) @ panel[1:]
        np.testing.assert_allclose(lows, scores.max(axis=1), rtol=1e-4)


def test_rounded_rows_keep_their_scale():
    case = way_kernels.round_to_bytes(np.dtype(np.float32), 16)
    case.run()
    tile, scales, row_bytes = case.arguments[0], case.arguments[10][1], case.arguments[8]
    np.testing.assert_allclose((row_bytes.astype(int) - 128) * np.repeat(scales, 16), tile, atol=scales.max())


def test_labelled_region_gets_its_nearest_centers():
    region = way_kernels.BoxesOfARegion("float32", 2, 9)
    region.narrow().run()
    region.label().run(2)
    labels = region.source.new_row_state(np.int32)
    region.way.give_labels(labels)
    rows = region.source.blocks[0].array
    np.testing.assert_array_equal(labels, naive.assign(rows, region.way.centers))


def test_trials_gain_what_rows_come_nearer():
    case = way_kernels.score_trials("float32", 4, 1.0)
    case.run(2)
    rows, closest, gains = case.rows_read, case.arguments[5], case.arguments[14]
    sq_dists = ((rows[:, None] - rows[None, : way_kernels.TRIALS]) ** 2).sum(axis=2)
    np.testing.assert_allclose(gains, np.maximum(closest[:, None] - sq_dists, 0).sum(axis=0), rtol=1e-4)


def test_pytest_benchmark_saves_and_compares_baselines(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTKMEANS_BENCH_TINY", "1")
    command = [sys.executable, "-m", "pytest", "benchmarks", "--benchmark-only", "-p", "no:cacheprovider", "-k"]
    command += ["fit or turn", f"--benchmark-storage={tmp_path}"]
    for more in (["--benchmark-save=first"], ["--benchmark-compare", "--benchmark-compare-fail=min:99999%"]):
        done = subprocess.run([*command, *more], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "0001_first" in done.stdout and "NOW" in done.stdout
    (saved,) = tmp_path.rglob("0001_first.json")
    baseline = json.loads(saved.read_text())
    assert {test["name"].split("[")[0] for test in baseline["benchmarks"]} >= {"test_small_fit", "test_turn"}
    assert all("data" not in test["stats"] for test in baseline["benchmarks"])
    assert set(baseline["commit_info"]) == {"id", "time", "dirty"}
    for private in (platform.node(), getpass.getuser(), str(ROOT)):
        assert private not in saved.read_text()


def test_pytest_skips_benchmarks_unless_asked():
    command = [sys.executable, "-m", "pytest", "benchmarks", "-p", "no:cacheprovider", "-k", "small_fit"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "1 skipped" in done.stdout, done.stdout[-2000:]
