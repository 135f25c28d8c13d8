"""The iterations as a GIF: its frames, its size, and the fit that it shows."""

import numpy as np
import pytest
from PIL import Image

import fastkmeans
from fastkmeans import plots
from fastkmeans.plots.animations import _thinned


@pytest.mark.parametrize("init", ["random", "k-means++", [0, 1, 2], lambda X, k, random_state: X[:k]])
def test_the_gif_has_as_many_frames_as_said(tmp_path, flat, init):
    X, _ = flat
    written = plots.animation(X, 3, tmp_path / "steps.gif", init=init, random_state=0, size=(300, 240))
    assert written.n_frames == 2 * written.result.n_iter + 2 >= 6
    with Image.open(written.path) as gif:
        assert (gif.format, gif.n_frames, gif.size) == ("GIF", written.n_frames, (300, 240))
        assert gif.info["loop"] == 0


def test_the_result_is_that_of_the_fit(tmp_path, flat):
    X, _ = flat
    written = plots.animation(X, 3, tmp_path / "steps.gif", init=[0, 1, 2], size=(240, 240))
    expected = fastkmeans.fit(X, 3, init=[0, 1, 2], tol=0)
    np.testing.assert_array_equal(written.result.labels, expected.labels)
    np.testing.assert_allclose(written.result.centers, expected.centers)
    assert written.result.converged
    inertias = [stats.inertia for stats in written.result.history]
    np.testing.assert_allclose(inertias[: expected.n_iter], [stats.inertia for stats in expected.history])
    assert [stats.iteration for stats in written.result.history] == list(range(1, written.result.n_iter + 1))


def test_frames_are_limited(tmp_path, blobs):
    X, _ = blobs
    random = np.random.default_rng(0)
    X = random.normal(size=(500, 2))
    written = plots.animation(X, 8, tmp_path / "s.gif", init=list(range(8)), max_frames=9, size=(240, 240))
    assert written.result.n_iter > 5 and written.n_frames <= 9
    with Image.open(written.path) as gif:
        assert gif.n_frames == written.n_frames
    assert plots.animation(X, 8, tmp_path / "s.gif", init="random", random_state=0, max_iter=2).n_frames == 6


@pytest.mark.parametrize("n_iter", [5, 7, 50, 1000])
@pytest.mark.parametrize("most", [1, 2, 3, 6])
def test_thinned_iterations_are_few_and_end_with_the_last(n_iter, most):
    shown = _thinned(n_iter, most)
    assert len(shown) <= max(2, most) and shown[0] == 1 and shown[-1] in (n_iter, 1)
    assert most == 1 or shown[-1] == n_iter
    assert (np.diff(shown) > 0).all()


@pytest.mark.parametrize("d", [1, 2, 3])
def test_any_number_of_columns_and_metric(tmp_path, blobs, d):
    X = blobs[0][:, :d]
    for metric in ("euclidean", "cosine"):
        written = plots.animation(
            X, 2, tmp_path / "s.gif", metric=metric, random_state=0, cells=d < 3, max_frames=4, size=(240, 240)
        )
        assert written.n_frames == 4 and written.result.metric == metric


def test_bad_settings_are_refused_before_anything_is_written(tmp_path, flat, blobs):
    X, _ = flat
    path = tmp_path / "s.gif"
    for settings in ({"max_frames": 3}, {"fps": 0}, {"size": (50, 500)}, {"max_iter": 0}, {"init": "k-mean"}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            plots.animation(X, 3, path, **settings)
    with pytest.raises(ValueError, match="cells"):
        plots.animation(blobs[0], 3, path, cells=True)
    with pytest.raises(ValueError, match="n_clusters"):
        plots.animation(X, 500, path)
    assert list(tmp_path.iterdir()) == []
