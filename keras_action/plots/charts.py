"""Figures of what was trained and evaluated; they need Matplotlib.

Each function returns a `matplotlib.figure.Figure` that belongs to no window
and no global state: they work without a display, in threads and in notebooks
(where a figure at the end of a cell is shown).

Colours are Okabe and Ito's and a single-hue map, both safe for colour-blind eyes.
"""

import numpy as np

from keras_action.plots.figure import INCHES_PER_LETTER, TRAIN_COLOR, VALIDATION_COLOR, new_figure, shorten, text_color
from keras_action.utils.epoch_log import read_epochs

MAX_CLASSES_WITH_NUMBERS = 15


def confusion_matrix_figure(confusion, labels, title=None):
    """Draw a confusion matrix; the colour is the share of the row, the numbers are counts.

    Args:
        confusion: Counts `(classes, classes)`; rows are the true classes,
            columns the predicted.
        labels: The names of the classes.
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
        raise ValueError(f"`confusion` must hold counts of at least 0. Received: confusion={confusion}")
    totals = confusion.sum(axis=1, keepdims=True)
    shares = confusion / np.maximum(totals, 1)

    # In inches: a cell has room for its number, or at least for a line of its class's name.
    cell = max(0.42 if classes <= MAX_CLASSES_WITH_NUMBERS else 0.25, 1.8 / classes)
    font_size = 9 if classes <= MAX_CLASSES_WITH_NUMBERS else 8
    side = cell * classes + 1.5
    figure = new_figure(side + 0.8, side)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [shorten(label) for label in labels]
    slanted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    narrow = max(map(len, names)) * INCHES_PER_LETTER > cell
    axes.set_xticks(range(classes), names, **(slanted if narrow else {}))
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
                color = text_color(image.cmap(image.norm(shares[row, column])))
                axes.text(column, row, f"{count:.6g}", ha="center", va="center", color=color, fontsize=9)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=25, ticks=[0, 0.5, 1], format="{x:.0%}")
    bar.set_label("share of the true class", fontsize=font_size)
    bar.ax.tick_params(labelsize=font_size)
    bar.outline.set_visible(False)
    if title:
        axes.set_title(title, fontsize=11)
    return figure


def curves_figure(log_csv_path, title=None):
    """Draw loss and accuracy over the epochs of a training run, from its log.

    Args:
        log_csv_path: What `keras.callbacks.CSVLogger` wrote: the columns
            `epoch` (from 0), and any of `loss`, `val_loss`, `accuracy` and
            `val_accuracy`. Where a resumed run has an epoch twice, the later
            line counts; a last line cut off by an interruption doesn't.
        title: A line above the two plots.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    epochs, columns = _read_log(log_csv_path)
    figure = new_figure(8.4, 3.4)
    axes_pair = figure.subplots(1, 2)
    for axes, name, top in zip(axes_pair, ("loss", "accuracy"), (None, 1.02), strict=True):
        for column, label, color in (
            (name, "train", TRAIN_COLOR),
            (f"val_{name}", "validation", VALIDATION_COLOR),
        ):
            if column in columns:
                style = "-" if label == "train" else "--"
                # A marker, for a run of one epoch has no line.
                axes.plot(epochs, columns[column], style, color=color, label=label, marker=".", markersize=5)
        axes.set_title(name, fontsize=11)
        axes.set_xlabel("epoch")
        axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.set_ylim(bottom=0, top=top)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        if axes.lines:
            axes.legend(frameon=False)
        else:
            axes.text(0.5, 0.5, "no values in the log", ha="center", transform=axes.transAxes, color="0.4")
    if title:
        figure.suptitle(title)
    return figure


def compared_curves_figure(logs):
    """Draw the accuracy over the epochs of several models, each trained several times.

    Args:
        logs: Dict from a model's name to the paths of its runs' logs, as
            `curves_figure` takes them.

    Returns:
        A `matplotlib.figure.Figure`: a colour for each model, a line for each
        run.
    """
    figure = new_figure(9.6, 3.8)
    axes_pair = figure.subplots(1, 2, sharey=True)
    for axes, column, title in zip(axes_pair, ("accuracy", "val_accuracy"), ("train", "validation"), strict=True):
        for number, (name, paths) in enumerate(logs.items()):
            for place, path in enumerate(paths):
                epochs, columns = _read_log(path)
                if column in columns:
                    label = None if place else name
                    axes.plot(epochs, columns[column], color=f"C{number}", label=label, linewidth=1.2, alpha=0.8)
        axes.set_title(f"accuracy, {title}", fontsize=11)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.set_ylim(0, 1.02)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    if axes.lines:
        axes.legend(frameon=False)
    return figure


def contact_sheet_figure(clips, titles):
    """Draw the frames of clips, a clip a row.

    Args:
        clips: uint8 `(N, T, H, W, 3)`, RGB.
        titles: N texts, one above each row.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    clips = np.asarray(clips)
    if clips.dtype != np.uint8 or clips.ndim != 5 or clips.shape[-1] != 3 or not clips.size:
        raise ValueError(
            f"`clips` must be uint8 of shape (N, T, H, W, 3). Received: dtype={clips.dtype}, shape={clips.shape}"
        )
    count, segments, height, width, _ = clips.shape
    if len(titles) != count:
        raise ValueError(f"There must be a title for each of {count} clips. Received: titles={titles}")
    gap = max(width // 32, 1)
    # One image a row: an axes for each frame would be slow for many clips.
    padded = np.pad(clips, [(0, 0), (0, 0), (0, 0), (0, gap), (0, 0)], constant_values=255)
    strips = padded.transpose(0, 2, 1, 3, 4).reshape(count, height, -1, 3)[:, :, :-gap]
    sheet_width = min(max(segments * 1.1, 3.0), 12.0)
    row_height = sheet_width * height / strips.shape[2]
    figure = new_figure(sheet_width, count * (row_height + 0.3) + 0.1)
    for axes, strip, title in zip(figure.subplots(count, 1, squeeze=False)[:, 0], strips, titles, strict=True):
        axes.imshow(strip)
        axes.set_axis_off()
        axes.set_title(shorten(title, int(sheet_width / INCHES_PER_LETTER)), loc="left", fontsize=9, pad=3)
    return figure


def operating_curve_figure(curves, chosen=None, max_false_alarms=None, title=None):
    """Draw detections against false alarms of a recogniser, over its on threshold.

    Args:
        curves: Dict from a name to a list of
            `keras_action.recognition.OperatingPoint`, as `operating_curve` gives
            it; each is a line.
        chosen: Dict from a name to the on threshold that was chosen, a ring
            on its line; or `None`.
        max_false_alarms: False alarms a minute that are allowed, drawn as a
            line; or `None`.
        title: A line above the plot.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    if not curves or not all(curves.values()):
        raise ValueError(f"There must be a curve, and points on each. Received: {curves}")
    figure = new_figure(5.6, 4.0)
    axes = figure.add_subplot()
    for number, (name, points) in enumerate(curves.items()):
        alarms = [point.false_alarms_per_minute for point in points]
        rates = [point.detection_rate for point in points]
        # A low threshold may find less than a higher one: the points are joined in the order of thresholds.
        axes.plot(alarms, rates, color=f"C{number}", marker=".", markersize=5, linewidth=1.2, label=name)
        for point in points:
            if chosen and point.on_threshold == chosen.get(name):
                place = (point.false_alarms_per_minute, point.detection_rate)
                axes.plot(*place, "o", color=f"C{number}", fillstyle="none", markersize=10)
                axes.annotate(
                    f"{point.on_threshold:.2f}", place, xytext=(6, -12), textcoords="offset points", fontsize=9
                )
    if max_false_alarms is not None:
        axes.axvline(max_false_alarms, color="0.5", linestyle="--", linewidth=1, label="allowed")
    axes.set_xlabel("false alarms a minute")
    axes.set_ylabel("gestures detected")
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    if title:
        axes.set_title(title, fontsize=11)
    return figure


def quantization_error_figure(report, labelled=5, title=None):
    """Draw the signal-to-noise ratio of a quantised file's activations, in the order in which they are computed.

    Args:
        report: A `keras_action.litert.QuantizationErrorReport`.
        labelled: How many of the layers that add most noise are named.
        title: A line above the plots.

    Returns:
        A `matplotlib.figure.Figure`: above the ratio, below the share of noise that each operator adds itself.
    """
    operators = report.operators
    places = np.arange(len(operators))
    figure = new_figure(9.6, 5.0)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    ratios = np.array([operator.snr_db for operator in operators])
    above.plot(places, ratios, color=TRAIN_COLOR, linewidth=1, marker=".", markersize=4, label="integers")
    kept = np.array([operator.is_float for operator in operators], bool)
    if kept.any():
        above.plot(places[kept], ratios[kept], "o", color=VALIDATION_COLOR, markersize=5, label="kept in float")
        above.legend(frameon=False)
    above.set_ylabel("signal to noise, dB")
    below.bar(places, [operator.added for operator in operators], color=VALIDATION_COLOR, width=0.8)
    below.yaxis.set_major_formatter("{x:.1%}")
    below.set_ylabel("noise added")
    below.set_xlabel(f"operator, in the order in which they run ({report.num_clips} clips)")
    by_layer = {}
    for place, operator in sorted(enumerate(operators), key=lambda pair: pair[1].added, reverse=True):
        by_layer.setdefault(operator.layer, place)
    # Numbers at the bars and names in a list: neighbours to blame are frequent, and their names would overlap.
    names = []
    for layer, place in list(by_layer.items())[:labelled]:
        operator = operators[place]
        if operator.added:
            names.append(f"{len(names) + 1}  {shorten(layer)}, {operator.operator}")
            below.annotate(str(len(names)), (place, operator.added), fontsize=7, ha="center", va="bottom")
    below.text(0.99, 0.95, "\n".join(names), fontsize=7, ha="right", va="top", ma="left", transform=below.transAxes)
    for axes in (above, below):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    if title:
        figure.suptitle(title)
    return figure


def _read_log(path):
    """The epochs, counted from 1, and a list of values for each column that has any."""
    rows = read_epochs(path)
    if not rows:
        raise ValueError(f"A training log must have a column `epoch` and a line. Received: {path}")
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name, float("nan")) for row in rows] for name in names}
    return [row["epoch"] + 1 for row in rows], {
        name: values for name, values in columns.items() if np.isfinite(values).any()
    }
