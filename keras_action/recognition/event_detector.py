"""Detection of gesture events from logits over time. NumPy only: it runs wherever a model runs, and is easy to port."""

import math
from typing import NamedTuple

from keras_action.recognition.detector import Detector
from keras_action.recognition.gesture_event import GestureEvent
from keras_action.recognition.settings import EventSettings


class _Candidate(NamedTuple):
    """The label above `on_threshold`, and since when."""

    index: int
    since: float


class _Idle(NamedTuple):
    """No gesture. None can begin before `ready`, the end of the refractory time."""

    ready: float = -math.inf


class _Active(NamedTuple):
    """A gesture that has begun."""

    index: int
    start: float
    score: float
    peak: float
    has_fired: bool = False


class _Ended(NamedTuple):
    """A gesture that has ended. It is resumed if its label returns within `merge_gap`."""

    gesture: _Active
    end: float


class EventDetector(Detector):
    """Detects gesture events from the logits of a streaming model, or of windows of one length.

    Each gesture fires once. The detector is a state machine over probabilities
    that are smoothed over time:

    - *idle* → *active* when the smoothed probability of a label reaches
      `on_threshold`, by `margin` above the second, and the refractory time of the
      gesture before has passed.
    - *active* → *ended* when the probability of the label falls below
      `off_threshold`, or another label reaches `on_threshold`.
    - *ended* → *active* if the label returns within `merge_gap`; otherwise
      *ended* → *idle*. A gesture of at least `min_duration` is reported, and
      starts a refractory time of `refractory` seconds.

    With `firing="early"` an active gesture is reported as soon as it has lasted
    `min_duration`. Start and end are interpolated between the two nearest logits.
    All times are in seconds, so the frame rate does not matter, even or uneven.

    Args:
        labels: Names of the model's classes, in the order of the logits.
        settings: An `EventSettings`. `None` for its defaults.

    Call arguments of `push`:
        logits: Logits of the model, `(classes,)`.
        timestamp: Time to which they belong, in seconds. It must increase.
        now: Time of the stream at which they were available, in seconds. It
            becomes an event's `fired`. `None` for `timestamp`.
        length: Length of the window, in seconds, the same for all. `None` for a
            streaming model.

    Raises:
        ValueError: If the labels are not unique, if a label to ignore is not among
            them, if the logits are not finite or not one for each label, if time
            decreases, or if windows have several lengths.

    Example:

    >>> detector = EventDetector(["none", "wave"], EventSettings(smoothing=0, min_duration=0.1, merge_gap=0))
    >>> for i, wave in enumerate([-9, -9, 9, 9, 9, -9]):
    ...     for event in detector.push([0, wave], timestamp=0.1 * i):
    ...         print(event.label)
    wave
    """

    settings_class = EventSettings

    def reset(self):
        super().reset()
        self._candidate = None
        self._state = _Idle()

    @property
    def active_label(self):
        state = self._state
        return self.labels[state.index] if isinstance(state, _Active) else None

    def step(self, smoothed):
        last = self._record(smoothed)
        self._candidate = self._next_candidate(smoothed, last)
        state, events = self._state, []
        if isinstance(state, _Active):
            state = self._end(state, smoothed, last)
        elif isinstance(state, _Ended):
            state = self._resume(state)
        if isinstance(state, _Ended) and smoothed.time - state.end >= self.settings.merge_gap:
            state, events = self._finish(state)
        if isinstance(state, _Idle):
            state = self._begin(state, smoothed)
        if isinstance(state, _Active):
            state, fired = self._update(state, smoothed)
            events = events + fired
        self._state = state
        return events

    def flush(self):
        state, events = self._state, []
        if isinstance(state, _Active):
            state = _Ended(state, self.smoothed.timestamp)
        if isinstance(state, _Ended):
            _, events = self._finish(state)
        self.reset()
        return events

    def _next_candidate(self, smoothed, last):
        """The label that can begin now."""
        if not self._exceeds_on_threshold(smoothed):
            return None
        if self._candidate is not None and self._candidate.index == smoothed.best:
            return self._candidate
        return _Candidate(smoothed.best, _crossing(smoothed.best, self.settings.on_threshold, last, smoothed))

    def _end(self, gesture, smoothed, last):
        """Active → ended, if the label falls below `off_threshold` or another one takes over."""
        is_replaced = self._candidate is not None and self._candidate.index != gesture.index
        if smoothed.scores[gesture.index] >= self.settings.off_threshold and not is_replaced:
            return gesture
        return _Ended(gesture, _crossing(gesture.index, self.settings.off_threshold, last, smoothed))

    def _resume(self, ended):
        """Ended → active, if the label has returned within `merge_gap`."""
        candidate = self._candidate
        has_returned = (
            candidate is not None
            and candidate.index == ended.gesture.index
            and candidate.since - ended.end <= self.settings.merge_gap
        )
        return ended.gesture if has_returned else ended

    def _finish(self, ended):
        """Ended → idle. Returns the new state, and the event unless it has fired or the gesture is too short."""
        gesture, end = ended
        if not gesture.has_fired and end - gesture.start < self.settings.min_duration:
            return _Idle(), []
        events = [] if gesture.has_fired else [self._event(gesture, end)]
        return _Idle(ready=end + self.settings.refractory), events

    def _begin(self, idle, smoothed):
        """Idle → active, if there is a candidate and the refractory time has passed."""
        candidate = self._candidate
        if candidate is None or self._ignored[candidate.index] or smoothed.time < idle.ready:
            return idle
        score = smoothed.scores[candidate.index]
        return _Active(candidate.index, max(candidate.since, idle.ready), score, peak=smoothed.time)

    def _update(self, gesture, smoothed):
        """Updates the peak of an active gesture. Returns it, and its event if it fires early."""
        if smoothed.scores[gesture.index] > gesture.score:
            gesture = gesture._replace(score=smoothed.scores[gesture.index], peak=smoothed.time)
        is_certain = smoothed.time - gesture.start >= self.settings.min_duration
        if self.settings.firing == "early" and not gesture.has_fired and is_certain:
            return gesture._replace(has_fired=True), [self._event(gesture, smoothed.time)]
        return gesture, []

    def _event(self, gesture, end):
        label = self.labels[gesture.index]
        return GestureEvent(label, gesture.start, end, gesture.score, gesture.peak, self._now)

    def _check_length(self, length):
        if self._last and length not in self._last:
            raise ValueError(
                f"Windows of several lengths need a `WindowDetector`. Received: length={length} after {[*self._last]}"
            )


def _crossing(index, threshold, last, smoothed):
    """The time between the last scores and these at which the score of a label crossed the threshold."""
    if last is None:
        return smoothed.time
    before, after = last.scores[index], smoothed.scores[index]
    if (before >= threshold) == (after >= threshold):
        return smoothed.time  # not crossed: another label took over, or the margin decided
    return last.time + (smoothed.time - last.time) * (threshold - before) / (after - before)
