"""Reads a trained model and clips for the programs that convert and verify."""

import dataclasses
import itertools

from keras_action.programs.arguments import DATA_FORMS, add_checkpoint_arguments, read_labels

MAX_SEQUENCES = 16  # of some 60 frames each
_EVALUATION_SEED = 1


def add_model_arguments(parser):
    """Adds the arguments that `read_model` takes."""
    add_checkpoint_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="seed of random clips and crops (default: 0)")


def read_model(path, arguments):
    """A `keras_action.training.ModelFile` that holds a Keras model, with the labels of `arguments`, if any."""
    import keras

    import keras_action

    opened = keras_action.load_model(
        path, num_segments=arguments.num_segments, labels=read_labels(arguments.labels), kind=arguments.kind
    )
    if not isinstance(opened.model, keras.Model):
        raise ValueError(f"A trained Keras model is needed, not a LiteRT file. Received: {path}")
    return opened


def training_clips(opened, data, seed):
    """Clips as in training, by the run's recipe, one at a time, endless; without mixup and cutmix.

    Of a model with `return_sequences` they are sequences of `keras_action.data.sequence_dataset`.
    """
    from keras_action.data import read_data_set, training_dataset

    recipe, settings = opened.recipe, {}
    if returns_sequences(opened):
        from keras_action.training.build import training_batches

        annotations = read_data_set(data, labels=opened.labels, allow_empty_classes=True)
        batches = training_batches(recipe.replace(batch_size=1, seed=seed), annotations)
        return batches.map(lambda frames, targets, weights: frames).as_numpy_iterator()
    if recipe is not None:
        unmixed = dataclasses.replace(recipe.augmentation, mixup_alpha=0.0, cutmix_alpha=0.0)
        reading = dataclasses.replace(recipe.reading, cache=False)
        settings = {"sampling": recipe.sampling, "cropping": recipe.cropping}
        settings |= {"augmentation": unmixed, "reading": reading}
    return training_dataset(
        read_data_set(data, labels=opened.labels, allow_empty_classes=True),
        num_segments=opened.num_segments,
        input_size=opened.input_size,
        batch_size=1,
        seed=seed,
        **settings,
    ).as_numpy_iterator()


def returns_sequences(opened):
    """Whether a model was trained on streams, step by step."""
    return opened.recipe is not None and opened.recipe.return_sequences


def evaluation_clips(opened, data, count):
    """At most `count` labelled clips as in evaluation, evenly from the whole set, which may be sorted by class.

    Clips that can't be decoded have weight 0. Of a model with `return_sequences` they are sequences, always the same.
    """
    if returns_sequences(opened):
        return itertools.islice(training_clips(opened, data, seed=_EVALUATION_SEED), min(count, MAX_SEQUENCES))
    from keras_action.data import Cropping, evaluation_dataset, read_data_set

    annotations = read_data_set(data, labels=opened.labels, allow_empty_classes=True)
    step = max(len(annotations) / count, 1.0)
    chosen = tuple(annotations.clips[int(place * step)] for place in range(int(len(annotations) / step)))
    return evaluation_dataset(
        dataclasses.replace(annotations, clips=chosen),
        num_segments=opened.num_segments,
        input_size=opened.input_size,
        batch_size=1,
        sampling=opened.sampling,
        cropping=Cropping(crop_to_aspect_ratio=opened.crop_to_aspect_ratio),
    ).as_numpy_iterator()


def noise_clips(opened, seed, count=8):
    """Clips of random pixels, uint8 `(count, T, H, W, 3)`."""
    import numpy as np

    return np.random.default_rng(seed).integers(0, 256, (count, *opened.model.input_shape[1:]), dtype="uint8")


__all__ = [
    "DATA_FORMS",
    "MAX_SEQUENCES",
    "add_model_arguments",
    "evaluation_clips",
    "noise_clips",
    "read_model",
    "returns_sequences",
    "training_clips",
]
