"""A recogniser with run times, and recognition in a thread for cameras."""

import threading
import time
from collections import deque


class Monitor:
    """A recogniser, with its state and run times for a window or a summary.

    Args:
        recognizer: A `GestureRecognizer`.

    Attributes:
        milliseconds: Run times of the last inferences, with pre- and postprocessing.
    """

    def __init__(self, recognizer):
        self.recognizer = recognizer
        self.milliseconds = deque(maxlen=1000)

    @property
    def scores(self):
        """The last smoothed probabilities, a list, or `None` at the start."""
        smoothed = self.recognizer.detector.smoothed
        return None if smoothed is None else smoothed.scores

    @property
    def active_label(self):
        """The label of the current gesture, or `None`."""
        return self.recognizer.detector.active_label

    def push(self, frame, timestamp=None):
        """Adds a frame, as `GestureRecognizer.push`."""
        start, before = time.perf_counter(), self.recognizer.num_inferences
        events = self.recognizer.push(frame, timestamp)
        num_inferences = self.recognizer.num_inferences - before
        if num_inferences:
            self.milliseconds.append(1000 * (time.perf_counter() - start) / num_inferences)
        return events


class FrameClock:
    """A clock that is set to the time of each frame: a live frame gets the time at which it was taken."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class LiveRecognition:
    """Recognises the newest frame in a thread, so that camera and window do not wait for the model.

    Args:
        monitor: A `Monitor`, whose recogniser has this clock.
        clock: A `FrameClock`.
        take: Function that is called with a list of events, in the thread.

    Attributes:
        dropped: Number of frames that were replaced by a newer one before they were processed.
    """

    def __init__(self, monitor, clock, take):
        self.dropped = 0
        self._monitor, self._clock, self._take = monitor, clock, take
        self._condition = threading.Condition()
        self._next = None  # the (frame, timestamp) to process
        self._is_closed = False
        self._error = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def push(self, frame, timestamp):
        """Adds a frame. Raises the error of an earlier frame, if any."""
        with self._condition:
            if self._error is not None:
                raise self._error
            self.dropped += self._next is not None
            self._next = (frame, timestamp)
            self._condition.notify()

    def close(self):
        """Ends the thread. Raises its error, if any."""
        with self._condition:
            self._is_closed = True
            self._condition.notify()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _work(self):
        try:
            while (item := self._wait()) is not None:
                frame, self._clock.now = item
                self._take(self._monitor.push(frame))
        except Exception as error:  # raised by `push` and `close`
            self._error = error

    def _wait(self):
        """The next frame and its time; `None` at the end."""
        with self._condition:
            self._condition.wait_for(lambda: self._next is not None or self._is_closed)
            item, self._next = self._next, None
            return item
