"""TFLite's own metadata: what the inputs and outputs of a file are, for tools that know nothing of us."""

from keras_action.litert.extras import require
from keras_action.litert.metadata_schema import DESCRIPTIONS, RGB, TENSOR_AXIS_LABELS, read_tables, write_tables

METADATA_NAME = b"TFLITE_METADATA"

_STATE = (
    "Memory of earlier frames: zero (of integers, the zero point) before the first frame, then what the output of the "
    "same name gave."
)


def standard_metadata(tree, metadata, labels_file, values_file):
    """The bytes of the metadata table.

    Args:
        tree: The model, as the schema's objects.
        metadata: A `Metadata`.
        labels_file: The name of the packed file with the labels, or `None`.
        values_file: The name of the packed file with all of `metadata`.
    """
    graph, names = tree.subgraphs[0], _signature_names(tree)
    inputs = [_input(names.get(index, ""), metadata) for index in graph.inputs]
    outputs = [_output(names.get(index, ""), labels_file) for index in graph.outputs]
    size = "{} × {}".format(*metadata.input_size)
    return write_tables(
        {
            "name": metadata.name or "keras_action",
            "description": metadata.description or f"Video gestures or actions from {size} frames, RGB 0..255.",
            "version": metadata.package_version,
            "author": metadata.author or None,
            "license": metadata.license or None,
            "subgraph_metadata": [{"input_tensor_metadata": inputs, "output_tensor_metadata": outputs}],
            "associated_files": [
                {"name": values_file, "description": "All that keras_action knows of it.", "type": DESCRIPTIONS}
            ],
            "min_parser_version": "1.0.0",
        }
    )


def read_standard_metadata(data):
    """TFLite's own metadata in the bytes of a LiteRT file, as a dict of the schema's names; `None` if it has none."""
    tree = require("ai_edge_litert.tools.flatbuffer_utils").read_model_from_bytearray(bytearray(data))
    for entry in tree.metadata or ():
        if entry.name == METADATA_NAME:
            return read_tables(bytes(tree.buffers[entry.buffer].data))
    return None


def _signature_names(tree):
    """The names of inputs and outputs in the signature, by their tensors' places."""
    entries = [entry for signature in tree.signatureDefs or () for entry in (*signature.inputs, *signature.outputs)]
    return {entry.tensorIndex: entry.name.decode() for entry in entries}


def _input(name, metadata):
    if name not in ("clip", "frame"):
        return {"name": name, "description": _STATE, "content": {"content_properties": ("FeatureProperties", {})}}
    height, width = metadata.input_size
    image = {"color_space": RGB, "default_size": {"width": width, "height": height}}
    content = {"content_properties": ("ImageProperties", image)}
    dimensions = ["batch", "height", "width", "channel"]
    if name == "clip":
        dimensions.insert(1, "time")
        content["range"] = {"min": 2, "max": 4}
    return {
        "name": name,
        "description": f"RGB, 0..255, not normalised; {'frames spread over a clip' if name == 'clip' else 'a frame'}.",
        "dimension_names": dimensions,
        "content": content,
        # The model normalises by itself.
        "process_units": [{"options": ("NormalizationOptions", {"mean": [0.0], "std": [1.0]})}],
        "stats": {"max": [255.0], "min": [0.0]},
    }


def _output(name, labels_file):
    content = {"content_properties": ("FeatureProperties", {})}
    if name != "logits":
        return {"name": name, "description": "Memory, for the input of the same name.", "content": content}
    files = [{"name": labels_file, "description": "Names of the classes.", "type": TENSOR_AXIS_LABELS}]
    return {
        "name": name,
        "description": "A logit for each class; softmax makes them probabilities.",
        "content": content,
        "associated_files": files if labels_file else None,
    }
