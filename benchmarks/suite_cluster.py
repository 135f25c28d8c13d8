"""What does a cluster cost: iterations on a Dask LocalCluster, beside the same rows in one process, and dask-ml.

Two worker processes of one thread; rows are made by the workers and persisted. In a process of its own, fits from the
same start go in turn: in memory (dense, as on the cluster, with as many threads) and on a cluster as Dask sets it up;
then the same with one without MALLOC_TRIM_THRESHOLD_ (which Dask sets, and which makes memory costly that is asked
for in each task). On the first, dask-ml's KMeans if it is installed. Medians of the iterations of all rounds; dask-ml
tells no times of iterations, so its fit is divided by them, the time of a fit of one iteration taken off.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from statistics import median

import numpy as np

from benchmarks.child import run_json
from benchmarks.report import Table

MOST_TIMES_MEMORY, TIMES_DASK_ML = 1.3, 4.0
WORKERS, BLOCKS = 2, 8
TRIM = "distributed.nanny.pre-spawn-environ"


@dataclass(frozen=True)
class Case:
    """Rows, and how they are fitted."""

    n: int
    d: int
    k: int
    rounds: int = 5
    iterations: int = 12

    @property
    def title(self):
        return f"{self.n}x{self.d} k={self.k} "


FULL = (Case(5_000_000, 16, 64), Case(2_000_000, 64, 256), Case(20_000_000, 8, 32, rounds=3))
QUICK = (Case(1_000_000, 16, 64, rounds=2, iterations=6),)
TINY = (Case(4_000, 4, 3, rounds=1, iterations=2),)

COLUMNS = (
    ("rows", "n", ",d"),
    ("d", "d", "d"),
    ("k", "k", "d"),
    ("in memory, ms", "memory", ".1f"),
    ("cluster, ms", "cluster", ".1f"),
    ("cluster / memory", "ratio", ".2f"),
    ("met", "met", ""),
    ("without trimming, ms", "untrimmed", ".1f"),
    ("dask-ml, ms", "dask_ml", ".1f"),
    ("dask-ml / cluster", "ahead", ".1f"),
    ("its inertia / true", "its_inertia", ".3f"),
    ("same bits", "same", ""),
)


def run(options):
    """The table of the suite."""
    if find_spec("distributed") is None:
        return [Table("On a cluster: needs distributed", COLUMNS)]
    table = Table("On a cluster", COLUMNS)
    table.notes.append(
        f"targets: at most {MOST_TIMES_MEMORY} times memory, and dask-ml takes {TIMES_DASK_ML} times ours"
    )
    table.notes.append(f"milliseconds an iteration; {WORKERS} worker processes of one thread, {BLOCKS} blocks")
    for case in options.workloads(FULL, QUICK, TINY):
        with_dask_ml = find_spec("dask_ml") is not None and options.size != "tiny"
        line = run_json(
            ["-m", "benchmarks.suite_cluster", json.dumps(asdict(case)), str(options.threads), str(int(with_dask_ml))]
        )
        line |= {"ratio": line["cluster"] / line["memory"]}
        line["met"] = "yes" if line["ratio"] <= MOST_TIMES_MEMORY else "NO"
        line["ahead"] = line["dask_ml"] and line["dask_ml"] / line["cluster"]
        table.rows.append(asdict(case) | line)
        options.say(f"cluster {case.title}: {line['cluster']:.1f} ms, in memory {line['memory']:.1f}, without trimming "
                    f"{line['untrimmed']:.1f}, dask-ml {line['dask_ml'] or float('nan'):.0f}")  # fmt: skip
    return [table]


def blobs(number, n, case):
    """A block of rows of overlapping clusters."""
    middle = np.random.default_rng(0).normal(size=(case.k, case.d)).astype(np.float32) * 2
    chance = np.random.default_rng([1, number])
    return chance.standard_normal((n, case.d), np.float32) + middle[chance.integers(case.k, size=n)]


def _rows(case):
    import dask
    import dask.array as da

    cuts = np.linspace(0, case.n, BLOCKS + 1).astype(int)
    sizes = np.diff(cuts).tolist()
    make = dask.delayed(blobs)
    return da.concatenate(
        [da.from_delayed(make(i, n, case), (n, case.d), np.float32) for i, n in enumerate(sizes)]
    ), sizes  # fmt: skip


def measure(case, n_threads, with_dask_ml):
    """Medians of the iterations of a case, in this process."""
    import dask
    import distributed

    import fastkmeans

    own = {"n_workers": WORKERS, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    lazy, sizes = _rows(case)
    X = np.concatenate([blobs(number, n, case) for number, n in enumerate(sizes)])
    init = X[np.linspace(0, case.n - 1, case.k).astype(int)]
    settings = {"init": init, "tol": 0.0, "max_iter": case.iterations, "algorithm": "dense"}
    times, dask_ml, its_inertia = {"memory": [], "cluster": [], "untrimmed": []}, [], None
    untrimmed = {name: value for name, value in dask.config.get(TRIM).items() if "TRIM" not in name}
    centers = set()
    for name, environ in (("cluster", dask.config.get(TRIM)), ("untrimmed", untrimmed)):
        with dask.config.set({TRIM: None}), dask.config.set({TRIM: environ}):
            cluster = distributed.LocalCluster(silence_logs=50, **own)
        with cluster, distributed.Client(cluster) as client:
            rows = client.persist(lazy)
            distributed.wait(rows)
            for turn in range(case.rounds + 1):
                here = fastkmeans.fit(X, case.k, n_threads=n_threads, callback=lambda _: None, **settings)
                there = fastkmeans.fit(rows, case.k, **settings)
                centers.add(there.centers.tobytes())
                if turn:
                    times["memory"] += [stats.seconds for stats in here.history[1:]]
                    times[name] += [stats.seconds for stats in there.history[1:]]
            for _ in range(case.rounds if with_dask_ml and name == "cluster" else 0):
                seconds, its_inertia = _dask_ml(rows, case, init)
                dask_ml.append(seconds)
    return {name: 1e3 * median(own) for name, own in times.items()} | {
        "dask_ml": 1e3 * median(dask_ml) if dask_ml else None, "its_inertia": its_inertia,
        "same": "yes" if len(centers) == 1 else "NO",
    }  # fmt: skip


def _dask_ml(rows, case, init):
    """(seconds an iteration, the inertia that it tells / that of its centers) of dask-ml."""
    from dask_ml.cluster import KMeans

    from fastkmeans import api

    taken = {}
    for iterations in (1, case.iterations):
        began = time.perf_counter()
        fitted = KMeans(case.k, init=init.astype(np.float64), max_iter=iterations, tol=0.0).fit(rows)
        taken[fitted.n_iter_] = time.perf_counter() - began
    if len(taken) < 2:
        return float("nan"), None
    few, many = sorted(taken)
    true = api.inertia(rows, fitted.cluster_centers_.astype(np.float32))
    return (taken[many] - taken[few]) / (many - few), float(fitted.inertia_) / true


if __name__ == "__main__":
    print(json.dumps(measure(Case(**json.loads(sys.argv[1])), int(sys.argv[2]), sys.argv[3] == "1")))
