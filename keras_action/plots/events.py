"""Figure of detected events and the ground truth over time."""

import numpy as np

from keras_action.plots.figure import draw_grid, new_figure
from keras_action.utils.statistics import softmax

# Okabe and Ito's colours, which colour-blind people can distinguish; for more labels, those of Matplotlib.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#000000")
_SECONDS_PER_INCH = 5.0


def events_figure(match, *, sequence=None, settings=None, title=None):
    """Draws the gestures of the ground truth and the detected events of a stream over time.

    The upper lane has a bar for each gesture of the ground truth, the lower lane one for each detected event, in a
    colour for each label. Missed gestures, false alarms and duplicates are hollow. A triangle marks the time at which
    an event was reported.

    Args:
        match: A `keras_action.recognition.MatchReport` of one stream.
        sequence: The `keras_action.recognition.LogitSequence` of the stream. The probabilities of the labels in the
            lanes are drawn above them, not smoothed; those of longer windows with thicker lines. `None` for the lanes
            alone.
        settings: Event settings whose thresholds are drawn, or `None`.
        title: A line above the figure.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If there are neither gestures nor events.

    Example:

    ```python
    sequence = record_logits(recognizer, keras_action.data.iter_frames("stream.mp4"))
    match = match_events(sequence.events(), read_intervals("stream.mp4.csv"))
    keras_action.plots.events_figure(match, sequence=sequence)
    ```
    """
    truth, events = match.truth, match.events
    if not truth and not events:
        raise ValueError("There must be a gesture or an event to draw. Received: a match without any")
    labels = sorted({item.label for item in (*truth, *events)})
    colors = {label: COLORS[i] if i < len(COLORS) else f"C{i}" for i, label in enumerate(labels)}
    end = max([item.end for item in (*truth, *events)] + ([] if sequence is None else [sequence.duration]))
    width = min(max(end / _SECONDS_PER_INCH, 6.0), 14.0)
    figure = new_figure(width, 2.2 if sequence is None else 4.0)
    if sequence is None:
        axes = figure.add_subplot()
    else:
        above, axes = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1))
        _draw_probabilities(above, sequence, settings, colors)

    lanes = (
        (1, truth, {id(gesture) for gesture in match.missed}),
        (0, events, {id(event) for event in (*match.false_alarms, *match.duplicates)}),
    )
    for lane, items, hollow in lanes:
        for item in items:
            color = colors[item.label]
            fill = "none" if id(item) in hollow else color
            axes.barh(lane, item.end - item.start, 0.5, item.start, facecolor=fill, edgecolor=color, linewidth=1.5)
            place = (item.start + item.end) / 2, lane + 0.28
            axes.text(*place, item.label, rotation=30, fontsize=7, rotation_mode="anchor")
    axes.plot([event.fired for event in events], [-0.38] * len(events), "^", color="0.3", markersize=5)
    axes.set_yticks([0, 1], ["detected", "ground truth"])
    axes.set_ylim(-0.55, 1.9)
    axes.set_xlim(0, end)
    axes.set_xlabel("seconds;  hollow: missed, false alarm or duplicate;  ▲ reported")
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    if title:
        figure.suptitle(title)
    return figure


def _draw_probabilities(axes, sequence, settings, colors):
    probabilities = softmax(sequence.logits)
    for number, length in enumerate(np.unique(sequence.lengths)):
        rows = np.flatnonzero(sequence.lengths == length)
        # The lines have gaps between streams.
        ends = np.flatnonzero(np.diff(sequence.streams[rows])) + 1
        times = np.insert(sequence.times[rows], ends, np.nan)
        for label, color in colors.items():
            if label in sequence.labels:
                values = np.insert(probabilities[rows, sequence.labels.index(label)], ends, np.nan)
                name = None if number else label
                axes.plot(times, values, color=color, linewidth=1.2 + 0.8 * number, label=name)
    if settings is not None:
        for threshold in {settings.on_threshold, getattr(settings, "off_threshold", settings.on_threshold)}:
            axes.axhline(threshold, color="0.5", linestyle="--", linewidth=1)
    axes.set_ylabel("probability")
    axes.set_ylim(0, 1.02)
    draw_grid(axes)
    axes.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
