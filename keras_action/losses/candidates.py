"""Loss and accuracy where several labels are right."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_action")
class CandidateCrossentropy(keras.losses.Loss):
    """The negative logarithm of the probability that one of the right labels has.

    A target may name several labels, the candidates, without saying how much each of them counts: a hand that moves to
    the left may be a swipe, or the first side of a square. Every other label is wrong. With one candidate it is the
    cross-entropy.

    Args:
        label_smoothing: From 0 to 1, as of `keras.losses.CategoricalCrossentropy`: the share of the loss that is the
            mean cross-entropy of all labels.
        reduction: As of `keras.losses.Loss`.
        name: Its name.

    Call arguments:
        y_true: `(…, classes)`, 1 for each candidate, 0 for every other label.
        y_pred: Logits `(…, classes)`.

    Returns:
        The loss of each step `(…)`, reduced.

    Example:

    >>> loss = keras_action.losses.CandidateCrossentropy()
    >>> loss(np.array([[1.0, 1.0, 0.0]]), np.array([[0.0, 0.0, 0.0]]))  # -log(2 / 3)

    Reference: [Jin and Ghahramani, 2002](https://papers.nips.cc/paper/2234-learning-with-multiple-labels), with the
    model's own probabilities for the candidates.
    """

    def __init__(self, label_smoothing=0.0, reduction="sum_over_batch_size", name="candidate_crossentropy", dtype=None):
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"`label_smoothing` must be from 0 to 1. Received: label_smoothing={label_smoothing}")
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        log_probabilities = ops.log_softmax(y_pred, axis=-1)
        candidates = ops.where(y_true > 0, log_probabilities, -1e9)
        loss = -ops.logsumexp(candidates, axis=-1)
        if self.label_smoothing:
            loss = (1 - self.label_smoothing) * loss - self.label_smoothing * ops.mean(log_probabilities, axis=-1)
        return loss

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing, "dtype": self.dtype}


@keras.saving.register_keras_serializable(package="keras_action")
class CandidateAccuracy(keras.metrics.MeanMetricWrapper):
    """The share of steps whose most probable label is one of the right ones.

    Targets and logits are those of `CandidateCrossentropy`. With one candidate it is `CategoricalAccuracy`.

    Args:
        name: Its name.
        dtype: Its data type.
    """

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(_is_candidate, name=name, dtype=dtype)
        self._direction = "up"  # as Keras' own accuracies have it: for callbacks that look for the best epoch

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


def _is_candidate(y_true, y_pred):
    best = ops.expand_dims(ops.argmax(y_pred, axis=-1), -1)
    return ops.squeeze(ops.take_along_axis(y_true, best, axis=-1), -1)
