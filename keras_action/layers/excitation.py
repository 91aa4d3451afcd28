"""The base classes of the three excitations."""

import keras

from keras_action.layers.fold_time import check_frames_shape, check_num_segments
from keras_action.layers.initializers import fan_in_uniform


class Excitation(keras.layers.Layer):
    """A layer with the output x + x ⊙ M; a subclass computes the mask M in `excitation`."""

    def __init__(self, num_segments=8, causal=False, **kwargs):
        super().__init__(**kwargs)
        self.num_segments = check_num_segments(num_segments)
        self.causal = bool(causal)

    def build(self, input_shape):
        check_frames_shape(input_shape, self.num_segments, type(self).__name__)

    def excitation(self, inputs, training=None):
        """The mask M, in 0..1, for frames `(B·T, H, W, C)`. The layer must be built."""
        raise NotImplementedError

    def state_shapes(self, input_shape):
        """Dict from the names of the states of `step` to their shapes without the batch."""
        raise NotImplementedError

    def excitation_step(self, inputs, state):
        """The mask of a causal layer for one frame `(B, H, W, C)`, and the dict of the next states."""
        raise NotImplementedError

    def step(self, inputs, state):
        """The output of a causal layer for one frame `(B, H, W, C)`, and the dict of the next states.

        Before the first frame of a video the states are zeros.
        """
        mask, state = self.excitation_step(inputs, state)
        return inputs * (1 + mask), state

    def call(self, inputs, training=None):
        check_frames_shape(inputs.shape, self.num_segments, type(self).__name__)
        return inputs * (1 + self.excitation(inputs, training=training))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "num_segments": self.num_segments, "causal": self.causal}


class SqueezedExcitation(Excitation):
    """An excitation of channels, computed on C // r of them, at least one."""

    def __init__(self, num_segments=8, reduction=16, causal=False, **kwargs):
        super().__init__(num_segments, causal, **kwargs)
        if reduction < 1:
            raise ValueError(f"`reduction` must be at least 1. Received: reduction={reduction}")
        self.reduction = int(reduction)

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[-1]
        self.squeezed_channels = self._squeezed(channels)
        self.squeeze_kernel = self.add_weight(
            name="squeeze_kernel",
            shape=(channels, self.squeezed_channels),
            initializer=fan_in_uniform(channels),
        )
        self.expand_kernel = self.add_weight(
            name="expand_kernel",
            shape=(self.squeezed_channels, channels),
            initializer=fan_in_uniform(self.squeezed_channels),
        )

    def _squeezed(self, channels):
        return max(1, channels // self.reduction)

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}
