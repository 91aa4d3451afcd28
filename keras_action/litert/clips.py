"""Iteration over clips of an array, a list or a dataset."""

import itertools

import numpy as np


def in_memory(clips):
    """Whether clips are an array or a list; other iterables may be endless."""
    return isinstance(clips, (np.ndarray, list, tuple))


def iterate_clips(clips, shape, limit=None):
    """Yields clips one by one, float32 `(1, T, H, W, 3)` in 0..255.

    Args:
        clips: An array `(N, T, H, W, 3)`, or an iterable of clips `(T, H, W, 3)` or batches `(B, T, H, W, 3)`, or of
            tuples that begin with one, such as a `tf.data.Dataset` of clips and labels. It may be endless if `limit` is
            given.
        shape: `(T, H, W, 3)`, the shape of every clip; T may be `None`, for any number.
        limit: Maximum number of clips.

    Raises:
        ValueError: If there is no clip, or one is not RGB in 0..255 of this shape.
    """
    for clip, _ in iterate_labelled_clips(clips, shape, limit):
        yield clip


def iterate_labelled_clips(clips, shape, limit=None):
    """As `iterate_clips`, but yields pairs of a clip and the id of its class, or `None` without labels.

    The second item of a tuple is the ids, or rows of probabilities, of which the largest counts. The third item is the
    weights: clips of weight 0 are left out.
    """
    count = 0
    for clip, label in itertools.islice(_split(clips, shape), limit):
        low, high = float(clip.min()), float(clip.max())
        if not (low >= 0 and high <= 255):  # NaN fails too
            raise ValueError(f"Clips must be RGB in 0..255. Received: values from {low} to {high}")
        yield clip[None].astype("float32"), label
        count += 1
    if not count:
        raise ValueError(f"At least one clip of shape {shape} is needed. Received: clips={clips}")


def _split(clips, shape):
    for item in clips:
        parts = item if isinstance(item, (tuple, list)) else (item,)
        parts = [np.asarray(part) for part in parts]
        received = parts[0].shape
        if parts[0].ndim == len(shape):
            parts = [part[None] for part in parts]
        batch, labels, weights = (*parts, None, None)[:3]
        if batch.ndim != len(shape) + 1 or any(
            size not in (None, actual) for size, actual in zip(shape, batch.shape[1:], strict=True)
        ):
            raise ValueError(
                f"Clips must have the shape {tuple(shape)}, or a batch of them. Received: a clip of shape {received}"
            )
        for place, clip in enumerate(batch):
            if weights is None or weights[place]:
                yield clip, None if labels is None else _class_id(labels[place])


def _class_id(label):
    return int(label) if np.ndim(label) == 0 else int(np.argmax(label))
