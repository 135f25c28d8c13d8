"""How long until the first answer of a process, with the kernels in the cache and without any."""

import os
import subprocess
import sys
import tempfile

from .common import TINY, Compiled

FIRST_FIT = """
import numpy
import fastkmeans
rows = numpy.random.default_rng(0).normal(size=(300, 2)).astype("float32")
fastkmeans.fit(rows, 4, random_state=0)
"""
TIMED = f"""
import time
began = time.perf_counter()
{FIRST_FIT}
print(time.perf_counter() - began)
"""


class FirstAnswer(Compiled):
    """New processes, one for every sample."""

    repeat = (3, 10, 10.0)

    def timeraw_import(self):
        """`import fastkmeans` where NumPy is loaded already."""
        return "import fastkmeans", "import numpy"

    def timeraw_first_fit(self):
        """Import and one small fit."""
        return FIRST_FIT

    def track_first_fit_compiling(self):
        """The same where no kernel has been compiled yet: once, as samples would take a while."""
        with tempfile.TemporaryDirectory() as folder:
            env = os.environ if TINY else os.environ | {"FASTKMEANS_CACHE_DIR": folder}
            done = subprocess.run([sys.executable, "-c", TIMED], env=env, capture_output=True, text=True, check=True)
        return float(done.stdout)

    track_first_fit_compiling.unit = "seconds"

    def prepare(self):
        """Nothing: each process prepares itself."""
