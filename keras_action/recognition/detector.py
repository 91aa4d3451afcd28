"""Base class of the event detectors. NumPy only."""

import math

import numpy as np

from keras_action.recognition.smoothing import Smoother
from keras_action.utils.intervals import IGNORED_LABELS, is_ignored
from keras_action.utils.statistics import softmax


class Detector:
    """Base class of `EventDetector` and `WindowDetector`: one interface from logits to gesture events.

    It checks the arguments, and smooths the probabilities of windows of each length. A subclass sets `settings_class`,
    implements `step`, `flush` and `active_label`, and extends `reset`.

    Args:
        labels: Names of the model's classes, in the order of the logits.
        settings: Settings of the type `settings_class`. `None` for its defaults.

    Call arguments of `push`:
        logits: Logits of the model, `(classes,)`.
        timestamp: Time to which they belong, in seconds: the centre of a window. It must increase, for windows of
            each length.
        now: Time of the stream at which they were available, in seconds. It becomes an event's `fired`, and must not
            decrease. `None` for `timestamp`.
        length: Length of the window, in seconds. `None` for a streaming model.
    """

    settings_class = None

    def __init__(self, labels, settings=None):
        self.labels = tuple(labels)
        self.settings = self.settings_class() if settings is None else settings
        if not isinstance(self.settings, self.settings_class):
            raise ValueError(
                f"The settings of {type(self).__name__} must be {self.settings_class.__name__}. "
                f"Received: settings={settings}"
            )
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise ValueError(f"Labels must be different names, at least one. Received: labels={self.labels}")
        ignore = self.settings.ignore
        unknown = [label for label in ignore if not is_ignored(label, (*self.labels, *IGNORED_LABELS))]
        if unknown:
            raise ValueError(
                f"`ignore` must contain labels of the model. Received: ignore={ignore}, of which {unknown} are not "
                f"among labels={self.labels}"
            )
        self._ignored = [is_ignored(label, ignore) for label in self.labels]
        self.reset()

    def reset(self):
        """Returns to the initial state."""
        self._now = -math.inf  # time of the stream
        self._smoothers = {}  # by length
        self._last = {}  # the last `SmoothedScores` of each length

    def push(self, logits, timestamp, now=None, length=None):
        """Adds the logits of one window or step. Returns the list of events that fired."""
        self._check_length(length)
        last = self._last.get(length)
        probabilities, timestamp = self._check(logits, timestamp, last and last.timestamp)
        now = timestamp if now is None else float(now)
        if not (math.isfinite(now) and now >= self._now):
            raise ValueError(
                f"`now` must be finite and must not decrease; the last one was {self._now}. Received: now={now}"
            )
        if length not in self._smoothers:
            self._smoothers[length] = Smoother(self.settings.smoothing, self.settings.smoothing_kind)
        return self.step(self._smoothers[length].push(probabilities, timestamp, now, length))

    def step(self, smoothed):
        """Adds a `SmoothedScores` of a `Smoother` with these settings. Returns the list of events that fired."""
        raise NotImplementedError

    def flush(self):
        """Ends the stream, and resets the detector. Returns the list of events that fired."""
        raise NotImplementedError

    @property
    def smoothed(self):
        """The last `SmoothedScores`, with several lengths that with the most probable gesture; `None` at the start."""
        return max(self._last.values(), key=self._gesture_probability, default=None)

    @property
    def active_label(self):
        """Label of the current gesture, or `None`."""
        raise NotImplementedError

    def _check(self, logits, timestamp, last):
        """Returns the probabilities, and the timestamp as a number. It must be after the last one."""
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
                f"Timestamps must be finite and increase; the last one was {last}. Received: timestamp={timestamp}"
            )
        return softmax(logits), timestamp

    def _check_length(self, length):
        """Raises a `ValueError` if the detector can't take a window of this length."""

    def _record(self, smoothed):
        """Stores the last scores of a length. Returns the ones before, or `None`."""
        self._now = smoothed.now
        last = self._last.get(smoothed.length)
        self._last = {**self._last, smoothed.length: smoothed}  # a new one: another thread may read it
        return last

    def _exceeds_on_threshold(self, smoothed):
        """Whether the most probable label reaches `on_threshold`, by `margin` above the second."""
        top = smoothed.scores[smoothed.best]
        return top >= self.settings.on_threshold and top - smoothed.second >= self.settings.margin

    def _gesture_probability(self, smoothed):
        scores = zip(smoothed.scores, self._ignored, strict=True)
        return max((score for score, ignored in scores if not ignored), default=0)
