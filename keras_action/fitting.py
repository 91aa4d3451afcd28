"""Training: from a recipe and annotations to a run's folder."""

import os
import sys
from pathlib import Path

import keras
import numpy as np

from keras_action.callbacks import Checkpoints, EpochLog, SeedEpochs, finished_epochs, read_log
from keras_action.data import (
    FailureLog,
    evaluation_dataset,
    list_frames,
    mirrored_ids,
    probe,
    reversed_ids,
    steps_per_epoch,
    training_dataset,
)
from keras_action.data.decoding import DecodingError
from keras_action.data.shards import is_shard
from keras_action.models import build_action_net, build_tsm, build_tsn
from keras_action.optimizers import AdamW
from keras_action.runs import LAST, digest, read_description, read_run, write_run

_VALIDATION_CACHE_BYTES = 1024**3
_BUILDERS = {"action_net": build_action_net, "tsm": build_tsm, "tsn": build_tsn}


def build_model(recipe, num_classes):
    """The model of a recipe, in its precision, not compiled."""
    options = {} if recipe.alpha == 1.0 else {"alpha": recipe.alpha}
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.mixed_precision or "float32")
    try:
        return _BUILDERS[recipe.model](
            recipe.backbone,
            num_classes=num_classes,
            num_segments=recipe.num_segments,
            input_size=recipe.input_size,
            weights=recipe.weights,
            zero_init_residual=recipe.zero_init_residual,
            dropout=recipe.dropout,
            **options,
        )
    finally:
        keras.config.set_dtype_policy(policy)


def make_optimizer(recipe, steps):
    """AdamW with a linear warm-up and a cosine decay over all steps of the run."""
    warmup = round(recipe.warmup_epochs * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else recipe.learning_rate,
        decay_steps=max(1, recipe.epochs * steps - warmup),
        warmup_target=recipe.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    return AdamW(schedule, weight_decay=recipe.weight_decay, global_clipnorm=recipe.clipnorm)


def training_batches(recipe, annotations, **options):
    """The batches that a recipe trains on: `keras_action.data.training_dataset` with the recipe's settings.

    Returns:
        A `tf.data.Dataset` of clips, uint8 (B, T, H, W, 3), and labels, float32 (B, classes): one-hot, or mixtures.
    """
    labels = annotations.labels
    settings = {
        "num_segments": recipe.num_segments,
        "input_size": recipe.input_size,
        "batch_size": recipe.batch_size,
        "seed": recipe.seed,
        "sampling": recipe.sampling,
        "crop_scales": recipe.crop_scales,
        "color_jitter": recipe.color_jitter,
        "rand_augment_ops": recipe.rand_augment_ops,
        "rand_augment_magnitude": recipe.rand_augment_magnitude,
        "flip_ids": mirrored_ids(labels, _pairs(recipe.flip_pairs)) if recipe.flip else None,
        "reversal_ids": reversed_ids(labels, _pairs(recipe.reversal_pairs)) if recipe.reversal else None,
        "mix_up": recipe.mix_up,
        "cut_mix": recipe.cut_mix,
        "decoder": recipe.decoder,
        "cache": recipe.cache,
    }
    batches = training_dataset(annotations, **{**settings, **options})
    return batches if recipe.mix_up or recipe.cut_mix else batches.map(_one_hot(len(labels)))


def _pairs(texts):
    return None if texts is None else [tuple(text.split(":")) for text in texts]


def train(recipe, training, validation, folder, *, callbacks=(), tensorboard=True):
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

    Returns:
        The `keras_action.Run`.

    Raises:
        ValueError: where the folder holds a run of another recipe or other clips, or the sets do not fit.
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
    steps = steps_per_epoch(len(training), recipe.batch_size)
    keras.utils.set_random_seed(recipe.seed)

    # === Model: a fresh one, or the one of the last whole epoch ===
    initial_epoch = finished_epochs(folder)
    if initial_epoch:
        _check_same_run(folder, recipe, training)
        model = keras.saving.load_model(folder / LAST)
    else:
        model = build_model(recipe, len(training.labels))
        model.compile(
            optimizer=make_optimizer(recipe, steps),
            loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing),
            weighted_metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        )
        write_run(folder, recipe, training.labels, median_clip_seconds(training), digest(training))
    rows = read_log(folder, before_epoch=initial_epoch)
    if initial_epoch:
        print(f"Going on after epoch {initial_epoch} of {recipe.epochs}.")

    # === Data ===
    failures = FailureLog(max_share=recipe.max_failed_share)
    validation_failures = FailureLog(max_share=recipe.max_failed_share)
    train_batches = training_batches(recipe, training, initial_epoch=initial_epoch, failures=failures)
    validation_batches = None
    if validation is not None:
        validation_batches = evaluation_dataset(
            validation,
            num_segments=recipe.num_segments,
            input_size=recipe.input_size,
            batch_size=recipe.batch_size,
            sampling=recipe.sampling,
            decoder=recipe.decoder,
            failures=validation_failures,
        )
        size_bytes = len(validation) * recipe.num_segments * recipe.input_size**2 * 3
        if recipe.cache and size_bytes <= _VALIDATION_CACHE_BYTES:
            validation_batches = validation_batches.cache()
        validation_batches = validation_batches.map(_one_hot(len(training.labels)))

    # === Fit ===
    best = max((row.get("val_accuracy", -1.0) for row in rows), default=-1.0)
    watchers = [
        *callbacks,
        SeedEpochs(recipe.seed),
        _StopOnBadLoss(),
        *(_tensorboard(folder) if tensorboard else ()),
        EpochLog(folder, rows, clips_per_epoch=steps * recipe.batch_size),
        Checkpoints(folder, best),
    ]
    import tensorflow as tf

    try:
        model.fit(
            train_batches,
            steps_per_epoch=steps,
            epochs=recipe.epochs,
            initial_epoch=initial_epoch,
            validation_data=validation_batches,
            callbacks=watchers,
            shuffle=False,  # the data set is in its own order already
            verbose=1 if sys.stdout.isatty() else 2,
        )
    except tf.errors.OpError:
        # tf.data makes its own error of the one that a log raised; the log has the plain one.
        failures.raise_if_too_many()
        validation_failures.raise_if_too_many()
        raise
    for name, log in (("training", failures), ("validation", validation_failures)):
        if len(log):
            print(f"In the {name} set, {log.summary()}")
    return read_run(folder)


def median_clip_seconds(annotations):
    """Median length of the clips, in seconds, of a thousand of them where there are more.

    Files that cannot be read do not count. `None` where it is not known, as frame folders do not say how many frames
    a second they hold: their clips' `fps` does, where it is given, and that of clips in shards.
    """
    clips = annotations.clips[:: max(1, len(annotations) // 1000)]
    lengths, unknown = [], 0
    for clip in clips:
        if clip.start is not None and clip.end is not None:
            lengths.append(clip.end - clip.start)
            continue
        try:
            if not is_shard(clip.path) and not os.path.isdir(clip.path):
                lengths.append((clip.end or probe(clip.path).duration) - (clip.start or 0.0))
            elif clip.fps is None:
                unknown += 1
            else:
                first, stop = clip.frames or (0, len(list_frames(clip.path)[0]))
                lengths.append((stop - first) / clip.fps)
        except DecodingError:
            continue
    if not lengths and not unknown:
        raise ValueError(f"None of the {len(annotations)} clips can be read. The first is {annotations.clips[0].path}")
    return float(np.median(lengths)) if lengths else None


def _check_same_run(folder, recipe, training):
    """Raises a `ValueError` where the run in the folder is of another recipe, other labels or another set."""
    old_recipe, labels, _, training_set = read_description(folder)
    new, old = recipe.to_dict(), old_recipe.to_dict()
    new.update(labels=training.labels, training_set=digest(training))
    old.update(labels=labels, training_set=training_set)
    differences = [f"{name}={new[name]!r}, there {name}={old[name]!r}" for name in new if new[name] != old[name]]
    if differences:
        raise ValueError(
            f"{folder} holds another run; a run is gone on with by the same recipe and clips. Choose another folder, "
            f"or delete this one. Received: {'; '.join(differences)}"
        )


def _one_hot(num_classes):
    import tensorflow as tf

    def convert(clips, labels, *weights):
        return (clips, tf.one_hot(labels, num_classes), *weights)

    return convert


def _tensorboard(folder):
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        print("No TensorBoard logs are written: it is not installed (pip install 'keras_action[tensorboard]').")
        return []
    return [keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False)]


class _StopOnBadLoss(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is not None and not np.isfinite(loss):
            raise FloatingPointError(
                f"The loss is no longer finite, in step {batch + 1} of the epoch: a lower learning rate may help. "
                f"Received: loss={loss}"
            )
