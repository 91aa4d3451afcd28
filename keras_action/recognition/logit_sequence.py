"""Recorded logits of a model over a video, from which events are detected with any settings."""

import collections
import dataclasses
import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np

from keras_action.recognition.detectors import has_several_lengths, make_detector
from keras_action.recognition.settings import EventSettings
from keras_action.recognition.smoothing import Smoother
from keras_action.recognition.window_settings import WindowEventSettings
from keras_action.utils.files import write_whole
from keras_action.utils.statistics import softmax

_COLUMNS = ("times", "now", "logits", "lengths", "streams")
_FORMAT = 3  # of cached files; files of other formats are not used
_MODELS = {".keras", ".tflite"}


@dataclasses.dataclass(frozen=True, eq=False)
class LogitSequence:
    """The logits of a model over a video, a row for each window or step.

    Args:
        labels: Names of the classes, in the order of the logits.
        times: Times to which the logits belong, in seconds, `(N,)`.
        now: Times of the video at which they were available, in seconds, `(N,)`.
        logits: Array `(N, classes)`.
        lengths: Lengths of the windows, in seconds, `(N,)`; 0 for a streaming model.
        streams: Numbers of the uninterrupted streams to which they belong, `(N,)`: a
            gap in the video ends a stream and begins the next.
        duration: Length of the video, in seconds.

    Example:

    >>> sequence = record_logits(recognizer, keras_action.data.iter_frames("stream.mp4"))
    >>> sequence.save("stream.npz")
    >>> LogitSequence.load("stream.npz").events(EventSettings(on_threshold=0.9))
    """

    labels: tuple[str, ...]
    times: np.ndarray
    now: np.ndarray
    logits: np.ndarray
    lengths: np.ndarray
    streams: np.ndarray
    duration: float
    _smoothed_rows: dict = dataclasses.field(default_factory=dict, init=False, repr=False)

    def __post_init__(self):
        shapes = {name: np.shape(getattr(self, name)) for name in _COLUMNS}
        rows = shapes["times"]
        expected = {name: (*rows, len(self.labels)) if name == "logits" else rows for name in _COLUMNS}
        if len(rows) != 1 or shapes != expected:
            raise ValueError(f"The arrays must have the shapes {expected}. Received: {shapes}")

    def __eq__(self, other):
        if not isinstance(other, LogitSequence):
            return NotImplemented
        return (self.labels, self.duration) == (other.labels, other.duration) and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in _COLUMNS
        )

    @property
    def window_seconds(self):
        """Lengths of the windows, sorted; `None` for a streaming model."""
        return tuple(np.unique(self.lengths).tolist()) if self.lengths.any() else None

    def events(self, settings=None):
        """The events that a recogniser with these settings reports.

        Args:
            settings: An `EventSettings`, for windows of several lengths a `WindowEventSettings`. `None` for their
                defaults.

        Returns:
            A list of `GestureEvent`.
        """
        if settings is None:
            settings = (WindowEventSettings if has_several_lengths(self.window_seconds) else EventSettings)()
        detector = make_detector(self.labels, settings, self.window_seconds)
        events, stream = [], 0
        for smoothed, number in zip(self._smoothed(settings), self.streams.tolist(), strict=True):
            if number != stream:
                events += detector.flush()
                stream = number
            events += detector.step(smoothed)
        return events + detector.flush()

    def _smoothed(self, settings):
        """A `SmoothedScores` for each row. They are cached for searches over settings, which often repeat them."""
        key = (settings.smoothing, settings.smoothing_kind)
        if key not in self._smoothed_rows:
            smoothers = collections.defaultdict(lambda: Smoother(*key))  # by stream and length
            columns = (self.streams, self.lengths, softmax(self.logits), self.times, self.now)
            self._smoothed_rows[key] = [
                smoothers[stream, length].push(row, time, now, length or None)
                for stream, length, row, time, now in zip(
                    *(column if column.ndim > 1 else column.tolist() for column in columns), strict=True
                )
            ]
        return self._smoothed_rows[key]

    def save(self, path):
        """Writes the sequence as an `.npz` file, whole or not at all."""
        buffer = io.BytesIO()
        arrays = {name: getattr(self, name) for name in (*_COLUMNS, "duration")}
        np.savez_compressed(buffer, labels=np.array(self.labels, dtype=str), **arrays)
        return write_whole(path, buffer.getvalue())

    @classmethod
    def load(cls, path):
        """Loads a sequence that `save` wrote.

        Raises:
            OSError: If the file can't be read.
            ValueError: If it does not contain a sequence.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                labels = tuple(file["labels"].tolist())
                return cls(labels, *(file[name] for name in _COLUMNS), float(file["duration"]))
        except (EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} does not contain logits: {error}") from error


class _Recorder:
    """Stores the logits in place of a detector."""

    def __init__(self):
        self.rows = []  # (time, now, logits, length, number of the stream)
        self._stream = 0

    def push(self, logits, timestamp, now, length):
        self.rows.append((timestamp, now, logits, length or 0, self._stream))
        return []

    def flush(self):
        self._stream += 1
        return []


def record_logits(recognizer, frames):
    """Runs a recogniser's model over a video, and records the logits.

    Args:
        recognizer: A `GestureRecognizer`. It is reset; its detector is not used.
        frames: Pairs of a timestamp and a frame, as `keras_action.data.iter_frames`
            yields.

    Returns:
        A `LogitSequence`.

    Raises:
        ValueError: If there is no frame.
    """
    recorder, stamps = _Recorder(), []
    pipeline = recognizer.with_detector(recorder)
    for timestamp, frame in frames:
        stamps.append(float(timestamp))
        pipeline.push(frame, timestamp)
    if not stamps:
        raise ValueError("There must be at least one frame. Received: none")
    pipeline.flush()
    times, now, logits, lengths, streams = zip(*recorder.rows, strict=True)
    floats = (np.array(column, "float64") for column in (times, now, logits, lengths))
    # The last frame lasts for the mean time between frames.
    duration = stamps[-1] - stamps[0] + (stamps[-1] - stamps[0]) / max(len(stamps) - 1, 1)
    return LogitSequence(recognizer.labels, *floats, np.array(streams), duration)


def cached_logits(recognizer, model, video, cache=None):
    """The logits of a video, from a cache or recorded.

    Args:
        recognizer: A `GestureRecognizer`.
        model: Path of its model.
        video: Path of the video.
        cache: Folder of stored logits, or `None`. They are used only for the same model, video, windows and resizing;
            names, sizes and modification times of the files are compared.

    Returns:
        A `LogitSequence`.

    Raises:
        DecodingError: If the video can't be decoded.
    """
    from keras_action.data.decoding import iter_frames

    if cache is None:
        return record_logits(recognizer, iter_frames(video))
    model = Path(model)
    files = [path for path in (model.rglob("*") if model.is_dir() else (model,)) if path.suffix in _MODELS]
    key = json.dumps(
        [
            _FORMAT,
            *map(_fingerprint, sorted(files)),
            _fingerprint(Path(video)),
            *(recognizer.labels, recognizer.window_seconds, recognizer.clip_seconds, recognizer.stride),
            recognizer.crop_to_aspect_ratio,
        ]
    )
    path = Path(cache) / f"{Path(video).stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"
    if path.exists():
        return LogitSequence.load(path)
    sequence = record_logits(recognizer, iter_frames(video))
    sequence.save(path)
    return sequence


def _fingerprint(path):
    stat = path.stat()
    return [str(path.resolve()), stat.st_size, stat.st_mtime_ns]
