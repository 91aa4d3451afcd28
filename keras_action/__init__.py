"""keras_action: video gesture and action recognition for Keras 3, after ACTION-Net (arXiv 2103.07372).

What builds models is imported at once; data, training, LiteRT and recognition on first use.
"""

import importlib

from keras_action import layers
from keras_action.complexity import complexity  # now: the module, imported later, would take the function's name
from keras_action.models import (
    BACKBONES,
    InsertionPoint,
    build_action_net,
    build_tsm,
    build_tsn,
    insert_layers,
    insertion_points,
)
from keras_action.version import __version__
from keras_action.weights import load_torch_checkpoint

# Name → the module that it is imported from on first use; a submodule stands for itself.
_LAZY = {
    "EvaluationReport": "keras_action.evaluation",
    "GestureRecognizer": "keras_action.recognition",
    "HtmlReport": "keras_action.report",
    "Recipe": "keras_action.recipes",
    "Run": "keras_action.runs",
    "data": None,
    "evaluate": "keras_action.evaluation",
    "litert": None,
    "open_model": "keras_action.model_files",
    "optimizers": None,
    "plots": None,
    "read_run": "keras_action.runs",
    "recognition": None,
    "train": "keras_action.fitting",
}

__all__ = [
    "BACKBONES",
    "EvaluationReport",
    "GestureRecognizer",
    "HtmlReport",
    "InsertionPoint",
    "Recipe",
    "Run",
    "__version__",
    "build_action_net",
    "build_tsm",
    "build_tsn",
    "complexity",
    "data",
    "evaluate",
    "insert_layers",
    "insertion_points",
    "layers",
    "litert",
    "load_torch_checkpoint",
    "open_model",
    "optimizers",
    "plots",
    "read_run",
    "recognition",
    "train",
]


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module 'keras_action' has no attribute {name!r}")
    module = _LAZY[name]
    if module is None:
        return importlib.import_module(f"keras_action.{name}")
    return getattr(importlib.import_module(module), name)


def __dir__():
    return __all__
