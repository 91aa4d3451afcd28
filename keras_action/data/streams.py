"""Long videos joined from labelled clips, with the truth beside them: what a recogniser is tried on."""

import itertools

import numpy as np

from keras_action.data.clips import Annotations
from keras_action.data.sources import open_clip
from keras_action.data.video_writing import write_video
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
    """Joins clips into one long video, in an order drawn from the seed, and writes the truth beside it.

    Every frame has the size of the first: others are scaled, and what is too much is cut off around the centre.
    All clips are brought to one frame rate by repeating or leaving out frames, so they keep their lengths. Between
    them, before the first and after the last are pauses of a length drawn for each.

    Args:
        annotations: An `Annotations`.
        path: The video file to write; the truth goes to `<path>.csv`, columns `label,start,end` in seconds.
        seed: A whole number, 0 or more, or None to keep the order.
        fps: Frames a second.
        folder_fps: Frames a second of clips that are frame folders or in shards and have no `fps` of their own.
        ignore: Labels that stay out of the truth, as they mean nothing, whatever their case.
        min_pause: The least pause, in seconds.
        max_pause: The greatest pause; 0 for none.
        pauses: What a pause shows: `"hold"`, half of it the last frame of the clip before, half the first of the clip
            after; or `"background"`, parts of the clips whose labels are ignored, which then stand nowhere else.

    Returns:
        A list of `Interval(label, start, end)`, in order.

    Raises:
        DecodingError: If a clip can't be decoded.
        ValueError: If the frame rate of a frame folder is not known, if a pause is out of range, or if there is
            no clip for the background.

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
    if pauses not in PAUSES:
        raise ValueError(f"`pauses` must be one of {PAUSES}. Received: pauses={pauses!r}")
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
        # Rounding must not repeat the frame before, and so leave one out.
        return source.read(np.minimum(moments * rate + 1e-6, source.num_frames - 1).astype(int))

    def items():
        """Pairs of a clip, or None for a pause, and its frames."""
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
            size = size or (part.shape[1] // 2 * 2, part.shape[2] // 2 * 2)  # h264 wants even sides
            if clip is not None and not is_ignored(clip.label, ignore):
                truth.append(Interval(clip.label, now / fps, (now + len(part)) / fps))
            now += len(part)
            yield from center_crop(part, size).numpy()

    write_video(path, frames(), fps=fps)
    write_intervals(intervals_path(path), truth)
    return truth


def stratified_parts(annotations, parts, seed=0):
    """Deals clips out into parts, each class as evenly as it goes: one part for each of several streams.

    Args:
        annotations: An `Annotations`.
        parts: How many.
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
    """An endless film of background clips, one after the other in an order that is drawn again for each round."""

    def __init__(self, clips, read, rng):
        self._read, self._rng = read, rng
        self._rounds = itertools.chain.from_iterable(iter(lambda: self._drawn(clips), None))
        self._rest = None

    def _drawn(self, clips):
        return [clips[i] for i in self._rng.permutation(len(clips))]

    def take(self, count):
        """Yields parts, in all `count` frames."""
        while count > 0:
            if self._rest is None or not len(self._rest):
                self._rest = self._read(next(self._rounds))
            part, self._rest = self._rest[:count], self._rest[count:]
            count -= len(part)
            yield part


def _held(before, after, count):
    """Yields parts, in all `count` frames: the last of the clip before, then the first of the clip after."""
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
