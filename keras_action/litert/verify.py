"""Compare a LiteRT file with the model it came from."""

import dataclasses
import math

import numpy as np

from keras_action.litert.clips import iterate_labelled_clips
from keras_action.litert.inspection import FileSummary, inspect_file
from keras_action.litert.model import LiteRTModel
from keras_action.litert.stream import LiteRTStream
from keras_action.litert.streaming import is_stream, stream_logits


@dataclasses.dataclass(frozen=True)
class VerificationReport:
    """How a LiteRT file differs from the model it came from.

    Args:
        summary: The `FileSummary` of the file.
        num_clips: The number of clips on which the two were compared.
        max_abs_gap: The greatest difference between two logits.
        mean_abs_gap: The mean difference.
        relative_gap: `max_abs_gap` as a share of the spread of the model's logits
            (their greatest minus their least).
        top1_agreement: The share of clips for which both name the same class.
        accuracy: The share of clips for which the file names the right class, or
            `None` if the clips have no labels.
        model_accuracy: The same of the model.
    """

    summary: FileSummary
    num_clips: int
    max_abs_gap: float
    mean_abs_gap: float
    relative_gap: float
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
        """What the file is less accurate than the model, 0.01 being a point; `None` without labels."""
        return None if self.accuracy is None else self.model_accuracy - self.accuracy

    def failures(
        self,
        *,
        max_gap=None,
        min_agreement=None,
        max_accuracy_drop=None,
        min_accuracy=None,
        max_rank=None,
        max_partitions=None,
        max_float_operators=None,
        max_size_mb=None,
    ):
        """What does not keep to thresholds, as texts; a threshold of `None` is not checked.

        Args:
            max_gap: The most `relative_gap`.
            min_agreement: The least `top1_agreement`.
            max_accuracy_drop: The most `accuracy_drop`.
            min_accuracy: The least `accuracy`.
            max_rank: The most `max_rank`.
            max_partitions: The most parts in which XNNPACK takes the file, which must be one at least.
            max_float_operators: The most float operators.
            max_size_mb: The most 10⁶ bytes.

        Raises:
            ValueError: If a threshold is for an accuracy, and the clips had no labels.
        """
        if self.accuracy is None and (max_accuracy_drop is not None or min_accuracy is not None):
            raise ValueError("Accuracy is known on labelled clips only. Received: clips without labels")
        parts = self.summary.partitions
        parts = math.inf if parts is None or not parts.count else parts.count
        floats = sum(self.summary.float_operators.values())
        checks = (
            ("the gap of logits", self.relative_gap, max_gap, "most", ".2%"),
            ("the share with the same class", self.top1_agreement, min_agreement, "least", ".1%"),
            ("the drop of top-1", self.accuracy_drop, max_accuracy_drop, "most", ".2%"),
            ("top-1", self.accuracy, min_accuracy, "least", ".2%"),
            ("the highest rank", self.max_rank, max_rank, "most", "g"),
            ("the number of XNNPACK's parts", parts, max_partitions, "most", "g"),
            ("the number of float operators", floats, max_float_operators, "most", "g"),
            ("the size in MB", self.size_bytes / 1e6, max_size_mb, "most", ".3g"),
        )
        return [
            f"{name} is {value:{form}}, at {bound} {limit:{form}} is allowed"
            for name, value, limit, bound, form in checks
            if limit is not None and (value > limit if bound == "most" else value < limit)
        ]

    def to_dict(self):
        """The report as a dict that JSON can hold: a figure that is not finite is `None`."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        values = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in values.items()
        }
        return {**values, "summary": self.summary.to_dict()}

    def gap_table(self):
        """How the file differs from the model, as text."""
        clips = f"{self.num_clips} clip{'' if self.num_clips == 1 else 's'}"
        lines = [
            f"gap of logits     {self.max_abs_gap:.2g} at most, {self.mean_abs_gap:.2g} in the mean, "
            f"{self.relative_gap:.2%} of their spread",
            f"same class        {self.top1_agreement:.1%} of {clips}",
        ]
        if self.accuracy is not None:
            lines.append(f"top-1             model {self.model_accuracy:.1%}, file {self.accuracy:.1%} of {clips}")
        return "\n".join(lines)

    def table(self):
        """The whole report as text, one line a figure."""
        return f"{self.summary.table()}\n{self.gap_table()}"

    def __str__(self):
        return self.table()


def verify(path, model, clips):
    """Compare a LiteRT file with the model it came from.

    Of a streaming file and model the logits of all frames are compared, the states run through each clip from zeros; a
    clip may be of any length, of clips that are no list or array the first 1024 frames are taken, and what the report
    says of clips it says of frames. Of a streaming file and the causal clip model it came from, the mean of the logits
    of a clip's frames is compared, whether the file takes a mean itself or not.

    Args:
        path: The `.tflite` file.
        model: The Keras model, or any callable from clips to logits.
        clips: RGB in 0..255: an array `(N, T, H, W, 3)`, or an iterable of clips
            or batches, or of tuples that begin with one, then labels, ids or
            one-hot, then weights: clips of weight 0 are left out. It must end.

    Returns:
        A `VerificationReport`.

    Raises:
        ValueError: If the two don't have the same clips and classes, if there is
            no clip, or as `LiteRTModel` does.

    Example:

    >>> report = verify("gesture.tflite", model, clips)
    >>> print(report.table())
    """
    summary = inspect_file(path)
    if is_stream(model):
        expected, actual = stream_logits(path, model, clips)
        return _report(summary, expected, actual, [None])
    file = _StreamOverClips(path, model) if "frame" in summary.inputs else LiteRTModel(path)
    shapes = [getattr(model, "input_shape", None), getattr(model, "output_shape", None)]
    for ours, theirs in zip((file.input_shape, file.output_shape), shapes, strict=True):
        if theirs is not None and ours[1:] != tuple(theirs[1:]):
            raise ValueError(f"{path} is not a file of this model. Received: {ours} in the file, {theirs} in the model")
    predict = getattr(model, "predict_on_batch", model)
    expected, actual, labels = [], [], []
    for clip, label in iterate_labelled_clips(clips, file.input_shape[1:]):
        expected.append(np.asarray(predict(clip)))
        actual.append(file(clip))
        labels.append(label)
    return _report(summary, np.concatenate(expected), np.concatenate(actual), labels)


def _report(summary, expected, actual, labels):
    gap = np.abs(expected - actual)
    spread = float(np.ptp(expected))
    file_classes, model_classes = actual.argmax(axis=-1), expected.argmax(axis=-1)
    labelled = None not in labels
    return VerificationReport(
        summary=summary,
        num_clips=len(expected),
        max_abs_gap=float(gap.max()),
        mean_abs_gap=float(gap.mean()),
        relative_gap=float(gap.max()) / spread if spread else float("inf" if gap.max() else 0),
        top1_agreement=float((file_classes == model_classes).mean()),
        accuracy=float((file_classes == labels).mean()) if labelled else None,
        model_accuracy=float((model_classes == labels).mean()) if labelled else None,
    )


class _StreamOverClips:
    """A streaming file as a function of clips: the mean of the logits of their frames.

    Where the file takes the mean of n frames itself, every n-th of its means, from the last one back, sees each frame
    once; frames before the first are zeros in it.
    """

    def __init__(self, path, model):
        self._stream = LiteRTStream(path)
        shape, metadata = getattr(model, "input_shape", None), self._stream.metadata
        if shape is None and metadata is None:
            raise ValueError(
                "The file has no metadata, so that the model must tell the frames of a clip by its `input_shape`, "
                f"(B, T, H, W, 3). Received: path={path}, model={model!r}"
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
