"""AdamW without weight decay of biases and batch normalisation."""

import keras


@keras.saving.register_keras_serializable(package="keras_action")
class AdamW(keras.optimizers.AdamW):
    """AdamW without weight decay of biases and batch normalisation.

    The optimiser of Keras has `exclude_from_weight_decay`, but a file does not keep it: a resumed run would decay all
    weights.

    The arguments are those of `keras.optimizers.AdamW`.

    Example:

    >>> optimizer = keras_action.optimizers.AdamW(learning_rate=1e-3, weight_decay=1e-2)

    Reference: [Loshchilov and Hutter, 2019](https://arxiv.org/abs/1711.05101).
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
