"""First-person gestures of EgoGestAR, starting from a model of synthetic ones, small enough for two CPU cores.

    keras-action train --recipe egogestar --train train.csv --val val.csv --output runs/ego \
        --set start_from=runs/drawing

`start_from` is a run of the recipe `drawing`: with 186 clips of pure motion, a model from ImageNet's weights alone
overfits. The statistics of batch normalisation stay those of the start: in eleven steps an epoch, running means of
momentum 0.999 could not follow. Flipped and reversed clips made the result worse, even with correct labels: shapes
are told apart by the direction in which people draw them, too. Results and commands are in docs/results.md.
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
