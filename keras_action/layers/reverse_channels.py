"""RGB to BGR, for weights that come from Caffe."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_action")
class ReverseChannels(keras.layers.Layer):
    """Reverses the order of the channels: RGB becomes BGR, which weights from Caffe expect.

    It concatenates slices, as LiteRT's delegates do not support a flip.

    Input shape: `(…, C)`.
    Output shape: the same.

    Example:

    >>> np.array(keras_action.layers.ReverseChannels()(np.array([[1.0, 2.0, 3.0]])))
    array([[3., 2., 1.]], dtype=float32)
    """

    def call(self, inputs):
        channels = inputs.shape[-1]
        return ops.concatenate([inputs[..., i : i + 1] for i in reversed(range(channels))], axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape
