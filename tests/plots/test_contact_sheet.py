from importlib.util import find_spec

import numpy as np
import pytest

from keras_action.plots import contact_sheet_figure, figure_to_png_bytes

needs_matplotlib = pytest.mark.skipif(find_spec("matplotlib") is None, reason="Matplotlib is not installed")


@needs_matplotlib
@pytest.mark.parametrize("shape", [(1, 1, 8, 8, 3), (3, 8, 64, 64, 3), (2, 16, 48, 64, 3)])
def test_contact_sheet_shows_each_frame(shape):
    count, segments, height, width, _ = shape
    clips = np.random.default_rng(0).integers(0, 200, shape, dtype="uint8")
    figure = contact_sheet_figure(clips, [f"clip {i}" for i in range(count)])
    assert [axes.get_title(loc="left") for axes in figure.axes] == [f"clip {i}" for i in range(count)]
    strip = np.asarray(figure.axes[-1].images[0].get_array())
    gap = (strip.shape[1] - segments * width) // max(segments - 1, 1)
    for t in range(segments):
        start = t * (width + gap)
        np.testing.assert_array_equal(strip[:, start : start + width], clips[-1, t])
    assert strip.shape[0] == height
    assert figure_to_png_bytes(figure)


@pytest.mark.parametrize(
    ("clips", "titles", "message"),
    [
        (np.zeros((1, 2, 8, 8, 3), "float32"), ["a"], "Received: dtype=float32"),
        (np.zeros((2, 8, 8, 3), "uint8"), ["a"], r"Received: .*shape=\(2, 8, 8, 3\)"),
        (np.zeros((0, 2, 8, 8, 3), "uint8"), [], "Received"),
        (np.zeros((2, 2, 8, 8, 3), "uint8"), ["a"], r"a title for each of 2.*Received: titles=\['a'\]"),
    ],
)
def test_contact_sheet_errors(clips, titles, message):
    with pytest.raises(ValueError, match=message):
        contact_sheet_figure(clips, titles)
