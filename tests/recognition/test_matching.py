import math

import pytest

from keras_action.recognition import GestureEvent, GestureSegment, match_events, read_segments


def event(label, start, end):
    return GestureEvent(label, start, end, 0.9)


@pytest.mark.parametrize(
    ("events", "truth", "counts"),
    [
        pytest.param([], [], (0, 0, 0), id="nothing"),
        pytest.param([event("a", 1, 2)], [("a", 1.5, 3)], (1, 0, 0), id="overlap"),
        pytest.param([event("a", 1, 2)], [("a", 2, 3)], (0, 1, 1), id="they only touch"),
        pytest.param([event("b", 1, 2)], [("a", 1, 2)], (0, 1, 1), id="another label"),
        pytest.param([event("a", 1, 2), event("a", 2, 3)], [("a", 1, 3)], (1, 0, 1), id="fired twice"),
        pytest.param([event("a", 1, 5)], [("a", 1, 2), ("a", 4, 5)], (1, 1, 0), id="two taken for one"),
        pytest.param([event("a", 0, 2), event("a", 2, 5)], [("a", 1, 3), ("a", 4, 5)], (2, 0, 0), id="both find one"),
        pytest.param([], [("none", 0, 9), ("a", 1, 2)], (0, 1, 0), id="none is no gesture"),
    ],
)
def test_counts(events, truth, counts):
    report = match_events(events, truth)
    assert (len(report.found), len(report.missed), len(report.false)) == counts
    total, reported = counts[0] + counts[1], counts[0] + counts[2]
    assert report.detection_rate == (counts[0] / total if total else pytest.approx(math.nan, nan_ok=True))
    assert report.precision == (counts[0] / reported if reported else pytest.approx(math.nan, nan_ok=True))
    assert report.summary() in str(report)


def test_table_is_in_order_of_time():
    report = match_events([event("b", 7, 8), event("a", 1, 2)], [GestureSegment("a", 1, 2), GestureSegment("c", 4, 5)])
    lines = str(report).splitlines()
    assert [line.split()[-1] for line in lines[1:4]] == ["found", "MISSED", "FALSE"]
    assert lines[-1] == "1 of 2 gestures found, 1 missed, 1 false event"


def test_report_for_json():
    report = match_events([event("a", 1, 2), event("b", 3, 4)], [("a", 1, 2), ("c", 5, 6)])
    assert report.to_dict() == {
        "found": [{"label": "a", "truth": [1, 2], "event": event("a", 1, 2).to_dict()}],
        "missed": [{"label": "c", "start": 5, "end": 6}],
        "false": [event("b", 3, 4).to_dict()],
    }


@pytest.mark.parametrize("head", ["label,start,end", "\ufeffstart,label,note,end"])
def test_reads_segments(tmp_path, head):
    path = tmp_path / "truth.csv"
    rows = {"label": '"wave, twice"', "start": "0.5", "end": "2", "note": "x"}
    row = ",".join(rows[name] for name in head.strip("\ufeff").split(","))
    path.write_text(f"{head}\n{row}\n\n", encoding="utf-8")
    assert read_segments(path) == (GestureSegment("wave, twice", 0.5, 2.0),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "columns .* are missing. Received: \\[\\]"),
        (b"label,begin,end\na,0,1\n", "\\['start'\\] are missing"),
        (b"label,start,end\na,0,1\na,x,1\n", "truth.csv, line 3: .*start='x'"),
        (b"label,start,end\na,2,1\n", "line 2: .*start='2', end='1'"),
        (b"label,start,end\na,-1,1\n", "line 2"),
        (b"label,start,end\na,0,inf\n", "line 2"),
        (b"label,start,end\n,0,1\n", "line 2: .*label=''"),
        (b"label,start,end\na,0\n", "line 2: .*end=None"),
        (b"label,start,end\n\xff\xfe\x00,0,1\n", "is not a CSV file"),
    ],
)
def test_bad_files(tmp_path, content, message):
    path = tmp_path / "truth.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_segments(path)
