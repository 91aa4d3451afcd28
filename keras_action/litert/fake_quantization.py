"""Layers that round as an int8 file does, and learn through it: the gradient passes as if nothing was rounded."""

import keras
from keras import ops


def round_kernel(kernel, depthwise):
    """A kernel as it is in an int8 file: 255 steps from −max |w| to max |w|, of each output channel its own.

    A batch normalisation behind the layer becomes a factor of each channel in the file; it scales a channel's steps
    along with its weights, so that the kernel can be rounded before it.

    Args:
        kernel: Tensor whose last axis holds the output channels.
        depthwise: Whether it is `(height, width, channels, multiplier)`: the last two axes do.

    Returns:
        A tensor of the same shape.
    """
    axes = tuple(range(len(kernel.shape) - (2 if depthwise else 1)))
    step = ops.max(ops.abs(kernel), axis=axes, keepdims=True) / 127
    step = ops.stop_gradient(ops.where(step > 0, step, ops.ones_like(step)))
    return kernel + ops.stop_gradient(ops.round(kernel / step) * step - kernel)


@keras.saving.register_keras_serializable(package="keras_action")
class RoundedActivations(keras.layers.Layer):
    """Rounds activations to 256 steps over the range that they have.

    The range is that of the first batch of training, then a moving average of the batches'; zero is one of the steps,
    as it is in a file. Before any training nothing is rounded.

    Args:
        momentum: Of the moving average.

    Input shape: any.
    Output shape: the same.

    Reference: [Jacob et al., 2018](https://arxiv.org/abs/1712.05877), section 3.
    """

    def __init__(self, momentum=0.9, **kwargs):
        super().__init__(**kwargs)
        self.momentum = float(momentum)

    def build(self, input_shape):
        # One variable holds whether there was a batch, and the range's ends.
        self.range = self.add_weight(name="range", shape=(3,), initializer="zeros", trainable=False)

    def call(self, inputs, training=None):
        state = ops.convert_to_tensor(self.range)
        if training:
            zero = ops.zeros((), inputs.dtype)
            low, high = ops.minimum(ops.min(inputs), zero), ops.maximum(ops.max(inputs), zero)
            batch = ops.stop_gradient(ops.stack([ops.ones((), inputs.dtype), low, high]))
            state = ops.where(state[0] > 0, self.momentum * state + (1 - self.momentum) * batch, batch)
            self.range.assign(state)
        step = (state[2] - state[1]) / 255
        step = ops.where(step > 0, step, ops.ones_like(step))
        low = ops.round(state[1] / step) * step
        clipped = ops.clip(inputs, low, low + 255 * step)
        rounded = clipped + ops.stop_gradient(ops.round(clipped / step) * step - clipped)
        return ops.where(state[0] > 0, rounded, inputs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


@keras.saving.register_keras_serializable(package="keras_action")
class RoundedLayer(keras.layers.Wrapper):
    """A layer as it is in an int8 file: its kernels rounded, its batch normalisation with stored statistics.

    Args:
        layer: The layer; it is called with rounded copies of its variables of two and more axes.

    Input shape: that of the layer.
    Output shape: that of the layer.
    """

    def call(self, inputs):
        values = []
        for variable in self.layer.variables:
            value = ops.convert_to_tensor(variable)
            if len(variable.shape) >= 2:
                value = round_kernel(value, depthwise=_is_depthwise(self.layer, variable))
            values.append((variable, value))
        with keras.StatelessScope(values):
            return self.layer(inputs, training=False)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)


def _is_depthwise(layer, variable):
    """Whether the kernel of a layer, or of a part of it, has a filter for each input channel."""
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return True
    return len(variable.shape) == 4 and variable.shape[-1] == 1 and not isinstance(layer, keras.layers.Conv2D)
