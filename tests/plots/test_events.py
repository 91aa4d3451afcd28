from importlib.util import find_spec

import numpy as np
import pytest

from keras_action.plots import events_figure, figure_to_png_bytes
from keras_action.recognition import (
    EventSettings,
    GestureEvent,
    Interval,
    LogitSequence,
    MatchReport,
    WindowEventSettings,
    match_events,
)

pytestmark = pytest.mark.skipif(find_spec("matplotlib") is None, reason="Matplotlib is not installed")

TRUTH = (Interval("left", 1.0, 2.5), Interval("right", 4.0, 5.0))


def event(label, start, end):
    return GestureEvent(label, start, end, score=0.9, peak=(start + end) / 2, fired=end + 0.5)


def bars_of(axes):
    """(lane, start, end, is filled) of each bar."""
    boxes = [(bar.get_bbox(), bar.get_facecolor()[3] > 0) for bar in axes.patches]
    return [(round(box.y0 + 0.25), *np.round([box.x0, box.x1], 3), filled) for box, filled in boxes]


def test_each_gesture_and_event_has_a_bar_and_what_is_wrong_is_hollow():
    match = match_events([event("left", 1.1, 2.4), event("left", 6.0, 7.0)], TRUTH)
    figure = events_figure(match, title="a stream")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["detected", "ground truth"]
    assert bars_of(axes) == [(1, 1.0, 2.5, True), (1, 4.0, 5.0, False), (0, 1.1, 2.4, True), (0, 6.0, 7.0, False)]
    (reported,) = axes.lines
    assert reported.get_xdata() == pytest.approx([2.9, 7.5])
    # One label, one colour, in both lanes.
    colors = {text.get_text(): bar.get_edgecolor() for text, bar in zip(axes.texts, axes.patches, strict=True)}
    assert len(colors) == 2 and len(set(colors.values())) == 2
    assert figure.get_suptitle() == "a stream"
    assert figure_to_png_bytes(figure).startswith(b"\x89PNG")


def test_probabilities_and_thresholds_stand_above():
    logits = np.array([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]])
    times = np.array([1.0, 2.0, 8.0])
    streams = np.array([0, 0, 1])
    sequence = LogitSequence(("left", "right", "none"), times, times, logits, np.ones(3), streams, 9.0)
    match = match_events([event("left", 1.1, 2.4)], TRUTH)
    above, below = events_figure(match, sequence=sequence, settings=EventSettings()).axes
    lines = {line.get_label(): line for line in above.lines}
    assert {"left", "right"} <= set(lines) and "none" not in lines  # it was neither there nor found
    assert np.isnan(lines["left"].get_ydata()[2]) and lines["left"].get_ydata()[0] > 0.9
    assert {0.7, 0.5} <= {line.get_ydata()[0] for line in above.lines}
    assert below.get_xlim() == (0, 9.0)


def test_windows_of_several_lengths_have_lines_of_their_own():
    times, lengths = np.array([1.0, 1.5, 2.0, 2.5]), np.array([1.0, 3.0, 1.0, 3.0])
    logits = np.array([[3.0, 0.0], [0.0, 3.0]] * 2)
    sequence = LogitSequence(("left", "none"), times, times, logits, lengths, np.zeros(4, int), 9.0)
    match = match_events([event("left", 1.1, 2.4)], TRUTH)
    above, _ = events_figure(match, sequence=sequence, settings=WindowEventSettings()).axes
    short, long, threshold = above.lines
    assert short.get_xdata().tolist() == [1, 2] and short.get_ydata().min() > 0.9
    assert long.get_xdata().tolist() == [1.5, 2.5] and long.get_ydata().max() < 0.1
    assert threshold.get_ydata()[0] == 0.7
    assert [text.get_text() for text in above.get_legend().get_texts()] == ["left"]


def test_many_labels_have_colours_too():
    events = [event(f"gesture {i}", i, i + 0.5) for i in range(12)]
    (axes,) = events_figure(match_events(events, ())).axes
    assert len({bar.get_edgecolor() for bar in axes.patches}) == 12


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="a gesture or an event"):
        events_figure(MatchReport((), (), ()))
