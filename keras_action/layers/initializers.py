"""The initial values of the released code, which are PyTorch's defaults."""

import math

import keras


def fan_in_uniform(fan_in):
    """Uniform in ±1 / sqrt(fan_in), PyTorch's default for the kernel of a convolution.

    Keras' own `VarianceScaling` counts a depthwise kernel's channels into its fan-in and would draw it far too
    small; here the fan-in is said by who knows it.

    Args:
        fan_in: Integer, how many inputs one output sums over.

    Returns:
        A `keras.initializers.RandomUniform`.
    """
    limit = 1 / math.sqrt(fan_in)
    return keras.initializers.RandomUniform(-limit, limit)
