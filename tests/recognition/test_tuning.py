import dataclasses
import functools

import numpy as np
import pytest

from keras_action.recognition import (
    EventSettings,
    Interval,
    LogitSequence,
    WindowEventSettings,
    cross_validate,
    evaluate_streams,
    match_at_end,
    operating_curve,
    tune_events,
)

LABELS = ("none", "left", "right")


def make_stream(seed, confidence=0.6, spikes=0.85):
    """A stream whose gestures are seen with less confidence than short spikes of nothing."""
    rng = np.random.default_rng(seed)
    times = np.arange(0, 60, 0.2)
    probabilities = np.tile([0.9, 0.05, 0.05], (len(times), 1))
    truth, now = [], 2.0
    while now < 54:
        label = int(rng.integers(1, 3))
        truth.append(Interval(LABELS[label], now, now + 2))
        probabilities[(times >= now) & (times < now + 2)] = np.eye(3)[label] * (confidence - 0.2) + 0.2
        spike = np.argmin(abs(times - now - 3.5))
        probabilities[spike : spike + 2] = np.eye(3)[3 - label] * spikes + (1 - spikes) / 3
        now += rng.uniform(5, 6)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    columns = np.ones(len(times)), np.zeros(len(times), int)  # one length, one stream
    return LogitSequence(LABELS, times, times + 0.5, np.log(probabilities), *columns, 60.0), truth


@pytest.fixture(scope="module")
def streams():
    return [make_stream(seed) for seed in range(3)]


START = EventSettings(smoothing=0, min_duration=0, merge_gap=0)


def test_finds_settings_that_find_the_gestures(streams):
    before = evaluate_streams(streams, START)
    assert before.detected == 0 and before.false_alarms_per_minute > 5
    settings = tune_events(streams, START, clip_seconds=2.0)
    report = evaluate_streams(streams, settings)
    assert report.detection_rate == 1
    assert report.false_alarms_per_minute == 0
    assert report.duplicates == 0
    assert (settings.firing, settings.ignore, settings.smoothing_kind) == (START.firing, START.ignore, "mean")
    assert tune_events(streams, settings, clip_seconds=2.0) == settings  # what is good stays
    other = evaluate_streams([make_stream(9)], settings)
    assert (other.detection_rate, other.false_alarms) == (1, 0)


def test_early_firing_is_tuned_too(streams):
    settings = tune_events(streams, dataclasses.replace(START, firing="early"), clip_seconds=2.0)
    report = evaluate_streams(streams, settings)
    assert report.detection_rate > 0.9 and report.false_alarms_per_minute <= 1
    assert report.latency_from_start < 2.6


def test_only_reports_in_time_count(streams):
    settings = tune_events(streams, START, clip_seconds=2.0)
    late = dataclasses.replace(settings, merge_gap=1.5)  # reported 0.5 s after the window, and so 2 s after the end
    assert evaluate_streams(streams, late).detection_rate == 1
    report = evaluate_streams(streams, late, match=match_at_end)
    assert (report.detected, report.duplicates) == (0, 0)
    assert report.false_alarms == report.gestures
    points = operating_curve(streams, late, match=match_at_end)
    assert max(point.detection_rate for point in points) == 0
    assert max(point.false_alarms_per_minute for point in points) > 5

    tuned = tune_events(streams, late, clip_seconds=2.0, match=match_at_end)
    report = evaluate_streams(streams, tuned, match=match_at_end)
    assert (report.detection_rate, report.false_alarms, report.duplicates) == (1, 0, 0)
    assert report.latency_90th_percentile <= 1
    (point,) = operating_curve(streams, tuned, [tuned.on_threshold], match=match_at_end)
    assert (point.detection_rate, point.false_alarms_per_minute) == (1, 0)
    report = cross_validate(streams, late, clip_seconds=2.0, match=match_at_end)
    assert report.detection_rate == 1


def test_limits_of_the_matching_can_be_changed(streams):
    settings = tune_events(streams, START, clip_seconds=2.0)
    delay = evaluate_streams(streams, settings).latency_90th_percentile
    for max_delay, rate in ((delay / 2, 0), (delay + 1, 1)):
        match = functools.partial(match_at_end, max_delay=max_delay)
        assert evaluate_streams(streams, settings, match=match).detection_rate == rate


def test_cross_validation_covers_each_stream_once(streams):
    report = cross_validate(streams, START, clip_seconds=2.0)
    assert report.durations == (60.0,) * 3
    assert [match.truth for match in report.matches] == [tuple(truth) for _, truth in streams]
    assert report.detection_rate == 1
    background = (make_stream(3)[0], [])
    report = cross_validate([streams[0], background], START, clip_seconds=2.0)
    assert report.matches[0] == evaluate_streams(streams[:1], START).matches[0]  # nothing else to tune on
    assert report.gestures == len(streams[0][1])


def test_operating_curve(streams):
    settings = EventSettings(smoothing=0.2, min_duration=0.2, on_threshold=0.4, off_threshold=0.2)
    points = operating_curve(streams, settings)
    thresholds = [point.on_threshold for point in points]
    assert thresholds == sorted(thresholds) and 0.4 in thresholds and len(points) == 21
    assert points[-1].detection_rate == 0 and max(point.detection_rate for point in points) == 1
    (point,) = operating_curve(streams, settings, [0.4])
    report = evaluate_streams(streams, settings)
    assert (point.detection_rate, point.false_alarms_per_minute, point.duplicates) == (
        report.detection_rate,
        report.false_alarms_per_minute,
        report.duplicates,
    )


def test_streams_that_cannot_be_tuned_on(streams):
    with pytest.raises(ValueError, match=r"must have gestures. Received: 1 streams without any"):
        tune_events([(streams[0][0], [])], START, clip_seconds=2.0)
    with pytest.raises(ValueError, match=r"at least two streams. Received: 1"):
        cross_validate(streams[:1], START, clip_seconds=2.0)


def make_windows(seed):
    """Gestures of 1 and of 3 seconds; within the long ones, short windows are sure of a short one, a second earlier."""
    rng = np.random.default_rng(seed)
    ends = np.arange(0.5, 60, 0.2)
    truth, now = [], 2.0
    while now < 54:
        label = int(rng.integers(1, 3))
        truth.append(Interval(LABELS[label], now, now + (1, 3)[label - 1]))
        now += rng.uniform(5, 6)
    rows = []
    for end in ends:
        for length in (1.0, 3.0):
            probabilities = np.array([0.9, 0.05, 0.05])
            for gesture in truth:
                shift = abs(end - gesture.end) / length
                if abs(length - gesture.end + gesture.start) < 1e-6 and shift < 0.3:
                    probabilities = np.eye(3)[LABELS.index(gesture.label)] * (0.95 - shift) + (0.05 + shift) / 3
                elif length == 1 and abs(end - gesture.start - 1) < 0.3:
                    probabilities = np.array([0.3, 0.65, 0.05])
            rows.append((end - length / 2, end, np.log(probabilities), length))
    times, now, logits, lengths = (np.array(column) for column in zip(*rows, strict=True))
    return LogitSequence(LABELS, times, now, logits, lengths, np.zeros(len(times), int), 60.0), truth


def test_settings_of_windows_of_several_lengths():
    streams = [make_windows(seed) for seed in range(2)]
    start = WindowEventSettings.for_windows((1.0, 3.0), wait=0, on_threshold=0.5)
    before = evaluate_streams(streams, start)
    assert before.false_alarms > 5
    settings = tune_events(streams, start, clip_seconds=2.0)
    assert settings != start
    assert settings.window_seconds == start.window_seconds
    report = evaluate_streams(streams, settings)
    assert (report.detection_rate, report.false_alarms, report.duplicates) == (1, 0, 0)
    settings = tune_events(
        streams, WindowEventSettings.for_windows((1.0, 3.0), smoothing=0, on_threshold=0.5), clip_seconds=2.0
    )
    assert settings.wait == 2.0  # what `None` stands for was good enough
    waiting = WindowEventSettings.for_windows((1.0, 3.0), wait=2.5, on_threshold=0.5)
    report = evaluate_streams(streams, waiting)
    assert (report.detection_rate, report.false_alarms, report.duplicates) == (1, 0, 0)
