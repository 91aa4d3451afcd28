"""Folding time into the batch and out of it, and the checks that all temporal layers share.

A 2D backbone sees `(B·T, H, W, C)`; only the layers of this package know T.
"""

import keras
from keras import ops


def check_num_segments(num_segments):
    """Returns T as an int; raises a `ValueError` if it is not a positive integer."""
    if isinstance(num_segments, bool) or num_segments != int(num_segments) or num_segments < 1:
        raise ValueError(f"`num_segments` must be a positive integer. Received: num_segments={num_segments}")
    return int(num_segments)


def check_frames_shape(shape, num_segments, name):
    """Raises a `ValueError` if `shape` is not `(B·T, H, W, C)` with T = `num_segments`."""
    if len(shape) != 4:
        raise ValueError(
            f"{name} expects frames of shape (B·T, H, W, C), time folded into the batch. Received: shape={shape}"
        )
    check_batch(shape, num_segments, name)


def check_batch(shape, num_segments, name):
    """Raises a `ValueError` if T does not divide the batch of a shape, B·T."""
    if shape[0] is not None and shape[0] % num_segments:
        raise ValueError(
            f"{name} expects a batch that num_segments={num_segments} divides, as it holds whole clips. "
            f"Received: {shape[0]} frames, shape={tuple(shape)}"
        )


@keras.saving.register_keras_serializable(package="keras_action")
class FoldTime(keras.layers.Layer):
    """Folds time into the batch: `(B, T, …)` → `(B·T, …)`.

    Input shape: `(B, T, …)`, all but B known, and the same in every call.
    Output shape: `(B·T, …)`.

    Raises:
        ValueError: where the shape is not the one that the layer was built with. In a TensorFlow graph of unknown
            shapes it is a `tf.errors.InvalidArgumentError`.

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
        self._clip_shape = tuple(input_shape[1:])

    def call(self, inputs):
        shape, built = tuple(inputs.shape[1:]), self._clip_shape
        if None in shape:
            # After calls of two shapes TensorFlow traces `predict` again with unknown sizes. Without a check, clips of
            # 2·T frames would then count as twice as many clips.
            import tensorflow as tf

            inputs = tf.ensure_shape(inputs, (None, *built), name="clips_of_the_shape_that_the_model_was_built_with")
        elif shape != built:
            raise ValueError(
                f"FoldTime was built with clips of shape (B, {', '.join(map(str, built))}). "
                f"Received: inputs.shape={tuple(inputs.shape)}"
            )
        return ops.reshape(inputs, (-1, *self._clip_shape[1:]))

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
        check_batch(inputs.shape, self.num_segments, "UnfoldTime")
        return ops.reshape(inputs, (-1, self.num_segments, *inputs.shape[1:]))

    def compute_output_shape(self, input_shape):
        check_batch(input_shape, self.num_segments, "UnfoldTime")
        batch, *rest = input_shape
        return (None if batch is None else batch // self.num_segments, self.num_segments, *rest)

    def get_config(self):
        return {**super().get_config(), "num_segments": self.num_segments}
