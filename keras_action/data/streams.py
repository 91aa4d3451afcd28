"""Streams: long videos joined from labelled clips, with their ground truth, to test recognisers on."""

import itertools

import numpy as np

from keras_action.data.clips import Annotations
from keras_action.data.sources import open_clip
from keras_action.data.video_writing import write_video
from keras_action.utils.fields import check_choice
from keras_action.utils.intervals import IGNORED_LABELS, Interval, intervals_path, is_ignored, write_intervals

PAUSES = ("hold", "background")


def join_clips(
    annotations,
    path,
    *,
    seed=0,
    fps=15,
    folder_fps=None,
    ignore=IGNORED_LABELS,
    min_pause=0.0,
    max_pause=0.0,
    pauses="hold",
):
    """Joins clips into one long video, in random order, and writes the ground truth beside it.

    All frames are resized and center-cropped to the size of the first. All clips are converted to one frame rate by
    repeating or dropping frames, so they keep their durations. Before, between and after the clips are pauses of random
    length.

    Args:
        annotations: An `Annotations`.
        path: The video file to write; the ground truth goes to `<path>.csv`, columns `label,start,end` in seconds.
        seed: A whole number, 0 or more, or `None` to keep the order.
        fps: Frames per second.
        folder_fps: Frames per second of frame folders and clips in shards without an `fps` of their own.
        ignore: Labels without meaning, in any case, which are left out of the ground truth.
        min_pause: The shortest pause, in seconds.
        max_pause: The longest pause, in seconds; 0 for none.
        pauses: The frames of a pause: with `"hold"`, the last frame of the clip before and the first frame of the clip
            after, half of the pause each; with `"background"`, parts of the clips with ignored labels, which are then
            used for pauses only.

    Returns:
        A list of `Interval(label, start, end)`, in order.

    Raises:
        DecodingError: If a clip can't be decoded.
        ValueError: If the frame rate of a frame folder is unknown, a pause is out of range, or there is no clip for the
            background.

    Example:

    ```python
    validation = read_annotations("val.csv")
    truth = join_clips(validation, "joined.mp4", min_pause=1, max_pause=4, pauses="background")
    ```
    """
    if not 0 <= min_pause <= max_pause < np.inf:
        raise ValueError(
            "Pauses must be 0 <= min_pause <= max_pause seconds. "
            f"Received: min_pause={min_pause}, max_pause={max_pause}"
        )
    check_choice("pauses", pauses, PAUSES)
    rng = np.random.default_rng(seed)
    order = np.arange(len(annotations)) if seed is None else rng.permutation(len(annotations))
    clips = [annotations.clips[i] for i in order]
    background = [clip for clip in clips if is_ignored(clip.label, ignore)] if pauses == "background" else []
    if pauses == "background":
        clips = [clip for clip in clips if not is_ignored(clip.label, ignore)]
        if not background:
            raise ValueError(
                f"There is no clip for the background: none has a label of {ignore}. Received: {annotations.labels}"
            )
    rates = {clip: _frame_rate(clip, folder_fps) for clip in (*clips, *background)}
    lengths = [round(fps * rng.uniform(min_pause, max_pause)) for _ in range(len(clips) + 1)]
    truth, now = [], 0

    def read(clip):
        rate, source = rates[clip], open_clip(clip)
        moments = np.arange(max(1, round(source.num_frames / rate * fps))) / fps
        # With a tolerance, so that rounding does not repeat one frame and drop the next.
        return source.read(np.minimum(moments * rate + 1e-6, source.num_frames - 1).astype(int))

    def items():
        """Pairs of a clip, `None` for a pause, and its frames."""
        filler = _Background(background, read, rng) if background else None
        before = None
        for clip, length in itertools.zip_longest(clips, lengths):
            after = None if clip is None else read(clip)
            if filler:
                yield from ((None, part) for part in filler.take(length))
            else:
                yield from ((None, part) for part in _held(before, after, length))
            if clip is not None:
                yield clip, after
            before = after

    def frames():
        from keras_action.data.crops import center_crop

        nonlocal now
        size = None
        for clip, part in items():
            size = size or (part.shape[1] // 2 * 2, part.shape[2] // 2 * 2)  # H.264 needs even sides
            if clip is not None and not is_ignored(clip.label, ignore):
                truth.append(Interval(clip.label, now / fps, (now + len(part)) / fps))
            now += len(part)
            yield from center_crop(part, size).numpy()

    write_video(path, frames(), fps=fps)
    write_intervals(intervals_path(path), truth)
    return truth


def stratified_parts(annotations, parts, seed=0):
    """Divides clips into parts, each class as evenly as possible, for example one part for each of several streams.

    Args:
        annotations: An `Annotations`.
        parts: Number of parts.
        seed: A whole number, 0 or more.

    Returns:
        A list of `Annotations` with the same labels.

    Raises:
        ValueError: If there are fewer clips than parts.
    """
    if not 1 <= parts <= len(annotations):
        raise ValueError(f"There must be 1 to {len(annotations)} parts, as many as clips. Received: parts={parts}")
    order = np.random.default_rng(seed).permutation(len(annotations))
    clips = sorted((annotations.clips[i] for i in order), key=lambda clip: annotations.labels.index(clip.label))
    return [Annotations(tuple(clips[part::parts]), annotations.labels) for part in range(parts)]


class _Background:
    """An endless sequence of background clips, in a new random order in each round."""

    def __init__(self, clips, read, rng):
        self._read, self._rng = read, rng
        self._rounds = itertools.chain.from_iterable(iter(lambda: self._drawn(clips), None))
        self._rest = None

    def _drawn(self, clips):
        return [clips[i] for i in self._rng.permutation(len(clips))]

    def take(self, count):
        """Yields parts with `count` frames in total."""
        while count > 0:
            if self._rest is None or not len(self._rest):
                self._rest = self._read(next(self._rounds))
            part, self._rest = self._rest[:count], self._rest[count:]
            count -= len(part)
            yield part


def _held(before, after, count):
    """Yields parts with `count` frames in total: the last of the clip before, then the first of the clip after."""
    if before is None and after is None:
        return
    first = count if after is None else 0 if before is None else count // 2
    for clip, index, number in ((before, -1, first), (after, 0, count - first)):
        if number:
            yield np.repeat(clip[[index]], number, axis=0)


def _frame_rate(clip, folder_fps):
    rate = open_clip(clip).fps
    rate = folder_fps if rate is None else rate
    if rate is None:
        raise ValueError(
            f"{clip.name or clip.path}: the frame rate of a frame folder must be given by `folder_fps`. "
            "Received: folder_fps=None"
        )
    return rate
