"""Keras models become LiteRT files."""

import dataclasses
import time
from pathlib import Path

import numpy as np

from keras_action.litert.arguments import QUANTIZATIONS, check_arguments, check_model, check_types
from keras_action.litert.clip_graph import float_clip_file
from keras_action.litert.clips import has_an_end, iterate_clips
from keras_action.litert.float_budget import BUDGET_CLIPS, choose_float_layers
from keras_action.litert.inspection import FileSummary, inspect_bytes
from keras_action.litert.layer_names import LayerNames
from keras_action.litert.metadata import Metadata, with_metadata
from keras_action.litert.model import signature_runner
from keras_action.litert.partitions import find_partitions
from keras_action.litert.quantize import calibrate, quantize, tensors_with_bytes
from keras_action.litert.quiet import quiet
from keras_action.litert.requirements import DELEGATED, INTEGER, ConversionError, are_few, check_requirements
from keras_action.litert.streaming import (
    is_stream,
    representative_sequences,
    run_some_steps,
    stream_clip_shape,
    stream_file,
)
from keras_action.utils.files import write_whole
from keras_action.version import __version__

__all__ = ["QUANTIZATIONS", "ConversionError", "ConversionReport", "convert"]

# Of what may have no end, as a training pipeline. More clips hardly move the ranges any more.
MAX_REPRESENTATIVE_CLIPS = 128


@dataclasses.dataclass(frozen=True)
class ConversionReport:
    """What a conversion gave.

    Args:
        path: The file.
        quantization: As asked for.
        summary: The `FileSummary` of the file.
        dead_tensors: The activations that were zero on all representative clips
            and were given a range by hand (integer files only).
        float_layers: The layers that were kept in float, as asked for or by the
            budget (integer files only).
        seconds: How long it took.
    """

    path: Path
    quantization: str | None
    summary: FileSummary
    dead_tensors: tuple[str, ...]
    float_layers: tuple[str, ...]
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
        if self.float_layers:
            lines.append(f"kept in float     {', '.join(self.float_layers)}")
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
    *,
    input_dtype=None,
    output_dtype="float32",
    keep_float=(),
    float_budget=0.0,
    max_partitions=1,
):
    """Convert a clip model, or a streaming model, to a LiteRT file.

    The file takes one clip `(1, T, H, W, 3)`, RGB in 0..255, and gives logits
    `(1, classes)`. It has one signature, `serving_default`, from `clip` to
    `logits`, and carries its labels and its time step as metadata. It is run
    once before it is written, and written whole or not at all.

    That of a streaming model (`keras_action.streaming_model`) takes `frame`, RGB
    in 0..255, `(1, H, W, 3)`, and the model's states, and gives `logits` and the
    states by the same names, shapes and types, those of integer files with the
    same scale: they go back as the bytes they are. `LiteRTStream` runs it.

    No file has operators that LiteRT lacks, variables, shapes that are not
    known, or tensors above rank 4 but its input; one that is delegated to
    XNNPACK goes there in one part; one of integers computes with floats only
    where it was told to, and has a scale for each channel of a kernel.

    Args:
        model: A Keras model from clips `(B, T, H, W, 3)`, RGB in 0..255, to
            logits, on the TensorFlow backend, or one of
            `keras_action.streaming_model`. Mixed precision becomes float32.
        path: The `.tflite` file to write.
        quantization: `None` for float32. `"float16"` halves the file at the
            same speed. `"dynamic"` has int8 weights and float activations: small,
            slower than float32. `"int8"` computes with integers only: small and
            fast. `"int16x8"` has int8 weights and int16 activations: as small as
            int8 and nearly as exact as float32, but many times slower, as XNNPACK
            has no kernels for it; for accelerators that do.
        representative_clips: For int8 and int16x8, clips as in training: an array
            `(N, T, H, W, 3)`, or an iterable of clips or batches, or of tuples that
            begin with one. Those of an array or a list are all used; of anything
            else, which may have no end, the first 128 clips. For a streaming model
            they may be of any length, and of what may have no end the first 1024
            frames are used; the states run through each clip from zeros.
        labels: The names of the classes, in the logits' order.
        clip_seconds: The time that a clip spans: the median length of a clip in
            training.
        metadata: Fields of `Metadata` as `author`, `description`, `backbone` or
            `recipe`; or whatever else the file shall carry: names and JSON values.
        input_dtype: `"uint8"` or `"float32"`. int8 files can have both and take
            bytes by default; all others take floats.
        output_dtype: `"float32"`, or `"uint8"` for int8 files: the logits come
            quantised then, `LiteRTModel` makes them floats again.
        keep_float: Names of layers, or regular expressions for them, that stay
            float in an integer file.
        float_budget: The share of the multiply-adds, 0..1, that an integer file
            may compute in floats on top of that: the layers that add most noise
            for what they cost, as far as it brings the logits nearer to the float
            model's.
        max_partitions: In how many parts XNNPACK may take a float32, float16 or
            int8 file; `None` for any number.

    Returns:
        A `ConversionReport`.

    Raises:
        ValueError: If the model is no clip model, or an argument doesn't fit it.
        ConversionError: If the converter fails, or the file does not hold one of
            the above, or does not run. It says which operator of which layer is
            to blame.
        ImportError: If the extra `litert` is not installed.

    Example:

    ```python
    report = convert(model, "gesture.tflite", quantization="int8", representative_clips=clips, labels=labels)
    print(report.table())
    ```
    """
    start = time.perf_counter()
    path = Path(path)
    streaming = is_stream(model)
    clip_shape = stream_clip_shape(model) if streaming else check_model(model)
    check_arguments(model, path, quantization, representative_clips, labels, clip_seconds)
    input_dtype = check_types(quantization, input_dtype, output_dtype, keep_float, float_budget)
    names = LayerNames(model)
    dead, kept = (), ()
    if streaming:
        sequences = representative_sequences(representative_clips, clip_shape)
        types = {"input_dtype": input_dtype, "output_dtype": output_dtype}
        file, dead, kept = stream_file(model, quantization, sequences, path, keep_float, float_budget, **types)
    elif quantization in INTEGER:
        # All of them before it grows quiet: they may come from a pipeline that has something to say.
        limit = None if has_an_end(representative_clips) else MAX_REPRESENTATIVE_CLIPS
        clips = iterate_clips(representative_clips, clip_shape, limit)
        clips = [np.rint(clip).astype("uint8") for clip in clips]
        floats = float_clip_file(model)
        is_any_good = quantization not in DELEGATED or max_partitions is None
        is_good = None if is_any_good else lambda file: are_few(find_partitions(file), max_partitions)
        file, dead, kept = _quantize(
            floats,
            clips,
            names,
            path,
            keep_float,
            float_budget,
            activation_bits=8 if quantization == "int8" else 16,
            bytes_input="clip" if input_dtype == "uint8" else None,
            bytes_output="logits" if output_dtype == "uint8" else None,
            is_good=is_good,
        )
    else:
        clips = [np.random.default_rng(0).integers(0, 256, (1, *clip_shape))]
        file = float_clip_file(model, quantization)
    file = with_metadata(file, _metadata(model, clip_shape, quantization, labels, clip_seconds, metadata))
    summary = inspect_bytes(file)
    kept_tensors = frozenset(tensor for operator in kept for tensor in operator.tensors)
    check_requirements(summary, quantization, names, kept_tensors, max_partitions)
    if streaming:
        run_some_steps(file, path, sequences[0])
    else:
        _check_file(file, path, clips[0])
    write_whole(path, file)
    float_layers = dict.fromkeys(names.main(operator.tensors) for operator in kept)
    return ConversionReport(path, quantization, summary, dead, tuple(float_layers), time.perf_counter() - start)


def _quantize(floats, clips, names, path, keep_float, float_budget, **options):
    """The bytes of the integer file, the dead activations, and the operators that were kept in float."""
    graph = inspect_bytes(floats).graph
    kept = names.matching(keep_float, graph)

    def samples(clips):
        return ({"clip": clip.astype("float32")} for clip in clips)  # as floats one at a time

    def make(kept):
        return quantize(floats, ranges, lambda file: _check_file(file, path, clips[0]), keep_float=kept, **options)

    try:
        with quiet():
            ranges = calibrate(floats, samples(clips))
            file, dead = make(kept)
            if float_budget:
                few = list(samples(clips[:BUDGET_CLIPS]))
                edges = tensors_with_bytes(floats, options["bytes_input"], options["bytes_output"])
                more = choose_float_layers(floats, file, make, few, graph, kept, edges, float_budget, names)
                if more:
                    kept = more
                    file, dead = make(kept)
            return file, dead, kept
    except (ImportError, ConversionError):
        raise
    except Exception as error:  # the quantiser raises whatever it likes
        raise ConversionError(f"{path.name} could not be quantised: {error}") from error


def _metadata(model, clip_shape, quantization, labels, clip_seconds, metadata):
    metadata = dict(metadata or {})
    fields = {"name", "description", "author", "license", "backbone", "recipe"} & set(metadata)
    known = {"name": model.name, **{name: metadata.pop(name) for name in fields}}
    return Metadata(
        labels=None if labels is None else tuple(labels),
        num_segments=clip_shape[0],
        input_size=clip_shape[1:3],
        clip_seconds=clip_seconds,
        quantization=quantization,
        package_version=__version__,
        extra=metadata,
        **known,
    )


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
