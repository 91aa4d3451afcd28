"""A recogniser that is watched while it works, and one that works beside the camera."""

import threading
import time
from collections import deque


class Monitor:
    """A recogniser, with what a window or a summary shows of it.

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
        """As the recogniser's."""
        start, before = time.perf_counter(), self.recognizer.num_inferences
        events = self.recognizer.push(frame, timestamp)
        num_inferences = self.recognizer.num_inferences - before
        if num_inferences:
            self.milliseconds.append(1000 * (time.perf_counter() - start) / num_inferences)
        return events


class FrameClock:
    """A clock that stands at the time of a camera's frame: a live frame is of the moment in which it was taken."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class LiveRecognition:
    """Works on the newest frame, on a thread of its own, so that neither camera nor window wait for the model.

    Args:
        monitor: A `Monitor`, whose recogniser has this clock.
        clock: A `FrameClock`.
        take: A function of a list of events, called on that thread.

    Attributes:
        dropped: How many frames were replaced by a newer one before their turn came.
    """

    def __init__(self, monitor, clock, take):
        self.dropped = 0
        self._monitor, self._clock, self._take = monitor, clock, take
        self._condition = threading.Condition()
        self._next = None  # (frame, timestamp) that waits
        self._is_closed = False
        self._error = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def push(self, frame, timestamp):
        """Hand over a frame. Raises what went wrong with one before it."""
        with self._condition:
            if self._error is not None:
                raise self._error
            self.dropped += self._next is not None
            self._next = (frame, timestamp)
            self._condition.notify()

    def close(self):
        """Let it end its work. Raises what went wrong."""
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
        except Exception as error:  # it is raised where the frames come from
            self._error = error

    def _wait(self):
        """The next frame and its time; `None` at the end."""
        with self._condition:
            self._condition.wait_for(lambda: self._next is not None or self._is_closed)
            item, self._next = self._next, None
            return item
