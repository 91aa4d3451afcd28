"""The multiply-adds of one layer.

Shapes are those of one clip: B = 1, and after `FoldTime` the batch is N = T frames. A bias, a batch normalisation, an
activation, a pooling and a product element by element count zero, and padding is not discounted.
"""

import functools
import math
from dataclasses import astuple, dataclass

import keras

from keras_action.layers import (
    Action,
    ChannelExcitation,
    MotionExcitation,
    SpatioTemporalExcitation,
    StreamingStep,
    TemporalMemory,
    TemporalShift,
)

# Keras' operations and layers without weights that multiply matrices, or call a function that may. By name, as Keras
# does not export the classes of its operations.
_CONVOLUTIONS = {"Conv", "ConvTranspose", "Correlate", "DepthwiseConv", "GaussianBlur", "SeparableConv", "SobelEdges"}
_PRODUCTS = {"CDist", "Corrcoef", "Dot", "Einsum", "Inner", "Kron", "Outer", "Tensordot", "Vdot"}
_ATTENTION = {"AdditiveAttention", "Attention", "DotProductAttention"}
_FOURIER = {"FFT", "FFT2", "IFFT2", "IRFFT", "ISTFT", "MelSpectrogram", "RFFT", "STFT", "STFTSpectrogram"}
_CONTROL_FLOW = {"AssociativeScan", "Cond", "ForiLoop", "Map", "Scan", "Switch", "VectorizedMap", "WhileLoop"}
_WRAPPERS = {"FlaxLayer", "JaxLayer", "Lambda", "Pipeline", "TFSMLayer", "TimeDistributed", "TorchModuleWrapper"}
_MAY_MULTIPLY = _CONVOLUTIONS | _PRODUCTS | _ATTENTION | _FOURIER | _CONTROL_FLOW | _WRAPPERS


@dataclass(frozen=True)
class Macs:
    """Multiply-adds of one clip in three forms, which differ only for the layers of this package.

    Attributes:
        literal: By the formulas of the paper's reference code, every convolution at full size.
        training: As this package's layers compute in training, with batch statistics.
        inference: As this package's layers compute at inference.
    """

    literal: int = 0
    training: int = 0
    inference: int = 0

    def __add__(self, other):
        return Macs(*map(sum, zip(astuple(self), astuple(other), strict=True)))


def in_every_form(macs):
    """`Macs` of a layer that has one form only."""
    return Macs(macs, macs, macs)


@functools.singledispatch
def count_macs(operation, inputs, output):
    """The multiply-adds of one use of a layer on one clip.

    For a custom layer, register a function of the same arguments: `count_macs.register(MyLayer)`.

    Args:
        operation: A built Keras layer or operation.
        inputs: The shapes of its input tensors, a tuple of tuples.
        output: The shape of its (first) output tensor.

    Returns:
        `Macs`; `None` if the layer's cost is unknown.
    """
    kind = type(operation)
    if kind.__name__ == "Matmul":
        return in_every_form(math.prod(output) * inputs[0][-1])
    has_kernel = any(len(weight.shape) > 1 for weight in getattr(operation, "weights", ()))
    is_known = kind.__module__.startswith(("keras.", "keras_action.layers."))
    may_multiply = kind.__name__ in _MAY_MULTIPLY or kind.__module__.endswith(".linalg")
    return Macs() if is_known and not has_kernel and not may_multiply else None


# === Layers of Keras ===


@count_macs.register(keras.layers.LayerNormalization)
@count_macs.register(keras.layers.PReLU)
def _(layer, inputs, output):
    """None, though their weights may have several dimensions."""
    return Macs()


@count_macs.register(keras.layers.Conv1D)
@count_macs.register(keras.layers.Conv2D)
@count_macs.register(keras.layers.Conv3D)
def _(layer, inputs, output):
    """Each of N·H'·W'·C' outputs sums over k·k·(C / groups); the kernel is `(k, k, C / groups, C')`."""
    return in_every_form(math.prod(output) * math.prod(layer.kernel.shape[:-1]))


@count_macs.register(keras.layers.DepthwiseConv1D)
@count_macs.register(keras.layers.DepthwiseConv2D)
def _(layer, inputs, output):
    """Each of N·H'·W'·C·multiplier outputs sums over k·k."""
    return in_every_form(math.prod(output) * math.prod(layer.kernel.shape[:-2]))


@count_macs.register(keras.layers.SeparableConv1D)
@count_macs.register(keras.layers.SeparableConv2D)
def _(layer, inputs, output):
    """Depthwise, then 1×1: at each of N·H'·W' places k·k·(C·multiplier) + (C·multiplier)·C'."""
    *kernel, channels, multiplier = layer.depthwise_kernel.shape
    between = channels * multiplier
    places = math.prod(output) // layer.filters
    return in_every_form(places * between * (math.prod(kernel) + layer.filters))


@count_macs.register(keras.layers.Conv1DTranspose)
@count_macs.register(keras.layers.Conv2DTranspose)
@count_macs.register(keras.layers.Conv3DTranspose)
def _(layer, inputs, output):
    """Each of N·H·W·C inputs is added to k·k·C' sums; the kernel is `(k, k, C', C)`."""
    return in_every_form(math.prod(inputs[0]) * math.prod(layer.kernel.shape[:-1]))


@count_macs.register(keras.layers.Dense)
def _(layer, inputs, output):
    """Each output sums over C; all other axes are batch."""
    return in_every_form(math.prod(output) * layer.kernel.shape[0])


# === Layers of this package: frames (N, H, W, C), R = C // reduction ===


@count_macs.register
def _(layer: TemporalShift, inputs, output):
    """Three taps over time for each value. TSM's fixed shift moves memory in the literal form; ours multiplies."""
    n, h, w, c = inputs[0]
    taps = 3 * n * h * w * c
    return Macs(literal=0 if layer.mode == "fixed" else taps, training=taps, inference=taps)


@count_macs.register
def _(layer: SpatioTemporalExcitation, inputs, output):
    """3×3×3 from one channel to one; ours is 3×3 from T channels to T with a banded kernel."""
    n, h, w, _ = inputs[0]
    t = layer.num_segments
    banded = n * h * w * (3 * 3 * t)
    return Macs(literal=n * h * w * (3 * 3 * 3), training=banded, inference=banded)


@count_macs.register
def _(layer: ChannelExcitation, inputs, output):
    """For one vector a frame: squeeze C·R, three taps over time 3·R·R, expand R·C."""
    n, _, _, c = inputs[0]
    r = layer.squeezed_channels
    return in_every_form(n * (c * r + 3 * r * r + r * c))


@count_macs.register
def _(layer: MotionExcitation, inputs, output):
    """Squeeze C·R and depthwise 3×3·R at every pixel, expand R·C for one vector a frame.

    In training only the squeeze has full size: the nine taps are multiplied by nine sums of its output
    (`border_means`). At inference the squeeze is applied to nine sums too.
    """
    n, h, w, c = inputs[0]
    r = layer.squeezed_channels
    taps, expand = 3 * 3 * r, r * c
    return Macs(
        literal=n * (h * w * (c * r + taps) + expand),
        training=n * (h * w * c * r + taps + expand),
        inference=n * (9 * c * r + taps + expand),
    )


@count_macs.register
def _(layer: TemporalMemory, inputs, output):
    """A gated recurrent unit: for each frame three products with its features and three with the state."""
    n, c = inputs[0]
    return in_every_form(n * 3 * layer.units * (c + layer.units))


@count_macs.register
def _(layer: StreamingStep, inputs, output):
    """As at inference for one frame; TSM's fixed shift moves memory, and STE's kernel is 3×3 from three maps to one."""
    part = layer.layer
    parts = part.parts if isinstance(part, Action) else [part]

    def count(part):
        macs = count_macs(part, inputs, output)
        is_literal = isinstance(part, (TemporalShift, SpatioTemporalExcitation))
        return macs.literal if is_literal else macs.inference

    return in_every_form(sum(count(part) for part in parts))
