"""ACTION for LiteRT: few operators, and few passes over the large tensor."""

import keras
import numpy as np
from keras import ops

from keras_action.layers import Action, ChannelExcitation, MotionExcitation, SpatioTemporalExcitation, TemporalShift
from keras_action.layers.action import PATHS
from keras_action.layers.fold_time import check_frames_shape, check_num_segments
from keras_action.layers.motion_excitation import mean_of_depthwise_conv, pixel_shares
from keras_action.layers.spatio_temporal_excitation import banded_kernel

# The delegate calls its kernels once for each pixel; with fewer channels each call has little work.
_FEW_CHANNELS = 64


def squeezed_means(x, mean, kernel):
    """The means of the squeezed `x` over all pixels, its first and last row, first and last column, and its corners.

    A strided 1×1 convolution selects and squeezes the border in one operator. Indexing would need an operator for each
    row and column, STRIDED_SLICE, which the delegate does not support.

    Args:
        x: Tensor `(N, H, W, C)`.
        mean: Its mean over all pixels, `(N, 1, 1, C)`.
        kernel: Tensor `(C, r)`.

    Returns:
        Tensor `(N, 1, 9, r)`.
    """
    rows = ops.mean(_border(x, kernel, (True, False)), axis=2)
    columns = ops.mean(_border(x, kernel, (False, True)), axis=1)
    corners = _border(x, kernel, (True, True))
    parts = zip((ops.matmul(mean, kernel), rows, columns, corners), (1, 2, 2, 4), strict=True)
    return ops.concatenate([ops.reshape(part, (-1, 1, count, kernel.shape[1])) for part, count in parts], axis=2)


def _border(x, kernel, axes):
    """The first and the last row, or column, or both, squeezed; a single one is first and last."""
    lengths = x.shape[1:3]
    strides = [max(length - 1, 1) if border else 1 for length, border in zip(lengths, axes, strict=True)]
    x = ops.conv(x, ops.reshape(kernel, (1, 1, *kernel.shape)), strides=strides, padding="valid")
    for axis, (length, border) in enumerate(zip(lengths, axes, strict=True), start=1):
        x = ops.concatenate([x, x], axis=axis) if border and length == 1 else x
    return x


def motion_kernel(kernel, height, width):
    """ME's motion as one depthwise kernel `(2, 9, C, 1)` over two frames and the nine means of `squeezed_means`.

    Identity: the spatial mean of K ∗ F(t + 1) − F(t) is a weighted sum of the nine means of F(t + 1), less the mean of
    F(t). The weights are those of the nine sums, times the share of the pixels that each mean is over.

    Args:
        kernel: K, `(3, 3, C, 1)`.
        height: Integer H of F.
        width: Integer W of F.
    """
    each = np.eye(9, dtype="float32")[..., None] * np.ones(kernel.shape[2], "float32")
    ahead = ops.convert_to_numpy(mean_of_depthwise_conv(each, kernel)) * pixel_shares(height, width)
    now = np.zeros_like(ahead)
    now[0] = -1
    return np.stack([now, ahead])[..., None]


def temporal_kernel(kernel, causal):
    """A kernel `(3, …)` for equal zero padding of both ends, the only padding of LiteRT's operators.

    A causal kernel, over t − 2 … t, gets zeros for t + 1 and t + 2: that costs less than padding the tensor.
    """
    return np.concatenate([kernel, np.zeros_like(kernel[:2])]) if causal else kernel


class InferenceLayer(keras.layers.Layer):
    """A layer for inference only. Its weights are constants."""

    def __init__(self, **kwargs):
        super().__init__(trainable=False, **kwargs)

    def _constant(self, name, shape):
        setattr(self, name, self.add_weight(name=name, shape=shape, initializer="zeros", trainable=False))

    def get_config(self):
        config = super().get_config()
        del config["trainable"]
        return config


@keras.saving.register_keras_serializable(package="keras_action")
class InferenceAction(InferenceLayer):
    """`Action`, a part of it, or `TemporalShift`, with precomputed constants.

    The outputs are those of these layers at inference, except for rounding.

    - The masks of all paths and the constant are added at their small size; the frames are multiplied once.
    - STE's banded kernel is a constant.
    - In ME the batch normalisation's scale is part of the squeeze, and its offset of a bias; the convolution, the
      difference of frames and the spatial mean are one small depthwise convolution (`motion_kernel`).

    Args:
        num_segments: Integer T, the frames of one clip.
        paths: Which excitations, any of `"ste"`, `"ce"`, `"me"`, or none.
        shift: Boolean; whether frames are shifted first.
        squeezed_channels: Integer, the channels of CE and ME inside.
        causal: Boolean, as of `Action`.

    Input shape: `(B·T, H, W, C)`.
    Output shape: the same.

    Raises:
        ValueError: If T does not divide the batch.

    Example:

    >>> layer = keras_action.layers.Action(num_segments=8)
    >>> y = layer(x)
    >>> inference = InferenceAction.like(layer)
    >>> inference.build(x.shape)
    >>> inference.take_weights(layer)
    >>> np.testing.assert_allclose(inference(x), y, rtol=1e-5)
    """

    def __init__(self, num_segments=8, paths=PATHS, shift=True, squeezed_channels=1, causal=False, **kwargs):
        super().__init__(**kwargs)
        self.num_segments = check_num_segments(num_segments)
        self.paths = tuple(paths)
        self.shift = bool(shift)
        self.squeezed_channels = int(squeezed_channels)
        self.causal = bool(causal)

    @classmethod
    def like(cls, layer):
        """A new layer, without its weights, for a built `Action`, excitation or `TemporalShift`."""
        parts = layer_parts(layer)
        return cls(
            num_segments=layer.num_segments,
            paths=[name for name in parts if name != "shift"],
            shift="shift" in parts,
            squeezed_channels=squeezed_channels_of(parts),
            causal=layer.causal,
            name=layer.name,
            dtype=layer.dtype_policy,
        )

    def build(self, input_shape):
        check_frames_shape(input_shape, self.num_segments, type(self).__name__)
        _, self._height, self._width, channels = input_shape
        frames, squeezed, taps = self.num_segments, self.squeezed_channels, 5 if self.causal else 3
        if self.shift:
            self._constant("shift_kernel", (taps, 1, channels, 1))
        if "ste" in self.paths:
            self._constant("ste_kernel", (3, 3, frames, frames))
        if "ce" in self.paths:
            self._constant("ce_squeeze", (channels, squeezed))
            self._constant("ce_temporal", (taps, 1, squeezed, squeezed))
            self._constant("ce_expand", (squeezed, channels))
        if "me" in self.paths:
            self._constant("me_squeeze", (channels, squeezed))
            self._constant("me_motion", (2, 9, squeezed, 1))
            self._constant("me_bias", (squeezed,))
            self._constant("me_expand", (squeezed, channels))

    def take_weights(self, layer):
        """Computes the constants from the weights of the layer that was given to `like`."""
        parts = layer_parts(layer)
        if self.shift:
            kernel = parts["shift"].kernel if parts["shift"].mode == "learnable" else parts["shift"]._initial_kernel
            self.shift_kernel.assign(temporal_kernel(as_array(kernel), self.causal))
        if "ste" in parts:
            self.ste_kernel.assign(banded_kernel(as_array(parts["ste"].kernel), self.num_segments, self.causal))
        if "ce" in parts:
            ce = parts["ce"]
            self.ce_squeeze.assign(ce.squeeze_kernel)
            self.ce_temporal.assign(temporal_kernel(as_array(ce.temporal_kernel)[:, None], self.causal))
            self.ce_expand.assign(ce.expand_kernel)
        if "me" in parts:
            me = parts["me"]
            scale, offset = scale_and_offset(me.norm)
            motion = motion_kernel(as_array(me.spatial_kernel), self._height, self._width)
            self.me_squeeze.assign(as_array(me.squeeze_kernel) * scale)
            self.me_motion.assign(motion)
            self.me_bias.assign(offset * motion.sum(axis=(0, 1))[:, 0])
            self.me_expand.assign(me.expand_kernel)

    def call(self, inputs):
        check_frames_shape(inputs.shape, self.num_segments, type(self).__name__)
        x = self._shifted(inputs) if self.shift else inputs
        if not self.paths:
            return x
        mask = len(self.paths)
        if {"ce", "me"} & set(self.paths):
            mean = ops.mean(x, axis=(1, 2), keepdims=True)
            if "ce" in self.paths:
                mask = mask + self._channel_mask(mean)
            if "me" in self.paths:
                mask = mask + self._motion_mask(x, mean)
        if "ste" in self.paths:
            mask = mask + self._pixel_mask(x)
        return x * mask

    def _shifted(self, x):
        _, height, width, channels = x.shape
        with keras.name_scope("shift"):
            pixels = self._pixels_at_once(height, width, channels)
            x = ops.reshape(x, (-1, self.num_segments, height * width // pixels, pixels * channels))
            x = ops.depthwise_conv(x, ops.tile(self.shift_kernel, (1, 1, pixels, 1)), padding="same")
            return ops.reshape(x, (-1, height, width, channels))

    def _pixels_at_once(self, height, width, channels):
        """Number of pixels of few channels that are computed as one: the kernels work on 16 or 32 channels at once."""
        return 4 if channels < _FEW_CHANNELS and height * width % 4 == 0 else 1

    def _pixel_mask(self, x):
        """STE's mask `(B·T, H, W, 1)`."""
        _, height, width, _ = x.shape
        with keras.name_scope("ste"):
            x = ops.reshape(self._channel_mean(x), (-1, self.num_segments, height, width))
            x = ops.conv(ops.transpose(x, (0, 2, 3, 1)), self.ste_kernel, padding="same")
            x = ops.transpose(ops.sigmoid(x), (0, 3, 1, 2))
            return ops.reshape(x, (-1, height, width, 1))

    def _channel_mean(self, x):
        """The mean over C; with few channels the delegate is faster with a convolution."""
        channels = x.shape[-1]
        if channels >= _FEW_CHANNELS:
            return ops.mean(x, axis=-1)
        return ops.conv(x, ops.full((1, 1, channels, 1), 1 / channels, dtype=x.dtype), padding="valid")

    def _channel_mask(self, mean):
        """CE's mask `(B·T, 1, 1, C)`, of the spatial mean of the same shape."""
        with keras.name_scope("ce"):
            x = ops.matmul(mean, self.ce_squeeze)
            x = ops.reshape(x, (-1, self.num_segments, 1, self.squeezed_channels))
            x = ops.relu(ops.conv(x, self.ce_temporal, padding="same"))
            x = ops.sigmoid(ops.matmul(x, self.ce_expand))
            return ops.reshape(x, (-1, *mean.shape[1:]))

    def _motion_mask(self, x, mean):
        """ME's mask `(B·T, 1, 1, C)`."""
        time = (-1, self.num_segments, 9, self.squeezed_channels)
        with keras.name_scope("me"):
            if self.num_segments == 1:  # there is no other frame
                return ops.full((1, *mean.shape[1:]), 0.5, dtype=x.dtype)
            means = ops.reshape(self._squeezed_means(x, mean), time)
            motion = ops.depthwise_conv(means, self.me_motion, padding="valid") + self.me_bias
            still = (1, 0) if self.causal else (0, 1)
            motion = ops.pad(motion, ((0, 0), still, (0, 0), (0, 0)))
            x = ops.sigmoid(ops.matmul(motion, self.me_expand))
            return ops.reshape(x, (-1, *mean.shape[1:]))

    def _squeezed_means(self, x, mean):
        return squeezed_means(x, mean, self.me_squeeze)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_segments": self.num_segments,
            "paths": list(self.paths),
            "shift": self.shift,
            "squeezed_channels": self.squeezed_channels,
            "causal": self.causal,
        }


def layer_parts(layer):
    """The built layers that a temporal layer consists of, or itself, by the names of `Action`'s parts."""
    if isinstance(layer, Action):
        return {part.name: part for part in layer.parts}
    kinds = {
        "shift": TemporalShift,
        "ce": ChannelExcitation,
        "me": MotionExcitation,
        "ste": SpatioTemporalExcitation,
    }
    return {name: layer for name, kind in kinds.items() if isinstance(layer, kind)}


def squeezed_channels_of(parts):
    """The squeezed channels of CE and ME among the result of `layer_parts`; 1 if there is neither."""
    return max((part.squeezed_channels for name, part in parts.items() if name in ("ce", "me")), default=1)


def scale_and_offset(norm):
    """The factor and the summand of a batch normalisation with its stored statistics."""
    scale = as_array(norm.gamma) / np.sqrt(as_array(norm.moving_variance) + norm.epsilon)
    return scale, as_array(norm.beta) - as_array(norm.moving_mean) * scale


def as_array(weight):
    """A weight as a float32 array."""
    return ops.convert_to_numpy(weight).astype("float32")
