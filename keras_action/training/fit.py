"""Training: from a recipe and annotations to a run's folder."""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from keras_action.data import FailureLog, open_clip, steps_per_epoch
from keras_action.data.decoding import DecodingError
from keras_action.data.failures import plain_failures, print_failures
from keras_action.data.pipeline import epoch_order
from keras_action.training.build import (
    build_model,
    compile_model,
    precision,
    synchronize_batch_norm,
    training_batches,
    validation_batches,
)
from keras_action.training.callbacks import (
    Checkpoints,
    EpochLog,
    SeedEpochs,
    StopOnBadLoss,
    finished_epochs,
    read_log,
)
from keras_action.training.distribution import start
from keras_action.training.resume import restore
from keras_action.training.run import (
    BEST,
    DESCRIPTION,
    LAST,
    digest,
    load_keras_file,
    load_run,
    read_description,
    write_run,
)


def train(recipe, training, validation, folder, *, callbacks=(), tensorboard=True, strategy="none"):
    """Trains a recipe's model, and leaves in the folder all that is needed to use it.

    The folder holds `best.keras` (by validation accuracy), `last.keras`, `run.json` (recipe, labels, length of clips),
    `log.csv`, and TensorBoard's logs. Killed at any moment and called again with the same arguments, it goes on at the
    epoch where it was, with the clips that would have come. Clips that cannot be decoded are named in a warning each,
    replaced by others, and counted at the end.

    Args:
        recipe: A `keras_action.Recipe`.
        training: `keras_action.data.Annotations` to train on.
        validation: `keras_action.data.Annotations` with the same labels, or `None`.
        folder: Path of the run's folder; it is made where there is none.
        callbacks: More Keras callbacks.
        tensorboard: Whether to write TensorBoard's logs; where TensorBoard is not installed none are written.
        strategy: `"none"`, one device; `"mirrored"`, all GPUs of this machine, with TensorFlow; `"multi_worker"`,
            several hosts, with TensorFlow; `"data_parallel"`, all devices of one or several hosts, with JAX. A batch is
            divided among them. A run can be resumed with another strategy.

    Returns:
        The `keras_action.Run`.

    Raises:
        ValueError: where the folder holds a run of another recipe or other clips, for training or validation; where
            the sets do not fit, or the strategy does not work with this backend or recipe.
        keras_action.data.TooManyFailuresError: where more clips than the recipe allows cannot be decoded.
        FloatingPointError: where the loss is no longer finite.

    Example:

    >>> training = keras_action.data.read_annotations("videos/train.csv")
    >>> validation = keras_action.data.read_annotations("videos/val.csv", labels=training.labels)
    >>> run = keras_action.train(keras_action.Recipe(input_size=128), training, validation, "runs/mine")
    """
    folder = Path(folder)
    if validation is not None and validation.labels != training.labels:
        raise ValueError(
            "Training and validation must have the same labels in the same order; read the latter with "
            f"labels=training.labels. Received: {training.labels} and {validation.labels}"
        )
    if len(training.labels) < 2:
        raise ValueError(f"There must be at least two classes to tell apart. Received: labels={training.labels}")
    keras.utils.set_random_seed(recipe.seed)  # before processes are joined: Keras would draw a seed for them
    engine = start(strategy, recipe)
    with engine.scope:
        _fit(engine, recipe, training, validation, folder, callbacks, tensorboard)
    engine.wait()  # for the last files
    return load_run(folder)


def _fit(engine, recipe, training, validation, folder, callbacks, tensorboard):
    steps = steps_per_epoch(len(training), recipe.batch_size) * recipe.gradient_accumulation_steps

    # === Data, first: what does not fit is said before a model is built, or a file written ===
    failures = FailureLog(max_share=recipe.max_failed_share)
    validation_failures = FailureLog(max_share=recipe.max_failed_share)
    validating = None
    if validation is not None:
        validating = validation_batches(recipe, validation, validation_failures, shard=engine.shard)
    training_batches(recipe, training, failures=failures, shard=engine.shard)  # reads nothing yet

    # === Model: a fresh one, or the one of the last whole epoch ===
    initial_epoch = finished_epochs(folder)
    engine.check_same(
        json.dumps([initial_epoch, recipe.to_dict(), training.labels, *set_digests(training, validation).values()]),
        "All processes of a run must have the same recipe and clips, and see the same folder.",
    )
    if initial_epoch or (folder / BEST).is_file():
        _check_same_run(folder, recipe, training, validation)
    if initial_epoch:
        with precision(recipe):
            model = load_keras_file(folder / LAST)
        if recipe.synchronized_batch_norm:
            synchronize_batch_norm(model)
        if engine.is_main:
            print(f"Going on after epoch {initial_epoch} of {recipe.epochs}.")
    else:
        model = build_model(recipe, len(training.labels), training.labels)
        if engine.is_main:
            seconds = median_clip_seconds(training)
            write_run(folder, recipe, training.labels, seconds, **set_digests(training, validation))
        engine.wait()
        engine.check_same(
            f"{DESCRIPTION} {'there' if (folder / DESCRIPTION).is_file() else 'not there'}",
            f"All processes of a run must see the same folder, {folder}, on a disk that the hosts share.",
        )
    rows = read_log(folder, before_epoch=initial_epoch)

    # === Fit: the frozen epochs, then the others ===
    best = max((row.get("val_accuracy", -1.0) for row in rows), default=-1.0)
    checkpoints = Checkpoints(folder, best, writes=engine.is_main)
    watchers = [
        *callbacks,
        SeedEpochs(recipe.seed),
        StopOnBadLoss(lambda epoch, step: clips_of_step(recipe, training, epoch, step)),
        EpochLog(folder, rows, clips_per_epoch=steps * recipe.clips_per_step, writes=engine.is_main),
        *(_tensorboard(folder) if tensorboard and engine.is_main else ()),
    ]
    for begin, end in ((0, recipe.frozen_epochs), (recipe.frozen_epochs, recipe.epochs)):
        if initial_epoch >= end:
            continue
        compile_model(model, recipe, steps, frozen=end == recipe.frozen_epochs, jit_compile=engine.jit_compile)
        if initial_epoch > begin:
            restore(model, folder / LAST)
        average = [keras.callbacks.SwapEMAWeights()] if recipe.ema_momentum and end == recipe.epochs else []
        checkpoints.average = average[0] if average else None
        begin = max(begin, initial_epoch)
        with plain_failures(failures, validation_failures):
            model.fit(
                training_batches(recipe, training, initial_epoch=begin, failures=failures, shard=engine.shard),
                steps_per_epoch=steps,
                epochs=end,
                initial_epoch=begin,
                validation_data=validating,
                callbacks=[*average, *watchers, checkpoints],
                shuffle=False,  # the data set is in its own order already
                verbose=_verbosity(engine),
            )
    print_failures(failures, validation_failures)


def median_clip_seconds(annotations):
    """Median length of the clips, in seconds, of a thousand of them where there are more.

    Clips that can't be read do not count. `None` if it is not known: frame folders have no frame rate of their own.
    """
    clips = annotations.clips[:: max(1, len(annotations) // 1000)]
    lengths, failures = [], {}
    for clip in clips:
        if clip.start is not None and clip.end is not None:
            lengths.append(clip.end - clip.start)
            continue
        try:
            lengths.append(open_clip(clip).seconds)
        except DecodingError as error:
            failures[clip] = error
    if not lengths:
        reasons = "\n".join(f"  {error}" for error in list(failures.values())[:3])
        raise ValueError(f"None of the {len(annotations)} clips can be read, for these reasons first:\n{reasons}")
    known = [length for length in lengths if length is not None]
    return float(np.median(known)) if known else None


def set_digests(training, validation):
    """The sets of a run as `run.json` names them."""
    return {
        "training_set": digest(training),
        "validation_set": None if validation is None else digest(validation),
    }


def _check_same_run(folder, recipe, training, validation):
    """Raises a `ValueError` where the run in the folder is of another recipe, other labels or other sets."""
    old_recipe, labels, _, sets = read_description(folder)
    new = {**recipe.to_dict(), "labels": training.labels, **set_digests(training, validation)}
    old = {**old_recipe.to_dict(), "labels": labels, **sets}
    differences = [
        f"{name}={new[name]!r}, there {name}={old[name]!r}" for name in new if name in old and new[name] != old[name]
    ]
    if differences:
        raise ValueError(
            f"{folder} holds another run; a run is gone on with by the same recipe and clips. Choose another folder, "
            f"or delete this one. Received: {'; '.join(differences)}"
        )


def _verbosity(engine):
    if not engine.is_main:
        return 0
    return 1 if sys.stdout.isatty() else 2


def _tensorboard(folder):
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        print("No TensorBoard logs are written: it is not installed (pip install 'keras_action[tensorboard]').")
        return []
    return [keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False)]


def clips_of_step(recipe, training, epoch, step):
    """The names of the clips of a batch."""
    order = epoch_order(len(training), recipe.seed, epoch)
    places = order[step * recipe.clips_per_step : (step + 1) * recipe.clips_per_step]
    return [training.clips[place].name or training.clips[place].path for place in places]
