"""Figures of loss and accuracy over the epochs of training runs."""

import numpy as np

from keras_action.plots.figure import TRAIN_COLOR, VALIDATION_COLOR, draw_grid, new_figure
from keras_action.utils.epoch_log import read_epochs


def curves_figure(log_csv_path, title=None):
    """Draws loss and accuracy over the epochs of a training run, from its log.

    Args:
        log_csv_path: Path of a file of `keras.callbacks.CSVLogger`, with the
            columns `epoch` (from 0) and any of `loss`, `val_loss`, `accuracy` and
            `val_accuracy`. If a resumed run has an epoch twice, the later line
            counts; an incomplete last line is ignored.
        title: A line above the two plots.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    epochs, columns = _read_log(log_csv_path)
    figure = new_figure(8.4, 3.4)
    axes_pair = figure.subplots(1, 2)
    for axes, name, top in zip(axes_pair, ("loss", "accuracy"), (None, 1.02), strict=True):
        for column, label, color, style in (
            (name, "train", TRAIN_COLOR, "-"),
            (f"val_{name}", "validation", VALIDATION_COLOR, "--"),
        ):
            if column in columns:
                # With a marker, as one epoch makes no line.
                axes.plot(epochs, columns[column], style, color=color, label=label, marker=".", markersize=5)
        axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
        _finish(axes, name, top)
        if axes.lines:
            axes.legend(frameon=False)
        else:
            axes.text(0.5, 0.5, "no values in the log", ha="center", transform=axes.transAxes, color="0.4")
    if title:
        figure.suptitle(title)
    return figure


def compared_curves_figure(logs):
    """Draws the accuracy over the epochs of several models, each trained several times.

    Args:
        logs: Dict from the name of a model to the paths of the logs of its
            runs, as in `curves_figure`.

    Returns:
        A `matplotlib.figure.Figure`: a colour for each model, a line for each
        run.
    """
    figure = new_figure(9.6, 3.8)
    axes_pair = figure.subplots(1, 2, sharey=True)
    for axes, column, title in zip(axes_pair, ("accuracy", "val_accuracy"), ("train", "validation"), strict=True):
        for model, (name, paths) in enumerate(logs.items()):
            for run, path in enumerate(paths):
                epochs, columns = _read_log(path)
                if column in columns:
                    label = None if run else name
                    axes.plot(epochs, columns[column], color=f"C{model}", label=label, linewidth=1.2, alpha=0.8)
        _finish(axes, f"accuracy, {title}", 1.02)
    if axes.lines:
        axes.legend(frameon=False)
    return figure


def learning_curves_figure(curves):
    """Draws accuracy over the number of training clips, for several models.

    Args:
        curves: Dict from the name of a model to its points, each
            `(clips per class, accuracy, low, high)` with the ends of the
            accuracy's interval.

    Returns:
        A `matplotlib.figure.Figure`: a line with error bars for each model.
    """
    figure = new_figure(6.4, 4)
    axes = figure.subplots()
    for name, points in curves.items():
        clips, means, lows, highs = np.transpose(sorted(points))
        axes.errorbar(clips, means, yerr=[means - lows, highs - means], marker="o", capsize=3, label=name)
    axes.set_xlabel("training clips of each class")
    axes.set_ylabel("top-1 accuracy")
    axes.set_ylim(0, 1.02)
    draw_grid(axes)
    axes.legend(frameon=False, loc="lower right")
    return figure


def _finish(axes, title, top):
    axes.set_title(title, fontsize=11)
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    axes.set_ylim(bottom=0, top=top)
    draw_grid(axes)


def _read_log(path):
    """The epochs, counted from 1, and a list of values for each column that is not empty."""
    rows = read_epochs(path)
    if not rows:
        raise ValueError(f"A training log must have a column `epoch` and a line. Received: {path}")
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name, float("nan")) for row in rows] for name in names}
    return [row["epoch"] + 1 for row in rows], {
        name: values for name, values in columns.items() if np.isfinite(values).any()
    }
