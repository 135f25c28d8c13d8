"""How much do the ways that leave pairs of a row and a center out gain over the fastest library, where they can?

Two figures a workload, both of whole fits from the same first centers. Per iteration: ten iterations (tol=0),
divided by ten, beside the fastest of scikit-learn, scikit-learn-intelex, FAISS and SuperKMeans, which starts from
centers of its own. To convergence: tol=1e-4, beside the two that stop by the same rule. Our validation, the
ordering of rows and the final exact pass are inside. Where rows are float64, only those two take them; where they
are uint8, we read them as stored, and rivals are given float32.
"""

from dataclasses import dataclass
from statistics import median

import numpy as np

from benchmarks import datasets, machine, peers, rounds
from benchmarks.report import Table

ITERATIONS = 10
MAX_ITER, TOL = 300, 1e-4
RIVALS = ("sklearn", "sklearnex", "faiss", "superkmeans")  # of a single iteration
STOPPING = ("sklearn", "sklearnex")  # of a fit to convergence, and of float64 rows
SLOW = 20.0  # seconds; a library whose run takes longer has one round


@dataclass(frozen=True)
class Workload:
    """Rows, clusters, and how many times faster than the fastest rival we are to be."""

    data: str
    k: int
    an_iteration: float
    to_convergence: float
    dtype: str = "float32"

    @property
    def title(self):
        return f"{self.data} k={self.k}"


FULL = (
    Workload("blobs:1000000:2:8", 8, 20, 20),
    Workload("blobs:1000000:2:1000", 1000, 50, 50),
    Workload("pixels_life_rgb_2x2", 256, 20, 20, "uint8"),
    Workload("geo_cities500_latlon", 1000, 20, 20, "float64"),
    Workload("flights_raw:scaled", 100, 8, 12),
    Workload("sift_open", 1000, 3, 5),
    Workload("sent_wordnet_minilm_40k", 1000, 3, 6),
    Workload("fashion_mnist_train", 256, 3, 6),
    Workload("blobs:100000:768:1000", 1000, 2.5, 4),
)
QUICK = (
    Workload("blobs:100000:2:100", 100, 20, 20),
    Workload("photo", 64, 20, 20, "uint8"),
    Workload("overlap:20000:64:50", 200, 3, 5),
)
TINY = (Workload("blobs:500:2:4", 4, 1, 1), Workload("overlap:400:3:4", 8, 1, 1, "float64"))

SUMMARY = (
    ("rows", "workload", ""),
    ("what", "what", ""),
    ("it", "n_iter", "d"),
    ("ours ms", "ours", ".2f"),
    ("+-%", "spread", ".0f"),
    ("fastest rival", "rival", ""),
    ("ms", "rival_ms", ".1f"),
    ("its it", "rival_n_iter", "d"),
    ("ratio", "ratio", ".1f"),
    ("least", "ratio_least", ".1f"),
    ("most", "ratio_most", ".1f"),
    ("target", "target", ".1f"),
    ("met", "met", ""),
    ("% of pairs met", "pairs", ".1f"),
    ("sgemm", "sgemm", ".0f"),
    ("our plan", "plan", ""),
)
DETAIL = (
    ("rows", "workload", ""),
    ("what", "what", ""),
    ("library", "peer", ""),
    ("ms", "ms", ".2f"),
    ("least", "least", ".2f"),
    ("most", "most", ".2f"),
    ("+-%", "spread", ".0f"),
    ("rounds", "n_rounds", "d"),
    ("it", "n_iter", "d"),
    ("s a run", "seconds", ".3f"),
    ("inertia / ours", "inertia_ratio", ".6f"),
)


def run(options):
    """Tables of the suite: two lines a workload, and one a library."""
    summary = Table("Shortcuts: ours and the fastest rival, per iteration and to convergence", SUMMARY)
    detail = Table("Shortcuts: every library", DETAIL)
    summary.notes.append(
        f"per iteration: {ITERATIONS} iterations, whole fit / {ITERATIONS}; rivals: {', '.join(RIVALS)}"
    )
    summary.notes.append(f"to convergence: the whole fit, tol={TOL}, at most {MAX_ITER}; rivals: {', '.join(STOPPING)}")
    summary.notes.append("ratio: fastest rival's time / ours, the median over rounds; least and most of the rounds")
    summary.notes.append("sgemm: NumPy's in the same minute, GFLOP/s")
    for workload in options.workloads_here(summary, FULL, QUICK, TINY):
        stored = datasets.load(workload.data, dtype=workload.dtype)
        rows = stored if stored.dtype == np.float64 else stored.astype(np.float32, copy=False)
        init = datasets.first_centers(rows, workload.k)
        for what in ("iteration", "convergence"):
            line, libraries = _measure(what, workload, rows, stored, init, options)
            summary.rows.append(line)
            detail.rows += libraries
            for library in libraries:
                if library["failed"]:
                    detail.notes.append(f"{workload.title}: {library['peer']} cannot run: {library['failed']}")
    detail.notes.append(f"a library whose run takes more than {SLOW:.0f} s has one round; ms: as in the table above")
    detail.notes.append("inertia differs where libraries fill empty clusters, stop, or start in their own ways")
    detail.notes.append(f"BLAS: {machine.blas_kernels()}")
    return [summary, detail]


def _measure(what, workload, rows, stored, init, options):
    """(summary row, [row of each library]) of one figure of a workload."""
    to_end = what == "convergence"
    wanted = STOPPING if to_end or rows.dtype == np.float64 else RIVALS
    sgemm = options.sgemm()
    outcomes, failed = rounds.alternate(
        rows, workload.k, init, MAX_ITER if to_end else ITERATIONS, options, tol=TOL if to_end else 0, stored=stored,
        names=[name for name in options.peers if name in (peers.OURS, *wanted)], rounds=options.rounds_or(3),
        slow=SLOW,
    )  # fmt: skip
    libraries = []
    for name, own in outcomes.items():
        library = {"workload": workload.title, "what": what, "peer": name, "failed": failed.get(name)}
        libraries.append(library)
        if own and not library["failed"]:
            times = [1e3 * one.seconds if to_end else one.ms for one in own]
            library |= rounds.spread_of(times) | {
                "samples": times,
                "n_rounds": len(own),
                "n_iter": int(own[-1].n_iter),
                "seconds": own[-1].seconds,
                "inertia": peers.inertia(rows, own[-1].centers),
            }
    ours = next((library for library in libraries if library["peer"] == peers.OURS), None)
    line = {"workload": workload.title, "what": what, "sgemm": sgemm}
    line["target"] = workload.to_convergence if to_end else workload.an_iteration
    if ours:
        result = outcomes[peers.OURS][-1].result
        line |= {"ours": ours["ms"], "spread": ours["spread"], "n_iter": ours["n_iter"]}
        line |= {"plan": result.plan.split("\n")[0], "pairs": rounds.share_met(result)}
        line |= _beside(ours, libraries, RIVALS, line["target"])
    options.say(
        f"shortcuts {workload.title}, {what}: "
        + ", ".join(f"{own['peer']} {own['ms']:.2f} ms" for own in libraries if "ms" in own)
    )
    return line, libraries


def _beside(ours, libraries, names, target):
    """The columns about the fastest rival; every library's inertia is set beside ours."""
    ran = [library for library in libraries if "inertia" in library]
    for library in ran:
        library["inertia_ratio"] = library["inertia"] / ours["inertia"] if ours["inertia"] > 0 else None
    rivals = [library for library in ran if library["peer"] in names]
    if not rivals:
        return {}
    rival = min(rivals, key=lambda library: library["ms"])
    ratios = rounds.ratios(rival["samples"], ours["samples"])
    return {
        "rival": rival["peer"],
        "rival_ms": rival["ms"],
        "rival_n_iter": rival["n_iter"],
        "ratio": median(ratios),
        "ratio_least": min(ratios),
        "ratio_most": max(ratios),
        "met": median(ratios) >= target,
    }
