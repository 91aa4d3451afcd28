"""Training a recipe on annotated clips."""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from keras_action.data import FailureLog, open_clip, steps_per_epoch
from keras_action.data.decoding import DecodingError
from keras_action.data.failures import plain_failures, print_failures
from keras_action.data.pipeline import epoch_order
from keras_action.training.batch_norm import adapt_batch_norm
from keras_action.training.build import (
    build_model,
    compile_model,
    precision,
    synchronize_batch_norm,
    training_batches,
    validation_batches,
)
from keras_action.training.callbacks import Checkpoints, EpochLog, SeedEpochs, StopOnBadLoss, finished_epochs, read_log
from keras_action.training.distribution import start
from keras_action.training.outcome import warn_if_not_learned
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
from keras_action.training.stream_windows import has_stream_windows

_LOOKED_AT = 4  # batches of the training set, after the training


def train(recipe, training, validation, folder, *, callbacks=(), tensorboard=True, strategy="none"):
    """Trains a recipe's model, or resumes its training.

    The folder contains `best.keras` (by validation accuracy), `last.keras`, `run.json` (recipe, labels, length of
    clips), `log.csv`, and TensorBoard's logs. An interrupted run is resumed by the same call: it continues after the
    last whole epoch, with the same clips as without the interruption. Clips that cannot be decoded are replaced by
    others, with a warning for each, and counted at the end. A model that has learned hardly anything is a warning too.

    Args:
        recipe: A `keras_action.Recipe`.
        training: `keras_action.data.Annotations` to train on.
        validation: `keras_action.data.Annotations` with the same labels, or `None`.
        folder: Path of the run's folder, which is created if needed.
        callbacks: Additional Keras callbacks.
        tensorboard: Whether to write TensorBoard's logs, if TensorBoard is installed.
        strategy: One of `keras_action.training.STRATEGIES`: `"none"`, one device; `"mirrored"`, all GPUs of this
            machine, with TensorFlow; `"data_parallel"`, all devices of one or several hosts, with JAX. Each batch is
            divided among the devices. A run can be resumed with another strategy.

    Returns:
        The `keras_action.Run`.

    Raises:
        ValueError: If the folder contains a run of another recipe or other clips, the labels of the two sets differ, or
            the strategy does not work with this backend or recipe.
        keras_action.data.TooManyFailuresError: If more clips than the recipe allows cannot be decoded.
        FloatingPointError: If the loss is no longer finite.

    Example:

    >>> training = keras_action.data.read_annotations("videos/train.csv")
    >>> validation = keras_action.data.read_annotations("videos/val.csv", labels=training.labels)
    >>> run = keras_action.train(keras_action.Recipe(input_size=128), training, validation, "runs/mine")
    """
    folder = Path(folder)
    if validation is not None and validation.labels != training.labels:
        raise ValueError(
            "The training and the validation set must have the same labels in the same order: read the latter with "
            f"labels=training.labels. Received: {training.labels} and {validation.labels}"
        )
    if len(training.labels) < 2:
        raise ValueError(f"There must be at least two classes. Received: labels={training.labels}")
    keras.utils.set_random_seed(recipe.seed)  # before processes are joined: Keras would draw a seed for them
    engine = start(strategy, recipe)
    with engine.scope:
        _fit(engine, recipe, training, validation, folder, callbacks, tensorboard)
    engine.wait()  # for the last files
    return load_run(folder)


def _fit(engine, recipe, training, validation, folder, callbacks, tensorboard):
    steps = steps_per_epoch(len(training), recipe.batch_size) * recipe.gradient_accumulation_steps

    # === Data: wrong settings are errors before a model is built or a file written ===
    failures = FailureLog(max_share=recipe.max_failed_share)
    validation_failures = FailureLog(max_share=recipe.max_failed_share)
    validating = None
    if validation is not None:
        validating = validation_batches(recipe, validation, validation_failures, shard=engine.shard)
    initial_epoch = finished_epochs(folder)
    options = {"failures": failures, "shard": engine.shard}
    batches = training_batches(recipe, training, initial_epoch=initial_epoch, **options)  # nothing is read yet

    # === Model: new, or that of the last whole epoch ===
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
            print(f"Resuming after epoch {initial_epoch} of {recipe.epochs}.")
    else:
        model = build_model(recipe, len(training.labels), training.labels)
        if recipe.adapt_batch_norm:
            # The same batches in each process. A single one uses its data set, which keeps what it has decoded.
            whole = batches if engine.shard == (0, 1) else training_batches(recipe, training, failures=failures)
            with plain_failures(failures):
                adapt_batch_norm(model, whole.take(recipe.adapt_batch_norm))
        if engine.is_main:
            seconds = clip_length(recipe, training)
            digests = set_digests(training, validation)
            of_streams = recipe.return_sequences or has_stream_windows(training)
            write_run(folder, recipe, training.labels, seconds, **digests, trained_on_streams=of_streams)
        engine.wait()
        engine.check_same(
            f"{DESCRIPTION} {'found' if (folder / DESCRIPTION).is_file() else 'not found'}",
            f"All processes of a run must see the same folder, {folder}, on a disk shared by all hosts.",
        )
    rows = read_log(folder, before_epoch=initial_epoch)

    # === Fit: the frozen epochs, then the others ===
    best = max((row.get("val_accuracy", -1.0) for row in rows), default=-1.0)
    checkpoints = Checkpoints(folder, best, writes=engine.is_main)
    others = [
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
        if begin > initial_epoch:
            batches = training_batches(recipe, training, initial_epoch=begin, **options)
        begin = max(begin, initial_epoch)
        with plain_failures(failures, validation_failures):
            model.fit(
                batches,
                steps_per_epoch=steps,
                epochs=end,
                initial_epoch=begin,
                validation_data=validating,
                callbacks=[*average, *others, checkpoints],
                shuffle=False,  # the data set is shuffled already
                verbose=_verbosity(engine),
            )
    if initial_epoch < recipe.epochs and engine.shard == (0, 1):
        with plain_failures(failures):
            warn_if_not_learned(model, batches.take(_LOOKED_AT), training.labels)
    print_failures(failures, validation_failures)


def clip_length(recipe, training):
    """The length of a model's clips in seconds, or `None`: the median, or that of the sequences of streams."""
    if recipe.return_sequences:
        return recipe.num_segments * recipe.sequences.time_step
    return median_clip_seconds(training)


def median_clip_seconds(annotations):
    """The median length of the clips in seconds, of about a thousand of them if there are more.

    Files that cannot be read do not count. `None` if no length is known, as of frame folders and shards without `fps`.

    Raises:
        ValueError: If none of the clips can be read.
    """
    clips = annotations.clips[:: max(1, len(annotations) // 1000)]
    lengths, reasons = [], []
    for clip in clips:
        if clip.start is not None and clip.end is not None:
            lengths.append(clip.end - clip.start)
            continue
        try:
            lengths.append(open_clip(clip).seconds)
        except DecodingError as error:
            reasons.append(str(error))
    if not lengths:
        first = "\n".join(f"  {reason[:250]}" for reason in reasons[:3])
        raise ValueError(f"None of the {len(clips)} clips can be read. The first reasons:\n{first}")
    known = [length for length in lengths if length is not None]
    return float(np.median(known)) if known else None


def set_digests(training, validation):
    """The digests of the training and validation sets, by their names in `run.json`."""
    return {
        "training_set": digest(training),
        "validation_set": None if validation is None else digest(validation),
    }


def _check_same_run(folder, recipe, training, validation):
    """Raises a `ValueError` if the run in the folder has another recipe, other labels or other sets."""
    run, sets = read_description(folder)
    new = {**recipe.to_dict(), "labels": training.labels, **set_digests(training, validation)}
    old = {**run["recipe"].to_dict(), "labels": run["labels"], **sets}
    differences = [f"{name}={new[name]!r}, before {old[name]!r}" for name in new if new[name] != old[name]]
    if differences:
        raise ValueError(
            f"{folder} contains another run; a run can be resumed only with the same recipe and clips. Choose another "
            f"folder, or delete this one. Received: {'; '.join(differences)}"
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
    """The names of the clips in a batch."""
    order = epoch_order(len(training), recipe.seed, epoch)
    places = order[step * recipe.clips_per_step : (step + 1) * recipe.clips_per_step]
    return [training.clips[place].name or training.clips[place].path for place in places]
