"""Optimisers and learning-rate schedules."""

from keras_action.optimizers.adamw import AdamW
from keras_action.optimizers.parameter_group_sgd import ParameterGroupSGD, parameter_groups
from keras_action.optimizers.schedules import CosineDecay, StepDecay

__all__ = ["AdamW", "CosineDecay", "ParameterGroupSGD", "StepDecay", "parameter_groups"]
