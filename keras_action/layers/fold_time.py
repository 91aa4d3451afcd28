"""Folding time into the batch and out again, and what the temporal layers share.

A 2D backbone sees `(B·T, H, W, C)`; only the layers of this package know T.
"""

import keras
from keras import ops


def check_num_segments(num_segments):
    """Returns T as an int, or raises a `ValueError` where it is not a positive integer."""
    if isinstance(num_segments, bool) or num_segments != int(num_segments) or num_segments < 1:
        raise ValueError(f"`num_segments` must be a positive integer. Received: num_segments={num_segments}")
    return int(num_segments)


def check_frames_shape(shape, num_segments, name):
    """Raises a `ValueError` where `shape` is not `(B·T, H, W, C)` with T = `num_segments`."""
    if len(shape) != 4:
        raise ValueError(
            f"{name} expects frames of shape (B·T, H, W, C), time folded into the batch. Received: shape={shape}"
        )
    if shape[0] is not None and shape[0] % num_segments:
        raise ValueError(
            f"{name} expects a batch that num_segments={num_segments} divides, as it holds whole clips. "
            f"Received: {shape[0]} frames, shape={shape}"
        )


@keras.saving.register_keras_serializable(package="keras_action")
class FoldTime(keras.layers.Layer):
    """Folds time into the batch: `(B, T, …)` → `(B·T, …)`.

    Input shape: `(B, T, …)`, all but B known.
    Output shape: `(B·T, …)`.

    Example:

    >>> keras_action.layers.FoldTime()(np.zeros((2, 8, 224, 224, 3))).shape
    (16, 224, 224, 3)

    Reference: TSN, [Wang et al., 2016](https://arxiv.org/abs/1608.00859).
    """

    def build(self, input_shape):
        if len(input_shape) < 3 or None in input_shape[1:]:
            raise ValueError(
                f"FoldTime expects clips of shape (B, T, …) with all but B known. Received: input_shape={input_shape}"
            )

    def call(self, inputs):
        return ops.reshape(inputs, (-1, *inputs.shape[2:]))

    def compute_output_shape(self, input_shape):
        batch, time, *rest = input_shape
        return (None if batch is None else batch * time, *rest)


@keras.saving.register_keras_serializable(package="keras_action")
class UnfoldTime(keras.layers.Layer):
    """Unfolds time from the batch: `(B·T, …)` → `(B, T, …)`.

    Args:
        num_segments: Integer T, the frames of one clip.

    Input shape: `(B·T, …)`.
    Output shape: `(B, T, …)`.

    Raises:
        ValueError: where T does not divide the batch.

    Example:

    >>> keras_action.layers.UnfoldTime(num_segments=8)(np.zeros((16, 83))).shape
    (2, 8, 83)
    """

    def __init__(self, num_segments=8, **kwargs):
        super().__init__(**kwargs)
        self.num_segments = check_num_segments(num_segments)

    def call(self, inputs):
        self._check(inputs.shape)
        return ops.reshape(inputs, (-1, self.num_segments, *inputs.shape[1:]))

    def compute_output_shape(self, input_shape):
        self._check(input_shape)
        batch, *rest = input_shape
        return (None if batch is None else batch // self.num_segments, self.num_segments, *rest)

    def _check(self, shape):
        if shape[0] is not None and shape[0] % self.num_segments:
            raise ValueError(
                f"UnfoldTime expects a batch that num_segments={self.num_segments} divides. "
                f"Received: {shape[0]} frames, shape={tuple(shape)}"
            )

    def get_config(self):
        return {**super().get_config(), "num_segments": self.num_segments}
