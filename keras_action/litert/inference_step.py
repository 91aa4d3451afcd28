"""ACTION or a shift of a single frame for LiteRT: few operators, precomputed constants."""

import keras
import numpy as np
from keras import ops

from keras_action.layers.action import PATHS
from keras_action.layers.motion_excitation import mean_of_depthwise_conv, pixel_shares
from keras_action.litert.inference_action import (
    InferenceLayer,
    as_array,
    layer_parts,
    scale_and_offset,
    squeezed_channels_of,
)


def strip_kernel(kernel, height, width):
    """The spatial mean of a zero-padded depthwise 3×3 convolution as a depthwise kernel `(3, W, C, 1)` over strips.

    Identity: the mean is a weighted sum of nine sums of the input F (`mean_of_depthwise_conv`), and all nine are sums
    over three rows of pixels: the mean row of F, its first and its last row.

    Args:
        kernel: `(3, 3, C, 1)`.
        height: Integer H of F.
        width: Integer W of F.
    """
    each = np.eye(9, dtype="float32")[..., None] * np.ones(kernel.shape[2], "float32")
    # The weights of the nine sums over H·W: total, first and last row, first and last column, four corners.
    total, *rest = ops.convert_to_numpy(mean_of_depthwise_conv(each, kernel))
    rows, columns, corners = rest[:2], rest[2:4], np.reshape(rest[4:], (2, 2, -1))
    strips = np.zeros((3, width, kernel.shape[2]), "float32")
    strips[0] += total / width
    strips[1:] += np.stack(rows)[:, None] / (height * width)
    for i, column in enumerate((0, width - 1)):
        strips[0, column] += columns[i] / width
        strips[1:, column] += corners[:, i] / (height * width)
    return strips[..., None]


def row_kernel(kernel, width):
    """A 3D kernel `(3, 3, 3, 1, 1)` over (T, H, W) as a 2D kernel `(3, 1, 3·W, W)` over rows of pixels.

    Identity: with the pixels of a row as channels, the convolution along the row is a product with a banded matrix, as
    in `banded_kernel` for time. Three images side by side are 3·W channels. Rows are copied and computed at once,
    images of one or three channels pixel by pixel.

    Args:
        kernel: The kernel.
        width: Integer W.
    """
    band = np.stack([np.eye(width, k=1 - tap, dtype="float32") for tap in range(3)])  # (tap, from, to)
    kernel = np.einsum("thx,xab->htab", kernel[..., 0, 0], band)
    return kernel.reshape(3, 1, 3 * width, width)


@keras.saving.register_keras_serializable(package="keras_action")
class InferenceStep(InferenceLayer):
    """`keras_action.layers.StreamingStep` with precomputed constants.

    Inputs and outputs are the same except for rounding, and for ME's state, which does not contain the batch
    normalisation's offset: it is part of a bias. All states begin with zeros.

    Args:
        states: Names of the states, in their order.
        paths: Excitations, any of `"ste"`, `"ce"`, `"me"`, or none.
        squeezed_channels: Integer, the channels of CE and ME inside.
        past_channels: As of `TemporalShift`, for a fixed shift.

    Call arguments:
        inputs: List of the frame `(B, H, W, C)` and the states after the frame before.

    Output: list of the output for the frame, `(B, H, W, C)`, and the states after it.
    """

    def __init__(self, states, paths=PATHS, squeezed_channels=1, past_channels="second", **kwargs):
        super().__init__(**kwargs)
        self.past_channels = past_channels
        self.states = tuple(states)
        self.paths = tuple(paths)
        self.squeezed_channels = int(squeezed_channels)

    @classmethod
    def like(cls, step):
        """A new layer, without its weights, for a built `StreamingStep`."""
        parts = layer_parts(step.layer)
        return cls(
            states=step.layer.state_shapes((None, 1, 1, 1)),
            paths=[name for name in parts if name != "shift"],
            squeezed_channels=squeezed_channels_of(parts),
            past_channels=parts["shift"].past_channels if "shift" in parts else "second",
            name=step.name,
            dtype=step.dtype_policy,
        )

    def build(self, input_shape):
        (_, self._height, self._width, channels), *states = input_shape
        shapes, squeezed = dict(zip(self.states, states, strict=True)), self.squeezed_channels
        # The state of a fixed shift is some channels of a frame, that of a learnable one two whole frames.
        if "shift" in shapes and shapes["shift"][-1] == channels:
            self._constant("shift_kernel", (3, 1, channels, 1))
        if "ste" in self.paths:
            self._constant("ste_kernel", (3, 1, 3 * self._width, self._width))
        if "ce" in self.paths:
            self._constant("ce_squeeze", (channels, squeezed))
            self._constant("ce_temporal", (3 * squeezed, squeezed))
            self._constant("ce_expand", (squeezed, channels))
        if "me" in self.paths:
            self._constant("me_squeeze", (channels, squeezed))
            self._constant("me_convolution", (3, self._width, squeezed, 1))
            self._constant("me_bias", (squeezed,))
            self._constant("me_expand", (squeezed, channels))

    def take_weights(self, step):
        """Computes the constants from the weights of the layer that was given to `like`."""
        parts, squeezed = layer_parts(step.layer), self.squeezed_channels
        if hasattr(self, "shift_kernel"):
            self.shift_kernel.assign(parts["shift"].kernel)
        if "ste" in parts:
            self.ste_kernel.assign(row_kernel(as_array(parts["ste"].kernel), self._width))
        if "ce" in parts:
            ce = parts["ce"]
            self.ce_squeeze.assign(ce.squeeze_kernel)
            self.ce_temporal.assign(as_array(ce.temporal_kernel).reshape(3 * squeezed, squeezed))
            self.ce_expand.assign(ce.expand_kernel)
        if "me" in parts:
            me = parts["me"]
            scale, offset = scale_and_offset(me.norm)
            kernel, size = as_array(me.spatial_kernel), (self._height, self._width)
            ones = np.repeat(pixel_shares(*size)[None], squeezed, axis=2)  # the nine sums of an image of ones
            self.me_squeeze.assign(as_array(me.squeeze_kernel) * scale)
            self.me_convolution.assign(strip_kernel(kernel, *size))
            self.me_bias.assign(offset * (as_array(mean_of_depthwise_conv(ones, kernel))[0] - 1))
            self.me_expand.assign(me.expand_kernel)

    def call(self, inputs):
        x, *values = inputs
        before = dict(zip(self.states, values, strict=True))
        after = {}
        if "shift" in before:
            x, after["shift"] = self._shifted(x, before["shift"])
        mask = len(self.paths)
        row = ops.mean(x, axis=1, keepdims=True) if {"ce", "me"} & set(self.paths) else None  # the mean row of pixels
        if "ce" in self.paths:
            part, after["ce"] = self._channel_mask(row, before["ce"])
            mask = mask + part
        if "me" in self.paths:
            part, after["me"] = self._motion_mask(x, row, before["me"], before["started"])
            after["started"] = ops.maximum(before["started"], 1)
            mask = mask + part
        if {"ce", "me"} & set(self.paths):
            mask = ops.reshape(mask, (-1, 1, 1, x.shape[-1]))
        if "ste" in self.paths:
            part, after["ste"] = self._pixel_mask(x, before["ste"])
            mask = mask + part
        return [x * mask if self.paths else x, *(after[name] for name in self.states)]

    def _shifted(self, x, before):
        _, height, _, channels = x.shape
        with keras.name_scope("shift"):
            if hasattr(self, "shift_kernel"):
                # Three frames, one below the other: a dilated kernel reads a pixel of each, without a reshape.
                frames = ops.concatenate([before, x], axis=1)
                x = ops.depthwise_conv(frames, self.shift_kernel, padding="valid", dilation_rate=(height, 1))
                return x, _part(frames, 1, height, 2 * height)
            fold = before.shape[-1]
            first = fold if self.past_channels == "second" else 0
            parts = [_part(x, 3, 0, first), before, _part(x, 3, first + fold, channels - first - fold)]
            return ops.concatenate([part for part in parts if part.shape[-1]], axis=3), _part(x, 3, first, fold)

    def _pixel_mask(self, x, before):
        """STE's mask `(B, H, W, 1)`."""
        _, height, width, _ = x.shape
        with keras.name_scope("ste"):
            frames = ops.concatenate([before, ops.mean(x, axis=-1)], axis=2)
            x = ops.reshape(frames, (-1, height, 1, 3 * width))
            x = ops.sigmoid(ops.conv(x, self.ste_kernel, padding="same"))
            return ops.reshape(x, (-1, height, width, 1)), _part(frames, 2, width, 2 * width)

    def _channel_mask(self, row, before):
        """CE's mask `(B, C)`, of the mean row of pixels."""
        with keras.name_scope("ce"):
            x = ops.matmul(ops.mean(row, axis=(1, 2)), self.ce_squeeze)
            x = ops.concatenate([before, x], axis=1)
            mask = ops.sigmoid(ops.matmul(ops.relu(ops.matmul(x, self.ce_temporal)), self.ce_expand))
            return mask, _part(x, 1, self.squeezed_channels, 2 * self.squeezed_channels)

    def _motion_mask(self, x, row, before, started):
        """ME's mask `(B, C)`."""
        height = x.shape[1]
        with keras.name_scope("me"):
            kernel = ops.expand_dims(self.me_squeeze, (0, 1))
            row = ops.conv(row, kernel, padding="valid")
            # With this stride it squeezes the first and the last row only.
            ends = ops.conv(x, kernel, strides=(max(height - 1, 1), 1), padding="valid")
            strips = ops.concatenate([row, ends] if height > 1 else [row, ends, ends], axis=1)
            convolved = ops.depthwise_conv(strips, self.me_convolution, padding="valid") + self.me_bias
            motion = ops.reshape(convolved, (-1, self.squeezed_channels)) * started - before
            return ops.sigmoid(ops.matmul(motion, self.me_expand)), ops.mean(row, axis=(1, 2))

    def compute_output_shape(self, input_shape):
        return list(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "states": list(self.states),
            "paths": list(self.paths),
            "squeezed_channels": self.squeezed_channels,
            "past_channels": self.past_channels,
        }


def _part(x, axis, start, length):
    """A part of one axis, by `ops.slice`: an index becomes STRIDED_SLICE, which the delegate does not support."""
    size = [*ops.shape(x)]
    size[axis] = length
    return ops.slice(x, [start * (i == axis) for i in range(len(size))], size)
