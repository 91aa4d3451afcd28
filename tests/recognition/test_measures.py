import json
import math

import pytest

from keras_action.recognition import GestureEvent, StreamReport, levenshtein_distance, match_events


def event(label, start, end, fired):
    return GestureEvent(label, start, end, 0.9, start, fired)


@pytest.fixture
def report():
    """Of five gestures four are found, one of them twice; one event is wrong, in two minutes."""
    first = match_events(
        [event("a", 1, 2, 2), event("a", 2.5, 3, 3.5), event("b", 10, 12, 11.5), event("a", 20, 21, 21.5)],
        [("a", 1, 3), ("b", 10, 12), ("c", 20, 22)],
    )
    second = match_events([event("c", 1, 5, 7), event("c", 8, 9, 10)], [("c", 1, 5), ("c", 8, 10)])
    return StreamReport((first, second), (90.0, 30.0))


def test_figures(report):
    assert (report.gestures, report.detected, report.false_alarms, report.duplicates) == (5, 4, 1, 1)
    assert report.detection_rate == 0.8
    assert report.precision == 4 / 6
    assert report.false_alarms_per_minute == 0.5
    # a a b a for a b c, and c c for c c
    assert report.levenshtein_accuracy == 1 - 2 / 5
    assert report.latency_from_start == pytest.approx((1 + 1.5 + 6 + 2) / 4)
    assert report.latency_from_end == pytest.approx((-1 - 0.5 + 2 + 0) / 4)
    assert report.latencies == pytest.approx((-1, -0.5, 2, 0))
    assert report.median_latency == pytest.approx(-0.25)
    assert report.latency_90th_percentile == pytest.approx(1.4)  # 0.7 of the way from the third to the fourth
    assert report.time_to_detect == pytest.approx((1 / 2 + 1.5 / 2 + 6 / 4 + 2 / 2) / 4)
    assert report.early_rate == 0.5
    low, high = report.detection_interval
    assert 0.2 <= low < 0.8 < high <= 1
    assert report.by_label() == [("a", 1, 1, 1, 1), ("b", 1, 1, 0, 0), ("c", 3, 2, 0, 0)]


def test_as_text_and_as_json(report):
    assert report.summary() == (
        "4 of 5 gestures detected (80%), 0.50 false alarms per minute, 1 duplicate, "
        "latency from the end: median -0.25 s, 90th percentile 1.40 s"
    )
    text = str(report)
    assert "2 streams, 120 s, 5 gestures" in text and "Levenshtein accuracy         60.0%" in text
    assert "latency from end              0.12 s   median -0.25 s, 90th percentile 1.40 s" in text
    content = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert content["time_to_detect"] == report.time_to_detect
    assert (content["median_latency"], content["latency_90th_percentile"]) == pytest.approx((-0.25, 1.4))
    assert [len(stream["duplicates"]) for stream in content["streams"]] == [1, 0]


def test_nothing_there_and_nothing_found():
    report = StreamReport((match_events([], []),), (60,))
    assert report.false_alarms_per_minute == 0
    assert math.isnan(report.detection_rate) and math.isnan(report.latency_from_end)
    assert math.isnan(report.median_latency) and math.isnan(report.latency_90th_percentile)
    assert report.to_dict()["detection_rate"] is None
    assert "0 of 0 gestures detected" in report.summary()
    assert str(report)


def test_more_wrong_than_there_is():
    events = [event("b", i, i + 0.5, i + 1) for i in range(3)]
    assert StreamReport((match_events(events, [("a", 0, 1)]),), (60,)).levenshtein_accuracy == -2


@pytest.mark.parametrize("durations", [(), (1.0,), (0.0, 1.0)])
def test_as_many_durations_as_streams(durations):
    match = match_events([], [])
    with pytest.raises(ValueError, match=r"positive duration .*Received: "):
        StreamReport((match, match), durations)


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [("", "", 0), ("abc", "abc", 0), ("", "ab", 2), ("ab", "", 2), ("kitten", "sitting", 3), ("abc", "acb", 2)],
)
def test_levenshtein_distance(first, second, distance):
    assert levenshtein_distance(list(first), list(second)) == distance
