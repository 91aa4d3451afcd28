"""The folder of a training run: its checkpoints, recipe, labels and data sets."""

import hashlib
import json
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from keras_action.training.recipe import Recipe
from keras_action.utils.files import write_json
from keras_action.version import __version__

BEST = "best.keras"
LAST = "last.keras"
DESCRIPTION = "run.json"
LOG = "log.csv"


@dataclass(frozen=True)
class Run:
    """A training run.

    Attributes:
        folder: Path of the folder.
        checkpoint: Path of a `.keras` file of the run: `best.keras`, unless `load_run` was given another.
        recipe: The `Recipe`.
        labels: Names of the classes, in the order of the logits.
        clip_seconds: Median length of the training clips, in seconds; `None` if unknown.
        trained_on_streams: Whether the training clips were windows of streams.
    """

    folder: Path
    checkpoint: Path
    recipe: Recipe
    labels: tuple[str, ...]
    clip_seconds: float | None
    trained_on_streams: bool = False

    @property
    def num_segments(self):
        return self.recipe.num_segments

    @property
    def input_size(self):
        return self.recipe.input_size

    def load_model(self):
        """The model of `checkpoint`, ready to predict."""
        return load_keras_file(self.checkpoint)


def load_keras_file(path):
    """The model in a `.keras` file, not compiled.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or truncated.
    """
    import keras

    import keras_action.layers  # noqa: F401  Registers the layers that the file names.

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no such file. Received: {path}")
    # Keras' error for a truncated file is that it does not exist.
    if not zipfile.is_zipfile(path):
        raise ValueError(damaged_message(path))
    try:
        return keras.saving.load_model(path, compile=False)
    except (zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(damaged_message(path)) from error


def save_keras_file(model, path, texts=None):
    """Writes a model as a `.keras` file, whole or not at all.

    Args:
        model: The model.
        path: Path of the file.
        texts: Dict from names to texts, which are added to the archive, or `None`.
    """
    path = Path(path)
    part = path.with_name(f"part-{path.name}")  # Keras requires the suffix
    model.save(part)
    if texts:
        with zipfile.ZipFile(part, "a") as archive:
            for name, text in texts.items():
                archive.writestr(name, text)
    os.replace(part, path)


def damaged_message(path):
    """The error message for a damaged checkpoint, with what to do."""
    path = Path(path)
    others = [name for name in (BEST, LAST) if name != path.name and zipfile.is_zipfile(path.with_name(name))]
    other = f", or use {others[0]} in the same folder" if others and (path.parent / DESCRIPTION).is_file() else ""
    again = ", or delete it to train from the beginning" if path.name == LAST else ""
    return f"{path}: the .keras file is damaged or truncated. Copy it again{other}{again}."


def load_run(path):
    """The run in a folder, or of a `.keras` file in it.

    Args:
        path: Path of a run's folder, or of one of its `.keras` files.

    Returns:
        A `Run`.

    Raises:
        FileNotFoundError: If there is no run or no checkpoint.
        ValueError: If `run.json` is damaged.

    Example:

    >>> run = keras_action.load_run("runs/demo")
    >>> model = run.load_model()
    """
    path = Path(path)
    folder = path.parent if path.suffix == ".keras" else path
    description = folder / DESCRIPTION
    if not description.is_file():
        raise FileNotFoundError(f"A training run's folder holds {DESCRIPTION}. Received: {path}, which has none")
    checkpoint = path if path.suffix == ".keras" else folder / BEST
    if not checkpoint.is_file():
        raise FileNotFoundError(f"The run has no checkpoint yet: {checkpoint} does not exist")
    return Run(folder, checkpoint, **read_description(folder)[0])


def read_description(folder):
    """The content of `run.json`: a dict of fields of `Run`, and a dict of the digests of both sets."""
    path = Path(folder) / DESCRIPTION
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        seconds = values["clip_seconds"]
        fields = {
            "recipe": Recipe.from_dict(values["recipe"]),
            "labels": tuple(values["labels"]),
            "clip_seconds": None if seconds is None else float(seconds),
            "trained_on_streams": bool(values["trained_on_streams"]),
        }
        return fields, {name: values[name] for name in ("training_set", "validation_set")}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not the description of a training run: {error}") from error


def digest(annotations):
    """The number of clips, and a hash of their names, parts and labels in order."""
    rows = [
        (os.path.basename(clip.path), clip.label, clip.start, clip.end, *(clip.frames or ()))
        for clip in annotations.clips
    ]
    return f"{len(rows)} clips, {hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]}"


def write_run(
    folder, recipe, labels, clip_seconds, training_set=None, validation_set=None, *, trained_on_streams=False
):
    """Writes `run.json`, whole or not at all; `training_set` and `validation_set` are digests or `None`."""
    values = {
        "keras_action": __version__,
        "recipe": recipe.to_dict(),
        "labels": list(labels),
        "clip_seconds": clip_seconds,
        "trained_on_streams": trained_on_streams,
        "training_set": training_set,
        "validation_set": validation_set,
    }
    write_json(Path(folder) / DESCRIPTION, values)
