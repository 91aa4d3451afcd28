"""Parts of an `EvaluationReport`: misclassified clips, results of classes, pairs of classes."""

from typing import NamedTuple

from keras_action.utils.fields import did_you_mean


class MisclassifiedClip(NamedTuple):
    """A misclassified clip, the probability of the predicted class, and the index of the clip in the set."""

    path: str
    true: str
    predicted: str
    probability: float
    index: int


class ClassResult(NamedTuple):
    """The numbers of clips and of correct clips of a class, its accuracy, and its most frequent wrong prediction.

    The accuracy is NaN for a class without clips. `confused_with` is `None` if no clip of the class was misclassified.
    """

    label: str
    clips: int
    correct: int
    accuracy: float
    confused_with: str | None
    confused_clips: int


class ConfusedPair(NamedTuple):
    """Two classes, and the number of clips of each that were classified as the other."""

    first: str
    second: str
    first_as_second: int
    second_as_first: int

    @property
    def clips(self):
        return self.first_as_second + self.second_as_first


def pair_ids(pair, labels):
    """The ids of a pair of classes, a list of two."""
    labels = tuple(labels)
    if len(pair) != 2 or pair[0] == pair[1]:
        raise ValueError(f"A pair must be two different classes. Received: {tuple(pair)}")
    for name in pair:
        if name not in labels:
            names = ", ".join(labels)
            hint = did_you_mean(name, labels) or f" The classes are {names[:500]}{'…' if len(names) > 500 else ''}."
            raise ValueError(f"There is no class {name!r}.{hint} Received: pair={tuple(pair)}")
    return [labels.index(name) for name in pair]
