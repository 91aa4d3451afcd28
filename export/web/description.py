"""The description of a LiteRT file for the page. It needs neither Keras nor TensorFlow."""

from pathlib import Path

from keras_action.litert import LiteRTFile
from keras_action.litert.metadata import metadata_of
from keras_action.recognition import load_settings
from keras_action.recognition.detectors import default_settings, make_detector
from keras_action.recognition.loading import stored_settings, stream_warning
from keras_action.utils.fields import attributes
from keras_action.utils.signature import CLIP, FRAME, LOGITS, SIGNATURE


def describe_model(path, settings=None):
    """The entry of a LiteRT file in `models.json`.

    Args:
        path: Path of a `.tflite` file of `keras_action.litert.convert`, with labels and length of its clips.
        settings: Path of a JSON file of event settings, or `None` for those in the file, or else the defaults
            for its time step or the length of its clips.

    Returns:
        A dictionary for JSON.

    Raises:
        OSError: If a file can't be read.
        ValueError: If it is not such a file, or the settings don't fit it.
        ImportError: If ai-edge-litert is not installed.
    """
    path = Path(path)
    file = LiteRTFile.read(path)
    metadata = metadata_of(file)
    if metadata is None or metadata.labels is None or metadata.clip_seconds is None:
        raise ValueError(
            f"{path} must carry its labels and the length of its clips: convert the model with --labels and "
            f"--clip-seconds. Received: {metadata}"
        )
    if not {CLIP, FRAME} & set(file.inputs) or LOGITS not in file.outputs:
        raise ValueError(
            f"{path} must have the signature {SIGNATURE} from `clip` or `frame` to `logits`. "
            f"Received: from {list(file.inputs)} to {list(file.outputs)}"
        )
    kind = "stream" if file.is_streaming else "clip"
    stored, points = stored_settings(metadata), None
    # Settings are tuned on streams.
    knows_streams = metadata.trained_on_streams if settings is None and stored is None else True
    if settings is not None:
        settings = load_settings(settings)
    elif stored is not None:
        settings, points = stored, metadata.extra.get("operating_points")
    else:
        settings = default_settings(
            metadata.clip_seconds, metadata.time_step, return_sequences=metadata.return_sequences
        )
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
        "input_size": list(metadata.input_size),
        **attributes(
            metadata, "clip_seconds", "num_segments", "return_sequences", "crop_to_aspect_ratio", "quantization"
        ),
        "inputs": [_tensor(name, file.tensor(index)) for name, index in file.inputs.items()],
        "outputs": [_tensor(name, file.tensor(index)) for name, index in file.outputs.items()],
        "settings": settings.to_dict(),
        "operating_points": points,
        "warning": stream_warning(path.name, knows_streams, metadata.labels),
    }


def _tensor(name, tensor):
    return {
        "name": name,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "scale": tensor.scale or 0.0,
        "zero_point": tensor.zero_point or 0,
    }
