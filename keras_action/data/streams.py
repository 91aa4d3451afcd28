"""Long videos joined from labelled clips, with the truth beside them: what a recogniser is tried on."""

from pathlib import Path

import numpy as np

from keras_action.data.decoding import probe, read_frames, write_video
from keras_action.data.synthetic import Segment
from keras_action.files import write_csv


def join_clips(annotations, path, *, seed=0, fps=15, ignore=("none",)):
    """Joins clips into one long video, in an order drawn from the seed, and writes the truth beside it.

    Every frame has the size of the first clip: others are scaled, and what is too much is cut off around the centre.
    All clips are brought to one frame rate by repeating or leaving out frames, so they keep their lengths.

    Args:
        annotations: An `Annotations`.
        path: The video file to write; the truth goes to `<path>.csv`, columns `label,start,end` in seconds.
        seed: A whole number, 0 or more, or None to keep the order.
        fps: Frames a second.
        ignore: Labels that stay out of the truth, as they mean nothing.

    Returns:
        A list of `Segment(label, start, end)`, in order.

    Raises:
        DecodingError: If a clip can't be decoded.

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
    first = probe(clips[0].path)
    size = (first.height // 2 * 2, first.width // 2 * 2)  # h264 wants even sides
    truth, now = [], 0

    def choose_at(clip_fps):
        return lambda count: np.minimum((np.arange(max(1, round(count / clip_fps * fps))) / fps * clip_fps), count - 1)

    def frames():
        nonlocal now
        for clip in clips:
            choose = choose_at(probe(clip.path).fps)
            part = read_frames(clip.path, lambda count, choose=choose: choose(count).astype(int), clip.start, clip.end)
            if clip.label not in ignore:
                truth.append(Segment(clip.label, now / fps, (now + len(part)) / fps))
            now += len(part)
            yield from center_crop(part, size).numpy()

    write_video(path, frames(), fps=fps)
    rows = ((segment.label, round(segment.start, 3), round(segment.end, 3)) for segment in truth)
    write_csv(path.with_name(f"{path.name}.csv"), ("label", "start", "end"), rows)
    return truth
