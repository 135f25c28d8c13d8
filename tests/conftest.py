"""Set-up shared by all tests: a kernel cache named by the kernels' sources, Hypothesis profiles, data sets.

`FASTKMEANS_DATA` names a folder of .npz files (key `x`); unset, the data sets are generated and packaged ones.
"""

import hashlib
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent


def _cache_folder():
    """A private folder for the kernels of these sources: reruns are quick, an edit starts afresh."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "fastkmeans" / "kernels").rglob("*.py")):
        digest.update(path.read_bytes())
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    folder = Path(tempfile.gettempdir(), f"fastkmeans-tests-{user}-{digest.hexdigest()[:12]}")
    folder.mkdir(mode=0o700, exist_ok=True)
    return str(folder)


if not os.environ.get("FASTKMEANS_CACHE_DIR"):
    os.environ["FASTKMEANS_CACHE_DIR"] = _cache_folder()

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("default", max_examples=40, **_COMMON)
settings.register_profile("ci", max_examples=80, derandomize=True, database=None, **_COMMON)
settings.register_profile("long", max_examples=1500, **_COMMON)  # by hand: HYPOTHESIS_PROFILE=long
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))


@pytest.fixture(params=[1, 2, 3, 7], ids="threads={}".format)
def n_threads(request):
    """Thread counts below, at and above those of most machines."""
    return request.param


# ---- data sets --------------------------------------------------------------------------------------------


def _photo():
    from PIL import Image

    with Image.open(ROOT / "fastkmeans" / "data" / "coffee.jpg") as image:
        return np.asarray(image.convert("RGB")).reshape(-1, 3)


def _blobs(n, d, k, dtype, seed=0):
    random = np.random.default_rng(seed)
    centers = random.normal(scale=4.0, size=(k, d))
    return (centers[random.integers(k, size=n)] + random.normal(size=(n, d))).astype(dtype)


def _walk(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).cumsum(axis=0)


GENERATED = {
    "photo": _photo,
    "blobs_f4": lambda: _blobs(20_000, 17, 40, np.float32),
    "blobs_f2": lambda: _blobs(6_000, 100, 30, np.float16),
    "walk_f8": lambda: _walk(20_000, 2),
    "noise_f8": lambda: np.random.default_rng(3).normal(size=(3_000, 64)),
}


def _load(name):
    folder = os.environ.get("FASTKMEANS_DATA")
    if not folder:
        return GENERATED[name]()
    with np.load(Path(folder, f"{name}.npz")) as archive:
        return archive["x"]


def data_set_names():
    """The data sets there are: those of FASTKMEANS_DATA, else the generated ones."""
    folder = os.environ.get("FASTKMEANS_DATA")
    return sorted(path.stem for path in Path(folder).glob("*.npz")) if folder else list(GENERATED)


@pytest.fixture(scope="session", params=data_set_names())
def data_set(request):
    """Each data set in turn, as stored."""
    return _load(request.param)


@pytest.fixture(scope="session")
def photo():
    """Pixels of the packaged photograph, (n, 3) uint8."""
    return _photo()
