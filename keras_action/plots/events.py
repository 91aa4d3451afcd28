"""A figure of events on a time axis, beside the gestures that were there; it needs Matplotlib."""

import numpy as np

from keras_action.plots.figure import new_figure

# Okabe and Ito's, told apart by colour-blind eyes too; then Matplotlib's own for more labels.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#000000")
_SECONDS_AN_INCH = 5.0


def events_figure(match, *, track=None, settings=None, title=None):
    """Draw what was there and what was found in a stream, over time.

    A bar for each gesture in the upper lane and for each event in the lower one, a colour for each label. A gesture
    that was missed and an event that is false or fired twice are hollow; a triangle is where an event was reported.

    Args:
        match: A `keras_action.recognition.MatchReport`, of one stream.
        track: The `keras_action.recognition.LogitSequence` of the stream: the probabilities of the labels that were
            there or found are drawn above, as the model gave them, not smoothed; those of longer windows with thicker
            lines. `None` for bars alone.
        settings: The `keras_action.recognition.EventSettings`, whose thresholds are then drawn; or `None`.
        title: A line above the figure.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If there are neither gestures nor events.

    Example:

    ```python
    track = record_logits(recognizer, keras_action.data.iter_frames("stream.mp4"))
    match = match_events(track.events(), read_intervals("stream.mp4.csv"))
    keras_action.plots.events_figure(match, track=track)
    ```
    """
    truth, events = match.truth, match.events
    if not truth and not events:
        raise ValueError("There must be a gesture or an event to draw. Received: a match of none")
    labels = sorted({item.label for item in (*truth, *events)})
    colors = {label: COLORS[i] if i < len(COLORS) else f"C{i}" for i, label in enumerate(labels)}
    end = max([item.end for item in (*truth, *events)] + ([] if track is None else [track.duration]))
    width = min(max(end / _SECONDS_AN_INCH, 6.0), 14.0)
    figure = new_figure(width, 2.2 if track is None else 4.0)
    if track is None:
        axes = figure.add_subplot()
    else:
        above, axes = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1))
        _draw_probabilities(above, track, settings, colors)

    lanes = (
        (1, truth, {id(segment) for segment in match.missed}),
        (0, events, {id(event) for event in (*match.false, *match.doubles)}),
    )
    for lane, items, hollow in lanes:
        for item in items:
            color = colors[item.label]
            fill = "none" if id(item) in hollow else color
            axes.barh(lane, item.end - item.start, 0.5, item.start, facecolor=fill, edgecolor=color, linewidth=1.5)
            place = (item.start + item.end) / 2, lane + 0.28
            axes.text(*place, item.label, rotation=30, fontsize=7, rotation_mode="anchor")
    axes.plot([event.fired for event in events], [-0.38] * len(events), "^", color="0.3", markersize=5)
    axes.set_yticks([0, 1], ["found", "there"])
    axes.set_ylim(-0.55, 1.9)
    axes.set_xlim(0, end)
    axes.set_xlabel("seconds;  hollow: missed, false or twice;  ▲ reported")
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    if title:
        figure.suptitle(title)
    return figure


def _draw_probabilities(axes, track, settings, colors):
    from keras_action.recognition.events import softmax

    probabilities = softmax(track.logits)  # NaN where a stream ended: the line breaks there
    ends = np.isnan(track.times)
    for place, length in enumerate(np.unique(track.lengths[~ends])):
        rows = ends | (track.lengths == length)
        for label, color in colors.items():
            if label in track.labels:
                values = probabilities[rows, track.labels.index(label)]
                name = None if place else label
                axes.plot(track.times[rows], values, color=color, linewidth=1.2 + 0.8 * place, label=name)
    if settings is not None:
        for threshold in {
            settings.on_threshold,
            settings.on_threshold if track.has_lengths else settings.off_threshold,
        }:
            axes.axhline(threshold, color="0.5", linestyle="--", linewidth=1)
    axes.set_ylabel("probability")
    axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
