"""The description of a LiteRT file for the page. It needs neither Keras nor TensorFlow."""

from pathlib import Path

import numpy as np


def describe_model(path, settings=None):
    """The entry of a LiteRT file in `models.json`.

    Args:
        path: Path of a `.tflite` file of `keras_action.litert.convert`, with labels and length of its clips.
        settings: Path of a JSON file of event settings, or `None` for the defaults for the length of the clips.

    Returns:
        A dictionary for JSON.

    Raises:
        OSError: If a file can't be read.
        ValueError: If it is not such a file, or the settings don't fit it.
        ImportError: If ai-edge-litert is not installed.
    """
    from keras_action.litert.extras import require
    from keras_action.litert.metadata import read_file, read_metadata
    from keras_action.litert.quiet import quiet
    from keras_action.litert.signature import SIGNATURE
    from keras_action.recognition import EventSettings, load_settings
    from keras_action.recognition.detectors import make_detector
    from keras_action.recognition.loading import crops_to_aspect_ratio

    path = Path(path)
    metadata = read_metadata(path)
    if metadata is None or metadata.labels is None or metadata.clip_seconds is None:
        raise ValueError(
            f"{path} must carry its labels and the length of its clips: convert the model with --labels and "
            f"--clip-seconds. Received: {metadata}"
        )
    with quiet():  # the delegate prints a message
        interpreter = require("ai_edge_litert.interpreter").Interpreter(model_content=read_file(path))
        runner = interpreter.get_signature_runner(SIGNATURE) if SIGNATURE in interpreter.get_signature_list() else None
    inputs, outputs = ({}, {}) if runner is None else (runner.get_input_details(), runner.get_output_details())
    if not {"clip", "frame"} & set(inputs) or "logits" not in outputs:
        raise ValueError(
            f"{path} must have the signature {SIGNATURE} from `clip` or `frame` to `logits`. "
            f"Received: {interpreter.get_signature_list()}"
        )
    kind = "stream" if "frame" in inputs else "clip"
    settings = EventSettings.for_clips(metadata.clip_seconds) if settings is None else load_settings(settings)
    if kind == "stream" and (settings.window_seconds is not None or settings.stride is not None):
        raise ValueError(
            f"{path} is run on every frame, at the time step of its training, without windows. "
            f"Received: settings with window_seconds={settings.window_seconds}, stride={settings.stride}"
        )
    window_seconds = None if kind == "stream" else settings.window_seconds or (metadata.clip_seconds,)
    make_detector(metadata.labels, settings, window_seconds)  # raises if they don't fit
    return {
        "name": path.name,
        "url": f"models/{path.name}",
        "kind": kind,
        "bytes": path.stat().st_size,
        "labels": list(metadata.labels),
        "clip_seconds": metadata.clip_seconds,
        "num_segments": metadata.num_segments,
        "input_size": list(metadata.input_size),
        "crop_to_aspect_ratio": crops_to_aspect_ratio(metadata),
        "quantization": metadata.quantization,
        "inputs": [_tensor(name, details) for name, details in inputs.items()],
        "outputs": [_tensor(name, details) for name, details in outputs.items()],
        "settings": settings.to_dict(),
    }


def _tensor(name, details):
    scale, zero_point = details["quantization"]
    return {
        "name": name,
        "dtype": np.dtype(details["dtype"]).name,
        "shape": [int(side) for side in details["shape"]],
        "scale": float(scale),
        "zero_point": int(zero_point),
    }
