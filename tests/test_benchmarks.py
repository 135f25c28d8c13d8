"""The benchmarks run: every asv class, and every suite of benchmarks.compare, tiny."""

import importlib
import inspect
import itertools
import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import (
    compare,
    datasets,
    machine,
    peers,
    report,
    rounds,
    suite_grid,
    suite_memory,
    suite_sparse,
    suite_ways,
    thresholds,
)
from benchmarks.options import Options
from fastkmeans.engine.assigners import Dense
from fastkmeans.engine.planner import ASSIGNERS
from fastkmeans.engine.thresholds import WAYS

ROOT = Path(__file__).absolute().parent.parent
ASV = ROOT / "benchmarks" / "asv"
MEASURES = ("time_", "peakmem_", "track_")


@pytest.fixture
def tiny(monkeypatch):
    """The asv classes that a test imports are tiny, and so is what they start."""
    monkeypatch.setenv("FASTKMEANS_BENCH_TINY", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def asv_classes(name):
    """The classes of a file that measure something."""
    module = importlib.import_module(f"benchmarks.asv.{name}")
    own = [kind for kind in vars(module).values() if inspect.isclass(kind) and kind.__module__ == module.__name__]
    return [kind for kind in own if any(method.startswith((*MEASURES, "timeraw_")) for method in dir(kind))]


@pytest.mark.parametrize("name", sorted(path.stem for path in ASV.glob("[!_]*.py") if path.stem != "common"))
def test_every_asv_class_runs(name, tiny):
    classes = asv_classes(name)
    assert classes, "measures nothing"
    for kind in classes:
        for values in itertools.product(*getattr(kind, "params", ())):
            own = kind()
            try:
                own.setup(*values)
            except NotImplementedError:  # a way that this machine has not
                assert name == "ways"
                continue
            for method in dir(kind):
                if method.startswith("timeraw_"):
                    code = getattr(own, method)()
                    code, setup = code if isinstance(code, tuple) else (code, "")
                    subprocess.run([sys.executable, "-W", "error", "-c", f"{setup}\n{code}"], check=True)
                elif method.startswith(MEASURES):
                    value = getattr(own, method)(*values)
                    tracked = method.startswith("track_")
                    assert not tracked or (value > 0 and getattr(kind, method).unit), f"{method}{values}"


def test_asv_sets_up_once_a_process_and_skips_what_has_no_room(tiny, monkeypatch):
    common = importlib.import_module("benchmarks.asv.common")
    iteration = importlib.import_module("benchmarks.asv.iteration")
    own = iteration.Iteration()
    own.setup(common.SIZES[0])
    rows = own.rows
    own.setup(common.SIZES[0])
    assert own.rows is rows
    monkeypatch.setattr(common, "TINY", False)
    monkeypatch.setattr(common, "available_bytes", lambda: 1 << 20)
    with pytest.raises(NotImplementedError, match="no room"):
        common.blobs(1_000_000, 2, 8)


def test_asv_rows_are_those_of_the_workload_and_kept(tiny, monkeypatch, tmp_path):
    common = importlib.import_module("benchmarks.asv.common")
    monkeypatch.setattr(common, "TINY", False)
    monkeypatch.setattr(common, "KEPT", tmp_path / "rows")
    for _ in range(2):
        np.testing.assert_array_equal(common.blobs(300, 3, 4), datasets.load("blobs:300:3:4"))
    assert [path.name for path in (tmp_path / "rows").iterdir()] == ["blobs-300-3-4.npy"]


def test_asv_configuration_names_what_is_there():
    settings = json.loads((ROOT / "asv.conf.json").read_text())
    assert (ROOT / settings["benchmark_dir"] / "common.py").exists()
    assert settings["results_dir"] == ".asv/results"


FIGURES = {"libraries": ["bars"], "convergence": ["convergence"], "scaling": ["scaling", "threads"]}


@pytest.mark.parametrize("suite", compare.SUITES)
def test_suite_runs_without_rivals(suite, tmp_path, capsys):
    arguments = ["--suite", suite, "--quick", "--tiny", "--peers", peers.OURS, "--tag", "try"]
    compare.main([*arguments, "--output", str(tmp_path / "new")])
    (written,) = tmp_path.glob(f"new/*-{suite}-try.md")
    text = written.read_text()
    printed = capsys.readouterr().out
    numbers = json.loads(written.with_suffix(".json").read_text())
    assert list(numbers["suites"]) == [suite] and str(written) in printed
    for figure in FIGURES.get(suite, ()):
        drawn = written.with_name(f"{written.stem}-{figure}.svg")
        assert f"![{figure}]({drawn.name})" in text and "</svg>" in drawn.read_text()
    for table in numbers["suites"][suite]:
        assert table["rows"] and f"## {table['title']}" in text and table["title"] in printed
    assert f"command: python -m benchmarks.compare --suite {suite}" in text
    assert "cpu: " in text and "versions: " in text
    assert str(tmp_path) not in text


def test_match_leaves_out_other_workloads():
    everything, none = Options("full"), Options("full", match="no such rows")
    sizes = (suite_memory.FULL, suite_memory.QUICK, suite_memory.TINY)
    assert everything.workloads(*sizes) == list(suite_memory.FULL)
    assert none.workloads(*sizes) == []
    assert len(Options("full", match="k=10000").workloads(*sizes)) == 1


def test_datasets_are_reproducible_float32_rows():
    for name in ("blobs:300:3:4", "noise:300:3"):
        rows = datasets.load(name)
        assert rows.shape == (300, 3) and rows.dtype == np.float32 and rows.flags.c_contiguous
        np.testing.assert_array_equal(rows, datasets.load(name))
    # The generator's stream is part of every recorded result.
    rng = np.random.default_rng(0)
    means = 3 * rng.normal(size=(4, 3)).astype(np.float32)
    expected = rng.normal(size=(300, 3)).astype(np.float32) + means[rng.integers(0, 4, 300)]
    np.testing.assert_array_equal(datasets.load("blobs:300:3:4"), expected)
    assert datasets.load("noise:30:3", np.float64, "F").flags.f_contiguous
    np.testing.assert_array_equal(datasets.first_centers(rows, 5), datasets.first_centers(rows, 5))


def test_overlapping_clusters_differ_in_size_and_columns_in_scale():
    rows = datasets.load("overlap:4000:30:5")
    assert datasets.available("overlap:4000:30:5") and rows.shape == (4000, 30) and rows.dtype == np.float32
    np.testing.assert_array_equal(rows, datasets.load("overlap:4000:30:5"))
    assert rows[:, 0].std() > 2 * rows[:, 29].std()


def test_sparse_datasets_and_their_judge():
    rows = datasets.load("sparse:300:50:10:4")
    assert datasets.available("sparse:300:50:10:4") and rows.format == "csr" and rows.has_canonical_format
    assert rows.shape == (300, 50) and rows.dtype == np.float32 and 3 * 300 < rows.nnz <= 5 * 300
    np.testing.assert_array_equal(rows.toarray(), datasets.load("sparse:300:50:10:4").toarray())
    dense = rows.toarray()
    assert suite_sparse.inertia(rows, dense[:4]) == pytest.approx(peers.inertia(dense, dense[:4]))


def test_datasets_come_from_the_named_folder(tmp_path, monkeypatch):
    stored = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    np.savez(tmp_path / "things.npz", x=stored)
    monkeypatch.delenv("FASTKMEANS_DATA", raising=False)
    assert not datasets.available("things")
    with pytest.raises(datasets.NotAvailable, match="FASTKMEANS_DATA"):
        datasets.load("things")
    monkeypatch.setenv("FASTKMEANS_DATA", str(tmp_path))
    assert datasets.available("things") and not datasets.available("others")
    assert datasets.load("things").dtype == np.float32
    assert datasets.load("things", dtype=None).dtype == np.uint8
    np.testing.assert_array_equal(datasets.load("things"), stored.reshape(3, 4))
    scaled = datasets.load("things:scaled", np.float64)
    assert datasets.available("things:scaled") and not datasets.available("others:scaled")
    np.testing.assert_allclose([scaled.mean(axis=0), scaled.std(axis=0)], [[0] * 4, [1] * 4], atol=1e-15)
    with pytest.raises(datasets.NotAvailable, match="others"):
        datasets.load("others")


def test_photo_pixels():
    if not datasets.available("photo"):
        pytest.skip("Pillow is not installed")
    pixels = datasets.load("photo", dtype=None)
    assert pixels.dtype == np.uint8 and pixels.shape[1] == 3 and len(pixels) > 10_000


@pytest.mark.parametrize("name", [peers.OURS, "sklearn"])
def test_peers_stop_by_tol(name):
    if not peers.installed(name):
        pytest.skip(f"{name} is not installed")
    rows = datasets.load("blobs:400:3:5")
    init = datasets.first_centers(rows, 5)
    done = [peers.run(name, rows, 5, init, 50, tol=tol).n_iter for tol in (0, 0.1)]
    assert done[1] < done[0] < 50


def test_rounds_give_one_run_each_and_slow_peers_one_round():
    rows = datasets.load("blobs:400:3:5")
    init = datasets.first_centers(rows, 5)
    options = Options("tiny", peers=(peers.OURS, "numpy"))
    outcomes, failed = rounds.alternate(rows, 5, init, 3, options, rounds=3)
    assert not failed and [len(own) for own in outcomes.values()] == [3, 3]
    outcomes, _ = rounds.alternate(rows, 5, init, 3, options, rounds=3, slow=1e-9, stored=rows.astype(np.float64))
    assert [len(own) for own in outcomes.values()] == [1, 1]
    assert outcomes[peers.OURS][0].centers.dtype == np.float64
    outcomes, failed = rounds.alternate(rows, 5, init, 3, options, names=["numpy", "no such peer"], rounds=1)
    assert list(failed) == ["no such peer"] and not outcomes["no such peer"]
    assert rounds.ratios([6.0, 8.0], [2.0, 2.0, 4.0]) == [3, 4, 2]


def test_fits_in_turn_leave_out_ways_that_do_not_run():
    rows = datasets.load("blobs:400:3:5")
    settings = {"init": datasets.first_centers(rows, 5), "max_iter": 5}
    runs, refused = rounds.fits_in_turn(rows, 5, ["dense", "bounds", "nonsense", "auto"], least=2, **settings)
    assert [len(own.seconds) for own in runs.values()] == [2] * 3 and list(refused) == ["nonsense"]
    assert runs["dense"].ms > 0
    assert rounds.ways_gone(runs["bounds"].result).startswith("bounds ")
    runs, _ = rounds.fits_in_turn(rows, 5, ["dense"], least=1, most=4, seconds=60, **settings)
    assert len(runs["dense"].seconds) == 4


def test_ways_are_taken_from_the_registry_and_left_out_if_they_run_as_another(monkeypatch):
    monkeypatch.setitem(ASSIGNERS, "other", Dense)
    rows = datasets.load("blobs:400:3:5")
    ways = ["dense", "other"]
    runs, refused = rounds.fits_in_turn(rows, 5, ways, init=datasets.first_centers(rows, 5), max_iter=5)
    assert list(runs) == ["dense"] and refused["other"].startswith("ran as dense")
    options = Options("tiny", peers=(peers.OURS,))
    (table,) = suite_ways.run(options)
    assert {line["way"] for line in table.rows} == {*ASSIGNERS, "auto"}
    assert all("other" not in line["times"] for line in suite_grid.run(options)[1].rows)


def test_grid_is_within_its_limits_and_its_rules_find_the_worst():
    points = suite_grid.FULL
    assert len(set(points)) == len(points) > 100
    assert max(point.n * point.d for point in points) <= 2.5e8
    assert {point.d for point in Options("full", match="d=2 ").workloads(points, (), ())} == {2}
    lines = [{"n": n, "d": 2, "k": 3, "ratio": ratio, "within": ratio < 1.15} for n, ratio in ((5, 1.0), (6, 1.3))]
    short = suite_grid._in_short("rule", [*lines, {"n": 7}], "within", "ratio", max)
    assert (short["points"], short["broken"], short["worst"], short["met"]) == (2, 1, 1.3, False)
    assert short["where"] == "n=6 d=2 k=3"


def test_planner_table_is_well_formed():
    for table in WAYS.values():
        assert list(table) == sorted(table)
        for switches in table.values():
            begins = [k for k, _ in switches]
            assert begins[0] == 1 and begins == sorted(set(begins))
            assert {way for _, way in switches} <= set(ASSIGNERS)


def test_switch_points_lose_least():
    gains = {  # of "a" and "b" over the dense way
        2: (0.5, 0.1),
        8: (1.04, 0.5),  # less than what a way must gain
        32: (1.5, 1.0),
        64: (0.95, 1.2),  # a or b, whatever: once each
        128: (1.1, 3.0),
    }
    times = {k: {"dense": 1.0, "a": 1 / a, "b": 1 / b} for k, (a, b) in gains.items()}
    assert thresholds.switch_points(times) == ((1, "dense"), (32, "a"), (64, "b"))
    assert thresholds.switch_points({k: {"dense": 1.0, "a": 2.0} for k in gains}) == ((1, "dense"),)
    assert thresholds.switch_points({k: {"dense": 1.0, "a": 0.5} for k in gains}) == ((1, "dense"), (2, "a"))
    assert [thresholds.way_at(((1, "dense"), (32, "a")), k) for k in (1, 31, 32, 99)] == ["dense"] * 2 + ["a"] * 2


def test_thresholds_measure_once_write_the_table_and_draw_the_chart(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.delenv("FASTKMEANS_DATA", raising=False)
    table, cells, chart = tmp_path / "thresholds.py", tmp_path / "cells.json", tmp_path / "chart.svg"
    table.write_text(thresholds.TABLE.read_text())
    monkeypatch.setattr(thresholds, "TABLE", table)
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    own = machine.describe(1, measure=False)["vector set"]
    arguments = ["--tiny", "--bands", "2,8", "--cells", str(cells), "--chart", str(chart), "--write"]
    thresholds.main(arguments)
    written = runpy.run_path(str(table))["WAYS"]
    assert all(written[other] == WAYS[other] for other in WAYS if other != own)
    known = WAYS.get(own, {})
    assert list(written[own]) == sorted({*known, 2, 8})
    assert all(written[own][band] == known[band] for band in known if band not in (2, 8))
    measured = json.loads(cells.read_text())["cells"]
    assert {(cell["band"], cell["k"]) for cell in measured} == {(2, 2), (2, 4), (8, 2), (8, 4)}
    assert "times faster than the dense one" in chart.read_text()
    monkeypatch.setattr(thresholds, "measure", None)  # nothing is measured again
    thresholds.main(arguments)
    assert json.loads(cells.read_text())["cells"] == measured
    assert "Which way wins where" in capsys.readouterr().out
    for refused in (["--quick"], ["--rows", "500"]):
        with pytest.raises(SystemExit, match="for a look"):
            thresholds.main(["--write", *refused])
    with pytest.raises(SystemExit, match="no such bands"):
        thresholds.main(["--tiny", "--bands", "7"])
    with pytest.raises(SystemExit, match="size tiny"):
        thresholds.main(["--quick", "--bands", "2", "--cells", str(cells)])


def test_peak_memory_sees_an_array_that_is_gone():
    with suite_memory.PeakMemory() as memory:
        np.ones(50 << 20, np.uint8).sum()
    assert 48 << 20 < memory.peak - memory.before < 70 << 20


def test_unknown_peer_is_named():
    with pytest.raises(SystemExit, match="sci-kit"):
        compare.chosen_peers("sci-kit")


def test_report_shows_missing_numbers_as_dashes():
    table = report.Table("T", (("name", "name", ""), ("ms", "ms", ".1f"), ("met", "met", "")))
    table.rows = [{"name": "a", "ms": 1.25, "met": True}, {"name": "b", "met": False}, {"name": "c"}]
    assert "| b | - | NO |" in report.as_markdown(table)
    assert report.as_text(table).splitlines()[-1].split() == ["c", "-", "-"]
