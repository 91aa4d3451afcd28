"""What windows of several lengths show becomes gesture events. NumPy only, like events.py."""

import dataclasses
import math

from keras_action.recognition.events import Detector, GestureEvent, Smoother

_ROUNDING = 1e-6  # seconds


@dataclasses.dataclass(eq=False)
class _Run:
    """Candidates of one label whose centres follow one another: one gesture."""

    index: int
    first: float  # centre
    last: float
    is_reported: bool = False


@dataclasses.dataclass(eq=False)
class _Candidate:
    """A window that may show a gesture, from its start to its end."""

    run: _Run
    start: float
    end: float
    score: float
    peak: float


class WindowDetector(Detector):
    """Turns the logits of windows of several lengths into gesture events, each of which fires once.

    A gesture is best seen by the window that it just fills. A longer one shows
    other things too, a shorter one only a part, which may look like something
    else, as a side of a square looks like a swipe. So windows compete:
    one is a candidate if its best label reaches `on_threshold`, and of candidates
    that overlap, the surest is the gesture, and the others are dropped.
    This is non-maximum suppression over windows of several scales, as in temporal
    action localisation (Shou et al., 2016, arXiv 1601.02129, section 3.4), done
    while the stream goes on: a candidate waits until `wait` seconds after its end,
    and is then reported if it is the surest, or dropped; what overlaps a reported one
    later is dropped.

    Windows overlap if more than `max_overlap` of the shorter one is in both. Those
    of one label whose centres follow one another within `refractory` are one gesture
    besides, a run; runs that meet stay two, so a long gesture that is lost from sight
    for a while may count again. `smoothing` is over windows of one length; less than a
    stride is none. With `firing="early"` nothing waits. `off_threshold`,
    `min_duration` and `merge_gap` have no meaning here. It is drawn in
    docs/recognition.md.

    Args:
        labels: The names of the model's classes, in the logits' order.
        settings: An `EventSettings`; `None` for its defaults.

    Call arguments of `push`:
        logits: The model's logits for a window, `(classes,)`.
        timestamp: The window's centre, in seconds; it must go up for each length.
        now: The time of the stream when they were known, which becomes an event's
            `fired`; it must not go down. Windows compete first with those of the same
            time, so an event fires with the first window of a later one.
        length: The length of the window, in seconds.

    Raises:
        ValueError: As `EventDetector`'s, and if `now` goes down or `length` is no length.

    Example:

    >>> detector = WindowDetector(["none", "swipe", "square"], EventSettings(smoothing=0, wait=2.5))
    >>> detector.push([0, 2, 0], timestamp=1, now=2, length=2)  # a side of a square
    >>> for event in detector.push([0, 0, 9], timestamp=2, now=4, length=4) + detector.flush():
    ...     print(event.label)
    square
    """

    def reset(self):
        """Forget everything, as if nothing had been seen yet."""
        self._now = -math.inf
        self._smoothers = {}  # by length
        self._moments = {}  # the last one of each length
        self._begin = math.inf  # the earliest moment
        self._runs = []
        self._waiting = []  # candidates
        self._reported = []  # candidates that what comes may still overlap

    @property
    def moment(self):
        """Of the last moments of all lengths, the one that is surest of a gesture; `None` before the first."""
        return max(self._moments.values(), key=self._surest, default=None)

    @property
    def going_on(self):
        """The label of the gesture that is about to be reported, or `None`."""
        surest = max(self._waiting, key=lambda item: item.score, default=None)
        return None if surest is None else self.labels[surest.run.index]

    def push(self, logits, timestamp, now, length):
        """Take the logits of one window. Returns the list of events that fired with it."""
        if not (hasattr(length, "__float__") and 0 < length < math.inf):
            raise ValueError(f"`length` must be a positive number of seconds. Received: length={length}")
        last = self._moments.get(length)
        probabilities, timestamp = self._check(logits, timestamp, last and last.timestamp)
        now = float(now)
        if not (math.isfinite(now) and now >= self._now):
            raise ValueError(f"`now` must be finite and not go down; the last one was {self._now}. Received: now={now}")
        if length not in self._smoothers:
            self._smoothers[length] = Smoother(self.settings.smoothing, self.settings.smoothing_kind)
        return self.step(self._smoothers[length].push(probabilities, timestamp, now), length)

    def step(self, moment, length):
        """Takes the `SmoothedScores` of windows of one length; `push` smooths too. Returns the events that fired."""
        events = []
        if moment.now > self._now:  # those of the last time have all competed
            self._now = moment.now
            events = self._report(self._wait()) if self._waiting else []
        last = self._moments.get(length, moment)
        self._moments = {**self._moments, length: moment}  # a new one: another thread may be looking
        self._begin = min(self._begin, moment.time)
        top = moment.scores[moment.best]
        if (
            top >= self.settings.on_threshold
            and top - moment.second >= self.settings.margin
            and not self._ignored[moment.best]
        ):
            run = self._run(moment.best, moment.time, moment.time - last.time)
            start, end = moment.time - length / 2, moment.time + length / 2
            self._wait_for_others(_Candidate(run, start, end, top, moment.time))
        return events

    def flush(self):
        """Report what waits, as at the end of a video. Returns a list of events."""
        events = self._report(-math.inf)
        self.reset()
        return events

    def _wait(self):
        if self.settings.firing == "early":
            return 0.0
        if self.settings.wait is not None:
            return self.settings.wait
        return default_wait({*self._moments, *(self.settings.window_seconds or ())}, self.settings.smoothing)

    def _surest(self, moment):
        return max(
            (score for score, ignored in zip(moment.scores, self._ignored, strict=True) if not ignored), default=0
        )

    def _run(self, index, time, stride):
        """The run that a candidate goes on with, or a new one."""
        gap = max(self.settings.refractory, stride) + _ROUNDING
        for run in reversed(self._runs):
            if run.index == index and run.first - gap <= time <= run.last + gap:
                run.first, run.last = min(run.first, time), max(run.last, time)
                return run
        self._runs.append(_Run(index, time, time))
        return self._runs[-1]

    def _wait_for_others(self, candidate):
        if not candidate.run.is_reported and not self._is_overlapped(candidate, self._reported):
            self._waiting = [*self._waiting, candidate]

    def _is_overlapped(self, candidate, others):
        return any(
            candidate.run is other.run
            or min(candidate.end, other.end) - max(candidate.start, other.start)
            > self.settings.max_overlap * min(candidate.end - candidate.start, other.end - other.start)
            for other in others
        )

    def _report(self, wait):
        """The events of the candidates that ended more than `wait` seconds ago, and that no surer one overlaps."""
        due = {id(item) for item in self._waiting if item.end + wait < self._now}
        if not due:
            return []
        surest, count = [], len(due)
        for item in sorted(self._waiting, key=lambda item: -item.score):
            if not self._is_overlapped(item, surest):
                surest.append(item)
            count -= id(item) in due
            if not count:
                break
        winners = sorted((item for item in surest if id(item) in due), key=lambda item: item.end)
        for item in winners:
            item.run.is_reported = True
        # A loser is dropped when its time has come, though the one that it lost to may still lose too.
        self._waiting = [
            item
            for item in self._waiting
            if id(item) not in due and not item.run.is_reported and not self._is_overlapped(item, winners)
        ]
        # No window is longer ago, and no smoothed one much longer.
        horizon = self._now - 2 * max(self._moments) - self.settings.refractory - self.settings.smoothing
        self._reported = [item for item in self._reported if item.end > horizon] + winners
        self._runs = [run for run in self._runs if run.last > horizon]
        return [self._event(item) for item in winners]

    def _event(self, item):
        # Before the stream's start its first frame is held, and after its end the last one.
        start, end = max(item.start, self._begin), min(item.end, self._now)
        return GestureEvent(self.labels[item.run.index], start, end, item.score, item.peak, self._now)


def default_wait(lengths, smoothing):
    """How long after its first part a gesture that fills the longest window is over, in seconds."""
    return max(lengths) - min(lengths) + smoothing
