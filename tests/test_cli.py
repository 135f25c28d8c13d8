"""The command line: what commands write and print, exit codes, and errors in one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import fastkmeans
from fastkmeans import api, cli
from fastkmeans.engine.planner import ASSIGNERS

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def X():
    random = np.random.default_rng(0)
    return np.repeat(random.normal(scale=9.0, size=(4, 3)), 50, axis=0) + random.normal(size=(200, 3))


@pytest.fixture
def folder(tmp_path, monkeypatch, X):
    """A working folder with rows.npy in it."""
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", X)
    return tmp_path


def run(*words):
    """The result of a command run in this process."""
    return CliRunner().invoke(cli.main, [str(word) for word in words])


def succeed(*words):
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result


def process(*words, **settings):
    """A new process `python -m fastkmeans ...`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "fastkmeans", *map(str, words)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **settings
    )


# ---- fit --------------------------------------------------------------------------------------------------


def test_fit_writes_model_labels_and_centers(folder, X):
    succeed("fit", "rows.npy", "-k", 4, "--seed", 3, "-o", "m.npz", "--labels", "l.npy", "--centers", "c.csv")
    expected = api.fit(X, 4, random_state=3)
    model = fastkmeans.load("m.npz")
    np.testing.assert_array_equal(model.centers, expected.centers)
    np.testing.assert_array_equal(model.labels, expected.labels)
    assert model.inertia == expected.inertia
    np.testing.assert_array_equal(np.load("l.npy"), expected.labels)
    np.testing.assert_array_equal(np.loadtxt("c.csv", delimiter=","), expected.centers)
    assert sorted(os.listdir()) == ["c.csv", "l.npy", "m.npz", "rows.npy"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("suffix", [".npy", ".csv", ".txt"])
def test_written_centers_and_labels_read_back_equal(folder, X, dtype, suffix):
    np.save("rows.npy", X.astype(dtype))
    succeed("fit", "rows.npy", "-k", 4, "--seed", 3, "--labels", f"l{suffix}", "--centers", f"c{suffix}")
    expected = api.fit(X.astype(dtype), 4, random_state=3)
    load = np.load if suffix == ".npy" else lambda path: np.loadtxt(path, delimiter="," if suffix == ".csv" else None)
    np.testing.assert_array_equal(load(f"c{suffix}").astype(dtype), expected.centers)
    np.testing.assert_array_equal(load(f"l{suffix}"), expected.labels)


def test_fit_prints_a_summary(folder):
    text = succeed("fit", "rows.npy", "-k", 4, "--seed", 0, "-o", "m.npz").stdout
    assert "200 x 3 columns of float64" in text and "4, of 50 to 50 rows" in text
    assert "converged" in text and "inertia" in text and "m.npz" in text


def test_fit_prints_json(folder, X):
    summary = json.loads(succeed("fit", "rows.npy", "-k", 4, "--seed", 0, "--json").stdout)
    expected = api.fit(X, 4, random_state=0)
    assert (summary["rows"], summary["columns"], summary["clusters"]) == (200, 3, 4)
    assert (summary["inertia"], summary["iterations"]) == (expected.inertia, expected.n_iter)
    assert summary["converged"] is True
    assert (summary["smallest_cluster"], summary["largest_cluster"]) == (50, 50)


def test_fit_explains_what_ran(folder, X):
    words = "fit", "rows.npy", "-k", 4, "--seed", 0, "--algorithm", "bounds"
    plan = api.fit(X, 4, random_state=0, algorithm="bounds").plan
    assert plan.startswith("bounds") and "asked for" in plan
    assert succeed(*words, "--explain").stdout.endswith(f"\n\n{plan}\n")
    assert plan not in succeed(*words).stdout
    for explain in ([], ["--explain"]):
        assert json.loads(succeed(*words, "--json", *explain).stdout)["plan"] == plan


def test_fit_help_names_every_algorithm():
    text = succeed("fit", "--help").stdout
    assert all(name in text for name in ("auto", *ASSIGNERS))


def test_fit_passes_its_options_on(folder, X, monkeypatch):
    given = {}
    fit = api.fit
    monkeypatch.setattr(api, "fit", lambda *args, **settings: given.update(settings) or fit(*args, **settings))
    np.savetxt("w.csv", np.arange(200.0))
    succeed(
        "fit", "rows.npy", "-k", 4, "--init", "random", "--n-init", 2, "--max-iter", 7, "--tol", 0.5, "--seed", 1,
        "--algorithm", "dense", "--metric", "cosine", "--threads", 1, "--weights", "w.csv", "--memory-budget", 1.5,
        "--checkpoint", "run.npz",
    )  # fmt: skip
    assert given.pop("checkpoint").name == "run.npz"
    np.testing.assert_array_equal(given.pop("sample_weight"), np.arange(200.0))
    assert given == {
        "init": "random", "n_init": 2, "max_iter": 7, "tol": 0.5, "random_state": 1, "algorithm": "dense",
        "metric": "cosine", "n_threads": 1, "verbose": 0, "memory_budget": 1_500_000_000,
    }  # fmt: skip


@pytest.mark.parametrize("start", ["m.npz", "c.npy", "c.csv"])
def test_fit_goes_on_from_a_model_or_centers(folder, start):
    succeed("fit", "rows.npy", "-k", 4, "--seed", 0, "-o", "m.npz", "--centers", "c.npy")
    np.savetxt("c.csv", np.load("c.npy"), delimiter=",", fmt="%.17g")
    again = json.loads(succeed("fit", "rows.npy", "-k", 4, "--init", start, "--json").stdout)
    assert again["iterations"] <= 2 and again["inertia"] == fastkmeans.load("m.npz").inertia


def test_key_names_the_array(folder, X):
    np.savez("rows.npz", train=X, test=X[:9])
    assert json.loads(succeed("fit", "rows.npz", "--key", "test", "-k", 2, "--json").stdout)["rows"] == 9


def test_warning_is_one_line(folder):
    np.save("same.npy", np.ones((5, 2)))
    result = succeed("fit", "same.npy", "-k", 3)
    assert result.stderr.startswith("fastkmeans: warning: X has fewer distinct rows")
    assert result.stderr.count("\n") == 1


# ---- predict ----------------------------------------------------------------------------------------------


def test_predict_prints_or_writes_the_labels(folder, X):
    succeed("fit", "rows.npy", "-k", 4, "--seed", 0, "-o", "m.npz")
    labels = fastkmeans.load("m.npz").labels
    assert succeed("predict", "m.npz", "rows.npy").stdout.split() == [str(label) for label in labels]
    result = succeed("predict", "m.npz", "rows.npy", "--labels", "l.csv")
    assert result.stdout == ""
    np.testing.assert_array_equal(np.loadtxt("l.csv"), labels)


def test_many_labels_are_printed_whole(monkeypatch):
    monkeypatch.setattr(cli, "LABELS_A_WRITE", 3)
    assert "".join(cli._label_lines(np.arange(7))) == "0\n1\n2\n3\n4\n5\n6\n"


# ---- errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words, says",
    [
        (["fit", "none.npy", "-k", 2], "none.npy: No such file"),
        (["fit", "rows.xls", "-k", 2], ".parquet"),
        (["fit", "damaged.npz", "-k", 2], "damaged.npz"),
        (["fit", "flat.npy", "-k", 2], "2-D"),
        (["fit", "text.csv", "-k", 2], "'city'"),
        (["fit", "missing.csv", "-k", 1], "impute"),
        (["fit", "rows.npy", "-k", 201], "n_clusters=201"),
        (["fit", "rows.npy", "-k", 0], "n_clusters=0"),
        (["fit", "rows.npy", "-k", 2, "--metric", "cos"], "cosine"),
        (["fit", "rows.npy", "-k", 2, "--algorithm", "fast"], "algorithm"),
        (["fit", "rows.npy", "-k", 2, "--init", "kmeans"], "k-means++"),
        (["fit", "rows.npy", "-k", 2, "--init", "none.csv"], "none.csv"),
        (["fit", "rows.npy", "-k", 2, "--weights", "flat.npy"], "sample_weight"),
        (["fit", "rows.npy", "-k", 2, "-o", "none/m.npz"], "no folder"),
        (["predict", "none.npz", "rows.npy"], "none.npz"),
        (["predict", "damaged.npz", "rows.npy"], "damaged.npz"),
        (["predict", "model.npz", "text.csv"], "'city'"),
        (["predict", "model.npz", "flat.npy"], "2-D"),
        (["demo", "--rows", 0], "rows"),
    ],
)
def test_bad_data_is_one_line_and_exit_code_1(folder, X, words, says):
    Path("damaged.npz").write_bytes(b"no archive")
    Path("rows.xls").write_bytes(b"")
    Path("text.csv").write_text("city,x\nRome,1\nOslo,2\n")
    Path("missing.csv").write_text("x,y\n1,\n2,3\n")
    np.save("flat.npy", np.arange(4.0))
    if "model.npz" in words:
        api.fit(X, 2, random_state=0).save("model.npz")
    result = run(*words)
    assert result.exit_code == 1 and result.stdout == ""
    assert result.stderr.startswith("fastkmeans: error: ") and result.stderr.count("\n") == 1
    assert says in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["fit", "rows.npy"],
        ["fit", "-k", 2],
        ["fit", "rows.npy", "-k", "two"],
        ["fit", "rows.npy", "-k", 2, "--no-such-option"],
        ["fit", "rows.npy", "-k", 2, "-o", "m.csv"],
        ["fit", "rows.npy", "-k", 2, "--labels", "l.xls"],
        ["fit", "rows.npy", "-k", 2, "--labels", "rows.npy"],
        ["predict", "rows.npy"],
    ],
)
def test_wrong_usage_is_exit_code_2(folder, words):
    before = Path("rows.npy").read_bytes()
    result = run(*words)
    assert result.exit_code == 2 and "Usage:" in result.stderr
    assert Path("rows.npy").read_bytes() == before and os.listdir() == ["rows.npy"]


def test_interrupt_is_exit_code_130(folder, monkeypatch):
    def interrupted(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "fit", interrupted)
    result = run("fit", "rows.npy", "-k", 2, "-o", "m.npz")
    assert result.exit_code == 130 and result.stderr == "fastkmeans: interrupted\n"
    assert os.listdir() == ["rows.npy"]


def test_memory_error_is_one_line(folder, monkeypatch):
    def too_large(*args, **settings):
        raise MemoryError("Unable to allocate 1 TiB")

    monkeypatch.setattr(api, "fit", too_large)
    result = run("fit", "rows.npy", "-k", 2)
    assert (result.exit_code, result.stderr) == (1, "fastkmeans: error: not enough memory: Unable to allocate 1 TiB\n")


# ---- info, warmup, demo -----------------------------------------------------------------------------------


def test_info_tells_versions_and_the_cache(monkeypatch, tmp_path):
    text = succeed("info").stdout
    assert fastkmeans.__version__ in text and np.__version__ in text and "vectors of" in text
    from fastkmeans.kernels import cache

    monkeypatch.setattr(cache, "_folders", lambda: ([], None))
    (tmp_path / "file").write_text("")
    for named, reason in ((tmp_path / "file" / "cache", "cannot be made"), (tmp_path, "another user")):
        monkeypatch.setenv("FASTKMEANS_CACHE_DIR", str(named))
        assert reason in succeed("info").stdout
        result = run("warmup")
        assert result.exit_code == 1 and reason in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.slow
def test_warm_up_leaves_nothing_to_compile(tmp_path):
    cache = tmp_path / "cache"
    warm = process("warmup", "--into", cache)
    text = warm.communicate()[0]
    assert warm.returncode == 0 and str(cache) in text
    kernels = {path.name for path in cache.iterdir()}
    assert text.startswith(f"{len(kernels)} kernels compiled")
    code = """if True:
        import numpy as np, fastkmeans
        random = np.random.default_rng(0)
        for dtype in (np.float32, np.uint8, np.float64, np.int64):
            for n, d, k in ((300, 5, 3), (60_000, 20, 40), (20_000, 70, 50)):
                X = random.normal(scale=50.0, size=(n, d)).astype(dtype)
                for settings in ({}, {"metric": "cosine"}, {"sample_weight": np.ones(n), "init": "random"}):
                    result = fastkmeans.fit(X + dtype(1), k, max_iter=3, random_state=0, **settings)
                    result.predict(X + dtype(1)), result.transform(X + dtype(1)), result.score(X + dtype(1))
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FASTKMEANS_CACHE_DIR": str(cache)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert {path.name for path in cache.iterdir()} == kernels


def test_demo_says_how_fast_and_draws_both(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("PIL")
    text = succeed("demo", "--rows", 20_000, "--output", tmp_path / "pictures").stdout
    for words in (
        "compiling kernels, once:",
        "20,000 x 16",
        "240,000 x 3",
        "share of this machine's limit",
        "plain NumPy",
    ):
        assert words in text
    for name in ("photo-16-colours.png", "clusters.png"):
        assert (tmp_path / "pictures" / name).read_bytes().startswith(b"\x89PNG")
        assert name in text


# ---- processes --------------------------------------------------------------------------------------------


def test_help_imports_nothing_slow():
    code = "import sys; from fastkmeans.cli import main; print({'numpy', 'numba', 'tqdm'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.check_output([sys.executable, "-c", code], env=environment, text=True).strip() == "set()"


def test_python_m(folder):
    version = process("--version")
    assert version.communicate() == (f"fastkmeans, version {fastkmeans.__version__}\n", "")
    absent = process("fit", "none.npy", "-k", 2)
    out, err = absent.communicate()
    assert (absent.returncode, out) == (1, "") and err == "fastkmeans: error: none.npy: No such file or directory\n"
    usage = process("fit")
    assert usage.communicate()[1].startswith("Usage: fastkmeans fit") and usage.returncode == 2


def test_reader_that_goes_away_ends_predict_quietly(folder):
    rows = np.random.default_rng(0).normal(size=(200_000, 2)).astype(np.float32)
    np.save("rows.npy", rows)
    api.fit(rows[:500], 2, random_state=0).save("m.npz")
    predict = process("predict", "m.npz", "rows.npy")
    assert predict.stdout.readline() in ("0\n", "1\n")
    predict.stdout.close()
    assert predict.stderr.read() == ""
    predict.stderr.close()
    assert predict.wait() == 1


def test_a_file_larger_than_the_budget(folder, monkeypatch):
    from fastkmeans.validation import rows as validation_of_rows

    monkeypatch.setattr(validation_of_rows, "LEAST_BUDGET", 1)
    summary = json.loads(succeed("fit", "rows.npy", "-k", 4, "--memory-budget", 1e-6, "--json", "-o", "m.npz").stdout)
    assert "rows are read anew in each pass" in summary["plan"] and summary["stored_type"] == "float64"
    assert summary["rows"] == 200
