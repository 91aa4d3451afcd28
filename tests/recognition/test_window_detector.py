import itertools

import numpy as np
import pytest

from keras_action.recognition import WindowDetector, WindowEventSettings

LABELS = ("none", "swipe", "square")
LENGTHS = (1.0, 2.0, 4.0)
SETTINGS = WindowEventSettings.for_windows(LENGTHS, smoothing=0, on_threshold=0.7)


def logits(label, probability):
    """All but the label's probability goes to `none`."""
    return np.log([1 - probability if name == "none" else probability if name == label else 1e-9 for name in LABELS])


def run(windows, settings=SETTINGS, until=30.0, step=0.1):
    """The events of windows `(label, start, end, probability)`, in a stream where all others show nothing."""
    detector, events = WindowDetector(LABELS, settings), []
    shown = {(round(end / step), round(end - start, 3)): (label, p) for label, start, end, p in windows}
    for i in range(1, round(until / step)):
        for length in LENGTHS:
            label, probability = shown.get((i, length), ("swipe", 1e-6))
            events += detector.push(logits(label, probability), i * step - length / 2, i * step, length)
    return events + detector.flush()


def test_a_window_becomes_an_event():
    (event,) = run([("swipe", 5, 6, 0.9)])
    assert event.label == "swipe"
    assert (event.start, event.peak, event.end) == pytest.approx((5, 5.5, 6))
    assert event.score == pytest.approx(0.9)
    assert event.fired == pytest.approx(6 + (4 - 1) + 0.1)  # with the next window


@pytest.mark.parametrize(
    ("windows", "options", "labels"),
    [
        # A side of a square looks like a swipe: the whole is surer.
        ([("swipe", 5, 6, 0.8), ("square", 5, 7, 0.9)], {}, ["square"]),
        ([("swipe", 5, 6, 0.9), ("square", 5, 7, 0.8)], {}, ["swipe"]),
        # It comes too late, or nothing waits for it.
        ([("swipe", 5, 6, 0.8), ("square", 5, 9, 0.9)], {"wait": 2.0}, ["swipe"]),
        ([("swipe", 5, 6, 0.8), ("square", 5, 9, 0.9)], {"wait": 3.05}, ["square"]),
        ([("swipe", 5, 6, 0.8), ("square", 5, 9, 0.9)], {"wait": None}, ["square"]),
        ([("swipe", 5, 6, 0.8), ("square", 5, 9, 0.9)], {"wait": 3.05, "firing": "early"}, ["swipe"]),
        # At the same moment the surer one counts, whatever its length.
        ([("swipe", 8, 9, 0.8), ("square", 5, 9, 0.9)], {"firing": "early"}, ["square"]),
        ([("swipe", 8, 9, 0.8), ("square", 5, 9, 0.9)], {"wait": 0}, ["square"]),
        # What overlaps one that loses is not lost with it, if it still waits then.
        ([("swipe", 5, 6, 0.8), ("square", 5.5, 6.5, 0.85), ("swipe", 6.1, 7.1, 0.9)], {}, ["swipe", "swipe"]),
        ([("swipe", 5, 6, 0.8), ("square", 5.5, 6.5, 0.85), ("swipe", 6.1, 7.1, 0.9)], {"wait": 1}, ["swipe"]),
        # One after the other, with some overlap.
        ([("swipe", 5, 7, 0.8), ("square", 6.5, 8.5, 0.9)], {}, ["swipe", "square"]),
        ([("swipe", 5, 7, 0.8), ("square", 6.5, 8.5, 0.9)], {"max_overlap": 0.2}, ["square"]),
        # The same label twice, one after the other.
        ([("swipe", 5, 6, 0.8), ("swipe", 6, 7, 0.9)], {}, ["swipe", "swipe"]),
        ([("swipe", 5, 6, 0.8), ("swipe", 5.5, 6.5, 0.9)], {}, ["swipe"]),
        ([("swipe", 5, 6, 0.8), ("swipe", 6, 7, 0.9)], {"refractory": 1.0}, ["swipe"]),
        # It goes on for longer than the longest window.
        ([("swipe", 5 + i / 5, 6 + i / 5, 0.9 - i / 200) for i in range(30)], {}, ["swipe"]),
        ([("swipe", 5 + i / 5, 6 + i / 5, 0.75 + i / 200) for i in range(30)], {}, ["swipe"]),
        # Not sure enough, or of nothing.
        ([("swipe", 5, 6, 0.69)], {}, []),
        ([("none", 5, 6, 0.99)], {}, []),
        ([("swipe", 5, 6, 0.8)], {"margin": 0.7}, []),
        ([("swipe", 5, 6, 0.99)], {"ignore": ("none", "swipe")}, []),
    ],
)
def test_windows_compete(windows, options, labels):
    settings = WindowEventSettings.for_windows(LENGTHS, **{"smoothing": 0, "on_threshold": 0.7, "wait": 2.5, **options})
    assert [event.label for event in run(windows, settings)] == labels


@pytest.mark.parametrize("pause", [0.6, 1.0, 1.5, 3.0])
@pytest.mark.parametrize("lengths", [(1.7, 3.4), (1.2, 1.7, 2.4, 3.4, 4.8)])
def test_repeated_gestures_fire_once_each(lengths, pause):
    """Of a model that says how well a gesture fills a window, as it learns from `sample_windows`."""
    gestures = [(5 + i * (1.2 + pause), 6.2 + i * (1.2 + pause)) for i in range(6)]
    detector, events = WindowDetector(LABELS, WindowEventSettings.for_windows(lengths)), []
    for end in np.arange(1, gestures[-1][1] + 6, 0.2):
        for length in lengths:
            commons = [max(0, min(end, stop) - max(end - length, start)) for start, stop in gestures]
            iou = max(common / (length + 1.2 - common) for common in commons)
            probability = float(np.clip((iou - 0.25) / 0.35, 0.001, 0.99))
            events += detector.push(logits("swipe", probability), end - length / 2, end, length)
    events += detector.flush()
    assert len(events) == len(gestures)
    for event, (start, stop) in zip(events, gestures, strict=True):
        assert event.start < (start + stop) / 2 < event.end


def test_probabilities_are_smoothed_over_windows_of_one_length():
    settings = WindowEventSettings.for_windows(LENGTHS, smoothing=0.25, on_threshold=0.7)
    windows = [("swipe", 5 + i / 10, 6 + i / 10, 0.9) for i in range(3)]
    (event,) = run(windows, settings)
    assert event.score == pytest.approx(0.9, abs=1e-3)
    assert (event.start, event.end) == pytest.approx((5.1, 6.1))
    assert run(windows[:1], settings) == []


def test_what_waits_is_reported_at_the_end_of_the_stream():
    detector = WindowDetector(LABELS, SETTINGS)
    assert detector.push(logits("swipe", 0.9), 10, 10.5, 1.0) == []
    assert detector.push(logits("square", 0.9), 10, 10.5, 4.0) == []
    (event,) = detector.flush()
    assert (event.start, event.end, event.fired) == (10, 10.5, 10.5)  # frames are held before and after the stream
    assert detector.flush() == []


def test_a_detector_that_comes_in_the_middle_of_a_stream():
    """As after a change of the settings: what a window showed before is not before the stream."""
    detector, events = WindowDetector(LABELS, WindowEventSettings.for_windows(LENGTHS, smoothing=0, wait=1.0)), []
    for i in range(40):
        for length in LENGTHS:
            probability = 0.9 if (i, length) == (2, 4.0) else 0.01
            events += detector.push(logits("square", probability), 100 + i / 10 - length / 2, 100 + i / 10, length)
    (event,) = events
    assert (event.start, event.peak, event.end) == pytest.approx((98, 98.2, 100.2))


def test_what_is_going_on_and_the_moment():
    detector = WindowDetector(LABELS, SETTINGS)
    assert (detector.active_label, detector.smoothed) == (None, None)
    detector.push(logits("swipe", 0.8), 10, 10.5, 1.0)
    detector.push(logits("square", 0.6), 9.5, 10.5, 2.0)
    assert detector.active_label == "swipe"
    assert detector.smoothed.scores[1] == pytest.approx(0.8)
    detector.push(logits("square", 0.9), 10, 11, 2.0)
    assert detector.active_label == "square"
    detector.reset()
    assert (detector.active_label, detector.smoothed) == (None, None)
    detector = WindowDetector(LABELS, WindowEventSettings(ignore=LABELS))
    detector.push(logits("swipe", 0.8), 10, 10.5, 1.0)
    assert detector.smoothed.scores[1] == pytest.approx(0.8)


@pytest.mark.parametrize("firing", ["late", "early"])
def test_noise_never_fires_twice_within_the_pause(firing):
    """Nor does memory grow."""
    rng = np.random.default_rng(0)
    settings = WindowEventSettings.for_windows(LENGTHS, smoothing=0.2, on_threshold=0.5, refractory=0.5, firing=firing)
    detector, events = WindowDetector(LABELS, settings), []
    for i in range(20000):
        for length in LENGTHS:
            events += detector.push(rng.normal(0, 4, 3), 0.2 * i - length / 2, 0.2 * i, length)
        assert len(detector._waiting) + len(detector._reported) + len(detector._runs) < 120
    assert len(events) > 50
    assert [event.fired for event in events] == sorted(event.fired for event in events)
    for label in LABELS:
        spans = sorted((event.start, event.end) for event in events if event.label == label)
        for (start, end), (next_start, next_end) in itertools.pairwise(spans):
            assert end - next_start <= 0.3 * min(end - start, next_end - next_start) + 1e-9


@pytest.mark.parametrize(
    ("values", "timestamp", "message"),
    [
        ([0, 1], 20, "one logit for each of the 3 labels"),
        ([0, 1, np.nan], 20, "finite"),
        ([0, 1, 2], 10, "increase; the last one was 10"),
        ([0, 1, 2], np.inf, "Timestamps must be finite"),
    ],
)
def test_wrong_calls(values, timestamp, message):
    detector = WindowDetector(LABELS, SETTINGS)
    detector.push(np.zeros(3), 10, 11, 1.0)
    detector.push(np.zeros(3), 9, 11, 2.0)  # each length has its own time
    with pytest.raises(ValueError, match=message):
        detector.push(values, timestamp, 21, 1.0)


@pytest.mark.parametrize(
    ("now", "length", "message"),
    [
        (10.9, 1.0, "not decrease; the last one was 11"),
        (np.nan, 1.0, "must be finite"),
        (21, 0, "`length` must be a positive number of seconds. Received: length=0"),
        (21, None, "`length` must be a positive number of seconds. Received: length=None"),
    ],
)
def test_wrong_times_and_lengths(now, length, message):
    detector = WindowDetector(LABELS, SETTINGS)
    detector.push(np.zeros(3), 10, 11, 1.0)
    with pytest.raises(ValueError, match=message):
        detector.push(np.zeros(3), 20, now, length)
