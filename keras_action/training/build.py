"""Building the model, the optimiser and the batches of a recipe."""

import contextlib
import dataclasses

import keras

from keras_action.data import Annotations, Augmentation, evaluation_dataset, sequence_dataset, training_dataset
from keras_action.losses import CandidateAccuracy, CandidateCrossentropy
from keras_action.models import build_action_net, build_tsm, build_tsn
from keras_action.models.backbones import get_backbone
from keras_action.optimizers import AdamW, ParameterGroupSGD
from keras_action.optimizers.schedules import CosineDecay, StepDecay
from keras_action.training.fused_batch_norm import use_fused_batch_norm
from keras_action.training.trainable import set_trainable
from keras_action.training.transfer import misfits, open_start, take_weights
from keras_action.utils.fields import attributes
from keras_action.utils.lazy import tensorflow as tf

_VALIDATION_SEED = 2**31 - 1
# Fields of a recipe that are arguments of the builders, and of the data sets.
_MODEL_FIELDS = ("num_segments", "input_size", "weights", "variant", "stages", "location", "zero_init_residual")
_MODEL_FIELDS += ("dropout", "causal", "memory", "return_sequences")
_DATA_FIELDS = ("num_segments", "input_size", "cropping", "reading")
_BUILDERS = {"action_net": build_action_net, "tsm": build_tsm, "tsn": build_tsn}


@contextlib.contextmanager
def precision(recipe):
    """A context in which models are built and loaded in a recipe's precision.

    Loading needs it too: with `"mixed_float16"` Keras wraps the optimiser to scale the loss, and files contain the
    state of the wrapped optimiser.
    """
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.mixed_precision or "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def build_model(recipe, num_classes, labels=None):
    """The model of a recipe, in its precision, not compiled.

    Args:
        recipe: The `Recipe`.
        num_classes: Integer, the number of classes.
        labels: Names of the classes, if known: the classifier of `start_from` is used only for the same classes.

    Returns:
        A Keras model.

    Raises:
        FileNotFoundError: If there is no file at `weights` or `start_from`.
        ValueError: If the weights do not fit.
    """
    build = _build_new if recipe.start_from is None else _build_from_start
    model = build(recipe, num_classes, labels)
    if recipe.synchronized_batch_norm:
        synchronize_batch_norm(model)
    return model


def _build_from_start(recipe, num_classes, labels):
    """The recipe's model with the weights of `start_from`, in their variant."""
    with precision(recipe):
        start, start_labels = open_start(recipe.start_from, recipe.num_segments, recipe.model)
    variants = [recipe.variant] if recipe.variant else get_backbone(recipe.backbone).variants
    first = None
    for variant in variants:
        model = _build_new(dataclasses.replace(recipe, weights=None, variant=variant), num_classes)
        reasons = misfits(model, start)
        if not reasons:
            take_weights(model, start, recipe.start_from, labels, start_labels)
            return model
        first = first or reasons
    more = f", and {len(first) - 3} more" if len(first) > 3 else ""
    raise ValueError(
        f"The model to start from does not fit the recipe: {'; '.join(first[:3])}{more}. "
        f"Received: start_from={recipe.start_from!r}, model={recipe.model!r}, backbone={recipe.backbone!r}"
    )


def _build_new(recipe, num_classes, labels=None):
    options = {} if recipe.alpha == 1.0 else {"alpha": recipe.alpha}
    if recipe.model == "action_net":
        options["paths"] = recipe.paths
    if recipe.shift != "default" and recipe.model != "tsn":
        options["shift"] = recipe.shift
    with precision(recipe):
        return _BUILDERS[recipe.model](recipe.backbone, num_classes, **attributes(recipe, *_MODEL_FIELDS), **options)


def synchronize_batch_norm(model):
    """Makes batch normalisation use the statistics of all replicas of TensorFlow's MirroredStrategy.

    A `.keras` file stores this setting for the model's own layers, but not for those inside ACTION modules.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def compile_model(model, recipe, steps, frozen, jit_compile="auto"):
    """Compiles a model for one of the two phases of a recipe.

    Args:
        model: A Keras model.
        recipe: The `Recipe`.
        steps: Integer, the number of batches in an epoch.
        frozen: Whether to compile for the frozen epochs, with their constant learning rate, or for those after them.
        jit_compile: The value for a recipe with `jit_compile=None`.
    """
    set_trainable(model, backbone=not frozen, **attributes(recipe, "frozen_stages", "partial_batch_norm"))
    use_fused_batch_norm(model)
    rate = recipe.peak_learning_rate if frozen else make_schedule(recipe, steps)
    if recipe.return_sequences:
        loss, accuracy = CandidateCrossentropy(recipe.label_smoothing), CandidateAccuracy()
    else:
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
        accuracy = keras.metrics.CategoricalAccuracy(name="accuracy")
    model.compile(
        optimizer=make_optimizer(recipe, rate, average=not frozen),
        loss=loss,
        weighted_metrics=[accuracy],
        jit_compile=jit_compile if recipe.jit_compile is None else recipe.jit_compile,
    )


def make_schedule(recipe, steps):
    """The schedule after the frozen epochs: a linear warm-up, then a cosine or steps.

    Args:
        recipe: The `Recipe`.
        steps: Integer, the number of batches in an epoch.
    """
    warmup, peak = round(recipe.warmup_epochs * steps), recipe.peak_learning_rate
    if recipe.schedule == "steps":
        boundaries = [(epoch - recipe.frozen_epochs) * steps for epoch in recipe.decay_epochs]
        return StepDecay(peak, boundaries, recipe.decay_factor, warmup)
    return CosineDecay(peak, max(1, (recipe.epochs - recipe.frozen_epochs) * steps - warmup), warmup)


def make_optimizer(recipe, learning_rate, average=True):
    """The optimiser of a recipe, with the moving average of the weights unless `average` is False."""
    parts = recipe.gradient_accumulation_steps
    options = {
        "learning_rate": learning_rate,
        "weight_decay": recipe.weight_decay,
        "global_clipnorm": recipe.global_clipnorm,
        "gradient_accumulation_steps": parts if parts > 1 else None,
    }
    if recipe.ema_momentum and average:
        options |= {"use_ema": True, "ema_momentum": recipe.ema_momentum}
    if recipe.optimizer == "sgd":
        return ParameterGroupSGD(momentum=recipe.momentum, **options)
    return AdamW(**options)


def training_batches(recipe, annotations, *, initial_epoch=0, failures=None, shard=(0, 1)):
    """The training batches of a recipe: `keras_action.data.training_dataset` with its settings.

    Returns:
        A `tf.data.Dataset` of clips, uint8 (B, T, H, W, 3), and labels, float32 (B, classes): one-hot, or mixtures;
        with `return_sequences` those of `keras_action.data.sequence_dataset`.
    """
    options = {"batch_size": recipe.clips_per_step, "initial_epoch": initial_epoch, "failures": failures}
    options |= attributes(recipe, *_DATA_FIELDS, "seed", "gradient_accumulation_steps", "augmentation")
    if not recipe.return_sequences:
        batches = training_dataset(annotations, sampling=recipe.sampling, shard=shard, **options)
        return batches if recipe.augmentation.mixes else batches.map(_one_hot(len(annotations.labels)))
    if shard != (0, 1):
        raise ValueError(f"`return_sequences` needs one process. Received: shard={shard}")
    return sequence_dataset(annotations, sequences=recipe.sequences, **options)


def validation_batches(recipe, annotations, failures=None, shard=(0, 1)):
    """The validation batches of a recipe: the middle frames and the centre crop of each clip.

    All batches are full, as several devices need clips each: the last one is filled with black clips.

    Args:
        recipe: The `Recipe`.
        annotations: The `Annotations`.
        failures: A `FailureLog`, or `None` for a new one.
        shard: (i, n): the part of process i of n; all have the same number of batches.

    Returns:
        A `tf.data.Dataset` of clips, uint8 (B, T, H, W, 3), one-hot labels, float32 (B, classes), and weights, float32
        (B,). Black clips and clips that cannot be decoded have weight 0. All others have the same weight, above 1 if
        there are black clips: Keras divides the sum of the weighted losses by the number of clips.
    """
    steps = -(-len(annotations) // recipe.clips_per_step)
    if recipe.return_sequences:  # always the same sequences
        plain = recipe.replace(seed=_VALIDATION_SEED, augmentation=Augmentation(), early_sequences=0)
        batches = training_batches(plain, annotations, failures=failures, shard=shard)
        return batches.take(steps).apply(tf.data.experimental.assert_cardinality(steps))
    index, count = shard
    part = Annotations(annotations.clips[index::count], annotations.labels)
    size = recipe.clips_per_step // count
    batches = evaluation_dataset(
        part, batch_size=size, failures=failures, **attributes(recipe, *_DATA_FIELDS, "sampling")
    )
    clip = (recipe.num_segments, recipe.input_size, recipe.input_size, 3)
    black = (tf.zeros(clip, tf.uint8), tf.zeros((), tf.int32), tf.zeros(()))
    padding = tf.data.Dataset.from_tensors(black).repeat(steps * size - len(part))
    batches = batches.unbatch().concatenate(padding).batch(size, drop_remainder=True)
    batches = batches.apply(tf.data.experimental.assert_cardinality(steps))  # without it, Keras warns that data ran out
    weight = steps * recipe.clips_per_step / len(annotations)
    batches = batches.map(lambda clips, labels, weights: (clips, labels, weights * weight))
    return batches.map(_one_hot(len(annotations.labels))).prefetch(tf.data.AUTOTUNE)


def _one_hot(num_classes):
    def convert(clips, labels, *weights):
        return (clips, tf.one_hot(labels, num_classes), *weights)

    return convert
