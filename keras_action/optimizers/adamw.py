"""AdamW whose weight decay leaves biases and batch normalisation out."""

import keras


@keras.saving.register_keras_serializable(package="keras_action")
class AdamW(keras.optimizers.AdamW):
    """AdamW that leaves biases and batch normalisation out of its weight decay.

    Keras' own can be told so by `exclude_from_weight_decay`, but forgets it in a file: a run that goes on from a
    checkpoint would decay what it did not before.

    All arguments are those of `keras.optimizers.AdamW`.

    Example:

    >>> optimizer = keras_action.optimizers.AdamW(learning_rate=1e-3, weight_decay=1e-2)

    Reference: [Loshchilov and Hutter, 2019](https://arxiv.org/abs/1711.05101).
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
