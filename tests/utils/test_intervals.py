import pytest

from keras_action.utils.intervals import Interval, intervals_path, is_ignored, read_intervals, write_intervals


@pytest.mark.parametrize("head", ["label,start,end", "\ufeffstart,label,note,end"])
def test_reads_segments(tmp_path, head):
    path = tmp_path / "truth.csv"
    rows = {"label": '"wave, twice"', "start": "0.5", "end": "2", "note": "x"}
    row = ",".join(rows[name] for name in head.strip("\ufeff").split(","))
    path.write_text(f"{head}\n{row}\n\n", encoding="utf-8")
    assert read_intervals(path) == (Interval("wave, twice", 0.5, 2.0),)


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
        read_intervals(path)


def test_what_is_written_is_read(tmp_path):
    segments = (Interval("wave, twice", 0.5, 2.0), Interval("nod", 2.25, 3.125))
    path = intervals_path(tmp_path / "stream.mp4")
    assert path.name == "stream.mp4.csv"
    write_intervals(path, segments)
    assert read_intervals(path) == segments


def test_labels_that_mean_nothing():
    assert all(map(is_ignored, ("none", "No gesture", "Doing other things")))
    assert not is_ignored("wave")
    assert is_ignored("Wave", ("wave",))
