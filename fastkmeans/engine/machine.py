"""What this CPU offers: the set of vector instructions that the kernels are shaped for."""

import os
import platform
from functools import cache

from fastkmeans.kernels.packing import SHAPES

FORCE_VARIABLE = "FASTKMEANS_VECTOR_SET"  # for tests and for comparing


@cache
def _features():
    from llvmlite import binding

    return binding.get_host_cpu_features()


@cache
def _native_vector_set():
    from llvmlite import binding

    if platform.machine().lower() in ("arm64", "aarch64"):
        return "neon"
    features = _features()
    if all(features.get(name) for name in ("avx512f", "avx512bw", "avx512vl", "fma")):
        return "zen4" if binding.get_host_cpu_name() == "znver4" else "avx512"
    if features.get("avx2") and features.get("fma"):
        return "avx2"
    return "plain"


def vector_set():
    """The name of a row of kernels.packing.SHAPES: this machine's, or the one that the variable forces."""
    forced = os.environ.get(FORCE_VARIABLE)
    return forced if forced in SHAPES else _native_vector_set()


def multiplies_bytes():
    """Whether this machine, in the forms that vector_set() names, has dot products of bytes (kernels/simd/bytes.py)."""
    features = _features()
    needed = {
        "avx512": ("avx512vnni",),
        "zen4": ("avx512vnni",),
        "avx2": ("avx512vnni", "avxvnni"),
        "neon": ("i8mm",),
        "plain": (),
    }
    return any(features.get(name) for name in needed[vector_set()])


@cache
def cpu_name():
    """The CPU as LLVM knows it, and as the system names it."""
    from llvmlite import binding

    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        name = models[0] if models else name
    except OSError:
        pass
    return f"{name} ({binding.get_host_cpu_name()})"


def available_memory():
    """Bytes that this process may still take: what the system has free, or what its container may."""
    found = []
    try:
        with open("/proc/meminfo") as file:
            found += [int(line.split()[1]) << 10 for line in file if line.startswith("MemAvailable:")]
    except OSError:
        found.append(4 << 30)  # no such file: a guess that any machine of today has
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            with open(f"/sys/fs/cgroup/{limit}") as most, open(f"/sys/fs/cgroup/{used}") as now:
                found.append(int(most.read()) - int(now.read()))
        except (OSError, ValueError):  # no container, or no limit, which is the word max
            pass
    return max(0, min(found))
