"""The synthetic gestures of `make demo`, from scratch, small enough for two CPU cores.

    make demo

Results and times are in docs/results.md.
"""

import dataclasses

from keras_action.data import Augmentation, Cropping, Reading
from keras_action.training.recipe import Recipe


def recipe():
    return Recipe(
        alpha=0.35,
        input_size=64,
        weights=None,
        zero_init_residual=True,
        dropout=0.0,
        epochs=36,
        batch_size=8,
        learning_rate=3e-3,
        warmup_epochs=1,
        weight_decay=1e-4,
        label_smoothing=0.0,
        cropping=Cropping(crop_scales=(1.0,)),
        augmentation=Augmentation(flip=True),
        reading=Reading(cache=True),
    )


def notebook():
    """For the swipes of the notebooks: smaller frames, and no XLA, which would compile as long as several epochs."""
    return dataclasses.replace(recipe(), input_size=48, jit_compile=False)
