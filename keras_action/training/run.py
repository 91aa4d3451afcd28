"""A run's folder: checkpoints, the recipe, and what a model must know to be used."""

import hashlib
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

from keras_action.training.recipe import Recipe
from keras_action.utils.files import write_whole
from keras_action.version import __version__

BEST = "best.keras"
LAST = "last.keras"
DESCRIPTION = "run.json"
LOG = "log.csv"


@dataclass(frozen=True)
class Run:
    """A training run, as its folder tells it.

    Attributes:
        folder: Path of the folder.
        checkpoint: Path of the `.keras` file to use: the best by validation accuracy, unless another was asked for.
        recipe: The `Recipe`.
        labels: Names of the classes, in the order of the logits.
        clip_seconds: Median length of a training clip, in seconds; `None` where it is not known.
    """

    folder: Path
    checkpoint: Path
    recipe: Recipe
    labels: tuple[str, ...]
    clip_seconds: float | None

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
    """The model of a `.keras` file, not compiled.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or truncated.
    """
    import keras

    import keras_action.layers  # noqa: F401  Registers the layers that the file names.

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no such file. Received: {path}")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: the .keras file is damaged or truncated. Delete it, or copy it again.")
    return keras.saving.load_model(path, compile=False)


def load_run(path):
    """The run in a folder, or that of a `.keras` file in it.

    Args:
        path: Path of a run's folder, or of one of its `.keras` files.

    Returns:
        A `Run`.

    Raises:
        FileNotFoundError: where there is no run or no checkpoint.
        ValueError: where `run.json` is not what `write_run` writes.

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
    recipe, labels, clip_seconds, _ = read_description(folder)
    return Run(folder, checkpoint, recipe, labels, clip_seconds)


def read_description(folder):
    """What `run.json` tells: the recipe, the labels, the length of clips in seconds, and the sets.

    These are a dict of `training_set` and `validation_set` to what `write_run` was given; runs written before it
    asked for one of them have none of that name.
    """
    path = Path(folder) / DESCRIPTION
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        recipe = Recipe.from_dict(values["recipe"])
        seconds = values["clip_seconds"]
        seconds = None if seconds is None else float(seconds)
        sets = {name: values[name] for name in ("training_set", "validation_set") if name in values}
        return recipe, tuple(values["labels"]), seconds, sets
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not the description of a training run: {error}") from error


def digest(annotations):
    """Number of clips, and a hash of their names, parts and labels in order: another set has another digest."""
    rows = [
        (os.path.basename(clip.path), clip.label, clip.start, clip.end, *(clip.frames or ()))
        for clip in annotations.clips
    ]
    return f"{len(rows)} clips, {hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]}"


def write_run(folder, recipe, labels, clip_seconds, training_set=None, validation_set=None):
    """Writes `run.json`, whole or not at all; the sets are each the `digest` of one, or `None` where there is none."""
    values = {
        "keras_action": __version__,
        "recipe": recipe.to_dict(),
        "labels": list(labels),
        "clip_seconds": clip_seconds,
        "training_set": training_set,
        "validation_set": validation_set,
    }
    write_whole(os.path.join(folder, DESCRIPTION), json.dumps(values, indent=2, ensure_ascii=False) + "\n")
