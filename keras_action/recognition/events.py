"""Logits over time become gesture events. NumPy only: this file runs wherever a model runs."""

import dataclasses
import json
import math
from collections import deque

import numpy as np


@dataclasses.dataclass(frozen=True)
class GestureEvent:
    """A gesture that was seen.

    Args:
        label: The name of the gesture.
        start: Its start, in seconds.
        end: Its end, in seconds.
        score: The highest smoothed probability between the two.
    """

    label: str
    start: float
    end: float
    score: float

    def to_json(self):
        """This event as one line of JSON, times to the millisecond."""
        return json.dumps(self.to_dict())

    def to_dict(self):
        """This event as a dictionary of plain values, times to the millisecond."""
        return {
            "label": self.label,
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "score": round(self.score, 4),
        }

    def __str__(self):
        return f"{self.start:8.2f} – {self.end:6.2f} s  {self.label:<16} {self.score:.2f}"


class EventDetector:
    """Turns a model's logits into gesture events, each of which fires once.

    The probabilities are smoothed over time. A gesture begins where the smoothed
    probability of its label climbs over `on_threshold` and ends where it falls
    under `off_threshold`, or where another label climbs over `on_threshold`;
    both moments are interpolated between the two nearest logits. It is reported
    when it has ended, if it was at least `min_duration` long, and then
    nothing can begin for `refractory` seconds. Everything is in seconds, so
    that the frame rate matters to nobody, even or uneven.

    Args:
        labels: The names of the model's classes, in the logits' order.
        ignore: The labels that mean nothing and never become an event. They need
            not be among `labels` where they are the default.
        smoothing: The probabilities of so many seconds are averaged. The mean
            belongs to the middle of that time, so smoothing delays no event's
            start and end. 0 turns it off.
        on_threshold: The smoothed probability at which a gesture begins.
        off_threshold: The smoothed probability under which it ends.
        min_duration: Shorter gestures are dropped.
        refractory: The pause after a gesture in which no other can begin.

    Call arguments of `push`:
        logits: The model's logits, `(classes,)`.
        timestamp: The time they belong to, in seconds; it must go up.

    Raises:
        ValueError: If an argument is out of its range, if there are not as many
            logits as labels or they aren't finite, or if time goes back.

    Example:

    >>> detector = EventDetector(["none", "wave"], smoothing=0, min_duration=0.1)
    >>> for i, wave in enumerate([-9, -9, 9, 9, 9, -9]):
    ...     for event in detector.push([0, wave], timestamp=0.1 * i):
    ...         print(event.label)
    wave
    """

    def __init__(
        self,
        labels,
        ignore=("none",),
        smoothing=0.3,
        on_threshold=0.7,
        off_threshold=0.5,
        min_duration=0.3,
        refractory=0.3,
    ):
        self.labels = tuple(labels)
        self.ignore = (ignore,) if isinstance(ignore, str) else tuple(ignore)
        self.smoothing = smoothing
        self.on_threshold = on_threshold
        self.off_threshold = off_threshold
        self.min_duration = min_duration
        self.refractory = refractory
        self._check_arguments()
        self._ignored = [label in self.ignore for label in self.labels]
        self.reset()

    @classmethod
    def for_clips(cls, labels, clip_seconds, **options):
        """A detector for the logits of windows that are as long as the clips a model was trained on.

        A true gesture stays recognisable while the window moves over most of it;
        what only resembles one, as a hand that comes into view, does so in a few
        places. So the times go with the window's length: 3/8 of it for
        `smoothing`, 9/20 for `min_duration`.

        Args:
            labels: The names of the model's classes, in the logits' order.
            clip_seconds: The length of the window.
            **options: More arguments of `EventDetector`, which go before these.
        """
        return cls(labels, **{"smoothing": 0.375 * clip_seconds, "min_duration": 0.45 * clip_seconds, **options})

    def reset(self):
        """Forget everything, as if nothing had been seen yet."""
        self._recent = deque()  # (timestamp, probabilities) of the last `smoothing` seconds
        self._previous = None  # (time, smoothed probabilities) of the last step
        self._active = None  # the gesture going on: (index, start, score)
        self._blocked_until = -math.inf

    def push(self, logits, timestamp):
        """Take the logits of one moment. Returns the list of events that ended with it."""
        logits = self._check_logits(logits)
        timestamp = float(timestamp)
        if not math.isfinite(timestamp) or (self._recent and timestamp <= self._recent[-1][0]):
            last = self._recent[-1][0] if self._recent else None
            raise ValueError(
                f"Timestamps must be finite and go up; the last one was {last}. Received: timestamp={timestamp}"
            )
        self._recent.append((timestamp, _softmax(logits)))
        while self._recent[0][0] < timestamp - self.smoothing:
            self._recent.popleft()
        time = sum(t for t, _ in self._recent) / len(self._recent)
        scores = sum(p for _, p in self._recent) / len(self._recent)
        events = self._step(time, scores)
        self._previous = (time, scores)
        return events

    def flush(self):
        """End the gesture that is going on, as at the end of a video. Returns a list of events."""
        events = self._finish(self._recent[-1][0]) if self._active else []
        self.reset()
        return events

    def _step(self, time, scores):
        best = int(np.argmax(scores))
        events = []
        if self._active:
            index, start, score = self._active
            taken_over = best != index and scores[best] >= self.on_threshold
            if scores[index] >= self.off_threshold and not taken_over:
                self._active = (index, start, max(score, float(scores[index])))
                return []
            events = self._finish(self._crossing(index, self.off_threshold, time, scores))
        if not self._ignored[best] and scores[best] >= self.on_threshold and time >= self._blocked_until:
            start = max(self._crossing(best, self.on_threshold, time, scores), self._blocked_until)
            self._active = (best, start, float(scores[best]))
        return events

    def _crossing(self, index, threshold, time, scores):
        """The moment between the last step and this one at which a label's score crossed the threshold."""
        if self._previous is None:
            return time
        before, after = self._previous[1][index], scores[index]
        if (before >= threshold) == (after >= threshold):
            return time  # it did not cross: another label took over, or a pause ended
        return self._previous[0] + (time - self._previous[0]) * float((threshold - before) / (after - before))

    def _finish(self, end):
        index, start, score = self._active
        self._active = None
        if end - start < self.min_duration:
            return []
        self._blocked_until = end + self.refractory
        return [GestureEvent(self.labels[index], start, end, score)]

    def _check_arguments(self):
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise ValueError(f"Labels must be different names, at least one. Received: labels={self.labels}")
        unknown = sorted(set(self.ignore) - set(self.labels) - {"none"})
        if unknown:
            raise ValueError(f"No such labels to ignore: {unknown}. Received: labels={self.labels}")
        for name in ("smoothing", "min_duration", "refractory"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"`{name}` must be 0 or more seconds. Received: {name}={getattr(self, name)}")
        if not 0 <= self.off_threshold <= self.on_threshold <= 1:
            raise ValueError(
                "Thresholds must be probabilities, the off threshold at most the on threshold. "
                f"Received: on_threshold={self.on_threshold}, off_threshold={self.off_threshold}"
            )

    def _check_logits(self, logits):
        logits = np.asarray(logits, dtype="float64")
        if logits.shape != (len(self.labels),):
            raise ValueError(
                f"Expected one logit for each of the {len(self.labels)} labels. "
                f"Received: logits of shape {logits.shape}"
            )
        if not np.isfinite(logits).all():
            raise ValueError(f"Logits must be finite. Received: logits={logits}")
        return logits


def _softmax(logits):
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()
