"""python -m benchmarks.thresholds: measure which way of labelling wins where, and the planner's table from that.

A cell is a band of columns and a number of clusters. It is measured on generated rows of the band's most columns
(`overlap` of datasets.py, a quarter as many clusters as are asked for), and on the real data sets of the band if
FASTKMEANS_DATA is set: about 200,000 float32 rows, fewer where they have more than 250 columns. Each way fits them
from one start, at most 30 iterations, tol=1e-4, in turn; the shortest fit counts. A cell's figure is the geometric
mean over its data of a way's time / the dense one's. Within a band the ways follow each other as the clusters
increase, each at most once, so that the times lost to the fastest way, all cells together, are least; a way other
than the dense one must gain 5 %.

The generated rows were made so that bounds gain on them what they gain on the real rows of the band (dense / bounds,
50,000 rows or fewer, k=512: d=24 1.2 and 1.4, d=128 2.2 and 2.2, 192 to 256 columns 2.3 and 2.2, 384 to 512 1.6 and
1.6); of well separated blobs bounds rule out nearly everything.

    python -m benchmarks.thresholds --cells cells.json --chart docs/which-way-wins.svg --write

--cells keeps what is measured, and what it holds is not measured again: an interrupted run goes on, and a table or
a chart is made anew without measuring.
"""

import argparse
import json
import math
from functools import cache
from pathlib import Path

from benchmarks import charts, datasets, machine, report, rounds
from benchmarks.options import Options

BANDS = (2, 3, 4, 6, 8, 16, 24, 32, 64, 128, 256, 512, 1024)  # columns up to
CLUSTERS = (2, 4, 8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048)
QUICK_CLUSTERS = (2, 8, 32, 128, 512)
REAL = (
    ("geo_cities500_latlon", 2),
    ("pixels_china_rgb", 3),
    ("flights_raw:scaled", 24),
    ("sift_open", 128),
    ("patches8_rgb_open_60k", 192),
    ("sent_wordnet_minilm_40k", 384),
    ("fashion_mnist_train", 784),
)
MOST_ROWS, MOST_COLUMNS = 200_000, 250  # rows of more columns are as many fewer
MOST_PRODUCTS = 2e10  # n d k
ROWS_A_CLUSTER = 20  # fewer are no clustering
ITERATIONS, TOL = 30, 1e-4
ROUNDS, SECONDS = (2, 20), 0.5  # short fits have as many rounds as one second holds
GAIN = 1.05
TABLE = machine.ROOT / "fastkmeans" / "engine" / "thresholds.py"

COLUMNS = (
    ("columns up to", "band", "d"),
    ("k", "k", "d"),
    ("data sets", "n_data", "d"),
    ("fastest", "fastest", ""),
    ("times dense", "gain", ".2f"),
    ("table", "way", ""),
    ("times dense", "way_gain", ".2f"),
)


def parser():
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m benchmarks.thresholds",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--write", action="store_true", help=f"write this vector set's table in "
                   f"{TABLE.relative_to(machine.ROOT)}; bands that were not measured stay")  # fmt: skip
    p.add_argument("--chart", metavar="FILE", help="draw which way wins where (.svg, .png)")
    p.add_argument("--cells", metavar="FILE", help="keep the measurements there; what it holds is not measured again")
    p.add_argument("--bands", help=f"comma-separated, of {', '.join(map(str, BANDS))} (default: all)")
    p.add_argument("--quick", action="store_true", help="few clusters and a quarter of the rows: a look, not a table")
    p.add_argument("--rows", type=int, help="as --quick, to see how the ways stand at other numbers of rows")
    p.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)
    p.add_argument("--threads", type=int, default=2)
    return p


def rows_of(d, most):
    """How many rows of d columns are measured, where rows of few columns are `most`."""
    return int(most * min(1, MOST_COLUMNS / d))


def workloads(band, most, options):
    """(data, k) of everything to measure for a band."""
    from_columns = max((b for b in BANDS if b < band), default=0)
    rows = rows_of(band, most)
    for k in options.pick(CLUSTERS, QUICK_CLUSTERS, (2, 4)):
        if k <= rows / ROWS_A_CLUSTER and rows * band * k <= MOST_PRODUCTS:
            yield f"overlap:{rows}:{band}:{max(2, k // 4)}", k
    for data, d in options.pick(REAL, REAL, ()):
        if from_columns < d <= band and datasets.available(data):
            for k in options.pick(CLUSTERS, QUICK_CLUSTERS, ()):
                yield data, k


def measure(data, k, ways, most, options):
    """{way: milliseconds of its shortest fit}; None where the rows are too few for k clusters."""
    rows = datasets.load(data)
    rows = rows[:: -(-len(rows) // rows_of(rows.shape[1], most))].copy()
    if k > len(rows) / ROWS_A_CLUSTER or rows.size * k > MOST_PRODUCTS:
        return None
    least, at_most = options.pick(ROUNDS, ROUNDS, (1, 1))
    runs, _ = rounds.fits_in_turn(
        rows, k, ways, least=least, most=at_most, seconds=SECONDS, init=datasets.first_centers(rows, k),
        max_iter=options.pick(ITERATIONS, ITERATIONS, 3), tol=TOL, n_threads=options.threads,
    )  # fmt: skip
    return {way: own.ms for way, own in runs.items()}


def measured(cells, bands, ways, most, options, keep):
    """The cells, with those that were missing; `keep` is called after each band."""
    known = {(cell["data"], cell["k"]) for cell in cells if set(ways) <= {*cell["ms"], *cell["left_out"]}}
    for band in bands:
        for data, k in workloads(band, most, options):
            if (data, k) in known:
                continue
            times = measure(data, k, ways, most, options)
            if times is None:
                continue
            cells = [cell for cell in cells if (cell["data"], cell["k"]) != (data, k)]
            left_out = [way for way in ways if way not in times]
            cells.append({"band": band, "data": data, "k": k, "ms": times, "left_out": left_out})
            shown = ", ".join(f"{way} {ms:.2f}" for way, ms in times.items())
            options.say(f"thresholds d<={band} k={k} {data}: {shown} ms")
        keep(cells)
    return cells


def ratios(cells, band, ways):
    """{k: {way: time / the dense one's}} of a band, the geometric means over its data; a way left out ran as dense."""
    found = {}
    for k in sorted({cell["k"] for cell in cells if cell["band"] == band}):
        own = [cell["ms"] for cell in cells if cell["band"] == band and cell["k"] == k]
        found[k] = {
            way: math.exp(sum(math.log(ms.get(way, ms["dense"]) / ms["dense"]) for ms in own) / len(own))
            for way in ways
        }
    return found


def switch_points(times):
    """((clusters from, way), ...) that lose least: each way at most once, and "dense" below what was measured.

    Parameters
    ----------
    times : {k: {way: time / the dense one's}}
    """
    clusters = sorted(times)
    costs = [{way: math.log(t if way == "dense" else GAIN * t) for way, t in times[k].items()} for k in clusters]
    ways = frozenset(costs[0])

    @cache
    def cheapest(at, way, others):
        """(cost, switches) from clusters[at] on, if `way` begins there and each of `others` may follow."""
        spent, options = 0.0, []
        for end in range(at + 1, len(clusters) + 1):
            spent += costs[end - 1][way]
            rests = [cheapest(end, other, others - {other}) for other in others] if end < len(clusters) else [(0, ())]
            change = math.log(GAIN) if end < len(clusters) else 0.0  # two ways that take the same stay one
            options += [(spent + change + cost, ((clusters[at], way), *switches)) for cost, switches in rests]
        return min(options, default=(math.inf, ()))

    _, (first, *others) = min(cheapest(0, way, ways - {way}) for way in sorted(ways))
    return ((1, "dense"), *others) if first[1] == "dense" else ((1, "dense"), first, *others)


def way_at(switches, k):
    """The way that a band of the table names for k clusters."""
    return [way for begins, way in switches if begins <= k][-1]


def lines_of(cells, times, chosen):
    """A report's rows: each cell's fastest way, and the table's."""
    for band, switches in chosen.items():
        for k, own in times[band].items():
            fastest, way = min(own, key=own.get), way_at(switches, k)
            n_data = sum(cell["band"] == band and cell["k"] == k for cell in cells)
            gains = {"gain": 1 / own[fastest], "way_gain": 1 / own[way]}
            yield {"band": band, "k": k, "n_data": n_data, "fastest": fastest, "way": way} | gains


def table_of(table, facts):
    """The lines of a vector set's table in engine/thresholds.py."""
    lines = [f"    # {facts['date']}, {facts['cpu']}, {facts['threads']} threads", f'    "{facts["vector set"]}": {{']
    for band, switches in table.items():
        inner = ", ".join(f'({k}, "{way}")' for k, way in switches)
        lines.append(f"        {band}: ({inner}{',' * (len(switches) == 1)}),")
    return [*lines, "    },"]


def with_table(text, lines):
    """The text of engine/thresholds.py with these lines in the place of its vector set's, or behind all others."""
    before = text.splitlines()
    if lines[1] in before:
        begin = before.index(lines[1])
        end = before.index("    },", begin) + 1
        before[begin - 1 : end] = lines
    else:
        before[-1:] = [*lines, before[-1]]
    return "\n".join(before) + "\n"


def main(argv=None):
    arguments = parser().parse_args(argv)
    if arguments.write and (arguments.quick or arguments.rows):
        raise SystemExit("--quick and --rows are for a look: a table is written from a full run")
    from fastkmeans.engine.planner import ASSIGNERS
    from fastkmeans.engine.thresholds import WAYS

    ways = ["dense", *(name for name in ASSIGNERS if name != "dense")]
    options = Options("tiny" if arguments.tiny else "quick" if arguments.quick else "full", threads=arguments.threads)
    bands = [int(band) for band in arguments.bands.split(",")] if arguments.bands else list(BANDS)
    if unknown := set(bands) - set(BANDS):
        raise SystemExit(f"no such bands: {sorted(unknown)}; there are {', '.join(map(str, BANDS))}")
    most = arguments.rows or options.pick(MOST_ROWS, MOST_ROWS // 4, 500)
    size = f"{options.size}, {most} rows"
    facts = machine.describe(arguments.threads, measure=False)
    file = Path(arguments.cells) if arguments.cells else None

    def keep(cells):
        if file:
            file.write_text(json.dumps({"machine": facts, "size": size, "cells": cells}, indent=1) + "\n")

    held = json.loads(file.read_text()) if file and file.exists() else {"size": size, "cells": []}
    if held["size"] != size:
        raise SystemExit(f"{file} holds cells of size {held['size']}, not {size}")
    cells = measured(held["cells"], bands, ways, most, options, keep)
    times = {band: ratios(cells, band, ways) for band in sorted({cell["band"] for cell in cells})}
    chosen = {band: switch_points(own) for band, own in times.items()}
    shown = report.Table("Which way wins where", COLUMNS, list(lines_of(cells, times, chosen)))
    print("\n".join([f"date: {facts['date']}", *report.head(facts, "python -m benchmarks.thresholds")]))
    print(report.as_text(shown))
    own = WAYS.get(facts["vector set"], {})
    lines = table_of({band: chosen.get(band, own.get(band)) for band in sorted({*own, *chosen})}, facts)
    print("", *lines, sep="\n")
    if arguments.write:
        TABLE.write_text(with_table(TABLE.read_text(), lines))
    if arguments.chart:
        charts.save(charts.ways_map(times, ways, facts), arguments.chart)


if __name__ == "__main__":
    main()
