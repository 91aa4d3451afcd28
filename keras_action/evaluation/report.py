"""The report of an evaluation."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from keras_action.evaluation.intervals import accuracy_intervals
from keras_action.evaluation.protocol import Protocol
from keras_action.evaluation.results import ClassResult, ConfusedPair, MisclassifiedClip, pair_ids
from keras_action.evaluation.text import make_json, make_summary, make_table
from keras_action.utils.files import write_whole
from keras_action.utils.statistics import softmax


@dataclass(frozen=True, eq=False)
class EvaluationReport:
    """The logits and true classes of a set of clips, and the accuracies.

    The logits of a clip that could not be decoded are NaN, and its prediction is -1. It counts as wrong in every
    accuracy, and is not in the confusion matrix.

    Args:
        labels: The names of the classes, in the order of the logits.
        paths: The files of the N clips.
        true_ids: Integers `(N,)`.
        logits: Floats `(N, classes)`; of several views, the logarithms of the mean probabilities.
        groups: The name of the subject or session of each clip, or `None` if unknown; see `bootstrap`.
        reversed_pairs: Pairs of classes of which one is the other played backwards.
        protocol: The `Protocol` of the evaluation, or `None`.

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
    >>> report.misclassified()[0].path
    'b.mp4'
    """

    labels: tuple[str, ...]
    paths: tuple[str, ...]
    true_ids: np.ndarray
    logits: np.ndarray
    groups: tuple[str, ...] | None = None
    reversed_pairs: tuple[tuple[str, str], ...] = ()
    protocol: Protocol | None = None

    def __post_init__(self):
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
        if self.groups is not None:
            object.__setattr__(self, "groups", tuple(self.groups))
            if len(self.groups) != count:
                raise ValueError(f"There must be a group for each of {count} clips. Received: {len(self.groups)}")
        object.__setattr__(self, "reversed_pairs", tuple(map(tuple, self.reversed_pairs)))
        for pair in self.reversed_pairs:
            pair_ids(pair, self.labels)

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
        return softmax(self.logits)

    def top_k(self, k):
        """Top-k accuracy: the share of all clips whose class is among the `k` most likely ones."""
        return float(self._hits(k).mean())

    def _hits(self, k):
        if not 1 <= k <= len(self.labels):
            raise ValueError(f"`k` must be in 1..{len(self.labels)}, the number of classes. Received: k={k}")
        # A stable sort breaks ties as argmax does: of equal logits only the first ones count.
        top = np.argsort(-self.logits, axis=-1, kind="stable")[:, :k]
        return (top == self.true_ids[:, None]).any(axis=-1) & self.decoded

    @property
    def top1(self):
        """Top-1 accuracy."""
        return self.top_k(1)

    @property
    def top5(self):
        """Top-5 accuracy; top-n accuracy for n < 5 classes."""
        return self.top_k(min(5, len(self.labels)))

    @property
    def class_accuracy(self):
        """The accuracy of each class, `(classes,)`; NaN for a class without clips."""
        count = np.bincount(self.true_ids, minlength=len(self.labels))
        correct = np.bincount(self.true_ids, weights=self.predicted_ids == self.true_ids, minlength=len(self.labels))
        return np.divide(correct, count, out=np.full(len(self.labels), np.nan), where=count > 0)

    @property
    def mean_class_accuracy(self):
        """The mean of `class_accuracy` over the classes that have clips."""
        return float(np.nanmean(self.class_accuracy))

    @cached_property
    def intervals(self):
        """The 95 % intervals of `bootstrap`, as in tables and files."""
        return self.bootstrap()

    @property
    def has_groups(self):
        """Whether `bootstrap` resamples groups: each clip has one, and there are several."""
        return self.groups is not None and None not in self.groups and len(set(self.groups)) > 1

    def bootstrap(self, level=0.95, resamples=2000, seed=0):
        """Percentile intervals by bootstrap of top-1, top-5 and mean class accuracy.

        If each clip has a group, groups are resampled: clips of one subject resemble each other, and intervals for
        independent clips would be too narrow. With fewer than about ten groups they still are. Without groups, clips
        are resampled. If all clips are correct, the interval is a point. The variation between trainings of the model
        is not included.

        Args:
            level: The confidence level.
            resamples: Number of resamples.
            seed: Seed of the resampling.

        Returns:
            A dictionary from `"top1"`, `"top5"` and `"mean_class_accuracy"` to `ConfidenceInterval`s.
        """
        outcomes = sum(self._hits(min(k, len(self.labels))).astype(int) for k in (1, 5))
        groups = np.unique(self.groups, return_inverse=True)[1] if self.has_groups else None
        return accuracy_intervals(
            self.true_ids, outcomes, len(self.labels), groups, level=level, resamples=resamples, seed=seed
        )

    def class_results(self):
        """A `ClassResult` for each class, in the order of the labels."""
        confusion, shares = self.confusion, self.class_accuracy
        totals = np.bincount(self.true_ids, minlength=len(self.labels))
        others = confusion - np.diag(np.diag(confusion))
        return [
            ClassResult(
                label=label,
                clips=int(totals[i]),
                correct=int(confusion[i, i]),
                accuracy=float(shares[i]),
                confused_with=self.labels[others[i].argmax()] if others[i].any() else None,
                confused_clips=int(others[i].max()),
            )
            for i, label in enumerate(self.labels)
        ]

    @property
    def confusion(self):
        """Counts of clips `(classes, classes)`: the true class gives the row, the predicted the column."""
        classes = len(self.labels)
        cells = self.true_ids[self.decoded] * classes + self.predicted_ids[self.decoded]
        return np.bincount(cells, minlength=classes**2).reshape(classes, classes)

    def confused_pairs(self, count=20):
        """The pairs of classes that are most often confused, as `ConfusedPair`s."""
        confusion = self.confusion
        both = np.triu(confusion + confusion.T, k=1)
        worst = np.argsort(-both, axis=None, kind="stable")[:count]
        return [
            ConfusedPair(self.labels[i], self.labels[j], int(confusion[i, j]), int(confusion[j, i]))
            for i, j in zip(*np.unravel_index(worst, both.shape), strict=True)
            if both[i, j]
        ]

    def confusion_within(self, pairs):
        """The 2 × 2 part of the confusion matrix for each pair of classes.

        Args:
            pairs: Pairs of names of classes.

        Returns:
            A dictionary from each pair to its counts `(2, 2)`.
        """
        confusion = self.confusion
        ids = {tuple(pair): pair_ids(pair, self.labels) for pair in pairs}
        return {pair: confusion[np.ix_(numbers, numbers)] for pair, numbers in ids.items()}

    def pair_accuracy(self, pairs=None):
        """The accuracy within each pair of classes.

        Only clips of the two classes that were classified as one of the two count. For two gestures of which one is
        the other played backwards, a model that ignores the order of frames is at chance, 0.5.

        Args:
            pairs: Pairs of names of classes; by default `reversed_pairs`.

        Returns:
            A dictionary from each pair to its accuracy; NaN if no clip counts.
        """
        matrices = self.confusion_within(self.reversed_pairs if pairs is None else pairs)
        return {
            pair: float(np.trace(matrix) / matrix.sum()) if matrix.any() else float("nan")
            for pair, matrix in matrices.items()
        }

    def misclassified(self):
        """The misclassified clips as `MisclassifiedClip`s, in descending order of probability."""
        predicted, probabilities = self.predicted_ids, self.probabilities
        indices = np.flatnonzero(self.decoded & (predicted != self.true_ids))
        clips = [
            MisclassifiedClip(
                path=self.paths[i],
                true=self.labels[self.true_ids[i]],
                predicted=self.labels[predicted[i]],
                probability=float(probabilities[i, predicted[i]]),
                index=int(i),
            )
            for i in indices
        ]
        return sorted(clips, key=lambda clip: -clip.probability)

    @property
    def undecodable(self):
        """The paths of the clips that could not be decoded."""
        return tuple(self.paths[i] for i in np.flatnonzero(~self.decoded))

    def to_json(self):
        """All accuracies and the result of each clip as a JSON text; undefined values are null."""
        return make_json(self)

    def save_json(self, path):
        """Writes `to_json()` to `path`, whole or not at all."""
        write_whole(path, self.to_json() + "\n")

    def summary(self):
        """The accuracies, the most confused pairs and the reversed pairs, in a few lines."""
        return make_summary(self)

    def __str__(self):
        """The summary and a line for each class, as a table of fixed width."""
        return make_table(self)
