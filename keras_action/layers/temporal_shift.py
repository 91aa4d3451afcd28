"""The temporal shift: some channels take the next frame, some the frame before."""

import keras
import numpy as np
from keras import ops

from keras_action.layers.fold_time import check_frames_shape, check_num_segments

PAST_CHANNELS = ("second", "first")


def shift_kernel(channels, shift_divisor):
    """TSM's shift as a depthwise kernel `(3, 1, C, 1)` over t − 1, t, t + 1.

    The first C // divisor channels take frame t + 1, the second C // divisor frame t − 1, the rest frame t.
    """
    fold = channels // shift_divisor
    kernel = np.zeros((3, 1, channels, 1), "float32")
    kernel[2, 0, :fold] = 1
    kernel[0, 0, fold : 2 * fold] = 1
    kernel[1, 0, 2 * fold :] = 1
    return kernel


def causal_kernel(kernel):
    """A kernel over t − 1, t, t + 1 as one over t − 2, t − 1, t: the weights of frame t + 1 are added to those of t.

    Frame t is the nearest to t + 1 that a causal layer sees. Of TSM's shift remains that the second C // divisor
    channels take frame t − 1, so that a causal model can start from the weights of a clip model.
    """
    back, now, ahead = kernel
    return np.stack([np.zeros_like(back), back, now + ahead])


@keras.saving.register_keras_serializable(package="keras_action")
class TemporalShift(keras.layers.Layer):
    """Shifts a part of the channels along time, by a depthwise convolution over time.

    With `mode="fixed"` it is TSM's shift: no parameters. With `mode="learnable"` the kernel starts as that shift
    and is trained, three weights a channel: this stands before ACTION's three paths. Outside the clip frames
    count as zero. The text of the ACTION paper does not have the learnable shift; its reference code does, and the
    parameter counts of the paper's Tables 3 and 5 come out only with it.

    Args:
        num_segments: Integer T, the frames of one clip.
        shift_divisor: Integer; C // shift_divisor channels are shifted each way.
        mode: `"learnable"` or `"fixed"`.
        causal: Boolean; whether the kernel is over t − 2 … t instead of t − 1 … t + 1. Fixed, or before training,
            C // shift_divisor channels take frame t − 1 and all others frame t.
        past_channels: Which C // shift_divisor channels of a causal layer take frame t − 1: `"second"`, the same as in
            a clip model, or `"first"`, as in TSM's online models.

    Input shape: `(B·T, H, W, C)`, with C at least `shift_divisor`.
    Output shape: the same.

    Raises:
        ValueError: where T does not divide the batch, C is below `shift_divisor`, so that nothing would be shifted, or
            `past_channels` is `"first"` in a layer that is not causal.

    Example:

    >>> layer = keras_action.layers.TemporalShift(num_segments=8, mode="fixed")
    >>> layer(np.zeros((16, 56, 56, 24))).shape
    (16, 56, 56, 24)

    Reference: TSM, [Lin et al., 2019](https://arxiv.org/abs/1811.08383).
    """

    def __init__(
        self, num_segments=8, shift_divisor=8, mode="learnable", causal=False, past_channels="second", **kwargs
    ):
        super().__init__(**kwargs)
        if mode not in ("learnable", "fixed"):
            raise ValueError(f'`mode` must be "learnable" or "fixed". Received: mode={mode!r}')
        if shift_divisor < 2:
            raise ValueError(
                "`shift_divisor` must be at least 2: C // shift_divisor channels go each way. "
                f"Received: shift_divisor={shift_divisor}"
            )
        if past_channels not in PAST_CHANNELS or (past_channels == "first" and not causal):
            raise ValueError(
                '`past_channels` must be "second", or "first" in a causal layer. '
                f"Received: past_channels={past_channels!r}, causal={causal}"
            )
        self.num_segments = check_num_segments(num_segments)
        self.shift_divisor = int(shift_divisor)
        self.mode = mode
        self.causal = bool(causal)
        self.past_channels = past_channels

    def build(self, input_shape):
        check_frames_shape(input_shape, self.num_segments, "TemporalShift")
        channels = input_shape[-1]
        if channels < self.shift_divisor:
            raise ValueError(
                f"TemporalShift with shift_divisor={self.shift_divisor} shifts nothing below "
                f"{self.shift_divisor} channels: lower shift_divisor. Received: input_shape={input_shape}"
            )
        self._initial_kernel = shift_kernel(channels, self.shift_divisor)
        if self.causal:
            self._initial_kernel = causal_kernel(self._initial_kernel)
        if self.past_channels == "first":
            self._initial_kernel = np.roll(self._initial_kernel, -(channels // self.shift_divisor), axis=2)
        if self.mode == "learnable":
            self.kernel = self.add_weight(
                name="kernel",
                shape=self._initial_kernel.shape,
                initializer=lambda shape, dtype=None: ops.convert_to_tensor(self._initial_kernel, dtype=dtype),
            )

    def call(self, inputs):
        check_frames_shape(inputs.shape, self.num_segments, "TemporalShift")
        height, width, channels = inputs.shape[1:]
        if self.mode == "learnable":
            kernel = ops.convert_to_tensor(self.kernel)
        else:
            kernel = ops.convert_to_tensor(self._initial_kernel, dtype=inputs.dtype)
        # Time as height and pixels as width: the tensor stays 4-D, and nothing is transposed.
        x = ops.reshape(inputs, (-1, self.num_segments, height * width, channels))
        if self.causal:
            x = ops.depthwise_conv(ops.pad(x, ((0, 0), (2, 0), (0, 0), (0, 0))), kernel, padding="valid")
        else:
            x = ops.depthwise_conv(x, kernel, padding="same")
        return ops.reshape(x, (-1, height, width, channels))

    def state_shapes(self, input_shape):
        """Dict from the names of the states of `step` to their shapes without the batch."""
        _, height, width, channels = input_shape
        if self.mode == "fixed":
            return {"shift": (height, width, channels // self.shift_divisor)}
        return {"shift": (2 * height, width, channels)}

    def step(self, inputs, state):
        """The output of a causal layer for one frame `(B, H, W, C)`, and the dict of the next states.

        Before the first frame of a video the state is zeros. That of a fixed shift holds the channels that take frame
        t − 1, that of a learnable one all channels of t − 2 and t − 1, one frame below the other.
        """
        height, width, channels = inputs.shape[1:]
        if self.mode == "fixed":
            fold = channels // self.shift_divisor
            first = fold if self.past_channels == "second" else 0
            parts = [inputs[..., :first], state["shift"], inputs[..., first + fold :]]
            x = ops.concatenate([part for part in parts if part.shape[-1]], axis=-1)
            return x, {"shift": inputs[..., first : first + fold]}
        frames = ops.concatenate([state["shift"], inputs], axis=1)
        x = ops.reshape(frames, (-1, 3, height * width, channels))
        x = ops.depthwise_conv(x, ops.convert_to_tensor(self.kernel), padding="valid")
        return ops.reshape(x, (-1, height, width, channels)), {"shift": frames[:, height:]}

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_segments": self.num_segments,
            "shift_divisor": self.shift_divisor,
            "mode": self.mode,
            "causal": self.causal,
            "past_channels": self.past_channels,
        }
