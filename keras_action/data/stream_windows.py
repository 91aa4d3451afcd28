"""Training clips from streams: windows as the sliding window of a recogniser shows them."""

import math

import numpy as np

from keras_action.utils.intervals import Interval

# Intersection over union of a window and a gesture. Windows between the two are ambiguous, and left out.
SHOWN, NOT_SHOWN = 0.5, 0.3
FILLED = 0.5  # fraction of the window filled by a part of a gesture


def sample_windows(truth, duration, lengths, *, seed=0, windows_per_gesture=2, background_share=0.3, background="none"):
    """Chooses windows of a stream to train on, as the sliding window of a recogniser shows them.

    Most windows of a stream show the end of one gesture and the beginning of another, which a model trained on whole
    clips has never seen. For each length, windows are placed a quarter of their length apart, with a random offset
    each. The label of a window follows from its intersection over union (IoU) with the gestures, as in temporal action
    localisation (Shou et al., 2016, arXiv 1601.02129):

    - the label of a gesture, if their IoU is at least 0.5;
    - background, if the IoU is at most 0.3 for every gesture and no part of one fills more than half the window. A
      short gesture within a long window is background, so that the model responds in windows of the right length;
    - none otherwise: the window is left out. So is a window filled by a part of a gesture: the side of a square looks
      like a swipe. A longer window shows the whole gesture, and its prediction counts (`WindowDetector`).

    Of these, `windows_per_gesture` are drawn for each gesture and length, and as many of the background as its share
    needs. The gestures themselves, from start to end, are added.

    Args:
        truth: The gestures of the stream, a list of `Interval`, in order.
        duration: The length of the stream, in seconds.
        lengths: The lengths of the windows, in seconds.
        seed: A whole number, 0 or more.
        windows_per_gesture: The largest number of windows of each gesture and length.
        background_share: The largest share of background among all windows.
        background: The label of the background.

    Returns:
        A list of `Interval(label, start, end)`, ordered by start.

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
    """The index of the gesture that a window shows, `None` for the background, -1 for a window to leave out."""
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
