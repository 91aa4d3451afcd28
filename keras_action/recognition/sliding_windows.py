"""Logits over time by a model of clips. NumPy only."""

import math
from collections import deque
from typing import NamedTuple

import numpy as np

_ROUNDING = 1e-6  # seconds


class WindowPrediction(NamedTuple):
    """Logits of a model for a window or a step of a stream.

    Args:
        time: Time to which the logits belong, in seconds: the centre of the window.
        now: Time of the stream at which they were available, in seconds.
        logits: Array `(classes,)`.
        length: Length of the window, in seconds; `None` for a streaming model.
    """

    time: float
    now: float
    logits: np.ndarray
    length: float | None = None


class SlidingWindows:
    """Runs a model of clips on windows of the last frames.

    Every `stride` seconds the model is run on a window of each length, all of
    which end now. A window has T frames; each was on screen in the middle of one
    of T equal parts of the window, as in training. The logits belong to the centre
    of the window.

    The first frame is held before the start of the stream, and the last one after
    its end, so that every time of the stream is the centre of a window; `flush`
    runs the last windows. For each frame, windows of at most one end are run: if
    the time between frames is longer than `stride`, or frames were dropped,
    windows in between are skipped. Only the frames of the longest window are kept.

    Args:
        predict: Function from clips `(B, T, H, W, 3)` to logits `(B, classes)`.
        num_segments: T.
        num_classes: Number of classes.
        window_seconds: Lengths of the windows, in seconds.
        stride: Time from one window to the next, in seconds.

    Attributes:
        num_inferences: Number of times that the model was run. Windows of one end are one batch.

    Call arguments of `push`:
        frame: uint8 `(H, W, 3)`, of the model's input size.
        timestamp: Time of the frame, in seconds. It must increase.
        is_live: Has no effect.
    """

    def __init__(self, predict, num_segments, num_classes, window_seconds, stride):
        self.predict = predict
        self.num_segments = num_segments
        self.num_classes = num_classes
        self.window_seconds = tuple(window_seconds)
        self.stride = stride
        self.num_inferences = 0
        self._frames = deque()  # (timestamp, frame) of the longest window
        self.reset()

    def reset(self):
        """Forgets all frames."""
        self._frames.clear()
        self._start = None
        self._next = None  # end of the next windows

    def push(self, frame, timestamp, is_live=False):
        """Adds a frame. Returns the list of new `WindowPrediction`s."""
        if not self._frames:
            self._start = timestamp
            self._next = timestamp + min(self.window_seconds) / 2
        self._frames.append((timestamp, frame))
        if timestamp < self._next:
            self._drop_old_frames()
            return []
        # Rounding must not make it one step back.
        skipped = max(math.floor((timestamp - self._next) / self.stride), 0)
        return self._predict(self._next + skipped * self.stride)

    def flush(self):
        """Ends the stream. Returns the list of `WindowPrediction`s up to its last frame."""
        predictions = []
        half = max(self.window_seconds) / 2
        while self._frames and self._next <= self._frames[-1][0] + half + _ROUNDING:
            predictions += self._predict(self._next)
        self.reset()
        return predictions

    def _predict(self, end):
        """Runs the model on the windows of this end, and returns those whose centres are within the stream."""
        times = [time for time, _ in self._frames]
        first, last = self._start - _ROUNDING, times[-1] + _ROUNDING
        are_inside = [first <= end - length / 2 <= last for length in self.window_seconds]
        clips = []  # of all lengths, if of any: a compiled model takes batches of one size
        for length in self.window_seconds if any(are_inside) else ():
            middles = end - length + (np.arange(self.num_segments) + 0.5) * (length / self.num_segments)
            indices = np.searchsorted(times, middles, side="right") - 1
            clips.append(np.stack([self._frames[max(index, 0)][1] for index in indices]))
        self._next = end + self.stride
        self._drop_old_frames()
        if not clips:
            return []
        rows = check_logits(self.predict(np.stack(clips)), (len(clips), self.num_classes))
        self.num_inferences += 1
        return [
            WindowPrediction(end - length / 2, times[-1], row, length)
            for length, row, is_inside in zip(self.window_seconds, rows, are_inside, strict=True)
            if is_inside
        ]

    def _drop_old_frames(self):
        """Drops the frames before the next windows."""
        while len(self._frames) > 1 and self._frames[1][0] <= self._next - max(self.window_seconds):
            self._frames.popleft()


def check_logits(logits, shape):
    """The logits as an array of this shape."""
    logits = np.asarray(logits)
    if logits.shape != shape:
        raise ValueError(
            f"The model must give logits {shape}, as there are {shape[-1]} labels. "
            f"Received: logits of shape {logits.shape}"
        )
    if not np.isfinite(logits).all():
        raise ValueError(f"The model must give finite logits. Received: logits={logits}")
    return logits
