import math

import pytest

from keras_action.recognition import GestureEvent, Interval, match_events


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
        pytest.param([event("a", 1, 5)], [("a", 1, 2), ("a", 4, 5)], (1, 1, 0, 0), id="two taken for one"),
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


def test_table_is_in_order_of_time():
    truth = [Interval("a", 1, 3), Interval("c", 4, 5)]
    report = match_events([event("b", 7, 8), event("a", 1, 2), event("a", 2.5, 3)], truth)
    lines = str(report).splitlines()
    assert [line.split()[-1] for line in lines[1:5]] == ["detected", "duplicate", "missed", "alarm"]
    assert lines[-1] == "1 of 2 gestures detected, 1 missed, 1 false alarm, 1 duplicate"


def test_report_for_json():
    report = match_events([event("a", 1, 2), event("b", 3, 4)], [("a", 1, 2), ("c", 5, 6)])
    assert report.to_dict() == {
        "detected": [{"label": "a", "truth": [1, 2], "event": event("a", 1, 2).to_dict()}],
        "missed": [{"label": "c", "start": 5, "end": 6}],
        "false_alarms": [event("b", 3, 4).to_dict()],
        "duplicates": [],
    }
