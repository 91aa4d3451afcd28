"""keras_action: video gesture and action recognition for Keras 3, after ACTION-Net (arXiv 2103.07372).

Everything is imported on first use: a LiteRT file runs without Keras and TensorFlow. As soon as Keras is imported,
before this package or after it, our layers, losses and optimisers are registered, so that Keras can load their files.
"""

import importlib

from keras_action.utils.import_hook import when_imported
from keras_action.utils.lazy import lazy_exports
from keras_action.version import __version__

# Public name → the room that defines it; `None` for a room.
_PUBLIC = {
    "BACKBONES": "keras_action.models",
    "EvaluationReport": "keras_action.evaluation",
    "GestureRecognizer": "keras_action.recognition",
    "HtmlReport": "keras_action.plots",
    "InsertionPoint": "keras_action.models",
    "Recipe": "keras_action.training",
    "Run": "keras_action.training",
    "build_action_net": "keras_action.models",
    "build_tsm": "keras_action.models",
    "build_tsn": "keras_action.models",
    "class_activation_maps": "keras_action.explain",
    "complexity": "keras_action.models",
    "data": None,
    "evaluate": "keras_action.evaluation",
    "evaluation": None,
    "excitation_masks": "keras_action.explain",
    "explain": None,
    "grad_cam": "keras_action.explain",
    "initial_states": "keras_action.models",
    "insert_layers": "keras_action.models",
    "insertion_points": "keras_action.models",
    "layers": None,
    "litert": None,
    "load_torch_checkpoint": "keras_action.models",
    "models": None,
    "load_model": "keras_action.training",
    "losses": None,
    "optimizers": None,
    "plots": None,
    "load_run": "keras_action.training",
    "recognition": None,
    "state_bytes": "keras_action.models",
    "streaming_model": "keras_action.models",
    "train": "keras_action.training",
    "training": None,
    "visualize": "keras_action.explain",
    "weights": None,
}

__all__ = ["__version__", *_PUBLIC]

__getattr__, __dir__ = lazy_exports(__name__, _PUBLIC)


def _register():
    """Registers what our `.keras` files hold."""
    for room in ("layers", "losses", "optimizers"):
        importlib.import_module(f"keras_action.{room}")


when_imported("keras", _register)
