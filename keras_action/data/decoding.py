"""Reading and writing video files, strictly: a damaged file is an error, never a clip of repeated frames.

What is missing is always noticed where the container says how much there should be, and what can't be decoded
too. A few changed bytes inside a frame may still be valid code, of a picture with a stain: no decoder sees that.
"""

import contextlib
import functools
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from keras_action.data.animation import ANIMATIONS, write_animation
from keras_action.data.orientation import orientation, turn

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
_MISSING_SECONDS = 0.5  # by which a video may be shorter than its file says: heads are often rounded
_MAX_TIMELINES = 64
# Containers that don't know in which order frames are shown: where some are predicted from later ones, the
# times of packets are wrong.
_UNTIMED = frozenset({"avi", "h264", "hevc", "m4v", "mpegvideo"})


class DecodingError(OSError):
    """A video can't be read. The message names the file and says why."""


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
    first, stop = _part(path, _timeline(path), start, end)
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
    timeline = _timeline(path)
    frame = _first_frame(path)
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
    timeline = _timeline(path)
    indices = _chosen(path, timeline, indices, start, end)
    with _open(path) as (container, stream):
        frames = _decode(path, container, stream, timeline, set(indices), short_side)
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
    timeline = _timeline(path)
    with _open(path) as (container, stream):
        to_rgb, count = _RgbConverter(None), 0
        for index, frame in _indexed(container, stream, timeline):
            _check_frame(path, frame, index)
            if index != count:
                break
            count += 1
            yield float(timeline.times[index]), to_rgb(frame)
        if count < len(timeline.times):
            raise DecodingError(f"{path}: damaged, {count} of {len(timeline.times)} frames can be decoded")


def write_video(path, frames, fps=30, crf=23, intra_only=False):
    """Writes frames as an h264 video, the same bytes for the same frames. It appears whole or not at all.

    Args:
        path: The file to write; its ending says the container: .mp4, .mkv, .mov; or .gif or .webp, animated
            pictures without h264, for which what is said of quality does not hold (they need Pillow).
        frames: An iterable of uint8 arrays of shape (height, width, 3), RGB, all of one size.
        fps: Frames a second.
        crf: Quality, from 0 (lossless) to 51; less is better and larger.
        intra_only: Whether every frame is coded alone, at one quantiser. The file is larger, any frame can be
            read without the ones before, and none looks the better or worse for its place in the file.

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
    av = _import_av()
    # x264's macroblock tree does not give the same bytes each time, not even on one thread.
    options = {"preset": "veryfast", "crf": str(crf), "x264-params": "mbtree=0"}
    if intra_only:
        options = {"preset": "veryfast", "qp": str(crf), "g": "1", "x264-params": "mbtree=0:aq-mode=0"}
    # The index at the file's head: players on the web start before they have all of it.
    container_options = {"movflags": "+faststart"} if path.suffix.lower() in (".mp4", ".mov", ".m4v") else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
    count, stream = 0, None
    try:
        with av.open(f"file:{partial}", "w", options=container_options) as container:
            for frame in _checked(frames):
                if stream is None:
                    shape = frame.shape
                    stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
                    stream.height, stream.width = shape[:2]
                    # Colour at half resolution, what every player reads, needs even sides.
                    stream.pix_fmt = "yuv444p" if shape[0] % 2 or shape[1] % 2 else "yuv420p"
                    stream.options = options
                    stream.codec_context.thread_count = 1
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
                container.mux(stream.encode(picture))
                count += 1
            if stream is None:
                raise ValueError(f"There must be at least one frame. Received: none, for {path}")
            container.mux(stream.encode(None))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
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


def _import_av():
    try:
        import av
    except ImportError as error:
        raise ImportError("Decoding video needs PyAV. Install it with: pip install 'keras_action[video]'") from error
    return av


@contextlib.contextmanager
def _open(path):
    """Opens a file and its video stream; turns everything that FFmpeg says into a DecodingError."""
    av = _import_av()
    path = os.fspath(path)
    # FFmpeg takes "http:…" or "concat:…" for more than a file, and its word for an absent file is no better.
    if not os.path.isfile(path):
        raise DecodingError(f"{path}: no such file")
    if os.path.getsize(path) == 0:
        raise DecodingError(f"{path}: the file is empty")
    try:
        # A title that is not UTF-8 is no reason to refuse a video.
        with av.open(f"file:{path}", metadata_errors="replace") as container:
            if container.format.name == "tty":  # FFmpeg is able to film a text
                raise DecodingError(f"{path}: the file is a text")
            streams = [stream for stream in container.streams.video if not _is_cover(stream)]
            if not streams:
                raise DecodingError(f"{path}: the file has no video")
            stream = streams[0]
            # Clips are decoded side by side, each on one thread: cheaper than many threads for each.
            stream.codec_context.thread_count = 1
            yield container, stream
    except DecodingError:
        raise
    except (av.FFmpegError, EOFError) as error:
        raise DecodingError(f"{path}: {error.strerror if error.args else error}") from error


def _is_cover(stream):
    return bool(stream.disposition & _import_av().stream.Disposition.attached_pic)  # a picture of an album


@dataclass(frozen=True)
class _Timeline:
    """When frames are shown: `ticks` as in the file, None where it has none; `times` in seconds from 0."""

    ticks: list
    times: np.ndarray
    fps: float
    duration: float


def _frame_rate(stream):
    return float(stream.average_rate or stream.guessed_rate or 25)


def _timeline(path):
    """The timeline of a file. The last ones are remembered: a clip is counted and then read, often in many parts."""
    path = os.fspath(path)
    try:
        state = os.stat(path)
    except OSError:
        return _read_timeline(path, None, None)  # which says what is wrong
    return _read_timeline(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=_MAX_TIMELINES)
def _read_timeline(path, size, modified):
    with _open(path) as (container, stream):
        return _demux(path, container, stream)


def _demux(path, container, stream):
    """Reads all packets, and decodes none but those whose frames may not be shown."""
    shown, num_packets = [], 0  # shown: (tick, whether it is a key frame), in the order of decoding
    for packet in container.demux(stream):
        if packet.size == 0:
            continue
        if packet.is_corrupt:
            raise DecodingError(f"{path}: damaged or truncated after {num_packets} frames")
        num_packets += 1
        if not packet.is_discard:  # outside the part that the file's edit list shows
            shown.append((packet.pts, packet.is_keyframe))
    _check_whole(path, container, stream, num_packets, shown)
    if not shown:
        raise DecodingError(f"{path}: the file has no frames")
    ticks, fps = _without_lost_leading(path, shown), _frame_rate(stream)
    if not ticks:
        raise DecodingError(f"{path}: damaged, no frame can be decoded")
    untimed = container.format.name in _UNTIMED
    if untimed and container.format.name == "avi" and None not in ticks:
        # A position for each chunk, an empty one where a frame was dropped: the one before is shown longer.
        times = (np.sort(ticks) - min(ticks)) * float(stream.time_base)
        end = max(float(times[-1]) + 1 / fps, (stream.duration or 0) * float(stream.time_base))
        return _Timeline([None] * len(ticks), times, fps, end)
    if untimed or None in ticks or len(set(ticks)) < len(ticks):
        times = np.arange(len(ticks)) / fps
        return _Timeline([None] * len(ticks), times, fps, len(ticks) / fps)
    ticks.sort()  # packets come in the order of decoding
    times = (np.array(ticks) - ticks[0]) * float(stream.time_base)
    timeline = _Timeline(ticks, times, fps, float(times[-1]) + 1 / fps)
    # Matroska and WebM don't say how many frames there are, but mostly when the last one ends, counted from 0. The
    # first may begin later.
    start = max(ticks[0] * float(stream.time_base), 0.0)
    stated = _stated_duration(container, stream) - start
    if stated - timeline.duration > max(_MISSING_SECONDS, 0.05 * stated):
        raise DecodingError(f"{path}: truncated, {timeline.duration:.3f} of {stated:.3f} s are there")
    return timeline


def _check_whole(path, container, stream, num_packets, shown):
    """Raises if the container says that there were more packets.

    MP4 and MOV have an index, and a number of frames that may include some which an edit list hides. AVI has an index
    at its end, and a number of places for frames, some of which may be empty.
    """
    name, expected = container.format.name, stream.frames
    if "mov" in name.split(",") or (name == "avi" and _is_whole_riff(path)):
        expected = len(stream.index_entries)
    elif name == "avi":
        num_packets = 1 + max((tick for tick, _ in shown if tick is not None), default=-1)
    if num_packets < expected:
        raise DecodingError(f"{path}: truncated, {num_packets} of {expected} frames are there")


def _is_whole_riff(path):
    """Whether an AVI file is as long as its RIFF chunks say; False where they don't say it."""
    length, place = os.path.getsize(path), 0
    with open(path, "rb") as file:
        while place < length:
            file.seek(place)
            head = file.read(8)
            if head[:4] != b"RIFF":
                return place > 0  # bytes that somebody appended
            size = int.from_bytes(head[4:8], "little")
            if size < 4:
                return False
            place += 8 + size + size % 2
    return place <= length + 1


def _without_lost_leading(path, shown):
    """The ticks of the frames that can be decoded, in the order of decoding.

    A video that was cut by copying may begin in an open group of pictures: frames that are shown before its first key
    frame, or stored before it, lack the frames they were predicted from. FFmpeg drops those, and so do we.
    """
    first = next((place for place, (_, is_key) in enumerate(shown) if is_key), 0)
    key = shown[first][0]
    after = first + 1
    while after < len(shown) and key is not None and (shown[after][0] is None or shown[after][0] < key):
        after += 1
    rest = [tick for tick, _ in shown[after:]]
    leading = [*shown[:first], *shown[first + 1 : after]]
    if not leading or key is None or (None in rest and any(tick is None for tick, _ in leading)):
        return [tick for tick, _ in shown]
    with _open(path) as (container, stream):
        decoded = set()
        for frame in _frames(container, stream):
            if frame.pts is None or frame.pts > key:
                break
            if not frame.is_corrupt:
                decoded.add(frame.pts)
    return [*(tick for tick, _ in leading if tick in decoded), *([key] if key in decoded else []), *rest]


def _frames(container, stream):
    """Decodes frames; errors before the first one are those of frames that lack a reference."""
    av, is_begun = _import_av(), False
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            if is_begun or packet.is_keyframe:
                raise
            continue
        for frame in frames:
            is_begun = True
            yield frame


def _indexed(container, stream, timeline):
    """Decodes frames with their places in the timeline, without those that are not in it."""
    if timeline.ticks[0] is None:
        yield from enumerate(_frames(container, stream))
        return
    places = {tick: place for place, tick in enumerate(timeline.ticks)}
    for frame in _frames(container, stream):
        place = places.get(frame.pts)
        if place is not None:
            yield place, frame


def _stated_duration(container, stream):
    """Seconds at which the video ends by the file's head; 0 where it doesn't say, or speaks of the sound too."""
    if len(container.streams) > 1 or container.duration is None or stream.frames:
        return 0.0
    return container.duration / 1e6


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


def _chosen(path, timeline, indices, start, end):
    """Indices of the frames wanted, counted from the video's first."""
    first, last = _part(path, timeline, start, end)
    indices = np.asarray(range(last - first) if indices is None else list(indices), np.int64)
    if indices.size == 0 or indices.min() < 0 or indices.max() >= last - first:
        raise ValueError(
            f"`indices` must be at least one, each from 0 to {last - first - 1}. Received: {indices.tolist()}"
        )
    return (indices + first).tolist()


def _first_frame(path):
    with _open(path) as (container, stream):
        frame = next(container.decode(stream), None)
        if frame is None:
            raise DecodingError(f"{path}: no frame can be decoded")
        return frame


def _decode(path, container, stream, timeline, wanted, short_side):
    """The wanted frames: index → (height, width, 3)."""
    first = timeline.ticks[min(wanted)]
    if first is not None:
        # Not every container can be sought in, and some land behind the frame: then read from the beginning.
        with contextlib.suppress(_import_av().FFmpegError):
            container.seek(first, stream=stream, backward=True)
            frames = _collect(path, container, stream, timeline, wanted, short_side)
            if len(frames) == len(wanted):
                return frames
    with _open(path) as (container, stream):
        frames = _collect(path, container, stream, timeline, wanted, short_side)
    missing = sorted(wanted - set(frames))
    if missing:
        others = f", nor {len(missing) - 1} others" if len(missing) > 1 else ""
        raise DecodingError(f"{path}: damaged, frame {missing[0]} of {len(timeline.ticks)} can't be decoded{others}")
    return frames


def _collect(path, container, stream, timeline, wanted, short_side):
    to_rgb, last, frames = _RgbConverter(short_side), max(wanted), {}
    for index, frame in _indexed(container, stream, timeline):
        if index in wanted:
            _check_frame(path, frame, index)
            frames[index] = to_rgb(frame)
        if index >= last:
            break
    return frames


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
