"""What README.md and docs/ show is run: Python blocks, commands, links.

Blocks of Python run from top to bottom in one namespace a page, in an empty folder, with warnings as errors. A block of
text right below one is what it prints ("..." stands for anything). `<!-- not run: reason -->` above a block exempts it.
Commands of `fastkmeans` are parsed, and run where that is cheap.
"""

import contextlib
import doctest
import io
import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import fastkmeans
from fastkmeans.cli import main
from tests.checks import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+?) -->\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$"
    r"(?:\n\n```text\n(?P<shown>.*?)^```$)?",
    re.M | re.S,
)
MOST_NOT_RUN = 3
RUN_COMMANDS = {"fit", "predict", "info", "report"}


def name_of(page):
    return str(page.relative_to(ROOT))


def blocks(page, *languages):
    """Matches of the page's blocks in these languages."""
    return [block for block in BLOCK.finditer(TEXTS[page]) if block["language"] in languages]


def commands(page):
    """Lines of the page's shell blocks that call `fastkmeans`, as lists of words."""
    for block in blocks(page, "sh", "bash"):
        for line in block["code"].splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["fastkmeans"]:
                yield words[1:]


def pages_with(find, *arguments):
    return [page for page in PAGES if any(True for _ in find(page, *arguments))]


# ---- what pages take to be there --------------------------------------------------------------------------


def prepare_files(namespace):
    """The files of rows that "Larger than memory" and the command line read, and a format of one's own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = np.random.default_rng(0).normal(size=(3000, 3)).astype(np.float32)
    np.save("rows.npy", rows)
    np.savetxt("more.csv", rows[:50], delimiter=",")
    table = pa.table({name: rows[:, column] for column, name in enumerate("xyz")})
    for name in ("2026-01.parquet", "2026-02.parquet", "rows.parquet"):
        pq.write_table(table, name)
    counted = table.append_column("count", pa.array(np.arange(1.0, 3001.0)))
    pq.write_table(counted, "table.parquet")
    Path("folder").mkdir()
    pq.write_table(counted, "folder/one.parquet")
    namespace |= {"paths": ["rows.npy"], "decode": np.load}


def prepare_folder(namespace):
    """Where "Pictures" draws."""
    Path("pictures").mkdir()


PREPARE = {"docs/larger-than-memory.md": prepare_files, "docs/pictures.md": prepare_folder}


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty folder to work in, and the package as it was afterwards."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    fastkmeans.unpatch_sklearn()


# ---- Python -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", pages_with(blocks, "python"), ids=name_of)
def test_python_blocks_run_and_print_what_is_shown(page, elsewhere):
    checker, flags = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    namespace = {"__name__": "page"}
    PREPARE.get(name_of(page), lambda namespace: None)(namespace)
    for block in blocks(page, "python"):
        if block["reason"]:
            continue
        line = TEXTS[page].count("\n", 0, block.start("code"))
        code = compile("\n" * line + block["code"], str(page), "exec")  # errors name the page and its line
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)  # noqa: S102
        if block["shown"] is not None:
            printed = printed.getvalue()
            assert checker.check_output(block["shown"], printed, flags), f"{page}:{line}: prints\n{printed}"


def test_few_blocks_are_not_run_and_each_says_why():
    reasons = [block["reason"] for page in PAGES for block in blocks(page, "python") if block["reason"]]
    assert len(reasons) <= MOST_NOT_RUN and all(len(reason) > 10 for reason in reasons)
    markers = sum(text.count("<!-- not run") for text in TEXTS.values())
    assert markers == len(reasons), "a marker that stands above no block"


def test_blocks_are_all_seen():
    """A language that is misspelt, or a fence that the expression above does not understand, would not be run."""
    for page, text in TEXTS.items():
        fences = re.findall(r"^\s*(```+|~~~+)(.*)$", text, re.M)
        shown = sum(block["shown"] is not None for block in BLOCK.finditer(text))
        assert len(fences) == 2 * (sum(1 for _ in BLOCK.finditer(text)) + shown), page
        assert {language for _, language in fences if language} <= {"python", "sh", "text"}, page


# ---- commands ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", pages_with(commands), ids=name_of)
def test_commands_are_understood_and_run(page, elsewhere):
    prepare_files({})
    for words in commands(page):
        command = main.commands[words[0]]
        command.make_context(words[0], words[1:])
        if words[0] in RUN_COMMANDS:
            done = CliRunner().invoke(main, words)
            assert done.exit_code == 0, f"fastkmeans {shlex.join(words)}\n{done.output}"


def test_extras_exist():
    with open(ROOT / "pyproject.toml", "rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    for page, text in TEXTS.items():
        for names in re.findall(r'"(?:fastkmeans-numba)?\.?\[([a-z,]+)\]"', text):
            assert set(names.split(",")) <= set(extras), page


# ---- links, and what the site lists -----------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_within_the_checkout_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", TEXTS[page], flags=re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", link):
            assert (page.parent / link.split("#")[0]).exists(), f"{name_of(page)} links to {link}"


def test_every_public_name_is_in_the_reference():
    text = "".join(text for page, text in TEXTS.items() if page.parent.name == "reference")
    listed = re.findall(r"^::: fastkmeans\.(\w+)$", text, re.M)
    assert len(listed) == len(set(listed))
    assert set(fastkmeans.__all__) - {"__version__"} <= set(listed)
