"""What does choosing k cost? `select_k` beside serial fits of each k: ours, and scikit-learn's with scores.

The serial way is that of yellowbrick's elbow: a KMeans for each k, then scores of its labels. Seeds differ from round
to round: times are medians, and the inertia of paths stands beside the median of our fits at each k.
"""

import time
from dataclasses import dataclass
from statistics import median

import numpy as np

from benchmarks import datasets
from benchmarks.report import Table

THEIRS = "sklearn"


@dataclass(frozen=True)
class Workload:
    """Rows, and the ks to fit."""

    data: str
    ks: range

    @property
    def title(self):
        return f"{self.data} k={self.ks[0]}..{self.ks[-1]}"


FULL = (
    Workload("blobs:100000:8:10", range(2, 21)),
    Workload("overlap:50000:16:30", range(2, 31)),
    Workload("sklearn:digits", range(2, 31)),
    Workload("photo", range(2, 31)),
    Workload("flights_raw:scaled", range(2, 31)),
)
QUICK = (Workload("blobs:20000:8:10", range(2, 21)), Workload("sklearn:digits", range(2, 21)))
TINY = (Workload("blobs:300:2:4", range(2, 5)),)

COLUMNS = (
    ("rows", "title", ""),
    ("path s", "path", ".3f"),
    ("with criteria s", "criteria", ".3f"),
    ("our fits s", "fits", ".3f"),
    ("scikit-learn's s", "theirs", ".2f"),
    ("ratio", "ratio", ".1f"),
    ("inertia", "mean", ".4f"),
    ("at the worst k", "worst", ".4f"),
    ("scikit-learn's", "theirs_mean", ".4f"),
    ("at the worst k", "theirs_worst", ".4f"),
)


def run(options):
    """The table of the suite."""
    table = Table("A path of k beside serial fits", COLUMNS)
    table.notes.append(
        "with criteria: the seven of the default; scikit-learn's: with Calinski-Harabasz and Davies-Bouldin"
    )
    table.notes.append("ratio: scikit-learn's to ours with criteria")
    table.notes.append("inertia: of a path, and of scikit-learn's fits, over the median of our fits, mean over ks")
    for workload in options.workloads_here(table, FULL, QUICK, TINY):
        table.rows.append(_measure(workload, options))
    return [table]


def _ours(X, ks, options):
    """{name: a function of a seed that gives the inertia at each k}."""
    import fastkmeans

    def path(seed, criteria="inertia"):
        more = {"criteria": criteria, "random_state": seed, "n_threads": options.threads}
        return fastkmeans.select_k(X, ks, **more).table["inertia"]

    def fits(seed):
        return [fastkmeans.fit(X, k, random_state=seed, n_threads=options.threads).inertia for k in ks]

    return {"path": path, "criteria": lambda seed: path(seed, None), "fits": fits}


def _theirs(X, ks):
    from sklearn.cluster import KMeans
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score

    def fits_with_scores(seed):
        models = [KMeans(k, random_state=seed).fit(X) for k in ks]
        for model in models:
            calinski_harabasz_score(X, model.labels_)
            davies_bouldin_score(X, model.labels_)
        return [model.inertia_ for model in models]

    return {"theirs": fits_with_scores}


def _measure(workload, options):
    X, ks = datasets.load(workload.data), workload.ks
    calls = _ours(X, ks, options) | (_theirs(X, ks) if THEIRS in options.peers else {})
    seconds, found = {name: [] for name in calls}, {name: [] for name in calls}
    for name in ("criteria", "fits"):  # kernels are compiled
        calls[name](0)
    for seed in range(options.rounds_or(3, 1)):
        for name, call in calls.items():
            began = time.perf_counter()
            found[name].append(call(seed))
            seconds[name].append(time.perf_counter() - began)
    line = {"title": workload.title, "samples": seconds} | {name: median(own) for name, own in seconds.items()}
    beside = np.median(found["fits"], axis=0)
    shares = {"": np.array(found["path"]) / beside}
    if "theirs" in calls:
        line["ratio"] = line["theirs"] / line["criteria"]
        shares["theirs_"] = np.array(found["theirs"]) / beside
    for whose, share in shares.items():
        line |= {f"{whose}mean": float(share.mean()), f"{whose}worst": float(share.max())}
    options.say(f"selection {workload.title}: " + ", ".join(f"{name} {line[name]:.3f} s" for name in calls))
    return line
