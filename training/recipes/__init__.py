"""Recipes: each module has a function `recipe()`, and a docstring with the command and what comes out.

A function may take fields that others hang on: that of the paper's recipes sets the batch by `num_segments`.
"""

import importlib
import inspect

from keras_action.training.recipe import Recipe


def load_recipe(name, assignments=()):
    """A recipe by name, with fields overridden.

    Args:
        name: Name of a module of `training.recipes`, and, after a colon, of one of its functions if it is not
            `recipe`: `"egogesture:reference_code"`.
        assignments: Texts `"field=value"`; see `Recipe.override`.

    Returns:
        A `keras_action.Recipe`.

    Raises:
        ValueError: where there is no such recipe or field.

    Example:

    >>> load_recipe("jester:reference_code", ["num_segments=16"]).batch_size
    48
    """
    module_name, _, function = name.partition(":")
    path = f"{__name__}.{module_name}"
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name != path:
            raise
        raise ValueError(f"training/recipes has no recipe of this name. Received: {name}") from None
    makers = {key: value for key, value in vars(module).items() if inspect.isfunction(value) and value is not published}
    if (function or "recipe") not in makers:
        raise ValueError(f"The recipes of {module_name} are {', '.join(makers)}. Received: {name}")
    make = makers[function or "recipe"]
    overridden = Recipe().override(assignments)
    names = {assignment.partition("=")[0] for assignment in assignments} & set(inspect.signature(make).parameters)
    return make(**{field: getattr(overridden, field) for field in names}).override(assignments)


def published(num_segments, backbone, **fields):
    """What the paper's recipes for the three data sets have in common.

    SGD with momentum 0.9 and weight decay 5e-4, from a learning rate of 0.01 for 64 clips of 8 frames or 48 of 16; for
    other batches in proportion. ImageNet weights, dropout 0.5, multi-scale corner crops of 224 pixels. The multipliers
    of `ParameterGroupSGD` and the clipping of the gradient to a norm of 20 are those of the released code.

    `weights="imagenet"` are Keras' own, for MobileNetV2 and the ResNets; `weights=resnet50.pth` takes torchvision's,
    with which the paper began. BNInception has only a file.
    """
    batch_size = 64 if num_segments <= 8 else 48
    return Recipe(
        **{
            **{"backbone": backbone, "num_segments": num_segments, "batch_size": batch_size},
            **{"reference_batch_size": batch_size, "optimizer": "sgd", "learning_rate": 0.01, "weight_decay": 5e-4},
            **{"schedule": "steps", "warmup_epochs": 0, "label_smoothing": 0.0, "color_jitter": 0.0},
            **fields,
        }
    )
