"""Frames with timestamps for a recogniser: from a camera, a network stream, or a folder of frames.

Video files are read by `keras_action.data.iter_frames`. None of these needs TensorFlow.
"""

import math
import os
import time

from keras_action.data.frame_folders import list_frames
from keras_action.data.images import read_image
from keras_action.data.orientation import orientation, turn
from keras_action.utils.optional_import import optional_import

# Seconds without a frame after which a stream counts as ended.
STREAM_TIMEOUT = 10.0
# Seconds for which a failed read of a camera is repeated: some give no frame at first, or miss one now and then.
CAMERA_RETRY = 1.0
_RETRY_PAUSE = 0.02
# A step back in time by more seconds means that the stream's clock has restarted, not that frames are out of order.
_RESTART = 0.5


def camera_frames(number, clock=time.monotonic, retry=CAMERA_RETRY):
    """Frames of a camera, until it is unplugged.

    Args:
        number: Index of the camera, from 0.
        clock: A function that gives the time in seconds.
        retry: Seconds for which a failed read is repeated before the camera counts as unplugged.

    Yields:
        Pairs of a time in seconds, from 0, and a frame: RGB, uint8 `(H, W, 3)`. The camera is released when the
        generator ends or is closed.

    Raises:
        OSError: If there is no such camera, or it gives no frame.
        ValueError: If `number` is negative.
        ImportError: If OpenCV is not installed.

    Example:

    ```python
    for timestamp, frame in camera_frames(0):
        events = recognizer.push(frame, timestamp)
    ```
    """
    if number < 0:
        raise ValueError(f"The index of a camera must be 0 or more. Received: number={number}")
    with optional_import("A webcam", "OpenCV", "opencv-python-headless"):
        import cv2
    camera = cv2.VideoCapture(number)
    try:
        if not camera.isOpened():
            raise OSError(f"Camera {number} can't be opened: there is none, or another program uses it.")
        start = last = None
        while (frame := _read_camera(camera, retry)) is not None:
            now = clock()
            start = now if start is None else start
            if last is None or now > last:
                last = now
                yield now - start, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        if start is None:
            raise OSError(f"Camera {number} gives no frame.")
    finally:
        camera.release()


def _read_camera(camera, retry):
    """The next frame, or `None` if there is none for `retry` seconds."""
    end = time.monotonic() + retry
    while True:
        is_read, frame = camera.read()
        if is_read:
            return frame
        if time.monotonic() >= end:
            return None
        time.sleep(_RETRY_PAUSE)


def stream_frames(url, timeout=STREAM_TIMEOUT):
    """Frames of a network stream, as `rtsp://camera.local/stream1`, until it ends.

    Args:
        url: An address that FFmpeg can read: rtsp, http, udp and others. RTSP uses TCP, so that no frame arrives
            in parts.
        timeout: Seconds without data after which the stream counts as ended.

    Yields:
        Pairs of a time in seconds, from 0, and a frame: RGB, uint8 `(H, W, 3)`, turned and mirrored as the stream's
        display matrix says. The time is that of the stream if it has one, else that of arrival. When the stream's clock
        restarts, times continue with those of arrival. Damaged frames are left out; the generator ends when the
        connection breaks.

    Raises:
        OSError: If the stream can't be opened, has no video, or gives no frame within `timeout`.
        ImportError: If PyAV is not installed.
    """
    with optional_import("A network stream", "PyAV", "'keras_action[video]'"):
        import av
    options = {"rtsp_transport": "tcp"} if url.startswith("rtsp") else {}
    try:
        container = av.open(url, options=options, timeout=timeout, metadata_errors="replace")
    except av.error.ExitError as error:  # PyAV's own timeout
        raise OSError(f"{url}: no frame within {timeout:g} s") from error
    except (av.FFmpegError, ValueError) as error:
        raise OSError(f"{url} can't be opened: {getattr(error, 'strerror', None) or error}") from error
    with container:
        if not container.streams.video:
            raise OSError(f"{url} has no video")
        stream = container.streams.video[0]
        started, offset, last, last_arrival = time.monotonic(), None, -math.inf, 0.0
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue  # a damaged frame
            except (StopIteration, av.FFmpegError) as error:
                if offset is None:
                    reason = f"no frame within {timeout:g} s" if isinstance(error, av.error.ExitError) else "no frame"
                    raise OSError(f"{url}: {reason}") from error
                return
            for frame in frames:
                arrival = time.monotonic() - started
                now = arrival if frame.time is None else frame.time
                if offset is None:
                    offset = -now
                elif now + offset < last - _RESTART:
                    offset = last + (arrival - last_arrival) - now
                if now + offset > last:
                    last, last_arrival = now + offset, arrival
                    yield last, turn(frame.to_ndarray(format="rgb24"), orientation(frame))


def folder_frames(folder, fps):
    """Frames of a folder of images, in the order of the numbers in their names.

    Args:
        folder: A folder as of `keras_action.data.list_frames`.
        fps: Frames a second.

    Yields:
        Pairs of a time in seconds, from 0, and a frame: RGB, uint8 `(H, W, 3)`.

    Raises:
        ValueError: If `fps` is not positive.
        DecodingError: If the folder has no frames, or one is missing or damaged.
        ImportError: If Pillow is not installed.
    """
    if not 0 < fps < math.inf:
        raise ValueError(f"`fps` must be a positive number of frames a second. Received: fps={fps}")
    names, _ = list_frames(folder)
    for index, name in enumerate(names):
        yield index / fps, read_image(os.path.join(folder, name))
