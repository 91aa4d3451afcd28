"""Keras models become LiteRT files."""

import dataclasses
import time
from pathlib import Path

import numpy as np

from keras_action.files import write_whole
from keras_action.litert.clips import iterate_clips
from keras_action.litert.inspection import FileSummary, inspect_bytes
from keras_action.litert.metadata import Metadata, with_metadata
from keras_action.litert.model import signature_runner
from keras_action.litert.quantize import quantize_int8
from keras_action.litert.quiet import quiet
from keras_action.version import __version__

QUANTIZATIONS = (None, "float16", "dynamic", "int8")

# More clips hardly move the ranges any more, and a training pipeline never ends.
MAX_REPRESENTATIVE_CLIPS = 128


class ConversionError(RuntimeError):
    """A model that could not be converted, or whose file does not run."""


@dataclasses.dataclass(frozen=True)
class ConversionReport:
    """What a conversion gave.

    Args:
        path: The file.
        quantization: As asked for.
        summary: The `FileSummary` of the file.
        dead_tensors: The activations that were zero on all representative clips
            and were given a range by hand (int8 only).
        seconds: How long it took.
    """

    path: Path
    quantization: str | None
    summary: FileSummary
    dead_tensors: tuple[str, ...]
    seconds: float

    @property
    def size_bytes(self):
        return self.summary.size_bytes

    def table(self):
        """The report as text, one line a figure."""
        lines = [
            f"file              {self.path}",
            f"quantization      {self.quantization or 'none, float32'}",
            self.summary.table(),
        ]
        if self.dead_tensors:
            lines.append(f"dead activations  {len(self.dead_tensors)}, zero on all representative clips")
        return "\n".join([*lines, f"converted in      {self.seconds:.1f} s"])

    def __str__(self):
        return self.table()


def convert(
    model,
    path,
    quantization=None,
    representative_clips=None,
    labels=None,
    clip_seconds=None,
    metadata=None,
):
    """Convert a clip model to a LiteRT file.

    The file takes one clip `(1, T, H, W, 3)`, RGB in 0..255, float32 (uint8 if
    quantised to int8), and gives float32 logits `(1, classes)`. It has one
    signature, `serving_default`, from `clip` to `logits`, and no TensorFlow
    operators, and carries its labels and its time step as metadata. It is run
    once before it is written, and written whole or not at all.

    Args:
        model: A Keras model from clips `(B, T, H, W, 3)`, RGB in 0..255, to
            logits, on the TensorFlow backend. Mixed precision becomes float32.
        path: The `.tflite` file to write.
        quantization: `None` for float32. `"float16"` halves the file at the
            same speed. `"dynamic"` has int8 weights and float activations: small,
            slower than float32. `"int8"` computes with integers only: small and
            fast.
        representative_clips: For int8, clips as in training: an array
            `(N, T, H, W, 3)`, or an iterable of clips or batches, or of tuples that
            begin with one. The first 128 clips are used.
        labels: The names of the classes, in the logits' order.
        clip_seconds: The time that a clip spans: the median length of a clip in
            training.
        metadata: Whatever else the file shall carry: names and JSON values.

    Returns:
        A `ConversionReport`.

    Raises:
        ValueError: If the model is no clip model, or an argument doesn't fit it.
        ConversionError: If the converter fails, or the file does not run.
        ImportError: If the extra `litert` is not installed.

    Example:

    ```python
    report = convert(model, "gesture.tflite", quantization="int8", representative_clips=clips, labels=labels)
    print(report.table())
    ```
    """
    start = time.perf_counter()
    path = Path(path)
    clip_shape = _check_model(model)
    _check_arguments(model, path, quantization, representative_clips, labels, clip_seconds)
    information = Metadata(
        labels=None if labels is None else tuple(labels),
        num_segments=clip_shape[0],
        input_size=clip_shape[1:3],
        clip_seconds=clip_seconds,
        quantization=quantization,
        package_version=__version__,
        extra=dict(metadata or {}),
    )
    dead = ()
    if quantization == "int8":
        # All of them before it grows quiet: they may come from a pipeline that has something to say.
        clips = iterate_clips(representative_clips, clip_shape, limit=MAX_REPRESENTATIVE_CLIPS)
        clips = [np.rint(clip).astype("uint8") for clip in clips]
        file, dead = _quantize(_convert_float(model, clip_shape, quantization=None), path, clips)
    else:
        clips = [np.random.default_rng(0).integers(0, 256, (1, *clip_shape))]
        file = _convert_float(model, clip_shape, quantization)
    file = with_metadata(file, information)
    summary = inspect_bytes(file)
    if summary.foreign_operators:
        raise ConversionError(
            f"{path.name} would need operators that LiteRT does not have. Received: {summary.foreign_operators}"
        )
    _check_file(file, path, clips[0])
    write_whole(path, file)
    return ConversionReport(path, quantization, summary, dead, time.perf_counter() - start)


def _convert_float(model, clip_shape, quantization):
    import keras
    import tensorflow as tf

    # A static batch of one: the delegates plan their memory for it.
    clip = keras.Input(batch_shape=(1, *clip_shape), name="clip", dtype="float32")
    with quiet():
        try:
            # The dictionary's key becomes the output's name in the signature.
            static = keras.Model(clip, {"logits": _in_float32(model)(clip, training=False)})
            converter = tf.lite.TFLiteConverter.from_keras_model(static)
            if quantization is not None:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if quantization == "float16":
                converter.target_spec.supported_types = [tf.float16]
            return converter.convert()
        except Exception as error:  # the converter raises whatever it likes
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise ConversionError(f"The LiteRT converter failed: {reason[0]}") from error


def _quantize(file, path, clips):
    floats = (clip.astype("float32") for clip in clips)
    try:
        with quiet():
            return quantize_int8(file, floats, check=lambda file: _check_file(file, path, clips[0]))
    except ImportError:
        raise
    except Exception as error:  # the quantiser raises whatever it likes
        raise ConversionError(f"{path.name} could not be quantised: {error}") from error


def _in_float32(model):
    """The same model, computing in float32 even if it was trained in mixed precision."""
    import keras

    if all(layer.compute_dtype == "float32" for layer in model.layers):
        return model

    def in_float32(layer):
        return layer.__class__.from_config({**layer.get_config(), "dtype": "float32"})

    clone = keras.models.clone_model(model, clone_function=in_float32, recursive=True)
    clone.set_weights(model.get_weights())
    return clone


def _check_file(file, path, clip):
    """Run a file once. Raises a `ConversionError` if it can't be prepared, or gives what is not finite."""
    try:
        run = signature_runner(file, path.name)
    except (ValueError, RuntimeError) as error:
        raise ConversionError(str(error)) from error
    dtype = run.get_input_details()["clip"]["dtype"]
    logits = run(clip=clip.astype(dtype))["logits"]
    if not np.isfinite(logits).all():
        raise ConversionError(f"{path.name} gives logits that are not finite. Received: logits={logits}")


def _check_model(model):
    """Returns `(T, H, W, 3)`, or raises a `ValueError`."""
    import keras

    if not isinstance(model, keras.Model):
        raise ValueError(f"Expected a Keras model. Received: model={model!r}")
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "LiteRT conversion works on Keras' TensorFlow backend: save the model and convert it with "
            f"KERAS_BACKEND=tensorflow. Received: backend={keras.backend.backend()}"
        )
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


def _check_arguments(model, path, quantization, representative_clips, labels, clip_seconds):
    if quantization not in QUANTIZATIONS:
        raise ValueError(f"`quantization` must be one of {QUANTIZATIONS}. Received: quantization={quantization!r}")
    if path.suffix != ".tflite":
        raise ValueError(f"A LiteRT file's name ends in .tflite. Received: path={str(path)!r}")
    if quantization == "int8" and representative_clips is None:
        raise ValueError(
            "int8 needs `representative_clips`, some dozens of clips as in training, to measure how large "
            "activations get. Received: representative_clips=None"
        )
    if labels is not None and len(labels) != model.output_shape[-1]:
        raise ValueError(
            f"The model has {model.output_shape[-1]} classes, so it needs as many labels. "
            f"Received: {len(labels)} labels, {tuple(labels)}"
        )
    if clip_seconds is not None and not 0 < clip_seconds < float("inf"):
        raise ValueError(f"`clip_seconds` must be a positive number. Received: clip_seconds={clip_seconds}")
