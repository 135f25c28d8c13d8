"""One fit from checked input to its result: first centers, the runs, and the best of them."""

import time

import numpy as np

from fastkmeans import validation as check
from fastkmeans.checkpoint import Checkpoint, Keeper, fingerprint
from fastkmeans.engine import threads
from fastkmeans.engine.lloyd import run_lloyd
from fastkmeans.engine.passes import IterationStats
from fastkmeans.engine.planner import account, assigner_for
from fastkmeans.engine.seeding import SEEDINGS, chosen_seeding
from fastkmeans.engine.small import runs_side_by_side
from fastkmeans.lazily import labels_later
from fastkmeans.result import KMeansResult
from fastkmeans.sampled import fit_sample, run_from_sample, starts_from_sample
from fastkmeans.sources.blocks import METRICS


def run_fit(X, n_clusters, *, init, n_init, max_iter, tol, sample_weight, random_state, algorithm, metric, n_threads,
            verbose=0, callback=None, narrator=None, memory_budget=None, checkpoint=None,
            frozen_centers=None):  # fmt: skip
    """`fit` without its warning, for fronts that warn in their own words.

    Parameters
    ----------
    narrator : callable or None
        Called with the squared movement at which runs end; returns the callback.
    others
        As for `fit`.

    Returns
    -------
    KMeansResult
    int
        How many clusters hold rows: n_clusters, unless rows are too few.
    """
    X, sample_weight = check.opened(X, sample_weight)
    array, budget = check.as_stored_or_rows(X, memory_budget)
    k = check.check_n_clusters(n_clusters, array.shape[0])
    check.check_name(metric, METRICS, "metric")
    check.check_algorithm(algorithm)
    max_iter, tol = check.check_integer(max_iter, "max_iter"), check.check_tol(tol)
    n_init = check.check_n_init(n_init, init)
    check.check_callback(callback)
    n_threads = check.check_n_threads(n_threads)
    weights = check.as_weights(sample_weight, array.shape[0])
    random = check.as_generator(random_state)
    source, moments = check.checked_source(array, weights, metric=metric, n_threads=n_threads, budget=budget)
    frozen = None
    if frozen_centers is not None:
        frozen = check.as_frozen(frozen_centers, k, array, source, metric, init)
    n_frozen = 0 if frozen is None else len(frozen)
    if not callable(init):
        init = check.as_init(init, k, array, source, metric, None, n_frozen)

    if narrator is not None:
        callback = narrator(tol * moments.mean_variance)
    if verbose:
        from fastkmeans.progress import ProgressBar

        callback = ProgressBar(k, max_iter, n_init, callback)
        if hasattr(source, "tell_read"):
            callback.watch(source)

    keeper = saved = None
    if checkpoint is not None:
        algorithm = check.check_resumable(algorithm)
        settings = {"metric": metric, "init": init, "n_init": n_init, "random_state": random_state}
        settings |= {} if frozen is None else {"frozen_centers": frozen}
        keeper = Keeper(Checkpoint.of(checkpoint), fingerprint(source, moments, k, **settings))
        saved = keeper.read()

    def start(restart, labels=None):
        """One run: (how it went, whether the callback stopped it while seeding)."""
        way = assigner_for(source, algorithm, moments.shift, k, max_iter)
        more = {"max_iter": max_iter, "tol": tol * moments.mean_variance, "restart": restart, "callback": callback}
        more["n_frozen"] = n_frozen
        if keeper is not None:
            keeper.restart, more["keep"] = restart, keeper.keep
            if saved is not None and saved.restart == restart:
                run = run_lloyd(source, way, moments, saved.state.centers, labels=labels, state=saved.state, **more)
                return run, run.stopped
        if n_frozen < k and isinstance(init, str) and starts_from_sample(source, k, init):
            tell = callback and _Telling(callback, restart, init)
            sampled = fit_sample(
                source, k, init, randoms[restart], max_iter=max_iter, tol=tol, restart=restart, tell=tell, frozen=frozen
            )
            run = sampled and run_from_sample(sampled, source, way, moments, labels=labels, **more)
            if run is not None:
                return run, sampled.stopped or run.stopped
            way = assigner_for(source, algorithm, moments.shift, k, max_iter)
            if sampled is not None:
                way.why = f"seeded over all rows, as a sample missed some of what is there; {way.why}"
        centers, stopped = first_centers(
            init, k - n_frozen, array, source, metric, randoms[restart], restart, callback, frozen
        )
        run = run_lloyd(source, way, moments, centers, labels=labels, **more | {"max_iter": 0} if stopped else more)
        return run, stopped or run.stopped

    seeds = [] if n_init == 1 else random.integers(2**63, size=n_init).tolist()
    if keeper is not None:
        keeper.seeds = seeds = saved.seeds if saved is not None else seeds
    randoms = [np.random.default_rng(seed) for seed in seeds] or [random]
    way = assigner_for(source, "dense", moments.shift)
    try:
        if callback is None and keeper is None and not callable(init) and runs_side_by_side(source, way, k, n_init):
            runs = [None] * n_init

            def run_one(restart):
                runs[restart] = start(restart)[0]

            threads.run(n_init, run_one, source.threads_for(np.inf))
            best = min(runs, key=lambda run: run.inertia)
        else:
            best, run, first = (None, None, 0) if saved is None else (saved.best, None, saved.restart)
            for restart in range(first, n_init):
                if keeper is not None:
                    keeper.best = best
                run, stopped = start(restart, None if run is None else run.labels)
                if best is None or run.inertia < best.inertia:
                    best = run
                if stopped:
                    break
            if best is not run:  # the runs share one array of labels: make the best run's again
                best.labels, _ = source.map_labels(way.prepare(best.centers).labels_pass(), run.labels)
        labels = labels_later(array, best.labels, best.centers, metric)
        n_found = k
        if best.too_few_distinct:
            count = getattr(source, "n_distinct", lambda labels: len(np.unique(labels)))
            n_found = count(best.labels)
    finally:
        if verbose:
            callback.close()
        if hasattr(source, "close"):
            source.close()
    result = KMeansResult(
        best.centers, labels, best.inertia, best.n_iter, best.converged, tuple(best.history), account(best, way),
        metric,
    )  # fmt: skip
    return result, n_found


def first_centers(init, k, array, source, metric, random, restart, callback, frozen=None):
    """The first centers of a run, k after the frozen ones; and whether the callback asked to stop while seeding."""
    stopped = False
    if callable(init):
        legacy = np.random.RandomState(random.integers(2**32))  # what scikit-learn's callables expect
        init = check.as_init(init, k, array, source, metric, legacy)
    if k == 0:
        return frozen, stopped
    if isinstance(init, str):
        name = chosen_seeding(init, source, k)
        tell = callback and _Telling(callback, restart, name)
        init = source.take(SEEDINGS[name](source, k, random, tell, frozen))
        stopped = bool(tell and tell.stopped)
    return init if frozen is None else np.concatenate([frozen, init]), stopped


class _Telling:
    """Tells the callback of seeding steps; False once it wants no more."""

    def __init__(self, callback, restart, name):
        self.callback, self.restart, self.name = callback, restart, name
        self.began, self.stopped = time.perf_counter(), False

    def __call__(self, chosen, potential):
        now = time.perf_counter()
        stats = IterationStats("seeding", self.restart, chosen, potential, 0.0, 0, 0, self.name, now - self.began)
        self.began = now
        self.stopped = self.callback(stats) is False
        return not self.stopped
