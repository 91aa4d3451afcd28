"""What a model says over a whole video, kept: events with other settings then cost no run of the model."""

import collections
import dataclasses
import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np

from keras_action.recognition.events import EventDetector, Smoother, softmax
from keras_action.recognition.window_events import WindowDetector
from keras_action.recognition.windows import WindowPrediction
from keras_action.utils.files import write_whole


@dataclasses.dataclass(frozen=True)
class LogitSequence:
    """The logits of a model over a video.

    Args:
        labels: The names of the classes, in the logits' order.
        times: The moments that the logits are about, in seconds, `(N,)`; NaN in a
            row that only says that a stream ended.
        seen: The time of the video when they were known, `(N,)`.
        logits: `(N, classes)`.
        lengths: The lengths of the windows that they are about, in seconds, `(N,)`; 0
            of a streaming model, and where a stream ended.
        duration: The length of the video, in seconds.

    Example:

    >>> track = record_logits(recognizer, keras_action.data.iter_frames("stream.mp4"))
    >>> track.save("stream.npz")
    >>> LogitSequence.load("stream.npz").events(EventSettings(on_threshold=0.9))
    """

    labels: tuple[str, ...]
    times: np.ndarray
    seen: np.ndarray
    logits: np.ndarray
    lengths: np.ndarray
    duration: float
    _moments: dict = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def window_seconds(self):
        """The lengths of its windows, from the shortest to the longest; `(0.0,)` of a streaming model."""
        return tuple(np.unique(self.lengths[~np.isnan(self.times)]).tolist())

    @property
    def has_lengths(self):
        """Whether it is about windows of several lengths."""
        return len(self.window_seconds) > 1

    def events(self, settings=None):
        """The events that a recogniser with these settings would have reported."""
        has_lengths = self.has_lengths
        detector = (WindowDetector if has_lengths else EventDetector)(self.labels, settings)
        smoothing = (detector.settings.smoothing, detector.settings.smoothing_kind)
        events = []
        for moment, length in zip(self._smoothed(*smoothing), self.lengths.tolist(), strict=True):
            if moment is None:
                events += detector.flush()
            else:
                events += detector.step(moment, length) if has_lengths else detector.step(moment)
        return events + detector.flush()

    def _smoothed(self, seconds, kind):
        """A `SmoothedScores` for each row, `None` where a stream ended. Kept: a search asks for the same ones often."""
        if (seconds, kind) not in self._moments:
            moments, smoothers = [], collections.defaultdict(lambda: Smoother(seconds, kind))
            columns = (self.times.tolist(), self.seen.tolist(), softmax(self.logits), self.lengths.tolist())
            for time, now, row, length in zip(*columns, strict=True):
                if np.isnan(time):
                    smoothers.clear()
                    moments.append(None)
                else:
                    moments.append(smoothers[length].push(row, time, now))
            self._moments[seconds, kind] = moments
        return self._moments[seconds, kind]

    def save(self, path):
        """Write the track as an `.npz` file, whole or not at all."""
        buffer = io.BytesIO()
        arrays = {name: getattr(self, name) for name in ("times", "seen", "logits", "lengths", "duration")}
        np.savez_compressed(buffer, labels=np.array(self.labels, dtype=str), **arrays)
        return write_whole(path, buffer.getvalue())

    @classmethod
    def load(cls, path):
        """The track that `save` wrote.

        Raises:
            OSError: If it can't be read.
            ValueError: If it is something else.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                labels = tuple(file["labels"].tolist())
                columns = (file[name] for name in ("times", "seen", "logits", "lengths"))
                return cls(labels, *columns, float(file["duration"]))
        except (EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is no file of logits: {error}") from error


def record_logits(recognizer, frames):
    """Run a recogniser's model over a video and keep what it says.

    Args:
        recognizer: A `GestureRecognizer`. Its event detector is not used.
        frames: Pairs of a timestamp and a frame, as `keras_action.data.iter_frames`
            yields.

    Returns:
        A `LogitSequence`.

    Raises:
        ValueError: If there is no frame.
    """
    stamps = []

    def watched():
        for timestamp, frame in frames:
            stamps.append(float(timestamp))
            yield timestamp, frame

    end = WindowPrediction(np.nan, np.nan, np.full(len(recognizer.labels), np.nan))
    readings = [end if reading is None else reading for reading in recognizer.readings(watched())]
    rows = [reading._replace(length=reading.length or 0) for reading in readings]
    if not stamps:
        raise ValueError("There must be at least one frame. Received: none")
    times, seen, logits, lengths = (np.array(column, "float64") for column in zip(*rows, strict=True))
    # The last frame is on screen for as long as the others are in the mean.
    duration = stamps[-1] - stamps[0] + (stamps[-1] - stamps[0]) / max(len(stamps) - 1, 1)
    return LogitSequence(recognizer.labels, times, seen, logits, lengths, duration)


def cached_logits(recognizer, model, video, cache=None):
    """The logits of a video: from the cache, or recorded and kept there.

    Args:
        recognizer: A `GestureRecognizer`.
        model: The path of its model.
        video: The path of the video.
        cache: A folder, or `None` to keep nothing. A file in it is taken for the same
            model, video, windows and way of scaling only: names, sizes and times of change are
            compared.

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
    track = record_logits(recognizer, iter_frames(video))
    track.save(path)
    return track


_FORMAT = 2  # of the files; other ones are left alone
_MODELS = {".keras", ".tflite"}


def _fingerprint(path):
    stat = path.stat()
    return [str(path.resolve()), stat.st_size, stat.st_mtime_ns]
