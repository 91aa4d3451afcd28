"""Folders of streams: long videos, each with the ground truth beside it."""

from keras_action.data.clips import AnnotationError, Annotations, Clip, check_label
from keras_action.data.decoding import VIDEO_SUFFIXES, video_info
from keras_action.utils.intervals import intervals_path, is_ignored, read_intervals

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
        gestures = sorted((item for item in truth if not is_ignored(item.label)), key=lambda item: item.start)
        for gesture in gestures:
            check_label(gesture.label, labels, path)
        background = next(filter(is_ignored, labels or [item.label for item in truth]), _BACKGROUND)
        clips += _clips(str(video), gestures, video_info(video).duration, background)
    return Annotations(tuple(clips), labels or tuple(sorted({clip.label for clip in clips} | {_BACKGROUND})))


def _clips(video, gestures, duration, background):
    """The clips of a video: its gestures, and the pauses between them."""
    clips, now = [], 0.0
    for gesture in gestures:
        if gesture.start - now >= _MIN_SECONDS:
            clips.append(Clip(video, background, now, gesture.start))
        clips.append(Clip(video, gesture.label, gesture.start, gesture.end))
        now = max(now, gesture.end)
    if duration - now >= _MIN_SECONDS:
        clips.append(Clip(video, background, now, duration))
    return clips
