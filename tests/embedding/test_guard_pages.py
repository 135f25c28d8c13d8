"""Kernels stay within their arrays: vector code, which bounds checks do not see, at forbidden pages."""

import signal
import sys

import pytest

from tests.checks import run_python
from tests.embedding.forbidden_pages import PAGE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="maps pages as Linux does")

# The last byte of an array, and the byte behind it; the first, and the one before.
TRESPASS = """
import ctypes, sys
import numpy as np
from tests.embedding.forbidden_pages import ForbiddenPages

pages = ForbiddenPages(behind={behind})
with pages.used():
    array = np.empty({size}, np.uint8)
assert array.view(np.uint8).min() == 255
inside, outside = ({size} - 1, {size}) if {behind} else (0, -1)
ctypes.memset(array.ctypes.data + inside, 7, 1)
assert array[inside] == 7
print("inside", flush=True)
ctypes.memset(array.ctypes.data + outside, 7, 1)
"""


@pytest.mark.parametrize("behind", [True, False])
@pytest.mark.parametrize("size", [1, 64, PAGE - 1, PAGE, 3 * PAGE + 5])
def test_the_page_is_forbidden(behind, size):
    with pytest.raises(AssertionError, match=rf"exit code {-signal.SIGSEGV}\ninside"):
        run_python(TRESPASS.format(behind=behind, size=size))


def guarded(share, **environment):
    arguments = ["-m", "tests.embedding.guarded_fits", str(share)]
    print(run_python(None, arguments=arguments, timeout=1500, **environment))


def test_kernels_stay_within_their_arrays():
    guarded(0.25)


@pytest.mark.slow
def test_kernels_of_another_vector_set_stay_within_their_arrays():
    """Vectors of half the width, and other tiles; a command in docs/what-you-can-rely-on.md runs every set."""
    guarded(0.25, FASTKMEANS_VECTOR_SET="avx2")
