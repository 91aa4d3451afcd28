"""Scales the layers behind fresh modules, so that weights trained without modules still fit."""

import keras

from keras_action.layers import Action
from keras_action.models.graph import Graph

_FRESH_GAIN = 1.5  # of an untrained path: 1 + sigmoid(0)


def divide_gain(model):
    """Divides the kernels behind fresh ACTION modules by the modules' gain, in place.

    A fresh path multiplies its input by 1.5, and ACTION, the sum over its paths, by 4.5. The weights behind it, above
    all the stored statistics of batch normalisation, are those of a network without modules. If the statistics are not
    updated (frozen stages, partial batch normalisation, few steps), activations are 4.5 times too large in each block,
    and MobileNetV2's ReLU6 saturates. If a batch normalisation follows a module, its statistics are multiplied instead.
    Neither the paper nor the reference code does so.

    Args:
        model: A functional model with `keras_action.layers.Action` whose other weights are trained.

    Raises:
        ValueError: if a layer other than a convolution or a batch normalisation takes a module's output.
    """
    graph = Graph(model)
    for name, module in graph.operations.items():
        if isinstance(module, Action):
            for taker in graph.takers[name]:
                _divide(graph.operations[taker], _FRESH_GAIN * len(module.paths), name)


def _divide(layer, gain, name):
    if isinstance(layer, keras.layers.BatchNormalization):
        layer.moving_mean.assign(layer.moving_mean * gain)
        # The layer adds epsilon to the variance, so its divisor is exactly `gain` times as large.
        layer.moving_variance.assign((layer.moving_variance + layer.epsilon) * gain**2 - layer.epsilon)
    elif isinstance(layer, keras.layers.SeparableConv2D):
        layer.depthwise_kernel.assign(layer.depthwise_kernel / gain)
    elif isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
        layer.kernel.assign(layer.kernel / gain)
    else:
        raise ValueError(
            "`unit_gain` needs a convolution or a batch normalisation behind each module. "
            f"Received: {name!r}, behind which is {layer.name!r} ({type(layer).__name__})"
        )
