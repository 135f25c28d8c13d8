"""For `pytest benchmarks`: only pytest/ holds tests, and baselines tell of CPU and commit but name no user or host."""

import platform
from pathlib import Path

import numba
import numpy as np

from fastkmeans.engine.machine import cpu_name, vector_set

collect_ignore = ["asv", *(path.name for path in Path(__file__).parent.glob("*.py"))]


def pytest_benchmark_generate_machine_info():
    """What times depend on; pytest-benchmark warns where a baseline's differs."""
    return {
        "cpu": cpu_name(),
        "vector set": vector_set(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "numba": numba.__version__},
    }


def pytest_benchmark_update_commit_info(commit_info):
    """Leave which commit it was; the project is named by its folder."""
    for name in set(commit_info) - {"id", "time", "dirty"}:
        del commit_info[name]
