"""Lists of clips with their labels: a CSV, a folder with a folder of clips for each class, streams, or shards."""

import csv
import io
import math
import os
import warnings
from pathlib import Path

from keras_action.data.clips import AnnotationError, Annotations, Clip, annotation_text, check_label, normalize_labels
from keras_action.data.decoding import VIDEO_SUFFIXES, DecodingError, video_info
from keras_action.data.frame_folders import frame_part, has_frames, sorted_frames
from keras_action.data.shards.format import is_shard_set
from keras_action.data.shards.manifest import read_shards
from keras_action.data.stream_folders import read_streams, stream_videos
from keras_action.utils.labels import normalize_label
from keras_action.utils.text import listed

_GROUPS = ("group", "subject", "session")
_COLUMNS = ("path", "label", "start", "end", "first_frame", "last_frame", *_GROUPS)
_FORM = "path,label[,start,end][,first_frame,last_frame][,group]"


def read_annotations(path, labels=None, allow_empty_classes=False, check_ends=True):
    """Reads an annotation CSV, a folder with a folder of clips for each class, a folder of streams, or one of shards.

    A clip is a video file, or a frame folder: a folder with an image file for each frame (see `list_frames`); or a
    part of a shard (see `read_shards`).

    A CSV has the columns `path,label`, and optionally, in any order, `start` and `end`, seconds in a video;
    `first_frame` and `last_frame`, numbers as in the names of a frame folder's files, the last one included;
    and `group`, also called `subject` or `session`. Paths are relative to the CSV's folder, or absolute. Blank
    lines are skipped, a byte order mark too.

    Streams are long videos, each with its ground truth beside it: `stream.mp4` and `stream.mp4.csv`, with the columns
    `label,start,end` in seconds. Each gesture is a clip, and each pause a clip of "none".

    Clips are not opened: missing and damaged files are found in decoding, where one of them does not stop a training.
    Only a frame folder of which a part is annotated must exist, since the numbers of its frames are needed.

    Args:
        path: A CSV file, or a folder.
        labels: Names of the classes in the order of their ids, as in training; `None` for those of the annotations,
            sorted.
        allow_empty_classes: Whether a class may have no clips.
        check_ends: Whether to open the videos of which a part is annotated, and check that the part ends within the
            video. Videos that can't be read are ignored here. Numbers of frames are always checked.

    Returns:
        An `Annotations`.

    Raises:
        AnnotationError: If the annotations are wrong: a missing or unknown column, an unknown label, a repeated clip,
            an end before its start or beyond the end of the video, a class without clips, a folder without frames.
            The message names file and line.
        FileNotFoundError: If there is no such file or folder.

    Example:

    ```python
    train = read_annotations("gestures/train.csv")
    val = read_annotations("gestures/val.csv", labels=train.labels)
    ```
    """
    path = Path(path)
    labels = None if labels is None else normalize_labels(labels)
    if path.is_dir():
        if is_shard_set(path):
            annotations = read_shards(path, labels)
        elif videos := stream_videos(path):
            annotations = read_streams(videos, labels)
        else:
            annotations = _read_folder(path, labels)
    elif path.exists():
        annotations = _read_csv(path, labels, check_ends)
    else:
        raise FileNotFoundError(f"{path}: no such file or folder")
    return check_classes(annotations, path, allow_empty_classes, has_labels=labels is not None)


def check_classes(annotations, source, allow_empty_classes, has_labels=True):
    """Returns `annotations`; raises an `AnnotationError` if a class has no clips.

    Args:
        annotations: An `Annotations`.
        source: The file or folder that they were read from, for messages.
        allow_empty_classes: Whether a class may have no clips.
        has_labels: Whether the caller gave the labels, as for validation.
    """
    if not annotations.clips:
        raise AnnotationError(f"{source}: there are no clips.")
    filled = {clip.label for clip in annotations.clips}
    empty = [name for name in annotations.labels if name not in filled]
    if empty and not allow_empty_classes:
        advice = (
            "Pass allow_empty_classes=True (--allow-empty-classes) if this is intended."
            if has_labels
            else "Add clips, or remove the class."
        )
        raise AnnotationError(
            f"{source}: no clips of {', '.join(empty)}. {advice} Received: labels={annotations.labels}"
        )
    return annotations


def _read_folder(folder, labels):
    class_folders = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not class_folders:
        raise AnnotationError(f"{folder}: there must be a folder for each class. Received: none")
    sets = [p.name for p in class_folders if is_shard_set(p)]
    if sets:
        raise AnnotationError(f"{folder}: the shards are in folders of it; name one: {', '.join(sets)}")
    clips, names, others = [], [], []
    for class_folder in class_folders:
        label = _folder_label(class_folder)
        check_label(label, labels, class_folder)
        names.append(label)
        with os.scandir(class_folder) as scan:
            entries = sorted((entry for entry in scan if not entry.name.startswith(".")), key=lambda e: e.name)
        for entry in entries:
            if entry.is_dir() and not has_frames(entry.path):
                raise AnnotationError(
                    f"{entry.path}: a folder in a class's folder must hold frames (.jpg, .jpeg, .png). Received: none"
                )
            if entry.is_dir() or os.path.splitext(entry.name)[1].lower() in VIDEO_SUFFIXES:
                clips.append(Clip(entry.path, label))
            else:
                others.append(os.path.join(class_folder.name, entry.name))
    if others:
        warnings.warn(
            f"{folder}: {len(others)} files are left out, as they have no suffix of a video "
            f"({', '.join(sorted(VIDEO_SUFFIXES))}): {listed(others, 5)}.",
            stacklevel=3,
        )
    return Annotations(tuple(clips), labels or tuple(sorted(set(names))))


def _folder_label(folder):
    try:
        folder.name.encode()
    except UnicodeEncodeError:
        raise AnnotationError(
            f"{os.fsencode(folder)!r}: the name of a class's folder must be in UTF-8. Received: {folder.name!r}"
        ) from None
    return normalize_label(folder.name)


def _read_csv(path, labels, check_ends):
    # clip → its line; frame folder → numbers of its frames; video → seconds
    clips, lines, numbers, durations = [], {}, {}, {}
    reader = csv.reader(io.StringIO(annotation_text(path), newline=""), strict=True)
    columns = None
    try:
        for row in reader:
            line = f"{path}, line {reader.line_num}"
            row = [field.strip() for field in row]
            if not any(row):
                continue
            if columns is None:
                columns = _check_columns(row, line)
                continue
            if len(row) != len(columns):
                raise AnnotationError(
                    f"{line}: {len(columns)} fields are expected ({','.join(columns)}). Received: {row}"
                )
            clip = _read_row(dict(zip(columns, row, strict=True)), path.parent, labels, numbers, line)
            _check_repetition(clip, lines, reader.line_num, line)
            if check_ends:
                _check_part(clip, durations, line)
            clips.append(clip)
    except csv.Error as error:
        raise AnnotationError(f"{path}, line {reader.line_num}: not a CSV line: {error}") from error
    if columns is None:
        raise AnnotationError(f"{path}: the file is empty. Its first line must be: {_FORM}")
    return Annotations(tuple(clips), labels or tuple(sorted({clip.label for clip in clips})))


def _check_columns(row, line):
    missing = [name for name in ("path", "label") if name not in row]
    unknown = [name for name in row if name not in _COLUMNS]
    if missing or unknown or len(set(row)) < len(row) or sum(name in _GROUPS for name in row) > 1:
        raise AnnotationError(
            f"{line}: the columns must be {_FORM}, where group may be called subject or session. "
            f"Received: {','.join(row)}"
        )
    return row


def _read_row(row, folder, labels, numbers, line):
    if not row["path"]:
        raise AnnotationError(f"{line}: the path is missing. Received: {row}")
    row["label"] = normalize_label(row["label"])
    check_label(row["label"], labels, line)
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
    path = os.fspath(folder / row["path"])
    group = next((row[name] for name in _GROUPS if name in row), None) or None
    return Clip(path, row["label"], start, end, _read_frames(row, path, numbers, line), group)


def _read_frames(row, path, numbers, line):
    """Places of the frames, from their numbers."""
    texts = {name: row.get(name, "") for name in ("first_frame", "last_frame")}
    if not any(texts.values()):
        return None
    for name, text in texts.items():
        if text and not text.isdecimal():
            raise AnnotationError(f"{line}: {name} must be a number of a frame. Received: {name}={text}")
    if row.get("start") or row.get("end"):
        raise AnnotationError(
            f"{line}: start and end are for videos, first_frame and last_frame are for frame folders. Received: {row}"
        )
    if path not in numbers:
        try:
            numbers[path] = sorted_frames(path)[1]
        except DecodingError as error:
            raise AnnotationError(f"{line}: {error}") from error
    known = numbers[path]
    first = int(texts["first_frame"] or known[0])
    last = int(texts["last_frame"] or known[-1])
    part = frame_part(known, first, last)
    if part is None or first < known[0] or last > known[-1]:
        raise AnnotationError(
            f"{line}: the frames of {path} go from {known[0]} to {known[-1]}, and there must be one from first_frame "
            f"to last_frame. Received: first_frame={texts['first_frame']}, last_frame={texts['last_frame']}"
        )
    return part


def _check_repetition(clip, lines, number, line):
    # A repeated clip would count twice, and if it has two labels, one is wrong.
    part = clip.path, clip.start, clip.end, clip.frames
    if part in lines:
        raise AnnotationError(f"{line}: the same clip is on line {lines[part]}. Received: {clip}")
    lines[part] = number


def _check_part(clip, durations, line):
    if clip.start is None and clip.end is None:
        return
    if clip.path not in durations:
        if os.path.isdir(clip.path):
            raise AnnotationError(
                f"{line}: start and end are for videos; a part of a frame folder has first_frame and last_frame. "
                f"Received: start={clip.start}, end={clip.end}, for the folder {clip.path}"
            )
        try:
            info = video_info(clip.path)
            durations[clip.path] = info.duration, 1 / info.fps
        except DecodingError:
            durations[clip.path] = math.inf, 0.0
    duration, frame = durations[clip.path]
    if (clip.start or 0) >= duration or (clip.end or 0) > duration + frame:
        raise AnnotationError(
            f"{line}: the clip lies beyond the end of {clip.path}, {duration:.3f} s long. "
            f"Received: start={clip.start}, end={clip.end}"
        )
