"""A memory behind the pooled features of each frame: a gated recurrent unit over time."""

import keras
from keras import ops

from keras_action.layers.fold_time import check_batch, check_num_segments


@keras.saving.register_keras_serializable(package="keras_action")
class TemporalMemory(keras.layers.Layer):
    """A gated recurrent unit (GRU) over the frames of a clip, with time folded into the batch.

    The temporal layers of a causal network see few frames back. A gesture of several strokes needs more: without a
    memory, a shape ends as its last stroke.

    Args:
        units: Integer, the size of the memory.
        num_segments: Integer T, the frames of one clip.
        unroll: Whether time is unrolled into T steps instead of a loop, for a graph without control flow.

    Attributes:
        causal: True: no frame depends on a later one.

    Input shape: `(B·T, C)`.
    Output shape: `(B·T, units)`.

    Raises:
        ValueError: if `units` is not a positive integer, the input has another rank, or T does not divide the batch.

    Example:

    >>> layer = keras_action.layers.TemporalMemory(units=256, num_segments=8)
    >>> layer(np.zeros((16, 1280))).shape
    (16, 256)

    Reference: GRU, [Cho et al., 2014](https://arxiv.org/abs/1406.1078).
    """

    causal = True

    def __init__(self, units, num_segments=8, unroll=False, **kwargs):
        super().__init__(**kwargs)
        if isinstance(units, bool) or units != int(units) or units < 1:
            raise ValueError(f"`units` must be a positive integer. Received: units={units}")
        self.units = int(units)
        self.num_segments = check_num_segments(num_segments)
        self.unroll = bool(unroll)
        self.gru = keras.layers.GRU(self.units, return_sequences=True, dtype=self.dtype_policy, name="gru")

    def build(self, input_shape):
        self._check_shape(input_shape)
        self.gru.build((None, self.num_segments, input_shape[-1]))

    def call(self, inputs):
        self._check_shape(inputs.shape)
        x = ops.reshape(inputs, (-1, self.num_segments, inputs.shape[-1]))
        x = self._unrolled(x) if self.unroll else self.gru(x)
        return ops.reshape(x, (-1, self.units))

    def state_shapes(self, input_shape):
        """Dict from the name of the state of `step` to its shape without the batch."""
        return {"gru": (self.units,)}

    def step(self, inputs, state):
        """The output for one frame `(B, C)`, and the dict of the next state. It is zeros before the first frame."""
        output, _ = self.gru.cell(inputs, [state["gru"]])
        return output, {"gru": output}

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "num_segments": self.num_segments,
            "unroll": self.unroll,
        }

    def _unrolled(self, x):
        """The same as the loop, with slices instead of indices, which LiteRT's delegate leaves out."""
        batch, _, channels = ops.shape(x)
        state = ops.zeros((batch, self.units), x.dtype)
        outputs = []
        for time in range(self.num_segments):
            frame = ops.reshape(ops.slice(x, (0, time, 0), (batch, 1, channels)), (-1, channels))
            state, _ = self.gru.cell(frame, [state])
            outputs.append(ops.expand_dims(state, 1))
        return ops.concatenate(outputs, axis=1)

    def _check_shape(self, shape):
        if len(shape) != 2:
            raise ValueError(
                "TemporalMemory expects features of shape (B·T, C), time folded into the batch. "
                f"Received: shape={tuple(shape)}"
            )
        check_batch(shape, self.num_segments, "TemporalMemory")
