"""The workloads by name: the same rows in every benchmark, test and report.

blobs:n:d:centers   normal clusters of unit spread around `centers` normal means of spread 3
overlap:n:d:centers clusters of unequal sizes and spreads that overlap, in columns of falling scale, as rows that
                    people measured do
rare:n:d:centers    normal clusters, each of half the rows of the one before, and farther out
noise:n:d           one standard normal cloud: no clusters to find
sparse:n:d:percent:centers   a CSR array with so many percent of its values stored: 60 % of a row's columns are drawn
                    from those of its center, the others from all
photo               the pixels of the photograph that comes with the package, as rows of red, green, blue
sklearn:NAME        what scikit-learn brings: digits, iris, wine, breast_cancer, diabetes; the pixels of its photographs
                    china and flower, and their patches of 8 x 8 pixels, every second one (china_patches, ...)
any other name      NAME.npz, key x, in the folder that FASTKMEANS_DATA names; NAME:scaled has each of its columns at
                    mean 0 and standard deviation 1
"""

import importlib.util
import os
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

SEED = 0
PHOTO = "data/coffee.jpg"
SKLEARN_TABLES, SKLEARN_PHOTOS = ("digits", "iris", "wine", "breast_cancer", "diabetes"), ("china", "flower")
PATCH, PATCH_STEP = 8, 2  # pixels


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
    makers = {"blobs": _blobs, "overlap": _overlap, "rare": _rare, "noise": _noise, "photo": _photo}
    if kind in makers:
        rows = makers[kind](*map(int, sizes))
    elif kind == "sklearn":
        rows = _from_sklearn(*sizes)
    else:
        rows = _scaled(_stored(kind)) if sizes == ["scaled"] else _stored(kind)
    return np.asarray(rows, dtype=dtype, order=order)


def available(name):
    """Whether `load(name)` has what it needs."""
    kind, *rest = name.split(":")
    if kind == "photo":
        return _has("PIL")
    if kind == "sklearn":
        return _has("sklearn") and (rest[0] in SKLEARN_TABLES or _has("PIL"))
    generated = kind in ("blobs", "overlap", "rare", "noise", "sparse")
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


def _rare(n, d, centers):
    rng = np.random.default_rng(SEED)
    means = 3 * rng.normal(size=(centers, d)) * np.arange(1, centers + 1)[:, None]
    shares = 2.0 ** -np.arange(centers)
    labels = rng.choice(centers, n, p=shares / shares.sum())
    return means[labels] + rng.normal(size=(n, d))


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
    if not _has("PIL"):
        raise NotAvailable("'photo' is read with Pillow: pip install pillow")
    from PIL import Image

    with as_file(files("fastkmeans") / PHOTO) as path, Image.open(path) as image:
        return np.asarray(image.convert("RGB")).reshape(-1, 3)


def _from_sklearn(name):
    photo = name.removesuffix("_patches")
    if name not in SKLEARN_TABLES and photo not in SKLEARN_PHOTOS:
        known = ", ".join(SKLEARN_TABLES + SKLEARN_PHOTOS)
        raise NotAvailable(f"no rows 'sklearn:{name}'; there are {known}, and patches of the last two")
    if not _has("sklearn") or not (name in SKLEARN_TABLES or _has("PIL")):
        raise NotAvailable(f"'sklearn:{name}' comes with scikit-learn, and photographs need Pillow: pip install both")
    from sklearn import datasets

    if name in SKLEARN_TABLES:
        return getattr(datasets, f"load_{name}")().data
    pixels = datasets.load_sample_image(f"{photo}.jpg")
    if name == photo:
        return pixels.reshape(-1, 3)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (PATCH, PATCH, 3))
    return windows[::PATCH_STEP, ::PATCH_STEP].reshape(-1, PATCH * PATCH * 3)


def _has(package):
    return importlib.util.find_spec(package) is not None


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
