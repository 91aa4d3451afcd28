import itertools
import json

import numpy as np
import pytest

from keras_action.recognition import EventDetector, GestureEvent

LABELS = ("none", "left", "right")


def logits(label, probability=0.95):
    """Logits whose softmax gives `label` this probability and shares the rest among the others."""
    probabilities = np.full(len(LABELS), (1 - probability) / (len(LABELS) - 1))
    probabilities[LABELS.index(label)] = probability
    return np.log(probabilities)


def detect(detector, segments, times):
    """Push what `segments` say, `(label, start, end[, probability])`, `none` elsewhere, and flush."""
    events = []
    for time in times:
        label, probability = "none", 0.95
        for name, start, end, *given in segments:
            if start <= time < end:
                label, probability = name, given[0] if given else 0.95
        events += detector.push(logits(label, probability), time)
    return events + detector.flush()


EVERY_100_MS = np.arange(0, 10, 0.1)
UNEVEN = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.18, 100))


@pytest.mark.parametrize(
    "times",
    [np.arange(0, 10, 0.2), EVERY_100_MS, np.arange(0, 10, 1 / 30), UNEVEN],
    ids=["5 a second", "10 a second", "30 a second", "uneven"],
)
def test_one_gesture_fires_once_at_its_time_at_any_frame_rate(times):
    (event,) = detect(EventDetector(LABELS), [("left", 3, 4.5)], times)
    assert event.label == "left"
    # Half a distance between two logits is as well as it can be known.
    assert event.start == pytest.approx(3, abs=0.15)
    assert event.end == pytest.approx(4.5, abs=0.15)
    assert event.score == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(
    ("segments", "options", "labels"),
    [
        pytest.param([], {}, [], id="nothing"),
        pytest.param([("left", 2, 3), ("right", 5, 6)], {}, ["left", "right"], id="two gestures"),
        pytest.param([("left", 2, 3), ("left", 5, 6)], {}, ["left", "left"], id="one gesture twice"),
        pytest.param([("left", 2, 3), ("left", 3, 4, 0.6), ("left", 4, 5)], {}, ["left"], id="dip above off"),
        pytest.param([("left", 2, 3), ("left", 3, 4, 0.2), ("left", 4, 5)], {}, ["left"] * 2, id="dip below off"),
        pytest.param([("left", 2, 4, 0.65)], {}, [], id="never above on"),
        pytest.param([("left", 2, 2.1)], {}, [], id="a spike"),
        pytest.param([("left", 2, 2.1)], {"smoothing": 0, "min_duration": 0}, ["left"], id="a spike that counts"),
        pytest.param([("left", 2, 3)], {"min_duration": 2}, [], id="too short"),
        pytest.param([("left", 2, 3)], {"ignore": ("none", "left")}, [], id="ignored"),
        pytest.param([("left", 2, 3)], {"ignore": "left"}, ["none", "none"], id="one ignored label as text"),
        pytest.param([("left", 2, 4), ("right", 4, 6)], {}, ["left", "right"], id="from one to the other"),
        pytest.param([("left", 2, 3), ("right", 3.2, 3.6)], {"refractory": 2}, ["left"], id="in the pause"),
        pytest.param([("left", 2, 3), ("right", 3.2, 3.6)], {"refractory": 0}, ["left", "right"], id="no pause"),
        pytest.param([("left", 9, 99)], {}, ["left"], id="still going on at the end"),
    ],
)
def test_which_events_fire(segments, options, labels):
    events = detect(EventDetector(LABELS, **options), segments, EVERY_100_MS)
    assert [event.label for event in events] == labels


def test_events_do_not_overlap_and_keep_the_pause():
    rng = np.random.default_rng(0)
    detector = EventDetector(LABELS, refractory=0.25)
    events = []
    for time in np.cumsum(rng.uniform(0.01, 0.2, 3000)):
        events += detector.push(rng.normal(size=3) + 6 * np.eye(3)[int(time / 0.7) * 7 % 3], time)
    assert len(events) > 10
    for before, after in itertools.pairwise(events):
        assert before.start < before.end
        assert after.start >= before.end + 0.25 - 1e-9
    assert all(event.end - event.start >= 0.3 for event in events)


def test_event_is_reported_when_it_has_ended():
    detector = EventDetector(LABELS, smoothing=0)
    reported = [time for time in EVERY_100_MS if detector.push(logits("left" if 2 <= time < 3 else "none"), time)]
    assert reported == [pytest.approx(3.0)]


@pytest.mark.parametrize("end", ["reset", "flush"])
def test_a_new_stream_may_begin_at_any_time(end):
    detector = EventDetector(LABELS)
    for time in EVERY_100_MS:
        detector.push(logits("left"), time)
    events = getattr(detector, end)()
    assert [event.label for event in events or []] == (["left"] if end == "flush" else [])
    assert detector.flush() == []
    (event,) = detect(detector, [("right", 0, 1)], EVERY_100_MS[:20])
    assert event.label == "right"
    assert event.start == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": ()}, "at least one. Received: labels="),
        ({"labels": ("a", "a")}, "Labels must be different"),
        ({"ignore": ("nothing",)}, "No such labels to ignore: \\['nothing'\\]. Received: labels="),
        ({"smoothing": -1}, "Received: smoothing=-1"),
        ({"min_duration": float("nan")}, "Received: min_duration=nan"),
        ({"refractory": float("inf")}, "Received: refractory=inf"),
        ({"on_threshold": 1.1}, "Received: on_threshold=1.1"),
        ({"on_threshold": 0.3}, "the off threshold at most the on threshold"),
        ({"off_threshold": -0.1}, "off_threshold=-0.1"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        EventDetector(**{"labels": LABELS, **arguments})


def test_times_go_with_the_length_of_clips():
    detector = EventDetector.for_clips(LABELS, 2.0, min_duration=0.1, on_threshold=0.9)
    assert (detector.smoothing, detector.min_duration, detector.on_threshold) == (0.75, 0.1, 0.9)


def test_labels_need_not_have_none():
    assert EventDetector(("left", "right")).ignore == ("none",)


@pytest.mark.parametrize(
    ("values", "timestamp", "message"),
    [
        ([0, 0], 1, "one logit for each of the 3 labels. Received: logits of shape \\(2,\\)"),
        ([[0, 0, 0]], 1, "Received: logits of shape \\(1, 3\\)"),
        ([0, np.nan, 0], 1, "must be finite. Received: logits="),
        ([0, np.inf, 0], 1, "must be finite. Received: logits="),
        ([0, 0, 0], 0.5, "the last one was 0.5. Received: timestamp=0.5"),
        ([0, 0, 0], 0.4, "Received: timestamp=0.4"),
        ([0, 0, 0], float("nan"), "Received: timestamp=nan"),
    ],
)
def test_wrong_calls(values, timestamp, message):
    detector = EventDetector(LABELS)
    detector.push([0, 0, 0], 0.5)
    with pytest.raises(ValueError, match=message):
        detector.push(values, timestamp)


def test_huge_logits():
    (event,) = detect_huge(EventDetector(LABELS))
    assert event.score == 1


def detect_huge(detector):
    for time in EVERY_100_MS:
        detector.push([-1e300, 1e300, 0], time)
    return detector.flush()


def test_event_as_json_and_as_text():
    event = GestureEvent("left", 1.23456, 2, 0.912345)
    assert json.loads(event.to_json()) == {"label": "left", "start": 1.235, "end": 2, "score": 0.9123}
    assert str(event).split() == ["1.23", "–", "2.00", "s", "left", "0.91"]
