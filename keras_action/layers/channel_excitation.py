"""CE, the second path of ACTION: which channels matter, as they change over time."""

import keras
from keras import ops

from keras_action.layers.excitation import SqueezedExcitation
from keras_action.layers.initializers import fan_in_uniform


@keras.saving.register_keras_serializable(package="keras_action")
class ChannelExcitation(SqueezedExcitation):
    """Channel excitation (CE): one mask value for each frame and channel.

    The spatial mean (equation 5), squeezed to C / r channels (6), a convolution over time of kernel 3 (7), ReLU,
    expanded to C channels and a sigmoid (8); the output is x + x ⊙ M (9). No convolution has a bias. The ReLU is in
    the reference code, not in the paper's text.

    Args:
        num_segments: Integer T, the frames of one clip.
        reduction: Integer r; the squeezed tensor has C // r channels, and at least one.
        causal: Boolean; whether the convolution over time reads t − 2 … t instead of t − 1 … t + 1.

    Input shape: `(B·T, H, W, C)`.
    Output shape: the same.

    Raises:
        ValueError: where T does not divide the batch.

    Example:

    >>> layer = keras_action.layers.ChannelExcitation(num_segments=8)
    >>> frames = np.zeros((16, 56, 56, 24), "float32")
    >>> layer(frames).shape
    (16, 56, 56, 24)
    >>> layer.excitation(frames).shape  # the mask alone
    (16, 1, 1, 24)

    Reference: ACTION-Net, [Wang et al., 2021](https://arxiv.org/abs/2103.07372), section 3.2.
    """

    def build(self, input_shape):
        super().build(input_shape)
        squeezed = self.squeezed_channels
        self.temporal_kernel = self.add_weight(
            name="temporal_kernel", shape=(3, squeezed, squeezed), initializer=fan_in_uniform(3 * squeezed)
        )

    def excitation(self, inputs, training=None):
        """The mask M `(B·T, 1, 1, C)`, in 0..1. The layer must be built."""
        squeezed = self.squeezed_channels
        x = self._squeeze(inputs)
        x = ops.reshape(x, (-1, self.num_segments, squeezed))
        kernel = ops.convert_to_tensor(self.temporal_kernel)
        if self.causal:
            x = ops.conv(ops.pad(x, ((0, 0), (2, 0), (0, 0))), kernel, padding="valid")
        else:
            x = ops.conv(x, kernel, padding="same")
        return self._expand(ops.reshape(x, (-1, squeezed)))

    def state_shapes(self, input_shape):
        return {"ce": (2 * self._squeezed(input_shape[-1]),)}

    def excitation_step(self, inputs, state):
        squeezed = self.squeezed_channels
        x = ops.concatenate([state["ce"], self._squeeze(inputs)], axis=-1)  # of t − 2, t − 1 and t
        kernel = ops.reshape(self.temporal_kernel, (3 * squeezed, squeezed))
        return self._expand(ops.matmul(x, kernel)), {"ce": x[:, squeezed:]}

    def _squeeze(self, inputs):
        return ops.matmul(ops.mean(inputs, axis=(1, 2)), self.squeeze_kernel)

    def _expand(self, x):
        x = ops.sigmoid(ops.matmul(ops.relu(x), self.expand_kernel))
        return ops.expand_dims(x, (1, 2))
