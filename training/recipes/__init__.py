"""Recipes: each module has a function `recipe()`, and a docstring with the command and what comes out.

A function may take fields on which others depend: those of the paper's recipes choose the batch by `num_segments`. It
may also take `num_clips`, the number of training clips.
"""

import importlib
import inspect
import pkgutil
import re
import types
from pathlib import Path

from keras_action.data.settings import Augmentation
from keras_action.training.recipe import Recipe

FEW_CLIPS = 500  # below it, `few_clips` is the default


def default_recipe(num_clips):
    """The name of the recipe for a set of clips of which nothing else is known."""
    return "few_clips" if num_clips < FEW_CLIPS else "small"


def load_recipe(name, assignments=(), num_clips=None):
    """A recipe by name or by file, with fields overridden.

    Args:
        name: Name of one of the recipes here, or the path of a Python file, which ends in `.py`. After a colon the
            name of the function if it is not `recipe`: `"egogesture:reference_code"`, `"mine.py:large"`.
        assignments: Texts `"field=value"`; see `Recipe.override`.
        num_clips: Number of training clips, for a function that takes it; `None` for its default.

    Returns:
        A `keras_action.Recipe`.

    Raises:
        ValueError: If there is no such recipe, function or field, or if the function returns no recipe.
        ImportError: If the file can't be run.
        OSError: If the file can't be read.

    Example:

    >>> load_recipe("jester:reference_code", ["num_segments=16"]).batch_size
    48
    """
    if file := re.fullmatch(r"(.+\.py)(?::(\w+))?", name):
        source, function = file.groups()
        module = _run_file(source)
    else:
        source, _, function = name.partition(":")
        module = _import_recipe(source)
    function = function or "recipe"
    functions = {
        key: value for key, value in vars(module).items() if inspect.isfunction(value) and value is not published
    }
    if function not in functions:
        raise ValueError(
            f"{source} must have a function {function}(). Received: {name}, with {', '.join(functions) or 'none'}"
        )
    make_recipe = functions[function]
    overridden = Recipe().override(assignments)
    names = {assignment.partition("=")[0] for assignment in assignments}
    parameters = set(inspect.signature(make_recipe).parameters)
    fields = {field: getattr(overridden, field) for field in names & parameters}
    if num_clips is not None and "num_clips" in parameters:
        fields["num_clips"] = num_clips
    recipe = make_recipe(**fields)
    if not isinstance(recipe, Recipe):
        raise ValueError(f"{function}() of {source} must return a keras_action.Recipe. Received: {recipe!r}")
    return recipe.override(assignments)


def _import_recipe(name):
    """The module of a recipe of this package."""
    known = [module.name for module in pkgutil.iter_modules(__path__)]
    if name not in known:
        raise ValueError(f"The recipes are {', '.join(known)}, or the path of a .py file. Received: {name}")
    return importlib.import_module(f"{__name__}.{name}")


def _run_file(path):
    """A Python file as a module, which belongs to no package and is not in `sys.modules`."""
    path = Path(path)
    module = types.ModuleType(path.stem)
    module.__file__ = str(path)
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
    except OSError:
        raise
    except Exception as error:
        raise ImportError(f"The recipe file {path} can't be run. {type(error).__name__}: {error}") from error
    return module


def published(num_segments, backbone, **fields):
    """What the recipes for the paper's three data sets have in common.

    From the paper, section 4.2: segments of equal length with a random frame of each, corner crops with scale jitter of
    224 × 224 pixels, SGD with momentum 0.9 and weight decay 5e-4, a learning rate of 0.01 divided by 10 at each step,
    batches of 64 clips of 8 frames or 48 of 16, and ImageNet weights. The learning rate of other batch sizes is in
    proportion. Dropout 0.5, the multipliers of `ParameterGroupSGD` and clipping the gradient to a norm of 20, on which
    the paper is silent, are those of the released code.

    `weights="imagenet"` are Keras' own, for MobileNetV2 and the ResNets; `weights=resnet50.pth` takes torchvision's,
    with which the authors started. BNInception has only a file.
    """
    batch_size = 64 if num_segments <= 8 else 48
    shared = Recipe(
        backbone=backbone,
        num_segments=num_segments,
        batch_size=batch_size,
        reference_batch_size=batch_size,
        optimizer="sgd",
        learning_rate=0.01,
        momentum=0.9,
        weight_decay=5e-4,
        schedule="steps",
        decay_factor=0.1,
        warmup_epochs=0,
        dropout=0.5,
        label_smoothing=0.0,
        augmentation=Augmentation(),
    )
    return shared.replace(**fields)
