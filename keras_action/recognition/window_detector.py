"""Detection of gesture events from the logits of windows of several lengths. NumPy only, like event_detector.py."""

import dataclasses
import math

from keras_action.recognition.detector import Detector
from keras_action.recognition.gesture_event import GestureEvent
from keras_action.recognition.window_settings import WindowEventSettings

_ROUNDING = 1e-6  # seconds


@dataclasses.dataclass(eq=False)
class _Run:
    """Consecutive candidates of one label: one gesture."""

    index: int
    first: float  # centre of a window
    last: float
    is_reported: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class _Candidate:
    """A window that may show a gesture, from its start to its end."""

    run: _Run
    start: float
    end: float
    score: float
    peak: float


class WindowDetector(Detector):
    """Detects gesture events from the logits of windows of several lengths.

    Each gesture fires once. A gesture is classified best in the window that it
    fills. A longer window contains other motion as well; a shorter one contains a
    part of the gesture, which may resemble another one, as a side of a square
    resembles a swipe. So the windows compete: a window is a candidate if its most
    probable label reaches `on_threshold`, and of overlapping candidates only the
    one with the highest score is reported. This is non-maximum suppression over
    windows of several scales, as in temporal action localisation (Shou et al.,
    2016, arXiv 1601.02129, section 3.4), computed online: a candidate waits until
    `wait` seconds after its end, and is then reported or dropped. Candidates that
    overlap a reported one later are dropped.

    Windows overlap if they share more than `max_overlap` of the shorter one.
    Candidates of one label whose centres are at most `refractory` apart form a
    run, which is one gesture. Two runs that meet stay two, so a long gesture that
    is lost for a while may be reported again. Probabilities are smoothed over
    windows of one length; a `smoothing` of less than the stride has no effect.
    With `firing="early"` candidates do not wait. docs/recognition.md has a drawing.

    Args:
        labels: Names of the model's classes, in the order of the logits.
        settings: A `WindowEventSettings`. `None` for its defaults.

    Call arguments of `push`:
        logits: Logits of the model for a window, `(classes,)`.
        timestamp: Centre of the window, in seconds. It must increase for each
            length.
        now: Time of the stream at which they were available, in seconds. It
            becomes an event's `fired`, and must not decrease. Windows of the same
            time compete first, so an event fires with the first window of a later
            time.
        length: Length of the window, in seconds.

    Raises:
        ValueError: As `EventDetector`, and if `length` is not positive.

    Example:

    >>> detector = WindowDetector(["none", "swipe", "square"], WindowEventSettings(smoothing=0, wait=2.5))
    >>> detector.push([0, 2, 0], timestamp=1, now=2, length=2)  # a side of a square
    >>> for event in detector.push([0, 0, 9], timestamp=2, now=4, length=4) + detector.flush():
    ...     print(event.label)
    square
    """

    settings_class = WindowEventSettings

    def reset(self):
        super().reset()
        self._begin = math.inf  # the earliest time
        self._runs = []
        self._waiting = []  # candidates
        self._reported = []  # candidates that a later one may overlap

    @property
    def active_label(self):
        best = max(self._waiting, key=lambda item: item.score, default=None)
        return None if best is None else self.labels[best.run.index]

    def step(self, smoothed):
        events = []
        if smoothed.now > self._now:  # all windows of the time before have competed
            self._now = smoothed.now
            events = self._report(self._wait()) if self._waiting else []
        last = self._record(smoothed) or smoothed
        self._begin = min(self._begin, smoothed.time)
        if self._exceeds_on_threshold(smoothed) and not self._ignored[smoothed.best]:
            run = self._run(smoothed.best, smoothed.time, smoothed.time - last.time)
            start, end = smoothed.time - smoothed.length / 2, smoothed.time + smoothed.length / 2
            candidate = _Candidate(run, start, end, smoothed.scores[smoothed.best], smoothed.time)
            if not run.is_reported and not self._overlaps(candidate, self._reported):
                self._waiting = [*self._waiting, candidate]  # a new list: another thread may read it
        return events

    def flush(self):
        events = self._report(-math.inf)
        self.reset()
        return events

    def _wait(self):
        if self.settings.firing == "early":
            return 0.0
        if self.settings.wait is not None:
            return self.settings.wait
        return self.settings.default_wait({*self._last, *(self.settings.window_seconds or ())})

    def _run(self, index, time, stride):
        """The run that a candidate continues, or a new one."""
        gap = max(self.settings.refractory, stride) + _ROUNDING
        for run in reversed(self._runs):
            if run.index == index and run.first - gap <= time <= run.last + gap:
                run.first, run.last = min(run.first, time), max(run.last, time)
                return run
        self._runs.append(_Run(index, time, time))
        return self._runs[-1]

    def _overlaps(self, candidate, others):
        """Whether a candidate is the same gesture as one of the others, or overlaps it."""
        return any(
            candidate.run is other.run
            or min(candidate.end, other.end) - max(candidate.start, other.start)
            > self.settings.max_overlap * min(candidate.end - candidate.start, other.end - other.start)
            for other in others
        )

    def _report(self, wait):
        """Returns the events of the candidates that ended more than `wait` seconds ago and win the competition."""
        due = {id(item) for item in self._waiting if item.end + wait < self._now}
        if not due:
            return []
        kept, remaining = [], len(due)
        for item in sorted(self._waiting, key=lambda item: -item.score):
            if not self._overlaps(item, kept):
                kept.append(item)
            remaining -= id(item) in due
            if not remaining:
                break
        winners = sorted((item for item in kept if id(item) in due), key=lambda item: item.end)
        for item in winners:
            item.run.is_reported = True
        # A candidate that loses is dropped when it is due, even if the one that it lost to loses later.
        self._waiting = [
            item
            for item in self._waiting
            if id(item) not in due and not item.run.is_reported and not self._overlaps(item, winners)
        ]
        # No later window can reach further back than this.
        horizon = self._now - 2 * max(self._last) - self.settings.refractory - self.settings.smoothing
        self._reported = [item for item in self._reported if item.end > horizon] + winners
        self._runs = [run for run in self._runs if run.last > horizon]
        return [self._event(item) for item in winners]

    def _event(self, item):
        # The first frame is held before the start of the stream, and the last one after its end.
        start, end = max(item.start, self._begin), min(item.end, self._now)
        return GestureEvent(self.labels[item.run.index], start, end, item.score, item.peak, self._now)

    def _check_length(self, length):
        if not (hasattr(length, "__float__") and 0 < length < math.inf):
            raise ValueError(f"`length` must be a positive number of seconds. Received: length={length}")
