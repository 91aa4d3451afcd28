"""Pooling for LiteRT: as a depthwise convolution, which its delegate computes in all formats."""

import math

import keras
import numpy as np
from keras import ops


def is_replaced(layer):
    """Whether a layer is a pooling that becomes an `InferencePooling`.

    These are average pooling, for which the delegate has no int8 kernel and none without the padding in the mean, and
    any pooling of single pixels, which selects some of them and for which it has no kernel at all.
    """
    kind = type(layer)
    if kind not in (keras.layers.AveragePooling2D, keras.layers.MaxPooling2D):
        return False
    is_mean = kind is keras.layers.AveragePooling2D or set(layer.pool_size) == {1}
    return is_mean and layer.data_format == "channels_last" and len(set(layer.strides)) == 1


@keras.saving.register_keras_serializable(package="keras_action")
class InferencePooling(keras.layers.Layer):
    """Average pooling as a depthwise convolution with a constant kernel.

    The convolution has zeros for padded pixels, which are not part of the mean. At the border a factor makes up for
    them.

    Args:
        pool_size: Pair of integers.
        strides: Pair of integers.
        padding: `"valid"` or `"same"`.

    Input shape: `(N, H, W, C)`.
    Output shape: that of `keras.layers.AveragePooling2D`.
    """

    def __init__(self, pool_size, strides, padding, **kwargs):
        super().__init__(**kwargs)
        self.pool_size, self.strides, self.padding = tuple(pool_size), tuple(strides), padding

    @classmethod
    def like(cls, layer):
        """A new layer for a pooling for which `is_replaced` is true."""
        return cls(layer.pool_size, layer.strides, layer.padding, name=layer.name, dtype=layer.dtype_policy)

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        kernel = np.full((*self.pool_size, channels, 1), 1 / math.prod(self.pool_size))
        kernel = ops.convert_to_tensor(kernel, dtype=inputs.dtype)
        x = ops.depthwise_conv(inputs, kernel, strides=self.strides, padding=self.padding)
        shares = np.outer(*(self._shares(axis, length) for axis, length in enumerate((height, width))))
        if (shares == 1).all():
            return x
        return x * ops.convert_to_tensor(1 / shares[None, :, :, None], dtype=x.dtype)

    def _shares(self, axis, length):
        """Of each window of one axis, the share of its pixels that are not padded."""
        size, stride = self.pool_size[axis], self.strides[axis]
        if self.padding == "valid":
            return np.ones((length - size) // stride + 1)
        count = -(-length // stride)
        starts = np.arange(count) * stride - max((count - 1) * stride + size - length, 0) // 2
        return (np.minimum(starts + size, length) - np.maximum(starts, 0)) / size

    def compute_output_shape(self, input_shape):
        batch, *lengths, channels = input_shape
        lengths = [len(self._shares(axis, length)) for axis, length in enumerate(lengths)]
        return (batch, *lengths, channels)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": list(self.pool_size),
            "strides": list(self.strides),
            "padding": self.padding,
        }
