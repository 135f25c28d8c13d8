"""`fastkmeans demo`: two clusterings timed on this machine, beside its limit and plain NumPy, and two pictures."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from fastkmeans import api, plots
from fastkmeans.engine.threads import available_threads
from fastkmeans.result import KMeansResult

FEATURES, CLUSTERS, COLOURS = 16, 64, 16
SCALES = np.geomspace(6.0, 0.3, FEATURES)  # of the true centers, noise being 1: clusters that overlap here and there
NUMPY_ROWS = 20_000  # the tutorials' way needs 16 KB a row at k=64
WARM_ROWS = 2_000
PRODUCT_SIZE = 3072
COPY_BYTES = 1 << 27
TRIES = 3


@dataclass
class Measured:
    """One workload, its fit, and how long iterations took: ours, plain NumPy's and the machine's limit."""

    name: str
    X: np.ndarray
    result: KMeansResult
    seconds: float
    numpy_iteration: float = math.nan
    limit_iteration: float = math.nan

    @property
    def iteration(self):
        """Seconds of one of our iterations, on average."""
        return sum(stats.seconds for stats in self.result.history) / max(1, self.result.n_iter)


def run(output, rows=1_000_000, seed=0, progress=False, say=print):
    """Cluster synthetic points and a photo's pixels, say how fast that was, and draw both.

    Parameters
    ----------
    output : path-like
        Folder for the pictures; made if it is not there.
    rows : int, default=1_000_000
        Synthetic points.
    seed : int, default=0
    progress : bool, default=False
        Whether to show progress bars on stderr.
    say : callable, default=print
        Gets every line of text.

    Returns
    -------
    list of Path
        The pictures.
    """
    photo = read_photo()
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    points, pixels = synthetic_points(rows, seed), photo.reshape(-1, 3)

    began = time.perf_counter()
    for X, k in ((points, CLUSTERS), (pixels, COLOURS)):
        api.fit(X[:WARM_ROWS], min(k, len(X)), max_iter=2, random_state=seed, callback=_go_on)
    say(f"compiling kernels, once: {time.perf_counter() - began:.1f} s")

    workloads = []
    for name, X, k in (("synthetic points", points, CLUSTERS), ("pixels of a photo", pixels, COLOURS)):
        say(f"clustering {len(X):,} {name} into {k}")
        began = time.perf_counter()
        result = api.fit(X, k, random_state=seed, verbose=int(progress))
        workloads.append(Measured(name, X, result, time.perf_counter() - began))

    product_rate, copy_rate = measure_product_rate(), measure_copy_rate()
    for work in workloads:
        (n, d), k = work.X.shape, len(work.result.centers)
        work.limit_iteration = max(2 * n * d * k / product_rate, n * d * 4 / copy_rate)
        work.numpy_iteration = time_plain_numpy(work.X, work.result.centers)
    say("")
    for line in table(workloads):
        say(line)
    say("")
    say(
        f"limit: a matrix product of the same arithmetic at sgemm's {product_rate / 1e9:.0f} GFLOP/s, or one read of "
        f"the rows at {copy_rate / 1e9:.0f} GB/s, whichever takes longer; above 100 %, work was skipped"
    )
    say(f"plain NumPy: ((X[:, None] - C) ** 2).sum(-1).argmin(1), then means; {NUMPY_ROWS:,} rows timed, scaled to all")
    say("")

    pictures = [output / "photo-16-colours.png", output / "clusters.png"]
    plots.quantised_photo(photo, workloads[1].result)[0].figure.savefig(pictures[0])
    plots.scatter(points, workloads[0].result).figure.savefig(pictures[1])
    for picture in pictures:
        say(str(picture))
    return pictures


def _go_on(stats):
    """A callback that only makes the fit take the driver of large fits, whose kernels are to be compiled."""


def read_photo():
    """The packaged photograph, (height, width, 3) uint8."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError('the demo reads a photo with pillow: pip install ".[plots]" in the checkout') from None
    with resources.files("fastkmeans").joinpath("data/coffee.jpg").open("rb") as file, Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def synthetic_points(n, seed):
    """n points of float32 around CLUSTERS centers."""
    random = np.random.default_rng(seed)
    centers = (random.standard_normal((CLUSTERS, FEATURES)) * SCALES).astype(np.float32)
    points = random.standard_normal((n, FEATURES), dtype=np.float32)
    points += centers[random.integers(CLUSTERS, size=n)]
    return points


# ---- what to compare with ---------------------------------------------------------------------------------


def _best_time(work):
    """The shortest of a few runs of `work`, in seconds."""
    times = []
    for _ in range(TRIES):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def measure_product_rate():
    """Operations a second of NumPy's product of two large float32 matrices."""
    left = np.ones((PRODUCT_SIZE, PRODUCT_SIZE), np.float32)
    return 2 * PRODUCT_SIZE**3 / _best_time(lambda: left @ left)


def measure_copy_rate():
    """Bytes a second of main memory, read and written, when every thread copies."""
    count = available_threads()
    source, target = np.ones(COPY_BYTES, np.uint8), np.ones(COPY_BYTES, np.uint8)
    parts = list(zip(np.array_split(target, count), np.array_split(source, count), strict=True))
    with ThreadPoolExecutor(count) as pool:
        return 2 * COPY_BYTES / _best_time(lambda: list(pool.map(lambda part: np.copyto(*part), parts)))


def time_plain_numpy(X, centers):
    """Seconds of an iteration over X written as tutorials write it, measured on a part of the rows."""
    part = X[:NUMPY_ROWS].astype(centers.dtype)

    def iterate():
        labels = ((part[:, None] - centers) ** 2).sum(axis=-1).argmin(axis=1)
        return [part[labels == j].mean(axis=0) if (labels == j).any() else centers[j] for j in range(len(centers))]

    return _best_time(iterate) * len(X) / len(part)


# ---- the table --------------------------------------------------------------------------------------------


def table(workloads):
    """Lines of a table with one column a workload."""
    columns = [[
        "",
        "rows x columns",
        "clusters",
        "time, with seeding",
        "iterations",
        "time per iteration",
        "inertia",
        "share of this machine's limit",
        "plain NumPy, time per iteration",
        "faster than plain NumPy",
    ]]  # fmt: skip
    for work in workloads:
        n, d = work.X.shape
        columns.append([
            work.name,
            f"{n:,} x {d}",
            f"{len(work.result.centers)}",
            f"{work.seconds:.2f} s",
            f"{work.result.n_iter}",
            f"{1e3 * work.iteration:.2f} ms",
            f"{work.result.inertia:.6g}",
            f"{work.limit_iteration / work.iteration:.0%}".replace("%", " %"),
            f"{1e3 * work.numpy_iteration:,.0f} ms",
            f"{work.numpy_iteration / work.iteration:,.0f} x",
        ])  # fmt: skip
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for name, *cells in zip(*columns, strict=True):
        right = "  ".join(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        lines.append(f"{name.ljust(widths[0])}  {right}")
    lines.insert(1, "-" * len(lines[0]))
    return lines
