"""What a conversion is asked for, checked before anything is done."""

from keras_action.litert.requirements import INTEGER
from keras_action.litert.streaming import check_backend, is_stream

QUANTIZATIONS = (None, "float16", "dynamic", "int8", "int16x8")


def check_model(model):
    """Returns `(T, H, W, 3)`, or raises a `ValueError`."""
    import keras

    if not isinstance(model, keras.Model):
        raise ValueError(f"Expected a Keras model. Received: model={model!r}")
    check_backend()
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 5 or None in shape[1:] or shape[4] != 3:
        raise ValueError(
            "Expected a model with one input, clips of shape (B, T, H, W, 3) with T, H and W known. "
            f"Received: input_shape={shape}"
        )
    output_shape = model.output_shape
    if not isinstance(output_shape, tuple) or len(output_shape) != 2:
        raise ValueError(
            f"Expected a model with one output, logits of shape (B, classes). Received: output_shape={output_shape}"
        )
    return shape[1:]


def check_arguments(model, path, quantization, representative_clips, labels, clip_seconds):
    if quantization not in QUANTIZATIONS:
        raise ValueError(f"`quantization` must be one of {QUANTIZATIONS}. Received: quantization={quantization!r}")
    if path.suffix != ".tflite":
        raise ValueError(f"A LiteRT file's name ends in .tflite. Received: path={str(path)!r}")
    if quantization in INTEGER and representative_clips is None:
        raise ValueError(
            f"{quantization} needs `representative_clips`, some dozens of clips as in training, to measure how large "
            "activations get. Received: representative_clips=None"
        )
    classes = model.output["logits"].shape[-1] if is_stream(model) else model.output_shape[-1]
    if labels is not None and len(labels) != classes:
        raise ValueError(
            f"The model has {classes} classes, so it needs as many labels. "
            f"Received: {len(labels)} labels, {tuple(labels)}"
        )
    if clip_seconds is not None and not 0 < clip_seconds < float("inf"):
        raise ValueError(f"`clip_seconds` must be a positive number. Received: clip_seconds={clip_seconds}")


def check_types(quantization, input_dtype, output_dtype, keep_float, float_budget):
    """Returns the type of the input."""
    types = ("uint8", "float32") if quantization == "int8" else ("float32",)
    input_dtype = input_dtype or types[0]
    for name, dtype in (("input_dtype", input_dtype), ("output_dtype", output_dtype)):
        if dtype not in types:
            raise ValueError(
                f"`{name}` of a file with quantization={quantization!r} must be one of {types}. "
                f"Received: {name}={dtype!r}"
            )
    if not 0 <= float_budget <= 1:
        raise ValueError(f"`float_budget` is a share, from 0 to 1. Received: float_budget={float_budget}")
    if isinstance(keep_float, str):
        raise ValueError(f"`keep_float` must be a list of names. Received: keep_float={keep_float!r}")
    if (keep_float or float_budget) and quantization not in INTEGER:
        raise ValueError(
            "`keep_float` and `float_budget` are for files of integers. "
            f"Received: quantization={quantization!r}, keep_float={tuple(keep_float)}, float_budget={float_budget}"
        )
    return input_dtype
