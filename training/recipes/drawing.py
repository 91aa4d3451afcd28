"""Synthetic videos of a finger that draws in the air, from which `egogestar` starts. MobileNetV2 from ImageNet.

    keras-action synthesize --kind drawing --clips-per-class 140 --val-share 0.1 --size 88 116 --output drawings
    keras-action train --recipe drawing --train drawings/train.csv --val drawings/val.csv \
        --output runs/drawing --set weights=mobilenet_v2_imagenet.npz

Small enough for two CPU cores. Twelve frames, since eight hardly show all strokes of a star, and whole pictures, since
hands enter and leave at their sides. Results are in docs/results.md.
"""

from keras_action.data import Augmentation, Cropping, Reading
from keras_action.training.recipe import Recipe


def recipe():
    return Recipe(
        num_segments=12,
        input_size=72,
        cropping=Cropping(crop_to_aspect_ratio=False, crop_scales=(1.0, 0.875, 0.75)),
        augmentation=Augmentation(color_jitter=0.4),
        reading=Reading(cache=True),
        frozen_stages=2,
        epochs=8,
        batch_size=16,
        learning_rate=1e-3,
        warmup_epochs=0.5,
        label_smoothing=0.05,
        dropout=0.2,
        jit_compile=False,
    )
