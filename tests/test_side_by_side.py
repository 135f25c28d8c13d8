"""The comparison that users run: peers do equal work, figures follow from the numbers, the README from the record."""

import json
import re

import numpy as np
import pytest

from benchmarks import charts, compare, datasets, peers, readme, report, rounds
from benchmarks import suite_convergence as convergence
from benchmarks import suite_libraries as libraries
from benchmarks import suite_scaling as scaling
from benchmarks import suite_streaming as streaming
from benchmarks.machine import ROOT
from benchmarks.options import Options

OWN_START = ("superkmeans", "geokmeans")  # take no centers from outside
OURS_ONLY = Options("tiny", peers=(peers.OURS,))


@pytest.mark.parametrize("name", [name for name in peers.PEERS if name not in (peers.OURS, *OWN_START)])
def test_peers_do_the_same_work_as_plain_numpy(name):
    if not peers.installed(name):
        pytest.skip(f"{name} is not installed")
    rows = datasets.load("blobs:400:3:5")
    init = datasets.first_centers(rows, 5)
    ours, plain = (peers.run(one, rows, 5, init, 3) for one in (name, "numpy"))
    assert ours.n_iter == plain.n_iter == 3
    np.testing.assert_allclose(ours.centers, plain.centers, rtol=1e-4, atol=1e-4)
    assert peers.inertia(rows, ours.centers) == pytest.approx(peers.inertia(rows, plain.centers), rel=1e-5)


@pytest.mark.parametrize("name", peers.PEERS)
def test_peers_run_from_a_start_of_their_own_to_their_end(name):
    if not peers.installed(name):
        pytest.skip(f"{name} is not installed")
    rows = datasets.load("blobs:400:3:5")
    short, whole = (peers.run(name, rows, 5, None, iterations, seed=1) for iterations in (1, None))
    assert 1 <= short.n_iter <= 2 <= whole.n_iter  # geokmeans counts from 0
    assert whole.centers.shape == (5, 3)
    assert peers.inertia(rows, whole.centers) <= 1.001 * peers.inertia(rows, short.centers)


def test_everybody_is_us_and_the_installed_rivals():
    everybody = peers.everybody()
    assert everybody[0] == peers.OURS and "numpy" in everybody and "dense" not in everybody
    assert set(charts.PEER_COLOURS) == set(peers.PEERS)
    assert compare.chosen_peers("dense, numpy") == ("dense", "numpy")


def test_rivals_that_would_take_too_long_are_left_out_and_named():
    rows = datasets.load("blobs:400:3:5")
    init = datasets.first_centers(rows, 5)
    options = Options("tiny", peers=(peers.OURS, "numpy"))
    outcomes, failed = rounds.alternate(rows, 5, init, 3, options, rounds=1, budget=1e-9)
    assert len(outcomes[peers.OURS]) == 1 and not outcomes["numpy"]
    assert re.match("a run would take about .* s, more than", failed["numpy"])


def test_ratio_and_roofline_follow_from_the_samples():
    workload = libraries.Workload("blobs:500:8:8", 8, 2, 1.0)
    line, own = libraries.measure(workload, Options("tiny", peers=(peers.OURS, "sklearn", "numpy")), reading=1e-3)
    ours, sklearn, plain = own
    assert line["roof"] == "memory" and line["bound_ms"] == pytest.approx(500 * 8 * 4 / 1e3)
    assert line["rival"] == "sklearn"  # numpy is no rival of the ratio
    assert line["ratio"] == pytest.approx(sklearn["ms"] / ours["ms"])
    assert line["met"] == (line["ratio"] >= 1)
    assert plain["share"] == pytest.approx(100 * line["bound_ms"] / plain["ms"])
    assert plain["inertia_ratio"] == pytest.approx(1, rel=1e-5)


def test_points_of_convergence_are_fits_cut_short():
    (table,) = convergence.run(Options("tiny", peers=(peers.OURS, "numpy")))
    for line in table.rows:
        inertias = [inertia for _, _, inertia in sorted(line["points"], key=lambda point: point[1])]
        assert line["ended"] and len(inertias) == len(convergence.QUICK_CUTS)
        assert all(later <= 1.001 * before for before, later in zip(inertias[:-1], inertias[1:], strict=True))
        assert line["inertia"] == inertias[-1]


def test_the_law_is_found_in_times_that_follow_it():
    lines = [
        {"n": n, "d": d, "k": k, "threads": 2, "least": n * (3 + 0.5 * d + 0.01 * d * k) / 2e6}
        for n, d, k in ((1000, 2, 4), (1000, 64, 4), (5000, 16, 100), (5000, 2, 1000))
    ]
    law = scaling._law(lines)
    assert [law[name] for name in "abc"] == pytest.approx([3, 0.5, 0.01])
    assert law["gflops"] == pytest.approx(200) and law["error"] < 1e-6 and law["points"] == 4
    assert scaling._law(lines[:2]) is None
    lines[3]["least"] *= 2
    assert scaling._law(lines)["where"] == "n=5000 d=2 k=1000 threads=2"


def test_exponents_are_of_the_larger_half():
    lines = [
        {"what": "n", "others": "", "peer": "us", "value": n, "ms": max(1, (n / 1e3) ** 1.5)}
        for n in (10, 1e3, 1e4, 1e5)
    ]
    assert scaling._exponent(lines, "us")["exponent"] == pytest.approx(1.5)
    assert scaling._exponent(lines, "them") is None
    threads = [{"what": "threads", "others": "", "peer": "us", "value": n, "ms": 8 / n} for n in (4, 1, 2)]
    assert scaling._exponent(threads, "us")["speed_up"] == 4


def test_rows_in_a_file_are_mapped_and_the_same_as_in_memory(tmp_path):
    rows = scaling._in_a_file(tmp_path / "rows.npy", 500, 3)
    assert isinstance(rows, np.memmap) and not rows.flags.writeable
    np.testing.assert_array_equal(rows, datasets.load(f"blobs:500:3:{scaling.CENTERS}"))
    pieces = scaling._in_a_file(tmp_path / "pieces.npy", 500, 3, step=200)
    np.testing.assert_array_equal(pieces[400:], datasets.load(f"blobs:100:3:{scaling.CENTERS}"))


@pytest.mark.parametrize("name", [*datasets.SKLEARN_TABLES, *datasets.SKLEARN_PHOTOS, "china_patches"])
def test_rows_that_scikit_learn_brings(name):
    if not datasets.available(f"sklearn:{name}"):
        pytest.skip("scikit-learn or Pillow is not installed")
    rows = datasets.load(f"sklearn:{name}")
    assert rows.dtype == np.float32 and rows.flags.c_contiguous and np.isfinite(rows).all()
    assert len(rows) > 100 and rows.shape[1] == {"digits": 64, "china": 3, "china_patches": 192}.get(
        name, rows.shape[1]
    )


def test_patches_are_squares_of_the_photo():
    if not datasets.available("sklearn:china"):
        pytest.skip("scikit-learn or Pillow is not installed")
    photo = datasets.load("sklearn:china").reshape(427, 640, 3)
    patches = datasets.load("sklearn:china_patches")
    across = len(range(0, 640 - 7, 2))
    np.testing.assert_array_equal(patches[across + 3].reshape(8, 8, 3), photo[2:10, 6:14])


def test_unknown_rows_of_scikit_learn_are_named():
    with pytest.raises(datasets.NotAvailable, match="nothing.*digits"):
        datasets.load("sklearn:nothing")


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory):
    """What the command without --suite leaves, of a tiny run of us alone."""
    folder = tmp_path_factory.mktemp("run")
    compare.main(["--tiny", "--peers", peers.OURS, "--output", str(folder)])
    (file,) = folder.glob("*-side-by-side.json")
    return json.loads(file.read_text())


def test_the_readme_is_made_of_the_numbers(tiny_run):
    pytest.importorskip("matplotlib")
    text = readme.block(tiny_run, ["benchmarks/results/run.json"])
    assert "(benchmarks/results/run.md)" in text and f"]({readme.CHART})" in text
    assert "| blobs, 400 x 2, k=4 |" in text and "| blobs, 500 x 2, k=4 |" in text
    assert max(map(len, (line for line in text.splitlines() if not line.startswith("|")))) <= 120
    axes = readme.figure(tiny_run).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["blobs, 400 x 2, k=4", "blobs, 500 x 8, k=8"]
    kept = f"before\n{readme.BEGIN}old{readme.END}after\n"
    assert readme.replaced(kept, text) == f"before\n{readme.BEGIN}{text}{readme.END}after\n"


def test_the_readme_says_what_the_recorded_run_says():
    """The block in README.md is what `python -m benchmarks.readme` makes of the files that it names."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.split(readme.BEGIN)[1].split(readme.END)[0]
    named = list(dict.fromkeys(re.findall(r"\((benchmarks/results/[^)]*)\.md\)", block)))
    files = [f"{name}.json" for name in named]
    assert block == readme.block(readme.together(files), files)
    assert (ROOT / readme.CHART).exists() and all((ROOT / f"{name}.md").exists() for name in named)


def test_figures_have_what_the_tables_have(tiny_run):
    pytest.importorskip("matplotlib")
    tables = {
        name: [report.Table(one["title"], (), one["rows"]) for one in own] for name, own in tiny_run["suites"].items()
    }
    (bars,) = libraries.figures(tables["libraries"]).values()
    assert [axes.get_title().split("\n")[0] for axes in bars.axes] == ["blobs:400:2:4", "blobs:500:8:8"]
    drawn = scaling.figures(tables["scaling"])
    assert {name: len(figure.axes) for name, figure in drawn.items()} == {"scaling": 2, "threads": 1}
    (curves,) = convergence.figures(tables["convergence"]).values()
    (line,) = curves.axes[0].lines
    assert len(line.get_xdata()) == len(convergence.QUICK_CUTS) and min(line.get_ydata()) == 0


def test_fits_that_would_take_too_long_are_not_begun():
    assert convergence._expected_seconds({}, None) == 0
    curve = {1: (3.0, 1, 9.0)}
    assert convergence._expected_seconds(curve, 3) == 3.0
    curve[3] = 4.0, 3, 8.0  # most of it was seeding
    assert convergence._expected_seconds(curve, 10) == 7.5
    assert convergence._expected_seconds(curve, None) == 52.5


def test_streaming_measures_a_pass():
    (table,) = streaming.run(OURS_ONLY)
    (line,) = table.rows
    assert line["a_pass"] > 0 and line["reading"] > 0 and line["computing"] > 0 and line["ratio"] > 0
