import pytest

from keras_action.data import (
    Annotations,
    Clip,
    read_annotations,
    read_shards,
    sample_windows,
    write_shards,
    write_video,
)
from keras_action.training.stream_windows import has_stream_windows
from keras_action.utils.intervals import Interval


def annotations(*parts, path="a.mp4"):
    return Annotations(tuple(Clip(path, "wave", *part) for part in parts), ("wave",))


@pytest.mark.parametrize(
    ("clips", "expected"),
    [
        pytest.param(annotations((None, None), (None, None)), False, id="whole videos"),
        pytest.param(annotations((1, 3), (3, 5), (9, 10)), False, id="cut by hand"),
        pytest.param(annotations((1, 3), (2.8, 5)), False, id="cut by hand, with a little overlap"),
        pytest.param(annotations((1, 3), (1, 3), (1, 3)), False, id="one part three times"),
        pytest.param(annotations((1, 3), (1.5, 3.5)), True, id="overlapping windows"),
        pytest.param(annotations((1, 5), (2, 3)), True, id="a window within a gesture"),
        pytest.param(Annotations((Clip("a", "x", 1, 3), Clip("b", "x", 1.5, 3.5)), ("x",)), False, id="two videos"),
        pytest.param(annotations((0, None), (None, 2)), False, id="open ends"),
    ],
)
def test_windows_overlap(clips, expected):
    assert has_stream_windows(clips) == expected


@pytest.mark.parametrize("lengths", [[2.0], [1.2, 1.7, 2.4, 3.4, 4.8]])
def test_windows_that_the_library_samples(lengths):
    truth = [Interval("wave", start, start + 2) for start in range(1, 60, 4)]
    windows = sample_windows(truth, 62.0, lengths)
    assert has_stream_windows(annotations(*((window.start, window.end) for window in windows)))
    assert not has_stream_windows(annotations(*((gesture.start, gesture.end) for gesture in truth)))


@pytest.mark.parametrize(("second", "expected"), [("0.3,0.9", True), ("0.8,1.4", False)])
def test_shards_keep_the_parts(noise_video, second, expected, tmp_path):
    csv = tmp_path / "clips.csv"
    start, end = second.split(",")
    csv.write_text(f"path,label,start,end\n{noise_video},wave,0.1,0.7\n{noise_video},nod,{start},{end}\n")
    write_shards(read_annotations(csv), tmp_path / "shards", short_side=32, workers=1, progress=False)
    clips = read_shards(tmp_path / "shards")
    assert clips.clips[0].start is None
    assert has_stream_windows(clips) == expected


@pytest.fixture
def noise_video(tmp_path):
    import numpy as np

    path = tmp_path / "video.mp4"
    write_video(path, np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3)).astype("uint8"), fps=10)
    return path
