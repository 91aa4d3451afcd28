"""Recognition of gestures in a stream of frames."""

import os
import threading
import time

from keras_action.recognition.detectors import default_settings, load_settings, make_detector
from keras_action.recognition.frame_steps import FrameSteps
from keras_action.recognition.frames import FrameResizer
from keras_action.recognition.loading import is_streaming, load_recognition_model
from keras_action.recognition.settings import window_lengths
from keras_action.recognition.sliding_windows import SlidingWindows
from keras_action.recognition.stream_pipeline import StreamPipeline
from keras_action.utils.signature import clip_shape

_TUNED_STEPS = 8


class GestureRecognizer:
    """Recognises gestures in a stream of frames, with a model of clips or a streaming model.

    It composes four parts, each of which can be used alone: a `FrameResizer`; a
    `SlidingWindows` for a model of clips or a `FrameSteps` for a streaming model;
    an `EventDetector` or, for windows of several lengths, a `WindowDetector`; and a
    `StreamPipeline` that connects them. A model of clips is run on a window of the
    last `clip_seconds` every `stride` seconds; a streaming model is run once for
    every time step of its training. Frames are resized once, as in evaluation, and
    dropped when they have been used, so memory does not grow.

    **Times.** The logits of a window belong to its centre, half its length before
    its last frame, so the start and end of an event are those of the gesture. The
    event is reported later, at its time `fired`. With windows of several lengths an
    event has the start and end of the window with the highest score, and is
    reported `wait` seconds after its end. A gap longer than a window ends the
    stream and begins another; for live frames the run time of the model does not
    count.

    **Live.** Frames without a timestamp get that of `clock`. `push` may be called
    from any thread. A live frame that arrives while another one is being processed
    is dropped, so that the recogniser never falls behind; `dropped` counts them.
    Frames with timestamps, as of a file, wait for their turn and are never dropped,
    unless `max_lag` is given.

    Args:
        model: Path of a LiteRT file (`.tflite`) that takes clips or frames, of a
            `.keras` file or of a training run's folder; or a `LiteRTModel`, a
            `LiteRTStream`, a Keras model, or a callable from clips
            `(B, T, H, W, 3)` to logits `(B, classes)` with the attribute
            `input_shape`.
        labels: Names of the classes. `None` for those stored with the model.
        clip_seconds: Length of the clips, in seconds. `None` for the one stored with
            the model, the median length of a clip in training.
        stride: Time from one window to the next, in seconds. `None` for that of
            `settings`, or `clip_seconds / T`. It can't be set for a streaming model,
            whose stride is `clip_seconds / T`.
        settings: An `EventSettings`, for windows of several lengths a
            `WindowEventSettings`, or the path of their JSON file. `None` for those
            stored with the model or, if there are none, `EventSettings.for_clips`,
            `EventSettings.for_steps` for a streaming model trained with
            `return_sequences`, or `WindowEventSettings.for_windows`.
        window_seconds: Length of the windows, in seconds, or several lengths, which
            compete: for gestures of very different lengths, at the cost of as many
            runs of the model. `None` for those of `settings`, or `clip_seconds`.
        crop_to_aspect_ratio: Whether frames are cropped to the aspect ratio of the
            input; if False, whole frames are resized. `None` for what the model was
            trained with, or True if that is not known.
        num_threads: Number of threads of a LiteRT file.
        max_lag: Maximum time between the timestamp of a frame and `clock`, in
            seconds; later frames are dropped. `None` for no limit, as for files.
        clock: Function that returns the time in seconds, for live frames.

    Attributes:
        num_inferences: Number of times that the model was run. Windows that end at
            the same time are one batch.
        dropped: Number of frames that were dropped.
        knows_streams: Whether the model was trained on streams, or event settings that
            were tuned on streams are stored with it; `None` if not known.

    Call arguments of `push`:
        frame: RGB, uint8 `(H, W, 3)`, of any size.
        timestamp: Time of the frame, in seconds. It must increase. `None` for now.

    Raises:
        ValueError: If labels or length of the clips are neither given nor stored, or
            do not fit the model; if a frame or a timestamp is not as above.

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
        settings = _load_settings(settings)
        loaded = load_recognition_model(model, num_threads)
        if settings is None and window_seconds is None and stride is None and clip_seconds is None:
            settings = loaded.settings
        labels = loaded.labels if labels is None else labels
        clip_seconds = loaded.clip_seconds if clip_seconds is None else clip_seconds
        if labels is None or clip_seconds is None:
            raise ValueError(
                "The labels and the length of the clips are not stored with the model: pass both. "
                f"Received: labels={labels}, clip_seconds={clip_seconds}"
            )
        self.model, self.knows_streams = loaded.model, loaded.knows_streams
        self.labels = tuple(labels)
        self.clip_seconds = _check_seconds("clip_seconds", clip_seconds)
        self.max_lag = None if max_lag is None else _check_seconds("max_lag", max_lag)
        if crop_to_aspect_ratio is None:
            crop_to_aspect_ratio = loaded.crop_to_aspect_ratio
        self.crop_to_aspect_ratio = bool(crop_to_aspect_ratio)
        if is_streaming(self.model):
            predictor = self._make_steps(stride, window_seconds, settings)
        else:
            predictor = self._make_windows(stride, window_seconds, settings)
        if settings is None:
            settings = self._default_settings()
        self._pipeline = StreamPipeline(
            FrameResizer(self.input_size, self.crop_to_aspect_ratio),
            predictor,
            make_detector(self.labels, settings, self.window_seconds),
            max_gap=max(self.window_seconds or (self.clip_seconds,)),
        )
        self.dropped = 0
        self._clock = clock
        self._processing = threading.Lock()
        self._counting = threading.Lock()
        self._spent = 0.0  # run time of the last frame, in seconds, in which others may have been dropped

    @property
    def settings(self):
        """The settings of the detector.

        Other settings, or the path of their JSON file, can be assigned at any time; the current gesture is then
        forgotten. Their `window_seconds` and `stride` must be those of the recogniser, or `None`.
        """
        return self.detector.settings

    @settings.setter
    def settings(self, settings):
        settings = _load_settings(settings)
        if settings is None:
            settings = self._default_settings()
        self._check_windows(settings)
        detector = make_detector(self.labels, settings, self.window_seconds)
        with self._processing:
            self._pipeline.detector = detector

    @property
    def detector(self):
        """The `EventDetector` or `WindowDetector`."""
        return self._pipeline.detector

    @property
    def predictor(self):
        """The `SlidingWindows` or `FrameSteps`."""
        return self._pipeline.predictor

    @property
    def num_inferences(self):
        return self.predictor.num_inferences

    def reset(self):
        """Forgets all frames and the current gesture, and sets `dropped` and `num_inferences` to 0."""
        with self._processing:
            self._pipeline.reset()
            self._spent = 0.0
            self.predictor.num_inferences = 0
            self.dropped = 0

    def push(self, frame, timestamp=None):
        """Adds a frame. Returns the list of events that fired."""
        is_live = timestamp is None
        if not self._processing.acquire(blocking=not is_live):
            self._drop()
            return []
        start = time.monotonic()
        try:
            return self._push(frame, timestamp, is_live)
        finally:
            self._spent = time.monotonic() - start
            self._processing.release()

    def flush(self):
        """Ends the stream. Returns the list of events that fired."""
        with self._processing:
            return self._pipeline.flush()

    def with_detector(self, detector):
        """A `StreamPipeline` of this recogniser's frames and model, with another detector."""
        self.reset()
        return StreamPipeline(self._pipeline.resize, self.predictor, detector, self._pipeline.max_gap)

    def _push(self, frame, timestamp, is_live):
        if is_live:
            timestamp = self._clock()
            if timestamp == self._pipeline.last_timestamp:  # the same tick of the clock
                self._drop()
                return []
        if self.max_lag is not None and self._clock() - self._pipeline.check_timestamp(timestamp) > self.max_lag:
            self._drop()
            return []
        return self._pipeline.push(frame, timestamp, is_live, slack=self._spent if is_live else 0.0)

    def _make_steps(self, stride, window_seconds, settings):
        """The `FrameSteps` of a streaming model."""
        metadata = self.model.metadata
        if metadata is None:
            raise ValueError("The metadata of a streaming model must contain its time step. Received: metadata=None")
        given = {
            "stride": stride,
            "window_seconds": window_seconds,
            "settings.window_seconds": settings and settings.window_seconds,
            "settings.stride": settings and settings.stride,
        }
        given = [name for name, value in given.items() if value is not None]
        if given:
            raise ValueError(
                "A streaming model is run on every frame, at the time step of its training, without windows. "
                f"Received: {', '.join(given)}"
            )
        _check_labels(self.labels, getattr(self.model, "num_classes", None))
        self.num_segments, self.input_size = metadata.num_segments, tuple(metadata.input_size)
        self.stride = self.clip_seconds / self.num_segments
        self.window_seconds = None
        # The logits of a clip are the mean over its frames.
        average_over = 1 if self._return_sequences else self.num_segments
        return FrameSteps(self.model, len(self.labels), self.stride, average_over=average_over)

    def _make_windows(self, stride, window_seconds, settings):
        """The `SlidingWindows` of a model of clips."""
        self.num_segments, *size, _ = clip_shape(self.model)
        self.input_size = tuple(size)
        _check_labels(self.labels, getattr(self.model, "output_shape", (None,))[-1])
        if window_seconds is None:
            window_seconds = (settings and settings.window_seconds) or self.clip_seconds
        self.window_seconds = window_lengths(window_seconds)
        if stride is None:
            stride = (settings and settings.stride) or self.clip_seconds / self.num_segments
        self.stride = _check_seconds("stride", stride)
        # A Keras model runs as a compiled graph this way, and operation by operation when it is called.
        predict = getattr(self.model, "predict_on_batch", self.model)
        return SlidingWindows(predict, self.num_segments, len(self.labels), self.window_seconds, self.stride)

    @property
    def tuning_scale(self):
        """Seconds of which `tune_events` tries multiples: a clip, or eight steps of a model with `return_sequences`."""
        return _TUNED_STEPS * self.stride if self._return_sequences else self.clip_seconds

    @property
    def _return_sequences(self):
        return getattr(getattr(self.model, "metadata", None), "return_sequences", False)

    def _default_settings(self):
        return default_settings(self.clip_seconds, self.stride, self.window_seconds, self._return_sequences)

    def _check_windows(self, settings):
        """Raises a `ValueError` if the settings are for other windows, which can't be changed."""
        for name in ("window_seconds", "stride"):
            own, other = getattr(self, name), getattr(settings, name)
            if other not in (None, own, getattr(self.settings, name)):
                raise ValueError(
                    f"The settings must have the recogniser's {name}, {own}, or None. For other windows, create "
                    f"another `GestureRecognizer`. Received: {name}={other}"
                )

    def _drop(self):
        with self._counting:
            self.dropped += 1


def _load_settings(settings):
    return load_settings(settings) if isinstance(settings, (str, os.PathLike)) else settings


def _check_seconds(name, seconds):
    if not 0 < seconds < float("inf"):
        raise ValueError(f"`{name}` must be a positive number of seconds. Received: {name}={seconds}")
    return float(seconds)


def _check_labels(labels, num_classes):
    if num_classes is not None and num_classes != len(labels):
        raise ValueError(
            f"The model has {num_classes} classes, so it needs {num_classes} labels. Received: labels={labels}"
        )
