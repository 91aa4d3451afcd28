"""EgoGesture: 24,161 first-person clips of 83 gestures."""

import csv
import io
import math
import os
import re
from pathlib import Path

from keras_action.data.clips import AnnotationError, Annotations, Clip, annotation_text, check_label
from keras_action.data.datasets.official import SPLITS, choose_labels, class_names, contents, find
from keras_action.data.decoding import DecodingError
from keras_action.data.frame_folders import frame_part, sorted_frames
from keras_action.utils.fields import check_choice

FPS = 30
VALIDATION_SUBJECTS = (1, 7, 12, 13, 24, 29, 33, 34, 35, 37)
TEST_SUBJECTS = (2, 9, 11, 14, 18, 19, 28, 31, 41, 47)
TRAINING_SUBJECTS = tuple(i for i in range(1, 51) if i not in VALIDATION_SUBJECTS + TEST_SUBJECTS)

_SUBJECTS = {"train": TRAINING_SUBJECTS, "validation": VALIDATION_SUBJECTS, "test": TEST_SUBJECTS}


def read_egogesture(root, split, labels=None, allow_missing=False, drop_last_frames=0):
    """Reads a split of EgoGesture from the unpacked files: colour only, without depth.

    ```
    root/frames/Subject01/Scene1/Color/rgb1/000001.jpg …            30 frames a second, 640x480 or 320x240
    root/labels-final-revised1/subject01/Scene1/Group1.csv          lines class,start,end, no header
    ```

    The case of names is ignored, `Group1.csv` or `group1.csv`. The subjects' folders may be in `frames`, in `images`,
    in several `images…` folders as they are unpacked, or in `root` itself. Classes are numbered from 1; start and end
    are numbers of frames, both included. Lines without start and end ("NaN" or empty) are skipped. The split is by
    subject, and each clip's `group` is its subject.

    The names of the classes are in the package. The released code of ACTION-Net leaves out the last two frames of each
    clip, which the paper does not mention: `drop_last_frames=2` does the same. By default all annotated frames are
    used.

    Args:
        root: The folder.
        split: "train", "validation" or "test".
        labels: Names of the classes in the order of their ids, as in training; `None` for those of the data set.
        allow_missing: Whether to leave out missing subjects and recordings. If False, they are an error.
        drop_last_frames: Frames to leave out at the end of each clip.

    Returns:
        An `Annotations`; the clips are parts of frame folders.

    Raises:
        FileNotFoundError: If files are missing. The message lists what was expected and what was found.
        AnnotationError: If a line is wrong. The message names the file and the line.

    Example:

    ```python
    train = read_egogesture("egogesture", "train", drop_last_frames=2)
    ```

    Reference:

    - [EgoGesture](http://www.nlpr.ia.ac.cn/iva/yfzhang/datasets/egogesture.html)
    """
    check_choice("split", split, SPLITS)
    if drop_last_frames < 0:
        raise ValueError(f"`drop_last_frames` must not be negative. Received: drop_last_frames={drop_last_frames}")
    names = class_names("egogesture")
    labels = choose_labels(names, labels)
    recordings = _recordings(root, _SUBJECTS[split], allow_missing)
    clips = []
    for subject, table, folder in recordings:
        numbers = _frame_numbers(folder)
        for line, number, first, last in _read_table(table, len(names)):
            check_label(names[number - 1], labels, line)
            if not 1 <= first <= last - drop_last_frames:
                raise AnnotationError(
                    f"{line}: start must be from 1 to the end, less the {drop_last_frames} frames to drop. "
                    f"Received: start={first}, end={last}"
                )
            last -= drop_last_frames
            frames = (frame_part(numbers, first, last) if numbers else None) or (first - 1, last)
            clips.append(Clip(folder, names[number - 1], frames=frames, group=f"Subject{subject:02}", fps=FPS))
    if not clips:
        raise AnnotationError(f"{root}: there are no clips in the {split} split.")
    return Annotations(tuple(clips), labels)


def _frame_numbers(folder):
    """Numbers of the frames; empty if the folder can't be read, which is an error when its clips are read."""
    try:
        return sorted_frames(folder)[1]
    except DecodingError:
        return []


def _recordings(root, subjects, allow_missing):
    """For each recording the number of the subject, the table of annotations, and the folder of frames."""
    all_tables = find(root, ["labels-final-revised1"])
    folders = sorted(path for path in Path(root).iterdir() if path.is_dir())
    places = [Path(root), *(path for path in folders if path.name.lower().startswith(("frames", "images")))]
    all_frames = {}
    for place in places:
        for number, folder in _numbered(place, "subject").items():
            all_frames.setdefault(number, folder)
    if not all_frames:
        raise FileNotFoundError(
            f"{root}: expected folders Subject01 to Subject50 in frames or images. Received: {contents(root)}"
        )
    recordings = []
    for subject in subjects:
        tables = _get(_numbered(all_tables, "subject"), subject, all_tables, f"subject{subject:02}", allow_missing)
        frames = _get(all_frames, subject, places[-1], f"Subject{subject:02}", allow_missing)
        if tables is None or frames is None:
            continue
        for scene, scene_tables in _numbered(tables, "scene").items():
            scene_frames = _get(_numbered(frames, "scene"), scene, frames, f"Scene{scene}", allow_missing)
            if scene_frames is None or (color := _find_color(scene_frames, allow_missing)) is None:
                continue
            folders = _numbered(color, "rgb")
            for group, table in _numbered(scene_tables, "group", ".csv").items():
                folder = _get(folders, group, color, f"rgb{group}", allow_missing)
                if folder is not None:
                    recordings.append((subject, table, folder))
    if not recordings:
        raise FileNotFoundError(f"{root}: none of the subjects {', '.join(map(str, subjects))} was found")
    return recordings


def _numbered(folder, word, suffix=""):
    """Number → path of the files and folders named by the word and a number, in the order of the numbers."""
    pattern = re.compile(rf"{word}(\d+){re.escape(suffix)}", re.IGNORECASE)
    found = {}
    for name in sorted(os.listdir(folder)):
        if match := pattern.fullmatch(name):
            if int(match[1]) in found:
                raise AnnotationError(f"{folder}: {os.path.basename(found[int(match[1])])} and {name} are the same")
            found[int(match[1])] = os.path.join(folder, name)
    return dict(sorted(found.items()))


def _find_color(scene, allow_missing):
    color = next((name for name in os.listdir(scene) if name.lower() == "color"), None)
    if color is None and not allow_missing:
        raise FileNotFoundError(f"{scene}: expected a folder Color. Received: {contents(scene)}")
    return color and os.path.join(scene, color)


def _get(paths, number, folder, name, allow_missing):
    if number not in paths and not allow_missing:
        raise FileNotFoundError(
            f"{folder}: expected {name}. Received: {contents(folder)}. With allow_missing=True it is left out."
        )
    return paths.get(number)


def _read_table(path, num_classes):
    """Yields the place of each line, the class, and the numbers of the first and the last frame."""
    for number, row in enumerate(csv.reader(io.StringIO(annotation_text(path), newline="")), start=1):
        row = [field.strip() for field in row] + [""] * 3
        if _is_empty(row[1]) and _is_empty(row[2]):
            continue
        line = f"{path}, line {number}"
        values = [_integer(field) for field in row[:3]]
        if None in values or any(row[3:]):
            raise AnnotationError(f"{line}: expected class,start,end. Received: {','.join(row).rstrip(',')}")
        if not 1 <= values[0] <= num_classes:
            raise AnnotationError(f"{line}: classes go from 1 to {num_classes}. Received: {values[0]}")
        yield line, *values


def _is_empty(text):
    return not text or text.lower() == "nan"


def _integer(text):
    """The integer in a text, "5" or "5.0"; `None` if it is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if math.isfinite(value) and value == int(value) else None
