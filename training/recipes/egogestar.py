"""First-person gestures of EgoGestAR, starting from a model of synthetic ones, small enough for two CPU cores.

    keras-action train --recipe egogestar --train train.csv --val val.csv --output runs/ego \
        --set start_from=runs/drawing

`start_from` is a run of the recipe `drawing`: with 186 clips of pure motion, a model from ImageNet's weights alone
overfits. The statistics of batch normalisation stay those of the start: with eleven steps an epoch, moving averages of
momentum 0.999 would lag behind. Flipped and reversed clips lowered the accuracy, even with correct labels: the
direction in which people draw a shape helps to recognise it. Results and commands are in docs/results.md.
"""

import dataclasses

from . import drawing


def recipe():
    return dataclasses.replace(
        drawing.recipe(),
        epochs=16,
        learning_rate=5e-4,
        label_smoothing=0.1,
        dropout=0.5,
        weights=None,
        partial_batch_norm=True,
    )
