"""Assertions shared by the tests."""

import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from tests import naive

ROOT = Path(__file__).resolve().parent.parent


def run_python(code, timeout=300, root=ROOT, arguments=None, cwd=None, **environment):
    """What a new interpreter prints that runs `code`, or has `arguments`, with the package of `root`.

    A variable of None is unset.
    """
    merged = os.environ | {"PYTHONPATH": str(root)} | environment
    merged = {name: str(value) for name, value in merged.items() if value is not None}
    command = [sys.executable, "-W", "ignore", *(("-c", code) if arguments is None else arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=merged, cwd=cwd or root)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def assert_labels_by_definition(X, centers, labels, metric="euclidean", at_most=None):
    """Every label (of at most `at_most` rows, evenly spread) is the one that the definition of nearest gives."""
    X, labels = np.asarray(X), np.asarray(labels)
    assert labels.dtype == np.int32 and labels.shape == (len(X),)
    step = 1 if at_most is None else max(1, len(X) // max(1, at_most))
    X, labels = X[::step], labels[::step]
    expected = naive.assign(naive.unit_rows(X, centers.dtype) if metric == "cosine" else X, centers)
    wrong = np.flatnonzero(labels != expected)
    assert not len(wrong), (
        f"{len(wrong)} of {len(X)} labels are wrong; row {wrong[0] * step} has {labels[wrong[0]]}, "
        f"by definition {expected[wrong[0]]}"
    )


def assert_same_bits(a, b, name="array"):
    """Two arrays of one dtype, shape and content to the bit (so 0.0 is not -0.0)."""
    a, b = np.asarray(a), np.asarray(b)
    assert (a.dtype, a.shape) == (b.dtype, b.shape), f"{name}: {a.dtype} {a.shape} against {b.dtype} {b.shape}"
    assert np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes(), f"{name} differs"


def assert_same_result(a, b):
    """Two results agree in every field to the bit; but not in wall times."""
    for field in fields(a):
        if field.name != "history":
            one, other = getattr(a, field.name), getattr(b, field.name)
            if isinstance(one, np.ndarray):
                assert_same_bits(one, other, field.name)
            else:
                assert one == other, f"{field.name}: {one!r} against {other!r}"
    timeless = [[replace(stats, seconds=0.0) for stats in result.history] for result in (a, b)]
    assert timeless[0] == timeless[1]
