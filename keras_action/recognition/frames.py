"""Frames of any size become the model's frames: scaled and cut, or scaled as a whole. NumPy only."""

import functools

import numpy as np


def resize_and_crop(frame, size):
    """Scale a frame until it just covers `size`, and cut out its centre, as evaluation does.

    Args:
        frame: uint8 `(H, W, 3)`.
        size: `(height, width)` of the result.

    Returns:
        uint8 `(height, width, 3)`. It is never the memory of `frame`.
    """
    height, width = frame.shape[:2]
    scale = max(size[0] / height, size[1] / width)
    return _scale(frame, size, (scale, scale))


def resize(frame, size):
    """Scale a whole frame to `size`, as evaluation does with `crop_to_aspect_ratio=False`.

    Arguments and result as of `resize_and_crop`.
    """
    return _scale(frame, size, (size[0] / frame.shape[0], size[1] / frame.shape[1]))


def _scale(frame, size, scales):
    """Scale the two sides of a frame, and cut out its centre."""
    if frame.shape[:2] == tuple(size):
        return frame.copy()
    rows, row_weights = _taps(frame.shape[0], size[0], scales[0])
    columns, column_weights = _taps(frame.shape[1], size[1], scales[1])
    # Sums of whole rows and columns, not products with matrices: those would run on all cores, and a core that
    # somebody else has makes them wait for it, at each frame.
    part = frame[:, columns.min() : columns.max() + 1].astype("float32")
    part = sum(part[index] * weight[:, None, None] for index, weight in zip(rows, row_weights, strict=True))
    columns = columns - columns.min()
    part = sum(part[:, index] * weight[:, None] for index, weight in zip(columns, column_weights, strict=True))
    return np.clip(np.rint(part), 0, 255).astype("uint8")


@functools.lru_cache(maxsize=8)
def _taps(source, target, scale):
    """Which pixels make up the `target` pixels in the middle of a line scaled by `scale`.

    Returns their indices and weights, `(taps, target)` each.
    """
    pixels = np.arange(source)
    if scale < 1:
        # Each target pixel is the mean of the stretch of source pixels under it.
        scaled = max(round(source * scale), target)
        ends = ((scaled - target) // 2 + np.arange(target + 1)[:, None]) * source / scaled
        weights = np.minimum(ends[1:], pixels + 1) - np.maximum(ends[:-1], pixels)
    else:
        # The crop is cut first; between pixel centres it is linear, beyond the last it stays.
        crop = min(max(round(target / scale), 1), source)
        centres = (np.arange(target)[:, None] + 0.5) * crop / target - 0.5
        weights = 1 - np.abs((source - crop) // 2 + np.clip(centres, 0, crop - 1) - pixels)
    weights = np.maximum(weights, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    taps = (weights > 0).sum(axis=1).max()
    first = np.minimum((weights > 0).argmax(axis=1), source - taps)
    indices = first + np.arange(taps)[:, None]
    return indices, np.take_along_axis(weights.T, indices, axis=0).astype("float32")
