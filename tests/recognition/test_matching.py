import math

import pytest

from keras_action.recognition import GestureEvent, Interval, match_at_end, match_events


def event(label, start, end):
    return GestureEvent(label, start, end, 0.9, start, end)


@pytest.mark.parametrize(
    ("events", "truth", "counts"),
    [
        pytest.param([], [], (0, 0, 0, 0), id="nothing"),
        pytest.param([event("a", 1, 2)], [("a", 1.5, 3)], (1, 0, 0, 0), id="overlap"),
        pytest.param([event("a", 1, 2)], [("a", 2, 3)], (0, 1, 1, 0), id="they only touch"),
        pytest.param([event("b", 1, 2)], [("a", 1, 2)], (0, 1, 1, 0), id="another label"),
        pytest.param([event("a", 1, 2), event("a", 2, 3)], [("a", 1, 3)], (1, 0, 0, 1), id="fired twice"),
        pytest.param([event("a", 1, 5)], [("a", 1, 2), ("a", 4, 5)], (1, 1, 0, 0), id="two gestures, one event"),
        pytest.param(
            [event("a", 0, 2), event("a", 2, 5)], [("a", 1, 3), ("a", 4, 5)], (2, 0, 0, 0), id="both find one"
        ),
        pytest.param([], [("None", 0, 9), ("a", 1, 2)], (0, 1, 0, 0), id="none is no gesture"),
        pytest.param(
            [event("a", 1, 2), event("b", 2, 3), event("a", 2.5, 4)], [("a", 1, 4)], (1, 0, 1, 1), id="twice and wrong"
        ),
    ],
)
def test_counts(events, truth, counts):
    report = match_events(events, truth)
    assert (len(report.detected), len(report.missed), len(report.false_alarms), len(report.duplicates)) == counts
    total, reported = counts[0] + counts[1], counts[0] + counts[2] + counts[3]
    assert (len(report.truth), len(report.events)) == (total, reported)
    assert report.detection_rate == (counts[0] / total if total else pytest.approx(math.nan, nan_ok=True))
    assert report.precision == (counts[0] / reported if reported else pytest.approx(math.nan, nan_ok=True))
    assert report.summary() in str(report)


def fired(label, seconds):
    """An event that is reported at this time; its interval, which must not count, is elsewhere."""
    return GestureEvent(label, 100, 101, 0.9, 100, seconds)


# (truth, events as (label, report), counts of detected, missed, false alarms and duplicates, latencies)
A = ("a", 10, 20)
AT_END = {
    "no gestures, no events": ([], [], (0, 0, 0, 0), []),
    "no gestures": ([], [("a", 12)], (0, 0, 1, 0), []),
    "no events": ([A], [], (0, 1, 0, 0), []),
    "29 % of it": ([A], [("a", 12.9)], (0, 1, 1, 0), []),
    "31 % of it": ([A], [("a", 13.1)], (1, 0, 0, 0), [-6.9]),
    "0.99 s after it": ([A], [("a", 20.99)], (1, 0, 0, 0), [0.99]),
    "1 s after it": ([A], [("a", 21)], (1, 0, 0, 0), [1]),
    "1.01 s after it": ([A], [("a", 21.01)], (0, 1, 1, 0), []),
    "before it": ([A], [("a", 5)], (0, 1, 1, 0), []),
    "wrong label inside": ([A], [("b", 15)], (0, 1, 1, 0), []),
    "wrong label, then right": ([A], [("b", 15), ("a", 20.5)], (1, 0, 1, 0), [0.5]),
    "two right ones": ([A], [("a", 20.5), ("a", 15)], (1, 0, 0, 1), [-5]),
    "three right ones": ([A], [("a", 15), ("a", 16), ("a", 17)], (1, 0, 0, 2), [-5]),
    "too early and in time": ([A], [("a", 11), ("a", 15)], (1, 0, 1, 0), [-5]),
    "in time and too late": ([A], [("a", 15), ("a", 21.5)], (1, 0, 1, 0), [-5]),
    # The times are 1.3 to 3 and 2.8 to 4.5 s.
    "one event for two gestures": ([("a", 1, 2), ("a", 2.5, 3.5)], [("a", 2.9)], (1, 1, 0, 0), [0.9]),
    "each has its event": ([("a", 1, 2), ("a", 2.5, 3.5)], [("a", 2), ("a", 2.9)], (2, 0, 0, 0), [0, -0.6]),
    "both where their times overlap": (
        [("a", 1, 2), ("a", 2.5, 3.5)],
        [("a", 2.85), ("a", 2.95)],
        (2, 0, 0, 0),
        [0.85, -0.55],
    ),
    "the second one has the later event": (
        [("a", 1, 2), ("a", 2.5, 3.5)],
        [("a", 2.9), ("a", 4)],
        (2, 0, 0, 0),
        [0.9, 0.5],
    ),
    "a third event": (
        [("a", 1, 2), ("a", 2.5, 3.5)],
        [("a", 2), ("a", 2.9), ("a", 3.5)],
        (2, 0, 0, 1),
        [0, -0.6],
    ),
    # The short gesture ends within the long one, whose time begins first.
    "a gesture within another": ([("a", 0, 10), ("a", 4, 5)], [("a", 4.5), ("a", 9)], (2, 0, 0, 0), [-1, -0.5]),
    "two labels after each other": (
        [("a", 1, 2), ("b", 2.5, 3.5)],
        [("a", 2.9), ("b", 2.95)],
        (2, 0, 0, 0),
        [0.9, -0.55],
    ),
    "none is no gesture": ([("None", 0, 9), ("a", 1, 2)], [("a", 1.5)], (1, 0, 0, 0), [-0.5]),
}


@pytest.mark.parametrize("case", AT_END)
def test_matching_at_the_end(case):
    truth, events, counts, latencies = AT_END[case]
    report = match_at_end([fired(*event) for event in events], truth)
    assert (len(report.detected), len(report.missed), len(report.false_alarms), len(report.duplicates)) == counts
    assert report.latencies == pytest.approx(latencies)
    assert len(report.events) == len(events)


@pytest.mark.parametrize(
    ("limits", "times"),
    [
        ({}, [13, 14, 20, 21]),
        ({"min_fraction": 0.5}, [20, 21]),
        ({"max_delay": 0.5}, [13, 14, 20]),
        ({"min_fraction": 0, "max_delay": 1.5}, [10, 13, 14, 20, 21, 21.5]),
        ({"min_fraction": 1, "max_delay": 0}, [20]),
    ],
)
def test_limits_of_matching_at_the_end(limits, times):
    all_times = [9.9, 10, 13, 14, 20, 21, 21.5]
    assert [time for time in all_times if match_at_end([fired("a", time)], [A], **limits).detected] == times


@pytest.mark.parametrize("limits", [{"min_fraction": 1.1}, {"min_fraction": -0.1}, {"max_delay": -1}])
def test_limits_out_of_range(limits):
    with pytest.raises(ValueError, match=r"from 0 to 1, and `max_delay` 0 or more seconds. Received: "):
        match_at_end([], [], **limits)


def test_the_two_ways_of_matching_differ():
    early, late = GestureEvent("a", 10, 12, 0.9, 11, 12), GestureEvent("a", 10, 20, 0.9, 15, 22)
    assert match_events([early], [A]).detected and not match_at_end([early], [A]).detected
    assert match_events([late], [A]).detected and not match_at_end([late], [A]).detected


def test_table_is_in_order_of_time():
    truth = [Interval("a", 1, 3), Interval("c", 4, 5)]
    report = match_events([event("b", 7, 8), event("a", 1, 2), event("a", 2.5, 3)], truth)
    lines = str(report).splitlines()
    assert [line.split()[-1] for line in lines[1:5]] == ["detected", "duplicate", "missed", "alarm"]
    assert lines[-2] == "latency from the end: median -1.00 s, 90th percentile -1.00 s"
    assert lines[-1] == "1 of 2 gestures detected, 1 missed, 1 false alarm, 1 duplicate"


def test_report_for_json():
    report = match_events([event("a", 1, 2), event("b", 3, 4)], [("a", 1, 2), ("c", 5, 6)])
    assert report.to_dict() == {
        "detected": [{"label": "a", "truth": [1, 2], "event": event("a", 1, 2).to_dict()}],
        "missed": [{"label": "c", "start": 5, "end": 6}],
        "false_alarms": [event("b", 3, 4).to_dict()],
        "duplicates": [],
    }
