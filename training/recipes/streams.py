"""Live control: gestures that are reported as they end, learned from labelled clips that are joined into streams.

    keras-action train --recipe streams --train gestures --output runs/live
    keras-action convert runs/live --streaming --quantization int8 --representative gestures --output live.tflite

Some eight minutes on two cores. A class "none" is needed: hands at rest, hands that come and go, an empty picture. The
model is causal: it takes frame after frame, six a second, and a memory behind the features of a frame holds what was
before. It learns step by step: `none`, then `none` or the label, and from the end of a gesture until a little after it
the label alone, as only then it can be told from others that begin in the same way; see `keras_action.data.Sequences`.
Sequences are ten seconds long, with gestures at different speeds and pauses between them. Whole frames are scaled to
72 × 72 pixels. It starts from the motion weights with a memory. Results are in docs/results.md.
"""

import dataclasses

from keras_action.data import Sequences
from keras_action.weights.motion_files import MEMORY_UNITS

from . import drawing

_BATCH = 4
_STEPS = 350  # of all epochs


def recipe(num_clips=80):
    """The recipe for a set of `num_clips` clips."""
    batch_size = max(1, min(_BATCH, num_clips))
    return dataclasses.replace(
        drawing.recipe(),
        weights="motion",
        causal=True,
        memory=MEMORY_UNITS,  # those of the motion weights
        return_sequences=True,
        num_segments=60,
        sequences=Sequences(
            time_step=1 / 6,
            speeds=(0.6, 1.7),
            max_dropped=0.6,
            label_from=1.0,
            early_sequences=round(_STEPS / 3) * batch_size,
            label_after=0.6,
            background_weight=0.25,
            either_weight=0.25,
        ),
        partial_batch_norm=True,
        batch_size=batch_size,
        epochs=max(1, round(_STEPS / max(1, num_clips // batch_size))),
        learning_rate=1e-3,
        label_smoothing=0.0,
        dropout=0.2,
    )
