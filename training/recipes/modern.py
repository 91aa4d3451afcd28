"""A recipe of ours for large sets: AdamW on a cosine with warm-up, a moving average, RandAugment, label-aware flips.

    keras-action train --recipe modern --train jester:train:DATA --val jester:validation:DATA --output runs/jester

It has not been run on a large set yet. For classes whose flipped label is unknown (EgoGesture, your own) add
`--set flip=false`, or name the pairs: `--set flip_pairs=left:right`.
"""

from keras_action.data import Augmentation
from keras_action.training.recipe import Recipe


def recipe():
    return Recipe(
        epochs=50,
        batch_size=64,
        reference_batch_size=64,
        learning_rate=1e-3,
        warmup_epochs=3,
        weight_decay=0.05,
        label_smoothing=0.1,
        ema_momentum=0.999,
        augmentation=Augmentation(color_jitter=0.2, rand_augment_ops=2, rand_augment_magnitude=0.3, flip=True),
    )
