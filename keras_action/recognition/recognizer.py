"""Frames become gesture events: a model over time, an event detector."""

import math
import os
import threading
import time

import numpy as np

from keras_action.recognition.events import EventDetector
from keras_action.recognition.frames import resize, resize_and_crop
from keras_action.recognition.loading import load_recognition_model
from keras_action.recognition.settings import EventSettings, check_lengths
from keras_action.recognition.window_events import WindowDetector
from keras_action.recognition.windows import FrameSteps, SlidingWindows


class GestureRecognizer:
    """Recognises gestures in a stream of frames, with a model of clips or a streaming model.

    A model of clips sees a window of the last `clip_seconds` every `stride`
    seconds (see `keras_action.recognition.SlidingWindows`); a streaming model sees
    every frame once, at the time step of its training (`FrameSteps`). Frames are
    scaled and cut once, as in evaluation (short side to the input size, centre
    crop), and forgotten when they have been used, so memory does not grow.

    **Times.** What a window shows belongs to its centre, half its length before
    its last frame, and that is the time given to the event detector. So a
    gesture begins where half of it has come into the window, which is where it
    began, if it lasts as long as a clip. It is reported that much later: an event's
    `fired` says when. Of windows of several lengths a gesture has the start and end
    of the one that shows it best, and is reported `wait` seconds after its end. A gap
    longer than a window ends the stream and begins another; of live frames, a gap
    that is not due to the model's own work.

    **Live.** Frames pushed without a timestamp get that of `clock`. `push` may be
    called from any thread. A live frame that comes while another is still being
    worked on is dropped, so that the recogniser never lags; `dropped` counts them.
    Frames with timestamps, as of a file, wait for their turn and are never
    dropped, unless `max_lag` is given.

    `looks` counts how often the model has looked at the stream; all windows that
    end at once are one look.

    Args:
        model: The path of a LiteRT file (`.tflite`) that takes clips or frames, of
            a `.keras` file or of a training run's folder; or a Keras model, or a
            callable from clips `(B, T, H, W, 3)` to logits `(B, classes)` with the
            attribute `input_shape`; or a streaming model like
            `keras_action.litert.streaming.LiteRTStream`: a callable from a frame
            `(H, W, 3)` to logits `(classes,)` with `reset` and `metadata`.
        labels: The names of the classes. `None`: as stored with the model.
        clip_seconds: The length of the clips. `None`: as stored with the model,
            the median length of a clip in training.
        stride: Seconds from one window to the next. `None`: that of `settings`, or
            `clip_seconds / T`. A streaming model's is always that.
        settings: An `EventSettings`, or the path of its JSON file. `None`:
            `EventSettings.for_clips(clip_seconds)`, of several lengths
            `EventSettings.for_windows(window_seconds)`.
        window_seconds: The lengths of the windows, a number or several: where
            gestures are of very different lengths, windows of several compete
            (`WindowDetector`), at the cost of as many runs of the model. `None`:
            those of `settings`, or `clip_seconds`.
        crop_to_aspect_ratio: Whether frames are cropped to the input's aspect ratio; if False,
            whole frames are scaled. `None`: as the model was trained, if its file
            tells, or True.
        num_threads: The number of threads that a LiteRT file may use.
        max_lag: Seconds by which the timestamp of a frame may be behind `clock`; a
            frame that is later is dropped. `None`: any, as for files.
        clock: A function that gives the time in seconds, for live frames.

    Call arguments of `push`:
        frame: RGB, uint8 `(H, W, 3)`, of any size.
        timestamp: Its time in seconds; it must go up. `None`: now.

    Raises:
        ValueError: If labels or length are neither given nor stored, or don't fit
            the model; if a frame or a timestamp is not as above.

    Example:

    ```python
    recognizer = keras_action.GestureRecognizer("gesture.tflite")
    for timestamp, frame in keras_action.data.iter_frames("video.mp4"):
        for event in recognizer.push(frame, timestamp):
            print(event)
    print(*recognizer.flush(), sep="\\n")
    ```
    """

    def __init__(
        self,
        model,
        labels=None,
        clip_seconds=None,
        stride=None,
        settings=None,
        window_seconds=None,
        crop_to_aspect_ratio=None,
        num_threads=1,
        max_lag=None,
        clock=time.monotonic,
    ):
        if isinstance(model, (str, os.PathLike)):
            model, stored_labels, stored_seconds, stored_crop_to_aspect_ratio = load_recognition_model(
                model, num_threads
            )
            labels = stored_labels if labels is None else labels
            clip_seconds = stored_seconds if clip_seconds is None else clip_seconds
            crop_to_aspect_ratio = stored_crop_to_aspect_ratio if crop_to_aspect_ratio is None else crop_to_aspect_ratio
        elif _is_streaming(model) and model.metadata is not None:
            labels = model.metadata.labels if labels is None else labels
            clip_seconds = model.metadata.clip_seconds if clip_seconds is None else clip_seconds
        if labels is None or clip_seconds is None:
            raise ValueError(
                "The model does not come with its labels and the length of its clips: pass both. "
                f"Received: labels={labels}, clip_seconds={clip_seconds}"
            )
        self.model = model
        self.labels = tuple(labels)
        self.clip_seconds = _check_seconds("clip_seconds", clip_seconds)
        if isinstance(settings, (str, os.PathLike)):
            settings = EventSettings.load(settings)
        self.detector = None
        self._at_work = threading.Lock()
        self._counting = threading.Lock()
        self._last = None  # the last timestamp
        self._spent = 0.0  # seconds that the last frame took, in which no other could be taken
        self.max_lag = None if max_lag is None else _check_seconds("max_lag", max_lag)
        self.crop_to_aspect_ratio = crop_to_aspect_ratio is None or bool(crop_to_aspect_ratio)
        self._clock = clock
        if _is_streaming(model):
            self._follow_frames(stride, window_seconds, settings)
        else:
            self._look_at_windows(stride, window_seconds, settings)
        self.settings = settings
        self.dropped = 0
        self.looks = 0

    @property
    def settings(self):
        """The `EventSettings`. Others can be set at any time; the gesture that is going on is then forgotten.

        Their `window_seconds` and `stride` must be those of the recogniser, or `None`.
        """
        return self.detector.settings

    @settings.setter
    def settings(self, settings):
        if settings is None:
            settings = self._default_settings()
        if self.detector is not None:
            self._check_windows(settings)
        with self._at_work:
            self.detector = (WindowDetector if self._has_lengths() else EventDetector)(self.labels, settings)

    def reset(self):
        """Forget all frames and the gesture that is going on, and set `dropped` and `looks` to 0."""
        with self._at_work:
            self._forget()
            self.dropped = 0
            self.looks = 0

    def push(self, frame, timestamp=None):
        """Take one frame. Returns the list of events that fired with it."""
        if not self._at_work.acquire(blocking=timestamp is not None):
            self._drop()
            return []
        start = time.monotonic()
        try:
            return self._detect(self._take(frame, timestamp))
        finally:
            self._spent = time.monotonic() - start
            self._at_work.release()

    def flush(self):
        """End the stream: look at its last moments. Returns the list of events that fired."""
        with self._at_work:
            return self._detect(self._end())

    def readings(self, frames):
        """What the model says over a whole video, without the event detector; see `record_logits`.

        Args:
            frames: Pairs of a timestamp and a frame, as `keras_action.data.iter_frames` yields.

        Yields:
            `WindowPrediction`s, and `None` where a stream has ended.
        """
        with self._at_work:
            self._forget()
        for timestamp, frame in frames:
            with self._at_work:
                found = self._take(frame, float(timestamp))
            yield from found
        with self._at_work:
            found = self._end()
        yield from found

    def _follow_frames(self, stride, window_seconds, settings):
        """Read from a streaming model."""
        metadata = self.model.metadata
        if metadata is None:
            raise ValueError("A streaming model must tell its time step in its metadata. Received: metadata=None")
        given = [
            name
            for name, value in (
                ("stride", stride),
                ("window_seconds", window_seconds),
                ("settings.window_seconds", settings and settings.window_seconds),
            )
            if value is not None
        ]
        if given:
            raise ValueError(
                "A streaming model sees every frame at the time step of its training: there are no windows. "
                f"Received: {', '.join(given)}"
            )
        self.num_segments, self.input_size = metadata.num_segments, tuple(metadata.input_size)
        self.stride = self.clip_seconds / self.num_segments
        self.window_seconds = None
        self._longest_gap = self.clip_seconds
        self._source = FrameSteps(self.model, self.num_segments, len(self.labels), self.stride)

    def _look_at_windows(self, stride, window_seconds, settings):
        """Read from a model of clips."""
        self.num_segments, self.input_size = _clip_shape(self.model)
        _check_labels(self.labels, self.model)
        if window_seconds is None:
            window_seconds = (settings and settings.window_seconds) or self.clip_seconds
        self.window_seconds = check_lengths(window_seconds)
        if stride is None:
            stride = (settings and settings.stride) or self.clip_seconds / self.num_segments
        self.stride = _check_seconds("stride", stride)
        # A Keras model called as a function runs operation by operation; this way it runs as a compiled graph.
        predict = getattr(self.model, "predict_on_batch", self.model)
        self._longest_gap = max(self.window_seconds)
        self._source = SlidingWindows(predict, self.num_segments, len(self.labels), self.window_seconds, self.stride)

    def _take(self, frame, timestamp):
        """Look at one frame. Returns `WindowPrediction`s, and `None` where a stream has ended before it."""
        is_live = timestamp is None
        frame = _check_frame(frame)
        if is_live:
            timestamp = self._clock()
        timestamp = self._check_timestamp(timestamp, is_live)
        if timestamp is None or (self.max_lag is not None and self._clock() - timestamp > self.max_lag):
            self._drop()
            return []
        readings = []
        longest_gap = self._longest_gap + (self._spent if is_live else 0)
        if self._last is not None and timestamp - self._last > longest_gap:
            readings += self._end()
        self._last = timestamp
        frame = resize_and_crop(frame, self.input_size) if self.crop_to_aspect_ratio else resize(frame, self.input_size)
        return readings + self._source.push(frame, timestamp, is_live)

    def _end(self):
        """End the stream. Returns its last `WindowPrediction`s, and `None`."""
        readings = [*self._source.flush(), None]
        self._last = None
        return readings

    def _check_windows(self, settings):
        """Settings can't change the windows: the frames of longer ones are forgotten."""
        for name in ("window_seconds", "stride"):
            own, other = getattr(self, name), getattr(settings, name)
            if other not in (None, own, getattr(self.settings, name)):
                raise ValueError(
                    f"The settings must have the recogniser's own {name}, {own}, or none: make another "
                    f"`GestureRecognizer` for others. Received: {name}={other}"
                )

    def _detect(self, readings):
        """The events of `WindowPrediction`s, `None` where a stream has ended."""
        events, ends = [], set()
        for reading in readings:
            if reading is None:
                events += self.detector.flush()
                continue
            ends.add(round(reading.time + (reading.length or 0) / 2, 6))
            of_a_length = (reading.length,) if self._has_lengths() else ()
            events += self.detector.push(reading.logits, reading.time, reading.now, *of_a_length)
        self.looks += len(ends)
        return events

    def _has_lengths(self):
        """Whether windows of several lengths compete."""
        return self.window_seconds is not None and len(self.window_seconds) > 1

    def _default_settings(self):
        if self._has_lengths():
            return EventSettings.for_windows(self.window_seconds)
        return EventSettings.for_clips(self.clip_seconds)

    def _forget(self):
        self._source.reset()
        self.detector.reset()
        self._last = None
        self._spent = 0.0

    def _drop(self):
        with self._counting:
            self.dropped += 1

    def _check_timestamp(self, timestamp, is_live):
        """The timestamp as a number; `None` if a live frame came at the same tick of the clock as the last."""
        try:
            seconds = float(timestamp)
        except (TypeError, ValueError):
            seconds = math.nan
        if is_live and seconds == self._last:
            return None
        if not math.isfinite(seconds) or (self._last is not None and seconds <= self._last):
            raise ValueError(
                f"Timestamps must be finite seconds and go up; the last one was {self._last}. "
                f"Received: timestamp={timestamp!r}"
            )
        return seconds


def _is_streaming(model):
    # A streaming model has a memory; a model of clips has nothing to reset.
    return callable(getattr(model, "reset", None)) and hasattr(model, "metadata")


def _clip_shape(model):
    """Returns T and `(height, width)` of the model's clips."""
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 5 or None in shape[1:] or shape[4] != 3:
        raise ValueError(
            "The model must take clips of shape (B, T, H, W, 3) with T, H and W known. "
            f"Received: model={model}, input_shape={shape}"
        )
    return shape[1], shape[2:4]


def _check_seconds(name, seconds):
    if not 0 < seconds < math.inf:
        raise ValueError(f"`{name}` must be a positive number of seconds. Received: {name}={seconds}")
    return float(seconds)


def _check_labels(labels, model):
    classes = getattr(model, "output_shape", (None,))[-1]
    if classes is not None and classes != len(labels):
        raise ValueError(f"The model has {classes} classes, so it needs {classes} labels. Received: labels={labels}")


def _check_frame(frame):
    shape, dtype = getattr(frame, "shape", None), getattr(frame, "dtype", None)
    if not isinstance(frame, np.ndarray) or dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise ValueError(
            "A frame must be a NumPy array of RGB bytes, uint8 (H, W, 3). "
            f"Received: {type(frame).__name__}, shape={shape}, dtype={dtype}"
        )
    return frame
