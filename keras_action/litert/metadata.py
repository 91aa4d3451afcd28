"""The metadata of a LiteRT file: TFLite's standard metadata, and a zip archive behind the model.

The runtime ignores both; the usual tools and `unzip -p gesture.tflite labels.txt` read them.
"""

import collections
import dataclasses
import json

from keras_action.litert.file import LiteRTFile
from keras_action.litert.standard_metadata import add_standard_metadata
from keras_action.utils.files import write_whole
from keras_action.utils.labels import normalize_label

LABELS_FILE = "labels.txt"
METADATA_FILE = "keras_action.json"


@dataclasses.dataclass(frozen=True)
class Metadata:
    """The metadata of a LiteRT file.

    Args:
        labels: The names of the classes, in the logits' order, or `None`.
        num_segments: T, the number of frames of a clip.
        input_size: `(height, width)` of a frame.
        clip_seconds: Length of a clip in seconds, or `None` if not known.
        return_sequences: Whether the logits of a streaming file are a prediction for each frame, as of a model that was
            trained with `return_sequences`. Otherwise their mean over T frames is the prediction.
        quantization: One of `keras_action.litert.QUANTIZATIONS`, or `None` if not known.
        package_version: The version of keras_action that wrote the file.
        name: Name of the model.
        description: What the model is for, in a sentence.
        author: Author of the model.
        license: Licence of the model.
        backbone: Name of its backbone, or `None`.
        recipe: Fields of the `keras_action.Recipe` that the model was trained with, or `None`.
        extra: A dict of other JSON values, such as event settings.
    """

    labels: tuple[str, ...] | None
    num_segments: int
    input_size: tuple[int, int]
    clip_seconds: float | None = None
    return_sequences: bool = False
    quantization: str | None = None
    package_version: str = ""
    name: str = ""
    description: str = ""
    author: str = ""
    license: str = ""
    backbone: str | None = None
    recipe: dict | None = None
    extra: dict = dataclasses.field(default_factory=dict)

    @property
    def time_step(self):
        """Seconds from one frame of a clip to the next, or `None` if not known."""
        return None if self.clip_seconds is None else self.clip_seconds / self.num_segments

    @property
    def crop_to_aspect_ratio(self):
        """Whether the training frames kept their aspect ratio; True if not known."""
        return bool((self.recipe or {}).get("crop_to_aspect_ratio", True))

    @property
    def trained_on_streams(self):
        """Whether the model was trained on streams or windows of streams, or `None` if not known."""
        return True if self.return_sequences else self.extra.get("trained_on_streams")

    def table(self):
        """The metadata as text, one line for each value."""
        size = "{} × {}".format(*self.input_size)
        seconds = "" if self.clip_seconds is None else f", {self.clip_seconds:g} s, one every {self.time_step:g} s"
        lines = {
            "name": self.name,
            "description": self.description,
            "author": self.author,
            "licence": self.license,
            "frames": f"{self.num_segments} of {size} pixels{seconds}",
            "labels": None if self.labels is None else f"{len(self.labels)}: {', '.join(self.labels)}",
            "quantization": self.quantization,
            "backbone": self.backbone,
            "recipe": None if self.recipe is None else json.dumps(self.recipe, ensure_ascii=False),
            "written by": f"keras_action {self.package_version}",
            **{name: json.dumps(value, ensure_ascii=False) for name, value in self.extra.items()},
        }
        return "\n".join(f"{name:<17} {value}" for name, value in lines.items() if value)

    def __str__(self):
        return self.table()


def read_metadata(path):
    """Reads the metadata of a LiteRT file.

    Args:
        path: Path of the `.tflite` file, or a `LiteRTFile`.

    Returns:
        A `Metadata`, or `None` if the file has no metadata of keras_action.

    Raises:
        ValueError: If it is not a LiteRT file, or it is damaged or truncated.
        OSError: If it can't be read.
    """
    return metadata_of(LiteRTFile.read(path))


def metadata_of(file):
    """The `Metadata` of a `LiteRTFile`, or `None`."""
    if METADATA_FILE not in file.attachments:
        return None
    try:
        values = json.loads(file.attachments[METADATA_FILE])
        # The time step is stored for programs that read the file without keras_action.
        values = {name: value for name, value in values.items() if name != "time_step"}
        labels = file.attachments.get(LABELS_FILE)
        values["labels"] = None if labels is None else tuple(labels.decode().splitlines())
        values["input_size"] = tuple(values["input_size"])
        return Metadata(**values)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file.name}: the metadata can't be read: {error}") from error


def write_metadata(path, metadata):
    """Replaces the metadata of a LiteRT file.

    Args:
        path: Path of the `.tflite` file. It is written whole or left as it is.
        metadata: A `Metadata`.

    Raises:
        ValueError: If it is not a LiteRT file, it is damaged or truncated, or a label is not valid.
        OSError: If it can't be read or written.
    """
    file = LiteRTFile.read(path)
    add_metadata(file, metadata)
    write_whole(path, file.data)


def add_metadata(file, metadata):
    """Replaces the metadata of a `LiteRTFile`."""
    check_labels(metadata.labels)
    values = dataclasses.asdict(metadata)
    values.pop("labels")  # in a file of their own
    values["time_step"] = metadata.time_step
    file.attachments = {METADATA_FILE: (json.dumps(values, indent=2) + "\n").encode()}
    if metadata.labels is not None:
        file.attachments[LABELS_FILE] = "".join(f"{label}\n" for label in metadata.labels).encode()
    add_standard_metadata(file, metadata, LABELS_FILE if metadata.labels else None)


def check_labels(labels):
    """Raises a `ValueError` if labels are not lines of text, or not unique in Unicode NFC."""
    broken = [
        label
        for label in labels or ()
        if not isinstance(label, str) or not label or label != label.strip() or len(label.splitlines()) > 1
    ]
    if broken:
        raise ValueError(f"Each label must be one line, not empty, without spaces around it. Received: labels={broken}")
    counts = collections.Counter(map(normalize_label, labels or ()))
    duplicates = [label for label, count in counts.items() if count > 1]
    if duplicates:
        raise ValueError(f"Each label must stand once. Received twice or more: {', '.join(duplicates)}")
