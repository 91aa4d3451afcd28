"""Learning rate schedules."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_action")
class CosineDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Cosine decay to zero after a linear warm-up.

    The values are those of `keras.optimizers.schedules.CosineDecay`, without its conditionals: optimisers with
    decoupled weight decay call the schedule for each variable, and to trace the conditionals took TensorFlow 16 of the
    50 s of processor time before the first step of a small ACTION-Net with AdamW.

    Args:
        learning_rate: Float, the highest rate.
        decay_steps: Integer, the number of steps from the highest rate to zero.
        warmup_steps: Integer, the number of steps before, in which the rate rises from zero.

    Example:

    >>> schedule = CosineDecay(0.01, decay_steps=100, warmup_steps=10)
    >>> [round(float(schedule(step)), 5) for step in (0, 5, 10, 60, 110)]
    [0.0, 0.005, 0.01, 0.005, 0.0]
    """

    def __init__(self, learning_rate, decay_steps, warmup_steps=0):
        super().__init__()
        self.learning_rate = learning_rate
        self.decay_steps = decay_steps
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        share = ops.clip((step - self.warmup_steps) / self.decay_steps, 0.0, 1.0)
        rate = self.learning_rate * 0.5 * (1.0 + ops.cos(math.pi * share))
        return rate * ops.minimum(step / self.warmup_steps, 1.0) if self.warmup_steps else rate

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "decay_steps": self.decay_steps,
            "warmup_steps": self.warmup_steps,
        }


@keras.saving.register_keras_serializable(package="keras_action")
class StepDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Piecewise constant decay by a factor, after a linear warm-up.

    Args:
        learning_rate: Float, the highest rate.
        boundaries: Integers, ascending, the steps at which the rate falls.
        factor: Float, by which the rate is multiplied at each of them.
        warmup_steps: Integer, the number of steps in which the rate rises from zero.

    Example:

    >>> schedule = StepDecay(0.01, boundaries=[30, 40])
    >>> [round(float(schedule(step)), 5) for step in (29, 30, 40)]
    [0.01, 0.001, 0.0001]
    """

    def __init__(self, learning_rate, boundaries, factor=0.1, warmup_steps=0):
        super().__init__()
        self.learning_rate = learning_rate
        self.boundaries = list(boundaries)
        self.factor = factor
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rate = ops.convert_to_tensor(self.learning_rate, "float32")
        for boundary in self.boundaries:
            rate = rate * ops.where(step >= boundary, self.factor, 1.0)
        if self.warmup_steps:
            rate = rate * ops.minimum(step / self.warmup_steps, 1.0)
        return rate

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "boundaries": self.boundaries,
            "factor": self.factor,
            "warmup_steps": self.warmup_steps,
        }
