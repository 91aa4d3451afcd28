"""Clips in the forms in which they come: an array, a dataset, a list."""

import itertools

import numpy as np


def has_an_end(clips):
    """Whether clips lie in memory, and all of them may be used; of anything else it is not known how many there are."""
    return isinstance(clips, (np.ndarray, list, tuple))


def iterate_clips(clips, shape, limit=None):
    """Yield clips one by one, as float32 `(1, T, H, W, 3)` in 0..255.

    Args:
        clips: An array `(N, T, H, W, 3)`, or an iterable of clips `(T, H, W, 3)` or
            batches `(B, T, H, W, 3)`, or of tuples that begin with one, as a
            `tf.data.Dataset` of clips and labels gives them. It may be endless
            if there is a limit.
        shape: `(T, H, W, 3)`, which every clip must have.
        limit: How many clips to yield at most.

    Raises:
        ValueError: If there is no clip, or one is not RGB in 0..255 of this shape.
    """
    for clip, _ in iterate_labelled_clips(clips, shape, limit):
        yield clip


def iterate_labelled_clips(clips, shape, limit=None):
    """As `iterate_clips`, but yields clips and their classes' ids, which are `None` where `clips` has none.

    A tuple's second part holds the ids, or one-hot rows or mixtures, of which the greatest counts; its third, if there
    is one, weights: clips of weight 0 are left out.
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
        if parts[0].ndim == len(shape):
            parts = [part[None] for part in parts]
        batch, labels, weights = (*parts, None, None)[:3]
        if batch.shape[1:] != tuple(shape):
            raise ValueError(
                f"Clips must have the shape {tuple(shape)}, or that with a batch before it. "
                f"Received: {np.shape(item[0] if isinstance(item, (tuple, list)) else item)}"
            )
        for place, clip in enumerate(batch):
            if weights is None or weights[place]:
                yield clip, None if labels is None else _class_id(labels[place])


def _class_id(label):
    return int(label) if np.ndim(label) == 0 else int(np.argmax(label))
