"""Weights that were trained without modules: what follows a module is scaled so that they still fit."""

import keras

from keras_action.layers import Action
from keras_action.models.graph import Graph

_FRESH_GAIN = 1.5  # of a path that has learnt nothing: 1 + sigmoid(0)


def divide_gain(model):
    """Takes the gain of fresh ACTION modules out of the layers that follow them, in place.

    A fresh path gives 1.5 times what comes in, and ACTION the sum over its paths: 4.5 times. The weights behind it, and
    above all the stored statistics of batch normalisation, are of a network without modules. Where statistics are not
    taken anew (stages that are frozen, partial batch normalisation, few steps), what follows is 4.5 times too large in
    each block, and MobileNetV2's ReLU6 cuts it off. So the kernels that take a module's output are divided by its gain;
    of a batch normalisation that takes it, the statistics are multiplied instead. Neither the paper nor the released
    code does so.

    Args:
        model: A functional model with `keras_action.layers.Action` whose other weights are trained.

    Raises:
        ValueError: where something else than a convolution or a batch normalisation takes a module's output.
    """
    graph = Graph(model)
    for name, module in graph.operations.items():
        if isinstance(module, Action):
            for taker in graph.takers[name]:
                _divide(graph.operations[taker], _FRESH_GAIN * len(module.paths), name)


def _divide(layer, gain, name):
    if isinstance(layer, keras.layers.BatchNormalization):
        layer.moving_mean.assign(layer.moving_mean * gain)
        # As the layer adds epsilon to the variance, so is what it divides by `gain` times as large.
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
