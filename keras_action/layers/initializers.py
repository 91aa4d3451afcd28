"""PyTorch's default initializer, which the reference code uses."""

import math

import keras


def fan_in_uniform(fan_in):
    """Uniform in ±1 / sqrt(fan_in), PyTorch's default for the kernel of a convolution.

    Keras' `VarianceScaling` counts the channels of a depthwise kernel into its fan-in, and so draws far smaller values.

    Args:
        fan_in: Integer, the number of inputs that one output sums over.

    Returns:
        A `keras.initializers.RandomUniform`.
    """
    limit = 1 / math.sqrt(fan_in)
    return keras.initializers.RandomUniform(-limit, limit)
