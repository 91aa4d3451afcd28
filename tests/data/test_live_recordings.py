"""Recordings of browsers: WebM without duration, index or frame rate, with frames at uneven times."""

from pathlib import Path

import numpy as np
import pytest

from keras_action.data import (
    Annotations,
    Clip,
    count_frames,
    iter_frames,
    join_clips,
    read_frames,
    render_gesture,
    video_info,
)
from tests.data.live_webm import live_webm

av = pytest.importorskip("av", reason="the extra video is not installed")

NUM_FRAMES = 40


@pytest.fixture(scope="module")
def times():
    """As a busy browser: 30 frames a second, some late, some left out."""
    gaps = np.random.default_rng(0).choice(
        [0.02, 0.033, 0.034, 0.067, 0.1], NUM_FRAMES - 1, p=[0.1, 0.35, 0.35, 0.1, 0.1]
    )
    return np.concatenate([[0.0], np.cumsum(gaps)])


@pytest.fixture(scope="module")
def frames():
    return render_gesture("swipe_left", seed=0, num_frames=NUM_FRAMES, size=(64, 96))


@pytest.fixture(scope="module")
def path(tmp_path_factory, frames, times):
    path = tmp_path_factory.mktemp("live") / "take.webm"
    path.write_bytes(live_webm(frames, times))
    with av.open(str(path)) as container:  # else it is no test
        assert container.streams.video[0].frames == 0
        assert container.streams.video[0].average_rate is None
        seconds = [packet.pts * packet.time_base for packet in container.demux(video=0) if packet.pts is not None]
    assert len(seconds) == NUM_FRAMES
    return path


def test_all_frames_at_their_times(path, frames, times):
    assert count_frames(path) == NUM_FRAMES
    found = list(iter_frames(path))
    np.testing.assert_allclose([time for time, _ in found], times, atol=0.0011)
    assert np.abs(np.stack([frame for _, frame in found]).astype(float) - frames).mean() < 6
    np.testing.assert_array_equal(read_frames(path, [31, 5]), np.stack([found[31][1], found[5][1]]))


def test_rate_and_duration_are_those_of_the_frames(path, times):
    """Not those of the clock, 1000 a second, that FFmpeg guesses."""
    info = video_info(path)
    rate = (NUM_FRAMES - 1) / times[-1]
    assert info.fps == pytest.approx(rate, rel=1e-3)
    assert info.duration == pytest.approx(times[-1] + 1 / rate, abs=0.002)


def test_joined_clips_keep_their_length(path, times, tmp_path):
    truth = join_clips(Annotations((Clip(str(path), "wave"),), ("wave",)), tmp_path / "joined.mp4", fps=15)
    assert truth[0].end - truth[0].start == pytest.approx(times[-1], abs=0.1)


def test_a_cut_recording_is_read_up_to_where_it_was_cut_or_refused(path, tmp_path):
    """A file without a length can't show whether frames are missing. The frames that are read must be right."""
    data = path.read_bytes()
    cut = tmp_path / "cut.webm"
    cut.write_bytes(data[: len(data) // 2])
    try:
        count = count_frames(cut)
    except OSError:
        return
    assert 0 < count < NUM_FRAMES
    np.testing.assert_array_equal(read_frames(cut, [0, count - 2]), read_frames(path, [0, count - 2]))


@pytest.mark.parametrize(
    ("name", "num_frames", "seconds", "longest_gap"),
    [("chromium.webm", 19, 0.948, 0.123), ("chromium.mp4", 21, 1.195, 0.152)],
)
def test_recordings_of_a_real_browser(tmp_path, name, num_frames, seconds, longest_gap):
    """Of Chromium 150's MediaRecorder: a hand on a canvas, drawn at uneven times. The WebM came in parts."""
    path = Path(__file__).parent / "recordings" / name
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 0
        assert container.duration is None or name == "chromium.mp4"
    info = video_info(path)
    assert (info.num_frames, info.height, info.width) == (num_frames, 48, 64)
    assert info.duration == pytest.approx(seconds, abs=0.01)
    frames = list(iter_frames(path))
    times = np.array([time for time, _ in frames])
    assert times[0] == 0
    assert np.diff(times).min() > 0
    assert np.diff(times).max() == pytest.approx(longest_gap, abs=0.001)
    expected = render_gesture("swipe_left", seed=0, num_frames=21, size=(48, 64))[0]
    assert np.abs(frames[0][1].astype(float) - expected).mean() < 12
    np.testing.assert_array_equal(read_frames(path, [num_frames - 1, 3]), np.stack([frames[-1][1], frames[3][1]]))
    truth = join_clips(Annotations((Clip(str(path), "wave"),), ("wave",)), tmp_path / "joined.mp4", fps=15)
    assert truth[0].end - truth[0].start == pytest.approx(seconds, abs=0.1)
