"""Learning rate schedules."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_action")
class StepDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that falls by a factor at given steps, after a linear warm-up.

    Args:
        learning_rate: Float, the highest.
        boundaries: Integers, ascending, the steps from which on it is lower.
        factor: Float by which it is multiplied at each of them.
        warmup_steps: Integer, the steps in which it rises from zero.

    Example:

    >>> schedule = StepDecay(0.01, boundaries=[30, 40])
    >>> [float(schedule(step)) for step in (29, 30, 40)]
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
