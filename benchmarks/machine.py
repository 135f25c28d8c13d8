"""What this machine can do at this minute: the head of every report, and the yardstick beside every figure.

Machines are shared and drift, so a time means something only beside the sgemm rate of the same minute.
"""

import datetime
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from fastkmeans.engine.machine import cpu_name, vector_set

ROOT = Path(__file__).absolute().parent.parent
SGEMM_SIZE = 3072  # large enough that BLAS reaches its best rate, small enough for 0.2 s on two cores
COPY_BYTES = 256 << 20  # far beyond any cache
BLAS_CHOICES = ("best", "installed", "given")
BEST_BLAS = {
    "avx512": "SkylakeX",
    "zen4": "SkylakeX",
    "avx2": "Haswell",
}  # OpenBLAS's name of its kernels for a vector set
SETTINGS = ("OPENBLAS_", "OMP_", "GOMP_", "KMP_", "MKL_", "NUMBA_NUM_", "NUMBA_CPU_", "FASTKMEANS_VECTOR_SET", "TBB_")
LIBRARIES = (
    "numpy", "numba", "llvmlite", "scipy", "scikit-learn", "scikit-learn-intelex", "faiss-cpu", "superkmeans",
    "geokmeans", "torch",
)  # fmt: skip


def restart_with_blas(module, choice="best"):
    """Run `python -m module` anew unless OpenBLAS, which decides when it is loaded, was told to use these kernels.

    "best" names this machine's best kernels to every OpenBLAS, "installed" lets each choose, "given" keeps what the
    shell says. Rivals are to be at their best: FAISS carries an OpenBLAS that takes newer CPUs for old ones, and a
    variable left over in the shell slows everyone. 50k x 64, k=256 on Zen 5 took FAISS 12 ms an iteration with
    SkylakeX, 19 with Haswell, 45 as installed (Barcelona); scikit-learn 18, 22 and 19.
    """
    best = BEST_BLAS.get(vector_set()) if choice == "best" else None
    wanted = {"OPENBLAS_CORETYPE": best} if best else {}
    given = {name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")}
    if choice == "given" or given == wanted:
        return
    print(f"starting again with OPENBLAS_CORETYPE={best or '(unset)'} (see --blas)", file=sys.stderr, flush=True)
    env = {name: value for name, value in os.environ.items() if name not in given} | wanted
    os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], env)


def blas_kernels():
    """Which kernels each loaded BLAS uses, by the package that carries it."""
    found = {}
    for library in threadpool_info():
        if library["user_api"] == "blas":
            package = Path(library["filepath"]).parent.name.removesuffix(".libs")
            found[package] = f"{library['internal_api']} {library['version']} {library.get('architecture', '')}".strip()
    return ", ".join(f"{package}: {kernels}" for package, kernels in sorted(found.items()))


def best_seconds(call, repeat):
    """The shortest of `repeat` calls: what the machine does when nothing else disturbs it."""
    seconds = []
    for _ in range(repeat):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def sgemm_gflops(n_threads, size=SGEMM_SIZE, repeat=4):
    """The rate of NumPy's float32 matrix product, in GFLOP/s."""
    a = np.random.default_rng(0).random((size, size), dtype=np.float32)
    b, out = a.copy(), np.empty_like(a)
    with threadpool_limits(n_threads):
        np.matmul(a, b, out=out)
        return 2 * size**3 / best_seconds(lambda: np.matmul(a, b, out=out), repeat) / 1e9


def read_gbytes(n_threads, n_bytes=COPY_BYTES, repeat=4):
    """The rate of reading memory once, in GB/s: dot products of arrays with themselves."""
    source = np.ones(n_bytes // 4, np.float32)
    parts = np.array_split(source, n_threads)
    with ThreadPoolExecutor(n_threads) as pool, threadpool_limits(1):

        def read():
            list(pool.map(lambda part: np.dot(part, part), parts))

        read()
        return source.nbytes / best_seconds(read, repeat) / 1e9


def copy_gbytes(n_threads, n_bytes=COPY_BYTES, repeat=4):
    """The rate of copying memory, in GB/s of bytes read and bytes written together."""
    source = np.ones(n_bytes // 4, np.float32)
    target = np.zeros_like(source)
    parts = list(zip(np.array_split(source, n_threads), np.array_split(target, n_threads), strict=True))
    with ThreadPoolExecutor(n_threads) as pool:

        def copy():
            list(pool.map(lambda pair: np.copyto(pair[1], pair[0]), parts))

        copy()
        return 2 * source.nbytes / best_seconds(copy, repeat) / 1e9


def versions():
    """Installed versions of what takes part, by distribution name."""
    found = {"python": platform.python_version(), "fastkmeans": _own_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass
    return found


def _own_version():
    import fastkmeans

    try:
        describe = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
        commit = subprocess.run(describe, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # no git, or not a checkout
        return fastkmeans.__version__
    return f"{fastkmeans.__version__} ({commit})"


def describe(n_threads, *, measure=True):
    """Everything a reader needs to judge the figures below it, as a dict; `measure=False` times nothing."""
    facts = {
        "date": datetime.date.today().isoformat(),
        "cpu": cpu_name(),
        "vector set": vector_set(),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": n_threads,
        "settings": ", ".join(f"{name}={os.environ[name]}" for name in sorted(os.environ) if name.startswith(SETTINGS)),
        "BLAS": blas_kernels(),
        "versions": versions(),
    }
    if measure:
        facts["sgemm GFLOP/s"] = round(sgemm_gflops(n_threads), 1)
        facts["copy GB/s"] = round(copy_gbytes(n_threads), 1)
        facts["read GB/s"] = round(read_gbytes(n_threads), 1)
    return facts
