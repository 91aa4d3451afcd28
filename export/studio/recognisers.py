"""Recognition on the server, for pages that can't run the model."""

import contextlib
import dataclasses
import threading
import time
from collections import OrderedDict

import numpy as np

from keras_action.recognition import GestureRecognizer
from keras_action.recognition.detectors import settings_from_dict

from .project import NotFoundError

_MAX_PAGES = 4


class Recognisers:
    """The `GestureRecognizer`s of the open pages. The least recently used one is removed for a new page."""

    def __init__(self):
        self._pages = OrderedDict()
        self._lock = threading.Lock()

    def load(self, page, model):
        """Loads a LiteRT file for a page."""
        recognizer = GestureRecognizer(model, num_threads=2)
        with self._lock:
            self._pages[page] = (recognizer, threading.Lock())
            self._pages.move_to_end(page)
            while len(self._pages) > _MAX_PAGES:
                self._pages.popitem(last=False)

    def push(self, page, pixels, timestamp):
        """Adds a frame of the model's size. Returns the same values as the page's own recogniser.

        Args:
            page: Name of the page.
            pixels: Bytes of RGB.
            timestamp: Seconds.
        """
        with self._recognizer(page) as recognizer:
            height, width = recognizer.input_size
            if len(pixels) != height * width * 3:
                raise ValueError(f"A frame must have {height} × {width} pixels of RGB. Received: {len(pixels)} bytes")
            frame = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
            return _answer(recognizer, lambda: recognizer.push(frame, timestamp))

    def flush(self, page):
        """Ends the stream of a page."""
        with self._recognizer(page) as recognizer:
            return _answer(recognizer, recognizer.flush)

    def reset(self, page):
        """Forgets the frames of a page."""
        with self._recognizer(page) as recognizer:
            recognizer.reset()

    def use(self, page, settings):
        """Sets the event settings of a page, a dictionary."""
        with self._recognizer(page) as recognizer:
            recognizer.settings = settings_from_dict(settings)

    @contextlib.contextmanager
    def _recognizer(self, page):
        """A context in which this thread alone uses the recogniser of a page."""
        with self._lock:
            if page not in self._pages:
                raise NotFoundError("The page's recogniser has ended. Reload the page.")
            self._pages.move_to_end(page)
            recognizer, lock = self._pages[page]
        with lock:
            yield recognizer


def _answer(recognizer, step):
    """What the page's own recogniser returns for a step, a function that returns events."""
    runs, start = recognizer.num_inferences, time.perf_counter()
    events = step()
    milliseconds = 1000 * (time.perf_counter() - start)
    smoothed = recognizer.detector.smoothed
    return {
        "events": [dataclasses.asdict(event) for event in events],
        "scores": None if smoothed is None else smoothed.scores,
        "activeLabel": recognizer.detector.active_label,
        "milliseconds": milliseconds,
        "runs": recognizer.num_inferences - runs,
    }
