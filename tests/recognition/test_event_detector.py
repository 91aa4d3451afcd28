import itertools
import json

import numpy as np
import pytest

from keras_action.recognition import EventDetector, EventSettings, GestureEvent

LABELS = ("none", "left", "right")


def logits(label, probability=0.95):
    """Logits whose softmax gives `label` this probability and shares the rest among the others."""
    probabilities = np.full(len(LABELS), (1 - probability) / (len(LABELS) - 1))
    probabilities[LABELS.index(label)] = probability
    return np.log(probabilities)


def detect(detector, gestures, times):
    """The events of gestures `(label, start, end[, probability])`, `none` elsewhere."""
    events = []
    for time in times:
        label, probability = "none", 0.95
        for name, start, end, *given in gestures:
            if start <= time < end:
                label, probability = name, given[0] if given else 0.95
        events += detector.push(logits(label, probability), time)
    return events + detector.flush()


EVERY_100_MS = np.arange(0, 10, 0.1)
UNEVEN = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.18, 100))


TIMES = {
    "5 a second": np.arange(0, 10, 0.2),
    "10 a second": EVERY_100_MS,
    "30 a second": np.arange(0, 10, 1 / 30),
    "uneven": UNEVEN,
}


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_one_gesture_fires_once_at_its_time_at_any_frame_rate(times):
    (event,) = detect(EventDetector(LABELS), [("left", 3, 4.5)], times)
    assert event.label == "left"
    # Half a distance between two logits is as well as it can be known.
    assert event.start == pytest.approx(3, abs=0.15)
    assert event.end == pytest.approx(4.5, abs=0.15)
    assert event.score == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(
    ("gestures", "options", "labels"),
    [
        pytest.param([], {}, [], id="nothing"),
        pytest.param([("left", 2, 3), ("right", 5, 6)], {}, ["left", "right"], id="two gestures"),
        pytest.param([("left", 2, 3), ("left", 5, 6)], {}, ["left", "left"], id="one gesture twice"),
        pytest.param([("left", 2, 3), ("left", 3, 4, 0.6), ("left", 4, 5)], {}, ["left"], id="dip above off"),
        pytest.param([("left", 2, 3), ("left", 3, 4, 0.2), ("left", 4, 5)], {}, ["left"] * 2, id="dip below off"),
        pytest.param([("left", 2, 3), ("left", 3.3, 4)], {"merge_gap": 0.5}, ["left"], id="back in time"),
        pytest.param(
            [("left", 2, 3), ("left", 3.5, 4)], {"merge_gap": 0, "refractory": 0}, ["left"] * 2, id="no merging"
        ),
        pytest.param(
            [("left", 2, 3), ("right", 3, 3.2), ("left", 3.2, 4)], {"merge_gap": 0.5}, ["left"], id="interrupted"
        ),
        pytest.param(
            [("left", 2, 3), ("right", 3, 4)], {"merge_gap": 0.5, "refractory": 0}, ["left", "right"], id="next"
        ),
        pytest.param([("left", 2, 4, 0.65)], {}, [], id="never above on"),
        pytest.param([("left", 2, 2.1)], {}, [], id="a spike"),
        pytest.param([("left", 2, 2.1)], {"smoothing": 0, "min_duration": 0}, ["left"], id="a spike that counts"),
        pytest.param([("left", 2, 3)], {"min_duration": 2}, [], id="too short"),
        pytest.param([("left", 2, 3)], {"ignore": ("none", "left")}, [], id="ignored"),
        pytest.param([("left", 2, 3)], {"ignore": "LEFT"}, ["none", "none"], id="one ignored label as text"),
        pytest.param([("left", 2, 4, 0.72)], {"margin": 0.5}, ["left"], id="well above the second"),
        pytest.param([("left", 2, 4, 0.72)], {"margin": 0.6}, [], id="too near to the second"),
        pytest.param([("left", 2, 4), ("right", 4, 6)], {}, ["left", "right"], id="from one to the other"),
        pytest.param([("left", 2, 3), ("right", 3.2, 3.6)], {"refractory": 2}, ["left"], id="in the pause"),
        pytest.param([("left", 2, 3), ("right", 3.2, 3.6)], {"refractory": 0}, ["left", "right"], id="no pause"),
        pytest.param([("left", 9, 99)], {}, ["left"], id="still going on at the end"),
    ],
)
def test_which_events_fire(gestures, options, labels):
    events = detect(EventDetector(LABELS, EventSettings(**options)), gestures, EVERY_100_MS)
    assert [event.label for event in events] == labels


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
@pytest.mark.parametrize("kind", ["mean", "exponential"])
def test_early_events_fire_before_the_end_and_once(times, kind):
    settings = EventSettings(firing="early", smoothing=0.2, smoothing_kind=kind)
    detector, events = EventDetector(LABELS, settings), []
    for time in times:
        fired = detector.push(logits("left" if 3 <= time < 6 else "none"), time, now=time + 1)
        assert all(event.fired == time + 1 for event in fired)
        events += fired
    (event,) = events + detector.flush()
    assert event.start == pytest.approx(3, abs=0.2)
    assert event.end - event.start == pytest.approx(settings.min_duration, abs=0.25)
    assert 4 < event.fired < 5.2


def test_a_late_event_fires_when_nothing_can_follow():
    detector = EventDetector(LABELS, EventSettings(smoothing=0, merge_gap=0.5))
    (event,) = detect(detector, [("left", 2, 3), ("left", 3.3, 4)], EVERY_100_MS)
    assert (event.start, event.end) == (pytest.approx(2, abs=0.1), pytest.approx(4, abs=0.1))
    assert event.fired == pytest.approx(4.5, abs=0.1)


def test_peak():
    gestures = [("left", 2, 3, 0.8), ("left", 3, 3.5, 0.99), ("left", 3.5, 5, 0.8)]
    (event,) = detect(EventDetector(LABELS, EventSettings(smoothing=0.2)), gestures, EVERY_100_MS)
    assert event.peak == pytest.approx(3.25, abs=0.25)
    assert event.score == pytest.approx(0.99, abs=0.005)


def test_a_gesture_that_waited_for_the_one_before_keeps_its_start():
    settings = EventSettings(smoothing=0, merge_gap=1, refractory=0)
    events = detect(EventDetector(LABELS, settings), [("left", 2, 3), ("right", 3, 5)], EVERY_100_MS)
    assert [event.label for event in events] == ["left", "right"]
    assert events[1].start == pytest.approx(3, abs=0.1)


def test_active_label():
    detector = EventDetector(LABELS, EventSettings(smoothing=0))
    seen = []
    for time in EVERY_100_MS[:60]:
        detector.push(logits("left" if 2 <= time < 3 else "none"), time)
        seen.append(detector.active_label)
    assert [time for time, label in zip(EVERY_100_MS, seen, strict=False) if label] == pytest.approx(
        np.arange(2, 3, 0.1)
    )
    assert set(seen) == {None, "left"}


@pytest.mark.parametrize("name", ["No gesture", "Doing other things", "None"])
def test_labels_that_mean_nothing_by_default(name):
    detector = EventDetector((name, "wave"))
    for time in EVERY_100_MS:
        assert detector.push([9, 0], time) == []
    assert detector.flush() == []


@pytest.mark.parametrize("firing", ["late", "early"])
def test_noise_at_any_rate_never_fires_twice_within_the_pause(firing):
    rng = np.random.default_rng(1)
    settings = EventSettings(firing=firing, refractory=0.4, merge_gap=0.2, smoothing=0.1, min_duration=0.2)
    detector, events = EventDetector(LABELS, settings), []
    for time in np.cumsum(rng.uniform(0.01, 0.3, 3000)):
        events += detector.push(rng.normal(size=3) + 5 * np.eye(3)[int(time / 0.9) * 7 % 3], time)
    assert len(events) > 50
    for before, after in itertools.pairwise(events):
        assert after.start >= before.end + (0.4 if firing == "late" else 0) - 1e-9
        assert after.fired >= before.fired
    assert all(event.start <= event.peak <= event.end + 1e-9 and event.end <= event.fired for event in events)


def test_events_do_not_overlap_and_keep_the_pause():
    rng = np.random.default_rng(0)
    detector = EventDetector(LABELS, EventSettings(refractory=0.25))
    events = []
    for time in np.cumsum(rng.uniform(0.01, 0.2, 3000)):
        events += detector.push(rng.normal(size=3) + 6 * np.eye(3)[int(time / 0.7) * 7 % 3], time)
    assert len(events) > 10
    for before, after in itertools.pairwise(events):
        assert before.start < before.end
        assert after.start >= before.end + 0.25 - 1e-9
    assert all(event.end - event.start >= 0.3 for event in events)


def test_event_is_reported_when_it_has_ended():
    detector = EventDetector(LABELS, EventSettings(smoothing=0, merge_gap=0))
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
    ("labels", "ignore", "message"),
    [
        ((), ("none",), "at least one. Received: labels="),
        (("a", "a"), ("none",), "Labels must be different"),
        (LABELS, ("nothing", "left"), "`ignore` must contain labels of the model. .*\\['nothing'\\] are not"),
    ],
)
def test_wrong_arguments(labels, ignore, message):
    with pytest.raises(ValueError, match=message):
        EventDetector(labels, EventSettings(ignore=ignore))


def test_one_class():
    (event,) = detect_one(EventDetector(["wave"]))
    assert event.label == "wave"


def detect_one(detector):
    for time in EVERY_100_MS:
        detector.push([0.0], time)
    return detector.flush()


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
    event = GestureEvent("left", 1.23456, 2, 0.912345, 1.5, 2.3)
    expected = {"label": "left", "start": 1.235, "end": 2, "peak": 1.5, "fired": 2.3, "score": 0.9123}
    assert json.loads(event.to_json()) == expected
    assert str(event).split() == ["1.23", "–", "2.00", "s", "left", "0.91"]
