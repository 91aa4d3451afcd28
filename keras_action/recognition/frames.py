"""Resizing of frames to the input size of a model. NumPy only."""

import functools

import numpy as np


class FrameResizer:
    """Resizes frames to the input size of a model, as evaluation does.

    Args:
        size: `(height, width)` of the result.
        crop_to_aspect_ratio: Whether the frame keeps its aspect ratio and its centre is cropped; if False, the whole
            frame is resized.

    Call arguments:
        frame: RGB, uint8 `(H, W, 3)`.

    Output: RGB, uint8 `(height, width, 3)`. It never shares the memory of `frame`.
    """

    def __init__(self, size, crop_to_aspect_ratio=True):
        self.size = tuple(size)
        self.crop_to_aspect_ratio = crop_to_aspect_ratio

    def __call__(self, frame):
        shape, dtype = getattr(frame, "shape", None), getattr(frame, "dtype", None)
        if not isinstance(frame, np.ndarray) or dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise ValueError(
                "A frame must be a NumPy array of RGB bytes, uint8 (H, W, 3). "
                f"Received: {type(frame).__name__}, shape={shape}, dtype={dtype}"
            )
        return (resize_and_crop if self.crop_to_aspect_ratio else resize)(frame, self.size)


def resize_and_crop(frame, size):
    """Resizes a frame to cover `size`, and crops its centre.

    Args:
        frame: uint8 `(H, W, 3)`.
        size: `(height, width)` of the result.

    Returns:
        uint8 `(height, width, 3)`. It never shares the memory of `frame`.
    """
    height, width = frame.shape[:2]
    scale = max(size[0] / height, size[1] / width)
    return _scale(frame, size, (scale, scale))


def resize(frame, size):
    """Resizes a whole frame to `size`. Arguments and result as of `resize_and_crop`."""
    return _scale(frame, size, (size[0] / frame.shape[0], size[1] / frame.shape[1]))


def _scale(frame, size, scales):
    """Scales the two sides of a frame, and crops its centre."""
    if frame.shape[:2] == tuple(size):
        return frame.copy()
    rows, row_weights = _taps(frame.shape[0], size[0], scales[0])
    columns, column_weights = _taps(frame.shape[1], size[1], scales[1])
    # Sums of rows and columns instead of matrix products, which use all cores and wait for the slowest at each frame.
    part = frame[:, columns.min() : columns.max() + 1].astype("float32")
    part = sum(part[index] * weight[:, None, None] for index, weight in zip(rows, row_weights, strict=True))
    columns = columns - columns.min()
    part = sum(part[:, index] * weight[:, None] for index, weight in zip(columns, column_weights, strict=True))
    return np.clip(np.rint(part), 0, 255).astype("uint8")


@functools.lru_cache(maxsize=8)
def _taps(source, target, scale):
    """The source pixels of the `target` pixels in the middle of a line scaled by `scale`.

    Returns their indices and weights, `(taps, target)` each.
    """
    pixels = np.arange(source)
    if scale < 1:
        # Each target pixel is the mean of the source pixels that it covers.
        scaled = max(round(source * scale), target)
        ends = ((scaled - target) // 2 + np.arange(target + 1)[:, None]) * source / scaled
        weights = np.minimum(ends[1:], pixels + 1) - np.maximum(ends[:-1], pixels)
    else:
        # The source is cropped first; linear between pixel centres, constant beyond the last one.
        crop = min(max(round(target / scale), 1), source)
        centres = (np.arange(target)[:, None] + 0.5) * crop / target - 0.5
        weights = 1 - np.abs((source - crop) // 2 + np.clip(centres, 0, crop - 1) - pixels)
    weights = np.maximum(weights, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    taps = (weights > 0).sum(axis=1).max()
    first = np.minimum((weights > 0).argmax(axis=1), source - taps)
    indices = first + np.arange(taps)[:, None]
    return indices, np.take_along_axis(weights.T, indices, axis=0).astype("float32")
