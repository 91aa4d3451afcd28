"""Sampling of the frames that make a clip: indices from 0, as int64 arrays.

Random sampling draws from a NumPy generator, an argument of each function.
"""

import numpy as np

from keras_action.utils.fields import check_choice

DENSE_WINDOW = 64  # frames, of TSM's dense sampling


def sample_segments(num_frames, num_segments, rng=None):
    """Chooses one frame from each of `num_segments` equal segments of a clip.

    A segment has `num_frames / num_segments` frames, a real number, so that every frame can be chosen. In a clip with
    fewer frames than segments, frames are repeated.

    Args:
        num_frames: Frames of the clip, at least 1.
        num_segments: Segments, T, at least 1.
        rng: A NumPy generator, for a random frame of each segment, as in training; `None` for the middle frame, as in
            validation.

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
    _check(num_frames=num_frames, num_segments=num_segments)
    return _at(0.5 if rng is None else rng.random(num_segments), num_frames, num_segments)


def sample_reference_segments(num_frames, num_segments, rng=None):
    """Chooses frames as the released code of TSM and ACTION-Net does.

    In training, a segment has `num_frames // num_segments` whole frames. This differs from `sample_segments`:

    - The last `num_frames % num_segments` frames of a clip are never chosen.
    - Of a clip with fewer frames than segments, only the first frame is chosen. In validation this holds also for a
      clip with as many frames as segments.

    The released code has a third rule, for tests with one clip, which chooses the middle frames of short clips, too. It
    is `sample_segments` without `rng`, up to the rounding of numbers on the border of two frames.

    Args:
        num_frames: Frames of the clip, at least 1.
        num_segments: Segments, T, at least 1.
        rng: A NumPy generator, for a random frame of each segment, as in training and in tests with several clips;
            `None` for the middle frame, as in validation.

    Returns:
        An int64 array of shape (T,), ascending, each in [0, num_frames).

    Raises:
        ValueError: If a number is below 1.

    Example:

    >>> sample_reference_segments(24, 8)
    array([ 1,  4,  7, 10, 13, 16, 19, 22])
    >>> sample_reference_segments(3, 8)
    array([0, 0, 0, 0, 0, 0, 0, 0])

    Reference:

    - [TSM](https://github.com/mit-han-lab/temporal-shift-module), `ops/dataset.py`
    - [ACTION-Net](https://github.com/V-Sense/ACTION-Net), `models/temporal_transforms.py`
    """
    _check(num_frames=num_frames, num_segments=num_segments)
    segments = np.arange(num_segments)
    length = num_frames // num_segments
    if rng is not None and length > 0:
        return segments * length + rng.integers(length, size=num_segments)
    if rng is None and num_frames > num_segments:
        # The order of operations of the released code: (i + 0.5) times the length rounds to other frames at borders.
        length = num_frames / num_segments
        return (length / 2 + length * segments).astype(np.int64)
    return np.zeros(num_segments, np.int64)


def sample_dense(num_frames, num_segments, rng=None, window=DENSE_WINDOW):
    """Chooses frames at a fixed stride from a window of the clip, as TSM's dense sampling does for Kinetics.

    The stride is `window // num_segments` frames: every 8th for 8 segments. In a clip shorter than the window, indices
    wrap around to its beginning, so frames are not in order.

    Args:
        num_frames: Frames of the clip, at least 1.
        num_segments: Frames to choose, T, from 1 to `window`.
        rng: A NumPy generator, for a window at random, as in training; `None` for the window in the middle of the clip.
            (The released code draws it in validation, too.)
        window: Number of frames of the window, at least 1.

    Returns:
        An int64 array of shape (T,), each in [0, num_frames).

    Raises:
        ValueError: If a number is out of range.

    Example:

    >>> sample_dense(100, 8)
    array([18, 26, 34, 42, 50, 58, 66, 74])
    >>> sample_dense(20, 8)
    array([ 0,  8, 16,  4, 12,  0,  8, 16])

    Reference:

    - [TSM](https://github.com/mit-han-lab/temporal-shift-module), `ops/dataset.py`
    """
    last = _last_start(num_frames, num_segments, window)
    # The range of the released code, which never draws the last place.
    start = last // 2 if rng is None else rng.integers(max(last, 1))
    return _strided(start, num_frames, num_segments, window)


def sample_clips(num_frames, num_segments, num_clips=10, rng=None, method="segments"):
    """Chooses the frames of several clips of one video, whose predictions a test averages.

    Args:
        num_frames: Frames of the video, at least 1.
        num_segments: Frames of each clip, T.
        num_clips: Clips, K, at least 1.
        rng: A NumPy generator, for clips sampled at random, as in training. `None` for clips spread evenly: at K evenly
            spaced places of each segment, or, with `"dense"`, in windows at K places from the first to the last.
        method: One of `SAMPLING_METHODS`. `"reference"` needs `rng`: ACTION-Net's results with 10 clips are of random
            ones.

    Returns:
        An int64 array of shape (K, T), each in [0, num_frames).

    Raises:
        ValueError: If a number is out of range or the method is unknown.

    Example:

    >>> sample_clips(24, 8, num_clips=3)
    array([[ 0,  3,  6,  9, 12, 15, 18, 21],
           [ 1,  4,  7, 10, 13, 16, 19, 22],
           [ 2,  5,  8, 11, 14, 17, 20, 23]])
    >>> sample_clips(24, 8, num_clips=10, rng=np.random.default_rng(0)).shape
    (10, 8)

    Reference:

    - [ACTION-Net](https://github.com/V-Sense/ACTION-Net), `test.py`
    - [TSM](https://github.com/mit-han-lab/temporal-shift-module), `ops/dataset.py`
    """
    _check(num_frames=num_frames, num_segments=num_segments, num_clips=num_clips)
    sample = sampling_method(method)
    if rng is not None:
        return np.stack([sample(num_frames, num_segments, rng) for _ in range(num_clips)])
    if method == "segments":
        return _at((np.arange(num_clips)[:, None] + 0.5) / num_clips, num_frames, num_segments)
    if method == "dense":
        last = _last_start(num_frames, num_segments, DENSE_WINDOW)
        starts = np.linspace(0, last, num_clips, dtype=np.int64)
        return _strided(starts[:, None], num_frames, num_segments, DENSE_WINDOW)
    raise ValueError(f"`method` must be 'segments' or 'dense' where there is no `rng`. Received: method={method!r}")


SAMPLING_METHODS = {
    "segments": sample_segments,
    "reference": sample_reference_segments,
    "dense": sample_dense,
}


def sampling_method(name):
    """The function `(num_frames, num_segments, rng=None)` of a name in `SAMPLING_METHODS`."""
    check_choice("method", name, SAMPLING_METHODS)
    return SAMPLING_METHODS[name]


def _check(**numbers):
    for name, value in numbers.items():
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {name}={value}")


def _at(place, num_frames, num_segments):
    """The frame at a relative place, from 0 to 1, in each of the segments of real-valued length."""
    indices = (np.arange(num_segments) + place) * num_frames / num_segments
    return np.minimum(indices.astype(np.int64), num_frames - 1)


def _last_start(num_frames, num_segments, window):
    """The last frame at which the window can begin; 0 for shorter clips."""
    _check(num_frames=num_frames, num_segments=num_segments, window=window)
    if num_segments > window:
        raise ValueError(
            f"`num_segments` must be at most the frames of the window. "
            f"Received: num_segments={num_segments}, window={window}"
        )
    return max(0, num_frames - window)


def _strided(start, num_frames, num_segments, window):
    return (start + np.arange(num_segments) * (window // num_segments)) % num_frames
