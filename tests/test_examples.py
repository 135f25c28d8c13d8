"""Every script in examples/ runs, at a small size, without a warning, and makes the files that it names."""

import ast
import runpy
import sys
from pathlib import Path

import pytest

from tests.checks import ROOT

FOLDER = ROOT / "examples"
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if path.stem != "shared")
SMALL = {
    "step_by_step": {"rows": 3_000},
    "kmeans_class": {"rows": 2_000},
    "three_clouds": {"rows": 300},
    "colours": {"colours": 4},
    "ivf_index": {"rows": 3_000, "lists": 20},
    "product_quantizer": {"rows": 2_000},
    "segments": {"rows": 2_000},
    "streaming": {"rows": 200_000},
    "dask_arrays": {"rows": 40_000},
}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_examples_run(path, tmp_path, monkeypatch, capsys):
    settings = [word for name, value in SMALL[path.stem].items() for word in (f"--{name}", str(value))]
    monkeypatch.setattr(sys, "argv", [path.name, *settings, "--output", str(tmp_path / "out")])
    monkeypatch.syspath_prepend(str(FOLDER))
    try:
        runpy.run_path(str(path), run_name="__main__")
    finally:
        sys.modules.pop("shared", None)
    lines = capsys.readouterr().out.splitlines()
    assert lines
    for line in lines:
        if line.endswith((".png", ".gif")):
            assert Path(line).stat().st_size > 1000, line


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_examples_say_what_they_show_and_are_listed(path):
    assert ast.get_docstring(ast.parse(path.read_text()))
    assert f"(../examples/{path.name})" in (ROOT / "docs" / "examples.md").read_text()
