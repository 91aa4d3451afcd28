"""Logits over time become gesture events. NumPy only: this file runs wherever a model runs, and is easily ported."""

import dataclasses
import json
import math
from collections import deque
from typing import NamedTuple

import numpy as np

from keras_action.recognition.settings import EventSettings
from keras_action.utils.intervals import IGNORED_LABELS, is_ignored


@dataclasses.dataclass(frozen=True)
class GestureEvent:
    """A gesture that was seen.

    Args:
        label: The name of the gesture.
        start: Its start, in seconds.
        end: Its end, in seconds; of an event that fired early, how far it was
            seen by then.
        score: The highest smoothed probability between the two.
        peak: When that was, in seconds.
        fired: The time of the stream at which it was reported, in seconds.
    """

    label: str
    start: float
    end: float
    score: float
    peak: float
    fired: float

    def to_json(self):
        """This event as one line of JSON, times to the millisecond."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def to_dict(self):
        """This event as a dictionary of plain values, times to the millisecond."""
        times = {name: round(getattr(self, name), 3) for name in ("start", "end", "peak", "fired")}
        return {"label": self.label, **times, "score": round(self.score, 4)}

    def __str__(self):
        return f"{self.start:8.2f} – {self.end:6.2f} s  {self.label:<16} {self.score:.2f}"


@dataclasses.dataclass
class _Gesture:
    """The gesture that is going on, or has ended and may still go on."""

    index: int
    start: float
    score: float
    peak: float
    end: float | None = None  # while it goes on
    has_fired: bool = False


class SmoothedScores(NamedTuple):
    """Smoothed probabilities.

    Args:
        timestamp: Of the last logits in them, in seconds.
        time: The time that they belong to, in seconds.
        now: When they were known, in seconds.
        scores: The probabilities, a list.
        best: The place of the greatest.
        second: The second greatest.
    """

    timestamp: float
    time: float
    now: float
    scores: list
    best: int
    second: float


class Smoother:
    """Smooths probabilities over time.

    Args:
        seconds: Over how long; 0 turns it off.
        kind: `"mean"` of the last `seconds`, or `"exponential"` with `seconds` as
            its time constant. Either belongs to the equal mean of the timestamps.
    """

    def __init__(self, seconds, kind="mean"):
        self.seconds = seconds
        self.kind = kind
        self._recent = deque()  # (timestamp, probabilities) of the last `seconds`, for the mean
        self._smoothed = None  # (timestamp, time, probabilities), for the exponential

    def push(self, probabilities, timestamp, now):
        """Take the probabilities `(classes,)` of one moment. Returns a `SmoothedScores`."""
        time, scores = self._smooth(probabilities, timestamp)
        best = int(np.argmax(scores))
        second = float(np.partition(scores, -2)[-2]) if len(scores) > 1 else 0.0
        return SmoothedScores(timestamp, time, now, scores.tolist(), best, second)

    def _smooth(self, probabilities, timestamp):
        if self.kind == "exponential":
            time, scores = timestamp, probabilities
            if self._smoothed is not None and self.seconds > 0:
                last, time, scores = self._smoothed
                share = 1 - math.exp((last - timestamp) / self.seconds)
                time, scores = time + share * (timestamp - time), scores + share * (probabilities - scores)
            self._smoothed = (timestamp, time, scores)
            return time, scores
        self._recent.append((timestamp, probabilities))
        while self._recent[0][0] < timestamp - self.seconds:
            self._recent.popleft()
        count = len(self._recent)
        return sum(t for t, _ in self._recent) / count, sum(p for _, p in self._recent) / count


class Detector:
    """What all detectors share: labels, settings, checks of what they are given."""

    def __init__(self, labels, settings=None):
        self.labels = tuple(labels)
        self.settings = EventSettings() if settings is None else settings
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise ValueError(f"Labels must be different names, at least one. Received: labels={self.labels}")
        ignore = self.settings.ignore
        unknown = [label for label in ignore if not is_ignored(label, (*self.labels, *IGNORED_LABELS))]
        if unknown:
            raise ValueError(f"No such labels to ignore: {unknown}. Received: labels={self.labels}")
        self._ignored = [is_ignored(label, ignore) for label in self.labels]
        self.reset()

    def _check(self, logits, timestamp, last):
        """The probabilities, and the timestamp as a number, which must be after the last one."""
        logits, timestamp = np.asarray(logits, dtype="float64"), float(timestamp)
        if logits.shape != (len(self.labels),):
            raise ValueError(
                f"Expected one logit for each of the {len(self.labels)} labels. "
                f"Received: logits of shape {logits.shape}"
            )
        if not np.isfinite(logits).all():
            raise ValueError(f"Logits must be finite. Received: logits={logits}")
        if not math.isfinite(timestamp) or (last is not None and timestamp <= last):
            raise ValueError(
                f"Timestamps must be finite and go up; the last one was {last}. Received: timestamp={timestamp}"
            )
        return softmax(logits), timestamp


class EventDetector(Detector):
    """Turns a model's logits into gesture events, each of which fires once.

    The probabilities are smoothed over time. A gesture begins where the smoothed
    probability of its label climbs over `on_threshold`, by `margin` above the
    second; it ends where it falls under `off_threshold`, or where another label
    could begin. It goes on if it comes back within `merge_gap`. If it was at least
    `min_duration` long it is reported, and then nothing can begin for
    `refractory` seconds. Start and end are interpolated between the two nearest
    logits. Everything is in seconds, so that the frame rate matters to nobody,
    even or uneven. The states are drawn in docs/recognition.md.

    The mean of some time belongs to the middle of that time, so smoothing moves
    no event's start and end; it does delay its report.

    Args:
        labels: The names of the model's classes, in the logits' order.
        settings: An `EventSettings`; `None` for its defaults.

    Call arguments of `push`:
        logits: The model's logits, `(classes,)`.
        timestamp: The time they belong to, in seconds; it must go up.
        now: The time of the stream when they were known, which becomes an event's
            `fired`. `None`: `timestamp`.

    Raises:
        ValueError: If labels aren't different names, if a label to ignore isn't
            among them, if there are not as many logits as labels or they aren't
            finite, or if time goes back.

    Example:

    >>> detector = EventDetector(["none", "wave"], EventSettings(smoothing=0, min_duration=0.1, merge_gap=0))
    >>> for i, wave in enumerate([-9, -9, 9, 9, 9, -9]):
    ...     for event in detector.push([0, wave], timestamp=0.1 * i):
    ...         print(event.label)
    wave
    """

    def reset(self):
        """Forget everything, as if nothing had been seen yet."""
        self._smoother = Smoother(self.settings.smoothing, self.settings.smoothing_kind)
        self._last = None  # the last moment
        self._candidate = None  # (index, since) of the label that could begin now
        self._gesture = None
        self._blocked_until = -math.inf

    @property
    def moment(self):
        """The last `SmoothedScores`, or `None`."""
        return self._last

    @property
    def going_on(self):
        """The label of the gesture that is going on, or `None`."""
        gesture = self._gesture
        return None if gesture is None or gesture.end is not None else self.labels[gesture.index]

    def push(self, logits, timestamp, now=None):
        """Take the logits of one moment. Returns the list of events that fired with it."""
        probabilities, timestamp = self._check(logits, timestamp, self._last and self._last.timestamp)
        now = timestamp if now is None else float(now)
        return self.step(self._smoother.push(probabilities, timestamp, now))

    def step(self, moment):
        """Takes the `SmoothedScores` of a `Smoother` with these settings. Returns the events that fired."""
        settings, gesture, last = self.settings, self._gesture, self._last
        self._last = moment
        time, best = moment.time, moment.best
        top = moment.scores[best]
        could_begin = top >= settings.on_threshold and top - moment.second >= settings.margin
        if not could_begin:
            self._candidate = None
        elif self._candidate is None or self._candidate[0] != best:
            self._candidate = (best, _crossing(best, settings.on_threshold, last, moment))

        if gesture is not None and gesture.end is None:
            replaced = could_begin and best != gesture.index
            if moment.scores[gesture.index] < settings.off_threshold or replaced:
                gesture.end = _crossing(gesture.index, settings.off_threshold, last, moment)
        elif gesture is not None and could_begin and best == gesture.index and self._is_back(gesture):
            gesture.end = None
        events = []
        if gesture is not None and gesture.end is not None and time - gesture.end >= settings.merge_gap:
            events += self._finish()
        if self._gesture is None and could_begin and not self._ignored[best] and time >= self._blocked_until:
            self._gesture = _Gesture(best, max(self._candidate[1], self._blocked_until), top, time)
        gesture = self._gesture
        if gesture is not None and gesture.end is None:
            if moment.scores[gesture.index] > gesture.score:
                gesture.score, gesture.peak = moment.scores[gesture.index], time
            if settings.firing == "early" and not gesture.has_fired and time - gesture.start >= settings.min_duration:
                gesture.has_fired = True
                events.append(self._event(gesture, time))
        return events

    def flush(self):
        """End the gesture that is going on, as at the end of a video. Returns a list of events."""
        events = []
        if self._gesture is not None:
            if self._gesture.end is None:
                self._gesture.end = self._last.timestamp
            events = self._finish()
        self.reset()
        return events

    def _is_back(self, gesture):
        """Whether the label that could begin now, the gesture's own, came back in time to be the same gesture."""
        return self._candidate[1] - gesture.end <= self.settings.merge_gap

    def _finish(self):
        """The gesture is over. Returns its event, unless it has fired or was too short."""
        gesture, self._gesture = self._gesture, None
        if not gesture.has_fired and gesture.end - gesture.start < self.settings.min_duration:
            return []
        self._blocked_until = gesture.end + self.settings.refractory
        return [] if gesture.has_fired else [self._event(gesture, gesture.end)]

    def _event(self, gesture, end):
        label = self.labels[gesture.index]
        return GestureEvent(label, gesture.start, end, gesture.score, gesture.peak, self._last.now)


def softmax(logits):
    """Probabilities `(…, classes)` of logits `(…, classes)`."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _crossing(index, threshold, last, moment):
    """The time between the last moment and this one at which a label's score crossed the threshold."""
    if last is None:
        return moment.time
    before, after = last.scores[index], moment.scores[index]
    if (before >= threshold) == (after >= threshold):
        return moment.time  # it did not cross: another label took over, or the margin decided
    return last.time + (moment.time - last.time) * (threshold - before) / (after - before)
