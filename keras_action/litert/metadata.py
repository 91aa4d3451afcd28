"""What a LiteRT file says about itself: TFLite's own metadata, and a zip archive behind the model with ours.

The interpreter ignores both; `unzip -p gesture.tflite labels.txt` and the usual tools read them. Reading ours needs the
standard library only.
"""

import dataclasses
import io
import json
import zipfile
from pathlib import Path

from keras_action.litert.extras import require
from keras_action.litert.standard_metadata import METADATA_NAME, standard_metadata
from keras_action.utils.files import write_whole

LABELS_FILE = "labels.txt"
METADATA_FILE = "keras_action.json"

_IDENTIFIER = b"TFL3"


@dataclasses.dataclass(frozen=True)
class Metadata:
    """What travels with a LiteRT file.

    Args:
        labels: The names of the classes, in the logits' order, or `None`.
        num_segments: T, the number of frames of a clip.
        input_size: `(height, width)` of a frame.
        clip_seconds: The time that a clip spans, or `None` if not known.
        quantization: One of `keras_action.litert.QUANTIZATIONS`.
        package_version: The version of keras_action that wrote the file.
        name: A name for the model.
        description: What it is for, in a sentence.
        author: Who made it.
        license: Under which licence it is.
        backbone: The name of its backbone, or `None`.
        recipe: The fields of the `keras_action.Recipe` it was trained with, or `None`.
        extra: Whatever else is worth keeping: names and JSON values.
    """

    labels: tuple[str, ...] | None
    num_segments: int
    input_size: tuple[int, int]
    clip_seconds: float | None = None
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
        """The seconds from one frame of a clip to the next, or `None` if not known."""
        return None if self.clip_seconds is None else self.clip_seconds / self.num_segments

    def table(self):
        """The metadata as text, one line a value."""
        size = "{} × {}".format(*self.input_size)
        seconds = "" if self.clip_seconds is None else f", {self.clip_seconds:g} s, one each {self.time_step:g} s"
        lines = {
            "name": self.name,
            "description": self.description,
            "author": self.author,
            "licence": self.license,
            "frames": f"{self.num_segments} of {size} pixels{seconds}",
            "labels": None if self.labels is None else f"{len(self.labels)}: {', '.join(self.labels)}",
            "quantization": self.quantization or "none",
            "backbone": self.backbone,
            "recipe": None if self.recipe is None else json.dumps(self.recipe, ensure_ascii=False),
            "written by": f"keras_action {self.package_version}",
            **{name: json.dumps(value, ensure_ascii=False) for name, value in self.extra.items()},
        }
        return "\n".join(f"{name:<17} {value}" for name, value in lines.items() if value)

    def __str__(self):
        return self.table()


def read_metadata(path):
    """Read the metadata of a LiteRT file.

    Args:
        path: The `.tflite` file.

    Returns:
        A `Metadata`, or `None` if the file carries none of ours.

    Raises:
        ValueError: If it is not a LiteRT file, or its metadata is damaged.
        OSError: If it can't be read.
    """
    return parse_metadata(read_file(path), path)


def parse_metadata(data, name):
    """`read_metadata`, of a file in memory; errors speak of it by `name`."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile:
        return None
    if METADATA_FILE not in archive.namelist():
        return None
    try:
        values = json.loads(archive.read(METADATA_FILE))
        labels = archive.read(LABELS_FILE).decode().splitlines() if LABELS_FILE in archive.namelist() else None
        # The time step is written for those who read the file without us.
        values = {name: value for name, value in values.items() if name != "time_step"}
        values["labels"] = None if labels is None else tuple(labels)
        values["input_size"] = tuple(values["input_size"])
        return Metadata(**values)
    except (AttributeError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{name}: its metadata can't be read: {error}") from error


def write_metadata(path, metadata):
    """Write metadata into a LiteRT file, in the place of what it carries now.

    Args:
        path: The `.tflite` file. It is written whole or left as it is.
        metadata: A `Metadata`.

    Raises:
        ValueError: If it is not a LiteRT file.
        OSError: If it can't be read or written.
    """
    write_whole(path, with_metadata(read_file(path), metadata))


def with_metadata(model, metadata):
    """The bytes of a LiteRT model with its metadata. The same input gives the same bytes."""
    _check_labels(metadata.labels)
    values = dataclasses.asdict(metadata)
    values.pop("labels")  # they are in a file of their own
    values["time_step"] = metadata.time_step
    files = {METADATA_FILE: json.dumps(values, indent=2) + "\n"}
    if metadata.labels is not None:
        files[LABELS_FILE] = "".join(f"{label}\n" for label in metadata.labels)
    buffer = io.BytesIO(_with_standard(_without_archive(model), metadata, LABELS_FILE if metadata.labels else None))
    # Appending makes a zip archive whose offsets count from the start of the model, as readers expect.
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
            # A fixed date, so that a file depends on nothing but its content.
            archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


def read_file(path):
    """The bytes of a LiteRT file; a `ValueError` if it is something else, damaged or truncated."""
    data = Path(path).read_bytes()
    if data[4:8] != _IDENTIFIER:
        start = "nothing, it is empty" if not data else f"a file that starts with {data[:8]!r}"
        raise ValueError(f"{path} is not a LiteRT file. Received: {start}")
    try:
        require("ai_edge_litert.schema_py_generated").ModelT.InitFromPackedBuf(data, 0)
    except ImportError:
        raise
    except Exception as error:  # a parser of offsets: what it raises on damaged ones is of many kinds
        raise ValueError(
            f"{path}: the LiteRT file is damaged or truncated ({type(error).__name__}: {error})"
        ) from error
    return data


def _with_standard(model, metadata, labels_file):
    """The model with TFLite's own metadata in it."""
    flatbuffer = require("ai_edge_litert.tools.flatbuffer_utils")
    schema = require("ai_edge_litert.schema_py_generated")
    tree = flatbuffer.read_model_from_bytearray(bytearray(model))
    table = standard_metadata(tree, metadata, labels_file, METADATA_FILE)
    entry = next((entry for entry in tree.metadata or () if entry.name == METADATA_NAME), None)
    if entry is None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = METADATA_NAME, len(tree.buffers)
        tree.buffers.append(schema.BufferT())
        tree.metadata = [*(tree.metadata or ()), entry]
    tree.buffers[entry.buffer].data = list(table)
    return bytes(flatbuffer.convert_object_to_bytearray(tree))


def _without_archive(model):
    try:
        with zipfile.ZipFile(io.BytesIO(model)) as archive:
            return model[: min((item.header_offset for item in archive.infolist()), default=len(model))]
    except zipfile.BadZipFile:
        return model


def _check_labels(labels):
    broken = [label for label in labels or () if not label or label != label.strip() or len(label.splitlines()) > 1]
    if broken:
        raise ValueError(f"Labels must be one line each, not empty, no space around them. Received: labels={broken}")
