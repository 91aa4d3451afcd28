"""One's own small set: MobileNetV2 from ImageNet; first only the new layers learn, then all.

python -m training.train --train train.csv --val val.csv --output runs/mine

In the first three epochs classifier and ACTION modules learn alone: what they do at random would spoil ImageNet's
weights. It is a beginning, not tuned.
"""

from keras_action.training.recipe import Recipe


def recipe():
    return Recipe(frozen_epochs=3)
