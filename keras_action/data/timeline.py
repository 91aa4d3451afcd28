"""Opens video files and reads the timestamps of their frames. A truncated or damaged file is an error."""

import contextlib
import functools
import os
import re
from dataclasses import dataclass

import numpy as np

from keras_action.data.truncation import is_truncated
from keras_action.utils.optional_import import optional_import

_MISSING_SECONDS = 0.5  # by which a video may be shorter than its header states, which is often rounded
_MAX_TIMELINES = 64
# Containers without presentation timestamps: those of packets are wrong if frames are predicted from later ones.
_UNORDERED = frozenset({"avi", "h264", "hevc", "m4v", "mpegvideo"})
_IDR = 5  # H.264: a picture from which decoding can begin


class DecodingError(OSError):
    """A video can't be read. The message names the file and says why."""


@dataclass(frozen=True)
class Timeline:
    """When frames are shown: `ticks` as in the file, None where it has none; `times` in seconds from 0."""

    ticks: list
    times: np.ndarray
    fps: float
    duration: float


def import_av():
    """PyAV, or an `ImportError` that says how to install it."""
    with optional_import("Decoding video", "PyAV", "'keras_action[video]'"):
        import av
    return av


@contextlib.contextmanager
def open_video(path):
    """Opens a file and its video stream; turns errors of FFmpeg into a `DecodingError`."""
    av = import_av()
    path = os.fspath(path)
    # FFmpeg interprets "http:…" and "concat:…" as protocols.
    if not os.path.isfile(path):
        raise DecodingError(f"{path}: no such file")
    if os.path.getsize(path) == 0:
        raise DecodingError(f"{path}: the file is empty")
    try:
        # A title that is not UTF-8 is not an error.
        with av.open(f"file:{path}", metadata_errors="replace") as container:
            if container.format.name == "tty":  # FFmpeg renders text files as video
                raise DecodingError(f"{path}: the file is a text")
            streams = [stream for stream in container.streams.video if not _is_cover(stream)]
            if not streams:
                raise DecodingError(f"{path}: the file has no video")
            stream = streams[0]
            # Clips are decoded in parallel, each on one thread, which is cheaper than many threads per clip.
            stream.codec_context.thread_count = 1
            yield container, stream
    except DecodingError:
        raise
    except (av.FFmpegError, EOFError) as error:
        raise DecodingError(f"{path}: {error.strerror if error.args else error}") from error


def _is_cover(stream):
    return bool(stream.disposition & import_av().stream.Disposition.attached_pic)  # of an album


def read_timeline(path):
    """The timeline of a file. The last ones are cached, since clips are counted, then read, often in parts."""
    path = os.fspath(path)
    try:
        state = os.stat(path)
    except OSError:
        return _read_timeline(path, None, None)  # raises the error
    return _read_timeline(path, state.st_size, state.st_mtime_ns)


def decode_frames(container, stream):
    """Decodes frames; errors before the first one are those of frames that lack a reference."""
    av, is_begun = import_av(), False
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


@functools.lru_cache(maxsize=_MAX_TIMELINES)
def _read_timeline(path, size, modified):
    with open_video(path) as (container, stream):
        return _demux(path, container, stream)


def _demux(path, container, stream):
    """Reads all packets, and decodes only those whose frames may not be shown."""
    name, codec = container.format.name, stream.codec_context
    packets, is_clean = [], True  # packets: (tick, whether it is a key frame, whether it is shown), in decoding order
    for packet in container.demux(stream):
        if packet.size == 0:
            continue
        if packet.is_corrupt:
            raise DecodingError(f"{path}: damaged or truncated after {len(packets)} frames")
        if not packets and codec.name == "h264":
            is_clean = _has_idr(packet, codec.extradata)
        # Positions of AVI's chunks are exact; FFmpeg guesses the other time from them. Some packets are outside the
        # part that the file's edit list shows.
        tick = packet.dts if name == "avi" else packet.pts
        packets.append((tick, packet.is_keyframe, not packet.is_discard))
    # MP4, MOV and AVI have an index of all packets, also of hidden frames. `frames` may be greater: an edit list omits
    # some, and chunks of AVI may be empty.
    expected = stream.frames
    if name == "avi" or "mov" in name.split(","):
        expected = len(stream.index_entries)
    if len(packets) < expected:
        raise DecodingError(f"{path}: truncated, {len(packets)} of {expected} frames are there")
    if is_truncated(path, name):
        raise DecodingError(f"{path}: truncated after {len(packets)} frames")
    if not any(is_shown for _, _, is_shown in packets):
        raise DecodingError(f"{path}: the file has no frames")
    ticks = [tick for tick, _, _ in packets] if name in _UNORDERED else _decodable(path, name, packets, is_clean)
    if not ticks:
        raise DecodingError(f"{path}: damaged, no frame can be decoded")
    hidden = [tick for tick, _, is_shown in packets if not is_shown]
    if any(min(ticks) < tick < max(ticks) for tick in hidden):
        return _decoded_timeline(path, _frame_rate(stream), float(stream.time_base))
    return _timeline(path, container, stream, ticks)


def _frame_rate(stream):
    return float(stream.average_rate or stream.guessed_rate or 25)


def _decoded_timeline(path, fps, tick_seconds):
    """The timeline of an edit list with several pieces.

    Decoders may drop or reorder frames between two pieces, so the video is decoded.
    """
    with open_video(path) as (container, stream):
        ticks = [frame.pts for frame in decode_frames(container, stream)]
    if not ticks:
        raise DecodingError(f"{path}: damaged, no frame can be decoded")
    times = np.arange(len(ticks)) / fps
    if None not in ticks and len(set(ticks)) == len(ticks):
        times = (np.sort(ticks) - min(ticks)) * tick_seconds
    return Timeline([None] * len(ticks), times, fps, float(times[-1]) + 1 / fps)


def _timeline(path, container, stream, ticks):
    fps, tick_seconds = _frame_rate(stream), float(stream.time_base)
    if container.format.name == "avi" and None not in ticks:
        # An empty chunk marks a dropped frame: the frame before is shown longer.
        times = (np.sort(ticks) - min(ticks)) * tick_seconds
        end = max(float(times[-1]) + 1 / fps, ((stream.duration or 0) - min(ticks)) * tick_seconds)
        return Timeline([None] * len(ticks), times, fps, end)
    if container.format.name in _UNORDERED or None in ticks or len(set(ticks)) < len(ticks):
        start, ticks, times = 0.0, [None] * len(ticks), np.arange(len(ticks)) / fps
    else:
        ticks.sort()  # packets come in the order of decoding
        start, times = max(ticks[0] * tick_seconds, 0.0), (np.array(ticks) - ticks[0]) * tick_seconds
        if stream.average_rate is None and len(times) > 1:
            # Recordings of browsers have no frame rate, for which FFmpeg guesses that of the clock, 1000 Hz.
            fps = (len(times) - 1) / float(times[-1])
    timeline = Timeline(ticks, times, fps, float(times[-1]) + 1 / fps)
    # Some containers store the end of the last frame, counted from 0, instead of the number of frames. The first frame
    # may begin later.
    stated = _stated_duration(container, stream) - start
    if stated - timeline.duration > max(_MISSING_SECONDS, 0.05 * stated):
        raise DecodingError(f"{path}: truncated, {timeline.duration:.3f} of {stated:.3f} s are there")
    return timeline


def _stated_duration(container, stream):
    """The end of the video in seconds, from the file's header; 0 if unknown, or if there is sound, too."""
    if len(container.streams) > 1 or container.duration is None or stream.frames:
        return 0.0
    return container.duration / 1e6


def _has_idr(packet, extradata):
    """Whether a packet of H.264 has a picture from which decoding can begin."""
    data = bytes(packet)
    if not extradata or extradata[0] != 1:  # parts follow start codes
        return any(header[0] & 31 == _IDR for header in re.findall(rb"\x00\x00\x01(.)", data, re.DOTALL))
    width, place = (extradata[4] & 3) + 1, 0  # parts follow their lengths
    while place + width < len(data):
        if data[place + width] & 31 == _IDR:
            return True
        place += width + int.from_bytes(data[place : place + width], "big")
    return False


def _decodable(path, name, packets, is_clean):
    """The ticks of the frames that are shown, in the order of decoding.

    A video cut without re-encoding may begin in an open group of pictures, or with an intra refresh. Frames whose
    reference frames are missing are dropped, as in FFmpeg.
    """
    first = next((place for place, (_, is_key, _) in enumerate(packets) if is_key), 0)
    key = packets[first][0]
    after = first + 1
    while after < len(packets) and (packets[after][0] is None or (key is not None and packets[after][0] < key)):
        after += 1
    ticks = [tick for tick, _, is_shown in packets if is_shown]
    # Matroska has no timestamps below 0: earlier frames, perhaps the key frame, have none. In other containers a
    # missing timestamp says nothing about the order.
    if (is_clean and after == 1) or (None in ticks[after:] and not name.startswith("matroska")):
        return ticks
    decoded, reached = [], None
    with open_video(path) as (container, stream):
        for frame in decode_frames(container, stream):
            if frame.pts is not None and (key is None or frame.pts > key):
                reached = frame.pts
                break
            if not frame.is_corrupt:
                decoded.append(frame.pts)
    return decoded + [tick for tick in ticks if None not in (tick, reached) and tick >= reached]
