"""A clustering to report on, and its page."""

import numpy as np
import pytest

import fastkmeans

pytest.importorskip("matplotlib")

NAMES = ["age", "income <script>window.hit = 1</script>", 'a "quoted" & long name of a column']


@pytest.fixture(scope="session")
def clustering():
    """400 rows of three columns around 4 centers, and their fit."""
    random = np.random.default_rng(0)
    X = np.repeat(random.normal(scale=9.0, size=(4, 3)), 100, axis=0) + random.normal(size=(400, 3))
    return X, fastkmeans.fit(X, 4, random_state=0)


@pytest.fixture(scope="session")
def written(clustering, tmp_path_factory):
    """The path of its report, whose names want to be escaped."""
    from fastkmeans.report import write_report

    X, result = clustering
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(result, X, path, names=NAMES, title="Tom & <b>Jerry</b>")
    return path
