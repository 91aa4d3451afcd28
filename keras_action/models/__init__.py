"""The models: ACTION-Net and its baselines on 2D backbones, and the insertion into any functional model."""

from keras_action.models.builder import build_action_net, build_tsm, build_tsn
from keras_action.models.insertion import insert_layers

__all__ = ["build_action_net", "build_tsm", "build_tsn", "insert_layers"]
