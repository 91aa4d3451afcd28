"""A causal temporal layer that takes one frame at a time, with explicit states."""

import keras

from keras_action.layers.action import Action
from keras_action.layers.excitation import Excitation
from keras_action.layers.temporal_memory import TemporalMemory
from keras_action.layers.temporal_shift import TemporalShift

# The layers whose output for a frame depends on other frames.
TEMPORAL = (Action, Excitation, TemporalMemory, TemporalShift)


@keras.saving.register_keras_serializable(package="keras_action")
class StreamingStep(keras.layers.Layer):
    """Applies a causal layer to one frame, with explicit states.

    Frame by frame its outputs are those of the layer for a clip, if the states before the first frame are zeros.

    Args:
        layer: `Action`, `TemporalShift` or one of the excitations, with `causal=True`, or `TemporalMemory`.

    Call arguments:
        inputs: List of the frame `(B, H, W, C)`, or its features `(B, C)`, and the states, in the order and shapes of
            `layer.state_shapes`.

    Output: list of the layer's output for the frame and the next states.

    Raises:
        ValueError: where the layer is none of these, or not causal.

    Example:

    >>> step = StreamingStep(keras_action.layers.TemporalShift(num_segments=8, mode="fixed", causal=True))
    >>> state = np.zeros((1, 56, 56, 3))
    >>> for frame in video:
    ...     output, state = step([frame[None], state])
    """

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(layer, TEMPORAL):
            raise ValueError(f"A temporal layer of keras_action is expected. Received: layer={layer!r}")
        if not layer.causal:
            raise ValueError(
                "A layer that reads later frames cannot take them one by one: it needs `causal=True`. "
                f"Received: layer {layer.name!r} with causal=False"
            )
        self.layer = layer

    def build(self, input_shape):
        if not self.layer.built:  # a loaded one is
            # The batch of the layer itself must hold whole clips; here it may have any size.
            self.layer.build((None, *input_shape[0][1:]))

    def call(self, inputs):
        frame, *values = inputs
        names = self.layer.state_shapes(frame.shape)
        output, state = self.layer.step(frame, dict(zip(names, values, strict=True)))
        return [output, *(state[name] for name in names)]

    def compute_output_shape(self, input_shape):
        frame, *states = input_shape
        return [self.layer.compute_output_shape(frame), *states]

    def get_config(self):
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "layer": keras.saving.deserialize_keras_object(config["layer"])})
