"""A photo in the colours of its clusters."""

import numpy as np
import pytest

import fastkmeans
from fastkmeans import plots


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, size=(12, 20, 3), dtype=np.uint8)


def test_quantised_photo_is_in_the_colours_of_the_centers(photo):
    result = fastkmeans.fit(photo.reshape(-1, 3), 4, random_state=0)
    original, quantised, strip = plots.quantised_photo(photo, result)
    np.testing.assert_array_equal(original.images[0].get_array(), photo)
    np.testing.assert_array_equal(
        quantised.images[0].get_array().reshape(-1, 3), np.rint(result.centers).astype(np.uint8)[result.labels]
    )
    assert quantised.get_title(loc="left") == "4 colours"
    assert sum(bar.get_width() for bar in strip.patches) == pytest.approx(1.0)


def test_given_axes_are_used_and_what_does_not_fit_refused(photo, blobs):
    from matplotlib.figure import Figure

    result = fastkmeans.fit(photo.reshape(-1, 3), 4, random_state=0)
    axes = Figure().subplots(3)
    assert list(plots.quantised_photo(photo, result, ax=axes)) == list(axes)
    with pytest.raises(ValueError, match="2 Axes"):
        plots.quantised_photo(photo, result, ax=axes[:2])
    with pytest.raises(ValueError, match="shape"):
        plots.quantised_photo(photo[1:], result)
