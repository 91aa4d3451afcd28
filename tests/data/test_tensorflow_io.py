import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from keras_action.data import DecodingError, read_frames, render_gesture, write_video
from keras_action.data import tensorflow_io as adapter
from keras_action.data.decoders import frame_decoder

av = pytest.importorskip("av")


@pytest.fixture(autouse=True)
def nothing_loaded():
    adapter.load_tensorflow_io.cache_clear()


@pytest.fixture
def broken_package(tmp_path, monkeypatch):
    """A tensorflow-io whose library does not load, as on TensorFlow 2.18."""
    library = tmp_path / "tensorflow_io" / "python" / "ops" / "libtensorflow_io.so"
    library.parent.mkdir(parents=True)
    library.write_text("no library")
    (tmp_path / "tensorflow_io" / "__init__.py").touch()
    (tmp_path / "tensorflow_io-0.37.1.dist-info").mkdir()
    (tmp_path / "tensorflow_io-0.37.1.dist-info" / "METADATA").write_text("Name: tensorflow-io\nVersion: 0.37.1\n")
    monkeypatch.delitem(sys.modules, "tensorflow_io", raising=False)
    monkeypatch.syspath_prepend(tmp_path)


def test_pyav_is_read_frames():
    assert frame_decoder("pyav") is read_frames


def test_an_unknown_decoder():
    with pytest.raises(ValueError, match=r"one of \('pyav', 'tensorflow-io'\). Received: decoder='opencv'"):
        frame_decoder("opencv")


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_io", None)
    with pytest.raises(ImportError, match=r"pip install tensorflow-io==0\.37\.1"):
        frame_decoder("tensorflow-io")
    with pytest.raises(ImportError, match=r"pip install tensorflow-io==0\.37\.1"):
        adapter.read_frames_by_tensorflow_io("clip.mp4")


def test_without_pyav(broken_package, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImportError, match=r"pip install 'keras_action\[video\]'"):
        frame_decoder("tensorflow-io")


def test_all_that_is_missing_is_said_at_once(broken_package, monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(adapter, "_FFMPEG", ("libavutil.so.none", "libc.so.6"))
    with pytest.raises(ImportError) as error:
        frame_decoder("tensorflow-io")
    _, version, ffmpeg = str(error.value).splitlines()
    assert "needs TensorFlow 2.17 or older" in version
    assert f"Received: tensorflow-io 0.37.1 with TensorFlow {tf.__version__}; " in version
    assert version.endswith("file too short")
    assert ffmpeg.endswith("Not found: libavutil.so.none")


def test_ffmpeg_alone_is_missing(broken_package, monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(adapter, "_FFMPEG", ("libavutil.so.none",))
    monkeypatch.setattr(tf, "load_op_library", lambda path: None)
    with pytest.raises(ImportError, match=r"FFmpeg 4 .*Not found: libavutil\.so\.none") as error:
        frame_decoder("tensorflow-io")
    assert "TensorFlow 2.17" not in str(error.value)


# --- Where it loads ---


@pytest.fixture
def read_by_tensorflow_io():
    try:
        return frame_decoder("tensorflow-io")
    except ImportError as error:
        pytest.skip(str(error))


def write(path, size=(64, 96), rotation=0):
    clip = render_gesture("rotate_cw", seed=0, num_frames=20, size=size)
    if not rotation:
        write_video(path, clip, fps=10, crf=10)
        return path
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "10"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        stream.set_display_rotation(rotation)
        for frame in clip:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
@pytest.mark.parametrize(
    ("indices", "options"),
    [
        (None, {}),
        ([11, 3, 3], {}),
        (None, {"start": 0.5, "end": 1.2}),
        (None, {"short_side": 32}),
    ],
)
def test_the_same_frames_as_by_pyav(read_by_tensorflow_io, tmp_path, suffix, indices, options):
    path = write(tmp_path / f"clip.{suffix}")
    ours, expected = (read(path, indices, **options) for read in (read_by_tensorflow_io, read_frames))
    assert ours.dtype == np.uint8
    assert ours.shape == expected.shape
    assert np.abs(ours.astype(int) - expected).mean() < 2


@pytest.mark.slow
@pytest.mark.parametrize("size", [(63, 95), (176, 234), (48, 110), (80, 120)])
def test_any_width_leaves_memory_whole(read_by_tensorflow_io, tmp_path, size):
    path = write(tmp_path / "clip.mp4", size)
    for _ in range(20):
        frames = read_by_tensorflow_io(path)
    assert np.abs(frames.astype(int) - read_frames(path)).mean() < 2


@pytest.mark.slow
@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation_tags_are_applied(read_by_tensorflow_io, tmp_path, rotation):
    path = write(tmp_path / "phone.mp4", rotation=rotation)
    ours, expected = (read(path, short_side=32) for read in (read_by_tensorflow_io, read_frames))
    assert ours.shape == expected.shape
    assert np.abs(ours.astype(int) - expected).mean() < 3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["missing", "empty", "text", "truncated", "damaged"])
def test_bad_files(read_by_tensorflow_io, tmp_path, kind):
    path = tmp_path / "bad.mp4"
    content = write(tmp_path / "whole.mp4").read_bytes()
    contents = {
        "empty": b"",
        "text": b"Not a video.\n" * 500,
        "truncated": content[: len(content) * 6 // 10],
        "damaged": content[: len(content) // 3] + bytes(len(content) // 3) + content[len(content) // 3 * 2 :],
    }
    if kind != "missing":
        path.write_bytes(contents[kind])
    with pytest.raises(DecodingError, match=r"bad\.mp4: "):
        read_by_tensorflow_io(path)


@pytest.mark.slow
def test_in_many_threads(read_by_tensorflow_io, tmp_path):
    path = write(tmp_path / "clip.mp4", (176, 234))
    expected = read_by_tensorflow_io(path)
    with ThreadPoolExecutor(4) as pool:
        for frames in pool.map(lambda _: read_by_tensorflow_io(path), range(40)):
            np.testing.assert_array_equal(frames, expected)
