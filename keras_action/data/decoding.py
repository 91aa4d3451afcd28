"""Reading of video files. A damaged file is an error, never a clip of repeated frames.

Missing frames are detected if the container stores their number, and so are frames that can't be decoded. A few changed
bytes within a frame may decode to an image with artefacts, which no decoder detects.
"""

import contextlib
import itertools
from dataclasses import dataclass

import numpy as np

from keras_action.data.orientation import orientation, turn
from keras_action.data.resizing import scaled_size
from keras_action.data.timeline import DecodingError, decode_frames, import_av, open_video, read_timeline

# Suffixes of the files that are read from a folder of classes.
VIDEO_SUFFIXES = frozenset(
    [
        *(".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov"),
        *(".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv"),
    ]
)

_END_SLACK = 1.0  # frames by which an annotated end may exceed the last frame, since annotators round


@dataclass(frozen=True)
class VideoInfo:
    """Length, frame rate and size of a video; width and height in pixels, after rotation tags are applied."""

    num_frames: int
    fps: float
    duration: float  # seconds, from the first frame shown to the end of the last
    width: int
    height: int


def count_frames(path, start=None, end=None):
    """Counts the frames of a video, or of a part of it, without decoding them.

    Args:
        path: A video file.
        start: Seconds from the first frame at which the part begins, or None for the beginning.
        end: Seconds from the first frame at which the part ends, or None for the end of the video.

    Returns:
        The number of frames, at least 1. If no frame begins in the part, the one shown at its start counts.

    Raises:
        DecodingError: If the file can't be read to its end, has no video, or ends before `end`.
    """
    first, stop = _part(path, read_timeline(path), start, end)
    return stop - first


def video_info(path):
    """Reads length, frame rate and size of a video. Only its first frame is decoded.

    Args:
        path: A video file.

    Returns:
        A `VideoInfo`.

    Raises:
        DecodingError: If the file can't be read.

    Example:

    >>> video_info("clip.mp4")
    VideoInfo(num_frames=24, fps=12.0, duration=2.0, width=160, height=120)
    """
    timeline = read_timeline(path)
    frame = first_frame(path)
    width, height = frame.width, frame.height
    if orientation(frame)[0] % 2:
        width, height = height, width
    return VideoInfo(len(timeline.times), timeline.fps, timeline.duration, width, height)


def read_frames(path, indices=None, start=None, end=None, short_side=None):
    """Decodes some frames of a video.

    Decoding begins at the last key frame before them, and only the requested frames are converted to RGB. The
    timestamps of a file are read once and cached.

    Args:
        path: A video file.
        indices: Indices of the frames, from 0 at `start`, in any order, with repetitions; `None` for all. See
            `count_frames`.
        start: Seconds from the first frame at which the part begins, or None for the beginning.
        end: Seconds from the first frame at which the part ends, or None for the end of the video.
        short_side: Pixels to which the shorter side is scaled down, by averaging areas, with the aspect ratio kept.
            Smaller videos are not scaled. `None` for the full size.

    Returns:
        A uint8 array of shape (len(indices), height, width, 3), RGB, rotation tags applied.

    Raises:
        DecodingError: If the file is missing, empty, truncated, damaged, has no video, or ends before `end`.

    Example:

    >>> read_frames("clip.mp4", sample_segments(count_frames("clip.mp4"), 8), short_side=64).shape
    (8, 64, 85, 3)
    """
    timeline = read_timeline(path)
    indices = chosen_frames(path, timeline, indices, start, end)
    frames = _decode(path, timeline, set(indices), short_side)
    return np.stack([frames[i] for i in indices])


def iter_frames(path):
    """Decodes a video from its first frame to its last.

    Args:
        path: A video file.

    Yields:
        Pairs of a time, in seconds from the first frame, and a frame: a uint8 array of shape
        (height, width, 3), RGB, rotation tags applied.

    Raises:
        DecodingError: Before the first frame if the file is missing, empty or truncated; later, at the first frame
            that can't be decoded.
    """
    timeline = read_timeline(path)
    with open_video(path) as (container, stream):
        to_rgb, count = _RgbConverter(None), 0
        for index, frame in _indexed(decode_frames(container, stream), timeline):
            _check_frame(path, frame, index)
            if index != count:
                break
            count += 1
            yield float(timeline.times[index]), to_rgb(frame)
        if count < len(timeline.times):
            raise DecodingError(f"{path}: damaged, {count} of {len(timeline.times)} frames can be decoded")


def _part(path, timeline, start, end):
    """The range of frames between two times, (first, last + 1); if none begins between them, the one at the start."""
    slack = _END_SLACK / timeline.fps
    for name, time in (("start", start), ("end", end)):
        if time is not None and time > timeline.duration + (slack if name == "end" else -1e-9):
            raise DecodingError(
                f"{path}: {name}={time:g} s is beyond the end of the video, {timeline.duration:.3f} s long"
            )
    if start is not None and end is not None and end <= start:
        raise ValueError(f"`end` must be after `start`. Received: start={start}, end={end}")
    # With a tolerance, so that 0.4 s includes the frame at 0.4000001 s.
    first = 0 if start is None else int(np.searchsorted(timeline.times, start - 1e-4))
    last = len(timeline.times) if end is None else int(np.searchsorted(timeline.times, end - 1e-4))
    if first >= last:
        first = max(0, last - 1)
        last = first + 1
    return first, last


def chosen_frames(path, timeline, indices, start, end):
    """The indices of the requested frames, counted from the first frame of the video."""
    first, last = _part(path, timeline, start, end)
    return (check_indices(indices, last - first) + first).tolist()


def check_indices(indices, count):
    """Indices of `count` frames as an int64 array, of all frames for `None`; a `ValueError` if one is out of range."""
    indices = np.asarray(range(count) if indices is None else list(indices), np.int64)
    if indices.size == 0 or indices.min() < 0 or indices.max() >= count:
        raise ValueError(f"`indices` must be at least one, each from 0 to {count - 1}. Received: {indices.tolist()}")
    return indices


def first_frame(path):
    """Decodes the first frame of a video that is shown: an `av.VideoFrame`."""
    with open_video(path) as (container, stream):
        frame = next(decode_frames(container, stream), None)
        if frame is None:
            raise DecodingError(f"{path}: no frame can be decoded")
        return frame


def _decode(path, timeline, requested, short_side):
    """The frames at these indices: a dict from index to `(height, width, 3)`."""
    av, tick = import_av(), timeline.ticks[min(requested)]
    with open_video(path) as (container, stream):
        # Some containers can't seek, seek too far, or seek to a frame that needs earlier ones: then the video is
        # decoded from its start.
        if tick is not None:
            with contextlib.suppress(av.FFmpegError):
                container.seek(tick, stream=stream, backward=True)
                decoded = decode_frames(container, stream)
                first = next(decoded, None)
                if first is not None and first.pict_type == av.video.frame.PictureType.I:
                    frames = _collect(path, itertools.chain([first], decoded), timeline, requested, short_side)
                    if len(frames) == len(requested):
                        return frames
    with open_video(path) as (container, stream):
        frames = _collect(path, decode_frames(container, stream), timeline, requested, short_side)
    missing = sorted(requested - set(frames))
    if missing:
        others = f", nor {len(missing) - 1} others" if len(missing) > 1 else ""
        raise DecodingError(f"{path}: damaged, frame {missing[0]} of {len(timeline.ticks)} can't be decoded{others}")
    return frames


def _collect(path, decoded, timeline, requested, short_side):
    to_rgb, last, frames = _RgbConverter(short_side), max(requested), {}
    for index, frame in _indexed(decoded, timeline):
        if index in requested:
            _check_frame(path, frame, index)
            frames[index] = to_rgb(frame)
        if index >= last:
            break
    return frames


def _indexed(decoded, timeline):
    """Yields decoded frames with their indices in the timeline; frames that are not in it are left out."""
    if timeline.ticks[0] is None:
        yield from enumerate(decoded)
        return
    indices = {tick: index for index, tick in enumerate(timeline.ticks)}
    for frame in decoded:
        if frame.pts in indices:
            yield indices[frame.pts], frame


def _check_frame(path, frame, index):
    if frame.is_corrupt:
        raise DecodingError(f"{path}: damaged at frame {index}")


class _RgbConverter:
    """Turns the frames of one video into arrays, scaled and upright."""

    def __init__(self, short_side):
        from av.video.reformatter import VideoReformatter

        self._short_side = short_side
        # Kept for all frames: setting up the scaler takes longer than scaling.
        self._reformatter = VideoReformatter()

    def __call__(self, frame):
        height, width = scaled_size((frame.height, frame.width), self._short_side)
        picture = self._reformatter.reformat(frame, width, height, "rgb24", interpolation="AREA", threads=1)
        return turn(picture.to_ndarray(), orientation(frame))
