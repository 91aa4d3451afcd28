"""Figure of the quantisation error of a LiteRT file."""

import numpy as np

from keras_action.plots.figure import TRAIN_COLOR, VALIDATION_COLOR, draw_grid, new_figure, shorten


def quantization_error_figure(report, labelled=5, title=None):
    """Draws the signal-to-noise ratio of the activations of a quantised file, in the order of their computation.

    Args:
        report: A `keras_action.litert.QuantizationErrorReport`.
        labelled: Number of layers that are named: those that add most noise.
        title: A line above the plots.

    Returns:
        A `matplotlib.figure.Figure`: above the ratio, below the noise that each operator adds.
    """
    operators = report.operators
    indices = np.arange(len(operators))
    figure = new_figure(9.6, 5.0)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    ratios = np.array([operator.snr_db for operator in operators])
    above.plot(indices, ratios, color=TRAIN_COLOR, linewidth=1, marker=".", markersize=4, label="integers")
    kept = np.array([operator.is_float for operator in operators], bool)
    if kept.any():
        above.plot(indices[kept], ratios[kept], "o", color=VALIDATION_COLOR, markersize=5, label="kept in float")
        above.legend(frameon=False)
    above.set_ylabel("signal to noise, dB")
    below.bar(indices, [operator.added for operator in operators], color=VALIDATION_COLOR, width=0.8)
    below.yaxis.set_major_formatter("{x:.1%}")
    below.set_ylabel("noise added")
    below.set_xlabel(f"operators in the order of execution ({report.num_clips} clips)")
    by_layer = {}
    for index, operator in sorted(enumerate(operators), key=lambda pair: pair[1].added, reverse=True):
        by_layer.setdefault(operator.layer, index)
    # Numbers at the bars and names in a list, as the names of neighbouring bars would overlap.
    names = []
    for layer, index in list(by_layer.items())[:labelled]:
        operator = operators[index]
        if operator.added:
            names.append(f"{len(names) + 1}  {shorten(layer)}, {operator.operator}")
            below.annotate(str(len(names)), (index, operator.added), fontsize=7, ha="center", va="bottom")
    below.text(0.99, 0.95, "\n".join(names), fontsize=7, ha="right", va="top", ma="left", transform=below.transAxes)
    for axes in (above, below):
        draw_grid(axes)
    if title:
        figure.suptitle(title)
    return figure
