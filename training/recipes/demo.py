"""The synthetic gestures of `make demo`, small enough for two CPU cores.

    make demo

`recipe` is from scratch. The demo takes `motion` for ACTION-Net, `tsn` for TSN and `streams` for the long video.
Results and times are in docs/results.md.
"""

import dataclasses

from keras_action.data import Augmentation, Cropping, Reading
from keras_action.training.recipe import Recipe

from . import few_clips
from . import streams as live


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


def motion():
    """ACTION-Net from the motion weights, which have seen hands like these: four epochs are enough."""
    return dataclasses.replace(few_clips.recipe(), epochs=4, label_smoothing=0.0)


def tsn():
    """TSN from scratch. Seeing the same frames for both gestures of a pair, it can't exceed 5 / 9 of the clips."""
    return dataclasses.replace(recipe(), model="tsn", epochs=6, jit_compile=False)


def streams():
    """ACTION-Net with a memory, for the long video.

    Its frames come evenly and its gestures at one speed: one epoch without dropped frames and other speeds finds more.
    Labels come earlier in a third of its 720 sequences.
    """
    recipe = live.recipe()
    even = dataclasses.replace(recipe.sequences, max_dropped=0.0, speeds=(0.75, 1.3), early_sequences=240)
    return dataclasses.replace(recipe, epochs=1, sequences=even)


def notebook():
    """For the swipes of the notebooks: smaller frames, and no XLA, which would compile as long as several epochs."""
    return dataclasses.replace(recipe(), input_size=48, jit_compile=False)
