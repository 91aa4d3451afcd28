"""Jester: 148,092 clips of 27 gestures in front of a webcam, as they are handed out."""

import os

from keras_action.data.clips import AnnotationError, Annotations, Clip
from keras_action.data.datasets.official import (
    TABLE_FOLDERS,
    check_split,
    check_there,
    choose_labels,
    class_names,
    find,
    read_columns,
    read_rows,
)
from keras_action.utils.labels import normalize_label

FPS = 12


def read_jester(root, split, labels=None, allow_missing=False):
    """Reads a split of Jester from the unpacked files, be they of the first or of the present distribution.

    ```
    root/20bn-jester-v1/1/00001.jpg …           12 frames a second, 100 pixels high
    root/jester-v1-train.csv                    lines id;label, no header; or train.csv
    root/jester-v1-validation.csv               or validation.csv
    root/jester-v1-test.csv                     ids only; or test.csv, with test-answers.csv beside it
    root/jester-v1-labels.csv                   or labels.csv; need not be there
    ```

    Kaggle's copy has other tables and folders, which are read too:

    ```
    root/Train/1/00001.jpg …                    and Validation, Test; frame numbers may have gaps
    root/Train.csv                              video_id,label,frames,label_id,shape,format
    ```

    The tables may be in a folder `labels` or `annotations` of `root` too. Ids of classes are those of the
    package's list, so that they are the same for all copies of the data set; if the labels file has
    other names than these 27, its names are used.

    Args:
        root: The folder.
        split: "train", "validation" or "test"; the latter only where its answers are there.
        labels: Names of the classes in the order of their ids, as in training, or None for the data set's.
        allow_missing: Whether to leave out clips that are not there, as of a part of the archive; else they are
            an error.

    Returns:
        An `Annotations`; the clips are frame folders.

    Raises:
        FileNotFoundError: If files are missing. The message says what was expected, and what is there.
        AnnotationError: If a line is wrong, or a label unknown, or missing as in the test split. The message
            names file and line.

    Example:

    ```python
    train = read_jester("jester", "train")
    validation = read_jester("jester", "validation")
    ```

    Reference:

    - [The Jester Dataset](https://openaccess.thecvf.com/content_ICCVW_2019/html/HANDS/Materzynska_The_Jester_Dataset_A_Large-Scale_Video_Dataset_of_Human_Gestures_ICCVW_2019_paper.html)
    """
    check_split(split)
    if find(root, [f"{split.capitalize()}.csv"], required=False) and find(root, [split.capitalize()], required=False):
        return _read_kaggle(root, split, choose_labels(_data_set_labels(root), labels), allow_missing)
    folder = find(root, ["20bn-jester-v1"])
    table = find(root, ["test-answers.csv", "jester-v1-test-answers.csv"], TABLE_FOLDERS, required=False)
    if split != "test" or table is None:
        table = find(root, [f"jester-v1-{split}.csv", f"{split}.csv"], TABLE_FOLDERS)
    labels = choose_labels(_data_set_labels(root), labels)
    known, clips = frozenset(labels), []
    for number, name, label in read_rows(table):
        if label is None:
            hint = " The answers of the test split are expected in test-answers.csv beside it." * (split == "test")
            raise AnnotationError(f"{table}, line {number}: the label is missing.{hint} Received: {name!r}")
        if label not in known:
            raise AnnotationError(
                f"{table}, line {number}: unknown label; known are {', '.join(labels)}. Received: {label!r}"
            )
        clips.append((name, Clip(os.path.join(folder, name), label, fps=FPS)))
    if not clips:
        raise AnnotationError(f"{table}: there are no clips.")
    # One look at the folder, not one at each of its clips.
    return Annotations(check_there(clips, frozenset(os.listdir(folder)), folder, allow_missing), labels)


def _read_kaggle(root, split, labels, allow_missing):
    table, folder = find(root, [f"{split.capitalize()}.csv"]), find(root, [split.capitalize()])
    clips = []
    for number, row in read_columns(table, ("video_id", "label", "frames")):
        label, count = normalize_label(row["label"]), row["frames"]
        if label not in labels:
            raise AnnotationError(
                f"{table}, line {number}: unknown label; known are {', '.join(labels)}. Received: {label!r}"
            )
        if not count.isdecimal() or not int(count):
            raise AnnotationError(f"{table}, line {number}: the number of frames is missing. Received: {count!r}")
        # All frames of the folder: their numbers may have gaps.
        clip = Clip(os.path.join(folder, row["video_id"]), label, frames=(0, int(count)), fps=FPS)
        clips.append((row["video_id"], clip))
    if not clips:
        raise AnnotationError(f"{table}: there are no clips.")
    return Annotations(check_there(clips, frozenset(os.listdir(folder)), folder, allow_missing), labels)


def _data_set_labels(root):
    names = class_names("jester")
    table = find(root, ["jester-v1-labels.csv", "labels.csv"], TABLE_FOLDERS, required=False)
    if table is None:
        return names
    found = tuple(name for _, name, _ in read_rows(table))
    return names if set(found) == set(names) else found
