"""A first recipe for one's own small set: MobileNetV2 fine-tuned from ImageNet.

python -m training.train --train train.csv --val val.csv --output runs/mine
"""

from keras_action.recipes import Recipe


def recipe():
    return Recipe()
