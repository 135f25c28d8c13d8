"""How long until the first answer of a process. Kernels are in the cache: asv runs each of these more than once."""

FIRST_FIT = """
import numpy
import fastkmeans
rows = numpy.random.default_rng(0).normal(size=(300, 2)).astype("float32")
fastkmeans.fit(rows, 4, random_state=0)
"""


def timeraw_import():
    """`import fastkmeans` where NumPy is loaded already."""
    return "import fastkmeans", "import numpy"


def timeraw_first_fit():
    """Import and one small fit."""
    return FIRST_FIT
