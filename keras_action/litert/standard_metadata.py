"""TFLite's standard metadata, for other tools: names, image size, labels, normalisation.

The packages with a generated schema are outdated (tflite-support, of 2023) or contain all of MediaPipe, so the few
tables are written field by field.

Reference: [metadata_schema.fbs](https://github.com/tensorflow/tflite-support/blob/master/tensorflow_lite_support/metadata/metadata_schema.fbs),
schema version 1.1.0.
"""

from keras_action.litert.extras import require
from keras_action.utils.signature import CLIP, FRAME, LOGITS, is_state

_ENTRY = b"TFLITE_METADATA"
_IDENTIFIER = b"M001"

# The indices of the written fields in the schema's tables; a union has two, type and value.
_MODEL = {
    "name": 0,
    "description": 1,
    "version": 2,
    "subgraph_metadata": 3,
    "author": 4,
    "license": 5,
    "min_parser_version": 7,
}
_SUBGRAPH = {"input_tensor_metadata": 2, "output_tensor_metadata": 3}
_TENSOR = {
    "name": 0,
    "description": 1,
    "dimension_names": 2,
    "content": 3,
    "process_units": 4,
    "stats": 5,
    "associated_files": 6,
}
# Values of the schema's enumerations.
_IMAGE_PROPERTIES, _NORMALIZATION_OPTIONS, _TENSOR_AXIS_LABELS, _RGB = 2, 1, 2, 1

_STATE = (
    "State of a streaming model: zero (for integers, the zero point) before the first frame, then the output of the "
    "same name."
)


def add_standard_metadata(file, metadata, labels_file):
    """Replaces the metadata table of a file.

    Args:
        file: A `LiteRTFile`.
        metadata: A `Metadata`.
        labels_file: Name of the attached file of labels, or `None`.
    """
    schema = require("ai_edge_litert.schema_py_generated")
    entry = next((entry for entry in file.model.metadata or () if entry.name == _ENTRY), None)
    if entry is None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = _ENTRY, len(file.model.buffers)
        file.model.buffers.append(schema.BufferT())
        file.model.metadata = [*(file.model.metadata or ()), entry]
    file.model.buffers[entry.buffer].data = list(_metadata_table(file, metadata, labels_file))
    file.edited()


def _metadata_table(file, metadata, labels_file):
    inputs, outputs = ({index: name for name, index in edge.items()} for edge in (file.inputs, file.outputs))
    size = "{} × {}".format(*metadata.input_size)
    tables = _Tables()
    takes = [_input(tables, inputs.get(index, ""), metadata.input_size) for index in file.graph.inputs]
    gives = [_output(tables, outputs.get(index, ""), labels_file) for index in file.graph.outputs]
    subgraph = tables.table(
        _SUBGRAPH, input_tensor_metadata=tables.vector(takes), output_tensor_metadata=tables.vector(gives)
    )
    return tables.finish(
        tables.table(
            _MODEL,
            name=metadata.name or "keras_action",
            description=metadata.description or f"Video gestures or actions from {size} frames, RGB 0..255.",
            version=metadata.package_version,
            subgraph_metadata=tables.vector([subgraph]),
            author=metadata.author or None,
            license=metadata.license or None,
            min_parser_version="1.0.0",
        )
    )


def _input(tables, name, input_size):
    if name not in (CLIP, FRAME):
        return tables.table(_TENSOR, name=name, description=_STATE if is_state(name) else None)
    height, width = input_size
    size = tables.table({"width": 0, "height": 1}, width=("Uint32", width), height=("Uint32", height))
    image = tables.table({"color_space": 0, "default_size": 1}, color_space=("Int8", _RGB), default_size=size)
    content = tables.table({"type": 0, "value": 1}, type=("Uint8", _IMAGE_PROPERTIES), value=image)
    # Mean 0 and standard deviation 1: the model normalises its input.
    options = tables.table({"mean": 0, "std": 1}, mean=tables.floats([0.0]), std=tables.floats([1.0]))
    unit = tables.table({"type": 0, "value": 1}, type=("Uint8", _NORMALIZATION_OPTIONS), value=options)
    dimensions = ["batch", *(["time"] if name == CLIP else []), "height", "width", "channel"]
    return tables.table(
        _TENSOR,
        name=name,
        description=f"RGB, 0..255, not normalised: {'frames of a clip' if name == CLIP else 'a frame'}.",
        dimension_names=tables.vector([tables.string(dimension) for dimension in dimensions]),
        content=content,
        process_units=tables.vector([unit]),
        stats=tables.table({"max": 0, "min": 1}, max=tables.floats([255.0]), min=tables.floats([0.0])),
    )


def _output(tables, name, labels_file):
    if name != LOGITS:
        return tables.table(_TENSOR, name=name, description=_STATE if is_state(name) else None)
    files = None
    if labels_file:
        labels = tables.table(
            {"name": 0, "description": 1, "type": 2},
            name=labels_file,
            description="Names of the classes.",
            type=("Int8", _TENSOR_AXIS_LABELS),
        )
        files = tables.vector([labels])
    return tables.table(
        _TENSOR, name=name, description="A logit for each class, before the softmax.", associated_files=files
    )


class _Tables:
    """Writes flatbuffer tables. What a table refers to must be written before it."""

    def __init__(self):
        self._builder = require("flatbuffers").Builder(1024)

    def table(self, places, **values):
        """A table: a string, a `(type, number)`, the offset of something written before, or `None` by field."""
        values = {name: self.string(value) if isinstance(value, str) else value for name, value in values.items()}
        self._builder.StartObject(max(places.values()) + 1)
        for name, value in values.items():
            if isinstance(value, tuple):
                kind, number = value
                getattr(self._builder, f"Prepend{kind}Slot")(places[name], number, 0)
            elif value is not None:
                self._builder.PrependUOffsetTRelativeSlot(places[name], value, 0)
        return self._builder.EndObject()

    def string(self, text):
        return self._builder.CreateString(text)

    def vector(self, offsets):
        """A vector of tables or strings."""
        return self._vector(offsets, self._builder.PrependUOffsetTRelative)

    def floats(self, values):
        return self._vector(values, self._builder.PrependFloat32)

    def finish(self, root):
        self._builder.Finish(root, file_identifier=_IDENTIFIER)
        return bytes(self._builder.Output())

    def _vector(self, items, prepend):
        self._builder.StartVector(4, len(items), 4)
        for item in reversed(items):
            prepend(item)
        return self._builder.EndVector()
