"""Something-Something V2: 220,847 clips of 174 actions with objects."""

import json
import os
import re

from keras_action.data.clips import AnnotationError, Annotations, Clip, check_label
from keras_action.data.datasets.official import SPLITS, TABLE_FOLDERS, check_there, choose_labels, find, read_rows
from keras_action.data.decoding import VIDEO_SUFFIXES
from keras_action.utils.fields import check_choice

_PREFIX = "something-something-v2-"


def read_something_something(root, split, labels=None, allow_missing=False):
    """Reads a split of Something-Something V2 from the unpacked files of the first or the present
    distribution.

    ```
    root/20bn-something-something-v2/1.webm …
    root/something-something-v2-train.json             [{"id", "label", "template", "placeholders"}, …]; or train.json
    root/something-something-v2-validation.json        or validation.json
    root/something-something-v2-test.json              ids only; or test.json, with test-answers.csv beside it
    root/something-something-v2-labels.json            {name: number, …}; or labels.json
    ```

    The tables may also be in a folder `labels` or `annotations` of `root`. The class of a clip is its template
    without brackets: "Putting [something] on a surface" is "Putting something on a surface". Instead of videos there
    may be frame folders, `root/20bn-something-something-v2-frames/1/…`.

    Args:
        root: The folder.
        split: "train", "validation", or "test", which needs the answers.
        labels: Names of the classes in the order of their ids, as in training; `None` for those of the data set.
        allow_missing: Whether to leave out clips that are not in the folder, as with a part of the archive. If False,
            they are an error.

    Returns:
        An `Annotations`; the clips are videos or frame folders.

    Raises:
        FileNotFoundError: If files are missing. The message lists what was expected and what was found.
        AnnotationError: If an entry is wrong, or its class is unknown, or missing as in the test split. The message
            names the file and the entry.

    Example:

    ```python
    train = read_something_something("something", "train")
    ```

    Reference:

    - [The "Something Something" Video Database](https://arxiv.org/abs/1706.04261)
    """
    check_choice("split", split, SPLITS)
    folder = find(root, ["20bn-something-something-v2", "20bn-something-something-v2-frames"])
    answers = find(root, ["test-answers.csv", f"{_PREFIX}test-answers.csv"], TABLE_FOLDERS, required=False)
    if split == "test" and answers is not None:
        rows = ((f"{answers}, line {number}", name, label) for number, name, label in read_rows(answers))
    else:
        rows = _read_entries(find(root, [f"{_PREFIX}{split}.json", f"{split}.json"], TABLE_FOLDERS))
    labels = choose_labels(_read_labels(find(root, [f"{_PREFIX}labels.json", "labels.json"], TABLE_FOLDERS)), labels)
    known, clips, files = dict.fromkeys(labels), [], _files(folder)
    for place, name, label in rows:
        if label is None:
            hint = " The answers of the test split are expected in test-answers.csv beside it." * (split == "test")
            raise AnnotationError(f"{place}: the template is missing.{hint} Received: id={name!r}")
        label = re.sub(r"[\[\]]", "", label)
        check_label(label, known, place)
        clips.append((name, Clip(os.path.join(folder, files.get(name, name)), label)))
    if not clips:
        raise AnnotationError(f"{folder}: there are no clips in the {split} split.")
    return Annotations(check_there(clips, files, folder, allow_missing), labels)


def _files(folder):
    """The name of each clip's file by id. The folder is listed once, which is faster than a look-up of each clip."""
    parts = ((name, *os.path.splitext(name)) for name in os.listdir(folder) if not name.startswith("."))
    return {stem: name for name, stem, suffix in parts if not suffix or suffix.lower() in VIDEO_SUFFIXES}


def _read_json(path, kind, form):
    try:
        with open(path, encoding="utf-8-sig") as file:
            values = json.load(file)
    except ValueError as error:  # not UTF-8, or not JSON
        raise AnnotationError(f"{path}: not a JSON file: {error}") from error
    if not isinstance(values, kind):
        raise AnnotationError(f"{path}: expected {form}. Received: {type(values).__name__}")
    return values


def _read_entries(path):
    """Yields the place, the id and the template of each entry; the template is `None` if it is missing."""
    for number, entry in enumerate(_read_json(path, list, 'a list of {"id", "template", …}'), start=1):
        if not isinstance(entry, dict) or not str(entry.get("id", "")).strip():
            raise AnnotationError(f"{path}, entry {number}: the id is missing. Received: {entry}")
        yield f"{path}, entry {number}", str(entry["id"]).strip(), str(entry.get("template") or "") or None


def _read_labels(path):
    """The names in the order of their numbers."""
    values = _read_json(path, dict, "a dictionary of name → number")
    try:
        numbers = {int(number): name for name, number in values.items()}
    except (TypeError, ValueError) as error:
        raise AnnotationError(f"{path}: expected a dictionary of name → number: {error}") from error
    if not values or sorted(numbers) != list(range(len(values))):
        raise AnnotationError(
            f"{path}: the numbers must go from 0 to {len(values) - 1}, each once. Received: {sorted(numbers)}"
        )
    return [numbers[i] for i in range(len(numbers))]
