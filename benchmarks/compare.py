"""python -m benchmarks.compare: us beside the libraries that are installed, and suites with one question each.

Without --suite: iterations from one start, fits to convergence, and how time grows (libraries, convergence, scaling).
Prints tables on standard output (progress on standard error), and writes a dated report with CPU, versions and the
command, its figures (.svg; with matplotlib) and every raw number (.json) to a folder.
"""

import argparse
import importlib.util
import time
import warnings

from benchmarks import (
    machine,
    peers,
    report,
    suite_balanced,
    suite_cluster,
    suite_convergence,
    suite_estimators,
    suite_fits,
    suite_grid,
    suite_libraries,
    suite_many,
    suite_memory,
    suite_nearest,
    suite_quality,
    suite_scaling,
    suite_seeding,
    suite_selection,
    suite_serving,
    suite_shortcuts,
    suite_silhouette,
    suite_sparse,
    suite_starts,
    suite_startup,
    suite_streaming,
    suite_ways,
)
from benchmarks.options import Options
from fastkmeans.engine.threads import available_threads

SUITES = {
    "libraries": suite_libraries,
    "convergence": suite_convergence,
    "scaling": suite_scaling,
    "memory": suite_memory,
    "seeding": suite_seeding,
    "starts": suite_starts,
    "fits": suite_fits,
    "sparse": suite_sparse,
    "estimators": suite_estimators,
    "quality": suite_quality,
    "ways": suite_ways,
    "shortcuts": suite_shortcuts,
    "grid": suite_grid,
    "many": suite_many,
    "serving": suite_serving,
    "nearest": suite_nearest,
    "startup": suite_startup,
    "streaming": suite_streaming,
    "cluster": suite_cluster,
    "silhouette": suite_silhouette,
    "selection": suite_selection,
    "balanced": suite_balanced,
}
GROUPS = {"side-by-side": ("libraries", "convergence", "scaling"), "all": tuple(SUITES)}
OURS_ALONE = ("memory", "streaming", "cluster")  # suites about us, where rivals appear only if they are named
FOLDER = "benchmarks/out"


def parser():
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m benchmarks.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--suite", choices=[*GROUPS, *SUITES], default="side-by-side")
    p.add_argument("--quick", action="store_true", help="small workloads, few rounds: a look, not a result")
    p.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)
    p.add_argument("--rounds", type=int, help="rounds of every measurement (default: each suite's own)")
    p.add_argument("--peers", help=f"comma-separated, of {', '.join(peers.PEERS)} (default: all that are installed)")
    p.add_argument("--threads", type=int, default=available_threads(), help="default: all, %(default)s here")
    p.add_argument("--match", default="", metavar="TEXT", help="only workloads whose name contains it")
    p.add_argument("--blas", choices=machine.BLAS_CHOICES, default="best", help="the kernels OpenBLAS uses")
    p.add_argument("--output", default=FOLDER, metavar="FOLDER", help="where the report goes (default: %(default)s)")
    p.add_argument("--tag", default="", metavar="TEXT", help="ends the report's name, which is the date and the suite")
    return p


def chosen_peers(named):
    """The peers to run: those named, else all that are installed."""
    if named is None:
        return peers.everybody()
    names = tuple(name.strip() for name in named.split(",") if name.strip())
    unknown = [name for name in names if name not in peers.PEERS]
    if unknown:
        raise SystemExit(f"no such peer: {', '.join(unknown)}; there are {', '.join(peers.PEERS)}")
    return names


def command(arguments):
    """The command as a report shows it: without the places it wrote to."""
    shown = [f"--suite {arguments.suite}"] * (arguments.suite != "side-by-side")
    shown += ["--quick"] * arguments.quick + ["--tiny"] * arguments.tiny
    shown += [f"--rounds {arguments.rounds}"] * bool(arguments.rounds)
    shown += [f"--peers {arguments.peers}"] * bool(arguments.peers)
    shown += [f"--match '{arguments.match}'"] * bool(arguments.match)
    shown += [f"--blas {arguments.blas}"] * (arguments.blas != "best")
    return f"python -m benchmarks.compare {' '.join(shown)} --threads {arguments.threads}"


def main(argv=None):
    arguments = parser().parse_args(argv)
    began = time.perf_counter()
    size = "tiny" if arguments.tiny else "quick" if arguments.quick else "full"
    facts = machine.describe(arguments.threads, measure=size != "tiny")
    print("\n".join([f"date: {facts['date']}", *report.head(facts, command(arguments))]), flush=True)
    tables, figures = {}, {}
    for name in GROUPS.get(arguments.suite, (arguments.suite,)):
        own = (peers.OURS,) if arguments.peers is None and name in OURS_ALONE else chosen_peers(arguments.peers)
        options = Options(size, arguments.rounds, own, arguments.threads, arguments.match)
        with warnings.catch_warnings():
            if set(own) != {peers.OURS}:
                warnings.simplefilter("ignore")  # rivals warn about not having converged
            tables[name] = SUITES[name].run(options)
        print("\n".join(map(report.as_text, tables[name])), flush=True)
        if hasattr(SUITES[name], "figures") and importlib.util.find_spec("matplotlib"):
            figures |= SUITES[name].figures(tables[name])
    stem = "-".join(filter(None, [facts["date"], arguments.suite, arguments.tag]))
    files = report.write(arguments.output, stem, facts, command(arguments), tables, figures)
    print("\nwritten:", *files, sep="\n  ")
    if not importlib.util.find_spec("matplotlib"):
        print("no figures: they need matplotlib (pip install matplotlib)")
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    machine.restart_with_blas("benchmarks.compare", parser().parse_args().blas)
    main()
