"""Batches that a function makes anew for each pass: the rows they are, and what is no such function."""

import numpy as np
import pytest

import fastkmeans
from fastkmeans import api
from tests.checks import assert_labels_by_definition
from tests.sources.test_streamed import K, N, rows_of


def batches_of(X, sizes=(700, 1, 1300, 0, 2000), weights=None):
    def make():
        first = 0
        for size in (*sizes, len(X) - sum(sizes)):
            own = slice(first, first + size)
            yield X[own] if weights is None else (X[own], weights[own])
            first += size

    return make


@pytest.mark.parametrize("weighted", [False, True])
def test_fit_of_batches(weighted):
    X = rows_of()
    weights = np.random.default_rng(1).random(N) if weighted else None
    result = fastkmeans.fit_batches(batches_of(X, weights=weights), K, random_state=0)
    assert "rows are read anew" in result.plan and result.converged
    assert_labels_by_definition(X, result.centers, np.asarray(result.labels))
    assert np.isclose(result.inertia, api.inertia(X, result.centers, weights), rtol=1e-9)


NOT_BATCHES = {
    "a list": (lambda X: [X], TypeError, "partial_fit"),
    "an iterator": (lambda X: iter([X]), TypeError, "partial_fit"),
    "the same iterator": (lambda X: (lambda it: lambda: it)(iter([X, X])), TypeError, "partial_fit"),
    "nothing": (lambda X: lambda: [], ValueError, "gave no batch"),
    "one row": (lambda X: lambda: [X[0]], ValueError, "2-D"),
    "other columns": (lambda X: lambda: [X, X[:, 1:]], ValueError, "batch 1 has 5 columns"),
    "some weights": (lambda X: lambda: [X, (X, np.ones(len(X)))], ValueError, "all, or none"),
    "text": (lambda X: lambda: [X.astype(str)], TypeError, "numbers"),
    "NaN": (lambda X: lambda: [X, np.where(X == X[7, 2], np.nan, X)], ValueError, f"row {N + 7}, column 2"),
}


@pytest.mark.parametrize("what", NOT_BATCHES)
def test_what_is_no_batches_is_said(what):
    make, kind, says = NOT_BATCHES[what]
    with pytest.raises(kind, match=says):
        fastkmeans.fit_batches(make(rows_of(np.float64)), K, random_state=0)


@pytest.mark.parametrize("change", ["fewer", "more", "longer"])
def test_batches_that_change(change):
    X, passes = rows_of(), [0]

    def make():
        passes[0] += 1
        late = passes[0] > 3
        sizes = (700, 300 if late and change == "longer" else 200, 1300)
        parts = list(batches_of(X, sizes)())
        return parts[:-1] if late and change == "fewer" else [*parts, X] if late and change == "more" else parts

    with pytest.raises(ValueError, match="make_batches gave"):
        fastkmeans.fit_batches(make, K, random_state=0)
