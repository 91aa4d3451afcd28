"""Loads models for a recogniser. LiteRT files need neither Keras nor TensorFlow."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from keras_action.recognition.detectors import settings_from_dict
from keras_action.recognition.settings import DetectorSettings
from keras_action.utils.intervals import is_ignored


class LoadedModel(NamedTuple):
    """A model for a recogniser, and the values stored with it.

    Args:
        model: Callable from clips or from frames to logits.
        labels: Names of the classes, or `None`.
        clip_seconds: Length of its clips, in seconds, or `None`.
        crop_to_aspect_ratio: Whether its training frames kept their aspect ratio; True if not known.
        settings: Its event settings, or `None`.
        trained_on_streams: Whether it was trained on windows of streams, or `None` if not known.
    """

    model: Callable
    labels: tuple[str, ...] | None
    clip_seconds: float | None
    crop_to_aspect_ratio: bool
    settings: DetectorSettings | None = None
    trained_on_streams: bool | None = None

    @property
    def knows_streams(self):
        """Whether it was trained on streams, or has event settings that were tuned on some; `None` if not known."""
        return True if self.settings is not None else self.trained_on_streams


def load_recognition_model(model, num_threads=1):
    """Loads a model for a recogniser.

    Args:
        model: Path of a LiteRT file (`.tflite`) of clips or frames, of a training
            run's folder, or of a `.keras` file; or a model, which may have the
            attribute `metadata` of a LiteRT file.
        num_threads: Number of threads of a LiteRT file.

    Returns:
        A `LoadedModel`.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not such a model.
    """
    if not isinstance(model, (str, os.PathLike)):
        return _loaded(model, getattr(model, "metadata", None))
    path = Path(model)
    if not path.exists():
        raise FileNotFoundError(f"There is no such model. Received: model={str(path)!r}")
    if path.suffix == ".tflite":
        model = _load_litert(path, num_threads)
        return _loaded(model, model.metadata)
    from keras_action.training.model_files import load_model

    file = load_model(path)
    return _loaded(file.model, file)


def is_streaming(model):
    """Whether a model takes single frames: it has states, which can be reset."""
    return callable(getattr(model, "reset", None)) and hasattr(model, "metadata")


def stored_settings(metadata):
    """The event settings in the metadata of a LiteRT file (`event_settings`), or `None`."""
    values = (getattr(metadata, "extra", None) or {}).get("event_settings")
    return None if values is None else settings_from_dict(values)


def store_settings(path, settings, operating_points=None):
    """Writes event settings into the metadata of a LiteRT file, in place of earlier ones.

    Args:
        path: Path of the `.tflite` file.
        settings: The settings.
        operating_points: The `OperatingPoint`s of these settings from which users of the page may choose, or `None`.

    Raises:
        ValueError: If the file has no metadata of keras_action.
    """
    from keras_action.litert import read_metadata, write_metadata

    metadata = read_metadata(path)
    if metadata is None:
        raise ValueError(f"Event settings are stored in the metadata of a file of keras_action. Received: {path}")
    extra = {name: value for name, value in metadata.extra.items() if name != "operating_points"}
    extra["event_settings"] = settings.to_dict()
    if operating_points is not None:
        extra["operating_points"] = [dataclasses.asdict(point) for point in operating_points]
    write_metadata(path, dataclasses.replace(metadata, extra=extra))


def stream_warning(name, knows_streams, labels):
    """The line on a model that is run on a stream and has seen none in training; `None` if it has.

    Args:
        name: Name of its file.
        knows_streams: As of `LoadedModel`.
        labels: Names of its classes.
    """
    if knows_streams:
        return None
    reason = "was trained on whole clips" if knows_streams is False else "may have been trained on whole clips"
    clips = "the same clips" if any(map(is_ignored, labels)) else 'the same clips, and some of a class "none"'
    return (
        f"{name} {reason}: in a stream it may detect few gestures, or none. Train a model of streams on {clips}: "
        "keras-action train --recipe streams --train CLIPS --output runs/live"
    )


def _loaded(model, values):
    """A model with the values stored with it, in the metadata of a LiteRT file or in a `ModelFile`, if any."""
    stored = {name: getattr(values, name, None) for name in ("labels", "clip_seconds", "trained_on_streams")}
    crop_to_aspect_ratio = getattr(values, "crop_to_aspect_ratio", True)
    return LoadedModel(model, crop_to_aspect_ratio=crop_to_aspect_ratio, settings=stored_settings(values), **stored)


def _load_litert(path, num_threads):
    from keras_action.litert import LiteRTFile, LiteRTModel, LiteRTStream

    file = LiteRTFile.read(path)
    return (LiteRTStream if file.is_streaming else LiteRTModel)(file, num_threads=num_threads)
