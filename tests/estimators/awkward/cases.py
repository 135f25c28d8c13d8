"""The registry of awkward inputs, what is told of an outcome, and how two outcomes differ."""

import re
import warnings

import numpy as np

CASES: list = []
G: dict = {}  # the class in question, under "KMeans"
_random = np.random.RandomState(0)
BLOBS = np.concatenate([_random.normal(size=(20, 3)) * 0.1 + c for c in ((0, 0, 0), (5, 5, 5), (0, 9, -9))])
W = np.ones(60)


def case(name):
    """Register a function without arguments that returns what is to be told."""

    def register(function):
        CASES.append((name, function))
        return function

    return register


def K(n=3, **options):
    """An estimator with a seed and one run."""
    return G["KMeans"](n_clusters=n, **{"random_state": 0, "n_init": 1, **options})


def canon(labels):
    """The labels, numbered in the order in which they appear."""
    numbers: dict = {}
    return [numbers.setdefault(int(label), len(numbers)) for label in np.asarray(labels)]


def facts(km):
    """What there is to say of a fitted estimator."""
    centers, labels = km.cluster_centers_, km.labels_
    good = len(labels) == 60 and canon(labels) == [0] * 20 + [1] * 20 + [2] * 20
    return (
        f"k={len(centers)} centers {centers.dtype} {'x'.join(map(str, centers.shape))} "
        f"finite={bool(np.isfinite(centers).all())}; labels {labels.dtype} {len(np.unique(labels))} used"
        f"{' (3 blobs found)' if good else ''}; inertia {km.inertia_:.4g} {type(km.inertia_).__name__}"
    )


def fit(X, n=3, sw=None, **options):
    """The facts of a fit."""
    return facts(K(n, **options).fit(X) if sw is None else K(n, **options).fit(X, sample_weight=sw))


def with_(value, at=(7, 1), dtype=float):
    """The blobs with one value changed."""
    X = BLOBS.astype(dtype).copy()
    X[at] = value
    return X


def outcome(function):
    """What a case came to, as "ok: facts" or "Error: message"."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            told = function()
        except Exception as error:  # noqa: BLE001 - any of them is an outcome
            return f"{type(error).__name__}: {error}"
    return f"ok: {told}"


def kind(told):
    """The type of the exception, or ok."""
    return told.split(":")[0]


def differ(theirs, ours):
    """Whether two outcomes are of another kind, or tell other facts."""
    if kind(theirs) != kind(ours):
        return True
    return kind(ours) == "ok" and rounded(theirs) != rounded(ours)


def rounded(told):
    """Numbers of inertia to three digits: seeds differ."""
    return re.sub(r"(inertia |float )(-?[0-9.e+-]+)", lambda found: found[1] + f"{float(found[2]):.3g}", told)
