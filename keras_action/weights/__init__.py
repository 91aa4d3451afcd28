"""Weights from elsewhere: PyTorch state dicts → Keras models."""

from keras_action.weights.state_dicts import StateDict, read_state_dict
from keras_action.weights.torch_checkpoints import load_torch_backbone, load_torch_checkpoint
from keras_action.weights.torch_files import read_torch_file

__all__ = ["StateDict", "load_torch_backbone", "load_torch_checkpoint", "read_state_dict", "read_torch_file"]
