from importlib.util import find_spec

import pytest

from keras_action import plots
from keras_action.recognition import OperatingPoint

needs_matplotlib = pytest.mark.skipif(find_spec("matplotlib") is None, reason="Matplotlib is not installed")


@needs_matplotlib
def test_operating_curve():
    points = [OperatingPoint(0.1 * i, 1 - 0.1 * i, max(0.0, 5 - i), 0) for i in range(1, 9)]
    figure = plots.operating_curve_figure({"one": points, "two": points[:3]}, {"one": 0.1 * 4}, 1.0, title="curves")
    (axes,) = figure.axes
    assert axes.get_legend_handles_labels()[1] == ["one", "two", "allowed"]
    assert [text.get_text() for text in axes.texts] == ["0.40"]
    assert axes.get_title() == "curves"
    assert plots.figure_to_png_bytes(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("curves", [{}, {"one": []}])
def test_operating_curve_without_points(curves):
    with pytest.raises(ValueError, match=r"Expected at least one curve, and points on each. Received: "):
        plots.operating_curve_figure(curves)
