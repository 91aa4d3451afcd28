"""Cross-validation: the accuracy of a recipe on held-out clips, without a validation set."""

from pathlib import Path

import keras
import numpy as np

from keras_action.data import cross_validation_folds
from keras_action.evaluation.evaluation import evaluate
from keras_action.evaluation.protocol import Protocol
from keras_action.evaluation.report import EvaluationReport
from keras_action.training import train
from keras_action.training.run import LAST, load_run


def cross_validate(recipe, annotations, folder, num_folds=5, *, seed=0, progress=True):
    """Trains a recipe once for each fold, and evaluates each model on the clips that were held out.

    The models of the last epoch are evaluated, as the best epoch would be chosen on the held-out clips. A batch is no
    larger than a fold's training set. An interrupted cross-validation is resumed by the same call.

    Args:
        recipe: A `keras_action.Recipe`.
        annotations: `keras_action.data.Annotations`.
        folder: Path of the folder for the runs, `fold_0`, `fold_1`, ….
        num_folds: Number of folds; see `keras_action.data.cross_validation_folds`.
        seed: Seed of the folds.
        progress: Whether to show progress bars of the evaluations.

    Returns:
        An `EvaluationReport` of all clips, each with the logits of the model for which it was held out.

    Raises:
        ValueError: If there are fewer than two folds or fewer clips than folds, or only some clips have a group.

    Example:

    >>> recipe = keras_action.Recipe(epochs=8)
    >>> report = keras_action.evaluation.cross_validate(recipe, annotations, "runs/mine/folds", num_folds=3)
    >>> print(report)
    """
    places = {clip: place for place, clip in enumerate(annotations.clips)}
    logits = np.full((len(annotations), len(annotations.labels)), np.nan, np.float32)
    for number, (training, held_out) in enumerate(cross_validation_folds(annotations, num_folds, seed)):
        own = Path(folder) / f"fold_{number}"
        fold_recipe = recipe.replace(batch_size=min(recipe.batch_size, len(training)))
        train(fold_recipe, training, None, own, tensorboard=False)
        report = evaluate(
            load_run(own / LAST).load_model(),
            held_out,
            Protocol.as_trained(recipe),
            batch_size=recipe.clips_per_step,
            progress=progress,
        )
        logits[[places[clip] for clip in held_out.clips]] = report.logits
        keras.backend.clear_session()
    return EvaluationReport(
        labels=annotations.labels,
        paths=tuple(clip.name or clip.path for clip in annotations.clips),
        true_ids=annotations.label_ids(),
        logits=logits,
        groups=tuple(clip.group for clip in annotations.clips),
    )
