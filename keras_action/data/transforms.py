"""Augmentation of clips in TensorFlow, inside `tf.data`: all frames of a clip are treated alike.

Clips are uint8 tensors of shape (T, H, W, 3). What is random comes from a stateless seed, an int32 tensor of
shape (2,): the same seed, the same result, wherever and in whatever order it is computed.
"""

import numpy as np

# TSN's snap: a crop within so many pixels of the target size is cut at that size and not scaled at all.
_SNAP = 3


def multi_scale_corner_crop(clip, size, seed, scales=(1, 0.875, 0.75, 0.66), max_distortion=1):
    """Cuts a crop of random size and place, the same from all frames, and scales it to `size`.

    The sides of the crop are two of `scales` times the clip's shorter side, at most `max_distortion` places
    apart in that list. It stands at one of thirteen places: the corners, the centre, the middles of the
    sides, and half-way between corners and centre.

    Args:
        clip: A uint8 tensor of shape (T, h, w, 3).
        size: Size of the result in pixels: a number, or (height, width). The crop is not given its
            proportions: with two numbers that differ much, the picture is stretched.
        seed: An int32 tensor of shape (2,).
        scales: Sides of a crop as shares of the shorter side, in (0, 1], descending.
        max_distortion: How many places in `scales` height and width may be apart; 0 for square crops.

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
    import tensorflow as tf

    size = as_pair(size)
    clip = tf.convert_to_tensor(clip)
    return cut(clip, *corner_window(tf.shape(clip)[1:3], size, seed, scales, max_distortion), size)


def corner_window(space, size, seed, scales=(1, 0.875, 0.75, 0.66), max_distortion=1, crop_to_aspect_ratio=True):
    """The window that `multi_scale_corner_crop` cuts.

    Args:
        space: An int32 tensor, height and width of the frames.
        size: (height, width) of the result.
        seed: An int32 tensor of shape (2,).
        scales: As there.
        max_distortion: As there.
        crop_to_aspect_ratio: Whether the window's sides are shares of the shorter side. If False, they are shares of
            the frames' own height and width: what a crop of frames that were scaled to `size` would show.

    Returns:
        Two int32 tensors of shape (2,): top and left of the window, and its height and width.
    """
    import tensorflow as tf

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
    """Cuts the centre out of all frames, in the proportions of `size`, and scales it to `size`.

    That is the same as to scale the shorter side to `resize_to` and to cut `size` out of the middle, with
    pixels scaled only that are kept.

    Args:
        clip: A uint8 tensor of shape (T, h, w, 3).
        size: Size of the result in pixels: a number, or (height, width).
        resize_to: Pixels to which the shorter side is scaled before the cut; None for the least that holds
            `size`, so that as much of the picture is seen as can be.

    Returns:
        A uint8 tensor of shape (T, height, width, 3).

    Raises:
        ValueError: If `resize_to` is smaller than a side of `size`.

    Example:

    >>> clip = tf.zeros((8, 120, 160, 3), tf.uint8)
    >>> center_crop(clip, 56, resize_to=64).shape
    TensorShape([8, 56, 56, 3])
    """
    import tensorflow as tf

    size = as_pair(size)
    clip = tf.convert_to_tensor(clip)
    return cut(clip, *center_window(tf.shape(clip)[1:3], size, resize_to), size)


def center_window(space, size, resize_to=None):
    """The window that `center_crop` cuts; arguments and results as of `corner_window`."""
    import tensorflow as tf

    if resize_to is not None and resize_to < max(size):
        raise ValueError(
            f"`resize_to` must be at least as large as `size`. Received: resize_to={resize_to}, size={size}"
        )
    sides = tf.cast(space, tf.float32)
    target = tf.constant(size, tf.float32)
    # Pixels of the clip for a pixel of the result.
    scale = tf.reduce_min(sides / target) if resize_to is None else tf.reduce_min(sides) / resize_to
    crop = tf.cast(target * scale + 0.5, tf.int32)
    crop = tf.clip_by_value(crop, 1, space)
    return (space - crop) // 2, crop


def resize_short_side(clip, size):
    """Scales all frames so that their shorter side has `size` pixels, in proportion.

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
    import tensorflow as tf

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
    """Cuts three squares side by side that cover the frames, as in the papers' tests: each a clip of its own.

    They stand left, in the centre and right, or, in frames that are higher than wide, at the top, in the
    centre and at the bottom. (TSM's release cuts three times the same square from such frames.)

    Args:
        clip: A uint8 tensor of shape (T, h, w, 3).
        size: Height and width of the result in pixels; 256 in the papers' tests.
        resize_to: Pixels to which the shorter side is scaled before the cut; None for `size`, so that
            nothing is lost but what is beyond the squares at the longer side.

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
    import tensorflow as tf

    size = _one(size)
    resize_to = size if resize_to is None else resize_to
    if resize_to < size:
        raise ValueError(
            f"`resize_to` must be at least as large as `size`. Received: resize_to={resize_to}, size={size}"
        )
    clip = resize_short_side(clip, resize_to)
    left = tf.shape(clip)[1:3] - size
    # The shorter side is cut in its middle, the longer one at both ends, too.
    longer = tf.cast(tf.stack([left[0] > left[1], left[1] >= left[0]]), tf.int32)
    crops = []
    for half in (0, 1, 2):
        offset = tf.where(longer == 1, left * half // 2, left // 2)
        crops.append(cut(clip, offset, tf.constant((size, size)), (size, size)))
    return tf.stack(crops)


def color_jitter(clip, seed, strength=0.2):
    """Changes brightness, contrast and saturation at random, the same way in all frames.

    Args:
        clip: A uint8 tensor of shape (T, h, w, 3), RGB.
        seed: An int32 tensor of shape (2,).
        strength: Each of the three is multiplied by a random factor from 1 - strength to 1 + strength;
            in [0, 1].

    Returns:
        A uint8 tensor of the same shape.

    Raises:
        ValueError: If `strength` is not in [0, 1].
    """
    import tensorflow as tf

    if not 0 <= strength <= 1:
        raise ValueError(f"`strength` must be in [0, 1]. Received: strength={strength}")
    factors = tf.random.stateless_uniform((3,), seed, 1 - strength, 1 + strength)
    brightness, contrast, saturation = factors[0], factors[1], factors[2]
    # Grey of a pixel and mean grey of the clip: all three changes are linear in (R, G, B, 1) with these.
    luma = tf.constant([[0.299], [0.587], [0.114]])
    pixels = tf.cast(clip, tf.float32) * brightness
    grey = tf.tensordot(pixels, luma, 1)
    pixels = grey + saturation * (pixels - grey)
    mean = tf.reduce_mean(grey)
    pixels = mean + contrast * (pixels - mean)
    return tf.cast(tf.clip_by_value(pixels + 0.5, 0, 255), tf.uint8)


def as_pair(size):
    """(height, width) of a size that may be one number."""
    height, width = (size, size) if np.ndim(size) == 0 else size
    if min(height, width) < 1:
        raise ValueError(f"`size` must be at least 1. Received: size={size}")
    return int(height), int(width)


def _one(size):
    if np.ndim(size) or size < 1:
        raise ValueError(f"`size` must be a number of at least 1. Received: size={size}")
    return int(size)


def cut(clip, offset, crop, size):
    """`crop` pixels from `offset` on, scaled to `size`: bilinear, pixel centres kept in place."""
    import tensorflow as tf

    part = clip[:, offset[0] : offset[0] + crop[0], offset[1] : offset[1] + crop[1]]
    same = tf.reduce_all(tf.equal(crop, size))
    result = tf.cond(same, lambda: part, lambda: resize(part, size))
    return tf.ensure_shape(result, (clip.shape[0], *size, 3))


def resize(pictures, size):
    """uint8 pictures of shape (…, h, w, 3) scaled to `size`: bilinear, pixel centres kept in place."""
    import tensorflow as tf

    # For float32 the operation has vector instructions, for uint8 it has none and takes twice as long.
    return tf.cast(tf.image.resize(tf.cast(pictures, tf.float32), size, "bilinear") + 0.5, tf.uint8)
