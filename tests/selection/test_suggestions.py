"""What values suggest: the elbow beside kneed's, the rules, and the silence where they say nothing."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kneed import KneeLocator

from fastkmeans.selection.suggestions import (
    difference_curve,
    elbow,
    first_within_error,
    largest,
    last_within_error,
    smallest,
    suggest,
)

NAN = float("nan")


@st.composite
def falling_curves(draw):
    steps = draw(st.lists(st.integers(1, 4), min_size=2, max_size=29))
    falls = draw(st.lists(st.integers(0, 1000), min_size=len(steps), max_size=len(steps)))
    if draw(st.booleans()):
        falls = sorted(falls, reverse=True)
    ks = np.cumsum([draw(st.integers(1, 5)), *steps])
    return ks, np.cumsum([draw(st.integers(0, 100)), *falls[::-1]])[::-1].astype(float)


@given(falling_curves())
def test_the_elbow_is_kneeds(curve):
    ks, inertias = curve
    if inertias[0] == inertias[-1]:
        assert elbow(ks, inertias) is None
        return
    theirs = KneeLocator(ks, inertias, curve="convex", direction="decreasing")
    np.testing.assert_allclose(difference_curve(ks, inertias), theirs.y_difference)
    assert elbow(ks, inertias) == theirs.knee


@pytest.mark.parametrize("sensitivity", [0.0, 0.5, 1.0, 3.0])
def test_the_elbow_is_kneeds_at_any_sensitivity(sensitivity):
    random = np.random.default_rng(0)
    ks = np.arange(2, 31)
    for _ in range(50):
        inertias = np.sort(random.exponential(size=len(ks)) ** 3)[::-1]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = KneeLocator(ks, inertias, S=sensitivity, curve="convex", direction="decreasing").knee
        assert elbow(ks, inertias, sensitivity) == theirs


def test_an_elbow_that_anyone_sees():
    ks = np.arange(1, 10)
    assert elbow(ks, np.array([100, 60, 20, 18, 16, 14, 12, 10, 8.0])) == 3
    assert elbow(ks, 10.0 - ks) is None  # a straight line
    assert elbow(ks[:2], np.array([2.0, 1.0])) is None
    assert elbow(ks, np.ones(9)) is None


def test_extremes_inside_the_range_and_at_its_ends():
    ks = (2, 3, 4, 5)
    assert largest(ks, np.array([0.1, 0.5, 0.5, 0.2])) == 3
    assert largest(ks, np.array([0.9, 0.5, 0.5, 0.2])) == 2  # no fewer are possible
    assert largest((5, 6, 7), np.array([0.9, 0.5, 0.2])) is None  # 4 may be better yet
    assert largest(ks, np.array([0.1, 0.2, 0.3, 0.4])) is None  # and so may 6
    assert largest(ks, np.array([0.1, 0.2, 0.3, NAN])) is None
    assert largest((1, 2, 3), np.array([NAN, 0.4, 0.3])) == 2
    assert largest(ks, np.full(4, NAN)) is None
    assert smallest(ks, np.array([3.0, 1.0, 2.0, NAN])) == 3
    assert smallest(ks, np.array([3.0, 2.0, 2.5, 1.0])) is None


def test_the_rule_of_one_standard_error():
    ks, gaps = (1, 2, 3, 4), np.array([0.1, 0.5, 0.52, 0.2])
    assert first_within_error(ks, gaps, np.array([0, 0, 0.05, 0])) == 2
    assert first_within_error(ks, gaps, np.zeros(4)) == 3
    assert first_within_error(ks, np.arange(4.0), np.zeros(4)) is None
    assert first_within_error(ks, np.array([0.1, 0.5, NAN, 0.2]), np.zeros(4)) is None


def test_the_largest_k_that_is_as_stable_as_the_best():
    ks, values = (1, 2, 3, 4, 5), np.array([NAN, 1.0, 0.9, 0.99, 0.5])
    assert last_within_error(ks, values, np.array([NAN, 0.02, 0, 0, 0])) == 4
    assert last_within_error(ks, values, np.zeros(5)) == 2
    assert last_within_error(ks[:4], values[:4], np.full(4, 0.02)) is None
    assert last_within_error(ks, np.full(5, NAN), np.zeros(5)) is None


def test_inertia_suggests_nothing():
    table = {"inertia": np.array([9.0, 2.0, 1.0, 0.5]), "gap": np.arange(4.0)[::-1], "gap_error": np.zeros(4)}
    assert suggest((2, 3, 4, 5), table, ["inertia", "elbow", "gap"]) == {"inertia": None, "elbow": 3, "gap": 2}
