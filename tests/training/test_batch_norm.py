import keras
import numpy as np
import pytest

from keras_action.layers import Action
from keras_action.training.batch_norm import adapt_batch_norm
from tests.test_case import frames


def network():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.BatchNormalization(name="first", trainable=False)(inputs)
    x = keras.layers.Conv2D(16, 1, name="conv")(x)
    x = Action(num_segments=4, name="action")(x)
    return keras.Model(inputs, keras.layers.BatchNormalization(momentum=0.9, name="last")(x))


def test_statistics_are_those_of_the_batches():
    model, batches = network(), [(5 * frames(4, 6, 6, 3, seed=seed) + seed, None) for seed in range(3)]
    before = {weight.path: np.array(weight) for weight in model.weights}
    adapt_batch_norm(model, iter(batches))
    means = [x.mean(axis=(0, 1, 2)) for x, _ in batches]
    variances = [x.var(axis=(0, 1, 2)) for x, _ in batches]
    first = model.get_layer("first")
    np.testing.assert_allclose(np.array(first.moving_mean), np.mean(means, axis=0), rtol=1e-5)
    # TensorFlow's fused kernel divides by n - 1.
    np.testing.assert_allclose(np.array(first.moving_variance), np.mean(variances, axis=0), rtol=0.01)
    changed = {weight.path for weight in model.weights if (np.array(weight) != before[weight.path]).any()}
    assert changed and changed == {path for path in before if "moving_" in path}  # those inside of ACTION too


def test_a_fresh_module_no_longer_multiplies():
    model, x = network(), 5 * frames(4, 6, 6, 3)
    without = model.predict(x, verbose=0).std()
    adapt_batch_norm(model, [(x,)])
    assert model.predict(x, verbose=0).std() == pytest.approx(1, abs=0.05) and without > 2


def test_settings_stay_as_they_were():
    model = network()
    first, last = model.get_layer("first"), model.get_layer("last")
    with pytest.raises(ValueError, match="at least one batch"):
        adapt_batch_norm(model, [])
    with pytest.raises(ValueError):
        adapt_batch_norm(model, [(frames(4, 6, 6, 2),)])  # two channels
    assert (first.trainable, last.trainable, last.momentum) == (False, True, 0.9)
