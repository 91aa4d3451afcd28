"""Frames with their times, for a recogniser: from a camera, a stream on the network, a folder of frames.

Video files are read by `keras_action.data.iter_frames`. None of these needs TensorFlow.
"""

import math
import os
import time

import numpy as np

# So long a stream may be silent, in seconds, before it counts as ended.
STREAM_TIMEOUT = 10.0
# A step back in time of more seconds than that is no disorder of frames: the stream's own time begins anew.
_BEGUN_ANEW = 0.5


def camera_frames(number, clock=time.monotonic):
    """Frames of a camera, until it is unplugged.

    Args:
        number: Which camera, from 0.
        clock: A function that gives the time in seconds.

    Yields:
        Pairs of a time in seconds, from 0, and a frame: RGB, uint8 `(H, W, 3)`. The camera is let go of when the
        generator ends or is closed.

    Raises:
        OSError: If there is no such camera.
        ImportError: If OpenCV is not installed.

    Example:

    ```python
    for timestamp, frame in camera_frames(0):
        events = recognizer.push(frame, timestamp)
    ```
    """
    try:
        import cv2
    except ImportError as error:
        raise ImportError("A webcam needs OpenCV. Install it with: pip install opencv-python-headless") from error
    camera = cv2.VideoCapture(number)
    try:
        if not camera.isOpened():
            raise OSError(f"There is no such camera. Received: --webcam {number}")
        start = last = None
        while True:
            there, frame = camera.read()
            if not there:
                return  # it was unplugged, or has ended
            now = clock()
            start = now if start is None else start
            if last is None or now > last:
                last = now
                yield now - start, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    finally:
        camera.release()


def stream_frames(url, timeout=STREAM_TIMEOUT):
    """Frames of a stream on the network, as `rtsp://camera.local/stream1`, until it ends.

    Args:
        url: An address that FFmpeg can read: rtsp, http, udp and others. RTSP goes over TCP, so that no frame
            comes in parts.
        timeout: How long it may be silent, in seconds.

    Yields:
        Pairs of a time in seconds, from 0, and a frame: RGB, uint8 `(H, W, 3)`. Where the stream says when a frame
        was taken, that is its time; else it is when it came. Where the stream's own time begins anew, the times go on
        by when frames come. A frame that is damaged is left out; where the connection breaks, the generator ends.

    Raises:
        OSError: If the stream can't be opened, or has no video.
        ImportError: If PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise ImportError(
            "Streams on the network need PyAV. Install it with: pip install 'keras_action[video]'"
        ) from error
    options = {"rtsp_transport": "tcp"} if url.startswith("rtsp") else {}
    try:
        container = av.open(url, options=options, timeout=timeout, metadata_errors="replace")
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
                continue  # a damaged frame: the next whole one is waited for
            except (StopIteration, av.FFmpegError):
                return
            for frame in frames:
                arrival = time.monotonic() - started
                now = arrival if frame.time is None else frame.time
                if offset is None:
                    offset = -now
                elif now + offset < last - _BEGUN_ANEW:
                    offset = last + (arrival - last_arrival) - now
                if now + offset > last:
                    last, last_arrival = now + offset, arrival
                    yield last, np.ascontiguousarray(frame.to_ndarray(format="rgb24"))


def folder_frames(folder, fps):
    """Frames of a folder of images, in the order of the numbers in their names.

    Args:
        folder: A folder as of `keras_action.data.list_frames`.
        fps: How many frames a second.

    Yields:
        Pairs of a time in seconds, from 0, and a frame: RGB, uint8 `(H, W, 3)`.

    Raises:
        ValueError: If `fps` is not positive.
        DecodingError: If there are no frames in it, one is missing or damaged.
        ImportError: If Pillow is not installed.
    """
    from keras_action.data.decoding import DecodingError
    from keras_action.data.frame_folders import list_frames

    if not 0 < fps < math.inf:
        raise ValueError(f"`fps` must be a positive number of frames a second. Received: fps={fps}")
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("Reading images needs Pillow. Install it with: pip install pillow") from error
    names, _ = list_frames(folder)
    for index, name in enumerate(names):
        path = os.path.join(folder, name)
        try:
            with Image.open(path) as image:
                frame = np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError) as error:
            raise DecodingError(f"{path}: damaged or truncated: {error}") from error
        yield index / fps, frame
