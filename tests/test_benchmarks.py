"""The benchmarks run: every asv class, every suite of benchmarks.compare, every pytest-benchmark file, tiny."""

import importlib
import inspect
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import compare, datasets, kernels, peers, report, suite_memory, suite_sparse
from benchmarks.options import Options

ROOT = Path(__file__).absolute().parent.parent
ASV_FILES = ("iteration", "fit", "seeding", "predict", "startup")
METHODS = ("time_", "peakmem_", "track_")


@pytest.fixture(scope="module")
def asv_classes():
    """{name: class} of all asv classes, tiny."""
    before = os.environ.get("FASTKMEANS_BENCH_TINY")
    os.environ["FASTKMEANS_BENCH_TINY"] = "1"
    try:
        modules = [importlib.import_module(f"benchmarks.asv.{name}") for name in ASV_FILES]
    finally:
        os.environ.pop("FASTKMEANS_BENCH_TINY")
        if before is not None:
            os.environ["FASTKMEANS_BENCH_TINY"] = before
    return {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__
    }


def test_every_asv_class_runs(asv_classes):
    ran = 0
    for name, kind in asv_classes.items():
        methods = [method for method in dir(kind) if method.startswith(METHODS)]
        assert methods, f"{name} measures nothing"
        for values in itertools.product(*kind.params):
            own = kind()
            own.setup(*values)
            for method in methods:
                value = getattr(own, method)(*values)
                assert not method.startswith("track_") or value > 0, f"{name}.{method}{values}"
                ran += 1
    assert ran > 20


def test_asv_startup_code_runs():
    from benchmarks.asv import startup

    for name, function in vars(startup).items():
        if name.startswith("timeraw_"):
            code = function()
            code, setup = code if isinstance(code, tuple) else (code, "")
            env = os.environ | {"PYTHONPATH": str(ROOT)}
            subprocess.run([sys.executable, "-W", "error", "-c", f"{setup}\n{code}"], env=env, check=True)


def test_asv_configuration_names_what_is_there():
    settings = json.loads((ROOT / "asv.conf.json").read_text())
    assert (ROOT / settings["benchmark_dir"] / "common.py").exists()
    assert settings["results_dir"] == ".asv/results"


@pytest.mark.parametrize("suite", compare.SUITES)
def test_suite_runs_without_rivals(suite, tmp_path, capsys):
    json_file = tmp_path / "numbers.json"
    arguments = ["--suite", suite, "--quick", "--tiny", "--peers", peers.OURS]
    compare.main([*arguments, "--json", str(json_file), "--markdown", str(tmp_path)])
    (written,) = tmp_path.glob(f"*-{suite}.md")
    text = written.read_text()
    printed = capsys.readouterr().out
    numbers = json.loads(json_file.read_text())
    assert list(numbers["suites"]) == [suite]
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
    with pytest.raises(datasets.NotAvailable, match="others"):
        datasets.load("others")


def test_photo_pixels():
    if not datasets.available("photo"):
        pytest.skip("Pillow is not installed")
    pixels = datasets.load("photo", dtype=None)
    assert pixels.dtype == np.uint8 and pixels.shape[1] == 3 and len(pixels) > 10_000


def test_our_run_and_plain_numpy_agree():
    rows = datasets.load("blobs:400:3:5")
    init = datasets.first_centers(rows, 5)
    ours, plain = (peers.run(name, rows, 5, init, 3) for name in (peers.OURS, "numpy"))
    assert ours.n_iter == plain.n_iter == 3
    np.testing.assert_allclose(ours.centers, plain.centers, rtol=1e-4, atol=1e-4)
    assert peers.inertia(rows, ours.centers) == pytest.approx(peers.inertia(rows, plain.centers), rel=1e-5)


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


def test_kernel_cases_run():
    small = [(2, 8)]
    cases = [*kernels.sweeps("float32", kernels.own_shapes("float32")[:1], small)]
    cases += kernels.row_work("float32", small)
    for case in cases:
        case.run()
        line = case.line(1e-6)
        assert line["ns"] > 0 and (case.flops == 0) == (line["gflops"] is None)
    assert {case.kernel for case in cases} >= {"two_best", "turn", "accumulate", "accumulate_by_lane", "pack uint8"}


def test_pytest_benchmark_fits_run():
    command = [sys.executable, "-m", "pytest", "benchmarks/pytest/test_bench_fit.py", "--benchmark-disable"]
    env = os.environ | {"FASTKMEANS_BENCH_TINY": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command, "-p", "no:cacheprovider"], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
