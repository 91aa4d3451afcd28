"""What windows of several lengths show becomes gesture events. NumPy only, like events.py."""

import dataclasses
import math

from keras_action.recognition.events import Detector, GestureEvent, Smoother


@dataclasses.dataclass
class _Candidate:
    """A window that may show a gesture, from its start to its end."""

    index: int
    start: float
    end: float
    score: float
    peak: float
    until: float  # the end of the last window that still showed it


class WindowDetector(Detector):
    """Turns the logits of windows of several lengths into gesture events, each of which fires once.

    A gesture is best seen by the window that it just fills. A longer one shows
    other things too, a shorter one only a part, which may look like something
    else, as a side of a square looks like a swipe. So windows compete:
    one is a candidate if its best label reaches `on_threshold`, and of candidates
    that overlap, the surest is the gesture, and the others are dropped.
    This is non-maximum suppression over windows of several scales, as in temporal
    action localisation (Shou et al., 2016, arXiv 1601.02129, section 3.4), done
    while the stream goes on: a candidate waits until `wait` seconds after its end
    for a better one, and is then reported; what overlaps it later is dropped.

    Windows of two labels overlap if more than `max_overlap` of the shorter one is in
    both. Those of one label do if less than `refractory` is between them, and then
    they are one gesture, as long as they follow one another like that.
    `smoothing` is over windows of one length. With `firing="early"` nothing waits.
    `off_threshold`, `min_duration` and `merge_gap` have no meaning here. It is
    drawn in docs/recognition.md.

    Args:
        labels: The names of the model's classes, in the logits' order.
        settings: An `EventSettings`; `None` for its defaults.

    Call arguments of `push`:
        logits: The model's logits for a window, `(classes,)`.
        timestamp: The window's centre, in seconds; it must go up for each length.
        now: The time of the stream when they were known, which becomes an event's
            `fired`; it must not go down.
        length: The length of the window, in seconds.

    Raises:
        ValueError: As `EventDetector`'s.

    Example:

    >>> detector = WindowDetector(["none", "swipe", "square"], EventSettings(smoothing=0, wait=2.5))
    >>> detector.push([0, 2, 0], timestamp=1, now=2, length=2)  # a side of a square
    >>> for event in detector.push([0, 0, 9], timestamp=2, now=4, length=4) + detector.flush():
    ...     print(event.label)
    square
    """

    def reset(self):
        """Forget everything, as if nothing had been seen yet."""
        self._begin = None  # the first moment of the stream
        self._smoothers = {}  # by length
        self._moments = {}  # the last one of each length
        self._waiting = []  # candidates, none of which overlaps another
        self._reported = []  # those that what comes may still overlap
        self._until = {}  # the end of the last window that still showed a label that was reported, by its index

    @property
    def moment(self):
        """Of the last moments of all lengths, the one that is surest of a gesture; `None` before the first."""
        return max(self._moments.values(), key=self._surest, default=None)

    @property
    def going_on(self):
        """The label of the gesture that is about to be reported, or `None`."""
        return self.labels[max(self._waiting, key=lambda item: item.score).index] if self._waiting else None

    def push(self, logits, timestamp, now, length):
        """Take the logits of one window. Returns the list of events that fired with it."""
        last = self._moments.get(length)
        probabilities, timestamp = self._check(logits, timestamp, last and last.timestamp)
        if length not in self._smoothers:
            self._smoothers[length] = Smoother(self.settings.smoothing, self.settings.smoothing_kind)
        return self.step(self._smoothers[length].push(probabilities, timestamp, float(now)), length)

    def step(self, moment, length):
        """Take a `Moment` of windows of one length; `push` does the smoothing too. Returns the events that fired."""
        self._begin = moment.time if self._begin is None else self._begin
        self._moments[length] = moment
        wait = 0.0 if self.settings.firing == "early" else self.settings.wait
        events = self._report(moment.now, wait)
        top = moment.scores[moment.best]
        if (
            top >= self.settings.on_threshold
            and top - moment.second >= self.settings.margin
            and not self._ignored[moment.best]
        ):
            start, end = moment.time - length / 2, moment.time + length / 2
            self._compete(_Candidate(moment.best, start, end, top, moment.time, until=end))
        return events

    def flush(self):
        """Report what waits, as at the end of a video. Returns a list of events."""
        now = max((moment.now for moment in self._moments.values()), default=0.0)
        events = self._report(now, -math.inf)
        self.reset()
        return events

    def _surest(self, moment):
        return max(score for score, ignored in zip(moment.scores, self._ignored, strict=True) if not ignored)

    def _compete(self, candidate):
        """The candidate joins those that wait, in place of those that it overlaps, or is dropped."""
        until = self._until.get(candidate.index, -math.inf)
        if candidate.start < until + self.settings.refractory:
            self._until[candidate.index] = max(until, candidate.end)
            return
        rivals = [other for other in self._waiting if self._overlap(candidate, other)]
        for other in rivals:
            if other.index == candidate.index:
                candidate.until = other.until = max(candidate.until, other.until)
        if all(other.score < candidate.score for other in rivals) and not any(
            self._overlap(candidate, other) for other in self._reported
        ):
            self._waiting = [other for other in self._waiting if other not in rivals] + [candidate]

    def _overlap(self, candidate, other):
        if candidate.index == other.index:
            return candidate.start < other.until + self.settings.refractory
        common = min(candidate.end, other.end) - max(candidate.start, other.start)
        return common > self.settings.max_overlap * min(candidate.end - candidate.start, other.end - other.start)

    def _report(self, now, wait):
        """The events of the candidates that ended at least `wait` seconds ago."""
        due = sorted((item for item in self._waiting if item.end + wait <= now), key=lambda item: item.end)
        if due:
            self._waiting = [item for item in self._waiting if item not in due]
            # No window is longer ago than that.
            horizon = now - 2 * max(self._moments)
            self._reported = [item for item in self._reported if item.end > horizon] + due
            self._until |= {item.index: item.until for item in due}
        return [self._event(item, now) for item in due]

    def _event(self, item, now):
        # Windows reach beyond both ends of the stream, where frames are held.
        start, end = max(item.start, self._begin), min(item.end, now)
        return GestureEvent(self.labels[item.index], start, end, item.score, item.peak, now)
