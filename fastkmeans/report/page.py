"""Pieces of HTML: text, numbers, tables, figures. Whatever comes from a user is escaped here."""

import math
from html import escape
from importlib import resources
from string import Template
from typing import NamedTuple

LONGEST_NAME = 24


class Cell(NamedTuple):
    """What a table shows, as HTML, and what it is sorted by: a number or a text; None goes last."""

    shown: str
    key: float | str | None = None


NONE = Cell('<span aria-label="none">–</span>')


class Column(NamedTuple):
    """The heading of a column; its kind, "number", "text" or "wide" (text that may break); what it means, in full."""

    heading: str
    kind: str = "number"
    meaning: str = ""


def named(name):
    """The heading of a column of the user's, shortened where it would push the others away."""
    return Column(name) if len(name) <= LONGEST_NAME else Column(f"{name[: LONGEST_NAME - 1]}…", meaning=name)


def text(value):
    """A cell of text."""
    return Cell(escape(str(value)), str(value))


def number(value, digits=4):
    """A cell of a number, written with so many digits; of none, a dash."""
    value = float(value)
    return Cell(written(value, digits), value) if math.isfinite(value) else NONE


def fixed(value, places):
    """A cell of a number with so many places behind the point."""
    return Cell(f"{value:.{places}f}", float(value)) if math.isfinite(value) else NONE


def written(value, digits=4):
    """A number as text: integers in full, others to so many digits, zeros at their end too."""
    if (float(value).is_integer() or abs(value) >= 10 ** (digits - 1)) and abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:#.{digits}g}"


def percent(share):
    """A cell of a share of the whole."""
    return Cell(f"{100 * share:.1f}&nbsp;%", float(share))


def table(caption, columns, rows, sortable=False):
    """A table whose first column heads its rows, in a region that scrolls by itself where it is wide."""
    heads = []
    for column in columns:
        kind = f' class="{column.kind}"'
        meaning = f' title="{escape(column.meaning)}"' if column.meaning else ""
        label = escape(column.heading)
        if sortable:
            heads.append(f'<th scope="col" aria-sort="none"{kind}><button type="button"{meaning}>{label}</button></th>')
        else:
            heads.append(f'<th scope="col"{kind}{meaning}>{label}</th>')
    lines = []
    for first, *others in rows:
        cells = [f'<th scope="row"{_key(first)}>{first.shown}</th>']
        for column, cell in zip(columns[1:], others, strict=True):
            cells.append(f'<td class="{column.kind}"{_key(cell)}>{cell.shown}</td>')
        lines.append(f"<tr>{''.join(cells)}</tr>")
    kind = ' class="sortable"' if sortable else ""
    body = "\n".join(lines)
    return (
        f'<div class="scroll" role="region" aria-label="{escape(caption)}" tabindex="0">\n'
        f"<table{kind}>\n<caption>{escape(caption)}</caption>\n"
        f"<thead><tr>{''.join(heads)}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _key(cell):
    return "" if cell.key is None else f' data-key="{escape(str(cell.key))}"'


def figure(light, dark, alt, caption):
    """A picture that suits light and dark pages."""
    return (
        f'<figure>\n<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{escape(alt)}"></picture>\n<figcaption>{escape(caption)}</figcaption>\n</figure>'
    )


def pairs(entries):
    """A list of names and what they are."""
    lines = [f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>" for name, value in entries.items()]
    return f'<dl class="facts">{"".join(lines)}</dl>'


def items(lines):
    """A list of sentences."""
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def block(lines):
    """Lines of text that are shown as they are."""
    return f"<pre>{escape(lines)}</pre>"


def details(summary, content, is_open=False):
    """Content that a reader opens, by mouse or keyboard."""
    return f"<details{' open' if is_open else ''}><summary>{summary}</summary>\n{content}\n</details>"


def swatch(colour):
    """A patch in the colour that pictures give a cluster."""
    red, green, blue = (round(255 * part) for part in colour)
    return f'<span class="swatch" style="background:rgb({red},{green},{blue})" aria-hidden="true"></span>'


def section(identity, heading, content):
    """A part of the page under its heading."""
    return f'<section aria-labelledby="{identity}">\n<h2 id="{identity}">{escape(heading)}</h2>\n{content}\n</section>'


def page(title, sections, footer):
    """The whole page. `sections` are (identity, heading, content)."""
    template = Template(resources.files("fastkmeans.report").joinpath("template.html").read_text("utf-8"))
    links = "".join(f'<li><a href="#{identity}">{escape(heading)}</a></li>' for identity, heading, _ in sections)
    body = "\n".join(section(*part) for part in sections)
    return template.substitute(title=escape(title), links=links, body=body, footer=escape(footer))
