"""ACTION: a temporal shift, then three excitations of its output."""

import keras

from keras_action.layers.channel_excitation import ChannelExcitation
from keras_action.layers.fold_time import check_frames_shape, check_num_segments
from keras_action.layers.motion_excitation import MotionExcitation
from keras_action.layers.spatio_temporal_excitation import SpatioTemporalExcitation
from keras_action.layers.temporal_shift import TemporalShift

PATHS = ("ste", "ce", "me")


@keras.saving.register_keras_serializable(package="keras_action")
class Action(keras.layers.Layer):
    """The ACTION module: spatio-temporal, channel and motion excitation of temporally shifted frames.

    With x the shifted input, the output is x (1 + STE) + x (1 + CE) + x (1 + ME), the sum of the three paths'
    outputs. It is computed as x · (3 + STE + CE + ME): one pass over the big tensor instead of eight.

    Args:
        num_segments: Integer T, the frames of one clip.
        reduction: Integer r; CE and ME squeeze C channels to C // r, and at least one.
        shift_divisor: Integer; C // shift_divisor channels are shifted each way.
        paths: The excitations, one or more of `"ste"`, `"ce"`, `"me"` (the paper's Table 3).
        shift: `"learnable"` as in the reference code, `"fixed"` as in TSM, or `None` as in the paper's text, which has
            no shift. The parameter counts of the paper's Tables 3 and 5 come out only with the learnable one.
        causal: Boolean; whether no frame depends on a later one: shift, STE and CE read t − 2 … t, ME the change from
            t − 1 to t. The weights have the same shapes.

    Call arguments:
        inputs: Tensor `(B·T, H, W, C)`.
        training: Boolean; ME's batch normalisation uses and updates batch statistics in training.

    Input shape: `(B·T, H, W, C)`.
    Output shape: the same.

    Raises:
        ValueError: where T does not divide the batch, a path is unknown, or C is below `shift_divisor`.

    Example:

    >>> layer = keras_action.layers.Action(num_segments=8)
    >>> layer(np.zeros((16, 56, 56, 24))).shape
    (16, 56, 56, 24)

    Reference: ACTION-Net, [Wang et al., 2021](https://arxiv.org/abs/2103.07372), section 3 and Figure 2.
    """

    def __init__(
        self, num_segments=8, reduction=16, shift_divisor=8, paths=PATHS, shift="learnable", causal=False, **kwargs
    ):
        super().__init__(**kwargs)
        paths = (paths,) if isinstance(paths, str) else tuple(paths)
        if not paths or set(paths) - set(PATHS) or len(set(paths)) < len(paths):
            raise ValueError(f"`paths` must be one or more of {PATHS}, each once. Received: paths={paths}")
        if shift not in ("learnable", "fixed", None):
            raise ValueError(f'`shift` must be "learnable", "fixed" or None. Received: shift={shift!r}')
        self.num_segments = check_num_segments(num_segments)
        self.reduction = int(reduction)
        self.shift_divisor = int(shift_divisor)
        self.paths = paths
        self.shift = shift
        self.causal = bool(causal)

        common = {"causal": self.causal, "dtype": self.dtype_policy}
        self.temporal_shift = None
        if shift is not None:
            self.temporal_shift = TemporalShift(num_segments, shift_divisor, mode=shift, name="shift", **common)
        self.ste = self.ce = self.me = None
        if "ste" in paths:
            self.ste = SpatioTemporalExcitation(num_segments, name="ste", **common)
        if "ce" in paths:
            self.ce = ChannelExcitation(num_segments, reduction, name="ce", **common)
        if "me" in paths:
            self.me = MotionExcitation(num_segments, reduction, name="me", **common)

    def build(self, input_shape):
        check_frames_shape(input_shape, self.num_segments, "Action")
        for layer in self.parts:
            layer.build(input_shape)

    @property
    def parts(self):
        """The layers inside, those that the module has of shift, STE, CE and ME."""
        layers = (self.temporal_shift, self.ste, self.ce, self.me)
        return [layer for layer in layers if layer is not None]

    def call(self, inputs, training=None):
        check_frames_shape(inputs.shape, self.num_segments, "Action")
        x = inputs if self.temporal_shift is None else self.temporal_shift(inputs)
        masks = self.excitations(x, training=training)
        return x * (len(masks) + sum(masks.values()))

    def excitations(self, shifted, training=None):
        """Dict from the paths' names to their masks, for shifted frames `(B·T, H, W, C)`."""
        return {name: layer.excitation(shifted, training=training) for name, layer in self._paths().items()}

    def state_shapes(self, input_shape):
        """Dict from the names of the states of `step` to their shapes without the batch."""
        layers = [self.temporal_shift] if self.temporal_shift is not None else []
        layers += self._paths().values()
        return {name: shape for layer in layers for name, shape in layer.state_shapes(input_shape).items()}

    def step(self, inputs, state):
        """The output of a causal layer for one frame `(B, H, W, C)`, and the dict of the next states."""
        x, after = inputs, {}
        if self.temporal_shift is not None:
            x, after = self.temporal_shift.step(inputs, state)
        masks = []
        for layer in self._paths().values():
            mask, remembered = layer.excitation_step(x, state)
            masks.append(mask)
            after |= remembered
        return x * (len(masks) + sum(masks)), after

    def _paths(self):
        layers = {"ce": self.ce, "me": self.me, "ste": self.ste}  # the two small masks are added first
        return {name: layer for name, layer in layers.items() if layer is not None}

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_segments": self.num_segments,
            "reduction": self.reduction,
            "shift_divisor": self.shift_divisor,
            "paths": list(self.paths),
            "shift": self.shift,
            "causal": self.causal,
        }
