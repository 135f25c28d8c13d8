"""select_k as its users meet it: errors that say what to do, the table in words, the frame."""

import dataclasses
import pickle

import numpy as np
import pytest
from scipy import sparse

from fastkmeans import Selection, select_k
from tests.checks import run_python
from tests.selection.test_path import blobs

X = blobs(60, 2, 3)


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"ks": 5}, TypeError, r"ks must list numbers of clusters, like range\(2, 31\), got 5"),
        ({"ks": "23"}, TypeError, "ks must list"),
        ({"ks": []}, ValueError, "ks is empty"),
        ({"ks": (2, 61)}, ValueError, "ks goes up to 61, but X has 60 rows; ask for at most 60"),
        ({"ks": (0, 3)}, ValueError, "ks=0 must be at least 1"),
        ({"ks": (2.5,)}, TypeError, "ks must be an integer"),
        ({"method": "gmeans"}, ValueError, "method='gmeans' is unknown .did you mean 'g-means'"),
        ({"criteria": ["silhuette"]}, ValueError, "criteria='silhuette' is unknown .did you mean 'silhouette'"),
        ({"criteria": "bic", "metric": "cosine"}, ValueError, "'bic' models rows that fill the space"),
        ({"criteria": "gap", "sample_weight": np.arange(60)}, ValueError, "'gap' is defined for single rows; leave it"),
        ({"method": "g-means", "metric": "cosine"}, ValueError, "method='g-means' models rows"),
        ({"method": "g-means", "sample_weight": np.arange(60)}, ValueError, "out, or take 'x-means'"),
        (
            {"init": X[:2]},
            TypeError,
            "init must be the name of a seeding or a callable, as an array has the centers of",
        ),
        ({"init": "kmeans++"}, ValueError, "did you mean 'k-means"),
        ({"n_init": 0}, ValueError, "n_init=0"),
        ({"max_iter": 0}, ValueError, "max_iter=0"),
        ({"tol": -1}, ValueError, "tol=-1"),
        ({"alpha": 1.5}, ValueError, "alpha=1.5 must lie between 0 and 1"),
        ({"alpha": "small"}, TypeError, "alpha must be a number"),
        ({"n_references": 1}, ValueError, "n_references=1 must be at least 2"),
        ({"n_bootstraps": 1}, ValueError, "n_bootstraps=1 must be at least 2"),
        ({"silhouette_sample_size": 1}, ValueError, "silhouette_sample_size=1"),
        ({"reference_box": "pca"}, ValueError, "reference_box='pca'"),
        ({"callback": 3}, TypeError, "callback must be callable"),
        ({"n_threads": 0}, ValueError, "n_threads=0"),
        ({"random_state": "seed"}, TypeError, "random_state"),
    ],
)
def test_errors_name_the_argument_and_the_remedy(settings, error, message):
    with pytest.raises(error, match=message):
        select_k(X, **{"ks": (2, 3)} | settings)


def test_rows_that_cannot_be_used():
    with pytest.raises(ValueError, match="contains NaN .at row 0, column 1."):
        select_k([[1.0, np.nan], [2.0, 3.0]], (2,))
    with pytest.raises(ValueError, match="must be 2-D"):
        select_k(np.zeros(5), (2,))
    thin = sparse.csr_array(X)
    with pytest.raises(ValueError, match=r"'gap' needs dense rows; leave it out, or pass X.toarray"):
        select_k(thin, (2,), criteria="gap")
    with pytest.raises(ValueError, match="'silhouette' needs dense rows"):
        select_k(thin, (2,), criteria="silhouette")
    assert "gap" not in select_k(thin, (2,), criteria="all", n_bootstraps=2).table


def test_files_that_are_larger_than_the_budget(tmp_path):
    np.save(tmp_path / "rows.npy", blobs(50_000, 8, 3))
    streamed = {"X": tmp_path / "rows.npy", "ks": (2, 3), "memory_budget": 1 << 20}
    with pytest.raises(ValueError, match="'gap' needs the rows in memory; leave it out, take some"):
        select_k(**streamed, criteria="gap")
    with pytest.raises(ValueError, match="method='g-means' needs the rows in memory"):
        select_k(**streamed, method="g-means")


def test_dask_is_refused():
    array = pytest.importorskip("dask.array").from_array(X)
    with pytest.raises(TypeError, match=r"select_k does not take; pass X.compute\(\)"):
        select_k(array, (2,))


def test_a_record_of_its_own():
    selection = select_k(X, range(2, 6), random_state=0)
    assert isinstance(selection, Selection)
    with pytest.raises(dataclasses.FrozenInstanceError):
        selection.ks = (1,)
    again = pickle.loads(pickle.dumps(selection))
    assert str(again) == str(selection) and again.results.keys() == selection.results.keys()
    with pytest.raises(ValueError, match=r"choose one, selection.results\[k\]"):
        _ = selection.result
    assert select_k(X, (3,), random_state=0).result.centers.shape == (3, 2)
    assert repr(selection).startswith("Selection(method='path', ks=2..5, suggestions={'inertia': None")


def test_the_frame_is_the_table():
    pytest.importorskip("pandas")
    selection = select_k(X, (2, 3, 7), random_state=0)
    frame = selection.to_frame()
    assert list(frame.index) == [2, 3, 7] and frame.index.name == "k"
    assert list(frame.columns) == list(selection.table)
    np.testing.assert_array_equal(frame["bic"], selection.table["bic"])


@pytest.mark.parametrize("name", ["elbow", "bic", "silhouette"])
def test_one_criterion_alone(name):
    alone, among = (select_k(X, range(2, 8), criteria=names, random_state=0) for names in (name, "all"))
    assert list(alone.suggestions) == [name] and alone.suggestions[name] == among.suggestions[name]
    assert list(alone.table)[:2] == ["inertia", name]
    np.testing.assert_array_equal(alone.table[name], among.table[name])


def table(suggestions, **columns):
    columns = {name: np.array(values, float) for name, values in columns.items()}
    return Selection("path", (2, 3, 4), {}, columns, suggestions)


def test_the_table_in_words():
    agree = str(table({"bic": 3, "elbow": 3}, bic=[5, 3, 4], elbow=[0, 0.5, 0]))
    assert agree.splitlines() == [
        "k bic  elbow",
        "2   5      0",
        "3   3*   0.5*",
        "4   4      0",
        "",
        "k=3: bic, elbow.",
    ]
    differ = str(table({"inertia": None, "bic": 3, "elbow": 2, "aic": None}, inertia=[123456, 1234.5, np.nan]))
    assert differ.splitlines()[1:] == [
        "2  123456", "3    1234", "4       -", "",
        "The criteria disagree; each looks for something else:", "  k=2: elbow", "  k=3: bic",
        "No suggestion within these ks: aic.",
    ]  # fmt: skip
    assert str(table({"bic": 3}, bic=[5, 3, 4])).endswith("k=3: bic. One voice is no agreement.")
    assert "suggestion" not in str(table({"inertia": None}, inertia=[3, 2, 1]))


def test_verbose_shows_a_bar(capsys):
    select_k(X, range(2, 5), verbose=1, random_state=0)
    assert "7/7" in capsys.readouterr().err
    select_k(X, (3,), verbose=1, random_state=0)
    assert "1/1" in capsys.readouterr().err


def test_no_seed_follows_numpys_global_state():
    np.random.seed(3)  # noqa: NPY002
    one = select_k(X, (3, 4))
    np.random.seed(3)  # noqa: NPY002
    np.testing.assert_array_equal(one.results[4].centers, select_k(X, (3, 4)).results[4].centers)


def test_no_optional_package_is_needed():
    code = """
import sys
for name in ("sklearn", "scipy", "kneed", "pandas", "matplotlib"):
    sys.modules[name] = None
import fastkmeans, numpy
X = numpy.arange(30.0).reshape(-1, 1) % 10
selection = fastkmeans.select_k(X, range(1, 6), criteria="all", n_references=2, n_bootstraps=2, random_state=0)
fastkmeans.select_k(X, method="g-means", random_state=0)
try:
    selection.to_frame()
except ImportError as error:
    print(error)
"""
    assert "to_frame needs pandas" in run_python(code)
