"""Reading video files, strictly: a damaged file is an error, never a clip of repeated frames.

Missing frames are noticed wherever the container says how many there should be, and so are frames that can't be
decoded. A few changed bytes inside a frame may still be valid code, of a picture with a stain: no decoder sees that.
"""

import contextlib
import itertools
from dataclasses import dataclass

import numpy as np

from keras_action.data.orientation import orientation, turn
from keras_action.data.timeline import DecodingError, decode_frames, import_av, open_video, read_timeline

# Endings of files that folders of classes are searched for.
VIDEO_SUFFIXES = frozenset(
    [
        ".3gp",
        ".avi",
        ".flv",
        ".gif",
        ".m2ts",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".ogv",
        ".ts",
        ".webm",
        ".wmv",
    ]
)

_END_SLACK = 1.0  # frames by which an annotated end may lie beyond the last frame: rounding of whoever annotated


@dataclass(frozen=True)
class VideoInfo:
    """What a video file holds; width and height in pixels as shown, rotation tags applied."""

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
        The number of frames, at least 1. If none begins in the part, it is the one that is shown then.

    Raises:
        DecodingError: If the file can't be read to its end, has no video, or ends before `end`.
    """
    first, stop = _part(path, read_timeline(path), start, end)
    return stop - first


def video_info(path):
    """Reads what a video file holds; decodes its first frame only.

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

    Frames are decoded from the nearest key frame before the first of them to the last of them, and only those
    wanted are converted to RGB. The file is read through once to find when its frames are shown; this is remembered.

    Args:
        path: A video file.
        indices: Numbers of the frames wanted, from 0 at `start`; in any order, repeated if wished. None: all. See
            `count_frames`.
        start: Seconds from the first frame at which the part begins, or None for the beginning.
        end: Seconds from the first frame at which the part ends, or None for the end of the video.
        short_side: Pixels to which the shorter side is scaled down (averaging over areas), the longer one in
            proportion; a video that is smaller stays as it is, and so does every one with None.

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
        DecodingError: Before the first frame if the file is missing, empty or truncated, and at the frame
            from which on it can't be decoded.
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
    """First and last + 1 of the frames between two times; the one on show where none begins in between."""
    slack = _END_SLACK / timeline.fps
    for name, moment in (("start", start), ("end", end)):
        if moment is not None and moment > timeline.duration + (slack if name == "end" else -1e-9):
            raise DecodingError(
                f"{path}: {name}={moment:g} s is beyond the end of the video, {timeline.duration:.3f} s long"
            )
    if start is not None and end is not None and end <= start:
        raise ValueError(f"`end` must be after `start`. Received: start={start}, end={end}")
    # A hair's breadth, so that 0.4 s and the frame at 0.4000001 s meet.
    first = 0 if start is None else int(np.searchsorted(timeline.times, start - 1e-4))
    last = len(timeline.times) if end is None else int(np.searchsorted(timeline.times, end - 1e-4))
    if first >= last:
        first = max(0, last - 1)
        last = first + 1
    return first, last


def chosen_frames(path, timeline, indices, start, end):
    """Indices of the frames wanted, counted from the video's first."""
    first, last = _part(path, timeline, start, end)
    indices = np.asarray(range(last - first) if indices is None else list(indices), np.int64)
    if indices.size == 0 or indices.min() < 0 or indices.max() >= last - first:
        raise ValueError(
            f"`indices` must be at least one, each from 0 to {last - first - 1}. Received: {indices.tolist()}"
        )
    return (indices + first).tolist()


def first_frame(path):
    """Decodes the first frame of a video that is shown: an `av.VideoFrame`."""
    with open_video(path) as (container, stream):
        frame = next(decode_frames(container, stream), None)
        if frame is None:
            raise DecodingError(f"{path}: no frame can be decoded")
        return frame


def _decode(path, timeline, wanted, short_side):
    """The wanted frames: index → (height, width, 3)."""
    av, tick = import_av(), timeline.ticks[min(wanted)]
    with open_video(path) as (container, stream):
        # Not every container can be sought in, and some land behind the frame: then the video is read from its start,
        # as where decoding begins with a picture that is predicted from others, which may be missing.
        if tick is not None:
            with contextlib.suppress(av.FFmpegError):
                container.seek(tick, stream=stream, backward=True)
                decoded = decode_frames(container, stream)
                first = next(decoded, None)
                if first is not None and first.pict_type == av.video.frame.PictureType.I:
                    frames = _collect(path, itertools.chain([first], decoded), timeline, wanted, short_side)
                    if len(frames) == len(wanted):
                        return frames
    with open_video(path) as (container, stream):
        frames = _collect(path, decode_frames(container, stream), timeline, wanted, short_side)
    missing = sorted(wanted - set(frames))
    if missing:
        others = f", nor {len(missing) - 1} others" if len(missing) > 1 else ""
        raise DecodingError(f"{path}: damaged, frame {missing[0]} of {len(timeline.ticks)} can't be decoded{others}")
    return frames


def _collect(path, decoded, timeline, wanted, short_side):
    to_rgb, last, frames = _RgbConverter(short_side), max(wanted), {}
    for index, frame in _indexed(decoded, timeline):
        if index in wanted:
            _check_frame(path, frame, index)
            frames[index] = to_rgb(frame)
        if index >= last:
            break
    return frames


def _indexed(decoded, timeline):
    """Decoded frames with their places in the timeline, without those that are not in it."""
    if timeline.ticks[0] is None:
        yield from enumerate(decoded)
        return
    places = {tick: place for place, tick in enumerate(timeline.ticks)}
    for frame in decoded:
        place = places.get(frame.pts)
        if place is not None:
            yield place, frame


def _check_frame(path, frame, index):
    if frame.is_corrupt:
        raise DecodingError(f"{path}: damaged at frame {index}")


class _RgbConverter:
    """Turns the frames of one video into arrays, scaled and upright."""

    def __init__(self, short_side):
        from av.video.reformatter import VideoReformatter

        self._short_side = short_side
        # Kept from frame to frame: to set up the scaler anew takes longer than to scale.
        self._reformatter = VideoReformatter()

    def __call__(self, frame):
        width, height = frame.width, frame.height
        if self._short_side is not None and min(width, height) > self._short_side:
            scale = self._short_side / min(width, height)
            width, height = round(width * scale), round(height * scale)
        picture = self._reformatter.reformat(
            frame, width, height, "rgb24", interpolation="AREA", threads=1
        ).to_ndarray()
        return turn(picture, orientation(frame))
