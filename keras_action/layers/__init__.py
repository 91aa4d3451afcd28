"""ACTION, its parts, and other layers over frames `(B·T, H, W, C)`, time folded into the batch."""

from keras_action.layers.action import Action
from keras_action.layers.channel_excitation import ChannelExcitation
from keras_action.layers.fold_time import FoldTime, UnfoldTime
from keras_action.layers.motion_excitation import MotionExcitation
from keras_action.layers.reverse_channels import ReverseChannels
from keras_action.layers.spatio_temporal_excitation import SpatioTemporalExcitation
from keras_action.layers.streaming_step import StreamingStep
from keras_action.layers.temporal_memory import TemporalMemory
from keras_action.layers.temporal_shift import TemporalShift

__all__ = [
    "Action",
    "ChannelExcitation",
    "FoldTime",
    "MotionExcitation",
    "ReverseChannels",
    "SpatioTemporalExcitation",
    "StreamingStep",
    "TemporalMemory",
    "TemporalShift",
    "UnfoldTime",
]
