"""Weights from elsewhere: PyTorch state dicts → Keras models."""

from keras_action.weights.torch_checkpoints import load_torch_backbone, load_torch_checkpoint

__all__ = ["load_torch_backbone", "load_torch_checkpoint"]
