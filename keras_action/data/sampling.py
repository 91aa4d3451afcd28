"""Which frames of a clip the model sees."""

import numpy as np


def sample_segments(num_frames, num_segments, rng=None):
    """Chooses one frame from each of `num_segments` equal segments of a clip.

    The clip is cut into segments of `num_frames / num_segments` frames, a real number, so that every frame
    can be chosen, and a clip with fewer frames than segments needs no case of its own: frames are repeated.

    Args:
        num_frames: Frames of the clip, at least 1.
        num_segments: Segments, T, at least 1.
        rng: A NumPy generator: a frame at random in each segment, for training. None: the frame in its
            middle, for validation.

    Returns:
        An int64 array of shape (T,), ascending, each in [0, num_frames).

    Raises:
        ValueError: If a number is below 1.

    Example:

    >>> sample_segments(24, 8)
    array([ 1,  4,  7, 10, 13, 16, 19, 22])
    >>> sample_segments(3, 8)
    array([0, 0, 0, 1, 1, 2, 2, 2])

    Reference:

    - [Temporal Segment Networks](https://arxiv.org/abs/1608.00859), section 3.1
    """
    for name, value in (("num_frames", num_frames), ("num_segments", num_segments)):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {name}={value}")
    place = 0.5 if rng is None else rng.random(num_segments)
    indices = (np.arange(num_segments) + place) * num_frames / num_segments
    return np.minimum(indices.astype(np.int64), num_frames - 1)
