"""Converts Keras models to LiteRT files."""

import dataclasses
import time
from pathlib import Path

from keras_action.litert.arguments import check_arguments, check_metadata, check_types
from keras_action.litert.forms import check_runs, form_of
from keras_action.litert.inspection import FileSummary, list_operators, summarize
from keras_action.litert.metadata import Metadata, add_metadata
from keras_action.litert.partitions import find_partitions
from keras_action.litert.quantizer import calibrate, quantize
from keras_action.litert.requirements import (
    DELEGATED,
    INTEGER,
    ConversionError,
    check_requirements,
    meets_partition_limit,
)
from keras_action.litert.silence import silenced_output
from keras_action.utils.files import write_whole
from keras_action.utils.labels import normalize_label
from keras_action.utils.signature import LOGITS
from keras_action.version import __version__

# Fields of `Metadata` that are not arguments of `convert`.
_DESCRIPTIVE_FIELDS = {"name", "description", "author", "license", "backbone", "recipe"}


@dataclasses.dataclass(frozen=True)
class ConversionReport:
    """The result of a conversion.

    Args:
        path: Path of the file.
        quantization: The format, as given.
        summary: The `FileSummary` of the file.
        dead_tensors: Names of the activations that were zero on all representative
            clips and have a default range (integer files only).
        float_layers: Names of the layers that stayed float (integer files only).
        seconds: Duration of the conversion.
    """

    path: Path
    quantization: str
    summary: FileSummary
    dead_tensors: tuple[str, ...]
    float_layers: tuple[str, ...]
    seconds: float

    @property
    def size_bytes(self):
        return self.summary.size_bytes

    def table(self):
        """The report as text, one line for each figure."""
        lines = [
            f"file              {self.path}",
            f"quantization      {self.quantization}",
            self.summary.table(),
        ]
        if self.dead_tensors:
            lines.append(f"dead activations  {len(self.dead_tensors)}, zero on all representative clips")
        if self.float_layers:
            lines.append(f"kept in float     {', '.join(self.float_layers)}")
        return "\n".join([*lines, f"converted in      {self.seconds:.1f} s"])

    def __str__(self):
        return self.table()


def convert(
    model,
    path,
    quantization="float32",
    representative_clips=None,
    labels=None,
    clip_seconds=None,
    metadata=None,
    *,
    input_dtype=None,
    output_dtype="float32",
    keep_float=(),
    max_partitions=1,
):
    """Converts a model of clips, or a streaming model, to a LiteRT file.

    The file of a model of clips takes one clip `(1, T, H, W, 3)`, RGB in 0..255, and
    returns logits `(1, classes)`. It has one signature, `serving_default`, from
    `clip` to `logits`, and its labels and time step as metadata.

    The file of a streaming model (`keras_action.streaming_model`) takes `frame`,
    RGB in 0..255, `(1, H, W, 3)`, and the model's states, and returns `logits` and
    the next states, with the same names, shapes, types and scales as the inputs.
    `LiteRTStream` runs it.

    Every file is checked before it is written, whole or not at all:

    - It has only built-in operators of LiteRT, no variables, static shapes, and no
      tensor above rank 4 but the clip.
    - XNNPACK computes float32, float16 and int8 files in one partition.
    - Integer files compute with floats only in `keep_float`, and their kernels are
      quantised per channel.
    - It runs, and its logits are finite.

    Args:
        model: A Keras model from clips `(B, T, H, W, 3)`, RGB in 0..255, to
            logits, on the TensorFlow backend, or one of
            `keras_action.streaming_model`. Mixed precision becomes float32.
        path: Path of the `.tflite` file to write.
        quantization: `"float32"`; `"float16"`, half the size at the same speed;
            `"dynamic"`, int8 weights and float activations: small, slower than
            float32; `"int8"`, integers only: small and fast; or `"int16x8"`, int8
            weights and int16 activations: as small as int8 and nearly as exact as
            float32, but many times slower, as XNNPACK has no kernels for it.
        representative_clips: For int8 and int16x8, clips as in training: an array
            `(N, T, H, W, 3)`, or an iterable of clips or batches, or of tuples that
            begin with one. Arrays and lists are used completely; of other iterables,
            which may be endless, the first 128 clips are used, or the first 1024
            frames for a streaming model. For a streaming model clips may have any
            length, and the states are zeros before each clip. With 100 frames or more,
            the ranges of int8 activations contain 97 % of the frames.
        labels: Names of the classes, in the order of the logits.
        clip_seconds: Length of a clip in seconds: the median in training.
        metadata: A dict of the fields `name`, `description`, `author`, `license`,
            `backbone` and `recipe` of `Metadata`, and of other JSON values to store.
        input_dtype: `"uint8"`, the default of int8 files, or `"float32"`, of all
            others.
        output_dtype: `"float32"`, or `"uint8"` for int8 files: quantised logits,
            which `LiteRTModel` dequantises.
        keep_float: Names of layers, or regular expressions for them, that stay
            float in an integer file.
        max_partitions: Maximum number of XNNPACK's partitions of a float32, float16 or
            int8 file; `None` for any number.

    Returns:
        A `ConversionReport`.

    Raises:
        ValueError: If the model is not a model of clips or a streaming model, or an
            argument is wrong.
        ConversionError: If the converter fails, or the file does not run or meet
            the requirements above. The message names operators and layers.
        ImportError: If the extra `litert` is not installed.

    Example:

    ```python
    report = convert(model, "gesture.tflite", quantization="int8", representative_clips=clips, labels=labels)
    print(report.table())
    ```
    """
    start = time.perf_counter()
    path, form = Path(path), form_of(model)
    check_arguments(form, path, quantization, representative_clips, labels, clip_seconds, max_partitions)
    input_dtype = check_types(quantization, input_dtype, output_dtype, keep_float)
    metadata = _make_metadata(form, quantization, labels, clip_seconds, metadata)
    # Clips are read before output is silenced, as a pipeline may print messages.
    recordings = form.recordings(representative_clips if quantization in INTEGER else None)
    dead, kept = (), ()
    if quantization in INTEGER:
        limit = max_partitions if quantization in DELEGATED else None
        file, dead, kept = _quantize(
            form,
            path.name,
            recordings,
            keep_float,
            accept=lambda file: meets_partition_limit(find_partitions(file.data), limit),
            activation_bits=8 if quantization == "int8" else 16,
            uint8_input=form.pixels if input_dtype == "uint8" else None,
            uint8_output=LOGITS if output_dtype == "uint8" else None,
        )
    else:
        file = form.float_file(quantization, path.name)
    add_metadata(file, metadata)
    summary = summarize(file)
    kept_tensors = frozenset(tensor for operator in kept for tensor in operator.tensors)
    check_requirements(summary, quantization, form.names, kept_tensors, max_partitions)
    check_runs(form, file, recordings[0])
    write_whole(path, file.data)
    float_layers = dict.fromkeys(form.names.main(operator.tensors) for operator in kept)
    return ConversionReport(path, quantization, summary, dead, tuple(float_layers), time.perf_counter() - start)


def _quantize(form, name, recordings, keep_float, **options):
    """The integer file, the names of the dead activations, and the operators that stay float."""
    floats = form.float_file(name=name)
    kept = form.names.matching(keep_float, list_operators(floats))
    try:
        with silenced_output():
            ranges = calibrate(floats, form.sequences(recordings), options["activation_bits"])
            file, dead = quantize(
                floats, ranges, lambda file: check_runs(form, file, recordings[0]), keep_float=kept, **options
            )
    except (ImportError, ConversionError):
        raise
    except Exception as error:  # the quantiser raises errors of many types
        raise ConversionError(f"{name} could not be quantised: {error}") from error
    return file, dead, kept


def _make_metadata(form, quantization, labels, clip_seconds, metadata):
    extra = dict(metadata or {})
    known = {"name": form.model.name} | {name: extra.pop(name) for name in _DESCRIPTIVE_FIELDS & set(extra)}
    check_metadata(extra, known)
    return Metadata(
        labels=None if labels is None else tuple(map(normalize_label, labels)),
        num_segments=form.clip_shape[0],
        input_size=form.clip_shape[1:3],
        clip_seconds=clip_seconds,
        return_sequences=getattr(form.model, "return_sequences", False),
        quantization=quantization,
        package_version=__version__,
        extra=extra,
        **known,
    )
