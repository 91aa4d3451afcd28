"""Windows of long videos as clips to train on: what a recogniser's window shows, parts of two things among them."""

import math

import numpy as np

from keras_action.utils.intervals import Interval

# The intersection of a window and a gesture over their union. In between, nobody could say what a window shows.
SHOWN, NOT_SHOWN = 0.5, 0.3
FILLED = 0.5  # of the window, by a part of a gesture


def sample_windows(truth, duration, lengths, *, seed=0, windows_per_gesture=2, background_share=0.3, background="none"):
    """Chooses windows of a stream to train on, as the sliding window of a recogniser shows them.

    A model that was trained on whole clips has never seen the end of one thing and the beginning of another, which is
    what most windows over a stream show. So, for each length, windows are laid over the stream,
    a quarter of their length apart and each moved a little by chance. By its intersection with a gesture over their
    union (IoU), as in temporal action localisation (Shou et al., 2016, arXiv 1601.02129), a window is of

    - the gesture, if that is at least 0.5;
    - the background, if it is at most 0.3 for every gesture and no part of one fills more than half the window. A
      short gesture within a long window is background, so that what the model says belongs to a window of the right
      length at the right time;
    - nothing, and left out, in between. A part of a gesture alone is left out too: a side of a square is a swipe, to
      all that can be seen of it. A longer window will know better, and its answer counts (`WindowDetector`).

    Of these, `windows_per_gesture` are drawn for each gesture and length, and as many of the background as make up its
    share. The gestures themselves, from start to end, come on top.

    Args:
        truth: The gestures of the stream, a list of `Interval`, in order.
        duration: The length of the stream, in seconds.
        lengths: The lengths of the windows, in seconds.
        seed: A whole number, 0 or more.
        windows_per_gesture: Windows of each gesture and length, at most.
        background_share: The share of all windows that shows the background, at most.
        background: The label of the background.

    Returns:
        A list of `Interval(label, start, end)`, by start.

    Raises:
        ValueError: If a length or a share is out of range.

    Example:

    ```python
    truth = join_clips(training, "train.mp4", max_pause=3, pauses="background")
    windows = sample_windows(truth, video_info("train.mp4").duration, lengths=[1.2, 1.7, 2.4, 3.4, 4.8])
    ```
    """
    lengths = tuple(lengths)
    if not lengths or not all(0 < length < math.inf for length in lengths):
        raise ValueError(f"`lengths` must be positive numbers of seconds, at least one. Received: lengths={lengths}")
    if windows_per_gesture < 0 or not 0 <= background_share < 1:
        raise ValueError(
            "There must be 0 or more windows of each gesture, and a share of the background from 0 to below 1. "
            f"Received: windows_per_gesture={windows_per_gesture}, background_share={background_share}"
        )
    rng = np.random.default_rng(seed)
    chosen, empty = list(truth), []
    for length in lengths:
        of_gestures = {}
        step = length / 4
        for begin in np.arange(0, duration - length, step):
            start = min(begin + rng.uniform(0, step), duration - length)
            window = (round(float(start), 3), round(float(start + length), 3))
            shown = _shown(window, truth)
            if shown is None:
                empty.append(Interval(background, *window))
            elif shown >= 0:
                of_gestures.setdefault(shown, []).append(Interval(truth[shown].label, *window))
        for windows in of_gestures.values():
            chosen += _draw(windows, windows_per_gesture, rng)
    chosen += _draw(empty, round(len(chosen) * background_share / (1 - background_share)), rng)
    return sorted(chosen, key=lambda window: (window.start, window.end))


def _shown(window, truth):
    """The place of the gesture that a window shows, None for the background, -1 where it is neither."""
    start, end = window
    commons = [max(0.0, min(end, gesture.end) - max(start, gesture.start)) for gesture in truth]
    shares = [
        common / (end - start + gesture.end - gesture.start - common)
        for common, gesture in zip(commons, truth, strict=True)
    ]
    if max(shares, default=0.0) <= NOT_SHOWN:
        is_part = any(
            common > FILLED * (end - start) and end - start < gesture.end - gesture.start
            for common, gesture in zip(commons, truth, strict=True)
        )
        return -1 if is_part else None
    best = int(np.argmax(shares))
    return best if shares[best] >= SHOWN else -1


def _draw(windows, count, rng):
    if len(windows) <= count:
        return windows
    return [windows[i] for i in rng.choice(len(windows), count, replace=False)]
