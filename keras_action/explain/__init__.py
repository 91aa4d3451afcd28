"""Class activation maps, and the masks of the excitation paths."""

from keras_action.explain.cam import class_activation_maps, grad_cam
from keras_action.explain.masks import excitation_masks
from keras_action.explain.visualization import Activations, visualize

__all__ = ["Activations", "class_activation_maps", "excitation_masks", "grad_cam", "visualize"]
