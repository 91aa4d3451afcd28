"""Colours of clips in TensorFlow, inside `tf.data`, and their random changes."""

from keras_action.utils.lazy import tensorflow as tf

_LUMA = ((0.299,), (0.587,), (0.114,))


def color_jitter(clip, seed, strength=0.2):
    """Randomly changes brightness, contrast and saturation, with the same factors for all frames.

    Args:
        clip: A uint8 tensor of shape (T, h, w, 3), RGB.
        seed: An int32 tensor of shape (2,).
        strength: Number in [0, 1]. Brightness, contrast and saturation are each multiplied by a random factor between
            `1 - strength` and `1 + strength`.

    Returns:
        A uint8 tensor of the same shape.

    Raises:
        ValueError: If `strength` is not in [0, 1].
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"`strength` must be in [0, 1]. Received: strength={strength}")
    factors = tf.random.stateless_uniform((3,), seed, 1 - strength, 1 + strength)
    brightness, contrast, saturation = factors[0], factors[1], factors[2]
    pixels = tf.cast(clip, tf.float32) * brightness
    grey = grey_of(pixels)
    pixels = grey + saturation * (pixels - grey)
    # Contrast is relative to the mean grey of the clip: that of each frame would make the clip flicker.
    mean = tf.reduce_mean(grey)
    pixels = mean + contrast * (pixels - mean)
    return to_uint8(pixels)


def grey_of(pixels):
    """The grey values (…, 1) of RGB pixels (…, 3), both float32."""
    return tf.tensordot(pixels, tf.constant(_LUMA), 1)


def to_uint8(pixels):
    """Float values, rounded and clipped to 0 … 255."""
    return tf.cast(tf.clip_by_value(pixels + 0.5, 0, 255), tf.uint8)
