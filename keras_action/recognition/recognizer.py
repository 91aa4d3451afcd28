"""Frames become gesture events: a sliding window over time, a model, an event detector."""

import math
import os
from collections import deque
from pathlib import Path

import numpy as np

from keras_action.recognition.events import EventDetector
from keras_action.recognition.frames import resize_and_crop


class GestureRecognizer:
    """Recognises gestures in a stream of frames, with a model of whole clips.

    Every `stride` seconds the model sees the last `clip_seconds`: T frames, each
    the one that was on screen in the middle of one of T equal parts of that
    time, as in training. Frames are scaled and cut once, as in evaluation
    (short side to the input size, centre crop), and forgotten when the
    window has passed them, so memory does not grow.

    **Times.** What a window shows belongs to its centre, `clip_seconds / 2`
    before its last frame, and that is the time given to the event detector.
    So a gesture begins where half of it has come into the window, which is where
    it began, if it lasts as long as a clip. It is reported about
    `clip_seconds / 2` after its end. Before the stream's first frame and after
    its last, those frames are held, so that every moment of the stream is the
    centre of a window; `flush` runs the last of them.

    At most one window is run for each frame: where frames come more slowly than
    `stride`, or have been waiting for the model, windows between are left out. A gap longer than
    `clip_seconds` ends the stream and begins another.

    Args:
        model: The path of a LiteRT file (`.tflite`), of a `.keras` file or of a
            training run's folder, or a Keras model, or a callable from clips
            `(1, T, H, W, 3)` to logits `(1, classes)` with the attribute
            `input_shape`.
        labels: The names of the classes. `None`: as stored with the model.
        clip_seconds: The length of the window. `None`: as stored with the model,
            the median length of a clip in training.
        stride: Seconds from one window to the next. `None`: `clip_seconds / T`.
        detector: An `EventDetector`. `None`: `EventDetector.for_clips`.

    Call arguments of `push`:
        frame: RGB, uint8 `(H, W, 3)`, of any size.
        timestamp: Its time in seconds; it must go up.

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

    def __init__(self, model, labels=None, clip_seconds=None, stride=None, detector=None):
        if isinstance(model, (str, os.PathLike)):
            model, labels, clip_seconds = _load(Path(model), labels, clip_seconds)
        if labels is None or clip_seconds is None:
            raise ValueError(
                "The model does not come with its labels and the length of its clips: pass both. "
                f"Received: labels={labels}, clip_seconds={clip_seconds}"
            )
        self.model = model
        self.labels = tuple(labels)
        self.num_segments, self.input_size = _clip_shape(model)
        self.clip_seconds = _check_seconds("clip_seconds", clip_seconds)
        self.stride = _check_seconds("stride", self.clip_seconds / self.num_segments if stride is None else stride)
        self.detector = EventDetector.for_clips(self.labels, self.clip_seconds) if detector is None else detector
        _check_labels(self.labels, model, self.detector)
        # A Keras model called as a function runs operation by operation; this way it runs as a compiled graph.
        self._predict = getattr(model, "predict_on_batch", model)
        self._frames = deque()  # (timestamp, scaled frame)
        self.reset()

    def reset(self):
        """Forget all frames and the gesture that is going on."""
        self._frames.clear()
        self._next_end = None  # when the next window ends
        self.detector.reset()

    def push(self, frame, timestamp):
        """Take one frame. Returns the list of events that ended with it."""
        timestamp = self._check_timestamp(timestamp)
        frame = resize_and_crop(_check_frame(frame), self.input_size)
        events = []
        if self._frames and timestamp - self._frames[-1][0] > self.clip_seconds:
            events += self.flush()
        if not self._frames:
            self._next_end = timestamp + self.clip_seconds / 2
        self._frames.append((timestamp, frame))
        if timestamp >= self._next_end:
            skipped = math.floor((timestamp - self._next_end) / self.stride)
            events += self._run(self._next_end + skipped * self.stride)
        return events

    def flush(self):
        """End the stream: run the windows around its last moments. Returns the list of events that ended."""
        events = []
        while self._frames and self._next_end - self.clip_seconds / 2 <= self._frames[-1][0]:
            events += self._run(self._next_end)
        events += self.detector.flush()
        self.reset()
        return events

    def _run(self, end):
        """Run the model on the window that ends at `end`."""
        start = end - self.clip_seconds
        while len(self._frames) > 1 and self._frames[1][0] <= start:
            self._frames.popleft()
        middles = start + (np.arange(self.num_segments) + 0.5) * (self.clip_seconds / self.num_segments)
        shown = np.searchsorted([time for time, _ in self._frames], middles, side="right") - 1
        clip = np.stack([self._frames[max(index, 0)][1] for index in shown])
        logits = np.asarray(self._predict(clip[None]))
        if logits.shape != (1, len(self.labels)):
            raise ValueError(
                f"The model must give logits (1, {len(self.labels)}) for one clip, as there are "
                f"{len(self.labels)} labels. Received: logits of shape {logits.shape}"
            )
        self._next_end = end + self.stride
        return self.detector.push(logits[0], end - self.clip_seconds / 2)

    def _check_timestamp(self, timestamp):
        try:
            seconds = float(timestamp)
        except (TypeError, ValueError):
            seconds = math.nan
        last = self._frames[-1][0] if self._frames else None
        if not math.isfinite(seconds) or (last is not None and seconds <= last):
            raise ValueError(
                f"Timestamps must be finite seconds and go up; the last one was {last}. "
                f"Received: timestamp={timestamp!r}"
            )
        return seconds


def _load(path, labels, clip_seconds):
    """Load a model file. Returns the model, and labels and length of its clips: as given, or as stored for `None`."""
    if not path.exists():
        raise FileNotFoundError(f"There is no such model. Received: model={str(path)!r}")
    if path.suffix == ".tflite":
        from keras_action.litert import LiteRTModel

        model = LiteRTModel(path)
        stored = model.metadata
    elif path.suffix == ".keras" and labels is not None and clip_seconds is not None:
        import keras

        return keras.saving.load_model(path, compile=False), labels, clip_seconds
    else:
        from keras_action.runs import read_run

        stored = read_run(path)
        model = stored.load_model()
    if labels is None and stored is not None:
        labels = stored.labels
    if clip_seconds is None and stored is not None:
        clip_seconds = stored.clip_seconds
    return model, labels, clip_seconds


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


def _check_labels(labels, model, detector):
    classes = getattr(model, "output_shape", (None,))[-1]
    if classes is not None and classes != len(labels):
        raise ValueError(f"The model has {classes} classes, so it needs {classes} labels. Received: labels={labels}")
    if detector.labels != labels:
        raise ValueError(
            f"The detector must have the model's labels, in the same order. "
            f"Received: detector.labels={detector.labels}, labels={labels}"
        )


def _check_frame(frame):
    shape, dtype = getattr(frame, "shape", None), getattr(frame, "dtype", None)
    if not isinstance(frame, np.ndarray) or dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise ValueError(
            "A frame must be a NumPy array of RGB bytes, uint8 (H, W, 3). "
            f"Received: {type(frame).__name__}, shape={shape}, dtype={dtype}"
        )
    return frame
