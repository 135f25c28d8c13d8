"""Libraries, or our own ways of labelling, in turn on one start: the order turns, and a round has one run of each.

A machine's drift is then in all of them, and a ratio is taken within a round. Nothing here decides what is
measured: suites do.
"""

import gc
import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import median

from benchmarks import peers

PAUSE = 0.3  # seconds; OpenMP threads of the library before may spin for 0.2 s after its work
WARM_ITERATIONS = 2  # a first pass and one that knows the one before: all kernels of a way


def alternate(
    rows, k, init, iterations, options, *, names=None, rounds=5, tol=0.0, stored=None, slow=None, budget=None
):
    """({peer: [Outcome a round]}, {peer: why it failed}) of fits from one start.

    Parameters
    ----------
    names : sequence of str or None
        The peers; None: all that the options name.
    stored : ndarray or None
        The same rows for us, where they are stored in a type that others do not take.
    slow : float or None
        A peer whose run took longer, in seconds, has no further rounds.
    budget : float or None
        A rival that would take longer for a run, in seconds, judged by its warm-up on few rows, fails.
    """
    names = list(options.peers if names is None else names)
    outcomes, failed = {name: [] for name in names}, {}
    own = rows if stored is None else stored
    for turn in range(-1, rounds):
        shift = max(turn, 0) % max(1, len(names))
        for name in names[shift:] + names[:shift]:
            done = outcomes[name]
            if name in failed or (slow and done and done[-1].seconds > slow):
                continue
            gc.collect()
            if turn >= 0:
                time.sleep(options.pick(PAUSE, PAUSE, 0))
            # Ours warm up by a whole run: which kernels we compile depends on how many rows and iterations there are.
            given, steps = own if name == peers.OURS else rows, iterations
            if turn < 0 and name != peers.OURS:  # imports and the start of threads
                given, steps = rows[: max(20 * k, 4096)], 2
            try:
                for _ in range(2 if turn < 0 and budget and name != peers.OURS else 1):  # the first starts threads
                    outcome = peers.run(name, given, k, init, steps, tol=tol, n_threads=options.threads)
            except Exception as error:  # noqa: BLE001 - a rival that cannot run is a line, not the end; ours is the end
                if name == peers.OURS:
                    raise
                failed[name] = f"{type(error).__name__}: {str(error)[:120]}"
                continue
            if turn >= 0:
                done.append(outcome)
            elif budget and name != peers.OURS:
                expected = outcome.ms * iterations * len(rows) / len(given) / 1e3
                if expected > budget:
                    failed[name] = f"a run would take about {expected:.0f} s, more than {budget:.0f} s"
    return outcomes, failed


def spread_of(times):
    """The columns that show the samples of a measurement."""
    middle = median(times)
    return {
        "ms": middle,
        "least": min(times),
        "most": max(times),
        "spread": 50 * (max(times) - min(times)) / middle,
    }


def ratios(theirs, ours):
    """Their time over ours, round by round; a slow rival's last sample stands for the rounds it did not run."""
    return [theirs[min(turn, len(theirs) - 1)] / own for turn, own in enumerate(ours)]


@dataclass
class Fits:
    """Whole fits of ours by one way, one a round."""

    seconds: list = field(default_factory=list)
    histories: list = field(default_factory=list)
    result: object = None
    """Of the last round only: the labels of fifty would fill the memory."""

    @property
    def ms(self):
        """The shortest fit, in milliseconds."""
        return 1e3 * min(self.seconds)

    def add(self, seconds, result):
        """Take in the fit of a round."""
        self.seconds.append(seconds)
        self.histories.append(result.history)
        self.result = result


def fits_in_turn(rows, k, ways, *, least=3, most=None, seconds=0.0, **settings):
    """({way: Fits}, {way: why it refused}) of fits of ours by each `algorithm`, all with these settings.

    A way that does not suit the rows refuses them, or runs as another and is left out like one that refused.

    Parameters
    ----------
    ways : sequence of str
    least, most : int
        Rounds: `least`, and up to `most` (default: the same) while all runs together took less than `seconds`.
    settings : of fastkmeans.fit
    """
    import fastkmeans

    ways, runs, refused = list(ways), {way: Fits() for way in ways}, {}
    spent = 0.0
    for turn in range(-1, most or least):
        if turn >= least and spent > seconds:
            break
        shift = max(turn, 0) % len(ways)
        for way in ways[shift:] + ways[:shift]:
            if way in refused:
                continue
            short = {"max_iter": min(settings["max_iter"], WARM_ITERATIONS)} if turn < 0 else {}
            began = time.perf_counter()
            try:
                result = fastkmeans.fit(rows, k, algorithm=way, **settings | short)
            except ValueError as error:  # a way may be for some shapes only
                refused[way] = str(error)
                continue
            seconds_taken = time.perf_counter() - began
            if way != "auto" and all(stats.algorithm.split()[-1] != way for stats in result.history):
                refused[way] = f"ran as {ways_gone(result)}"
            elif turn >= 0:
                runs[way].add(seconds_taken, result)
                spent += seconds_taken
    return {way: own for way, own in runs.items() if own.seconds}, refused


def ways_gone(result):
    """The ways that the iterations of a fit went, in words: a way may run as another, or change."""
    counts = Counter(stats.algorithm for stats in result.history)
    return ", ".join(f"{way} {count}" for way, count in counts.items())


def share_met(result):
    """Percent of the pairs of a row and a center that a fit scored, mean over its iterations."""
    return 100 * sum(stats.pairs for stats in result.history) / max(1, len(result.history))
