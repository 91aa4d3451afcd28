"""The pipeline from frames to gesture events."""

import math


class StreamPipeline:
    """Connects the parts of a recogniser: frame → resize → predictor → detector → events.

    A gap between two frames ends the stream and begins another.

    Args:
        resize: Callable from a frame of any size to one of the model's input size, as `FrameResizer`.
        predictor: A `SlidingWindows` or a `FrameSteps`, or an object with their methods `push`, `flush` and `reset`.
        detector: An `EventDetector` or a `WindowDetector`, or an object with their methods `push`, `flush` and `reset`.
        max_gap: Maximum time between two frames of one stream, in seconds.

    Call arguments of `push`:
        frame: Frame of any size.
        timestamp: Its time, in seconds. It must increase.
        is_live: Whether frames that arrived while the model was running were dropped.
        slack: Seconds that are added to `max_gap`.
    """

    def __init__(self, resize, predictor, detector, max_gap):
        self.resize = resize
        self.predictor = predictor
        self.detector = detector
        self.max_gap = max_gap
        self.last_timestamp = None

    def push(self, frame, timestamp, is_live=False, slack=0.0):
        """Adds a frame. Returns the list of events that fired."""
        frame, timestamp, events = self.resize(frame), self.check_timestamp(timestamp), []
        if self.last_timestamp is not None and timestamp - self.last_timestamp > self.max_gap + slack:
            events += self.flush()
        self.last_timestamp = timestamp
        return events + self._detect(self.predictor.push(frame, timestamp, is_live))

    def flush(self):
        """Ends the stream. Returns the list of events that fired."""
        self.last_timestamp = None
        return self._detect(self.predictor.flush()) + self.detector.flush()

    def reset(self):
        """Forgets all frames and the current gesture."""
        self.last_timestamp = None
        self.predictor.reset()
        self.detector.reset()

    def check_timestamp(self, timestamp):
        """The timestamp as a number; a `ValueError` if it does not increase."""
        try:
            seconds = float(timestamp)
        except (TypeError, ValueError):
            seconds = math.nan
        if not math.isfinite(seconds) or (self.last_timestamp is not None and seconds <= self.last_timestamp):
            raise ValueError(
                f"Timestamps must be finite seconds and increase; the last one was {self.last_timestamp}. "
                f"Received: timestamp={timestamp!r}"
            )
        return seconds

    def _detect(self, predictions):
        events = []
        for prediction in predictions:
            events += self.detector.push(prediction.logits, prediction.time, prediction.now, prediction.length)
        return events
