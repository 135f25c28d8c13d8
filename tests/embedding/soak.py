"""python -m tests.embedding.soak [SECONDS] [CALLERS]: mixed fits and questions from several threads for a long time.

Every answer must have the bits of the one that a single caller got. Prints the latencies of each kind of request, and
memory, threads and open files as they were after the warm-up and at the end; exits with 1 if any of them has grown.
"""

import gc
import os
import random
import resource
import sys
import tempfile
import threading
import time
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np

import fastkmeans
from tests.checks import assert_same_bits

SETTLING = 0.3  # share of the time until what is there is what stays: malloc's arenas, one a thread, grow first
MOST_GROWN = 24 * 2**20  # bytes: malloc rounds up; leaks of a row's labels pass it within the first hundred requests
PARTS = 8  # of the time that is looked at, whose least memory counts: requests come and go


def requests(folder):
    """{kind: a function that does the work and returns arrays}."""
    chance = np.random.default_rng(0)
    narrow = (chance.normal(size=(60_000, 3)) * 9).astype(np.float32)
    middle = chance.normal(size=(20_000, 24)) + chance.integers(9, size=(20_000, 1))
    wide = chance.normal(size=(4_000, 200)).astype(np.float32)
    tiny, weights = middle[:300, :4].copy(), chance.random(len(middle))
    settings = {"random_state": 0, "max_iter": 6, "n_init": 1}
    model = fastkmeans.fit(middle, 40, **settings)
    path = Path(folder, "model.npz")
    model.save(path)

    def fit(X, k, **more):
        result = fastkmeans.fit(X, k, **settings | more)
        return result.centers, result.labels

    def wrong():
        spoilt = tiny.copy()
        spoilt[7, 1] = np.nan
        try:
            fastkmeans.fit(spoilt, 3)
        except ValueError:
            return ()
        raise AssertionError("NaN was let in")

    def stopped():
        def callback(stats):
            raise LookupError

        try:
            fastkmeans.fit(middle, 20, callback=callback, **settings)
        except LookupError:
            return ()
        raise AssertionError("an exception was lost")

    def batches():
        own = fastkmeans.MiniBatchKMeans(20, random_state=0, batch_size=500, max_iter=1, n_init=1).fit(middle)
        return own.cluster_centers_, own.labels_

    return {
        "fit 300 x 4": lambda: fit(tiny, 5),
        "fit 60,000 x 3 by boxes": lambda: fit(narrow, 60, algorithm="boxes"),
        "fit 20,000 x 24": lambda: fit(middle, 40),
        "fit 20,000 x 24 by bounds, weighted": lambda: fit(middle, 64, algorithm="bounds", sample_weight=weights),
        "fit 4,000 x 200 screened": lambda: fit(wide, 50, algorithm="screened"),
        "fit 4,000 x 200, one thread": lambda: fit(wide, 20, n_threads=1),
        "MiniBatchKMeans 20,000 x 24": batches,
        "predict 20,000 x 24": lambda: (model.predict(middle),),
        "predict 1 x 24": lambda: (model.predict(middle[:1]),),
        "transform 2,000 x 24": lambda: (model.transform(middle[:2000]),),
        "load and predict": lambda: (fastkmeans.load(path).predict(middle[:50]),),
        "fit with NaN": wrong,
        "fit that is stopped": stopped,
    }


def held():
    """(bytes of memory, threads, open files) of this process."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return pages * resource.getpagesize(), len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))


def soak(seconds, callers, say=print):
    """What went wrong or grew, in words; says what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        kinds = requests(folder)
        expected = {name: work() for name, work in kinds.items()}  # compiles
        end, times, failures = time.perf_counter() + seconds, defaultdict(list), []

        def call(seed):
            chance = random.Random(seed)
            while time.perf_counter() < end and not failures:
                name = chance.choice(list(kinds))
                began = time.perf_counter()
                try:
                    found = kinds[name]()
                    times[name].append(time.perf_counter() - began)
                    for one, other in zip(expected[name], found, strict=True):
                        assert_same_bits(one, other)
                except BaseException as error:  # noqa: BLE001 - told below, by the thread that counts
                    failures.append(f"{name}: {type(error).__name__}: {error}")

        threads = [threading.Thread(target=call, args=(seed,)) for seed in range(callers)]
        for thread in threads:
            thread.start()
        began, seen = time.perf_counter(), []
        while time.perf_counter() < end and not failures:
            time.sleep(min(0.5, seconds / 100))
            if time.perf_counter() - began > SETTLING * seconds:
                seen.append(held())
        for thread in threads:
            thread.join()
        gc.collect()
        for name, own in sorted(times.items()):
            own = np.sort(own) * 1e3
            say(f"{name:38} {len(own):7,} times, ms: median {np.median(own):7.2f}, 99 % {np.quantile(own, 0.99):7.2f}, "
                f"most {own[-1]:7.2f}")  # fmt: skip
    wrong = failures[:3]
    parts = [part.min(axis=0) for part in np.array_split(np.array(seen), PARTS)]
    names, limits = ("MiB", "threads", "open files"), (MOST_GROWN, 0, 0)
    for name, limit, first, last in zip(names, limits, parts[0], parts[-1], strict=True):
        scale = 2**20 if name == "MiB" else 1
        say(f"{name}: {first / scale:,.0f} after {SETTLING:.0%} of {seconds:.0f} s, {last / scale:,.0f} at the end")
        if last - first > limit:
            wrong.append(name)
    count = sum(map(len, times.values()))
    say(f"{count:,} requests of {callers} callers; wrong or grown: {', '.join(wrong) or 'nothing'}")
    return wrong


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    seconds, callers = [float(own) for own in sys.argv[1:]] + [600, 6][len(sys.argv) - 1 :]
    sys.exit(bool(soak(seconds, int(callers))))
