"""Helpers of the readers of the official data sets: their files, tables and class names."""

import csv
import io
import os
from importlib import resources
from pathlib import Path

from keras_action.data.clips import AnnotationError, annotation_text, normalize_labels
from keras_action.utils.labels import normalize_label
from keras_action.utils.text import listed

SPLITS = ("train", "validation", "test")
TABLE_FOLDERS = ("", "labels", "annotations")  # in which 20BN's tables are found


def class_names(name):
    """The names of a data set's classes in the order of their ids, from the package's data."""
    text = (
        resources.files("keras_action.data.datasets").joinpath("class_names", f"{name}.txt").read_text(encoding="utf-8")
    )
    return tuple(text.splitlines())


def choose_labels(found, labels):
    """The labels given by the caller; for `None` those of the data set, `found`."""
    return tuple(found) if labels is None else normalize_labels(labels)


def find(root, names, folders=("",), required=True):
    """The first path `root/folder/name` that exists; distributions differ in these folders and names.

    Raises:
        FileNotFoundError: If there is none and `required` is True; otherwise the result is `None`.
    """
    root = Path(root)
    for folder in folders:
        for name in names:
            if (path := root / folder / name).exists():
                return path
    if not required:
        return None
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder")
    within = [folder for folder in folders if folder]
    where = f", in the folder itself or in {' or '.join(within)}" if within else ""
    raise FileNotFoundError(f"{root}: expected {' or '.join(names)}{where}. Received: {contents(root)}")


def contents(folder, limit=12):
    """The names in a folder, for a message."""
    names = sorted(os.listdir(folder))
    shown = [name + "/" * os.path.isdir(os.path.join(folder, name)) for name in names[:limit]]
    more = [f"and {len(names) - limit} more"] if len(names) > limit else []
    return ", ".join(shown + more) or "an empty folder"


def read_rows(path):
    """Reads lines `id;label` of a file without a header. Blank lines are skipped.

    Yields:
        The number of the line, the id, and the label, `None` if it is missing.
    """
    for number, line in enumerate(annotation_text(path).splitlines(), start=1):
        name, _, label = line.partition(";")
        if name := name.strip():
            yield number, name, normalize_label(label) or None
        elif label:
            raise AnnotationError(f"{path}, line {number}: the id is missing. Received: {line!r}")


def read_columns(path, columns):
    """Reads columns of a CSV file with a header; the case of their names is ignored.

    Yields:
        The number of the line, and a dict from the name of each column to its text.
    """
    reader = csv.DictReader(io.StringIO(annotation_text(path)))
    found = {name.strip().lower(): name for name in reader.fieldnames or ()}
    missing = [name for name in columns if name not in found]
    if missing:
        raise AnnotationError(f"{path}: columns {', '.join(missing)} are missing. Received: {reader.fieldnames}")
    for row in reader:
        yield reader.line_num, {name: (row[found[name]] or "").strip() for name in columns}


def check_there(clips, files, folder, allow_missing):
    """The clips that are in the folder.

    Args:
        clips: Pairs of a clip's id and a `Clip`.
        files: A collection of the ids in the folder.
        folder: The folder, for the message.
        allow_missing: Whether some clips may be missing. All missing is always an error.

    Raises:
        FileNotFoundError: If clips are missing and may not be.
    """
    missing = [name for name, _ in clips if name not in files]
    if not missing:
        return tuple(clip for _, clip in clips)
    if not allow_missing or len(missing) == len(clips):
        raise FileNotFoundError(
            f"{folder}: {len(missing)} of {len(clips)} clips are missing ({listed(missing, 5)}). Are all parts of the "
            "archive unpacked? With allow_missing=True missing clips are left out, unless all are missing."
        )
    return tuple(clip for name, clip in clips if name in files)
