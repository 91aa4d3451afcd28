"""STE, the first path of ACTION: where and when to look."""

import keras
import numpy as np
from keras import ops

from keras_action.layers.excitation import Excitation
from keras_action.layers.initializers import fan_in_uniform


def banded_kernel(kernel, num_segments, causal=False):
    """A 3D kernel `(3, 3, 3, 1, 1)` over (T, H, W) as a 2D kernel `(3, 3, T, T)` with time on the channel axis.

    Identity: a zero-padded 3D convolution of one channel is a 2D convolution from T channels to T channels whose
    kernel has, from frame s to frame t, the 3D kernel's slice s − t + 1, and zero where |s − t| > 1. It is exact, needs
    no 5-D tensor, is faster than a 3D convolution on a CPU, and LiteRT quantises it. With `causal` the slice is
    s − t + 2: frame t reads t − 2 … t.
    """
    last = 2 if causal else 1
    band = np.stack([np.eye(num_segments, k=last - tap) for tap in range(3)])  # (tap, s, t)
    band = ops.convert_to_tensor(band, dtype=kernel.dtype)
    return ops.einsum("khw,kst->hwst", kernel[..., 0, 0], band)


@keras.saving.register_keras_serializable(package="keras_action")
class SpatioTemporalExcitation(Excitation):
    """Spatio-temporal excitation (STE): one mask value for each frame and pixel.

    The mean over channels (equation 1), a 3×3×3 convolution from one channel to one without bias (2), a sigmoid (3);
    the output is x + x ⊙ M (4).

    Args:
        num_segments: Integer T, the frames of one clip.
        causal: Boolean; whether the convolution reads t − 2 … t instead of t − 1 … t + 1.

    Input shape: `(B·T, H, W, C)`.
    Output shape: the same.

    Raises:
        ValueError: where T does not divide the batch.

    Example:

    >>> layer = keras_action.layers.SpatioTemporalExcitation(num_segments=8)
    >>> frames = np.zeros((16, 56, 56, 24), "float32")
    >>> layer(frames).shape
    (16, 56, 56, 24)
    >>> layer.excitation(frames).shape  # the mask alone
    (16, 56, 56, 1)

    Reference: ACTION-Net, [Wang et al., 2021](https://arxiv.org/abs/2103.07372), section 3.2.
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.kernel = self.add_weight(name="kernel", shape=(3, 3, 3, 1, 1), initializer=fan_in_uniform(3 * 3 * 3))

    def excitation(self, inputs, training=None):
        """The mask M `(B·T, H, W, 1)`, in 0..1. The layer must be built."""
        height, width = inputs.shape[1:3]
        x = ops.mean(inputs, axis=-1)
        x = ops.reshape(x, (-1, self.num_segments, height, width))
        x = ops.transpose(x, (0, 2, 3, 1))
        kernel = banded_kernel(ops.convert_to_tensor(self.kernel), self.num_segments, self.causal)
        x = ops.conv(x, kernel, padding="same")
        x = ops.transpose(x, (0, 3, 1, 2))
        return ops.sigmoid(ops.reshape(x, (-1, height, width, 1)))

    def state_shapes(self, input_shape):
        height, width = input_shape[1:3]
        return {"ste": (height, 2 * width)}  # two frames side by side

    def excitation_step(self, inputs, state):
        height, width = inputs.shape[1:3]
        frames = ops.concatenate([state["ste"], ops.mean(inputs, axis=-1)], axis=-1)  # of t − 2, t − 1 and t
        x = ops.transpose(ops.reshape(frames, (-1, height, 3, width)), (0, 1, 3, 2))
        kernel = ops.transpose(ops.convert_to_tensor(self.kernel)[..., 0], (1, 2, 0, 3))
        return ops.sigmoid(ops.conv(x, kernel, padding="same")), {"ste": frames[..., width:]}
