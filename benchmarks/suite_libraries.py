"""How long does an iteration take, beside every library that is installed?

Every library starts from the same random rows and does the same number of iterations on float32 rows; those that cannot
say so where they are described (peers.py). Time is that of the whole fit divided by its iterations, so our validation
of X and our final exact pass are inside. Libraries run alternately, in an order that turns from round to round, and a
ratio is taken within a round: the machine's drift is then in both of its terms.

The roofline is what an iteration takes that scores every pair of a row and a center, if it does nothing but products at
the rate of sgemm, or nothing but read the rows once, whichever is longer. More than 100 % means that pairs were left
out.
"""

from dataclasses import dataclass
from statistics import median

from benchmarks import charts, datasets, machine, peers, rounds
from benchmarks.report import Table

RIVALS = ("sklearn", "sklearnex", "faiss")  # exact, from a given start: what the ratio and the targets mean
SLOW = 10.0  # seconds; a library whose run takes longer has one round
BUDGETS = (60.0, 3.0, 60.0)  # seconds of a run, full, quick and tiny; libraries that would take more are left out


@dataclass(frozen=True)
class Workload:
    """Rows, clusters, and how many times faster than the fastest rival an iteration is to be."""

    data: str
    k: int
    iterations: int
    """So many that the fastest rival runs for 0.5 to 4 s on two cores."""

    target: float | None = None

    @property
    def title(self):
        return f"{self.data} k={self.k}"


FULL = (
    Workload("blobs:1000000:2:8", 8, 50, 10.0),
    Workload("blobs:1000000:8:64", 64, 20, 5.0),
    Workload("blobs:1000000:16:64", 64, 20, 4.0),
    Workload("blobs:1000000:32:100", 100, 12, 3.0),
    Workload("blobs:500000:64:256", 256, 10, 2.5),
    Workload("blobs:300000:128:1000", 1000, 6, 1.6),
    Workload("blobs:100000:768:1000", 1000, 4, 1.4),
    Workload("sklearn:digits", 10, 20),
    Workload("sklearn:china", 256, 20),
    Workload("sklearn:china_patches", 500, 10),
    Workload("geo_cities500_latlon", 1000, 10),
    Workload("flights_raw:scaled", 100, 20),
    Workload("sift_open", 1000, 10),
    Workload("sent_wordnet_minilm_40k", 1000, 10),
    Workload("fashion_mnist_train", 256, 10),
)
QUICK = (
    Workload("blobs:200000:2:8", 8, 20, 10.0),
    Workload("blobs:100000:16:64", 64, 20, 4.0),
    Workload("blobs:50000:64:256", 256, 10, 2.5),
    Workload("blobs:10000:768:500", 500, 5, 1.4),
    Workload("sklearn:digits", 10, 20),
    Workload("sklearn:china", 64, 20),
)
TINY = (Workload("blobs:400:2:4", 4, 2, 1.0), Workload("blobs:500:8:8", 8, 2))

SUMMARY = (
    ("rows", "data", ""),
    ("n", "n", "d"),
    ("d", "d", "d"),
    ("k", "k", "d"),
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
    ("% of roofline", "share", ".0f"),
    ("which is", "roof", ""),
    ("sgemm before", "sgemm_before", ".0f"),
    ("after", "sgemm_after", ".0f"),
    ("our ways", "went", ""),
)
DETAIL = (
    ("rows", "data", ""),
    ("k", "k", "d"),
    ("library", "peer", ""),
    ("ms/it", "ms", ".2f"),
    ("least", "least", ".2f"),
    ("most", "most", ".2f"),
    ("+-%", "spread", ".0f"),
    ("/ ours", "times_ours", ".2f"),
    ("rounds", "n_rounds", "d"),
    ("it", "n_iter", "d"),
    ("s a run", "seconds", ".2f"),
    ("% of roofline", "share", ".0f"),
    ("inertia / ours", "inertia_ratio", ".6f"),
)


def run(options):
    """Tables of the suite: one line a workload, and one a library."""
    summary = Table("Iterations: ours and the fastest rival", SUMMARY)
    detail = Table("Iterations: every library", DETAIL)
    summary.notes.append("ratio: fastest rival's time / ours, the median over rounds; least and most of the rounds")
    summary.notes.append(f"rivals of the ratio: {', '.join(RIVALS)}; the others are listed for information")
    summary.notes.append("roofline: the longer of 2 n d k / sgemm's rate and the bytes of X / the rate of reading them")
    reading = machine.read_gbytes(options.threads)
    for workload in options.workloads_here(summary, FULL, QUICK, TINY):
        line, libraries = measure(workload, options, reading)
        summary.rows.append(line)
        detail.rows += [library for library in libraries if "ms" in library]
        detail.notes += [f"{workload.title}: no {own['peer']}: {own['failed']}" for own in libraries if own["failed"]]
    shown = {library["peer"] for library in detail.rows}
    detail.notes += [f"{name}: {peer.note}" for name, peer in peers.PEERS.items() if peer.note and name in shown]
    detail.notes.append("inertia differs where libraries fill empty clusters or start in their own ways")
    detail.notes.append(f"BLAS: {machine.blas_kernels()}")
    return [summary, detail]


def measure(workload, options, reading):
    """(summary row, [row of each library]) of one workload; `reading` in GB/s."""
    rows, k = datasets.load(workload.data), workload.k
    init = datasets.first_centers(rows, k)
    before = options.sgemm()
    outcomes, failed = rounds.alternate(
        rows, k, init, workload.iterations, options, rounds=options.rounds_or(5, 2), slow=SLOW,
        budget=options.pick(*BUDGETS),
    )  # fmt: skip
    after = options.sgemm()
    products = 2 * rows.size * k / ((before + after) / 2 * 1e6)  # ms
    bound, roof = max((products, "sgemm"), (rows.nbytes / (reading * 1e6), "memory"))
    libraries = []
    for name, own in outcomes.items():
        library = {"data": workload.data, "k": k, "peer": name, "failed": failed.get(name)}
        libraries.append(library)
        if own and not library["failed"]:
            times = [one.ms for one in own]
            library |= rounds.spread_of(times) | {
                "samples": times,
                "n_rounds": len(own),
                "n_iter": int(own[-1].n_iter),
                "seconds": own[-1].seconds,
                "share": 100 * bound / median(times),
                "inertia": peers.inertia(rows, own[-1].centers),
            }
    line = {"data": workload.data, "n": len(rows), "d": rows.shape[1], "k": k, "iterations": workload.iterations}
    line |= {"target": workload.target, "sgemm_before": before, "sgemm_after": after, "roof": roof, "bound_ms": bound}
    line |= _beside(libraries, workload.target)
    if outcomes.get(peers.OURS):
        line["went"] = rounds.ways_gone(outcomes[peers.OURS][-1].result)
    options.say(f"libraries {workload.title}: "
                + ", ".join(f"{own['peer']} {own['ms']:.2f} ms" for own in libraries if "ms" in own))  # fmt: skip
    return line, libraries


def _beside(libraries, target):
    """The columns about us and the fastest rival; every library is set beside ours."""
    ran = {own["peer"]: own for own in libraries if "ms" in own}
    ours = ran.get(peers.OURS)
    if not ours:
        return {}
    for library in ran.values():
        library["times_ours"] = median(rounds.ratios(library["samples"], ours["samples"]))
        library["inertia_ratio"] = library["inertia"] / ours["inertia"] if ours["inertia"] > 0 else None
    line = {"ours": ours["ms"], "spread": ours["spread"], "share": ours["share"]}
    rivals = [own for name, own in ran.items() if name in RIVALS]
    if rivals:
        rival = min(rivals, key=lambda own: own["ms"])
        ratios = rounds.ratios(rival["samples"], ours["samples"])
        line |= {"rival": rival["peer"], "rival_ms": rival["ms"], "ratio": median(ratios)}
        line |= {"ratio_least": min(ratios), "ratio_most": max(ratios)}
        line["met"] = line["ratio"] >= target if target else None
    return line


def figures(tables):
    """{name: figure} for the rows of the tables."""
    summary, detail = tables
    panels = {}
    for line in summary.rows:
        own = [library for library in detail.rows if (library["data"], library["k"]) == (line["data"], line["k"])]
        title = "{data}\n{n} x {d}, k={k}".format(**line)
        panels[title] = {library["peer"]: (library["ms"], library["least"], library["most"]) for library in own}
    return {"bars": charts.bars(panels, "ms an iteration")} if panels else {}
