"""How does the cost of an iteration grow with rows, columns, clusters and threads?

One of the four grows, the others stay: a line of points, and the exponent that fits its larger half. Fits as in
suite_libraries.py, from one start; "dense" is ours with every pair of a row and a center scored, whose law is

    seconds of an iteration x threads / n  =  a + b d + c k d

with constants fitted to all its points: once a row, for each number of a row, for each product.
"""

import tempfile
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import charts, datasets, peers, rounds
from benchmarks.report import Table

ITERATIONS = 5
CENTERS = 64  # of the generated rows, whatever k is
BUDGETS = (30.0, 1.5, 30.0)  # seconds of a run
RIVALS = ("sklearn", "sklearnex", "faiss")
# What grows: (what, the others, its values at each size)
ROWS = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000)
COLUMNS = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
CLUSTERS = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
FILE_ROWS = (1_000_000, 5_000_000, 20_000_000, 50_000_000)  # of 4 columns, memory-mapped
FULL = (
    ("n", {"d": 16, "k": 64}, ROWS),
    ("n in a file", {"d": 4, "k": 16}, FILE_ROWS),
    ("d", {"n": 100_000, "k": 100}, COLUMNS),
    ("k", {"n": 100_000, "d": 32}, CLUSTERS),
    ("threads", {"n": 1_000_000, "d": 2, "k": 8}, None),
    ("threads", {"n": 200_000, "d": 64, "k": 256}, None),
)
QUICK = (
    ("n", {"d": 16, "k": 64}, (5_000, 40_000, 320_000)),
    ("n in a file", {"d": 4, "k": 16}, (200_000, 2_000_000)),
    ("d", {"n": 20_000, "k": 100}, (2, 16, 128, 512)),
    ("k", {"n": 20_000, "d": 32}, (4, 32, 256)),
    ("threads", {"n": 50_000, "d": 64, "k": 256}, None),
)
TINY = (
    ("n", {"d": 2, "k": 4}, (200, 400)),
    ("n in a file", {"d": 2, "k": 4}, (200, 400)),
    ("threads", {"n": 400, "d": 3, "k": 4}, None),
)

POINTS = (
    ("growing", "what", ""),
    ("n", "n", "d"),
    ("d", "d", "d"),
    ("k", "k", "d"),
    ("threads", "threads", "d"),
    ("library", "peer", ""),
    ("ms/it", "ms", ".3f"),
    ("least", "least", ".3f"),
    ("ns a row", "ns", ".2f"),
    ("GFLOP/s", "gflops", ".0f"),
)
EXPONENTS = (
    ("growing", "what", ""),
    ("the others", "others", ""),
    ("library", "peer", ""),
    ("from", "first", "d"),
    ("to", "last", "d"),
    ("exponent", "exponent", ".2f"),
    ("times faster", "speed_up", ".2f"),
)
LAW = (
    ("once a row, ns", "a", ".3f"),
    ("a number of a row, ns", "b", ".3f"),
    ("a product, ns", "c", ".4f"),
    ("which is GFLOP/s a thread", "gflops", ".0f"),
    ("points", "points", "d"),
    ("median error, %", "median_error", ".0f"),
    ("worst error, %", "error", ".0f"),
    ("where", "where", ""),
)


def run(options):
    """The tables of the suite: the law, the exponents, and every point."""
    points = Table("Scaling: every point", POINTS)
    exponents = Table("Scaling: how time grows", EXPONENTS)
    law = Table("Scaling: the law of our dense iteration, in nanoseconds of one thread", LAW)
    exponents.notes.append("exponent: of the larger half of the line; 1 is proportional")
    exponents.notes.append("times faster: on the most threads, to one")
    names = [name for name in (peers.OURS, "dense", *RIVALS) if name in options.peers or name == "dense"]
    for what, others, values in options.pick(FULL, QUICK, TINY):
        if options.match not in what:
            continue
        lines = []
        for value in values or _thread_counts(options):
            lines += _measure(what, others, value, names, options)
        points.rows += lines
        exponents.rows += [_exponent(lines, name) for name in names]
    exponents.rows = [line for line in exponents.rows if line]
    if fitted := _law([line for line in points.rows if line["peer"] == "dense"]):
        law.rows.append(fitted)
    return [table for table in (law, exponents, points) if table.rows]


def _thread_counts(options):
    """1, 2, 4, ... and all."""
    return sorted({*(2**i for i in range(options.threads.bit_length())), options.threads})


def _measure(what, others, value, names, options):
    """The row of each library for one point."""
    shape = {"n": 0, "d": 0, "k": 0, "threads": options.threads} | others | {what.split()[0]: value}
    n, d, k, n_threads = (shape[name] for name in ("n", "d", "k", "threads"))
    with tempfile.TemporaryDirectory() as folder:
        in_file = what.endswith("file")
        rows = _in_a_file(Path(folder) / "rows.npy", n, d) if in_file else datasets.load(f"blobs:{n}:{d}:{CENTERS}")
        init = datasets.first_centers(rows, k)
        outcomes, _ = rounds.alternate(
            rows, k, init, ITERATIONS, options.on(n_threads), names=names, rounds=options.rounds_or(3, 2),
            slow=options.pick(*BUDGETS) / 5, budget=options.pick(*BUDGETS),
        )  # fmt: skip
        del rows  # Windows keeps files that are mapped
    lines, shown = [], ", ".join(f"{name}={number}" for name, number in others.items())
    for name, own in outcomes.items():
        if own:
            ms, least = median(one.ms for one in own), min(one.ms for one in own)
            line = {"what": what, "others": shown, "value": value, "peer": name, **shape, "ms": ms, "least": least}
            lines.append(line | {"ns": 1e6 * ms / n, "gflops": 2e-6 * n * d * k / ms})
    options.say(f"scaling {what}={value}: " + ", ".join(f"{line['peer']} {line['ms']:.2f} ms" for line in lines))
    return lines


def _in_a_file(path, n, d, step=1 << 20):
    """The rows of blobs, written piece by piece and mapped."""
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (n, d))
    for first in range(0, n, step):
        count = min(step, n - first)
        rows[first : first + count] = datasets.load(f"blobs:{count}:{d}:{CENTERS}")
    rows.flush()
    return np.load(path, mmap_mode="r")


def _exponent(lines, name):
    """The row about one library's points on a line, or None if it has fewer than two."""
    own = sorted((line["value"], line["ms"]) for line in lines if line["peer"] == name)
    if len(own) < 2:
        return None
    values, times = np.array(own).T
    what = lines[0]["what"]
    row = {"what": what, "others": lines[0]["others"], "peer": name, "first": int(values[0]), "last": int(values[-1])}
    if what == "threads":
        return row | {"speed_up": times[0] / times[-1]}
    half = slice((len(own) - 1) // 2, None)
    return row | {"exponent": float(np.polyfit(np.log(values[half]), np.log(times[half]), 1)[0])}


def _law(lines):
    """The constants that fit these points, each by its share: errors of small and large ones weigh alike."""
    from scipy.optimize import nnls

    if len(lines) < 3:
        return None
    ns = np.array([1e6 * line["least"] * line["threads"] / line["n"] for line in lines])
    terms = np.array([(1, line["d"], line["k"] * line["d"]) for line in lines], float)
    a, b, c = nnls(terms / ns[:, None], np.ones(len(ns)))[0]
    errors = np.abs(terms @ (a, b, c) / ns - 1)
    worst = lines[int(errors.argmax())]
    where = "n={n} d={d} k={k} threads={threads}".format(**worst)
    fitted = {"a": a, "b": b, "c": c, "gflops": 2 / c if c else None, "points": len(lines), "where": where}
    return fitted | {"error": 100 * errors.max(), "median_error": 100 * float(np.median(errors))}


def figures(tables):
    """{name: figure} for the rows of the tables."""
    points, exponents = tables[-1], tables[-2]
    growing, threads, powers = {}, {}, {}
    for line in points.rows:
        panels = threads if line["what"] == "threads" else growing
        panels.setdefault(_title(line), {}).setdefault(line["peer"], []).append((line["value"], line["ms"]))
    for line in exponents.rows:
        if "exponent" in line:
            powers.setdefault(_title(line), {})[line["peer"]] = line["exponent"]
    drawn = {"scaling": charts.growth(growing, powers)} if growing else {}
    return drawn | ({"threads": charts.speed_up(threads)} if threads else {})


def _title(line):
    return f"{line['what']}\n{line['others']}"
