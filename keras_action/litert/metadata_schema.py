"""The part of TFLite's metadata schema that says what a model takes and gives, written and read with `flatbuffers`.

The packages with a generated schema are stale (tflite-support, of 2023) or bring all of MediaPipe with them, for a
handful of tables. A table is a dict here, of the names in the schema.

Reference: [metadata_schema.fbs](https://github.com/tensorflow/tflite-support/blob/master/tensorflow_lite_support/metadata/metadata_schema.fbs),
schema version 1.1.0.
"""

from keras_action.litert.extras import require

FILE_IDENTIFIER = b"M001"

# The fields of each table in the schema's order, with their types: a number, "string", the name of a table, a union
# (which takes two places, its type and its value), or a list of one of them.
_TABLES = {
    "ModelMetadata": {
        "name": "string",
        "description": "string",
        "version": "string",
        "subgraph_metadata": ["SubGraphMetadata"],
        "author": "string",
        "license": "string",
        "associated_files": ["AssociatedFile"],
        "min_parser_version": "string",
    },
    "SubGraphMetadata": {
        "name": "string",
        "description": "string",
        "input_tensor_metadata": ["TensorMetadata"],
        "output_tensor_metadata": ["TensorMetadata"],
        "associated_files": ["AssociatedFile"],
    },
    "TensorMetadata": {
        "name": "string",
        "description": "string",
        "dimension_names": ["string"],
        "content": "Content",
        "process_units": ["ProcessUnit"],
        "stats": "Stats",
        "associated_files": ["AssociatedFile"],
    },
    "AssociatedFile": {"name": "string", "description": "string", "type": "Int8", "locale": "string"},
    "Content": {"content_properties": {1: "FeatureProperties", 2: "ImageProperties"}, "range": "ValueRange"},
    "FeatureProperties": {},
    "ImageProperties": {"color_space": "Int8", "default_size": "ImageSize"},
    "ImageSize": {"width": "Uint32", "height": "Uint32"},
    "ValueRange": {"min": "Int32", "max": "Int32"},
    "ProcessUnit": {"options": {1: "NormalizationOptions"}},
    "NormalizationOptions": {"mean": ["Float32"], "std": ["Float32"]},
    "Stats": {"max": ["Float32"], "min": ["Float32"]},
}
_NUMBERS = ("Int8", "Int32", "Uint32", "Float32")

# Values of the schema's enumerations.
DESCRIPTIONS, TENSOR_AXIS_LABELS = 1, 2
RGB = 1


def write_tables(metadata):
    """The bytes of a `ModelMetadata` table.

    Args:
        metadata: A dict of the schema's names. A union's value is `(table's name, dict)`; a field that is `None` is
            left out.
    """
    builder = require("flatbuffers").Builder(1024)
    builder.Finish(_write_table(builder, "ModelMetadata", metadata), file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())


def read_tables(data):
    """The `ModelMetadata` table in bytes, as a dict that `write_tables` takes. Other tables of the schema are left out.

    Raises:
        ValueError: If it is none.
    """
    flatbuffers = require("flatbuffers")
    if data[4:8] != FILE_IDENTIFIER:
        raise ValueError(f"TFLite's metadata begins with {FILE_IDENTIFIER} at byte 4. Received: {data[:8]!r}")
    root = flatbuffers.encode.Get(flatbuffers.packer.uoffset, data, 0)
    return _read_table(flatbuffers.table.Table(data, root), "ModelMetadata")


def _slots(name):
    """Each field's place, name and type; a union's place is that of its type."""
    place = 0
    for field, kind in _TABLES[name].items():
        yield place, field, kind
        place += 2 if isinstance(kind, dict) else 1


def _write_table(builder, name, values):
    unknown = set(values) - set(_TABLES[name])
    if unknown:
        raise ValueError(f"{name} has no such fields. Received: {sorted(unknown)}")
    # What a table points at must be there before the table is begun.
    ready = {}
    for _, field, kind in _slots(name):
        value = values.get(field)
        if value is not None:
            ready[field] = (
                _write_union(builder, kind, value) if isinstance(kind, dict) else _write(builder, kind, value)
            )
    builder.StartObject(sum(2 if isinstance(kind, dict) else 1 for kind in _TABLES[name].values()))
    for place, field, kind in _slots(name):
        if field not in ready:
            continue
        if isinstance(kind, dict):
            number, offset = ready[field]
            builder.PrependUint8Slot(place, number, 0)
            builder.PrependUOffsetTRelativeSlot(place + 1, offset, 0)
        elif kind in _NUMBERS:
            getattr(builder, f"Prepend{kind}Slot")(place, ready[field], 0)
        else:
            builder.PrependUOffsetTRelativeSlot(place, ready[field], 0)
    return builder.EndObject()


def _write(builder, kind, value):
    """What stands in a field: a number itself, of anything else where it was written."""
    if isinstance(kind, list):
        number = kind[0] in _NUMBERS
        parts = [_write(builder, kind[0], part) for part in value]
        builder.StartVector(4, len(parts), 4)
        for part in reversed(parts):
            (builder.PrependFloat32 if number else builder.PrependUOffsetTRelative)(part)
        return builder.EndVector()
    if kind in _NUMBERS:
        return value
    return builder.CreateString(value) if kind == "string" else _write_table(builder, kind, value)


def _write_union(builder, kinds, value):
    name, values = value
    number = next(number for number, kind in kinds.items() if kind == name)
    return number, _write_table(builder, name, values)


def _read_table(table, name):
    values = {}
    for place, field, kind in _slots(name):
        offset = table.Offset(4 + 2 * place)
        if not offset:
            continue
        if isinstance(kind, dict):
            number = table.Get(require("flatbuffers").number_types.Uint8Flags, table.Pos + offset)
            value_offset = table.Offset(4 + 2 * (place + 1))
            if number in kind and value_offset:
                values[field] = (kind[number], _read(table, kind[number], table.Pos + value_offset))
        else:
            values[field] = _read(table, kind, table.Pos + offset)
    return values


def _read(table, kind, position):
    flatbuffers = require("flatbuffers")
    if isinstance(kind, list):
        start = position + table.Get(flatbuffers.number_types.UOffsetTFlags, position)
        count = table.Get(flatbuffers.number_types.UOffsetTFlags, start)
        return [_read(table, kind[0], start + 4 + 4 * place) for place in range(count)]
    if kind in _NUMBERS:
        return table.Get(getattr(flatbuffers.number_types, f"{kind}Flags"), position)
    if kind == "string":
        return table.String(position).decode()
    return _read_table(flatbuffers.table.Table(table.Bytes, table.Indirect(position)), kind)
