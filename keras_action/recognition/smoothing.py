"""Smoothing of probabilities over time. NumPy only."""

import math
from collections import deque
from typing import NamedTuple

import numpy as np


class SmoothedScores(NamedTuple):
    """Probabilities smoothed over time.

    Args:
        timestamp: Timestamp of the last logits, in seconds.
        time: Time to which the smoothed probabilities belong, in seconds.
        now: Time of the stream at which they were available, in seconds.
        scores: The smoothed probabilities, a list.
        best: Index of the maximum.
        second: The second largest probability.
        length: Length of the window, in seconds; `None` for a streaming model.
    """

    timestamp: float
    time: float
    now: float
    scores: list
    best: int
    second: float
    length: float | None = None


class Smoother:
    """Smooths probabilities over time.

    The smoothed probabilities belong to the timestamps smoothed in the same way,
    so that smoothing delays an event but does not shift its start and end.

    Args:
        seconds: Duration of the smoothing, in seconds; 0 for none.
        kind: `"mean"` over the last `seconds`, or `"exponential"` with `seconds`
            as the time constant.

    Call arguments of `push`:
        probabilities: Array `(classes,)`.
        timestamp: Their time, in seconds. Timestamps must increase.
        now: Time of the stream at which they were available, in seconds.
        length: Length of their window, in seconds, or `None`.

    Output: a `SmoothedScores`.
    """

    def __init__(self, seconds, kind="mean"):
        self.seconds = seconds
        self.kind = kind
        self._recent = deque()  # (timestamp, probabilities) of the last `seconds`, for the mean
        self._smoothed = None  # (timestamp, time, probabilities), for the exponential

    def push(self, probabilities, timestamp, now, length=None):
        """Adds probabilities. Returns a `SmoothedScores`."""
        smooth = self._exponential if self.kind == "exponential" else self._mean
        time, scores = smooth(probabilities, timestamp)
        best = int(np.argmax(scores))
        second = float(np.partition(scores, -2)[-2]) if len(scores) > 1 else 0.0
        return SmoothedScores(timestamp, time, now, scores.tolist(), best, second, length)

    def _exponential(self, probabilities, timestamp):
        time, scores = timestamp, probabilities
        if self._smoothed is not None and self.seconds > 0:
            last, time, scores = self._smoothed
            weight = 1 - math.exp((last - timestamp) / self.seconds)
            time, scores = time + weight * (timestamp - time), scores + weight * (probabilities - scores)
        self._smoothed = (timestamp, time, scores)
        return time, scores

    def _mean(self, probabilities, timestamp):
        self._recent.append((timestamp, probabilities))
        while self._recent[0][0] < timestamp - self.seconds:
            self._recent.popleft()
        count = len(self._recent)
        return sum(t for t, _ in self._recent) / count, sum(p for _, p in self._recent) / count
