"""Some dozens to some hundreds of clips of your own gestures, starting from the motion weights. No GPU is needed.

    keras-action train --train gestures --output runs/mine
    keras-action train --train gestures.csv --cross-validate 3 --output runs/mine

This is the default for fewer than 500 clips. Ten clips of each of eight gestures take about three minutes on two cores.
No validation set is needed: `--cross-validate` estimates the accuracy, by session where clips have one, and the last
training is on all clips. Results are in docs/results.md, what the weights have seen in docs/motion_weights.md.

Whole frames are scaled to 72 × 72 pixels, since hands enter and leave at the sides. The statistics of batch
normalisation are computed anew from 20 batches, and stay so: batches of eight clips are too small to update them. Clips
are neither flipped nor reversed, which would make another gesture of many. Batches, and with them the number of steps,
follow from the number of clips.
"""

import dataclasses

from . import drawing

_BATCH = 8
_STEPS = 240  # of all epochs
_EPOCHS = (12, 24)


def recipe(num_clips=80):
    """The recipe for a set of `num_clips` clips."""
    batch_size = max(1, min(_BATCH, num_clips))
    epochs = round(_STEPS / max(1, num_clips // batch_size))
    return dataclasses.replace(
        drawing.recipe(),
        weights="motion",
        adapt_batch_norm=20,
        partial_batch_norm=True,
        batch_size=batch_size,
        epochs=min(max(epochs, _EPOCHS[0]), _EPOCHS[1]),
        learning_rate=5e-4,
        label_smoothing=0.1,
        dropout=0.5,
    )
