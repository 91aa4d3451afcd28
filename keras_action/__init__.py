"""keras_action: video gesture and action recognition for Keras 3, after ACTION-Net (arXiv 2103.07372)."""

from keras_action import layers
from keras_action.models import build_action_net, build_tsm, build_tsn, insert_layers
from keras_action.version import __version__
from keras_action.weights import load_torch_checkpoint

__all__ = [
    "__version__",
    "build_action_net",
    "build_tsm",
    "build_tsn",
    "insert_layers",
    "layers",
    "load_torch_checkpoint",
]
