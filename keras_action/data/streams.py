"""Long videos joined from labelled clips, with the truth beside them: what a recogniser is tried on."""

import os
from pathlib import Path

import numpy as np

from keras_action.data.decoding import probe, write_video
from keras_action.data.frame_folders import read_clip
from keras_action.data.shards import is_shard
from keras_action.data.synthetic import Segment
from keras_action.files import write_csv


def join_clips(annotations, path, *, seed=0, fps=15, folder_fps=None, ignore=("none",)):
    """Joins clips into one long video, in an order drawn from the seed, and writes the truth beside it.

    Every frame has the size of the first clip: others are scaled, and what is too much is cut off around the centre.
    All clips are brought to one frame rate by repeating or leaving out frames, so they keep their lengths.

    Args:
        annotations: An `Annotations`.
        path: The video file to write; the truth goes to `<path>.csv`, columns `label,start,end` in seconds.
        seed: A whole number, 0 or more, or None to keep the order.
        fps: Frames a second.
        folder_fps: Frames a second of clips that are frame folders or in shards and have no `fps` of their own.
        ignore: Labels that stay out of the truth, as they mean nothing.

    Returns:
        A list of `Segment(label, start, end)`, in order.

    Raises:
        DecodingError: If a clip can't be decoded.
        ValueError: If the frame rate of a frame folder is not known.

    Example:

    ```python
    validation = read_annotations("val.csv")
    truth = join_clips(validation, "joined.mp4")
    ```
    """
    from keras_action.data.transforms import center_crop

    path = Path(path)
    order = np.arange(len(annotations)) if seed is None else np.random.default_rng(seed).permutation(len(annotations))
    clips = [annotations.clips[i] for i in order]
    rates = [_frame_rate(clip, folder_fps) for clip in clips]
    truth, now = [], 0

    def choose_at(rate):
        def choose(count):
            moments = np.arange(max(1, round(count / rate * fps))) / fps
            return np.minimum(moments * rate, count - 1).astype(int)

        return choose

    def frames():
        nonlocal now
        size = None
        for clip, rate in zip(clips, rates, strict=True):
            part = read_clip(clip, choose_at(rate))
            size = size or (part.shape[1] // 2 * 2, part.shape[2] // 2 * 2)  # h264 wants even sides
            if clip.label not in ignore:
                truth.append(Segment(clip.label, now / fps, (now + len(part)) / fps))
            now += len(part)
            yield from center_crop(part, size).numpy()

    write_video(path, frames(), fps=fps)
    rows = ((segment.label, round(segment.start, 3), round(segment.end, 3)) for segment in truth)
    write_csv(path.with_name(f"{path.name}.csv"), ("label", "start", "end"), rows)
    return truth


def _frame_rate(clip, folder_fps):
    if not is_shard(clip.path) and not os.path.isdir(clip.path):
        return probe(clip.path).fps
    rate = folder_fps if clip.fps is None else clip.fps
    if rate is None:
        raise ValueError(
            f"{clip.name or clip.path}: how many frames a second a frame folder has must be said, by `folder_fps` "
            "(--folder-fps). Received: folder_fps=None"
        )
    return rate
