"""Clusterings to draw, and the check that no picture leaves anything open."""

import sys

import numpy as np
import pytest

import fastkmeans

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def plain_style():
    """Matplotlib's own style: libraries that other tests import set theirs (yellowbrick, larger letters)."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


@pytest.fixture(autouse=True)
def no_figure_is_left_to_close():
    """Figures that pyplot knows of stay in memory until somebody closes them: there must be none."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []


@pytest.fixture(scope="session")
def blobs():
    """200 rows of 6 columns around 5 centers, and their fit."""
    random = np.random.default_rng(0)
    X = np.repeat(random.normal(scale=9.0, size=(5, 6)), 40, axis=0) + random.normal(size=(200, 6))
    return X, fastkmeans.fit(X, 5, random_state=0)


@pytest.fixture
def flat(blobs):
    """Two columns of them, and their fit."""
    X = blobs[0][:, :2].copy()
    return X, fastkmeans.fit(X, 3, random_state=0)


@pytest.fixture
def axes():
    """Axes of a figure that belongs to the caller."""
    from matplotlib.figure import Figure

    return Figure().subplots()
