from importlib.util import find_spec

import numpy as np
import pytest

from keras_action.plots import (
    compared_curves_figure,
    curves_figure,
    figure_to_png_bytes,
    learning_curves_figure,
)

needs_matplotlib = pytest.mark.skipif(find_spec("matplotlib") is None, reason="Matplotlib is not installed")


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


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
def test_compared_curves(tmp_path):
    logs = {}
    for model, values in (("tsn", (0.3, 0.4)), ("action_net", (0.8, 0.9))):
        logs[model] = [tmp_path / f"{model}_{run}.csv" for run in range(2)]
        for run, path in enumerate(logs[model]):
            path.write_text(f"epoch,accuracy,val_accuracy\n0,.1,.2\n1,.5,{values[run]}\n")
    train, validation = compared_curves_figure(logs).axes
    assert [line.get_ydata()[-1] for line in validation.lines] == [0.3, 0.4, 0.8, 0.9]
    assert len({line.get_color() for line in train.lines}) == 2
    assert [text.get_text() for text in validation.get_legend().get_texts()] == ["tsn", "action_net"]


@needs_matplotlib
def test_accuracy_over_clips_is_sorted_and_has_intervals():
    points = [(17, 0.9, 0.8, 1.0), (5, 0.5, 0.3, 0.6)]
    (axes,) = learning_curves_figure({"TSM": points, "ACTION": points[:1]}).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["TSM", "ACTION"]
    line, _, (bars,) = axes.containers[0]
    np.testing.assert_allclose(line.get_xydata(), [[5, 0.5], [17, 0.9]])
    np.testing.assert_allclose([segment[:, 1] for segment in bars.get_segments()], [[0.3, 0.6], [0.8, 1.0]])
