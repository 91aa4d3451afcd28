import pytest

from keras_action.data import read_annotations, video_info
from keras_action.utils.intervals import read_intervals
from tests import tiny
from training import join

pytest.importorskip("av", reason="the extra video is not installed")


@pytest.fixture
def csv(tmp_path):
    return str(tiny.write_videos(tmp_path, per_class=4))


def test_windows_to_train_on(csv, tmp_path, capsys):
    output, windows = tmp_path / "videos" / "joined.mp4", tmp_path / "windows.csv"
    join.main(
        [
            *("--data", csv, "--output", str(output), "--parts", "2", "--ignore", "dark", "--background", "dark"),
            *("--max-pause", "1", "--pauses", "background", "--windows", str(windows)),
            *("--window-seconds", "0.8", "1.2"),
        ]
    )
    out = capsys.readouterr().out
    assert out.count("4 clips, 2 of them gestures") == 2 and "windows: " in out
    videos = sorted((tmp_path / "videos").glob("*.mp4"))
    assert [path.name for path in videos] == ["joined_0.mp4", "joined_1.mp4"]
    annotations = read_annotations(windows)
    assert annotations.labels == ("bright", "dark")
    clips = {(clip.path, clip.start, clip.end) for clip in annotations.clips if clip.label == "bright"}
    for video in videos:
        truth = read_intervals(f"{video}.csv")
        assert len(truth) == 2 and truth[-1].end <= video_info(video).duration
        assert {(str(video), segment.start, segment.end) for segment in truth} <= clips


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--min-pause", "2"], "min_pause=2"),
        (["--parts", "9"], "parts=9"),
        (["--pauses", "background"], "no clip for the background"),
        (["--windows", "w.csv", "--window-seconds", "-1"], "lengths="),
    ],
)
def test_errors(csv, tmp_path, arguments, message):
    with pytest.raises(SystemExit, match=f"error: .*{message}"):
        join.main(["--data", csv, "--output", str(tmp_path / "joined.mp4"), *arguments])
    assert not (tmp_path / "w.csv").exists()


def test_windows_need_lengths(capsys):
    with pytest.raises(SystemExit):
        join.main(["--data", "x.csv", "--output", "x.mp4", "--windows", "w.csv"])
    assert "belong together" in capsys.readouterr().err
