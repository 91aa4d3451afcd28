"""A small data set of one's own: MobileNetV2 from ImageNet.

    keras-action train --train train.csv --val val.csv --output runs/mine

In the first three epochs only the classifier and the ACTION modules learn, since their random weights would spoil those
of ImageNet. Not tuned.
"""

from keras_action.training.recipe import Recipe


def recipe():
    return Recipe(frozen_epochs=3)
