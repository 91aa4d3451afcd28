"""Fine-tuning of a run's model with an int8 file's rounding."""

import os
from pathlib import Path

import keras

from keras_action.data import FailureLog, steps_per_epoch
from keras_action.data.failures import plain_failures, print_failures
from keras_action.litert.quantization_aware import quantization_aware, take_weights
from keras_action.optimizers.schedules import CosineDecay
from keras_action.training.build import loss_and_metrics, make_optimizer, training_batches, validation_batches
from keras_action.training.callbacks import EpochLog, StopOnBadLoss
from keras_action.training.fit import clips_of_step, set_digests
from keras_action.training.run import BEST, load_run, write_run


def fine_tune(run, training, validation, folder, *, epochs=2, learning_rate=None):
    """Trains a run's model on with an int8 file's rounding, and writes the plain model as a new run.

    It sees the clips of the run's recipe, at a learning rate that falls to zero. The best epoch is kept, by
    the validation accuracy that it has when it is rounded. It is short: one that was killed cannot be gone on with, and
    begins anew in another folder.

    Args:
        run: The `keras_action.Run` to begin with.
        training: `keras_action.data.Annotations` to train on, with the run's labels.
        validation: `keras_action.data.Annotations` with the same labels, or `None`.
        folder: Path of the new run's folder.
        epochs: Passes over the training set.
        learning_rate: The first one; `None` for a twentieth of the recipe's highest.

    Returns:
        The new `keras_action.Run`.

    Raises:
        ValueError: If the labels are not the run's, the folder holds a run already, or an argument is out of range.
        keras_action.data.TooManyFailuresError: If more clips than the recipe allows can't be decoded.
        FloatingPointError: If the loss is no longer finite; it names the clips.

    Example:

    >>> run = keras_action.load_run("runs/mine")
    >>> rounded = fine_tune(run, training, validation, "runs/mine_rounded")
    >>> keras_action.litert.convert(rounded.load_model(), "gesture.tflite", "int8", representative_clips=clips)
    """
    folder, recipe = Path(folder), run.recipe
    for annotations in (training, validation):
        if annotations is not None and annotations.labels != run.labels:
            raise ValueError(
                "The clips must have the run's labels; read them with labels=run.labels. "
                f"Received: {annotations.labels}, the run has {run.labels}"
            )
    if (folder / BEST).exists():
        raise ValueError(
            "The folder must not hold a run yet: a fine-tuning that was killed cannot be gone on with; delete its "
            f"folder, or choose another. Received: {folder}"
        )
    if epochs < 1 or (learning_rate is not None and learning_rate <= 0):
        raise ValueError(
            f"`epochs` and `learning_rate` must be positive. Received: epochs={epochs}, learning_rate={learning_rate}"
        )
    keras.utils.set_random_seed(recipe.seed)
    model = run.load_model()
    rounded = quantization_aware(model)
    steps = steps_per_epoch(len(training), recipe.batch_size) * recipe.gradient_accumulation_steps
    rate = learning_rate or recipe.peak_learning_rate / 20
    schedule = CosineDecay(rate, decay_steps=epochs * steps)
    rounded.compile(
        optimizer=make_optimizer(recipe, schedule, average=False),
        **loss_and_metrics(recipe),
        jit_compile=False,
    )
    failures = FailureLog(max_share=recipe.max_failed_share)
    validation_failures = FailureLog(max_share=recipe.max_failed_share)
    best = _BestPlainModel(model, folder)
    write_run(folder, recipe, run.labels, run.clip_seconds, **set_digests(training, validation))
    with plain_failures(failures, validation_failures):
        rounded.fit(
            training_batches(recipe, training, failures=failures),
            steps_per_epoch=steps,
            epochs=epochs,
            validation_data=None if validation is None else validation_batches(recipe, validation, validation_failures),
            callbacks=[
                StopOnBadLoss(lambda epoch, step: clips_of_step(recipe, training, epoch, step)),
                EpochLog(folder),
                best,
            ],
            shuffle=False,
            verbose=2,
        )
    print_failures(failures, validation_failures)
    return load_run(folder)


class _BestPlainModel(keras.callbacks.Callback):
    """Writes the plain model after each epoch that was the best so far; without validation, after each."""

    def __init__(self, plain, folder):
        super().__init__()
        self.plain, self.folder, self.best = plain, folder, -1.0

    def on_epoch_end(self, epoch, logs=None):
        value = (logs or {}).get("val_accuracy")
        if value is not None and value <= self.best:
            return
        self.best = self.best if value is None else value
        take_weights(self.plain, self.model)
        part = self.folder / f"part-{BEST}"  # Keras insists on the ending
        self.plain.save(part)
        os.replace(part, self.folder / BEST)
