"""keras_action: video gesture and action recognition for Keras 3, after ACTION-Net (arXiv 2103.07372).

Everything is imported on first use, so that a LiteRT file is run without Keras and TensorFlow. Where Keras is there
already, its layers are registered at once: a `.keras` file that holds them can be loaded.
"""

import importlib
import sys
import types

from keras_action.version import __version__

# Name → the module that it is imported from on first use; a submodule stands for itself.
_LAZY = {
    "BACKBONES": "keras_action.models",
    "EvaluationReport": "keras_action.evaluation",
    "GestureRecognizer": "keras_action.recognition",
    "HtmlReport": "keras_action.report",
    "InsertionPoint": "keras_action.models",
    "Recipe": "keras_action.recipes",
    "Run": "keras_action.runs",
    "RunningMean": "keras_action.running_mean",
    "build_action_net": "keras_action.models",
    "build_tsm": "keras_action.models",
    "build_tsn": "keras_action.models",
    "class_activation_maps": "keras_action.cam",
    "complexity": "keras_action.complexity",
    "data": None,
    "evaluate": "keras_action.evaluation",
    "excitation_masks": "keras_action.masks",
    "grad_cam": "keras_action.cam",
    "initial_states": "keras_action.models",
    "insert_layers": "keras_action.models",
    "insertion_points": "keras_action.models",
    "layers": None,
    "litert": None,
    "load_torch_checkpoint": "keras_action.weights",
    "macs": None,
    "models": None,
    "open_model": "keras_action.model_files",
    "optimizers": None,
    "plots": None,
    "read_run": "keras_action.runs",
    "recognition": None,
    "state_bytes": "keras_action.models",
    "streaming_model": "keras_action.models",
    "train": "keras_action.fitting",
    "visualize": "keras_action.visualization",
    "weights": None,
}

__all__ = [
    "BACKBONES",
    "EvaluationReport",
    "GestureRecognizer",
    "HtmlReport",
    "InsertionPoint",
    "Recipe",
    "Run",
    "RunningMean",
    "__version__",
    "build_action_net",
    "build_tsm",
    "build_tsn",
    "class_activation_maps",
    "complexity",
    "data",
    "evaluate",
    "excitation_masks",
    "grad_cam",
    "initial_states",
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
    "state_bytes",
    "streaming_model",
    "train",
    "visualize",
]


class _Package(types.ModuleType):
    """This package. Importing its module `complexity` must not hide the function of that name."""

    def __setattr__(self, name, value):
        if name == "complexity" and isinstance(value, types.ModuleType):
            value = value.complexity
        super().__setattr__(name, value)


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module 'keras_action' has no attribute {name!r}")
    module = _LAZY[name]
    if module is None:
        return importlib.import_module(f"keras_action.{name}")
    return getattr(importlib.import_module(module), name)


def __dir__():
    return __all__


sys.modules[__name__].__class__ = _Package
if "keras" in sys.modules:  # so that it can load our files
    for _name in ("layers", "optimizers", "schedules"):
        importlib.import_module(f"keras_action.{_name}")
