"""Folders of streams: long videos, each with the ground truth beside it."""

from keras_action.data.clips import AnnotationError, Annotations, Clip
from keras_action.data.decoding import VIDEO_SUFFIXES, video_info
from keras_action.utils.intervals import intervals_path, is_ignored, read_intervals
from keras_action.utils.labels import normalize_label

_BACKGROUND = "none"
_MIN_SECONDS = 0.5  # a shorter pause is no clip


def stream_videos(folder):
    """The videos of a folder that have their ground truth beside them, sorted."""
    videos = (file for file in folder.iterdir() if file.suffix.lower() in VIDEO_SUFFIXES and file.is_file())
    return sorted(video for video in videos if intervals_path(video).is_file())


def read_streams(videos, labels=None):
    """Reads long videos with the ground truth of each beside it.

    The truth of `stream.mp4` is in `stream.mp4.csv`, columns `label,start,end` in seconds. Each gesture is a clip, and
    so is each pause between gestures of half a second or more, whose label is "none".

    Args:
        videos: Paths of the videos.
        labels: Names of the classes in the order of their ids, or `None` for those of the truth, and "none".

    Returns:
        An `Annotations`. All its clips have `start` and `end`.

    Raises:
        AnnotationError: If a truth is wrong, or has a label that is not in `labels`.
        DecodingError: If a video can't be read.
    """
    clips = []
    for video in videos:
        path = intervals_path(video)
        try:
            truth = read_intervals(path)
        except ValueError as error:
            raise AnnotationError(str(error)) from error
        truth = [(normalize_label(interval.label), interval.start, interval.end) for interval in truth]
        unknown = sorted({label for label, *_ in truth if labels and label not in labels and not is_ignored(label)})
        if unknown:
            raise AnnotationError(f"{path}: unknown labels {unknown}. Expected: {', '.join(labels)}")
        background = next(filter(is_ignored, labels or [label for label, *_ in truth]), _BACKGROUND)
        gestures = sorted((interval for interval in truth if not is_ignored(interval[0])), key=lambda item: item[1])
        clips += _clips(str(video), gestures, video_info(video).duration, background)
    return Annotations(tuple(clips), labels or tuple(sorted({clip.label for clip in clips} | {_BACKGROUND})))


def _clips(video, gestures, duration, background):
    """The clips of a video: its gestures, and the pauses between them."""
    clips, now = [], 0.0
    for label, start, end in [*gestures, (None, duration, duration)]:
        if start - now >= _MIN_SECONDS:
            clips.append(Clip(video, background, now, start))
        if label is not None:
            clips.append(Clip(video, label, start, end))
        now = max(now, end)
    return clips
