"""First-person gestures of EgoGestAR, from a model that has seen made-up ones, at a size for two CPU cores.

    python -m training.train --recipe egogestar --train train.csv --val val.csv --output runs/ego \
        --set start_from=runs/drawing

`start_from` is a run of the recipe `drawing`. 186 clips of pure motion are few: from ImageNet's weights alone they are
learnt by heart. The statistics of batch normalisation stay those of the start: eleven steps an epoch are too few for
running means of momentum 0.999 to follow. Mirrored and reversed clips as new samples made it worse, also with labels
that hold for them: the direction in which people draw a shape is part of what tells it from others. What came out, with
the commands, stands in docs/results.md.
"""

import dataclasses

from training.recipes import drawing


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
