"""Figure of a confusion matrix."""

import numpy as np

from keras_action.plots.figure import INCHES_PER_LETTER, new_figure, shorten, text_color

MAX_CLASSES_WITH_NUMBERS = 15


def confusion_matrix_figure(confusion, labels, title=None):
    """Draws a confusion matrix. The colours are fractions of the true class, the numbers are counts.

    Args:
        confusion: Counts `(classes, classes)`; rows are true classes, columns
            predicted classes.
        labels: Names of the classes.
        title: A line above the matrix.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    >>> figure = confusion_matrix_figure([[9, 1], [2, 8]], ["left", "right"], title="TSM")
    >>> save_figure(figure, "confusion.png")
    """
    confusion = np.asarray(confusion)
    classes = len(labels)
    if confusion.shape != (classes, classes) or not classes:
        raise ValueError(
            f"`confusion` must be square, with a row for each label. "
            f"Received: confusion.shape={confusion.shape}, {classes} labels"
        )
    if not np.isfinite(confusion).all() or confusion.min() < 0:
        raise ValueError(f"`confusion` must contain counts of at least 0. Received: confusion={confusion}")
    totals = confusion.sum(axis=1, keepdims=True)
    fractions = confusion / np.maximum(totals, 1)

    # In inches. A cell has space for its number, or at least for the name of its class.
    cell = max(0.42 if classes <= MAX_CLASSES_WITH_NUMBERS else 0.25, 1.8 / classes)
    font_size = 9 if classes <= MAX_CLASSES_WITH_NUMBERS else 8
    side = cell * classes + 1.5
    figure = new_figure(side + 0.8, side)
    axes = figure.add_subplot()
    image = axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    names = [shorten(label) for label in labels]
    is_narrow = max(map(len, names)) * INCHES_PER_LETTER > cell
    rotation = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if is_narrow else {}
    axes.set_xticks(range(classes), names, **rotation)
    axes.set_yticks(range(classes), names)
    axes.tick_params(length=0, labelsize=font_size)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    # White lines between the cells, drawn as the minor grid.
    axes.set_xticks(np.arange(classes + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(classes + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    if classes <= MAX_CLASSES_WITH_NUMBERS:
        for (row, column), count in np.ndenumerate(confusion):
            if count:
                color = text_color(image.cmap(image.norm(fractions[row, column])))
                axes.text(column, row, f"{count:.6g}", ha="center", va="center", color=color, fontsize=9)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=25, ticks=[0, 0.5, 1], format="{x:.0%}")
    bar.set_label("fraction of the true class", fontsize=font_size)
    bar.ax.tick_params(labelsize=font_size)
    bar.outline.set_visible(False)
    if title:
        axes.set_title(title, fontsize=11)
    return figure
