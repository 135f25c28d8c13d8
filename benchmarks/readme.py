"""python -m benchmarks.readme NUMBERS.json...: write the README's speed tables, and its chart, from recorded runs.

NUMBERS.json is what `python -m benchmarks.compare` left in benchmarks/results: of the default suites together, or one
file for each. The text between the two marks in README.md is replaced; nobody edits it by hand, and a test compares it
with the files that it names.
"""

import json
import sys
import textwrap
from pathlib import Path

from benchmarks import charts
from benchmarks.machine import ROOT
from benchmarks.report import Table, as_markdown

BEGIN, END = "<!-- speed: begin -->\n", "<!-- speed: end -->\n"
CHART = "docs/speed.svg"
SHOWN = {  # libraries with a column, and how people call them
    "fastkmeans": "fastkmeans",
    "sklearn": "scikit-learn",
    "sklearnex": "scikit-learn-intelex",
    "faiss": "FAISS",
    "superkmeans": "SuperKMeans",
}
WORKLOADS = {  # what the rows are, for those whose name does not say it
    "sklearn:digits": "digits",
    "sklearn:china": "a photo's pixels",
    "sklearn:china_patches": "a photo's patches",
    "geo_cities500_latlon": "cities",
    "flights_raw:scaled": "flights",
    "sift_open": "SIFT",
    "sent_wordnet_minilm_40k": "sentence embeddings",
    "fashion_mnist_train": "Fashion-MNIST",
}


def title(line):
    """The rows of a line in words."""
    n, d = line["n"], line["d"]
    size = f"{n / 1e6:.3g}M" if n >= 1e6 else f"{n / 1e3:.3g}k" if n >= 1000 else f"{n}"
    name = WORKLOADS.get(line["data"], line["data"].split(":")[0])
    return f"{name}, {size} x {d}, k={line['k']}"


def rows_of(numbers, suite, which):
    """The rows of one table of a suite; none if it did not run."""
    tables = numbers["suites"].get(suite, [])
    return tables[which]["rows"] if tables else []


def of_workload(lines, line):
    """{library: its row} of the workload of a line."""
    return {own["peer"]: own for own in lines if (own["data"], own["k"]) == (line["data"], line["k"])}


def iterations(numbers):
    """The table of milliseconds an iteration."""
    columns = [("rows x columns, clusters", "title", "")]
    columns += [(shown, name, ".3g") for name, shown in SHOWN.items()] + [
        ("fastest exact rival / ours", "ratio", ".2f")
    ]
    table = Table("Milliseconds an iteration", tuple(columns))
    detail = rows_of(numbers, "libraries", 1)
    for line in rows_of(numbers, "libraries", 0):
        own = {name: library["ms"] for name, library in of_workload(detail, line).items()}
        table.rows.append(own | {"title": title(line), "ratio": line.get("ratio")})
    return table


def fits(numbers):
    """The table of whole fits."""
    rivals = {name: shown for name, shown in SHOWN.items() if name != "fastkmeans"}
    columns = [("rows, clusters", "title", ""), ("fastkmeans, s", "fastkmeans", ".3g")]
    columns += [(f"{shown} / ours", name, ".1f") for name, shown in rivals.items()]
    columns += [(f"inertia: {rivals[name]} / ours", f"{name} inertia", ".3f") for name in ("sklearn", "faiss")]
    table = Table("Seeding to convergence, default settings", tuple(columns))
    lines = rows_of(numbers, "convergence", 0)
    for line in (line for line in lines if line["peer"] == "fastkmeans"):
        own, row = of_workload(lines, line), {"title": title(line), "fastkmeans": line["seconds"]}
        for name in rivals:
            if name in own and own[name]["ended"]:
                row |= {name: own[name]["times_ours"], f"{name} inertia": own[name]["inertia_ratio"]}
        table.rows.append(row)
    return table


def together(files):
    """The numbers of several files as of one run: the facts of the first, all suites, all commands.

    Of a suite that is in two files, the lines of the later one count where both have them.
    """
    runs = [json.loads((ROOT / file).read_text()) for file in files]
    same = {(one["machine"]["date"], one["machine"]["cpu"], one["machine"]["threads"]) for one in runs}
    if len(same) > 1:
        raise SystemExit(f"these are runs of different machines or days: {sorted(same)}")
    suites = {}
    for one in runs:
        for name, tables in one["suites"].items():
            suites[name] = _together(suites[name], tables) if name in suites else tables
    return runs[0] | {"suites": suites, "command": "`, `".join(one["command"] for one in runs)}


def _together(tables, later):
    """Tables whose rows are replaced by those of a later run of the same suite, where it has the same."""
    merged = []
    for before, after in zip(tables, later, strict=True):
        rows = {(line["data"], line["k"], line.get("peer")): line for line in (*before["rows"], *after["rows"])}
        merged.append(before | {"rows": list(rows.values())})
    return merged


def block(numbers, files):
    """The text between the marks."""
    facts, paths = numbers["machine"], [Path(file) for file in files]
    links = ", ".join(f"[{path.stem}.md]({path.with_suffix('.md').as_posix()})" for path in paths)
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    measured = (
        f"Measured {facts['date']} on {facts['threads']} threads of {facts['cpu']}, a machine shared with others, so "
        "that ratios of one line mean something and seconds little; float32 rows, every library on the best BLAS "
        f"kernels of the machine ({versions}). Command: `{numbers['command']}`; every library, the spread over rounds "
        f"and the share of the roofline are in {links}."
    )
    alike = (
        "Milliseconds an iteration, all libraries from the same start, validation and our final exact pass included. "
        "(SuperKMeans takes no start and prunes by statistics, so it is not in the ratio.)"
    )
    whole = (
        "Whole fits with default settings, seeding to convergence (FAISS and SuperKMeans: 25 iterations from random "
        "rows):"
    )
    parts = [_wrapped(measured), f"![Time an iteration, as times of ours]({CHART})", _wrapped(alike)]
    parts.append(_lines_of(iterations(numbers)))
    if (table := fits(numbers)).rows:
        parts += [_wrapped(whole), _lines_of(table)]
    return "\n\n".join(parts) + "\n"


def _wrapped(text):
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def _lines_of(table):
    """The table in Markdown, without its title."""
    return as_markdown(table).split("\n", 2)[2].rstrip()


def figure(numbers):
    """The chart of the README."""
    detail = rows_of(numbers, "libraries", 1)
    lines = {}
    for line in rows_of(numbers, "libraries", 0):
        own = {name: library["times_ours"] for name, library in of_workload(detail, line).items()}
        lines[title(line)] = own
    return charts.times_ours(lines)


def replaced(text, new):
    """`text` with what lies between the marks replaced."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}{new}{END}{rest.split(END)[1]}"


def main(files):
    paths = [Path(file).absolute().relative_to(ROOT) for file in files]
    numbers = together(paths)
    readme = ROOT / "README.md"
    readme.write_text(replaced(readme.read_text(encoding="utf-8"), block(numbers, paths)), encoding="utf-8")
    charts.save(figure(numbers), ROOT / CHART)
    print(f"written: README.md and {CHART}, from {', '.join(map(str, paths))}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(sys.argv[1:])
