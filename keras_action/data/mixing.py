"""MixUp and CutMix of the clips of a batch in TensorFlow, stateless.

`keras.layers.MixUp` and `CutMix` are not used. Their seed generators have a state, so that a batch would depend on the
batches before it. They do not take 5-D clips, and turn uint8 into float32. CutMix weights the labels by the area of a
box of fractional size, but cuts one of whole pixels.
"""

import numpy as np

from keras_action.utils.lazy import tensorflow as tf


def mixup(clips, labels, seed, alpha=0.2):
    """Blends each clip of a batch with another one, frame by frame, and the labels in the same proportion.

    Args:
        clips: A uint8 or float tensor of shape (B, T, H, W, 3).
        labels: One-hot labels, or mixtures of labels: a float tensor of shape (B, classes).
        seed: An int32 tensor of shape (2,).
        alpha: Parameter of the distribution of each clip's own share, Beta(alpha, alpha); above 0. With a small alpha
            most clips hardly change.

    Returns:
        Clips and labels of the same shapes and types.

    Raises:
        ValueError: If a shape is wrong, or `alpha` is not above 0.

    Example:

    ```python
    dataset = dataset.map(lambda clips, labels: mixup(clips, tf.one_hot(labels, 27), seed))
    ```

    Reference:

    - [mixup](https://arxiv.org/abs/1710.09412)
    """
    clips, labels, other_clips, other_labels, share, _ = _prepare(clips, labels, seed, alpha)
    # x + (1 - share) (y - x): one product per pixel, and exactly x where x = y.
    weight = (1 - share)[:, None, None, None, None]
    pixels = tf.cast(clips, tf.float32)
    pixels += weight * (tf.cast(other_clips, tf.float32) - pixels)
    if clips.dtype == tf.uint8:
        pixels = tf.clip_by_value(pixels + 0.5, 0, 255)
    return tf.cast(pixels, clips.dtype), _mix_labels(labels, other_labels, share)


def cutmix(clips, labels, seed, alpha=1.0):
    """Replaces a box in each clip, the same in all frames, by that of another clip of the batch.

    The labels are mixed in proportion to the pixels. The box has the aspect ratio of the frames, and is clipped at
    their edges.

    Args:
        clips: A uint8 or float tensor of shape (B, T, H, W, 3).
        labels: One-hot labels, or mixtures of labels: a float tensor of shape (B, classes).
        seed: An int32 tensor of shape (2,).
        alpha: Parameter of the distribution of each clip's own share, Beta(alpha, alpha); above 0.

    Returns:
        Clips and labels of the same shapes and types.

    Raises:
        ValueError: If a shape is wrong, or `alpha` is not above 0.

    Reference:

    - [CutMix](https://arxiv.org/abs/1905.04899)
    """
    clips, labels, other_clips, other_labels, share, seed = _prepare(clips, labels, seed, alpha)
    sides = tf.cast(tf.shape(clips)[2:4], tf.float32)
    centers = tf.random.stateless_uniform((tf.shape(clips)[0], 2), seed) * sides
    halves = tf.sqrt(1 - share)[:, None] * sides / 2
    first = tf.cast(tf.maximum(centers - halves, 0) + 0.5, tf.int32)  # (B, 2): row and column
    last = tf.cast(tf.minimum(centers + halves, sides) + 0.5, tf.int32)

    def inside(axis):
        place = tf.range(tf.shape(clips)[2 + axis])
        return (place >= first[:, axis, None]) & (place < last[:, axis, None])

    rows, columns = inside(0), inside(1)
    box = rows[:, None, :, None, None] & columns[:, None, None, :, None]
    area = tf.cast(tf.reduce_prod(last - first, axis=1), tf.float32)
    share = 1 - area / tf.reduce_prod(sides)
    return tf.where(box, other_clips, clips), _mix_labels(labels, other_labels, share)


def mix_batch(clips, labels, seed, mixup_alpha=0.0, cutmix_alpha=0.0):
    """Applies `mixup` or `cutmix`, whichever has an alpha above 0, or one of the two at random.

    Args:
        clips: See `mixup`.
        labels: See `mixup`.
        seed: An int32 tensor of shape (2,).
        mixup_alpha: 0 or more.
        cutmix_alpha: 0 or more; not both 0.

    Returns:
        Clips and labels of the same shapes and types.
    """

    def mixed_up():
        return mixup(clips, labels, seed, mixup_alpha)

    def cut_mixed():
        return cutmix(clips, labels, seed, cutmix_alpha)

    if not cutmix_alpha or not mixup_alpha:
        return cut_mixed() if cutmix_alpha else mixed_up()
    one = tf.random.stateless_uniform((), tf.random.experimental.stateless_fold_in(seed, 0)) < 0.5
    return tf.cond(one, mixed_up, cut_mixed)


def _prepare(clips, labels, seed, alpha):
    """Clips and labels, those to mix them with, the share (B,) of each clip, and a seed for further draws."""
    if not (np.isfinite(alpha) and alpha > 0):
        raise ValueError(f"`alpha` must be above 0. Received: alpha={alpha}")
    clips, labels = tf.convert_to_tensor(clips), tf.convert_to_tensor(labels)
    if clips.shape.rank != 5:
        raise ValueError(f"`clips` must be of shape (B, T, H, W, 3). Received: clips.shape={clips.shape}")
    if labels.shape.rank != 2 or not labels.dtype.is_floating:
        raise ValueError(
            "`labels` must be one-hot: a float tensor of shape (B, classes). "
            f"Received: labels.shape={labels.shape}, of type {labels.dtype.name}"
        )
    count = tf.shape(clips)[0]
    seeds = tf.unstack(tf.random.split(tf.convert_to_tensor(seed, tf.int32), 4))
    order = tf.argsort(tf.random.stateless_uniform((count,), seeds[0]))
    # A Beta variable is G / (G + G') of two Gamma variables, and a Gamma variable of alpha is one of alpha + 1 times
    # U^(1 / alpha). In logarithms, since both underflow in float32 for a small alpha.
    gamma = tf.random.stateless_gamma((2, count), seeds[1], alpha + 1.0)
    uniform = 1 - tf.random.stateless_uniform((2, count), seeds[2])  # in (0, 1]
    logs = tf.math.log(gamma) + tf.math.log(uniform) / alpha
    share = tf.sigmoid(logs[0] - logs[1])
    return clips, labels, tf.gather(clips, order), tf.gather(labels, order), share, seeds[3]


def _mix_labels(labels, other_labels, share):
    share = tf.cast(share, labels.dtype)[:, None]
    return share * labels + (1 - share) * other_labels
