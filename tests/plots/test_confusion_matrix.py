import doctest
import itertools
from importlib.util import find_spec

import numpy as np
import pytest

from keras_action.plots import confusion_matrix, confusion_matrix_figure, figure_to_png_bytes, save_figure

needs_matplotlib = pytest.mark.skipif(find_spec("matplotlib") is None, reason="Matplotlib is not installed")


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


@needs_matplotlib
@pytest.mark.parametrize(
    ("classes", "numbers"), [(1, True), (2, True), (9, True), (15, True), (16, False), (30, False)]
)
def test_confusion_matrix(classes, numbers):
    confusion = np.diag(np.arange(1, classes + 1) * 100)
    confusion[0, -1] = 7
    figure = confusion_matrix_figure(confusion, [f"class number {i}" for i in range(classes)], title="TSN")
    axes = figure.axes[0]
    assert axes.get_title() == "TSN"
    assert [label.get_text() for label in axes.get_yticklabels()][-1] == f"class number {classes - 1}"
    # Empty cells have no number: what is confused stands out.
    shown = [str(count) for count in confusion.flat if count]
    assert texts_of(axes) == (shown if numbers else [])
    assert figure_to_png_bytes(figure).startswith(b"\x89PNG")


@needs_matplotlib
@pytest.mark.parametrize("classes", [3, 9, 27])
def test_class_names_do_not_overlap(classes):
    figure = confusion_matrix_figure(np.eye(classes), ["Zooming Out With Two Fingers"] * classes)
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    for upper, lower in itertools.pairwise(boxes):
        assert not upper.overlaps(lower)


@needs_matplotlib
def test_a_class_without_clips_is_an_empty_row():
    figure = confusion_matrix_figure([[3, 0], [0, 0]], ["left", "right"])
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), [[1, 0], [0, 0]])


@pytest.mark.parametrize(
    ("confusion", "labels", "message"),
    [
        ([[1, 0]], ["a"], r"square.*Received: confusion\.shape=\(1, 2\)"),
        (np.zeros((2, 2)), ["a", "b", "c"], "Received: .*3 labels"),
        (np.zeros((0, 0)), [], "Received"),
        ([[-1]], ["a"], "counts.*Received"),
        ([[np.nan]], ["a"], "counts.*Received"),
    ],
)
def test_confusion_matrix_errors(confusion, labels, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix_figure(confusion, labels)


@pytest.mark.parametrize(
    ("share", "color"), [(0.0, "black"), (0.3, "black"), (0.5, "black"), (0.8, "white"), (1.0, "white")]
)
@needs_matplotlib
def test_numbers_contrast_with_their_cell(share, color):
    hits = round(share * 100)
    figure = confusion_matrix_figure([[hits or 1, 100 - hits], [0, 1]], ["a", "b"])
    assert figure.axes[0].texts[0].get_color() == color


@needs_matplotlib
def test_docstring(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(confusion_matrix, extraglobs={"save_figure": save_figure}).failed == 0
    assert (tmp_path / "confusion.png").exists()
