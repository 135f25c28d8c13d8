"""Tables of results: printed for people, written as a dated Markdown file with its figures, kept raw as JSON."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import charts


@dataclass
class Table:
    """One table: rows are dicts of raw numbers; columns say which of them are shown, and how."""

    title: str
    columns: tuple
    """(header, key, format) of each column; the format is as for the built-in format()."""

    rows: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def cells(self):
        """The table as text, header first."""
        shown = [[_show(row.get(key), form) for _, key, form in self.columns] for row in self.rows]
        return [[header for header, _, _ in self.columns], *shown]


def _show(value, form):
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return value if isinstance(value, str) else format(value, form)


def as_text(table):
    """Aligned columns: words to the left, numbers to the right."""
    cells = table.cells()
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    words = [form == "" for _, _, form in table.columns]
    lines = [
        "  ".join(
            cell.ljust(width) if word else cell.rjust(width)
            for cell, width, word in zip(row, widths, words, strict=True)
        ).rstrip()
        for row in cells
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([f"\n{table.title}", *lines, *(f"  {note}" for note in table.notes)])


def as_markdown(table):
    """A Markdown table under its title."""
    header, *body = table.cells()
    rule = ["---" if form == "" else "---:" for _, _, form in table.columns]
    lines = [f"| {' | '.join(row)} |" for row in (header, rule, *body)]
    return "\n".join([f"## {table.title}", "", *lines, "", *(f"- {note}" for note in table.notes)]).rstrip() + "\n"


def head(facts, command):
    """The lines that open every report: machine, versions, command."""
    listed = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    plain = {name: value for name, value in facts.items() if name not in ("date", "versions")}
    return [
        *(f"{name}: {value}" for name, value in plain.items() if value),
        f"versions: {listed}",
        f"command: {command}",
    ]


def write(folder, stem, facts, command, tables, figures):
    """Write STEM.md, STEM.json with every raw number, and STEM-FIGURE.svg; return the files.

    Parameters
    ----------
    tables : {suite: [Table]}
    figures : {name: matplotlib Figure}
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {name: folder / f"{stem}-{name}.svg" for name in figures}
    for name, path in drawn.items():
        charts.save(figures[name], path)
    parts = [f"# {stem}", "", *(f"- {line}" for line in [f"date: {facts['date']}", *head(facts, command)]), ""]
    parts += [f"![{name}]({path.name})\n" for name, path in drawn.items()]
    parts += [as_markdown(table) for own in tables.values() for table in own]
    text, numbers = folder / f"{stem}.md", folder / f"{stem}.json"
    text.write_text("\n".join(parts), encoding="utf-8")
    numbers.write_text(as_json(facts, command, tables), encoding="utf-8")
    return [text, numbers, *drawn.values()]


def as_json(facts, command, tables):
    """Every raw number of every row."""
    suites = {name: [{"title": table.title, "rows": table.rows} for table in own] for name, own in tables.items()}
    return json.dumps({"machine": facts, "command": command, "suites": suites}, indent=1) + "\n"
