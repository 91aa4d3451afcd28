import keras
import numpy as np
import pytest

from keras_action.optimizers.schedules import CosineDecay, StepDecay

STEPS = (0, 1, 5, 9, 10, 11, 40, 109, 110, 500)


@pytest.mark.parametrize("warmup", [0, 10])
def test_cosine_decay_is_that_of_keras(warmup):
    rates = {"initial_learning_rate": 0.0, "warmup_target": 0.3} if warmup else {"initial_learning_rate": 0.3}
    theirs = keras.optimizers.schedules.CosineDecay(**rates, decay_steps=100, warmup_steps=warmup)
    ours = CosineDecay(0.3, decay_steps=100, warmup_steps=warmup)
    np.testing.assert_allclose([ours(step) for step in STEPS], [theirs(step) for step in STEPS], atol=1e-7)


@pytest.mark.parametrize("schedule", [CosineDecay(0.3, 100, 10), StepDecay(0.3, [20, 50], 0.5, 10)])
def test_is_saved_with_an_optimiser(schedule):
    optimizer = keras.optimizers.AdamW(schedule)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))._learning_rate
    assert type(copy) is type(schedule)
    assert [float(copy(step)) for step in STEPS] == [float(schedule(step)) for step in STEPS]


def test_step_decay():
    schedule = StepDecay(0.8, [20, 50], 0.5, 10)
    assert [round(float(schedule(step)), 6) for step in (0, 5, 10, 19, 20, 49, 50)] == [0, 0.4, 0.8, 0.8, 0.4, 0.4, 0.2]
