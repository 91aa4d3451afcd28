"""What the readers of the official data sets share: finding their files, and class names that come with the package."""

import csv
import io
import os
from importlib import resources
from pathlib import Path

from keras_action.data.clips import AnnotationError
from keras_action.utils.labels import normalize_label, read_text

SPLITS = ("train", "validation", "test")
TABLE_FOLDERS = ("", "labels", "annotations")  # in which 20BN's tables are found


def check_split(split):
    """Raises a `ValueError` if `split` is none of `SPLITS`."""
    if split not in SPLITS:
        raise ValueError(f"`split` must be one of {', '.join(SPLITS)}. Received: split={split!r}")


def class_names(name):
    """The names of a data set's classes in the order of their ids, from the package's data."""
    text = (
        resources.files("keras_action.data.datasets").joinpath("class_names", f"{name}.txt").read_text(encoding="utf-8")
    )
    return tuple(text.splitlines())


def choose_labels(found, labels):
    """`labels` as given by the caller, or else those of the data set, `found`."""
    if labels is None:
        return tuple(found)
    labels = tuple(labels)
    if not labels or len(set(labels)) < len(labels):
        raise ValueError(f"`labels` must be names, each once. Received: labels={labels}")
    return labels


def find(root, names, folders=("",), required=True):
    """The first path `root/folder/name` that exists, of several folders and names under which it is handed out.

    Raises:
        FileNotFoundError: If there is none, unless `required` is False: then None.
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
    """What is in a folder, for a message."""
    names = sorted(os.listdir(folder))
    shown = [name + "/" * os.path.isdir(os.path.join(folder, name)) for name in names[:limit]]
    more = [f"and {len(names) - limit} more"] if len(names) > limit else []
    return ", ".join(shown + more) or "an empty folder"


def read_rows(path):
    """Lines `id;label` of a file without a header, the label None where it is missing; blank lines are skipped.

    Yields:
        Numbers of lines, ids and labels.
    """
    for number, line in enumerate(_text_of(path).splitlines(), start=1):
        name, _, label = line.partition(";")
        if name := name.strip():
            yield number, name, normalize_label(label) or None
        elif label:
            raise AnnotationError(f"{path}, line {number}: the id is missing. Received: {line!r}")


def read_columns(path, columns):
    """Rows of a CSV file with a header, as dicts of the named columns, whose names may be in any case.

    Yields:
        Numbers of lines, and dicts.
    """
    reader = csv.DictReader(io.StringIO(_text_of(path)))
    found = {name.strip().lower(): name for name in reader.fieldnames or ()}
    missing = [name for name in columns if name not in found]
    if missing:
        raise AnnotationError(f"{path}: columns {', '.join(missing)} are missing. Received: {reader.fieldnames}")
    for row in reader:
        yield reader.line_num, {name: (row[found[name]] or "").strip() for name in columns}


def _text_of(path):
    try:
        return read_text(path)
    except ValueError as error:
        raise AnnotationError(str(error)) from error


def check_there(clips, files, folder, allow_missing):
    """Leaves out the clips that are not in the folder, or raises.

    Args:
        clips: Pairs of a clip's id and a `Clip`.
        files: The ids that are there: anything with `in`.
        folder: Where they should be, for the message.
        allow_missing: Whether some may be missing; never all.
    """
    missing = [name for name, _ in clips if name not in files]
    if not missing:
        return tuple(clip for _, clip in clips)
    if not allow_missing or len(missing) == len(clips):
        few = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
        raise FileNotFoundError(
            f"{folder}: {len(missing)} of {len(clips)} clips are not there ({few}). Are all parts of the archive "
            f"unpacked? With allow_missing=True, those that are missing are left out, but not all."
        )
    return tuple(clip for name, clip in clips if name in files)
