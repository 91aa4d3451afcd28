"""ACTION-Net, TSM and TSN on 2D backbones, and the insertion of layers into any functional model."""

from keras_action.models.backbones import BACKBONES
from keras_action.models.blocks import find_blocks, insertion_points
from keras_action.models.bn_inception import BNInception
from keras_action.models.builder import build_action_net, build_tsm, build_tsn
from keras_action.models.complexity_report import Complexity, complexity
from keras_action.models.insertion import InsertionPoint, insert_layers
from keras_action.models.motion_weights import load_motion_weights, save_motion_weights
from keras_action.models.resizing import resize_model
from keras_action.models.streaming import initial_states, state_bytes, streaming_model
from keras_action.models.torch_backbone import load_torch_backbone
from keras_action.models.torch_checkpoint import load_torch_checkpoint

__all__ = [
    "BACKBONES",
    "BNInception",
    "Complexity",
    "InsertionPoint",
    "build_action_net",
    "build_tsm",
    "build_tsn",
    "complexity",
    "find_blocks",
    "initial_states",
    "insert_layers",
    "insertion_points",
    "load_motion_weights",
    "load_torch_backbone",
    "load_torch_checkpoint",
    "resize_model",
    "save_motion_weights",
    "state_bytes",
    "streaming_model",
]
