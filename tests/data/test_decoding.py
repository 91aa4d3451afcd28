import numpy as np
import pytest

from keras_action.data import (
    DecodingError,
    count_frames,
    iter_frames,
    read_frames,
    render_gesture,
    video_info,
    write_video,
)

av = pytest.importorskip("av")

NUM_FRAMES, FPS = 20, 10


@pytest.fixture(scope="module")
def clip():
    return render_gesture("rotate_cw", seed=0, num_frames=NUM_FRAMES, size=(64, 96))


@pytest.fixture(scope="module", params=["mp4", "mkv", "mov", "avi"])
def video(request, clip, tmp_path_factory):
    path = tmp_path_factory.mktemp("videos") / f"clip.{request.param}"
    write_video(path, clip, fps=FPS, crf=10)
    return path


def gap(a, b):
    return np.abs(np.asarray(a, float) - np.asarray(b, float)).mean()


def test_whole_video(video, clip):
    assert count_frames(video) == NUM_FRAMES
    info = video_info(video)
    assert (info.num_frames, info.width, info.height) == (NUM_FRAMES, 96, 64)
    assert info.fps == pytest.approx(FPS)
    assert info.duration == pytest.approx(NUM_FRAMES / FPS, abs=0.01)
    frames = read_frames(video)
    assert frames.dtype == np.uint8
    assert frames.shape == clip.shape
    assert gap(frames, clip) < 4


@pytest.mark.parametrize("indices", [[0], [19], [3, 7, 11], [11, 3, 3, 19], [7] * 4])
def test_chosen_frames_are_those_of_the_whole(video, indices):
    np.testing.assert_array_equal(read_frames(video, indices), read_frames(video)[indices])


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, 0.5, range(0, 5)),
        (0.5, None, range(5, 20)),
        (0.5, 1.2, range(5, 12)),
        (0.51, 0.55, [5]),  # between two frames: the one on show
        (1.95, 2.0, [19]),
        (None, 2.05, range(20)),  # rounded up by whoever annotated
    ],
)
def test_part_of_a_video(video, start, end, expected):
    part = read_frames(video, start=start, end=end)
    np.testing.assert_array_equal(part, read_frames(video)[list(expected)])
    assert count_frames(video, start, end) == len(expected)


@pytest.mark.parametrize(("start", "end"), [(0.0, 2.5), (2.5, None), (2.5, 3.0)])
def test_part_beyond_the_end(video, start, end):
    with pytest.raises(DecodingError, match=r"beyond the end of the video, 2\.0.. s long"):
        read_frames(video, start=start, end=end)


@pytest.mark.parametrize("indices", [[], [20], [-1]])
def test_bad_indices(video, indices):
    with pytest.raises(ValueError, match="`indices` must be at least one, each from 0 to 19"):
        read_frames(video, indices)


@pytest.mark.parametrize(("short_side", "shape"), [(32, (32, 48)), (64, (64, 96)), (100, (64, 96))])
def test_short_side(video, clip, short_side, shape):
    frames = read_frames(video, [4], short_side=short_side)
    assert frames.shape == (1, *shape, 3)
    if short_side == 32:
        means = clip[4].reshape(32, 2, 48, 2, 3).mean((1, 3))
        assert gap(frames[0], means) < 4


def test_iter_frames(video):
    times, frames = zip(*iter_frames(video), strict=True)
    np.testing.assert_allclose(times, np.arange(NUM_FRAMES) / FPS, atol=0.002)
    np.testing.assert_array_equal(frames, read_frames(video))


@pytest.mark.parametrize(("degrees", "quarter_turns"), [(90, 1), (180, 2), (-90, 3)])
def test_rotation_tag(tmp_path, clip, degrees, quarter_turns):
    path = tmp_path / "phone.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.set_display_rotation(degrees)
        for frame in clip:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode(None))
    upright = np.rot90(clip, quarter_turns, (1, 2))
    frames = read_frames(path)
    assert frames.shape == upright.shape
    assert gap(frames, upright) < 4
    assert (video_info(path).height, video_info(path).width) == upright.shape[1:3]
    assert next(iter_frames(path))[1].shape == upright.shape[1:]


def test_same_frames_same_bytes(tmp_path, clip):
    contents = set()
    for _ in range(6):
        write_video(tmp_path / "clip.mp4", clip, fps=FPS, crf=10)
        contents.add((tmp_path / "clip.mp4").read_bytes())
    assert len(contents) == 1


def test_one_frame(tmp_path, clip):
    path = tmp_path / "one.mp4"
    assert write_video(path, clip[:1], fps=FPS) == 1
    assert count_frames(path) == 1
    assert read_frames(path, [0] * 8).shape == (8, *clip.shape[1:])


def test_odd_sides(tmp_path, clip):
    path = tmp_path / "odd.mp4"
    write_video(path, clip[:, :63, :95], fps=FPS, crf=10)
    assert gap(read_frames(path), clip[:, :63, :95]) < 4


def test_fractional_rate(tmp_path, clip):
    write_video(tmp_path / "ntsc.mp4", clip, fps=29.97)
    assert video_info(tmp_path / "ntsc.mp4").fps == pytest.approx(29.97, abs=1e-3)


def test_intra_only_video_looks_the_same_both_ways(tmp_path, clip):
    write_video(tmp_path / "forth.mp4", clip, fps=FPS, intra_only=True)
    write_video(tmp_path / "back.mp4", clip[::-1], fps=FPS, intra_only=True)
    forth, back = (read_frames(tmp_path / f"{name}.mp4") for name in ("forth", "back"))
    np.testing.assert_array_equal(forth, back[::-1])


# --- Damaged files ---


def make_bad(folder, name, clip):
    path = folder / "bad.mp4"
    if name == "folder":
        path.mkdir()
    elif name == "empty":
        path.touch()
    elif name == "text":
        path.write_text("Not a video.\n" * 500)
    elif name == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(20000))
    elif name == "sound only":
        with av.open(str(path), "w") as container:
            stream = container.add_stream("aac", rate=8000)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 8000, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    elif name != "missing":
        source = folder / f"whole.{name.split()[-1]}"
        write_video(source, clip, fps=FPS, crf=10)
        data = bytearray(source.read_bytes())
        if name.startswith("truncated"):
            data = data[: len(data) * 6 // 10]
        else:
            data[len(data) // 2 : len(data) // 2 + 4000] = np.random.default_rng(0).bytes(4000)
        path = folder / f"bad.{name.split()[-1]}"
        path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing", "no such file"),
        ("folder", "no such file"),
        ("empty", "the file is empty"),
        ("text", "Invalid data"),
        ("noise", "Invalid data"),
        ("sound only", "the file has no video"),
        ("truncated mp4", "truncated"),
        ("truncated mkv", "truncated"),
        ("truncated avi", "truncated"),
        ("damaged mp4", ""),
        ("damaged avi", ""),
    ],
)
def test_damaged_files(tmp_path, clip, name, reason):
    path = make_bad(tmp_path, name, clip)
    with pytest.raises(DecodingError, match=f"bad.*: .*{reason}"):
        read_frames(path)
    with pytest.raises(DecodingError, match=f"bad.*: .*{reason}"):
        list(iter_frames(path))
    if not name.startswith("damaged"):
        for function in (count_frames, video_info):
            with pytest.raises(DecodingError, match=f"bad.*: .*{reason}"):
                function(path)


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [np.zeros((32, 32), np.uint8)],
        [np.zeros((32, 32, 3), np.float32)],
        [np.zeros((32, 32, 3), np.uint8), np.zeros((32, 34, 3), np.uint8)],
    ],
    ids=["none", "grey", "float", "two sizes"],
)
def test_writing_is_all_or_nothing(tmp_path, frames):
    path = tmp_path / "clip.mp4"
    path.write_text("what was there before")
    with pytest.raises(ValueError, match="Received"):
        write_video(path, frames)
    assert path.read_text() == "what was there before"
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"]


def test_an_error_in_the_frames_leaves_nothing(tmp_path, clip):
    def frames():
        yield clip[0]
        raise RuntimeError("the camera is gone")

    with pytest.raises(RuntimeError, match="the camera is gone"):
        write_video(tmp_path / "clip.mp4", frames())
    assert not list(tmp_path.iterdir())


def test_a_title_that_is_not_utf8_is_no_reason_to_refuse_a_video(tmp_path):
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "ZZZZZZ"
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), "uint8"), format="rgb24")))
        container.mux(stream.encode())
    data = path.read_bytes()
    assert b"ZZZZZZ" in data
    path.write_bytes(data.replace(b"ZZZZZZ", "ÄÖÜäöü".encode("latin-1")))
    assert count_frames(path) == 4
    assert read_frames(path).shape == (4, 32, 32, 3)
