"""Under load for a while: nothing grows. Ten minutes: python -m tests.embedding.soak 600."""

import sys

import pytest

from tests.checks import run_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

LEAKING = """
from tests.embedding import soak

kept, requests = [], soak.requests

def leaking(folder):
    kinds = requests(folder)
    work = kinds["predict 20,000 x 24"]
    def keep():
        {what}
        return work()
    return kinds | {{"predict 20,000 x 24": keep, "fit 300 x 4": keep, "predict 1 x 24": keep}}

soak.requests = leaking
found = soak.soak({seconds}, 4)
assert found == ["{grown}"], found
"""


@pytest.mark.slow
def test_nothing_grows_under_load():
    print(run_python(None, arguments=["-m", "tests.embedding.soak", "60"]))


# A megabyte a request: a busy machine serves 180 such requests in these seconds, a fifth of what an idle one does.
LEAKS = {"MiB": "kept.append(bytearray(1_000_000))", "open files": "kept.append(open(__import__('os').devnull))"}


@pytest.mark.slow
@pytest.mark.parametrize("grown", LEAKS)
def test_growth_would_be_seen(grown):
    run_python(LEAKING.format(what=LEAKS[grown], grown=grown, seconds=8))
