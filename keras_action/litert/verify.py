"""Compare a LiteRT file with the model it came from."""

import dataclasses

import numpy as np

from keras_action.litert.clips import iterate_clips
from keras_action.litert.inspection import FileSummary, inspect_file
from keras_action.litert.model import LiteRTModel


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
    """

    summary: FileSummary
    num_clips: int
    max_abs_gap: float
    mean_abs_gap: float
    relative_gap: float
    top1_agreement: float

    @property
    def operators(self):
        return self.summary.operators

    @property
    def max_rank(self):
        return self.summary.max_rank

    @property
    def size_bytes(self):
        return self.summary.size_bytes

    def gap_table(self):
        """How the file differs from the model, as text."""
        clips = f"{self.num_clips} clip{'' if self.num_clips == 1 else 's'}"
        return (
            f"gap of logits     {self.max_abs_gap:.2g} at most, {self.mean_abs_gap:.2g} in the mean, "
            f"{self.relative_gap:.2%} of their spread\n"
            f"same class        {self.top1_agreement:.1%} of {clips}"
        )

    def table(self):
        """The whole report as text, one line a figure."""
        return f"{self.summary.table()}\n{self.gap_table()}"

    def __str__(self):
        return self.table()


def verify(path, model, clips):
    """Compare a LiteRT file with the model it came from.

    Args:
        path: The `.tflite` file.
        model: The Keras model, or any callable from clips to logits.
        clips: RGB in 0..255: an array `(N, T, H, W, 3)`, or an iterable of clips
            or batches, or of tuples that begin with one. It must end.

    Returns:
        A `VerificationReport`.

    Raises:
        ValueError: If the two don't have the same clips and classes, if there is
            no clip, or as `LiteRTModel` does.

    Example:

    >>> report = verify("gesture.tflite", model, clips)
    >>> print(report.table())
    """
    file = LiteRTModel(path)
    shapes = [getattr(model, "input_shape", None), getattr(model, "output_shape", None)]
    for ours, theirs in zip((file.input_shape, file.output_shape), shapes, strict=True):
        if theirs is not None and ours[1:] != tuple(theirs[1:]):
            raise ValueError(f"{path} is not a file of this model. Received: {ours} in the file, {theirs} in the model")
    predict = getattr(model, "predict_on_batch", model)
    expected, actual = [], []
    for clip in iterate_clips(clips, file.input_shape[1:]):
        expected.append(np.asarray(predict(clip)))
        actual.append(file(clip))
    expected, actual = np.concatenate(expected), np.concatenate(actual)
    gap = np.abs(expected - actual)
    spread = float(np.ptp(expected))
    return VerificationReport(
        summary=inspect_file(path),
        num_clips=len(expected),
        max_abs_gap=float(gap.max()),
        mean_abs_gap=float(gap.mean()),
        relative_gap=float(gap.max()) / spread if spread else float("inf" if gap.max() else 0),
        top1_agreement=float((expected.argmax(axis=-1) == actual.argmax(axis=-1)).mean()),
    )
