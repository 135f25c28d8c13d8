"""Sweeps that list candidates: every score keeps its promise, in bytes and in the computing type, whatever the rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastkmeans.engine.assigners import Dense
from fastkmeans.engine.groups import Groups, screens
from fastkmeans.engine.machine import vector_set
from fastkmeans.kernels.candidates import panel_centers, rows_shape, sweep_scratch
from fastkmeans.kernels.jit import jit
from fastkmeans.kernels.screen import MOST_FEATURES
from fastkmeans.kernels.simd import call_at
from tests.checks import run_python
from tests.kernels.pieces import DTYPES, tile_of

TYPES = [(np.float32, False), (np.float64, False), (np.float32, True), (np.float64, True)]


@jit
def call(address, arguments, result):
    return call_at(address, arguments, result)


class Swept:
    """All pairs of rows and centers as a sweep scores them, with what it promises of each."""

    def __init__(self, X, centers, *, in_bytes, shift=None, cut=-np.inf):
        X, (n, d) = X.astype(centers.dtype), X.shape
        shift = np.zeros(d, X.dtype) if shift is None else shift
        way = Dense(X.dtype, d, shift, False).prepare(centers)
        groups = Groups(way, 2 * panel_centers(rows_shape(vector_set(), X.dtype)), in_bytes=in_bytes)
        groups.pack()
        sweep = groups.sweep
        tile, stride, _ = tile_of(X - shift, way.shape)
        swept, terms, bases = tile, tuple(np.zeros(n, sweep.scores) for _ in range(5)), np.zeros(n)
        if in_bytes:
            row_bytes = np.zeros(n * sweep.stride * 4, np.uint8)
            _, (middle, *_, unit, middle_length) = groups.description
            given = (tile, stride, np.arange(n), n, d, middle, unit, middle_length)
            call(sweep.addresses[1], (*given, row_bytes, sweep.stride, terms, bases), 0)
            swept = row_bytes.view(np.int32)
        else:
            squares = ((X - shift).astype(np.float64) ** 2).sum(axis=1)
            bases = squares * (1 - 2 * way.slack) - 2 * way.tiny
            terms[4][:] = 2.1 * way.slack * squares + 2 * way.tiny
        self.lows, self.cuts = np.full(n, -np.inf, sweep.scores), terms[0]
        self.cuts[:] = cut
        parts = []
        for first in range(0, len(groups.order), sweep.width):
            panel, values = first // sweep.width, (sweep.depth + 1) * sweep.width
            scratch = sweep_scratch(sweep.scores, n, sweep.shape)
            n_pairs = call(
                sweep.addresses[0],
                (swept, sweep.stride, np.arange(n), n, sweep.depth,
                 groups.packed[0][panel * values : (panel + 1) * values],
                 groups.packed[1][panel * 5 * sweep.width : (panel + 1) * 5 * sweep.width], terms, self.lows, first,
                 scratch, 0, sweep.shape),
                0,
            )  # fmt: skip
            parts.append([array[:n_pairs] for array in scratch[2]])
        rows, places, scores = (np.concatenate(own) for own in zip(*parts, strict=True))
        real = groups.order[places] >= 0
        self.rows, self.centers, self.scores = rows[real], groups.order[places[real]], scores[real].astype(np.float64)
        own = groups.packed[1].reshape(-1, 5, sweep.width)[places[real] // sweep.width, :, places[real] % sweep.width]
        own, of_row = own.astype(np.float64), [term[self.rows].astype(np.float64) for term in terms]
        with np.errstate(over="ignore", invalid="ignore"):
            self.widths = 2 * (of_row[2] * own[:, 2] + of_row[3] * own[:, 3]) + of_row[4] + own[:, 4]
        self.bases = bases[self.rows]


def real_sq_dists(X, centers, rows, numbers):
    """Squared distances in the longest floats there are."""
    difference = X[rows].astype(np.longdouble) - centers[numbers].astype(np.longdouble)
    return (difference * difference).sum(axis=1)


def rows_of(kind, n, d, seed):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) + 5 * random.normal(size=(7, d))[random.integers(7, size=n)]
    if kind == "huge ranges":
        X *= 10.0 ** random.integers(-14, 15, size=(n, 1))
    elif kind == "huge values":
        X *= 10.0 ** random.integers(-14, 15, size=(n, d))
    elif kind == "constant":
        X[:] = np.round(X[:, :1])
    elif kind == "outlier column":
        X[:, d // 2] *= 1e6
    elif kind == "outlier values":
        X[random.random((n, d)) < 0.02] *= 1e5
    elif kind == "offset":
        X += 3e4
    elif kind == "zeros":
        X[random.random((n, d)) < 0.8] = 0
        X[random.random(n) < 0.3] = 0
    elif kind == "denormal":
        X *= 1e-42
    elif kind == "grid":
        X = np.round(X)
    elif kind == "halves":  # every value lies in the middle of two bytes
        X = np.round(X * 4) + 0.5
        X[:, 0] = 127
    return X


KINDS = (
    "blobs", "huge ranges", "huge values", "constant", "outlier column", "outlier values", "offset", "zeros",
    "denormal", "grid", "halves",
)  # fmt: skip


def check(X, centers, in_bytes, shift):
    swept = Swept(X, centers, in_bytes=in_bytes, shift=shift)
    pairs = set(zip(swept.rows.tolist(), swept.centers.tolist(), strict=True))
    exact = real_sq_dists(X, centers, swept.rows, swept.centers)
    with np.errstate(invalid="ignore"):
        least = swept.bases - 2 * swept.scores
        most = least + 2 * swept.widths
    assert (least <= exact * (1 + 1e-14)).all(), "a lower bound above the distance"
    assert not (most < exact * (1 - 1e-14)).any(), "an upper bound below the distance"
    return swept, pairs


@pytest.mark.parametrize("dtype, in_bytes", TYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n, d, k", [(1, 8, 1), (33, 9, 5), (50, 31, 40), (20, 100, 30), (9, 384, 60)])
def test_scores_keep_their_promise(dtype, in_bytes, kind, n, d, k):
    if in_bytes and not screens(d):
        pytest.skip("this machine does not multiply bytes")
    X = rows_of(kind, n, d, 0).astype(dtype)
    centers = np.concatenate([X, rows_of(kind, k, d, 1).astype(dtype)])[-k:]
    shift = np.round(X.mean(axis=0)).astype(dtype) if kind in ("offset", "constant") else None
    _, pairs = check(X, centers, in_bytes, shift)
    if kind not in ("huge ranges", "huge values", "denormal"):
        assert len(pairs) >= 1


@pytest.mark.skipif(not screens(64), reason="this machine does not multiply bytes")
@settings(max_examples=60)
@given(st.integers(0, 2**31), st.sampled_from(KINDS), st.integers(8, 70), st.sampled_from(DTYPES))
def test_no_rows_break_the_bound_of_bytes(seed, kind, d, dtype):
    X = rows_of(kind, 12, d, seed).astype(dtype)
    check(X, rows_of(kind, 20, d, seed + 1).astype(dtype), True, None)


@pytest.mark.skipif(not screens(64), reason="this machine does not multiply bytes")
def test_bytes_are_tight_enough_to_be_of_use_and_no_bound_is_looser_than_needed():
    X, centers = rows_of("blobs", 200, 64, 0).astype(np.float32), rows_of("blobs", 30, 64, 1).astype(np.float32)
    swept, _ = check(X, centers, True, None)
    exact = real_sq_dists(X, centers, swept.rows, swept.centers).astype(np.float64)
    assert len(exact) > 200
    # Half a step of 1/127 of the largest of 64 values, in every value, is about 3 % of a row's length.
    assert np.median((exact - (swept.bases - 2 * swept.scores)) / exact) < 0.1


@pytest.mark.parametrize("dtype, in_bytes", TYPES)
def test_what_is_below_the_cut_is_below_and_bounded(dtype, in_bytes):
    if in_bytes and not screens(24):
        pytest.skip("this machine does not multiply bytes")
    X, centers = rows_of("blobs", 70, 24, 0).astype(dtype), rows_of("blobs", 90, 24, 1).astype(dtype)
    scored = check(X, centers, in_bytes, None)[0]
    cut = float(np.median(scored.scores))
    swept = Swept(X, centers, in_bytes=in_bytes, cut=cut)
    assert 0 < len(swept.scores) < X.shape[0] * len(centers)
    assert (swept.scores >= cut).all() and (swept.cuts[: len(X)] >= np.asarray(cut, swept.cuts.dtype)).all()
    exact = real_sq_dists(X, centers, *(index.reshape(-1) for index in np.indices((len(X), len(centers)))))
    exact = exact.reshape(len(X), -1).astype(np.float64)
    listed = np.zeros(exact.shape, bool)
    listed[swept.rows, swept.centers] = True
    nearest = exact.argmin(axis=1)
    reached = np.flatnonzero(listed.any(axis=1))
    assert listed[reached, nearest[reached]].all(), "the nearest center is not among a row's candidates"
    bases = np.zeros(len(X))
    bases[scored.rows] = scored.bases
    others = np.where(listed, np.inf, exact).min(axis=1)
    known = np.isfinite(swept.lows[: len(X)])
    assert (bases - 2 * swept.lows[: len(X)] <= others * (1 + 1e-12))[known].all()


def test_the_sum_of_bytes_stays_within_int32():
    assert 255 * 127 * MOST_FEATURES < 2**31


@pytest.mark.skipif(not screens(4096), reason="this machine does not multiply bytes")
def test_largest_products():
    X = np.full((17, 4096), 1e3, np.float32)
    X[::2] *= -1
    check(X, X[:7].copy(), True, None)


@pytest.mark.parametrize("vectors", ["avx2", "plain"])
def test_other_vectors_and_no_instruction(vectors):
    """Half as wide, and where no bytes can be multiplied: dense sweeps, the same labels."""
    code = """
import numpy as np
import fastkmeans
from fastkmeans.engine.groups import screens
from tests import naive
from tests.engine.rows import blobs
X = blobs(3000, 40, 60, dtype=np.float32)
for dtype in (np.float32, np.float64):
    for name in ("dense", "screened", "bounds"):
        result = fastkmeans.fit(X.astype(dtype), 100, algorithm=name, init=np.arange(100), max_iter=6)
        assert np.array_equal(result.labels, naive.assign(X, result.centers)), name
        print(dtype.__name__, name, {stats.algorithm for stats in result.history}, screens(40))
"""
    lines = run_python(code, FASTKMEANS_VECTOR_SET=vectors).splitlines()
    assert len(lines) == 6
    if vectors == "plain":
        assert all(line.endswith("False") and "screened'" not in line for line in lines)
    elif screens(40):
        assert "screened'" in lines[1] and "screened bounds" in lines[2]
