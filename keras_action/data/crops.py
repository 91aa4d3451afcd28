"""Cropping and resizing of clips in TensorFlow, inside `tf.data`: the same crop in all frames of a clip.

Clips are uint8 tensors of shape (T, H, W, 3). Random crops are drawn from a stateless seed, an int32 tensor of
shape (2,): the same seed gives the same crop.
"""

import numpy as np

from keras_action.data.resizing import resize
from keras_action.utils.lazy import tensorflow as tf

# As in TSN, a crop within this many pixels of the target size is cut at the target size, and not scaled.
_SNAP = 3


def multi_scale_corner_crop(clip, size, seed, scales=(1, 0.875, 0.75, 0.66), max_distortion=1):
    """Crops all frames at the same random position, with a random size, and resizes them to `size`.

    The height and width of the crop are the clip's shorter side times two of `scales`, at most `max_distortion`
    places apart in that list. The crop has one of thirteen positions: the corners, the centre, the middles of the
    sides, and half-way between corners and centre.

    Args:
        clip: A uint8 tensor of shape (T, h, w, 3).
        size: Size of the result in pixels: a number, or (height, width). The crop does not take its aspect ratio:
            frames are distorted if height and width differ much.
        seed: An int32 tensor of shape (2,).
        scales: Sides of a crop as fractions of the shorter side, in (0, 1], in descending order.
        max_distortion: The largest distance in `scales` between height and width; 0 for square crops.

    Returns:
        A uint8 tensor of shape (T, height, width, 3).

    Raises:
        ValueError: If a scale is not in (0, 1].

    Example:

    >>> clip = tf.zeros((8, 120, 160, 3), tf.uint8)
    >>> multi_scale_corner_crop(clip, 64, seed=(0, 1)).shape
    TensorShape([8, 64, 64, 3])

    Reference:

    - [Temporal Segment Networks](https://arxiv.org/abs/1608.00859), section 3.2
    """
    size = as_pair(size)
    clip = tf.convert_to_tensor(clip)
    return cut(clip, *corner_window(tf.shape(clip)[1:3], size, seed, scales, max_distortion), size)


def corner_window(space, size, seed, scales=(1, 0.875, 0.75, 0.66), max_distortion=1, crop_to_aspect_ratio=True):
    """The window of `multi_scale_corner_crop`.

    Args:
        space: An int32 tensor, height and width of the frames.
        size: (height, width) of the result.
        seed: An int32 tensor of shape (2,).
        scales: See `multi_scale_corner_crop`.
        max_distortion: See `multi_scale_corner_crop`.
        crop_to_aspect_ratio: Whether the window's sides are fractions of the shorter side. If False, they are
            fractions of the frames' height and width, as in a crop of frames that were first resized to `size`.

    Returns:
        Two int32 tensors of shape (2,): top and left of the window, and its height and width.
    """
    if not scales or not all(0 < scale <= 1 for scale in scales):
        raise ValueError(f"`scales` must be in (0, 1]. Received: scales={scales}")
    seeds = tf.random.split(tf.convert_to_tensor(seed, tf.int32), 2)
    pairs = [(a, b) for i, a in enumerate(scales) for j, b in enumerate(scales) if abs(i - j) <= max_distortion]
    pair = tf.random.stateless_uniform((), seeds[0], 0, len(pairs), tf.int32)
    place = tf.random.stateless_uniform((), seeds[1], 0, len(_PLACES), tf.int32)

    base = tf.cast(tf.reduce_min(space) if crop_to_aspect_ratio else space, tf.float32)
    crop = tf.cast(base * tf.gather(tf.constant(pairs, tf.float32), pair) + 0.5, tf.int32)
    target = tf.minimum(size, space)
    crop = tf.where(tf.abs(crop - target) < _SNAP, target, crop)
    crop = tf.maximum(crop, 1)
    offset = tf.gather(tf.constant(_PLACES), place) * tf.cast(space - crop, tf.float32)
    return tf.cast(offset + 0.5, tf.int32), crop


# Top-left corner of the crop, as shares of the space that is left: TSN's five fixed places and eight more.
_PLACES = np.array(
    [
        *[(0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.5)],
        *[(0, 0.5), (1, 0.5), (0.5, 0), (0.5, 1)],
        *[(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)],
    ],
    np.float32,
)


def center_crop(clip, size, resize_to=None):
    """Crops the centre of all frames, in the aspect ratio of `size`, and resizes it to `size`.

    The result is that of resizing the shorter side to `resize_to` and cropping the centre, but only the pixels of
    the crop are resized.

    Args:
        clip: A uint8 tensor of shape (T, h, w, 3).
        size: Size of the result in pixels: a number, or (height, width).
        resize_to: Pixels to which the shorter side is resized before the crop. `None` for the fewest that hold
            `size`, which crops as little as possible.

    Returns:
        A uint8 tensor of shape (T, height, width, 3).

    Raises:
        ValueError: If `resize_to` is smaller than a side of `size`.

    Example:

    >>> clip = tf.zeros((8, 120, 160, 3), tf.uint8)
    >>> center_crop(clip, 56, resize_to=64).shape
    TensorShape([8, 56, 56, 3])
    """
    size = as_pair(size)
    clip = tf.convert_to_tensor(clip)
    return cut(clip, *center_window(tf.shape(clip)[1:3], size, resize_to), size)


def center_window(space, size, resize_to=None):
    """The window of `center_crop`; see `corner_window` for arguments and results."""
    if resize_to is not None and resize_to < max(size):
        raise ValueError(
            f"`resize_to` must be at least as large as `size`. Received: resize_to={resize_to}, size={size}"
        )
    sides = tf.cast(space, tf.float32)
    target = tf.constant(size, tf.float32)
    # Pixels of the clip per pixel of the result.
    scale = tf.reduce_min(sides / target) if resize_to is None else tf.reduce_min(sides) / resize_to
    crop = tf.cast(target * scale + 0.5, tf.int32)
    crop = tf.clip_by_value(crop, 1, space)
    return (space - crop) // 2, crop


def resize_short_side(clip, size):
    """Resizes all frames so that their shorter side has `size` pixels, and keeps the aspect ratio.

    Args:
        clip: A uint8 tensor of shape (T, h, w, 3).
        size: Pixels of the shorter side of the result.

    Returns:
        A uint8 tensor of shape (T, height, width, 3).

    Raises:
        ValueError: If `size` is below 1.

    Example:

    >>> clip = tf.zeros((8, 120, 160, 3), tf.uint8)
    >>> resize_short_side(clip, 60).shape
    TensorShape([8, 60, 80, 3])
    """
    size = _one(size)
    clip = tf.convert_to_tensor(clip)
    space = tf.shape(clip)[1:3]
    scale = tf.cast(size, tf.float64) / tf.cast(tf.reduce_min(space), tf.float64)
    target = tf.cast(tf.cast(space, tf.float64) * scale + 0.5, tf.int32)
    result = tf.cond(tf.reduce_all(tf.equal(target, space)), lambda: clip, lambda: resize(clip, target))
    known = clip.shape[1:3].is_fully_defined()
    shape = [int(side * (size / min(clip.shape[1:3])) + 0.5) for side in clip.shape[1:3]] if known else [None, None]
    return tf.ensure_shape(result, (clip.shape[0], *shape, 3))


def three_crops(clip, size=256, resize_to=None):
    """Crops three squares along the longer side of all frames, as in the papers' tests.

    They are at the left, in the centre and at the right of frames wider than high, at the top, in the centre and at
    the bottom of others. (TSM's code cuts the same square three times from frames higher than wide.)

    Args:
        clip: A uint8 tensor of shape (T, h, w, 3).
        size: Height and width of the result in pixels; 256 in the papers' tests.
        resize_to: Pixels to which the shorter side is resized before the crops. `None` for `size`: then the squares
            are as wide as the shorter side.

    Returns:
        A uint8 tensor of shape (3, T, size, size, 3).

    Raises:
        ValueError: If `resize_to` is smaller than `size`.

    Example:

    >>> clip = tf.zeros((8, 120, 160, 3), tf.uint8)
    >>> three_crops(clip, 64).shape
    TensorShape([3, 8, 64, 64, 3])

    Reference:

    - [ACTION-Net](https://github.com/V-Sense/ACTION-Net), `test_jester_8f.sh`, `test_sthv2_8f.sh`
    """
    size = _one(size)
    resize_to = size if resize_to is None else resize_to
    if resize_to < size:
        raise ValueError(
            f"`resize_to` must be at least as large as `size`. Received: resize_to={resize_to}, size={size}"
        )
    clip = resize_short_side(clip, resize_to)
    left = tf.shape(clip)[1:3] - size
    # Along the shorter side the crop is centred; along the longer one it is at the start, the middle or the end.
    longer = tf.cast(tf.stack([left[0] > left[1], left[1] >= left[0]]), tf.int32)
    crops = []
    for half in (0, 1, 2):
        offset = tf.where(longer == 1, left * half // 2, left // 2)
        crops.append(cut(clip, offset, tf.constant((size, size)), (size, size)))
    return tf.stack(crops)


def as_pair(size):
    """`(height, width)` of a size, a number or a pair."""
    height, width = (size, size) if np.ndim(size) == 0 else size
    if min(height, width) < 1:
        raise ValueError(f"`size` must be at least 1. Received: size={size}")
    return int(height), int(width)


def _one(size):
    if np.ndim(size) or size < 1:
        raise ValueError(f"`size` must be a number of at least 1. Received: size={size}")
    return int(size)


def cut(clip, offset, crop, size):
    """The window of height and width `crop` at `offset`, resized to `size` bilinearly, with half-pixel centres."""
    part = clip[:, offset[0] : offset[0] + crop[0], offset[1] : offset[1] + crop[1]]
    same = tf.reduce_all(tf.equal(crop, size))
    result = tf.cond(same, lambda: part, lambda: resize(part, size))
    return tf.ensure_shape(result, (clip.shape[0], *size, 3))
