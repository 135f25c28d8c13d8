"""Measurements that need a process of their own: run Python there, get back what it printed as JSON."""

import json
import os
import subprocess
import sys

from benchmarks.machine import ROOT


def run_json(arguments, **environment):
    """Run `python *arguments` with this checkout importable; return its last line of output, parsed."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))} | environment
    done = subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"a measuring process failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])
