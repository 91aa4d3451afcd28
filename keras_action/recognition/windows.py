"""From frames to logits over time: by a model of whole clips, and by a streaming model. NumPy only."""

import math
from collections import deque
from typing import NamedTuple

import numpy as np

_ROUNDING = 1e-6  # seconds


class WindowPrediction(NamedTuple):
    """What the model said of one moment.

    Args:
        time: The moment that it is about, in seconds.
        now: The time of the stream when it could be known, in seconds.
        logits: `(classes,)`.
        length: The length of the window around `time` that it is about, in
            seconds; `None` of a streaming model, which sees no windows.
    """

    time: float
    now: float
    logits: np.ndarray
    length: float | None = None


class SlidingWindows:
    """Runs a model of whole clips on windows of the frames seen last.

    Every `stride` seconds the model sees a window of each length, all of which end
    now: T frames each, of which each was on screen in the middle of one of T
    equal parts of the window, as in training. What a window shows belongs to its
    centre.

    Before the stream's first frame and after its last those frames are held, so
    that every moment is the centre of a window; `flush` runs the last of them.
    Windows of one end at most are run for each frame: where frames come more slowly
    than `stride`, or waited for the model, windows between are left out.

    Args:
        predict: From clips `(B, T, H, W, 3)` to logits `(B, classes)`.
        num_segments: T.
        classes: The number of classes.
        lengths: The lengths of the windows, in seconds.
        stride: Seconds from one window to the next.

    Call arguments of `push`:
        frame: uint8 `(H, W, 3)`, of the model's size.
        timestamp: Its time in seconds; it must go up.
    """

    def __init__(self, predict, num_segments, classes, lengths, stride):
        self.predict = predict
        self.num_segments = num_segments
        self.classes = classes
        self.lengths = tuple(lengths)
        self.stride = stride
        self._frames = deque()  # (timestamp, frame) of the longest window
        self.reset()

    def reset(self):
        """Forget all frames."""
        self._frames.clear()
        self._start = None
        self._next = None  # where the next windows end

    def push(self, frame, timestamp, is_live=False):
        """Take one frame. Returns the list of `WindowPrediction`s that it makes possible."""
        if not self._frames:
            self._start = timestamp
            self._next = timestamp + min(self.lengths) / 2
        self._frames.append((timestamp, frame))
        if timestamp < self._next:
            self._forget()
            return []
        # Rounding must not make it one step back.
        skipped = max(math.floor((timestamp - self._next) / self.stride), 0)
        return self._read(self._next + skipped * self.stride)

    def flush(self):
        """End the stream. Returns the list of `WindowPrediction`s up to its last frame."""
        readings = []
        while self._frames and self._next <= self._frames[-1][0] + max(self.lengths) / 2 + _ROUNDING:
            readings += self._read(self._next)
        self.reset()
        return readings

    def _read(self, end):
        """Run the windows that end there, if their centres lie within the stream."""
        times = [time for time, _ in self._frames]
        begin, last = self._start - _ROUNDING, times[-1] + _ROUNDING
        are_inside = [begin <= end - length / 2 <= last for length in self.lengths]
        clips = []  # of all lengths, if of any: a compiled model takes batches of one size
        for length in self.lengths if any(are_inside) else ():
            middles = end - length + (np.arange(self.num_segments) + 0.5) * (length / self.num_segments)
            shown = np.searchsorted(times, middles, side="right") - 1
            clips.append(np.stack([self._frames[max(index, 0)][1] for index in shown]))
        self._next = end + self.stride
        self._forget()
        if not clips:
            return []
        rows = check_logits(self.predict(np.stack(clips)), (len(clips), self.classes))
        return [
            WindowPrediction(end - length / 2, times[-1], row, length)
            for length, row, is_inside in zip(self.lengths, rows, are_inside, strict=True)
            if is_inside
        ]

    def _forget(self):
        """Drop the frames that no window will show."""
        while len(self._frames) > 1 and self._frames[1][0] <= self._next - max(self.lengths):
            self._frames.popleft()


class FrameSteps:
    """Feeds a streaming model one frame after the other, at the time step of its training.

    At every step the model gets the frame that is on screen, so that a camera of any
    frame rate will do. What it says is the mean of its last T logits, as a clip's
    logits are in training; that belongs to the middle of these steps. Where the model
    takes the mean of its last n logits itself, it is not taken again, and belongs to
    the middle of n steps. After the last frame that one is held for half of these
    steps, so that every moment is the middle of some.

    Args:
        model: From a frame uint8 `(H, W, 3)` to logits `(classes,)`, with a method
            `reset`; and, where these are the mean of the last n frames' logits, zeros
            before the first frame, with an attribute `average_over`, n.
        num_segments: T.
        classes: The number of classes.
        step: Seconds from one frame to the next.

    Call arguments of `push`:
        frame: uint8 `(H, W, 3)`, of the model's size.
        timestamp: Its time in seconds; it must go up.
        is_live: Where several steps have passed since the last frame, only the last of
            them is fed: the model may be too slow for all.
    """

    def __init__(self, model, num_segments, classes, step):
        self.model = model
        self.num_segments = num_segments
        self.classes = classes
        self.stride = step
        self._inside = getattr(model, "average_over", 1)  # 1: the model takes no mean
        self._span = self._inside if self._inside > 1 else num_segments
        self._recent = deque(maxlen=self._span)  # (step's time, logits)
        self.reset()

    def reset(self):
        """Forget what was seen."""
        self.model.reset()
        self._recent.clear()
        self._frame = None  # (timestamp, frame) on screen
        self._start = None
        self._count = 0  # of steps since the start

    def push(self, frame, timestamp, is_live=False):
        """Take one frame. Returns the list of `WindowPrediction`s that it makes possible."""
        if self._frame is None:
            self._start = timestamp
        else:
            # The frame before this one was on screen until now.
            due = math.ceil((timestamp - self._start) / self.stride)
            if is_live:
                self._count = max(self._count, due - 1)
        readings = [] if self._frame is None else self._feed(timestamp, before=timestamp)
        self._frame = (timestamp, frame)
        return readings

    def flush(self):
        """End the stream. Returns the list of `WindowPrediction`s up to its last frame."""
        readings = []
        if self._frame is not None:
            last = self._frame[0]
            half = (self._span - 1) / 2 * self.stride
            readings = [reading for reading in self._feed(last, last + half + self.stride) if reading.time <= last]
        self.reset()
        return readings

    def _feed(self, now, before):
        """Feed the frame on screen at all steps that come before a time."""
        readings = []
        while self._start + self._count * self.stride < before:
            time = self._start + self._count * self.stride
            logits = check_logits(self.model(self._frame[1]), (self.classes,))
            self._recent.append((time, logits))
            self._count += 1
            moment = (self._recent[0][0] + time) / 2
            readings.append(WindowPrediction(moment, now, self._mean()))
        return readings

    def _mean(self):
        """The mean of the logits of the steps that there were, at most the last n."""
        if self._inside > 1:
            return self._recent[-1][1] * (self._inside / len(self._recent))  # the others of its n are zeros
        return sum(logits for _, logits in self._recent) / len(self._recent)


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
