"""Lists of clips with their labels: an annotation CSV, or a folder with a folder of videos for each class."""

import csv
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm"})

_COLUMNS = ("path", "label", "start", "end")


class AnnotationError(ValueError):
    """An annotation is wrong. The message names the file and, of a CSV, the line."""


@dataclass(frozen=True)
class Clip:
    """A labelled video, or the part of it from `start` to `end`, in seconds; None: from or to its end."""

    path: str
    label: str
    start: float | None = None
    end: float | None = None


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


def read_annotations(path, labels=None, allow_empty_classes=False, check_ends=True):
    """Reads an annotation CSV, or a folder with a folder of videos for each class.

    A CSV has the columns `path,label`, and optionally `start` and `end` in seconds, in any order. Paths are
    relative to the CSV's folder, or absolute. Blank lines are skipped, a byte order mark too.

    Whether the videos are there and whole is not looked at: that shows in decoding, and one bad file does not
    stop a training.

    Args:
        path: A CSV file, or a folder.
        labels: Names of the classes in the order of their ids, as in training; None for the sorted names that
            are found.
        allow_empty_classes: Whether a class in `labels`, or a class's folder, may be without clips.
        check_ends: Whether to open the videos of which a part is annotated, and to make sure that it lies
            within them. Videos that can't be read are left to decoding.

    Returns:
        An `Annotations`.

    Raises:
        AnnotationError: If something is wrong: a column missing or unknown, an unknown label, a clip that is
            there twice, an end before its start or beyond the end of the video, a class without clips, and
            so on. The message names file and line.
        FileNotFoundError: If there is no such file or folder.

    Example:

    ```python
    train = read_annotations("gestures/train.csv")
    val = read_annotations("gestures/val.csv", labels=train.labels)
    ```
    """
    path = Path(path)
    if labels is not None:
        labels = tuple(labels)
        if not labels or len(set(labels)) < len(labels):
            raise ValueError(f"`labels` must be names, each once. Received: labels={labels}")
    if path.is_dir():
        clips, found = _read_folder(path, labels)
    elif path.exists():
        clips, found = _read_csv(path, labels, check_ends)
    else:
        raise FileNotFoundError(f"{path}: no such file or folder")
    if not clips:
        raise AnnotationError(f"{path}: there are no clips.")
    names = labels or tuple(sorted(found))
    filled = {clip.label for clip in clips}
    empty = [name for name in names if name not in filled]
    if empty and not allow_empty_classes:
        raise AnnotationError(
            f"{path}: no clips of {', '.join(empty)}. Pass allow_empty_classes=True (--allow-empty-classes) if that "
            "is meant. "
            f"Received: labels={names}"
        )
    return Annotations(tuple(clips), names)


def _read_folder(folder, labels):
    class_folders = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not class_folders:
        raise AnnotationError(f"{folder}: there must be a folder for each class. Received: none")
    clips = []
    for class_folder in class_folders:
        _check_label(class_folder.name, labels, class_folder)
        for video in sorted(class_folder.iterdir()):
            if video.suffix.lower() in VIDEO_SUFFIXES and not video.name.startswith("."):
                clips.append(Clip(os.fspath(video), class_folder.name))
    return clips, {p.name for p in class_folders}


def _read_csv(path, labels, check_ends):
    clips, lines, durations = [], {}, {}  # lines: part of a video → line; durations: video → seconds
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            columns = None
            for row in reader:
                line = f"{path}, line {reader.line_num}"
                if not any(field.strip() for field in row):
                    continue
                row = [field.strip() for field in row]
                if columns is None:
                    columns = _check_columns(row, line)
                    continue
                if len(row) != len(columns):
                    raise AnnotationError(
                        f"{line}: {len(columns)} fields are expected ({','.join(columns)}). Received: {row}"
                    )
                clip = _read_row(dict(zip(columns, row, strict=True)), path.parent, labels, line)
                _check_repetition(clip, lines, reader.line_num, line)
                if check_ends:
                    _check_part(clip, durations, line)
                clips.append(clip)
    except csv.Error as error:
        raise AnnotationError(f"{path}, line {reader.line_num}: not a CSV line: {error}") from error
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path}: not a text file in UTF-8: {error}") from error
    if columns is None:
        raise AnnotationError(f"{path}: the file is empty. Its first line must be: path,label[,start,end]")
    return clips, {clip.label for clip in clips}


def _check_columns(row, line):
    missing = [name for name in ("path", "label") if name not in row]
    unknown = [name for name in row if name not in _COLUMNS]
    if missing or unknown or len(set(row)) < len(row):
        raise AnnotationError(f"{line}: the columns must be path,label[,start,end]. Received: {','.join(row)}")
    return row


def _read_row(row, folder, labels, line):
    if not row["path"]:
        raise AnnotationError(f"{line}: the path is missing. Received: {row}")
    _check_label(row["label"], labels, line)
    times = {}
    for name in ("start", "end"):
        text = row.get(name, "")
        try:
            times[name] = float(text) if text else None
        except ValueError:
            times[name] = math.nan
        if times[name] is not None and not 0 <= times[name] < math.inf:
            raise AnnotationError(f"{line}: {name} must be seconds, 0 or more. Received: {name}={text}")
    start, end = times["start"], times["end"]
    if end is not None and end <= (start or 0):
        raise AnnotationError(f"{line}: end must be after start. Received: start={start}, end={end}")
    return Clip(os.fspath(folder / row["path"]), row["label"], start, end)


def _check_label(label, labels, where):
    if not label:
        raise AnnotationError(f"{where}: the label is missing.")
    if labels is not None and label not in labels:
        raise AnnotationError(f"{where}: unknown label; known are {', '.join(labels)}. Received: {label!r}")


def _check_repetition(clip, lines, number, line):
    # A clip that is there twice counts twice, and with two labels it can't be right.
    part = clip.path, clip.start, clip.end
    if part in lines:
        raise AnnotationError(f"{line}: the same clip is on line {lines[part]}. Received: {clip}")
    lines[part] = number


def _check_part(clip, durations, line):
    if clip.start is None and clip.end is None:
        return
    from keras_action.data.decoding import DecodingError, probe

    if clip.path not in durations:
        try:
            info = probe(clip.path)
            durations[clip.path] = info.duration, 1 / info.fps
        except DecodingError:
            durations[clip.path] = math.inf, 0.0
    duration, frame = durations[clip.path]
    if (clip.start or 0) >= duration or (clip.end or 0) > duration + frame:
        raise AnnotationError(
            f"{line}: the clip lies beyond the end of {clip.path}, {duration:.3f} s long. "
            f"Received: start={clip.start}, end={clip.end}"
        )
