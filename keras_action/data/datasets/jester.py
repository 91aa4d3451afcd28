"""Jester: 148,092 clips of 27 gestures in front of a webcam."""

import os

from keras_action.data.clips import AnnotationError, Annotations, Clip, check_label
from keras_action.data.datasets.official import (
    SPLITS,
    TABLE_FOLDERS,
    check_there,
    choose_labels,
    class_names,
    find,
    read_columns,
    read_rows,
)
from keras_action.utils.fields import check_choice
from keras_action.utils.labels import normalize_label

FPS = 12


def read_jester(root, split, labels=None, allow_missing=False):
    """Reads a split of Jester from the unpacked files of the first or the present distribution.

    ```
    root/20bn-jester-v1/1/00001.jpg …           12 frames a second, 100 pixels high
    root/jester-v1-train.csv                    lines id;label, no header; or train.csv
    root/jester-v1-validation.csv               or validation.csv
    root/jester-v1-test.csv                     ids only; or test.csv, with test-answers.csv beside it
    root/jester-v1-labels.csv                   or labels.csv; optional
    ```

    Kaggle's copy has other tables and folders, which are read too:

    ```
    root/Train/1/00001.jpg …                    and Validation, Test; frame numbers may have gaps
    root/Train.csv                              video_id,label,frames,label_id,shape,format
    ```

    The tables may also be in a folder `labels` or `annotations` of `root`. The ids of the classes are those of the
    package's list, so that they are the same for all copies of the data set. If the names in the labels file are not
    these 27, they replace them.

    Args:
        root: The folder.
        split: "train", "validation", or "test", which needs the answers.
        labels: Names of the classes in the order of their ids, as in training; `None` for those of the data set.
        allow_missing: Whether to leave out clips that are not in the folder, as with a part of the archive. If False,
            they are an error.

    Returns:
        An `Annotations`; the clips are frame folders.

    Raises:
        FileNotFoundError: If files are missing. The message lists what was expected and what was found.
        AnnotationError: If a line is wrong, or a label is unknown, or missing as in the test split. The message names
            the file and the line.

    Example:

    ```python
    train = read_jester("jester", "train")
    validation = read_jester("jester", "validation")
    ```

    Reference:

    - [The Jester Dataset](https://openaccess.thecvf.com/content_ICCVW_2019/html/HANDS/Materzynska_The_Jester_Dataset_A_Large-Scale_Video_Dataset_of_Human_Gestures_ICCVW_2019_paper.html)
    """
    check_choice("split", split, SPLITS)
    name = split.capitalize()
    table = find(root, [f"{name}.csv"], required=False)
    folder = find(root, [name], required=False)
    if table and folder:
        rows = _kaggle_rows(table)
    else:
        folder = find(root, ["20bn-jester-v1"])
        rows, table = _rows(root, split)
    labels = choose_labels(_data_set_labels(root), labels)
    known, clips = dict.fromkeys(labels), []
    for line, clip, label, frames in rows:
        check_label(label, known, line)
        clips.append((clip, Clip(os.path.join(folder, clip), label, frames=frames, fps=FPS)))
    if not clips:
        raise AnnotationError(f"{table}: there are no clips.")
    # The folder is listed once, which is faster than a look-up of each clip.
    return Annotations(check_there(clips, frozenset(os.listdir(folder)), folder, allow_missing), labels)


def _rows(root, split):
    """The place, id, label and frames (`None`, for all) of each clip; and the path of their table."""
    table = find(root, ["test-answers.csv", "jester-v1-test-answers.csv"], TABLE_FOLDERS, required=False)
    if split != "test" or table is None:
        table = find(root, [f"jester-v1-{split}.csv", f"{split}.csv"], TABLE_FOLDERS)

    def rows():
        for number, clip, label in read_rows(table):
            if label is None:
                hint = " The answers of the test split are expected in test-answers.csv beside it." * (split == "test")
                raise AnnotationError(f"{table}, line {number}: the label is missing.{hint} Received: {clip!r}")
            yield f"{table}, line {number}", clip, label, None

    return rows(), table


def _kaggle_rows(table):
    """The same as the rows of `_rows`, from a table of Kaggle's copy. The numbers of the frames may have gaps."""
    for number, row in read_columns(table, ("video_id", "label", "frames")):
        line, count = f"{table}, line {number}", row["frames"]
        if not count.isdecimal() or not int(count):
            raise AnnotationError(f"{line}: the number of frames is missing. Received: {count!r}")
        yield line, row["video_id"], normalize_label(row["label"]), (0, int(count))


def _data_set_labels(root):
    names = class_names("jester")
    table = find(root, ["jester-v1-labels.csv", "labels.csv"], TABLE_FOLDERS, required=False)
    if table is None:
        return names
    found = tuple(name for _, name, _ in read_rows(table))
    return names if set(found) == set(names) else found
