"""Reads a trained model and clips for the programs that convert and verify."""

import dataclasses
import itertools

import keras_action
from keras_action.programs.arguments import add_checkpoint_arguments, load_model
from keras_action.utils.fields import attributes
from keras_action.utils.signature import returns_sequences

MAX_SEQUENCES = 16  # of some 60 frames each
_EVALUATION_SEED = 1


def add_model_arguments(parser):
    """Adds the arguments that `read_model` takes."""
    add_checkpoint_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="seed of random clips and crops")


def read_model(path, arguments):
    """A `keras_action.training.ModelFile` that holds a Keras model, with the labels of `arguments`, if any."""
    import keras

    opened = load_model(arguments, path)
    if not isinstance(opened.model, keras.Model):
        raise ValueError(f"A trained Keras model is needed, not a LiteRT file. Received: {path}")
    return opened


def training_clips(opened, data, seed):
    """Clips as in training, by the run's recipe, one at a time, endless; without mixup and cutmix.

    Of a model with `return_sequences` they are sequences of `keras_action.data.sequence_dataset`.
    """
    from keras_action.training.build import training_batches

    annotations = keras_action.data.read_data_set(data, labels=opened.labels, allow_empty_classes=True)
    if opened.recipe is not None:
        recipe = opened.recipe.replace(
            batch_size=1, gradient_accumulation_steps=1, seed=seed, mixup_alpha=0.0, cutmix_alpha=0.0, cache=False
        )
        batches = training_batches(recipe, annotations)
    elif returns_sequences(opened.model):
        raise ValueError(f"A model with `return_sequences` needs its training run. Received: {opened.path}")
    else:
        size = attributes(opened, "num_segments", "input_size")
        batches = keras_action.data.training_dataset(annotations, batch_size=1, seed=seed, **size)
    return batches.map(lambda clips, *_: clips).as_numpy_iterator()


def evaluation_clips(opened, data, count, seed):
    """Clips to compare a file with its model.

    Args:
        opened: The `ModelFile`.
        data: Labelled clips; `None` for clips of random pixels.
        count: Maximum number of labelled clips, evenly from the whole set, which may be sorted by class. They are read
            as in evaluation; clips that can't be decoded have weight 0. For a model with `return_sequences` they are
            sequences, always the same.
        seed: Seed of the random pixels.
    """
    if data is None:
        return noise_clips(opened, seed)
    if returns_sequences(opened.model):
        return itertools.islice(training_clips(opened, data, seed=_EVALUATION_SEED), min(count, MAX_SEQUENCES))
    annotations = keras_action.data.read_data_set(data, labels=opened.labels, allow_empty_classes=True)
    step = max(len(annotations) / count, 1.0)
    chosen = tuple(annotations.clips[int(place * step)] for place in range(int(len(annotations) / step)))
    return keras_action.data.evaluation_dataset(
        dataclasses.replace(annotations, clips=chosen),
        batch_size=1,
        **attributes(opened, "num_segments", "input_size", "sampling"),
        cropping=keras_action.data.Cropping(crop_to_aspect_ratio=opened.crop_to_aspect_ratio),
    ).as_numpy_iterator()


def noise_clips(opened, seed, count=8):
    """Clips of random pixels, uint8 `(count, T, H, W, 3)`."""
    import numpy as np

    return np.random.default_rng(seed).integers(0, 256, (count, *opened.model.input_shape[1:]), dtype="uint8")
