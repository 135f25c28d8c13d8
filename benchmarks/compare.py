"""python -m benchmarks.compare: suites of whole fits, ours beside other libraries and beside what we promise.

Prints tables on standard output (progress on standard error); --markdown writes them as a dated report with CPU,
versions and the command, --json every raw number.
"""

import argparse
import warnings

from benchmarks import (
    machine,
    peers,
    report,
    suite_dense,
    suite_estimators,
    suite_fits,
    suite_grid,
    suite_memory,
    suite_quality,
    suite_seeding,
    suite_serving,
    suite_shortcuts,
    suite_sparse,
    suite_startup,
    suite_ways,
)
from benchmarks.options import Options

SUITES = {
    "dense": suite_dense.run,
    "memory": suite_memory.run,
    "seeding": suite_seeding.run,
    "fits": suite_fits.run,
    "sparse": suite_sparse.run,
    "estimators": suite_estimators.run,
    "quality": suite_quality.run,
    "ways": suite_ways.run,
    "shortcuts": suite_shortcuts.run,
    "grid": suite_grid.run,
    "serving": suite_serving.run,
    "startup": suite_startup.run,
}
OURS_ALONE = ("memory",)  # suites about us, where rivals appear only if they are named


def parser():
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m benchmarks.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--suite", choices=[*SUITES, "all"], default="dense")
    p.add_argument("--quick", action="store_true", help="small workloads, few rounds: a look, not a result")
    p.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)
    p.add_argument("--rounds", type=int, help="rounds of every measurement (default: each suite's own)")
    p.add_argument("--peers", help=f"comma-separated, of {', '.join(peers.PEERS)} (default: all that are installed)")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--match", default="", metavar="TEXT", help="only workloads whose name contains it")
    p.add_argument("--blas", choices=machine.BLAS_CHOICES, default="best", help="the kernels OpenBLAS uses")
    p.add_argument("--json", metavar="FILE", help="write every raw number")
    p.add_argument("--markdown", metavar="FILE", help="write the report; a folder gets a file named by the date")
    return p


def chosen_peers(named):
    """The peers to run: those named, else all that are installed."""
    if named is None:
        return tuple(name for name in peers.PEERS if peers.installed(name))
    names = tuple(name.strip() for name in named.split(",") if name.strip())
    unknown = [name for name in names if name not in peers.PEERS]
    if unknown:
        raise SystemExit(f"no such peer: {', '.join(unknown)}; there are {', '.join(peers.PEERS)}")
    return names


def command(arguments):
    """The command as a report shows it: without the places it wrote to."""
    shown = [f"--suite {arguments.suite}"]
    shown += ["--quick"] * arguments.quick + ["--tiny"] * arguments.tiny
    shown += [f"--rounds {arguments.rounds}"] * bool(arguments.rounds)
    shown += [f"--peers {arguments.peers}"] * bool(arguments.peers)
    shown += [f"--match '{arguments.match}'"] * bool(arguments.match)
    shown += [f"--blas {arguments.blas}"] * (arguments.blas != "best")
    return f"python -m benchmarks.compare {' '.join(shown)} --threads {arguments.threads}"


def main(argv=None):
    arguments = parser().parse_args(argv)
    size = "tiny" if arguments.tiny else "quick" if arguments.quick else "full"
    names = list(SUITES) if arguments.suite == "all" else [arguments.suite]
    facts = machine.describe(arguments.threads, measure=size != "tiny")
    print("\n".join([f"date: {facts['date']}", *report.head(facts, command(arguments))]), flush=True)
    tables = {}
    for name in names:
        own = (peers.OURS,) if arguments.peers is None and name in OURS_ALONE else chosen_peers(arguments.peers)
        with warnings.catch_warnings():
            if set(own) != {peers.OURS}:
                warnings.simplefilter("ignore")  # rivals warn about not having converged
            tables[name] = SUITES[name](Options(size, arguments.rounds, own, arguments.threads, arguments.match))
        print("\n".join(map(report.as_text, tables[name])), flush=True)
    if arguments.markdown:
        print("\nwritten:", report.write_markdown(arguments.markdown, facts, command(arguments), tables))
    if arguments.json:
        report.write_json(arguments.json, facts, command(arguments), tables)


if __name__ == "__main__":
    machine.restart_with_blas("benchmarks.compare", parser().parse_args().blas)
    main()
