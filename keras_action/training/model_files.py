"""Loading a model from a training run, a `.keras` file, a PyTorch checkpoint or a LiteRT file."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

from keras_action.data.datasets.official import class_names
from keras_action.training.recipe import Recipe
from keras_action.utils.fields import attributes
from keras_action.utils.signature import clip_shape

_STORED = ("labels", "clip_seconds", "trained_on_streams")
TORCH_SUFFIXES = (".bin", ".ckpt", ".npz", ".pt", ".pth", ".tar")


@dataclasses.dataclass(frozen=True)
class ModelFile:
    """A model that is ready to predict, with its labels and settings.

    Attributes:
        path: Path of the file.
        model: From clips `(B, T, H, W, 3)`, RGB 0..255, to logits `(B, classes)`: a Keras model, or, from a LiteRT
            file, a `keras_action.litert.LiteRTModel`.
        num_segments: T, the number of frames of a clip.
        input_size: `(height, width)` of the frames.
        labels: Names of the classes, or `None` if unknown.
        recipe: The `keras_action.Recipe` that the model was trained with, or `None` if unknown.
        clip_seconds: The median length of the training clips, or `None` if unknown.
        trained_on_streams: Whether it was trained on windows of streams, or `None` if unknown.
    """

    path: Path
    model: Callable
    num_segments: int
    input_size: tuple[int, int]
    labels: tuple[str, ...] | None = None
    recipe: Recipe | None = None
    clip_seconds: float | None = None
    trained_on_streams: bool | None = None

    @property
    def sampling(self):
        """Which frames make a clip: as in training, if that is known."""
        return self.recipe.sampling if self.recipe else "segments"

    @property
    def crop_to_aspect_ratio(self):
        """Whether frames keep their aspect ratio: as in training, if that is known."""
        return self.recipe is None or self.recipe.cropping.crop_to_aspect_ratio


def load_model(path, *, num_segments=None, labels=None, kind=None):
    """The model of a training run, of a `.keras` file, of a PyTorch checkpoint or of a LiteRT file.

    Args:
        path: A run's folder or one of its `.keras` files; any other `.keras` file; a PyTorch file as
            `keras_action.load_torch_checkpoint` takes it (`.pth`, `.pth.tar`, `.pt`, `.npz`); or a `.tflite` file that
            takes clips.
        num_segments: T, needed for a PyTorch file.
        labels: Names of the classes; `None` for those in the run or the LiteRT file.
        kind: For a PyTorch file, as in `keras_action.load_torch_checkpoint`. With `"tsm_online"` and 27 classes the
            labels are Jester's.

    Returns:
        A `ModelFile`.

    Raises:
        FileNotFoundError: If there is no such file or run.
        ValueError: If it is not such a file, is damaged, or does not fit the arguments.

    Example:

    >>> opened = keras_action.load_model("checkpoint.pth.tar", num_segments=8)
    >>> keras_action.evaluate(opened.model, annotations, Protocol(8, opened.input_size))
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no such model. Received: {path}")
    is_torch = path.is_file() and path.suffix in TORCH_SUFFIXES
    if kind is not None and not is_torch:
        raise ValueError(f"`kind` is for a PyTorch checkpoint. Received: kind={kind!r}, path={path}")
    stored = {}  # values of the `ModelFile`
    if is_torch:
        model = _load_torch(path, num_segments, kind)
        if kind == "tsm_online" and model.output_shape[-1] == len(class_names("jester")):
            stored["labels"] = tuple(sorted(class_names("jester")))  # the order of its classes
    elif path.suffix == ".tflite":
        from keras_action.litert import LiteRTModel

        model = LiteRTModel(path, num_threads=os.cpu_count())
        if model.metadata:
            stored = attributes(model.metadata, *_STORED) | {"recipe": _recipe_of(path, model.metadata)}
    elif path.is_dir() or path.suffix == ".keras":
        model, stored = _load_keras(path)
    else:
        raise ValueError(
            "A model must be a training run's folder, a .keras file, a .tflite file, or a PyTorch checkpoint "
            f"({', '.join(TORCH_SUFFIXES)}). Received: {path}"
        )
    try:
        frames, *size, _ = clip_shape(model)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if num_segments not in (None, frames):
        raise ValueError(f"The model takes clips of {frames} frames. Received: num_segments={num_segments}, {path}")
    labels = stored.pop("labels", None) if labels is None else tuple(labels)
    if labels is not None and len(labels) != model.output_shape[-1]:
        raise ValueError(
            f"The model has {model.output_shape[-1]} classes, so it needs as many labels. "
            f"Received: {len(labels)} labels, {path}"
        )
    return ModelFile(path, model, frames, tuple(size), **{**stored, "labels": labels})


def _recipe_of(path, metadata):
    """The recipe in the metadata of a LiteRT file, or `None`; unknown fields are ignored."""
    if metadata.recipe is None:
        return None
    try:
        known = Recipe().to_dict()
        return Recipe.from_dict({name: value for name, value in metadata.recipe.items() if name in known})
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: the recipe in its metadata can't be read: {error}") from error


def _load_torch(path, num_segments, kind):
    from keras_action.models import load_torch_checkpoint

    if num_segments is None:
        raise ValueError(
            f"`num_segments` is needed for a PyTorch checkpoint, which does not store it. Received: {path}"
        )
    return load_torch_checkpoint(path, num_segments=num_segments, kind=kind)


def _load_keras(path):
    """The model, and the values that its run stores, if it is of one."""
    from keras_action.training.run import DESCRIPTION, load_keras_file, load_run

    if path.is_dir() or (path.parent / DESCRIPTION).is_file():
        run = load_run(path)
        return run.load_model(), attributes(run, *_STORED, "recipe")
    return load_keras_file(path), {}
