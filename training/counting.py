"""Counts operations in a way that reproduces the paper's figures."""

import math


def operations_as_the_paper(model, literal, full_convolution=0):
    """The operations of one clip, counted in a way that reproduces the paper's FLOPs: more than multiply-adds.

    The paper does not describe its count. The following one, of a widely used counter for PyTorch modules, gives the
    printed FLOPs, or a last digit that differs by one (docs/cost.md):

    - Multiply-adds of convolutions and matrix products in the released code, and one addition for each bias.
    - Two operations for each value that is normalised, one for each value of a ReLU, one for each value pooled.
    - Nothing for sigmoids, and for elementwise sums and products.

    Args:
        model: A model of `build_action_net`, `build_tsm` or `build_tsn`.
        literal: Its multiply-adds, `Macs.literal` of `keras_action.complexity`.
        full_convolution: Additional multiply-adds of ME's convolution if it is not depthwise.

    Returns:
        Integer.
    """
    frames = model.input_shape[1]
    total = literal + full_convolution
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "BatchNormalization":
            total += 2 * _values(layer.output, frames)
        elif kind in ("ReLU", "Activation"):
            total += _values(layer.output, frames)
        elif kind.endswith("Pooling2D"):
            total += _values(layer.input, frames)
        elif getattr(layer, "use_bias", False):
            total += _values(layer.output, frames)
        elif kind == "Action":
            total += _values_in_action(layer, frames)
    return total


def convolution_macs(model):
    """Additional multiply-adds of one clip if ME's 3×3 convolutions were not depthwise."""
    return sum(
        9 * (layer.me.squeezed_channels**2 - layer.me.squeezed_channels) * _pixels(layer.output) * model.input_shape[1]
        for layer in model.layers
        if getattr(layer, "me", None) is not None
    )


def _values_in_action(layer, frames):
    """CE pools the input and rectifies the squeezed channels; ME normalises and pools its squeezed features."""
    total = 0
    for part in layer.parts:
        kind = type(part).__name__
        if kind == "ChannelExcitation":
            total += _values(layer.output, frames) + part.squeezed_channels * frames
        elif kind == "MotionExcitation":
            total += 3 * part.squeezed_channels * _pixels(layer.output) * frames
    return total


def _pixels(x):
    return x.shape[1] * x.shape[2]


def _values(x, frames):
    return math.prod(x.shape[1:]) * frames
