"""The synthetic gestures of `make demo`, from scratch, small enough for two CPU cores.

    make demo

What comes out, and in what time, stands in docs/results.md.
"""

from keras_action.recipes import Recipe


def recipe():
    return Recipe(
        alpha=0.35,
        input_size=64,
        weights=None,
        dropout=0.2,
        epochs=24,
        batch_size=16,
        learning_rate=4e-3,
        warmup_epochs=2,
        weight_decay=1e-2,
        label_smoothing=0.0,
        color_jitter=0.0,
        cache=True,
    )
