"""Writing video files."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from keras_action.data.animation import ANIMATIONS, write_animation
from keras_action.data.timeline import import_av
from keras_action.utils.files import whole_file


def write_video(path, frames, fps=30, crf=23, intra_only=False):
    """Writes frames as an H.264 video, whole or not at all. The same frames give the same bytes.

    Args:
        path: The file to write. Its suffix selects the container: .mp4, .mkv or .mov for H.264; or .gif or .webp for
            an animation, which needs Pillow and ignores `crf` and `intra_only`.
        frames: An iterable of uint8 arrays of shape (height, width, 3), RGB, all of one size.
        fps: Frames a second.
        crf: Quality, from 0 (lossless) to 51. A lower value gives a larger file.
        intra_only: Whether every frame is a key frame of the same quality. The file is larger, and any frame can be
            decoded without others.

    Returns:
        The number of frames written.

    Raises:
        ValueError: If there is no frame, or one has another shape or type.

    Example:

    ```python
    write_video("clip.mp4", render_gesture("zoom_in", seed=3), fps=12)
    ```
    """
    path = Path(path)
    if path.suffix.lower() in ANIMATIONS:
        return write_animation(path, _checked(frames), fps)
    av = import_av()
    # x264's macroblock tree does not give the same bytes each time, not even on one thread.
    options = {"preset": "veryfast", "crf": str(crf), "x264-params": "mbtree=0"}
    if intra_only:
        options = {"preset": "veryfast", "qp": str(crf), "g": "1", "x264-params": "mbtree=0:aq-mode=0"}
    # The index at the start of the file lets players on the web start before the file is loaded.
    container_options = {"movflags": "+faststart"} if path.suffix.lower() in (".mp4", ".mov", ".m4v") else {}
    count, stream = 0, None
    with whole_file(path) as partial, av.open(f"file:{partial}", "w", options=container_options) as container:
        for frame in _checked(frames):
            if stream is None:
                shape = frame.shape
                stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
                stream.height, stream.width = shape[:2]
                # yuv420p, which every player supports, needs even sides.
                stream.pix_fmt = "yuv444p" if shape[0] % 2 or shape[1] % 2 else "yuv420p"
                stream.options = options
                stream.codec_context.thread_count = 1
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
            count += 1
        if stream is None:
            raise ValueError(f"There must be at least one frame. Received: none, for {path}")
        container.mux(stream.encode(None))
    return count


def _checked(frames):
    shape = None
    for frame in map(np.asarray, frames):
        shape = frame.shape if shape is None else shape
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or frame.shape != shape:
            raise ValueError(
                "Frames must be uint8 arrays of shape (height, width, 3), all of one shape. "
                f"Received: {frame.dtype} of shape {frame.shape}, after frames of shape {shape}"
            )
        yield frame
