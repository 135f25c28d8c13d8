"""How soon is how good a clustering there? Inertia against seconds, with each library's own seeding and rule to stop.

Fits are cut short after more and more iterations, and once run to their end: a point is the time of such a fit, seeding
included, and the inertia of its centers as one float64 judge has it. Every library is called as its users would call
it, but for settings that make it do exact full-batch work (peers.py); one seed, the shortest of the rounds.
"""

from benchmarks import charts, datasets, peers
from benchmarks.report import Table

CUTS = (1, 3, 10, 30, None)
FULL = (
    ("sklearn:china", 256),
    ("blobs:1000000:16:64", 64),
    ("flights_raw:scaled", 100),
    ("sift_open", 500),
    ("sent_wordnet_minilm_40k", 500),
)
QUICK = (("sklearn:china", 32),)
TINY = (("blobs:500:2:4", 4),)
QUICK_CUTS = (1, 5, None)
BUDGETS = (40.0, 3.0, 60.0)  # seconds; a library that would take longer has no later cuts, and is not seen to end
USUAL_ITERATIONS = 100  # of a fit to its end, to guess its time by
CLOSE = 1.01  # times the best inertia of all

COLUMNS = (
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("library", "peer", ""),
    ("s to its end", "seconds", ".3f"),
    ("ended", "ended", ""),
    ("it", "n_iter", "d"),
    ("/ ours", "times_ours", ".2f"),
    ("inertia / ours", "inertia_ratio", ".4f"),
    ("s to within 1 % of the best", "close", ".3f"),
    ("s of the first iteration", "first", ".3f"),
)


def run(options):
    """The table of the suite."""
    table = Table("Seeding to convergence: seconds and inertia", COLUMNS)
    table.notes.append("inertia: one run's, whose seed is luck; the best: of all libraries, at any time")
    table.notes.append(f"FAISS, SuperKMeans and scipy have no rule to stop: {peers.FIXED_ITERATIONS} iterations")
    for data, k in options.workloads_here(table, FULL, QUICK, TINY):
        lines, left_out = _measure(data, k, options)
        table.rows += lines
        table.notes += [f"{data} k={k}: no {name}: {why}" for name, why in left_out.items()]
    return [table]


def _measure(data, k, options):
    """([row of each library], {library: why it has none}) of one workload."""
    rows, budget = datasets.load(data), options.pick(*BUDGETS)
    curves = {name: {} for name in options.peers}
    few, left_out = rows[: max(20 * k, 4096)], {}
    for name in curves:
        try:
            for _ in range(2):  # the first starts threads
                outcome = peers.run(name, few, k, None, CUTS[0], n_threads=options.threads)
        except Exception as error:  # noqa: BLE001 - a rival that cannot run is a line, not the end; ours is the end
            if name == peers.OURS:
                raise
            left_out[name] = f"{type(error).__name__}: {str(error)[:120]}"
            continue
        expected = outcome.seconds * len(rows) / len(few)
        if expected > budget and name != peers.OURS:
            left_out[name] = f"one iteration would take about {expected:.0f} s, more than {budget:.0f} s"
    peers.run(peers.OURS, rows, k, None, None, n_threads=options.threads)  # kernels for so many rows
    for _ in range(options.rounds_or(1, 1)):
        for cut in options.pick(CUTS, QUICK_CUTS, QUICK_CUTS):
            for name, curve in curves.items():
                if name in left_out or _expected_seconds(curve, cut) > budget:
                    continue
                outcome = peers.run(name, rows, k, None, cut, n_threads=options.threads)
                if cut not in curve or outcome.seconds < curve[cut][0]:
                    inertia = curve[cut][2] if cut in curve else peers.inertia(rows, outcome.centers)
                    curve[cut] = outcome.seconds, int(outcome.n_iter), inertia
    curves = {name: curve for name, curve in curves.items() if curve}
    shape = {"data": data, "n": len(rows), "d": rows.shape[1], "k": k}
    lines = [shape | _line(name, curve, curves) for name, curve in curves.items()]
    options.say(f"convergence {data} k={k}: " + ", ".join(f"{own['peer']} {own['seconds']:.3f} s" for own in lines))
    return lines, left_out


def _expected_seconds(curve, cut):
    """What the next fit would take, judged by the fits so far, of which the shortest is nearly all seeding."""
    if not curve:
        return 0.0
    points, steps = sorted((n_iter, seconds) for seconds, n_iter, _ in curve.values()), cut or USUAL_ITERATIONS
    (few, least), (many, most) = points[0], points[-1]
    if few == many:  # how much of it was seeding is not known, and the next is not much longer
        return most
    return most + max(0.0, most - least) / (many - few) * max(0, steps - many)


def _line(name, curve, curves):
    """The row of a library, less what the rows are."""
    best = min(inertia for own in curves.values() for _, _, inertia in own.values())
    ended = None in curve
    seconds, n_iter, inertia = curve[None] if ended else max(curve.values())
    close = [took for took, _, found in curve.values() if found <= CLOSE * best]
    line = {"peer": name, "ended": ended, "seconds": seconds, "n_iter": n_iter}
    line |= {"points": sorted(curve.values()), "close": min(close, default=None), "first": min(curve.values())[0]}
    line["inertia"] = inertia
    if None in curves.get(peers.OURS, ()):
        ours = curves[peers.OURS][None]
        line |= {"times_ours": seconds / ours[0], "inertia_ratio": inertia / ours[2] if ours[2] > 0 else None}
    return line


def figures(tables):
    """{name: figure} for the rows of the table."""
    (table,) = tables
    panels = {}
    for line in table.rows:
        own = panels.setdefault(f"{line['data']}, k={line['k']}", {})
        own[line["peer"]] = [
            (seconds, inertia) for seconds, _, inertia in sorted(line["points"], key=lambda point: point[1])
        ]
    return {"convergence": charts.convergence(panels)} if panels else {}
