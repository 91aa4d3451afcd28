"""Which frames of a clip the model sees: indices from 0, as int64 arrays.

What is random comes from a NumPy generator that is handed in: the same generator, the same frames.
"""

import numpy as np

DENSE_WINDOW = 64  # frames, of TSM's dense sampling


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
    _check(num_frames=num_frames, num_segments=num_segments)
    return _at(0.5 if rng is None else rng.random(num_segments), num_frames, num_segments)


def sample_reference_segments(num_frames, num_segments, rng=None):
    """Chooses frames as the released code of TSM and ACTION-Net does.

    For training, segments are cut `num_frames // num_segments` whole frames long. That differs from
    `sample_segments` in this:

    - The last `num_frames % num_segments` frames of a clip are never chosen.
    - A clip with fewer frames than segments is its first frame, again and again. For validation a clip with
      exactly as many frames as segments is that, too.

    The release has a third rule, for tests with one clip: the middle frames also of short clips. Up to the
    rounding of numbers that lie on a frame's border, that is `sample_segments` without `rng`.

    Args:
        num_frames: Frames of the clip, at least 1.
        num_segments: Segments, T, at least 1.
        rng: A NumPy generator: a frame at random in each segment, for training and for tests with several
            clips. None: the frame in the segment's middle, for validation.

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
        # In the release's order of operations, not (i + 0.5) times the length: at a border of two frames
        # they round to different ones.
        length = num_frames / num_segments
        return (length / 2 + length * segments).astype(np.int64)
    return np.zeros(num_segments, np.int64)


def sample_dense(num_frames, num_segments, rng=None, window=DENSE_WINDOW):
    """Chooses frames at a fixed stride from a window of the clip, as TSM's dense sampling does for Kinetics.

    The stride is `window // num_segments` frames: every 8th for 8 segments. In a clip shorter than the
    window, frames are counted on from its beginning again, so that they are no longer in order.

    Args:
        num_frames: Frames of the clip, at least 1.
        num_segments: Frames to choose, T, from 1 to `window`.
        rng: A NumPy generator: the window's place at random, for training. None: the window in the middle
            of the clip. (The release draws it for validation, too.)
        window: Frames of the clip that are looked at, at least 1.

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
    # The release's range: the very last place is not drawn.
    start = last // 2 if rng is None else rng.integers(max(last, 1))
    return _strided(start, num_frames, num_segments, window)


def sample_clips(num_frames, num_segments, num_clips=10, rng=None, method="segments"):
    """Chooses the frames of several clips of one video, over which a test is averaged.

    Args:
        num_frames: Frames of the video, at least 1.
        num_segments: Frames of each clip, T.
        num_clips: Clips, K, at least 1.
        rng: A NumPy generator: each clip is drawn at random, as in training. None: the clips are spread
            evenly: they take their frames at K places, evenly spaced, of each segment, or, for `"dense"`, at
            K places of the window, from the first to the last.
        method: One of `SAMPLING_METHODS`. `"reference"` can only be drawn at random; that is how ACTION-Net's
            results of 10 clips were had.

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
    if name not in SAMPLING_METHODS:
        raise ValueError(f"`method` must be one of {tuple(SAMPLING_METHODS)}. Received: method={name!r}")
    return SAMPLING_METHODS[name]


def _check(**numbers):
    for name, value in numbers.items():
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {name}={value}")


def _at(place, num_frames, num_segments):
    """The frame at a place, a share from 0 to 1, of each of the segments of real-valued length."""
    indices = (np.arange(num_segments) + place) * num_frames / num_segments
    return np.minimum(indices.astype(np.int64), num_frames - 1)


def _last_start(num_frames, num_segments, window):
    """The last frame at which the window can begin; 0 for clips that are shorter."""
    _check(num_frames=num_frames, num_segments=num_segments, window=window)
    if num_segments > window:
        raise ValueError(
            f"`num_segments` must be at most the frames of the window. "
            f"Received: num_segments={num_segments}, window={window}"
        )
    return max(0, num_frames - window)


def _strided(start, num_frames, num_segments, window):
    return (start + np.arange(num_segments) * (window // num_segments)) % num_frames
