"""RandAugment of clips in TensorFlow, stateless. Only the operations drawn are computed."""

import functools
import math

import numpy as np

from keras_action.data.color import grey_of, to_uint8
from keras_action.utils.lazy import tensorflow as tf

_FILL = 128.0  # grey of the pixels from outside the frame


def rand_augment(clip, seed, num_ops=2, magnitude=0.3):
    """Applies random operations one after the other, the same to all frames.

    They are the fourteen of the paper: identity, auto-contrast, equalise, rotate, solarise, saturation, posterise,
    contrast, brightness, sharpness, shear and translate in x and y. The means and histograms of contrast, auto-contrast
    and equalise are those of the whole clip, so that all frames are changed alike. No operation flips frames, so labels
    stay the same.

    The alternative is `keras.layers.RandAugment` in a `ClipAugmentation`. It computes all operations for each one that
    it applies, and costs many times as much.

    Args:
        clip: A uint8 tensor of shape (T, h, w, 3), RGB.
        seed: An int32 tensor of shape (2,).
        num_ops: Number of operations, N in the paper; 0 or more.
        magnitude: Strength of the operations in [0, 1], a tenth of M in the paper. At 1: rotation by 30 degrees, a
            shear of 0.3, translation by 45 % of a side, brightness, contrast, saturation and sharpness times 0.1 or
            1.9, colours of 4 bits, and all colours inverted. The direction is random.

    Returns:
        A uint8 tensor of the same shape.

    Raises:
        ValueError: If a number is out of range.

    Example:

    >>> clip = tf.zeros((8, 120, 160, 3), tf.uint8)
    >>> rand_augment(clip, seed=(0, 1)).shape
    TensorShape([8, 120, 160, 3])

    Reference:

    - [RandAugment](https://arxiv.org/abs/1909.13719)
    - [AutoAugment](https://arxiv.org/abs/1805.09501), table 6: the ranges
    """
    if num_ops < 0 or int(num_ops) != num_ops:
        raise ValueError(f"`num_ops` must be a whole number, 0 or more. Received: num_ops={num_ops}")
    if not 0 <= magnitude <= 1:
        raise ValueError(f"`magnitude` must be in [0, 1]. Received: magnitude={magnitude}")
    clip = tf.convert_to_tensor(clip)
    shape = clip.shape
    operations = list(_OPERATIONS.values())
    seed = tf.convert_to_tensor(seed, tf.int32)
    for number in range(int(num_ops)):
        seeds = tf.random.split(tf.random.experimental.stateless_fold_in(seed, number), 2)
        chosen = tf.random.stateless_uniform((), seeds[0], 0, len(operations), tf.int32)
        sign = 1.0 - 2.0 * tf.cast(tf.random.stateless_uniform((), seeds[1], 0, 2, tf.int32), tf.float32)
        branches = [functools.partial(operation, clip, magnitude, sign) for operation in operations]
        # Not tf.where over all results: only the chosen branch runs.
        clip = tf.ensure_shape(tf.switch_case(chosen, branches), shape)
    return clip


def _auto_contrast(clip, magnitude, sign):
    pixels = tf.cast(clip, tf.float32)
    low, high = tf.reduce_min(pixels, (0, 1, 2)), tf.reduce_max(pixels, (0, 1, 2))
    stretched = (pixels - low) * 255 / tf.maximum(high - low, 1)
    return tf.where(high > low, to_uint8(stretched), clip)


def _equalize(clip, magnitude, sign):
    channels = []
    for values in tf.unstack(tf.cast(clip, tf.int32), axis=-1):
        below = tf.cumsum(tf.math.bincount(tf.reshape(values, [-1]), minlength=256, maxlength=256))
        darkest = tf.gather(below, tf.reduce_min(values))
        # The share, up to each value, of the pixels above the darkest value.
        share = tf.cast(below - darkest, tf.float32) / tf.cast(tf.maximum(below[-1] - darkest, 1), tf.float32)
        table = tf.where(below[-1] > darkest, to_uint8(255 * share), tf.cast(tf.range(256), tf.uint8))
        channels.append(tf.gather(table, values))
    return tf.stack(channels, -1)


def _solarize(clip, magnitude, sign):
    threshold = round(256 * (1 - magnitude))
    return tf.where(tf.cast(clip, tf.int32) < threshold, clip, 255 - clip)


def _posterize(clip, magnitude, sign):
    dropped = round(4 * magnitude)
    return tf.bitwise.bitwise_and(clip, tf.constant(256 - 2**dropped, tf.uint8))


def _smooth(pixels):
    kernel = np.ones((3, 3, 3, 1), np.float32)
    kernel[1, 1] = 5
    padded = tf.pad(pixels, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    return tf.nn.depthwise_conv2d(padded, kernel / 13, [1, 1, 1, 1], "VALID")


def _blend(degenerate):
    """An operation from `degenerate(pixels)` to the pixels, or beyond, by the factor 1 ± 0.9 magnitude."""

    def blend(clip, magnitude, sign):
        pixels = tf.cast(clip, tf.float32)
        other = degenerate(pixels)
        return to_uint8(other + (1 + 0.9 * magnitude * sign) * (pixels - other))

    return blend


def _rotate(clip, magnitude, sign):
    angle = sign * magnitude * math.radians(30)
    cos, sin = tf.cos(angle), tf.sin(angle)
    return _project(clip, [[cos, -sin], [sin, cos]])


def _project(clip, matrix, shift=(0, 0)):
    """Takes each pixel (x, y), relative to the centre, from matrix · (x, y) + shift, shift as a fraction of a side."""
    height, width = tf.unstack(tf.cast(tf.shape(clip)[1:3], tf.float32))
    center_x, center_y = (width - 1) / 2, (height - 1) / 2
    (a, b), (c, d) = [[tf.cast(value, tf.float32) for value in row] for row in matrix]
    dx = center_x - a * center_x - b * center_y + shift[0] * width
    dy = center_y - c * center_x - d * center_y + shift[1] * height
    zero = tf.zeros(())
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(clip, tf.float32),
        transforms=tf.stack([a, b, dx, c, d, dy, zero, zero])[None],
        output_shape=tf.shape(clip)[1:3],
        fill_value=_FILL,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    return to_uint8(moved)


_OPERATIONS = {
    "identity": lambda clip, magnitude, sign: clip,
    "auto_contrast": _auto_contrast,
    "equalize": _equalize,
    "rotate": _rotate,
    "solarize": _solarize,
    "saturation": _blend(grey_of),
    "posterize": _posterize,
    "contrast": _blend(lambda pixels: tf.reduce_mean(grey_of(pixels))),
    "brightness": _blend(lambda pixels: 0.0 * pixels),
    "sharpness": _blend(_smooth),
    "shear_x": lambda clip, magnitude, sign: _project(clip, [[1, 0.3 * magnitude * sign], [0, 1]]),
    "shear_y": lambda clip, magnitude, sign: _project(clip, [[1, 0], [0.3 * magnitude * sign, 1]]),
    "translate_x": lambda clip, magnitude, sign: _project(clip, [[1, 0], [0, 1]], (0.45 * magnitude * sign, 0)),
    "translate_y": lambda clip, magnitude, sign: _project(clip, [[1, 0], [0, 1]], (0, 0.45 * magnitude * sign)),
}
