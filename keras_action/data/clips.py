"""A labelled clip, and a list of them with the names of the classes."""

from dataclasses import dataclass

import numpy as np

from keras_action.utils.labels import normalize_label, read_text


class AnnotationError(ValueError):
    """An annotation is wrong. The message names the file and, of a CSV, the line."""


def annotation_text(path):
    """The text of a file of annotations, in UTF-8; an `AnnotationError` if it has another encoding."""
    try:
        return read_text(path)
    except ValueError as error:
        raise AnnotationError(str(error)) from error


def check_label(label, labels, where):
    """Raises an `AnnotationError` unless a label is a known name.

    Args:
        label: The label, in Unicode NFC.
        labels: The known names, with a fast `in`, in order; `None` for any name.
        where: The file and the line, for the message.
    """
    if not label:
        raise AnnotationError(f"{where}: the label is missing.")
    if labels is not None and label not in labels:
        raise AnnotationError(f"{where}: unknown label; known are {', '.join(labels)}. Received: {label!r}")


def normalize_labels(labels):
    """Names of classes as a tuple in Unicode NFC; a `ValueError` unless there is one, and each once."""
    labels = tuple(map(normalize_label, labels))
    if not labels or len(set(labels)) < len(labels):
        raise ValueError(f"`labels` must be names, each once. Received: labels={labels}")
    return labels


@dataclass(frozen=True)
class Clip:
    """A labelled video or frame folder, or a part of it, or a part of a shard.

    Args:
        path: A video file, a folder with an image file for each frame, or a shard (`.tfrecord`, see `read_shards`).
        label: The name of the class.
        start: Start of the part of a video, in seconds; `None` for its beginning.
        end: End of the part of a video, in seconds; `None` for its end.
        frames: The part of a frame folder, `(first, stop)`, as in a slice of its sorted frames; `None` for all. Of a
            shard, the rows of its index, which must be given.
        group: Name of the subject or session, see `split_annotations`; `None` if unknown.
        fps: Frames per second of a frame folder or of a clip in a shard; `None` if unknown, or for a video, whose file
            holds it.
        name: Name in messages and reports; `None` for the path.
    """

    path: str
    label: str
    start: float | None = None
    end: float | None = None
    frames: tuple[int, int] | None = None
    group: str | None = None
    fps: float | None = None
    name: str | None = None


@dataclass(frozen=True)
class Annotations:
    """Clips and the names of the classes; a class's id is its place in `labels`."""

    clips: tuple[Clip, ...]
    labels: tuple[str, ...]

    def __len__(self):
        return len(self.clips)

    def label_ids(self):
        """The id of each clip's class, an int32 array of shape (len(self),)."""
        ids = {label: i for i, label in enumerate(self.labels)}
        return np.array([ids[clip.label] for clip in self.clips], np.int32)
