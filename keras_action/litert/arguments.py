"""Checks of the arguments of a conversion, before it begins."""

import dataclasses
import json

from keras_action.litert.metadata import Metadata, check_labels
from keras_action.litert.requirements import INTEGER, QUANTIZATIONS
from keras_action.utils.fields import check_choice


def check_arguments(form, path, quantization, representative_clips, labels, clip_seconds, max_partitions):
    """Raises a `ValueError` for a wrong argument of `convert`."""
    check_choice("quantization", quantization, QUANTIZATIONS)
    if path.suffix != ".tflite":
        raise ValueError(f"The name of a LiteRT file must end in .tflite. Received: path={str(path)!r}")
    if quantization in INTEGER and representative_clips is None:
        raise ValueError(
            f'quantization="{quantization}" needs `representative_clips`, some dozens of clips as in training, to '
            "measure the ranges of activations. Received: representative_clips=None"
        )
    if isinstance(labels, str) or (labels is not None and len(labels) != form.num_classes):
        raise ValueError(
            f"The model has {form.num_classes} classes, so it needs as many labels. "
            f"Received: {len(labels)} labels, {labels if isinstance(labels, str) else tuple(labels)!r}"
        )
    check_labels(labels)
    if clip_seconds is not None and not 0 < clip_seconds < float("inf"):
        raise ValueError(f"`clip_seconds` must be a positive number. Received: clip_seconds={clip_seconds}")
    if max_partitions is not None and max_partitions < 1:
        raise ValueError(f"`max_partitions` must be positive, or None. Received: max_partitions={max_partitions}")


def check_metadata(extra, fields):
    """Raises a `ValueError` if the `metadata` of `convert` can't be stored: its extra values and `Metadata` fields."""
    misplaced = sorted({field.name for field in dataclasses.fields(Metadata)} & set(extra))
    if misplaced:
        raise ValueError(
            "These fields of the metadata are arguments of `convert`, or written by it. "
            f"Received: metadata with {', '.join(misplaced)}"
        )
    recipe = fields.get("recipe")
    if not isinstance(recipe, (dict, type(None))):
        raise ValueError(f"`recipe` of the metadata must be a dict, as of `Recipe.to_dict`. Received: {recipe!r}")
    try:
        json.dumps({**extra, **fields})
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The metadata must be JSON values: {error}. Received: {sorted({**extra, **fields})}"
        ) from error


def check_types(quantization, input_dtype, output_dtype, keep_float):
    """Raises a `ValueError` for a wrong argument of `convert`, and returns the type of the input."""
    types = ("uint8", "float32") if quantization == "int8" else ("float32",)
    input_dtype = input_dtype or types[0]
    for name, dtype in (("input_dtype", input_dtype), ("output_dtype", output_dtype)):
        if dtype not in types:
            raise ValueError(
                f"`{name}` of a file with quantization={quantization!r} must be one of {types}. "
                f"Received: {name}={dtype!r}"
            )
    if isinstance(keep_float, str):
        raise ValueError(f"`keep_float` must be a list of names. Received: keep_float={keep_float!r}")
    if keep_float and quantization not in INTEGER:
        raise ValueError(
            f"`keep_float` is for files of integers. Received: quantization={quantization!r}, "
            f"keep_float={tuple(keep_float)}"
        )
    return input_dtype
