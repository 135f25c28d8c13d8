"""Awkward inputs: KMeans answers as scikit-learn's, but for the differences that the docs list with their reasons."""

import pytest
from sklearn.cluster import KMeans as SklearnKMeans

import fastkmeans
from tests.checks import ROOT
from tests.estimators.awkward import cases, fitted, parameters, rows  # noqa: F401 - they register cases

PAGE = ROOT / "docs" / "coming-from-scikit-learn.md"
# The bold words of a row of the page's table: the cases that it is about.
DIFFERENCES = {
    "Squares that overflow": [
        "X huge 1e200 (squares overflow)", "X huge 1e30 float32 (squares overflow)", "X one value 1e200 among small",
        "X max float64", "predict huge 1e200",
    ],
    "Small types": [
        "X bool", "X float16", "X float16 with overflow in squares (300)", "X int8", "X uint8 (image)",
        "X big-endian >f4",
    ],
    "Tiny float32": ["X tiny float32 1e-25 (squares underflow)"],
    "Integers beyond 2\\*\\*53": ["X int64 near 2**53 (not exact in float64)"],
    "Text and dates": [
        "X strings of numbers", "X bytes", "X datetime64", "X DataFrame categorical of strings", "init array str dtype",
        "sample_weight strings", "X structured dtype", "X a str",
    ],
    "Masked arrays": ["X masked array, a masked cell"],
    "X is read only": ["X read-only, copy_x=False"],
    "Other draws": ["X DataFrame categorical of numbers", "sample_weight zero for one blob"],
    "Sparse with int64 indices": ["X sparse csr, int64 indices"],
    "`True` for a number": ["n_init=True", "random_state=True"],
    "More names": ["algorithm='auto'", "random_state=Generator"],
    "Weights": ["sample_weight all negative", "sample_weight huge 1e300", "score negative sample_weight"],
    "Another dtype in predict": [
        "predict float32 after fit float64", "predict float64 after fit float32", "predict float16 after fit float32",
    ],
    "Far from zero": ["predict 1e6 offset float32 query"],
    "Centers set by hand": [
        "predict after cluster_centers_ set to list", "predict after cluster_centers_ set to float32",
        "predict after cluster_centers_ set Fortran", "predict after cluster_centers_ set to wrong width",
        "predict after cluster_centers_ set with NaN",
    ],
    "State of another version": [
        "unpickle a state written by another version", "state without private attributes",
    ],
}  # fmt: skip
CHOSEN = {name: words for words, names in DIFFERENCES.items() for name in names}


def test_every_difference_is_known_and_no_other_is():
    found = set()
    for name, function in cases.CASES:
        outcomes = []
        for kind in (SklearnKMeans, fastkmeans.KMeans):
            cases.G["KMeans"] = kind
            outcomes.append(cases.outcome(function))
        if cases.differ(*outcomes):
            found.add(name)
    assert len(cases.CASES) == 225
    assert found - set(CHOSEN) == set(), "new differences"
    assert set(CHOSEN) - found == set(), "differences that are none"


@pytest.mark.parametrize("words", DIFFERENCES)
def test_the_page_tells_the_differences(words):
    assert f"| **{words}** |" in PAGE.read_text()
