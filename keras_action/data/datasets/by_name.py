"""Data sets by the text that programs take."""

import difflib
import os

from keras_action.data.annotations import check_classes, read_annotations
from keras_action.data.datasets.egogesture import read_egogesture
from keras_action.data.datasets.jester import read_jester
from keras_action.data.datasets.something_something import read_something_something

_READERS = {
    "egogesture": read_egogesture,
    "jester": read_jester,
    "something_something": read_something_something,
}


def read_data_set(source, labels=None, allow_empty_classes=False):
    """Reads annotations of any kind.

    Args:
        source: An annotation CSV, a folder with a folder of clips for each class, or a folder of shards (see
            `read_annotations`); or a split of an official data set as `NAME:SPLIT:ROOT`, where the name is
            `jester`, `something_something` or `egogesture`, and the split `train`, `validation` or `test`.
        labels: Names of the classes in the order of their ids, as in training; `None` for those of the source.
        allow_empty_classes: Whether a class may have no clips.

    Returns:
        An `Annotations`.

    Raises:
        AnnotationError: If the annotations are wrong.
        FileNotFoundError: If there is no such file or folder.
        ValueError: If there is no such data set or split.

    Example:

    ```python
    train = read_data_set("jester:train:/data/jester")
    validation = read_data_set("shards/val", labels=train.labels)
    ```
    """
    source = os.fspath(source)
    name, *rest = source.split(":", 2)
    if not rest or (name not in _READERS and (len(rest) < 2 or os.path.exists(source))):
        return read_annotations(source, labels, allow_empty_classes)
    if name not in _READERS or len(rest) < 2:
        near = difflib.get_close_matches(name, _READERS, n=1, cutoff=0)
        raise ValueError(
            f"An official data set is named as NAME:SPLIT:ROOT, with one of the names {', '.join(_READERS)}. Did you "
            f"mean {near[0]}:…? Received: {source}"
        )
    split, root = rest
    return check_classes(_READERS[name](root, split, labels), source, allow_empty_classes)
