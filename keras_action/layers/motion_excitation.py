"""ME, the third path of ACTION: which channels change from one frame to the next."""

import keras
import numpy as np
from keras import ops

from keras_action.layers.excitation import SqueezedExcitation
from keras_action.layers.initializers import fan_in_uniform

# A tap of a zero-padded 3×3 convolution reads all pixels but those of the border opposite to it. A row for each of the
# nine sums of `border_means`; a column for each tap (dy, dx) of the kernel, row by row from (−1, −1). The tap dy = +1
# never reads the first row, dy = −1 never the last one; a corner that is subtracted twice is added once.
_SUMS_TO_TAPS = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1, 1, 1],  # total
        [0, 0, 0, 0, 0, 0, -1, -1, -1],  # first row
        [-1, -1, -1, 0, 0, 0, 0, 0, 0],  # last row
        [0, 0, -1, 0, 0, -1, 0, 0, -1],  # first column
        [-1, 0, 0, -1, 0, 0, -1, 0, 0],  # last column
        [0, 0, 0, 0, 0, 0, 0, 0, 1],  # first row, first column
        [0, 0, 0, 0, 0, 0, 1, 0, 0],  # first row, last column
        [0, 0, 1, 0, 0, 0, 0, 0, 0],  # last row, first column
        [1, 0, 0, 0, 0, 0, 0, 0, 0],  # last row, last column
    ],
    "float32",
)


def border_means(x):
    """Nine sums of `x`, divided by H·W: total, first and last row, first and last column, four corners.

    Args:
        x: Tensor `(N, H, W, C)`.

    Returns:
        Tensor `(N, 9, C)`. Undivided sums could leave the range of float16.
    """
    height, width = x.shape[1:3]
    rows = [ops.mean(x[:, row], axis=1) / height for row in (0, height - 1)]
    columns = [ops.mean(x[:, :, column], axis=1) / width for column in (0, width - 1)]
    corners = [x[:, row, column] / (height * width) for row in (0, height - 1) for column in (0, width - 1)]
    return ops.stack([ops.mean(x, axis=(1, 2)), *rows, *columns, *corners], axis=1)


def pixel_shares(height, width):
    """The share of the pixels in each of the nine sums, `(9, 1)`."""
    row, column, pixel = 1 / height, 1 / width, 1 / (height * width)
    return np.array([1, row, row, column, column, pixel, pixel, pixel, pixel], "float32")[:, None]


def mean_of_depthwise_conv(means, kernel):
    """The spatial mean of a zero-padded depthwise 3×3 convolution, without the convolution.

    Identity: the sum over all outputs is the sum over the kernel's taps of weight times the sum of the inputs that the
    tap reads: all but at most one border row and one border column.

    Args:
        means: `border_means` of the convolution's input, `(N, 9, C)`.
        kernel: Depthwise kernel `(3, 3, C, 1)`.

    Returns:
        Tensor `(N, C)`.
    """
    taps = ops.reshape(kernel, (9, -1))
    weights = ops.matmul(ops.convert_to_tensor(_SUMS_TO_TAPS, dtype=means.dtype), taps)
    return ops.sum(means * weights, axis=1)


@keras.saving.register_keras_serializable(package="keras_action")
class MotionExcitation(SqueezedExcitation):
    """Motion excitation (ME): one mask value for each frame and channel, from the change to the next frame.

    Squeezed to C / r channels and batch-normalised to F; the motion is K ∗ F(t + 1) − F(t) with a depthwise 3×3
    convolution K, zero for the last frame; its spatial mean is expanded to C channels, and a sigmoid; the output is
    x + x ⊙ M. No convolution has a bias. The batch normalisation, and that the 3×3 convolution is depthwise, are in the
    reference code, not in the paper's text.

    Neither the convolution nor the difference is computed at full size: `mean_of_depthwise_conv` gives their
    spatial mean from nine sums of F. At inference F is not computed either: squeeze and batch normalisation are affine,
    so they are applied to nine sums of x.

    Args:
        num_segments: Integer T, the frames of one clip.
        reduction: Integer r; F has C // r channels, and at least one.
        causal: Boolean; whether the motion of frame t is K ∗ F(t) − F(t − 1), zero for the first frame: the motions of
            the layer that is not causal, each one frame later.

    Input shape: `(B·T, H, W, C)`.
    Output shape: the same.

    Raises:
        ValueError: where T does not divide the batch.

    Example:

    >>> layer = keras_action.layers.MotionExcitation(num_segments=8)
    >>> frames = np.zeros((16, 56, 56, 24), "float32")
    >>> layer(frames).shape
    (16, 56, 56, 24)
    >>> layer.excitation(frames).shape  # the mask alone
    (16, 1, 1, 24)

    Reference: ACTION-Net, [Wang et al., 2021](https://arxiv.org/abs/2103.07372), section 3.2.
    """

    def __init__(self, num_segments=8, reduction=16, causal=False, **kwargs):
        super().__init__(num_segments, reduction, causal, **kwargs)
        self.norm = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype=self.dtype_policy, name="norm")

    def build(self, input_shape):
        super().build(input_shape)
        squeezed = self.squeezed_channels
        self.norm.build((*input_shape[:-1], squeezed))
        self.spatial_kernel = self.add_weight(
            name="spatial_kernel", shape=(3, 3, squeezed, 1), initializer=fan_in_uniform(3 * 3)
        )

    def excitation(self, inputs, training=None):
        """The mask M `(B·T, 1, 1, C)`, in 0..1. The layer must be built."""
        if training and self.norm.trainable:
            squeezed = ops.conv(inputs, self.squeeze_kernel[None, None], padding="same")
            means = border_means(self.norm(squeezed, training=True))
        else:
            means = self._normalised_means(inputs)
        convolved = mean_of_depthwise_conv(means, ops.convert_to_tensor(self.spatial_kernel))
        time = (-1, self.num_segments, self.squeezed_channels)
        motion = ops.reshape(convolved, time)[:, 1:] - ops.reshape(means[:, 0], time)[:, :-1]
        still = (1, 0) if self.causal else (0, 1)  # the frame without motion
        motion = ops.reshape(ops.pad(motion, ((0, 0), still, (0, 0))), (-1, time[-1]))
        return self._expand(motion)

    def state_shapes(self, input_shape):
        return {"me": (self._squeezed(input_shape[-1]),), "started": (1,)}

    def excitation_step(self, inputs, state):
        means = self._normalised_means(inputs)
        convolved = mean_of_depthwise_conv(means, ops.convert_to_tensor(self.spatial_kernel))
        # Both states are zero before the first frame, so its motion is zero.
        mask = self._expand(convolved * state["started"] - state["me"])
        return mask, {"me": means[:, 0], "started": ops.maximum(state["started"], 1)}

    def _expand(self, motion):
        x = ops.sigmoid(ops.matmul(motion, self.expand_kernel))
        return ops.expand_dims(x, (1, 2))

    def _normalised_means(self, inputs):
        """`border_means` of F from those of x, as with stored statistics F is affine in x."""
        norm = self.norm
        scale = norm.gamma / ops.sqrt(norm.moving_variance + norm.epsilon)
        offset = norm.beta - norm.moving_mean * scale
        shares = ops.convert_to_tensor(pixel_shares(*inputs.shape[1:3]), dtype=inputs.dtype)
        means = ops.matmul(border_means(inputs), self.squeeze_kernel)
        return means * ops.cast(scale, means.dtype) + shares * ops.cast(offset, means.dtype)
