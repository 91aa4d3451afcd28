import doctest
import io
import itertools
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from keras_action import plots
from keras_action.plots import (
    charts,
    confusion_matrix_figure,
    contact_sheet_figure,
    curves_figure,
    figure_to_png_bytes,
    save_figure,
)
from keras_action.recognition import OperatingPoint

needs_matplotlib = pytest.mark.skipif(find_spec("matplotlib") is None, reason="Matplotlib is not installed")


def read_png(data):
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


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


# name, text of the log, the epochs drawn, the lines of the loss and the accuracy plot
LOGS = [
    (
        "whole",
        "epoch,accuracy,learning_rate,loss,val_accuracy,val_loss\n0,.1,.01,2,.2,2.1\n1,.5,.01,1,.4,1.5\n",
        [1, 2],
        ["train", "validation"],
        ["train", "validation"],
    ),
    ("no validation", "epoch,accuracy,loss\n0,.1,2\n", [1], ["train"], ["train"]),
    ("loss only", "epoch,loss\n0,2\n1,1\n", [1, 2], ["train"], []),
    ("resumed: an epoch twice", "epoch,loss\n0,2\n1,9\n1,1\n2,.5\n", [1, 2, 3], ["train"], []),
    ("cut off", "epoch,loss,val_loss\n0,2,2.5\n1,1", [1], ["train", "validation"], []),
    ("diverged", "epoch,loss,val_loss\n0,2,nan\n1,nan,nan\n", [1, 2], ["train"], []),
    ("not each epoch", "epoch,loss,val_loss\n0,2,NA\n1,1,1.5\n", [1, 2], ["train", "validation"], []),
]


@needs_matplotlib
@pytest.mark.parametrize(("text", "epochs", "loss", "accuracy"), [c[1:] for c in LOGS], ids=[c[0] for c in LOGS])
def test_curves(tmp_path, text, epochs, loss, accuracy):
    (tmp_path / "log.csv").write_text(text)
    figure = curves_figure(tmp_path / "log.csv", title="ACTION-Net")
    for axes, lines in zip(figure.axes, (loss, accuracy), strict=True):
        assert [line.get_label() for line in axes.lines] == lines
        assert texts_of(axes) == ([] if lines else ["no values in the log"])
    assert list(figure.axes[0].lines[0].get_xdata()) == epochs
    assert figure_to_png_bytes(figure)


@needs_matplotlib
def test_the_later_line_of_an_epoch_counts(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,loss\n0,2\n1,9\n1,1\n")
    assert list(curves_figure(tmp_path / "log.csv").axes[0].lines[0].get_ydata()) == [2, 1]


@pytest.mark.parametrize("text", ["", "epoch,loss\n", "step,loss\n0,1\n", "epoch,loss\nfirst,1\n"])
def test_a_log_without_epochs(tmp_path, text):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(ValueError, match=r"must have a column `epoch`.*Received: .*log\.csv"):
        curves_figure(tmp_path / "log.csv")


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


@needs_matplotlib
@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.PDF", b"%PDF"), ("new/a.svg", b"<?xml")])
def test_save_figure(tmp_path, name, start):
    save_figure(confusion_matrix_figure([[1]], ["a"]), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)


@needs_matplotlib
@pytest.mark.parametrize("name", ["figure", "figure.gif"])
def test_save_figure_needs_a_known_ending(tmp_path, name):
    with pytest.raises(ValueError, match=f"must end in .*Received: path=.*{name}"):
        save_figure(confusion_matrix_figure([[1]], ["a"]), tmp_path / name)
    assert not list(tmp_path.iterdir())


@needs_matplotlib
def test_no_label_is_cut_off():
    figure = confusion_matrix_figure(np.eye(9), ["Turning Hand Counterclockwise"] * 9, title="a title " * 12)
    image = read_png(figure_to_png_bytes(figure))
    frame = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert (frame == 255).all()


@needs_matplotlib
def test_drawing_leaves_pyplot_alone():
    import matplotlib.pyplot as plt

    confusion_matrix_figure([[1]], ["a"])
    assert plt.get_fignums() == []


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'keras_action\[plot\]'"):
        confusion_matrix_figure([[1]], ["a"])


@needs_matplotlib
def test_docstring(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(charts, extraglobs={"save_figure": save_figure}).failed == 0
    assert (tmp_path / "confusion.png").exists()


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
    with pytest.raises(ValueError, match=r"There must be a curve, and points on each. Received: "):
        plots.operating_curve_figure(curves)
