"""Sizes of frames, and bilinear resizing inside `tf.data`: by OpenCV where it is installed, else by TensorFlow.

OpenCV resizes bytes four times as fast as TensorFlow. The results differ by at most one grey level.
"""

import numpy as np

from keras_action.data.exit_gate import exit_gate
from keras_action.utils.lazy import tensorflow as tf


def resize(frames, size):
    """Resizes frames bilinearly, with half-pixel centres and without antialiasing.

    Args:
        frames: A uint8 tensor of shape (T, h, w, 3), or a list of T tensors of shape (h, w, 3).
        size: Height and width of the result: a pair, or an int32 tensor.

    Returns:
        A uint8 tensor of shape (T, height, width, 3).
    """
    cv2 = _opencv()
    return _resize_tensorflow(frames, size) if cv2 is None else _resize_opencv(frames, size, cv2)


def scaled_size(size, short_side):
    """The (height, width) of a picture of another size that is scaled down to a shorter side, if it is larger."""
    if short_side is None or min(size) <= short_side:
        return tuple(size)
    return tuple(round(side * (short_side / min(size))) for side in size)


def _opencv():
    try:
        import cv2
    except ImportError:
        return None
    return cv2


def _resize_opencv(frames, size, cv2):
    gate = exit_gate()

    def resize_all(size, *frames):
        frames = frames[0] if frames[0].ndim == 4 else frames
        height, width = size.tolist()
        with gate as is_open:
            if not is_open:
                return np.zeros((len(frames), height, width, 3), np.uint8)
            resized = np.empty((len(frames), height, width, 3), np.uint8)
            for frame, target in zip(frames, resized, strict=True):
                cv2.resize(frame, (width, height), dst=target)  # without the GIL
        return resized

    is_list = isinstance(frames, list)
    inputs = frames if is_list else [frames]
    resized = tf.numpy_function(resize_all, (tf.convert_to_tensor(size, tf.int32), *inputs), tf.uint8, stateful=False)
    num_frames = len(frames) if is_list else frames.shape[0]
    return tf.ensure_shape(resized, (num_frames, *_static(size), 3))


def _resize_tensorflow(frames, size):
    if isinstance(frames, list):  # each is resized while it is in the processor's cache
        return tf.stack([_resize_tensorflow(frame, size) for frame in frames])
    # TensorFlow's kernel is vectorised for float32; for uint8 it takes twice as long.
    return tf.cast(tf.image.resize(tf.cast(frames, tf.float32), size, "bilinear") + 0.5, tf.uint8)


def _static(size):
    value = tf.get_static_value(size) if tf.is_tensor(size) else size
    return (None, None) if value is None else tuple(int(side) for side in value)
