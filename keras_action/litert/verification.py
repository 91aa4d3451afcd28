"""Compares LiteRT files with the models that they were converted from."""

import dataclasses
import math

import numpy as np

from keras_action.litert.clips import iterate_labelled_clips
from keras_action.litert.file import LiteRTFile
from keras_action.litert.forms import frame_sequences, is_stream
from keras_action.litert.inspection import FileSummary, summarize
from keras_action.litert.model import LiteRTModel
from keras_action.litert.stream import LiteRTStream
from keras_action.utils.files import json_number
from keras_action.utils.signature import FRAME, LOGITS, returns_sequences
from keras_action.utils.text import counted


@dataclasses.dataclass(frozen=True)
class VerificationReport:
    """The differences between a LiteRT file and its model.

    Args:
        summary: The `FileSummary` of the file.
        num_clips: Number of clips on which the two were compared.
        max_abs_error: Largest absolute difference of two logits.
        mean_abs_error: Mean absolute difference.
        relative_error: `max_abs_error` relative to the range of the model's logits
            (maximum − minimum).
        top1_agreement: Share of the clips for which both predict the same class.
        accuracy: Top-1 accuracy of the file, or `None` if the clips have no labels.
        model_accuracy: Top-1 accuracy of the model, or `None`.
    """

    summary: FileSummary
    num_clips: int
    max_abs_error: float
    mean_abs_error: float
    relative_error: float
    top1_agreement: float
    accuracy: float | None = None
    model_accuracy: float | None = None

    @property
    def operators(self):
        return self.summary.operators

    @property
    def max_rank(self):
        return self.summary.max_rank

    @property
    def size_bytes(self):
        return self.summary.size_bytes

    @property
    def accuracy_drop(self):
        """`model_accuracy` − `accuracy`; `None` without labels."""
        return None if self.accuracy is None else self.model_accuracy - self.accuracy

    def failures(
        self,
        *,
        max_error=None,
        min_agreement=None,
        max_accuracy_drop=None,
        min_accuracy=None,
        max_rank=None,
        max_partitions=None,
        max_float_operators=None,
        max_size_mb=None,
    ):
        """The limits that are exceeded, a list of sentences. `None` is not checked.

        Args:
            max_error: Upper limit of `relative_error`.
            min_agreement: Lower limit of `top1_agreement`.
            max_accuracy_drop: Upper limit of `accuracy_drop`.
            min_accuracy: Lower limit of `accuracy`.
            max_rank: Upper limit of `max_rank`.
            max_partitions: Upper limit of XNNPACK's partitions. There must be at least one.
            max_float_operators: Upper limit of the number of float operators.
            max_size_mb: Upper limit of the size in 10⁶ bytes.

        Raises:
            ValueError: If a threshold is for an accuracy, and the clips have no labels.
        """
        if self.accuracy is None and (max_accuracy_drop is not None or min_accuracy is not None):
            raise ValueError("Thresholds for accuracy need clips with labels. Received: clips without labels")
        parts = self.summary.partitions
        parts = math.inf if parts is None or not parts.count else parts.count
        floats = sum(self.summary.float_operators.values())
        checks = (
            ("the error of the logits", self.relative_error, max_error, "most", ".2%"),
            ("the share of the same class", self.top1_agreement, min_agreement, "least", ".1%"),
            ("the drop of top-1", self.accuracy_drop, max_accuracy_drop, "most", ".2%"),
            ("top-1", self.accuracy, min_accuracy, "least", ".2%"),
            ("the highest rank", self.max_rank, max_rank, "most", "g"),
            ("the number of XNNPACK's partitions", parts, max_partitions, "most", "g"),
            ("the number of float operators", floats, max_float_operators, "most", "g"),
            ("the size in MB", self.size_bytes / 1e6, max_size_mb, "most", ".3g"),
        )
        return [
            f"{name} is {value:{form}}, at {bound} {limit:{form}} is allowed"
            for name, value, limit, bound, form in checks
            if limit is not None and (value > limit if bound == "most" else value < limit)
        ]

    def to_dict(self):
        """The report as a dict for JSON: numbers that are not finite are `None`."""
        values = {field.name: json_number(getattr(self, field.name)) for field in dataclasses.fields(self)}
        return {**values, "summary": self.summary.to_dict()}

    def error_table(self):
        """The differences as text."""
        clips = counted(self.num_clips, "clip")
        lines = [
            f"error of logits   maximum {self.max_abs_error:.2g} ({self.relative_error:.2%} of their range), "
            f"mean {self.mean_abs_error:.2g}",
            f"same class        {self.top1_agreement:.1%} of {clips}",
        ]
        if self.accuracy is not None:
            lines.append(f"top-1             model {self.model_accuracy:.1%}, file {self.accuracy:.1%} of {clips}")
        return "\n".join(lines)

    def table(self):
        """The whole report as text, one line for each figure."""
        return f"{self.summary.table()}\n{self.error_table()}"

    def __str__(self):
        return self.table()


def verify(path, model, clips):
    """Compares a LiteRT file with the model that it was converted from.

    A streaming file can be compared with its streaming model or its causal model of
    clips. With a streaming model, or a model with `return_sequences`, the logits of
    all frames are compared: clips may have any length, the states are zeros before
    each, and the report counts frames; of an iterable that may be endless, the first
    1024 frames are used. With a model of clips, the mean of the logits of a clip's
    frames is compared, whether the file averages or not.

    Args:
        path: Path of the `.tflite` file, or a `LiteRTFile`.
        model: The Keras model, or a callable from clips to logits.
        clips: RGB in 0..255: an array `(N, T, H, W, 3)`, or an iterable of clips
            or batches, or of tuples that begin with one, then labels (ids or
            one-hot), then weights: clips of weight 0 are left out. It must end.

    Returns:
        A `VerificationReport`.

    Raises:
        ValueError: If the two do not have the same clips and classes, if there is
            no clip, or as `LiteRTModel` does.

    Example:

    >>> report = verify("gesture.tflite", model, clips)
    >>> print(report.table())
    """
    file = LiteRTFile.read(path)
    summary = summarize(file)
    if returns_sequences(model):
        from keras_action.models import streaming_model

        model = streaming_model(model)
    if is_stream(model):
        expected, actual = _frame_logits(file, model, clips)
        return _report(summary, expected, actual, [None])
    predict_file = _StreamOverClips(file, model) if file.is_streaming else LiteRTModel(file)
    expected_shapes = [getattr(model, name, None) for name in ("input_shape", "output_shape")]
    for shape, expected_shape in zip(
        (predict_file.input_shape, predict_file.output_shape), expected_shapes, strict=True
    ):
        if expected_shape is not None and shape[1:] != tuple(expected_shape[1:]):
            raise ValueError(
                f"{path} is not a file of this model. Received: {shape} in the file, {expected_shape} in the model"
            )
    predict = getattr(model, "predict_on_batch", model)
    expected, actual, labels = [], [], []
    for clip, label in iterate_labelled_clips(clips, predict_file.input_shape[1:]):
        expected.append(np.asarray(predict(clip)))
        actual.append(predict_file(clip))
        labels.append(label)
    return _report(summary, np.concatenate(expected), np.concatenate(actual), labels)


def _report(summary, expected, actual, labels):
    error, spread = np.abs(expected - actual), float(np.ptp(expected))
    file_classes, model_classes = actual.argmax(axis=-1), expected.argmax(axis=-1)
    labelled = None not in labels
    return VerificationReport(
        summary=summary,
        num_clips=len(expected),
        max_abs_error=float(error.max()),
        mean_abs_error=float(error.mean()),
        relative_error=float(error.max()) / spread if spread else float("inf" if error.max() else 0),
        top1_agreement=float((file_classes == model_classes).mean()),
        accuracy=float((file_classes == labels).mean()) if labelled else None,
        model_accuracy=float((model_classes == labels).mean()) if labelled else None,
    )


def _frame_logits(file, model, clips):
    """The logits of a streaming model and of its file for each frame, two arrays `(frames, classes)`."""
    step = LiteRTStream(file)
    shapes = tuple(model.input[FRAME].shape[1:]), model.output[LOGITS].shape[-1]
    if (step.frame_shape, step.num_classes) != shapes:
        raise ValueError(
            f"{file.name} is not a file of this model. Received: {step.frame_shape} → {step.num_classes} classes in "
            f"the file, {shapes[0]} → {shapes[1]} in the model"
        )
    expected, actual = [], []
    for frames in frame_sequences(clips, step.frame_shape):
        step.reset()
        states = {name: np.zeros((1, *x.shape[1:]), "float32") for name, x in model.input.items() if name != FRAME}
        for frame in frames:
            states = model.predict_on_batch({FRAME: frame.astype("float32"), **states})
            expected.append(states.pop(LOGITS)[0])
            actual.append(step(frame))
    return np.stack(expected), np.stack(actual)


class _StreamOverClips:
    """A streaming file as a function of clips: the mean of the logits of their frames.

    If the file averages over n frames, every n-th of its means, from the last one back, counts each frame once; before
    the first frame, it averages zeros.
    """

    def __init__(self, file, model):
        self._stream = LiteRTStream(file)
        shape, metadata = getattr(model, "input_shape", None), self._stream.metadata
        if shape is None and metadata is None:
            raise ValueError(
                "The file has no metadata, so that `model` must have an `input_shape` (B, T, H, W, 3). "
                f"Received: path={file.name}, model={model!r}"
            )
        num_segments = metadata.num_segments if shape is None else shape[1]
        self.input_shape = (None, num_segments, *self._stream.frame_shape)
        self.output_shape = (None, self._stream.num_classes)

    def __call__(self, clips):
        logits = []
        for clip in clips:
            self._stream.reset()
            means = [self._stream(frame) for frame in clip][:: -self._stream.average_over]
            logits.append(np.sum(means, axis=0) * (self._stream.average_over / len(clip)))
        return np.stack(logits)
