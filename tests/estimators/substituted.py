"""scikit-learn's own tests of its k-means classes, run on ours: python -m tests.estimators.substituted.

The names in sklearn.cluster are ours before the test modules are imported, so that their imports bind ours; the tests
are read as they are installed. Left out are those that call a private method of the estimator.
"""

import os
import sys
from importlib.util import find_spec

import pytest
import sklearn.cluster

import fastkmeans
from fastkmeans.patch import NAMES

MODULES = ("sklearn.cluster.tests.test_k_means", "sklearn.cluster.tests.test_bisect_k_means")
CALL_PRIVATE_METHODS = ("test_sample_weight_init", "test_sample_weight_zero")  # _init_centroids


class Substitution:
    """Puts ours in place, and checks that the tests got it."""

    def pytest_configure(self, config):
        for name in NAMES:
            setattr(sklearn.cluster, name, getattr(fastkmeans, name))

    def pytest_collection_modifyitems(self, config, items):
        for item in items:
            for name in NAMES:
                if hasattr(item.module, name):
                    assert getattr(item.module, name) is getattr(fastkmeans, name), f"{name} was not substituted"
        left_out = [item for item in items if item.originalname in CALL_PRIVATE_METHODS]
        items[:] = [item for item in items if item.originalname not in CALL_PRIVATE_METHODS]
        config.hook.pytest_deselected(items=left_out)


def main(arguments):
    """The exit code of pytest."""
    os.environ.setdefault("SKLEARN_RUN_FLOAT32_TESTS", "1")
    files = [find_spec(name).origin for name in MODULES]
    options = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--no-header", "--tb=short"]
    return pytest.main([*files, *options, "-W", "ignore::UserWarning", *arguments], plugins=[Substitution()])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
