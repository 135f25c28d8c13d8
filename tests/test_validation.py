"""What a user can get wrong: the exception, the words that name the argument and the remedy, and no work done."""

import re

import numpy as np
import pytest

import fastkmeans
from fastkmeans import validation

_random = np.random.default_rng(0)
BLOBS = np.concatenate([_random.normal(scale=0.1, size=(20, 3)) + c for c in ((0, 0, 0), (5, 5, 5), (0, 9, -9))])


def with_value(value, dtype=np.float64):
    X = BLOBS.astype(dtype)
    X[7, 1] = value
    return X


def fit(X=BLOBS, k=3, **options):
    return fastkmeans.fit(X, k, **{"random_state": 0, **options})


def frame(**columns):
    return pytest.importorskip("pandas").DataFrame(columns)


def categories():
    return frame(a=BLOBS[:, 0], b=pytest.importorskip("pandas").Categorical(list("xyz") * 20))


def missing_in_a_nullable_column():
    pandas = pytest.importorskip("pandas")
    return frame(a=pandas.array([1.0, None, 3.0], dtype="Float64"), b=[1.0, 2.0, 3.0])


# ---- X ----------------------------------------------------------------------------------------------------

BAD_X = {
    # case: (a function that makes X, exception, words that the message must have)
    "NaN": (lambda: with_value(np.nan), ValueError, ["X contains NaN", "row 7, column 1", "drop the row"]),
    "infinity": (lambda: with_value(np.inf), ValueError, ["X contains infinity", "row 7, column 1"]),
    "-infinity, float32": (lambda: with_value(-np.inf, np.float32), ValueError, ["infinity", "row 7, column 1"]),
    "infinity, float16": (lambda: with_value(np.inf, np.float16), ValueError, ["infinity", "row 7, column 1"]),
    "NaN, big-endian": (lambda: with_value(np.nan, ">f4"), ValueError, ["NaN", "row 7, column 1"]),
    "NaN everywhere": (lambda: np.full((60, 2), np.nan), ValueError, ["NaN", "row 0, column 0"]),
    "1e200": (lambda: BLOBS * 1e200, ValueError, ["square overflows float64", "scale the data"]),
    "one 1e200": (lambda: with_value(1e200), ValueError, ["1e+200", "row 7, column 1"]),
    "1e30 in float32": (lambda: with_value(1e30, np.float32), ValueError, ["overflows float32", "float64"]),
    "largest float64": (lambda: with_value(np.finfo(float).max), ValueError, ["overflows", "row 7, column 1"]),
    "1-D": (lambda: np.arange(10.0), ValueError, ["2-D", "1-D", "(10,)", "reshape"]),
    "0-D": (lambda: np.float64(3), ValueError, ["2-D", "0-D"]),
    "3-D": (lambda: np.zeros((4, 3, 2)), ValueError, ["2-D", "3-D", "(4, 3, 2)", "reshape"]),
    "empty list": (lambda: [], ValueError, ["2-D", "(0,)"]),
    "no rows": (lambda: np.zeros((0, 3)), ValueError, ["X has no rows", "(0, 3)"]),
    "no columns": (lambda: np.zeros((10, 0)), ValueError, ["X has no columns", "(10, 0)"]),
    "None": (lambda: None, TypeError, ["X", "object"]),
    "ragged list": (lambda: [[1, 2], [3], [4, 5]], ValueError, ["X is not a table of numbers"]),
    "generator": (lambda: (row for row in BLOBS), TypeError, ["X must be a table", "generator"]),
    "dict": (lambda: {"a": [1, 2], "b": [3, 4]}, TypeError, ["X must be a table", "dict"]),
    "text": (lambda: "hello", TypeError, ["X must be a table", "str"]),
    "strings": (lambda: BLOBS.astype(str), TypeError, ["X has dtype", "convert or encode"]),
    "bytes": (lambda: np.array([[b"1"], [b"2"], [b"3"]]), TypeError, ["X has dtype", "convert or encode"]),
    "objects": (lambda: BLOBS.astype(object), TypeError, ["dtype object", "astype(np.float64)"]),
    "objects with None": (lambda: with_value(None, object), TypeError, ["dtype object"]),
    "complex": (lambda: BLOBS + 1j, ValueError, ["complex", "X.real", "X.imag"]),
    "dates": (lambda: np.zeros((5, 2), "M8[D]"), TypeError, ["datetime64", "convert or encode"]),
    "records": (lambda: np.zeros((5, 2), [("a", float)]), TypeError, ["X has dtype"]),
    "masked cell": (
        lambda: np.ma.masked_array(BLOBS, mask=np.arange(180).reshape(60, 3) == 4),
        ValueError, ["masked", "1 masked", "filled"],
    ),
    "categories": (categories, TypeError, ["column 'b'", "category"]),
    "missing in a nullable column": (missing_in_a_nullable_column, ValueError, ["NaN", "row 1, column 0"]),
    "Series": (lambda: frame(a=BLOBS[:, 0])["a"], ValueError, ["2-D", "1-D", "reshape"]),
}  # fmt: skip


def assert_raises(call, exception, words):
    with pytest.raises(exception) as caught:
        call()
    message = str(caught.value)
    assert type(caught.value) is exception
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"


@pytest.mark.parametrize("case", BAD_X)
def test_bad_x(case):
    make, exception, words = BAD_X[case]
    columns = make().shape[1] if getattr(make(), "ndim", 0) == 2 else 1
    centers = np.zeros((1, max(1, columns)), np.float32)
    for call in (
        lambda: fit(make(), 2),
        lambda: fastkmeans.kmeans_plusplus(make(), 2),
        lambda: fastkmeans.predict(make(), centers),
    ):
        assert_raises(call, exception, words)


GOOD_X = {
    "bool": lambda: BLOBS > 1,
    "float16": lambda: BLOBS.astype(np.float16),
    "squares beyond float16": lambda: (BLOBS * 60).astype(np.float16),
    "longdouble": lambda: BLOBS.astype(np.longdouble),
    "uint64 beyond int64": lambda: np.uint64(2**63) + (np.abs(BLOBS) * 1e15).astype(np.uint64),
    "offset 1e8": lambda: BLOBS + 1e8,
    "denormals": lambda: BLOBS * 5e-321,
    "-0.0": lambda: np.where(BLOBS > 1, BLOBS, -0.0),
    "np.matrix": lambda: BLOBS.view(np.matrix),
    "masked array without masked cells": lambda: np.ma.masked_array(BLOBS),
    "frame of int, float32, bool": lambda: frame(a=BLOBS[:, 0].astype("f4"), b=[1, 2, 30] * 20, c=BLOBS[:, 2] > 1),
    "names that are no text": lambda: frame(**{"a": [1.0, 2, 30], "b": [1, 2, 3]}).rename(columns={"b": 1}),
}


@pytest.mark.parametrize("case", GOOD_X)
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning", "ignore::fastkmeans.TooFewDistinctRows")
def test_good_x(case):
    result = fit(GOOD_X[case](), 2)
    assert type(result.labels) is np.ndarray and type(result.centers) is np.ndarray
    assert np.isfinite(result.centers).all() and np.isfinite(result.inertia)


def test_every_kind_of_value_at_every_place_is_found():
    """Also behind the first slab, in tails of tiles, in large arrays and small ones."""
    for n, d in ((1, 1), (100, 3), (70_001, 2), (5001, 40)):
        X = np.zeros((n, d), np.float32)
        for row in {0, n // 2, n - 1}:
            for value, word in ((np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity"), (3e38, "overflows")):
                X[row, d - 1] = value
                place = re.escape(f"row {row}, column {d - 1}")
                with pytest.raises(ValueError, match=f"(?s){word}.*{place}|{place}.*{word}"):
                    fastkmeans.fit(X, 1)
                with pytest.raises(ValueError, match=place):
                    fastkmeans.predict(X, np.zeros((1, d), np.float32))
                X[row, d - 1] = 0


def test_the_first_bad_row_is_named():
    X = np.zeros((300_000, 2))
    X[[70_000, 5, 299_999]] = np.nan
    with pytest.raises(ValueError, match="row 5, column 0"):
        fastkmeans.fit(X, 2)


def test_a_row_without_direction():
    X = BLOBS.copy()
    X[9] = 0
    for call in (lambda: fit(X, metric="cosine"), lambda: fastkmeans.predict(X, BLOBS[:2], metric="cosine")):
        assert_raises(call, ValueError, ["X row 9 is all zeros", "cosine", "drop"])


# ---- parameters -------------------------------------------------------------------------------------------

BAD_OPTIONS = [
    # (options, exception, words)
    ({"k": 0}, ValueError, ["n_clusters=0", "at least 1"]),
    ({"k": -1}, ValueError, ["n_clusters=-1"]),
    ({"k": 2.0}, TypeError, ["n_clusters must be an integer", "2.0"]),
    ({"k": "3"}, TypeError, ["n_clusters must be an integer", "'3'"]),
    ({"k": None}, TypeError, ["n_clusters"]),
    ({"k": True}, TypeError, ["n_clusters"]),
    ({"k": 61}, ValueError, ["n_clusters=61", "60"]),
    ({"k": 10**9}, ValueError, ["n_clusters=1000000000", "60"]),
    ({"n_init": 0}, ValueError, ["n_init=0"]),
    ({"n_init": 1.5}, TypeError, ["n_init", "1.5"]),
    ({"n_init": "often"}, TypeError, ["n_init", "'often'"]),
    ({"n_init": True}, TypeError, ["n_init"]),
    ({"max_iter": 0}, ValueError, ["max_iter=0"]),
    ({"max_iter": 2.0}, TypeError, ["max_iter"]),
    ({"max_iter": None}, TypeError, ["max_iter"]),
    ({"tol": -1e-4}, ValueError, ["tol=-0.0001", ">= 0"]),
    ({"tol": np.nan}, ValueError, ["tol=nan"]),
    ({"tol": np.inf}, ValueError, ["tol=inf"]),
    ({"tol": None}, TypeError, ["tol"]),
    ({"tol": "x"}, TypeError, ["tol", "'x'"]),
    ({"tol": True}, TypeError, ["tol"]),
    ({"random_state": "bad"}, TypeError, ["random_state", "'bad'"]),
    ({"random_state": -1}, ValueError, ["random_state=-1"]),
    ({"random_state": 1.5}, TypeError, ["random_state"]),
    ({"random_state": True}, TypeError, ["random_state"]),
    ({"algorithm": "full"}, ValueError, ["algorithm='full'", "'auto'", "'dense'"]),
    ({"algorithm": "dens"}, ValueError, ["did you mean 'dense'?"]),
    ({"algorithm": None}, ValueError, ["algorithm=None"]),
    ({"metric": "cosin"}, ValueError, ["did you mean 'cosine'?"]),
    ({"metric": "manhattan"}, ValueError, ["metric='manhattan'", "'euclidean'", "'cosine'"]),
    ({"n_threads": 0}, ValueError, ["n_threads=0"]),
    ({"n_threads": 1.0}, TypeError, ["n_threads"]),
    ({"n_threads": "all"}, TypeError, ["n_threads"]),
    ({"callback": 3}, TypeError, ["callback", "int"]),
    ({"init": "k-means+"}, ValueError, ["init='k-means+'", "did you mean 'k-means++'?"]),
    ({"init": "bad"}, ValueError, ["init='bad'", "'k-means++'", "'random'"]),
    ({"init": None}, ValueError, ["init=None"]),
    ({"init": BLOBS[:2]}, ValueError, ["shape of the initial centers", "(2, 3)", "(3, 3)"]),
    ({"init": BLOBS[:3, :2]}, ValueError, ["shape of the initial centers", "(3, 2)"]),
    ({"init": BLOBS[0]}, ValueError, ["shape of the initial centers", "(3,)"]),
    ({"init": np.full((3, 3), np.nan)}, ValueError, ["init contains NaN", "row 0, column 0"]),
    ({"init": np.full((3, 3), np.inf)}, ValueError, ["init contains infinity"]),
    ({"init": np.full((3, 3), "a")}, TypeError, ["init has dtype"]),
    ({"init": BLOBS[:3] + 1j}, ValueError, ["init is complex"]),
    ({"init": [0, 1]}, ValueError, ["2 row numbers", "n_clusters=3"]),
    ({"init": [0, 1, 60]}, ValueError, ["row 60", "0 to 59"]),
    ({"init": [0, 1, -1]}, ValueError, ["row -1"]),
    ({"init": lambda X, k, random_state: X[:2]}, ValueError, ["result of init", "(2, 3)"]),
    ({"init": lambda X, k, random_state: X[:k] * np.nan}, ValueError, ["the result of init contains NaN"]),
    ({"init": lambda X, k, random_state: {}["x"]}, KeyError, ["x"]),
    ({"sample_weight": np.ones(59)}, ValueError, ["(59,)", "60 rows"]),
    ({"sample_weight": np.ones((60, 1))}, ValueError, ["(60, 1)", "60 rows"]),
    ({"sample_weight": np.r_[np.ones(59), -1]}, ValueError, ["negative at row 59", "-1"]),
    ({"sample_weight": np.r_[1, np.nan, np.ones(58)]}, ValueError, ["NaN", "row 1"]),
    ({"sample_weight": np.r_[1, np.inf, np.ones(58)]}, ValueError, ["infinity", "row 1"]),
    ({"sample_weight": np.zeros(60)}, ValueError, ["zero for every row"]),
    ({"sample_weight": np.full(60, 1e300)}, ValueError, ["overflows"]),
    ({"sample_weight": np.array(["a"] * 60)}, TypeError, ["sample_weight must be numbers"]),
]


@pytest.mark.parametrize("options, exception, words", BAD_OPTIONS, ids=lambda value: str(value)[:40])
def test_bad_options(options, exception, words, monkeypatch):
    monkeypatch.setattr("fastkmeans.restarts.SEEDINGS", {name: None for name in ("k-means++", "random")})  # no work
    assert_raises(lambda: fit(**options), exception, words)


@pytest.mark.parametrize("options", [{"tol": -1}, {"max_iter": 0}, {"n_init": 0}, {"metric": "x"}, {"callback": 1}])
def test_arguments_are_checked_before_any_pass_over_the_rows(options, monkeypatch):
    monkeypatch.setattr(validation, "checked_source", lambda *arguments, **rest: pytest.fail("the rows were read"))
    with pytest.raises((ValueError, TypeError)):
        fit(**options)


def test_unknown_and_positional_arguments():
    assert_raises(lambda: fit(n_jobs=2), TypeError, ["n_jobs"])
    with pytest.raises(TypeError):
        fastkmeans.fit(BLOBS, 3, "random")


def test_good_options():
    expected = fit(k=3).inertia
    for options in (
        {"k": np.int64(3)},
        {"k": np.array(3)[()]},
        {"sample_weight": [1] * 60},
        {"sample_weight": np.ones(60, ">f4")},
        {"sample_weight": 1.0},
        {"algorithm": "lloyd"},
        {"algorithm": "elkan"},
        {"algorithm": "dense"},
        {"algorithm": "screened"},
        {"algorithm": "boxes"},
        {"algorithm": "bounds"},
        {"init": BLOBS[[0, 20, 40]].tolist()},
        {"init": np.array([0, 20, 40], np.uint8)},
        {"init": BLOBS[[0, 20, 40]].astype(np.float32), "n_init": 5},
    ):
        assert fit(**options).inertia == pytest.approx(expected, rel=1e-12)
    assert fit(sample_weight=np.arange(60) % 2 == 0).inertia < expected
    assert fit(tol=1e300).n_iter == 1


# ---- centers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [fastkmeans.predict, fastkmeans.transform])
def test_centers_that_do_not_fit(call):
    for centers, words in (
        (BLOBS[:3, :2], ["centers has 2 columns", "X has 3"]),
        (BLOBS[0], ["centers must be 2-D"]),
        (np.full((2, 3), np.nan), ["centers contains NaN"]),
        (np.zeros((0, 3)), ["centers has no rows"]),
    ):
        assert_raises(lambda centers=centers: call(BLOBS, centers), ValueError, words)
    assert_raises(lambda: call(BLOBS, np.zeros((1, 3)), metric="cosine"), ValueError, ["centers row 0 is all zeros"])


def test_centers_of_any_kind():
    labels = fastkmeans.predict(BLOBS, BLOBS[[0, 20, 40]])
    for centers in (BLOBS[[0, 20, 40]].tolist(), np.asfortranarray(BLOBS[[0, 20, 40]]), BLOBS[[0, 20, 40]].round()):
        assert np.array_equal(fastkmeans.predict(BLOBS, centers), labels)
    doubled = fastkmeans.predict(BLOBS, BLOBS[[20, 40]] * 2, metric="cosine")
    assert np.array_equal(doubled, fastkmeans.predict(BLOBS, BLOBS[[20, 40]], metric="cosine"))
