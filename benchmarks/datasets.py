"""The workloads by name: the same rows in every benchmark, test and report.

blobs:n:d:centers   normal clusters of unit spread around `centers` normal means of spread 3
overlap:n:d:centers clusters of unequal sizes and spreads that overlap, in columns of falling scale, as rows that
                    people measured do
noise:n:d           one standard normal cloud: no clusters to find
sparse:n:d:percent:centers   a CSR array with so many percent of its values stored: 60 % of a row's columns are drawn
                    from those of its center, the others from all
photo               the pixels of the photograph that comes with the package, as rows of red, green, blue
any other name      NAME.npz, key x, in the folder that FASTKMEANS_DATA names; NAME:scaled has each of its columns at
                    mean 0 and standard deviation 1
"""

import os
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

SEED = 0
PHOTO = "data/coffee.jpg"


class NotAvailable(ValueError):
    """The rows that a name stands for are not on this machine; the message says what is missing."""


def load(name, dtype=np.float32, order="C"):
    """The rows that `name` stands for, (n, d); those of "sparse" as a CSR array, whatever the order.

    Parameters
    ----------
    name : str
    dtype : dtype or None, default=float32
        None leaves the stored type.
    order : {"C", "F"}, default="C"
    """
    kind, *sizes = name.split(":")
    if kind == "sparse":
        return _sparse(*map(float, sizes)).astype(dtype)
    makers = {"blobs": _blobs, "overlap": _overlap, "noise": _noise, "photo": _photo}
    rows = makers[kind](*map(int, sizes)) if kind in makers else _stored(kind)
    if kind not in makers and sizes == ["scaled"]:
        rows = _scaled(rows)
    return np.asarray(rows, dtype=dtype, order=order)


def available(name):
    """Whether `load(name)` has what it needs."""
    kind = name.split(":")[0]
    if kind == "photo":
        return _has_pillow()
    generated = kind in ("blobs", "overlap", "noise", "sparse")
    return generated or (_folder() is not None and (_folder() / f"{kind}.npz").exists())


def first_centers(rows, k, seed=SEED):
    """k rows drawn without replacement, the start that every library is given."""
    return rows[np.random.default_rng(seed).choice(len(rows), k, replace=False)].copy()


def _blobs(n, d, centers):
    rng = np.random.default_rng(SEED)
    means = 3 * rng.normal(size=(centers, d)).astype(np.float32)
    return rng.normal(size=(n, d)).astype(np.float32) + means[rng.integers(0, centers, n)]


def _overlap(n, d, centers):
    """Variances fall as 1 / (1 + f / 4); sizes differ by the exponential of a normal number, spreads threefold."""
    rng = np.random.default_rng(SEED)
    scale = (1 / np.sqrt(1 + np.arange(d) / 4)).astype(np.float32)
    means = rng.normal(size=(centers, d)).astype(np.float32)
    sizes = np.exp(rng.normal(size=centers))
    spreads = rng.uniform(0.5, 1.5, centers).astype(np.float32)
    labels = rng.choice(centers, n, p=sizes / sizes.sum())
    rows = rng.standard_normal((n, d), np.float32)
    rows *= spreads[labels, None]
    rows += means[labels]
    rows *= scale
    return rows


def _scaled(rows):
    rows = rows.astype(np.float64)
    spread = rows.std(axis=0)
    return (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1)


def _noise(n, d):
    return np.random.default_rng(SEED).normal(size=(n, d)).astype(np.float32)


def _sparse(n, d, percent, centers):
    from scipy import sparse

    n, d, centers, stored = int(n), int(d), int(centers), max(1, int(d * percent / 100))
    rng = np.random.default_rng(SEED)
    labels, columns = rng.integers(0, centers, n), rng.integers(0, d, (centers, 2 * stored))
    own = columns[labels[:, None], rng.integers(0, 2 * stored, (n, stored))]
    drawn = np.where(rng.random((n, stored)) < 0.6, own, rng.integers(0, d, (n, stored))).astype(np.int32)
    values = (1 + rng.random((n, stored))).astype(np.float32)
    begins = np.arange(n + 1, dtype=np.int32) * np.int32(stored)
    rows = sparse.csr_array((values.ravel(), drawn.ravel(), begins), shape=(n, d))
    rows.sum_duplicates()
    return rows


def _photo():
    if not _has_pillow():
        raise NotAvailable("'photo' is read with Pillow: pip install pillow")
    from PIL import Image

    with as_file(files("fastkmeans") / PHOTO) as path, Image.open(path) as image:
        return np.asarray(image.convert("RGB")).reshape(-1, 3)


def _has_pillow():
    try:
        import PIL.Image  # noqa: F401
    except ImportError:
        return False
    return True


def _folder():
    named = os.environ.get("FASTKMEANS_DATA")
    return Path(named) if named else None


def _stored(name):
    if _folder() is None:
        raise NotAvailable(f"{name!r} is no generated workload; set FASTKMEANS_DATA to the folder with {name}.npz")
    path = _folder() / f"{name}.npz"
    if not path.exists():
        raise NotAvailable(f"FASTKMEANS_DATA holds no {name}.npz")
    with np.load(path) as stored:
        rows = stored["x"]
    return rows.reshape(len(rows), -1)
