"""The outcome of an evaluation: logits beside the truth, and the figures that follow."""

import json
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from keras_action.files import write_whole


class WrongClip(NamedTuple):
    """A clip taken for another class, and the probability the model gave that class."""

    path: str
    true: str
    predicted: str
    probability: float


@dataclass(frozen=True, eq=False)
class EvaluationReport:
    """The logits of a set of clips beside the truth, and the figures that follow.

    An undecodable clip has a row of NaN and the prediction -1. It counts as
    wrong in every accuracy (a model is not better for clips it never saw),
    and is left out of the confusion matrix. Shares are 0..1.

    Args:
        labels: The names of the classes; a class's id is its place.
        paths: The N clips' files.
        true_ids: Integers `(N,)`.
        logits: Floats `(N, classes)`.

    Example:

    >>> report = EvaluationReport(
    ...     labels=("left", "right"),
    ...     paths=("a.mp4", "b.mp4"),
    ...     true_ids=np.array([0, 1]),
    ...     logits=np.array([[2.0, 0.0], [1.0, 0.0]]),
    ... )
    >>> report.top1
    0.5
    >>> report.confusion.tolist()
    [[1, 0], [1, 0]]
    >>> report.wrong()[0].path
    'b.mp4'
    """

    labels: tuple[str, ...]
    paths: tuple[str, ...]
    true_ids: np.ndarray
    logits: np.ndarray

    def __post_init__(self):
        # The class is frozen; what was given as a list is made what the fields promise.
        object.__setattr__(self, "labels", tuple(self.labels))
        object.__setattr__(self, "paths", tuple(map(str, self.paths)))
        object.__setattr__(self, "true_ids", np.asarray(self.true_ids, dtype="int64"))
        object.__setattr__(self, "logits", np.asarray(self.logits, dtype="float32"))
        count, classes = len(self.paths), len(self.labels)
        if not count:
            raise ValueError(f"There must be at least one clip to evaluate. Received: paths={self.paths}")
        if self.true_ids.shape != (count,) or self.logits.shape != (count, classes):
            raise ValueError(
                f"For {count} clips of {classes} classes `true_ids` must have the shape ({count},) and "
                f"`logits` ({count}, {classes}). Received: true_ids.shape={self.true_ids.shape}, "
                f"logits.shape={self.logits.shape}"
            )
        if self.true_ids.min() < 0 or self.true_ids.max() >= classes:
            raise ValueError(f"`true_ids` must be in 0..{classes - 1}. Received: true_ids={self.true_ids}")

    @property
    def decoded(self):
        """Booleans `(N,)`: False where the clip could not be decoded."""
        return ~np.isnan(self.logits).any(axis=-1)

    @property
    def predicted_ids(self):
        """Integers `(N,)`, -1 where the clip could not be decoded."""
        return np.where(self.decoded, np.argmax(self.logits, axis=-1), -1)

    @property
    def probabilities(self):
        """The softmax of the logits, `(N, classes)`, NaN where the clip could not be decoded."""
        powers = np.exp(self.logits - self.logits.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)

    def top_k(self, k):
        """The share of all clips whose class is among the `k` most likely."""
        if not 1 <= k <= len(self.labels):
            raise ValueError(f"`k` must be in 1..{len(self.labels)}, the number of classes. Received: k={k}")
        # A stable sort breaks ties as argmax does: a dead model, all logits equal, is right by chance only.
        likeliest = np.argsort(-self.logits, axis=-1, kind="stable")[:, :k]
        hits = (likeliest == self.true_ids[:, None]).any(axis=-1) & self.decoded
        return float(hits.mean())

    @property
    def top1(self):
        return self.top_k(1)

    @property
    def top5(self):
        """Top-5 accuracy; with fewer than five classes it is 1 but for undecodable clips."""
        return self.top_k(min(5, len(self.labels)))

    @property
    def class_accuracy(self):
        """The share of each class's clips that is right, `(classes,)`; NaN for a class without clips."""
        count = np.bincount(self.true_ids, minlength=len(self.labels))
        right = np.bincount(self.true_ids, weights=self.predicted_ids == self.true_ids, minlength=len(self.labels))
        return np.divide(right, count, out=np.full(len(self.labels), np.nan), where=count > 0)

    @property
    def mean_class_accuracy(self):
        """The mean of `class_accuracy` over the classes that have clips."""
        return float(np.nanmean(self.class_accuracy))

    @property
    def confusion(self):
        """Counts of clips `(classes, classes)`: the true class gives the row, the predicted the column."""
        classes = len(self.labels)
        cells = self.true_ids[self.decoded] * classes + self.predicted_ids[self.decoded]
        return np.bincount(cells, minlength=classes**2).reshape(classes, classes)

    def confusion_within(self, pairs):
        """The 2 × 2 part of the confusion matrix that belongs to each pair of classes.

        Args:
            pairs: Pairs of names of classes.

        Returns:
            A dictionary from each pair to its counts `(2, 2)`.
        """
        matrices = {}
        for first, second in pairs:
            if first == second or not {first, second} <= set(self.labels):
                raise ValueError(
                    f"A pair must be two different ones of the classes {self.labels}. Received: {(first, second)}"
                )
            ids = [self.labels.index(first), self.labels.index(second)]
            matrices[first, second] = self.confusion[np.ix_(ids, ids)]
        return matrices

    def pair_accuracy(self, pairs):
        """How well the two classes of each pair are told apart.

        Of the clips of either class that were taken for either class, the
        share that was taken for the right one. For two gestures that differ
        only in time's direction, a model blind to order is at chance, 0.5.

        Args:
            pairs: Pairs of names of classes.

        Returns:
            A dictionary from each pair to its share; NaN where no clip counts.
        """
        matrices = self.confusion_within(pairs)
        return {
            pair: float(np.trace(matrix) / matrix.sum()) if matrix.any() else float("nan")
            for pair, matrix in matrices.items()
        }

    def wrong(self):
        """The decoded clips that were taken for another class, as `WrongClip`s, most confident first."""
        predicted, probabilities = self.predicted_ids, self.probabilities
        indices = np.flatnonzero(self.decoded & (predicted != self.true_ids))
        clips = [
            WrongClip(
                path=self.paths[i],
                true=self.labels[self.true_ids[i]],
                predicted=self.labels[predicted[i]],
                probability=float(probabilities[i, predicted[i]]),
            )
            for i in indices
        ]
        return sorted(clips, key=lambda clip: -clip.probability)

    @property
    def undecodable(self):
        """The paths of the clips that could not be decoded."""
        return tuple(self.paths[i] for i in np.flatnonzero(~self.decoded))

    def to_json(self):
        """All figures and each clip's outcome as a JSON text; what does not exist is null."""
        predicted, probabilities = self.predicted_ids, self.probabilities
        clips = [
            {
                "path": path,
                "true": self.labels[true],
                "predicted": self.labels[guess] if guess >= 0 else None,
                "probability": float(row[guess]) if guess >= 0 else None,
            }
            for path, true, guess, row in zip(self.paths, self.true_ids, predicted, probabilities, strict=True)
        ]
        content = {
            "clips": len(self.paths),
            "top1": self.top1,
            "top5": self.top5,
            "mean_class_accuracy": self.mean_class_accuracy,
            "class_accuracy": {
                label: None if np.isnan(share) else float(share)
                for label, share in zip(self.labels, self.class_accuracy, strict=True)
            },
            "labels": list(self.labels),
            "confusion": self.confusion.tolist(),
            "undecodable": list(self.undecodable),
            "results": clips,
        }
        return json.dumps(content, indent=1, allow_nan=False)

    def save_json(self, path):
        """Write `to_json()` to `path`, whole or not at all."""
        write_whole(path, self.to_json() + "\n")

    def table(self):
        """The figures and a line for each class, as text of fixed width."""
        confusion, shares = self.confusion, self.class_accuracy
        totals = np.bincount(self.true_ids, minlength=len(self.labels))
        width = max(len("class"), *map(len, self.labels))
        lines = [
            f"{len(self.paths)} clips, {len(self.labels)} classes, {len(self.undecodable)} undecodable",
            f"top-1 {self.top1:.1%}   top-5 {self.top5:.1%}   mean class {self.mean_class_accuracy:.1%}",
            "",
            f"{'class':<{width}}  clips  right  accuracy  most often taken for",
        ]
        for i, label in enumerate(self.labels):
            others = np.where(np.arange(len(self.labels)) == i, 0, confusion[i])
            worst = int(np.argmax(others))
            taken_for = f"{self.labels[worst]} ({others[worst]})" if others[worst] else ""
            share = "" if np.isnan(shares[i]) else f"{shares[i]:.1%}"
            lines.append(f"{label:<{width}}  {totals[i]:>5}  {confusion[i, i]:>5}  {share:>8}  {taken_for}".rstrip())
        if self.undecodable:
            lines += ["", "Could not be decoded, counted as wrong:", *(f"  {p}" for p in self.undecodable)]
        return "\n".join(lines)

    def __str__(self):
        return self.table()
