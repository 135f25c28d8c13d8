"""What the examples share: their options, how they time, and a table of two columns of times."""

import argparse
import time
from pathlib import Path


def options(docstring, **defaults):
    """Read --NAME for each default, and --output, the folder that pictures and files go to."""
    parser = argparse.ArgumentParser(description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=type(default), default=default, help=f"default {default}")
    parser.add_argument("--output", type=Path, default=Path("fastkmeans-examples"), help="folder for what is written")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    return arguments


def timed(work, tries=3):
    """What `work()` returns, and the seconds of the quickest of a few calls: the first may compile kernels."""
    seconds = float("inf")
    for _ in range(tries):
        began = time.perf_counter()
        result = work()
        seconds = min(seconds, time.perf_counter() - began)
    return result, seconds


def say_times(name, plain, ours):
    """One line of a table: plain NumPy beside fastkmeans."""
    print(f"{name:<36}  plain NumPy {1e3 * plain:9.2f} ms   fastkmeans {1e3 * ours:8.2f} ms   {plain / ours:6.1f} x")
