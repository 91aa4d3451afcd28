"""Figure of operating curves of a recogniser."""

from keras_action.plots.figure import draw_grid, new_figure


def operating_curve_figure(curves, chosen=None, max_false_alarms=None, title=None):
    """Draws the detection rate of a recogniser over its false alarms, for values of `on_threshold`.

    Args:
        curves: Dict from a name to a list of
            `keras_action.recognition.OperatingPoint`, as `operating_curve` returns
            it; each is a line.
        chosen: Dict from a name to the chosen `on_threshold`, drawn as a circle
            on its line; or `None`.
        max_false_alarms: Allowed false alarms per minute, drawn as a line; or
            `None`.
        title: A line above the plot.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    if not curves or not all(curves.values()):
        raise ValueError(f"Expected at least one curve, and points on each. Received: {curves}")
    figure = new_figure(5.6, 4.0)
    axes = figure.add_subplot()
    for number, (name, points) in enumerate(curves.items()):
        alarms = [point.false_alarms_per_minute for point in points]
        rates = [point.detection_rate for point in points]
        # Connected in the order of thresholds, as the detection rate need not be monotonic.
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
    axes.set_xlabel("false alarms per minute")
    axes.set_ylabel("detection rate")
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter("{x:.0%}")
    draw_grid(axes)
    axes.legend(frameon=False, loc="lower right")
    if title:
        axes.set_title(title, fontsize=11)
    return figure
