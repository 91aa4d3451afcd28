"""A warning after a training that came to nothing."""

import warnings

import keras
import numpy as np

from keras_action.training.forward import forward

_FEWER_ERRORS = 0.2  # than those of a constant answer: the least that counts as learned


def warn_if_not_learned(model, batches, labels):
    """Warns if a trained model is hardly better on its training batches than the best constant answer.

    Some trainings do not begin, and end with a model that gives the same answer to everything, of streams `none`. Their
    loss falls nevertheless. Another seed may begin.

    Args:
        model: The trained model, with outputs (B, classes) or, for each step, (B, T, classes).
        batches: An iterable of (frames, targets) or (frames, targets, weights), some batches of the training set.
            Targets have the shape of the outputs, and are above 0 for right classes; clips or steps of weight 0 do not
            count.
        labels: The labels of the classes.
    """
    right, answers = [], []
    for frames, targets, *weights in batches:
        outputs = keras.ops.convert_to_numpy(forward(model, frames))
        counts = np.asarray(weights[0]) > 0 if weights else np.ones(outputs.shape[:-1], bool)
        right.append((np.asarray(targets) > 0)[counts])
        answers.append(outputs.argmax(axis=-1)[counts])
    right, answers = np.concatenate(right), np.concatenate(answers)
    errors = int((~np.take_along_axis(right, answers[:, None], axis=1)).sum())
    constant = int((~right).sum(axis=0).min())
    if errors and errors > (1 - _FEWER_ERRORS) * constant:
        label = labels[int(right.sum(axis=0).argmax())]
        of_what = "steps" if outputs.ndim == 3 else "clips"
        warnings.warn(
            f"The model has learned hardly anything: of {len(answers)} {of_what} of the training set {errors} are "
            f"wrong, and the answer {label!r} to all would be wrong for {constant}. Train again with another seed, or "
            "with a lower learning rate.",
            stacklevel=2,
        )
