"""align_labels: permuted copies are recovered, matchings are the best of all permutations, drift is what happened."""

import itertools
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastkmeans
from fastkmeans import align_labels, fit
from tests.checks import assert_same_bits

pytest.importorskip("scipy")


def clouds(n, d, k, seed=0, spread=8.0):
    random = np.random.default_rng(seed)
    middles = random.normal(scale=spread, size=(k, d))
    return (middles[random.integers(k, size=n)] + random.normal(size=(n, d))).astype(np.float32)


def permuted(result, numbers):
    """The result with cluster c called numbers[c]."""
    centers = np.empty_like(result.centers)
    centers[numbers] = result.centers
    return fastkmeans.KMeansResult(
        centers, np.asarray(numbers, np.int32)[result.labels], result.inertia, result.n_iter, result.converged
    )


@pytest.mark.parametrize("by", ["auto", "rows", "centers"])
def test_a_permuted_copy_is_recovered(by):
    result = fit(clouds(500, 3, 9), 9, random_state=0)
    numbers = np.random.default_rng(1).permutation(9)
    alignment = align_labels(result, permuted(result, numbers), by=by)
    np.testing.assert_array_equal(alignment.mapping, np.argsort(numbers))
    np.testing.assert_array_equal(alignment.inverse, numbers)
    assert_same_bits(alignment.labels, result.labels)
    again = alignment.relabelled(permuted(result, numbers))
    assert_same_bits(again.centers, result.centers)
    assert_same_bits(again.labels, result.labels)
    assert again.inertia == result.inertia
    assert not alignment.movement.any() and alignment.new == alignment.vanished == ()
    np.testing.assert_array_equal(alignment.sizes_before, alignment.sizes_after)
    if by != "centers":
        assert alignment.moved_share == 0 and alignment.adjusted_rand == 1 and (alignment.kept == 1).all()
    else:
        assert alignment.moved_share is alignment.adjusted_rand is alignment.kept is None


def labellings(most=5, size=40):
    n = st.integers(1, size)
    return n.flatmap(lambda n: st.tuples(*[st.lists(st.integers(0, most - 1), min_size=n, max_size=n)] * 2))


@given(labellings())
def test_rows_are_matched_as_the_best_permutation_does(pair):
    a, b = map(np.array, pair)
    alignment = align_labels(a, b)
    k = max(a.max(), b.max()) + 1
    best = max(sum(np.array(numbers)[b] == a) for numbers in itertools.permutations(range(k)))
    assert round((1 - alignment.moved_share) * len(a)) == best
    assert alignment.moved_share == pytest.approx((alignment.labels != a).mean())
    np.testing.assert_array_equal(alignment.labels, alignment.mapping[b])
    for j, c in enumerate(alignment.inverse):
        assert c == -1 or alignment.mapping[c] == j
    for c, j in enumerate(alignment.mapping):
        assert j == -1 or (alignment.inverse[j] == c and ((a == j) & (b == c)).any())
    assert alignment.new == tuple(c for c in np.unique(b) if alignment.mapping[c] == -1)
    assert alignment.vanished == tuple(j for j in np.unique(a) if alignment.inverse[j] == -1)


@given(labellings(8, 60))
def test_the_rand_index_is_scikit_learns(pair):
    metrics = pytest.importorskip("sklearn.metrics")
    assert align_labels(*pair).adjusted_rand == pytest.approx(metrics.adjusted_rand_score(*pair), abs=1e-12)


@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 5))
def test_centers_are_matched_as_the_best_permutation_does(seed, k, m):
    random = np.random.default_rng(seed)
    one, two = random.normal(size=(k, 2)), random.normal(size=(m, 2))
    results = [fit(centers, len(centers), init=centers, max_iter=1) for centers in (one, two)]
    alignment = align_labels(*results, by="centers")
    distances = np.sqrt(((one[:, None] - two) ** 2).sum(axis=2))
    few, many = (distances, m) if k <= m else (distances.T, k)
    best = min(
        few[np.arange(len(few)), list(numbers)].sum() for numbers in itertools.permutations(range(many), len(few))
    )
    assert np.nansum(alignment.movement) == pytest.approx(best)
    assert np.isnan(alignment.movement).sum() == len(alignment.vanished) == max(0, k - m)
    assert len(alignment.new) == max(0, m - k)


def test_drift_after_a_refit_is_what_happened():
    """One cloud moves by 3, one goes, a new one comes."""
    before = clouds(2000, 2, 5, seed=4, spread=30)
    result = fit(before, 5, n_init=5, random_state=0)
    after = before[result.labels != 2].copy()
    own = result.labels[result.labels != 2]
    after[own == 3, 0] += 3
    after = np.vstack([after, np.random.default_rng(0).normal(size=(300, 2)) + [200, 200]]).astype(np.float32)
    start = np.vstack([result.centers[[3, 0, 4, 1]], [[200, 200]]])
    other = fit(after, 5, init=start)
    alignment = align_labels(result, other, by="centers")
    assert alignment.mapping[:4].tolist() == [3, 0, 4, 1]
    np.testing.assert_allclose(alignment.movement[[0, 1, 4]], 0, atol=1e-5)
    assert alignment.movement[3] == pytest.approx(3, rel=1e-3)
    four = align_labels(result, fit(after, 4, init=result.centers[[3, 0, 4, 1]]), by="centers")
    assert four.vanished == (2,) and np.isnan(four.movement[2]) and four.sizes_after[2] == 0
    shared = align_labels(result, other, X=before)
    assert shared.by == "rows" and shared.vanished == (2,) and shared.new == (4,)
    assert shared.inverse.tolist() == [1, 3, -1, 0, 2]
    lost = (result.labels == 2).mean()
    assert shared.moved_share == pytest.approx(lost) and shared.kept[2] == 0 and (shared.kept[[0, 1, 3, 4]] == 1).all()
    text = str(shared)
    assert "5 clusters matched with 5 by rows" in text and f"{lost:.2%} of 2000 rows moved" in text
    assert len(text.splitlines()) == 2 + 5 + 1
    assert text.splitlines()[4].split()[:2] == ["2", "gone"] and text.splitlines()[-1].split()[:2] == ["new", "4"]
    renamed = shared.relabelled(other)  # the new one takes the number of the one that has gone
    np.testing.assert_array_equal(renamed.centers[2], other.centers[4])
    np.testing.assert_array_equal(renamed.predict(after), renamed.labels)


def test_estimators_and_results_of_other_lengths():
    cluster = pytest.importorskip("sklearn.cluster")
    rows = clouds(400, 3, 4)
    result = fit(rows, 4, n_init=5, random_state=0)
    theirs = cluster.KMeans(4, n_init=5, random_state=3).fit(rows)
    ours = fastkmeans.KMeans(4, n_init=5, random_state=9).fit(rows)
    for model in (theirs, ours):
        alignment = align_labels(result, model)
        assert alignment.by == "rows" and alignment.moved_share == 0
        np.testing.assert_array_equal(alignment.labels, result.labels)
        np.testing.assert_allclose(alignment.movement, 0, atol=1e-4)
    part = fit(rows[:300], 4, init=result.centers[::-1])
    alignment = align_labels(result, part)
    assert alignment.by == "centers" and alignment.mapping.tolist() == [3, 2, 1, 0]
    assert alignment.sizes_before.sum() == 400 and alignment.sizes_after.sum() == 300
    assert align_labels(result, part, X=rows).by == "rows"
    assert align_labels(result.labels.tolist(), part, X=rows).moved_share < 0.05
    linked = cluster.AgglomerativeClustering(4).fit(rows)  # labels alone
    assert align_labels(result, linked).movement is None


def test_cosine_models_label_rows_their_way():
    rows = clouds(300, 3, 3, spread=3) + 1
    result = fit(rows, 3, metric="cosine", random_state=0)
    other = fit(rows[:200], 3, metric="cosine", init=result.centers[[1, 2, 0]])
    alignment = align_labels(result, other, X=rows)
    np.testing.assert_array_equal(alignment.labels, alignment.mapping[other.predict(rows)])


def test_frames_have_a_line_a_cluster():
    pandas = pytest.importorskip("pandas")
    alignment = align_labels([0, 0, 1, 1, 3], [1, 1, 0, 2, 2])
    frame = alignment.to_frame()
    assert frame["cluster"].tolist() == [0, 1, 3] and frame["in_other"].tolist() == [1, 0, 2]
    assert frame["kept"].tolist() == [1.0, 0.5, 1.0] and frame["movement"].isna().all()
    more = align_labels([0, 0, 0, 1], [0, 1, 2, 2]).to_frame()
    assert more["cluster"].isna().tolist() == [False, False, True] and more["sizes_after"].tolist() == [1, 2, 1]
    assert isinstance(more, pandas.DataFrame)


class Unfitted:
    """An estimator before fit."""

    def fit(self, X):
        """Never called."""


RESULT = fastkmeans.KMeansResult(np.eye(2), np.array([0, 1, 1], np.int32), 0.0, 1, True)
ERRORS = (
    ([0, 1], [0, 1, 1], {}, ValueError, "result has no centers"),
    (RESULT, [0, 1], {"by": "rows"}, ValueError, "result has 3 labels and other has 2 labels: pass X"),
    (RESULT, RESULT, {"by": "columns"}, ValueError, "by='columns' is unknown"),
    (RESULT, Unfitted(), {}, TypeError, "other is not fitted: Unfitted"),
    (RESULT, [0.5, 1.0, 2.0], {}, TypeError, "1-D array of integer labels"),
    (RESULT, [[0, 1, 2]], {}, TypeError, "1-D array of integer labels"),
    (RESULT, [], {}, TypeError, "1-D array of integer labels"),
    (RESULT, [0, -1, 1], {}, ValueError, "other has the label -1"),
    (RESULT, [0, 1], {"X": np.eye(3)}, ValueError, "columns"),
    (RESULT, [0, 1], {"X": np.ones((3, 2))}, ValueError, "other has 2 labels, but X has 3 rows"),
)


@pytest.mark.parametrize("one, two, settings, kind, message", ERRORS, ids=[error[4][:30] for error in ERRORS])
def test_errors_say_what_to_do(one, two, settings, kind, message):
    with pytest.raises(kind, match=message):
        align_labels(one, two, **settings)


def test_only_as_many_clusters_can_be_relabelled():
    rows = clouds(100, 2, 4)
    two, three = fit(rows, 2, random_state=0), fit(rows, 3, random_state=0)
    with pytest.raises(ValueError, match="other has 3 clusters, result 2"):
        align_labels(two, three).relabelled(three)
    with pytest.raises(TypeError, match="got list"):
        align_labels(two, two).relabelled([0, 1])
    wide = fit(clouds(90, 3, 2), 2, random_state=0)
    with pytest.raises(ValueError, match="result has centers of 2 columns, other of 3"):
        align_labels(two, wide)


def test_without_scipy_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ImportError, match=r'pip install "\.\[select\]"'):
        align_labels([0, 1], [1, 0])
