"""Models for a recogniser, from files. A LiteRT file needs neither Keras nor TensorFlow."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class LoadedModel(NamedTuple):
    """A model to recognise gestures with, and what its file tells.

    Args:
        model: From clips or from frames to logits.
        labels: The names of the classes, or `None`.
        clip_seconds: The length of its clips, or `None`.
        crop_to_aspect_ratio: Whether it was trained on frames that keep their aspect ratio.
    """

    model: Callable
    labels: tuple[str, ...] | None
    clip_seconds: float | None
    crop_to_aspect_ratio: bool


def load_recognition_model(path, num_threads=1):
    """Load a model to recognise gestures with.

    Args:
        path: A LiteRT file (`.tflite`) that takes clips or frames, a training
            run's folder, or a `.keras` file.
        num_threads: The number of threads that a LiteRT file may use.

    Returns:
        A `LoadedModel`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such model.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no such model. Received: model={str(path)!r}")
    if path.suffix == ".tflite":
        model = _load_litert(path, num_threads)
        stored = model.metadata
        if stored is None:
            return LoadedModel(model, None, None, False)
        return LoadedModel(
            model, stored.labels, stored.clip_seconds, (stored.recipe or {}).get("crop_to_aspect_ratio", True)
        )
    from keras_action.training.model_files import load_model

    opened = load_model(path)
    return LoadedModel(opened.model, opened.labels, opened.clip_seconds, opened.crop_to_aspect_ratio)


def _load_litert(path, num_threads):
    from keras_action.litert import LiteRTModel, LiteRTStream
    from keras_action.litert.metadata import read_file
    from keras_action.litert.signature import takes_frames

    return (LiteRTStream if takes_frames(read_file(path)) else LiteRTModel)(path, num_threads=num_threads)
