import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from keras_action.data import DecodingError
from keras_action.recognition.sources import camera_frames, folder_frames, stream_frames


class Camera:
    """OpenCV's camera: blue frames, which it gives as BGR, then nothing; `reads` says which reads succeed."""

    opened, reads = None, (True, True, True)

    def __init__(self, number):
        self.is_open, self.pending, self.is_released = number == 0, list(self.reads), False
        Camera.opened = self

    def isOpened(self):
        return self.is_open

    def read(self):
        is_read = bool(self.pending) and self.pending.pop(0)
        return is_read, np.full((24, 32, 3), (240, 30, 30), "uint8") if is_read else None

    def release(self):
        self.is_released = True


@pytest.fixture
def opencv(monkeypatch):
    module = type(sys)("cv2")
    module.VideoCapture, module.COLOR_BGR2RGB = Camera, 4
    module.cvtColor = lambda frame, code: np.ascontiguousarray(frame[..., ::-1])
    monkeypatch.setitem(sys.modules, "cv2", module)


def test_camera(opencv):
    ticks = iter([7.0, 7.1, 7.1])  # the third frame comes at the same tick as the second
    frames = list(camera_frames(0, clock=lambda: next(ticks), retry=0.1))
    assert [timestamp for timestamp, _ in frames] == pytest.approx([0, 0.1])
    assert frames[0][1][0, 0].tolist() == [30, 30, 240]
    assert Camera.opened.is_released


def test_camera_is_released_in_the_middle(opencv):
    frames = camera_frames(0)
    next(frames)
    frames.close()
    assert Camera.opened.is_released


def test_no_camera(opencv, monkeypatch):
    with pytest.raises(OSError, match="Camera 1 can't be opened"):
        next(camera_frames(1))
    with pytest.raises(ValueError, match="Received: number=-1"):
        next(camera_frames(-1))
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ImportError, match="pip install opencv-python-headless"):
        next(camera_frames(0))


@pytest.mark.parametrize(
    "reads", [(False, False, True, True), (True, False, True), (True, False, False, True, False)], ids=str
)
def test_single_failed_reads_of_a_camera_are_tried_again(opencv, monkeypatch, reads):
    monkeypatch.setattr(Camera, "reads", reads)
    ticks = iter(range(10))
    assert len(list(camera_frames(0, clock=lambda: next(ticks), retry=0.2))) == sum(reads)


def test_a_camera_without_frames(opencv, monkeypatch):
    monkeypatch.setattr(Camera, "reads", ())
    with pytest.raises(OSError, match="Camera 0 gives no frame"):
        next(camera_frames(0, retry=0.1))
    assert Camera.opened.is_released


@pytest.fixture
def video(tmp_path):
    pytest.importorskip("av", reason="the extra video is not installed")
    from keras_action.data import write_video

    frames = (np.full((24, 32, 3), (20 * i, 30, 30), "uint8") for i in range(10))
    write_video(tmp_path / "video.mp4", frames, fps=10)
    return tmp_path / "video.mp4"


def test_stream(video):
    """A server that sends a video and then hangs up."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = video.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        frames = list(stream_frames(f"http://127.0.0.1:{server.server_port}/video.mp4"))
        server.shutdown()
    assert [timestamp for timestamp, _ in frames] == pytest.approx(np.arange(10) / 10)
    assert frames[9][1].shape == (24, 32, 3)
    assert frames[9][1][12, 16, 0] == pytest.approx(180, abs=12)


def test_a_turned_and_mirrored_stream(video):
    """A stream is shown as the file that it comes from."""
    from keras_action.data import read_frames
    from tests.data.test_real_videos import with_matrix

    for matrix in ((0, 1, -1, 0), (-1, 0, 0, 1), (0, 1, 1, 0)):
        with_matrix(video, matrix)
        frames = np.stack([frame for _, frame in stream_frames(str(video))])
        np.testing.assert_allclose(frames, read_frames(video), atol=3)


def test_a_silent_server():
    pytest.importorskip("av", reason="the extra video is not installed")
    with socket.create_server(("127.0.0.1", 0)) as server:
        start = time.monotonic()
        with pytest.raises(OSError, match="no frame within 1 s"):
            next(stream_frames(f"http://127.0.0.1:{server.getsockname()[1]}/video.mp4", timeout=1))
    assert time.monotonic() - start < 10


def test_stream_that_is_cut_off(video):
    """Half of a video: what came is given, and that is all."""
    half = video.with_name("half.ts")
    _as_transport_stream(video, half)
    half.write_bytes(half.read_bytes()[: half.stat().st_size * 2 // 3])
    frames = list(stream_frames(str(half)))
    assert 1 <= len(frames) < 10


def test_stream_whose_time_begins_anew(video):
    """A transport stream that is sent twice: its times go back to the start in the middle."""
    once, twice = video.with_name("once.ts"), video.with_name("twice.ts")
    _as_transport_stream(video, once)
    twice.write_bytes(once.read_bytes() * 2)
    times = [timestamp for timestamp, _ in stream_frames(str(twice))]
    assert times == sorted(times) and len(times) > 15


def _as_transport_stream(source, target):
    import av

    with av.open(str(source)) as opened, av.open(str(target), "w", format="mpegts") as written:
        stream = written.add_stream_from_template(opened.streams.video[0])
        for packet in opened.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                written.mux(packet)


def test_no_stream(tmp_path):
    pytest.importorskip("av", reason="the extra video is not installed")
    start = time.monotonic()
    with pytest.raises(OSError, match=r"rtsp://127\.0\.0\.1:9/x can't be opened: "):
        next(stream_frames("rtsp://127.0.0.1:9/x", timeout=2))
    assert time.monotonic() - start < 10
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    with pytest.raises(OSError, match="can't be opened"):
        next(stream_frames(str(text)))


def test_folder(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for number in (9, 10, 11):
        image.fromarray(np.full((6, 8, 3), number, "uint8")).save(tmp_path / f"img_{number}.png")
    frames = list(folder_frames(tmp_path, fps=5))
    assert [timestamp for timestamp, _ in frames] == pytest.approx([0, 0.2, 0.4])
    assert [frame[0, 0, 0] for _, frame in frames] == [9, 10, 11]  # not in the order of the alphabet
    (tmp_path / "img_11.png").write_bytes((tmp_path / "img_10.png").read_bytes()[:40])
    with pytest.raises(DecodingError, match=r"img_11\.png: damaged"):
        list(folder_frames(tmp_path, fps=5))
    with pytest.raises(DecodingError, match="not a frame folder"):
        next(folder_frames(tmp_path / "missing", fps=5))
    with pytest.raises(ValueError, match="Received: fps=0"):
        next(folder_frames(tmp_path, fps=0))


@pytest.mark.parametrize("mode", ["L", "I;16", "RGB", "RGBA", "P", "LA", "1"])
def test_images_are_the_pixels_that_training_sees(tmp_path, mode):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    from keras_action.data import Clip, open_clip

    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), "uint8")
    if mode == "I;16":
        picture = image.fromarray((pixels[..., 0].astype("uint16") << 8) + 77)
    else:
        picture = image.fromarray(pixels).convert(mode)
    picture.save(tmp_path / "1.png")
    ((_, frame),) = folder_frames(tmp_path, fps=1)
    np.testing.assert_array_equal(frame, open_clip(Clip(str(tmp_path), mode)).read()[0])
    if mode == "I;16":
        np.testing.assert_array_equal(frame[..., 0], pixels[..., 0])
