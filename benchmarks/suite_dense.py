"""How fast is a full iteration, beside the fastest library that does the same work?

Every library starts from the same random rows and does the same number of iterations on float32 rows. Time is
that of the whole fit divided by its iterations, so our validation of X and our final exact pass are inside.
Libraries run alternately, in an order that turns from round to round, and a ratio is taken within a round:
the machine's drift is then in both of its terms.
"""

from dataclasses import dataclass
from statistics import median

from benchmarks import datasets, machine, peers, rounds
from benchmarks.report import Table

RIVALS = ("sklearn", "sklearnex", "faiss")  # exact, from a given start: what the targets are measured against


@dataclass(frozen=True)
class Workload:
    """Blobs around k centers, and how many times faster than the fastest rival an iteration is to be."""

    n: int
    d: int
    k: int
    iterations: int
    """So many that the fastest rival runs for 0.5 to 4 s on two cores."""

    target: float | None = None

    @property
    def data(self):
        return f"blobs:{self.n}:{self.d}:{self.k}"

    @property
    def title(self):
        rows = f"{self.n // 10**6}M" if self.n % 10**6 == 0 else f"{self.n // 1000}k" if self.n >= 1000 else self.n
        return f"{rows} x {self.d}, k={self.k}"

    def a_tenth(self):
        return Workload(self.n // 10, self.d, self.k, self.iterations)


FULL = (
    Workload(1_000_000, 2, 8, 50, 10.0),
    Workload(1_000_000, 8, 64, 20, 5.0),
    Workload(1_000_000, 16, 64, 20, 4.0),
    Workload(1_000_000, 32, 100, 12, 3.0),
    Workload(500_000, 64, 256, 10, 2.5),
    Workload(300_000, 128, 1000, 6, 1.6),
    Workload(100_000, 768, 1000, 4, 1.4),
)
QUICK = tuple(workload.a_tenth() for workload in FULL)
TINY = (Workload(400, 2, 4, 2, 1.0), Workload(500, 8, 8, 2))

SUMMARY = (
    ("workload", "workload", ""),
    ("it", "iterations", "d"),
    ("ours ms/it", "ours", ".2f"),
    ("+-%", "spread", ".0f"),
    ("fastest rival", "rival", ""),
    ("ms/it", "rival_ms", ".2f"),
    ("ratio", "ratio", ".2f"),
    ("least", "ratio_least", ".2f"),
    ("most", "ratio_most", ".2f"),
    ("target", "target", ".1f"),
    ("met", "met", ""),
    ("GFLOP/s", "gflops", ".0f"),
    ("% of sgemm", "share", ".0f"),
    ("sgemm before", "sgemm_before", ".0f"),
    ("after", "sgemm_after", ".0f"),
)
DETAIL = (
    ("workload", "workload", ""),
    ("library", "peer", ""),
    ("ms/it", "ms", ".2f"),
    ("least", "least", ".2f"),
    ("most", "most", ".2f"),
    ("+-%", "spread", ".0f"),
    ("it", "n_iter", "d"),
    ("s a run", "seconds", ".2f"),
    ("GFLOP/s", "gflops", ".0f"),
    ("inertia / ours", "inertia_ratio", ".6f"),
)


def run(options):
    """Tables of the suite: one line a workload, and one a library."""
    summary = Table("Full iterations: ours and the fastest rival", SUMMARY)
    detail = Table("Full iterations: every library", DETAIL)
    summary.notes.append("ratio: fastest rival's time / ours, the median over rounds; least and most of the rounds")
    summary.notes.append("GFLOP/s: 2 n d k / time, what a dense sweep would have to do; sgemm: NumPy's, same minute")
    summary.notes.append(f"rivals of the ratio: {', '.join(RIVALS)}; the others are listed for information")
    for workload in options.workloads(FULL, QUICK, TINY):
        line, libraries = measure(workload, options)
        summary.rows.append(line)
        detail.rows += libraries
        for library in libraries:
            if library.get("failed"):
                detail.notes.append(f"{workload.title}: {library['peer']} cannot run: {library['failed']}")
    detail.notes.append("inertia differs where libraries fill empty clusters in their own ways")
    detail.notes.append(f"BLAS: {machine.blas_kernels()}")
    return [summary, detail]


def measure(workload, options):
    """(summary row, [row of each library]) of one workload."""
    rows = datasets.load(workload.data)
    init = datasets.first_centers(rows, workload.k)
    sgemm_before = options.sgemm()
    outcomes, failed = rounds.alternate(
        rows, workload.k, init, workload.iterations, options, rounds=options.rounds_or(5, 2)
    )
    sgemm_after = options.sgemm()
    libraries = []
    for name, own in outcomes.items():
        library = {"workload": workload.title, "peer": name, "failed": failed.get(name)}
        if own and not library["failed"]:
            outcome, times = own[-1], [one.ms for one in own]
            library |= rounds.spread_of(times) | {
                "samples": times,
                "n_iter": int(outcome.n_iter),
                "seconds": outcome.seconds,
                "gflops": _gflops(workload, median(times)),
                "inertia": peers.inertia(rows, outcome.centers),
            }
        libraries.append(library)
    ours = next((own for own in libraries if own["peer"] == peers.OURS), {})
    for library in libraries:
        if "inertia" in library and "inertia" in ours:
            library["inertia_ratio"] = library["inertia"] / ours["inertia"]
    line = _summary(workload, libraries, sgemm_before, sgemm_after)
    options.say(
        f"dense {workload.title}: " + ", ".join(f"{own['peer']} {own['ms']:.2f} ms" for own in libraries if "ms" in own)
    )
    return line, libraries


def _summary(workload, libraries, sgemm_before, sgemm_after):
    ran = {own["peer"]: own for own in libraries if "ms" in own}
    ours = ran.get(peers.OURS)
    rivals = [own for name, own in ran.items() if name in RIVALS]
    sgemm = (sgemm_before + sgemm_after) / 2
    line = {"workload": workload.title, "iterations": workload.iterations, "target": workload.target}
    line |= {"sgemm_before": sgemm_before, "sgemm_after": sgemm_after, "ours": None, "ratio": None}
    if ours:
        line |= {"ours": ours["ms"], "spread": ours["spread"], "gflops": ours["gflops"]}
        line["share"] = 100 * ours["gflops"] / sgemm
    if ours and rivals:
        rival = min(rivals, key=lambda own: own["ms"])
        ratios = rounds.ratios(rival["samples"], ours["samples"])
        line |= {"rival": rival["peer"], "rival_ms": rival["ms"], "ratio": median(ratios)}
        line |= {"ratio_least": min(ratios), "ratio_most": max(ratios)}
        if workload.target:
            line["met"] = line["ratio"] >= workload.target
    return line


def _gflops(workload, ms):
    return 2 * workload.n * workload.d * workload.k / ms / 1e6
