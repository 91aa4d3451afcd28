import keras
import numpy as np
import pytest

import keras_action
from keras_action.layers import Action
from keras_action.models.gain import divide_gain
from tests.test_case import frames, numpy, shared


def network(layer):
    x = inputs = keras.Input((8, 8, 16), name="frames")
    x = keras.layers.Conv2D(16, 1, name="conv")(x)
    return keras.Model(inputs, keras.layers.ReLU()(layer(x)))


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.layers.Conv2D(4, 3, name="next"),
        lambda: keras.layers.DepthwiseConv2D(3, name="next"),
        lambda: keras.layers.SeparableConv2D(4, 3, name="next"),
        lambda: keras.layers.BatchNormalization(epsilon=0.1, name="next"),
    ],
)
@pytest.mark.parametrize("paths", [("me",), ("ste", "ce", "me")])
def test_modules_that_have_learnt_nothing_change_nothing(make, paths):
    keras.utils.set_random_seed(0)
    plain = network(make())
    if isinstance(plain.get_layer("next"), keras.layers.BatchNormalization):
        plain.get_layer("next").set_weights(list(np.random.default_rng(0).uniform(0.5, 2, (4, 16))))
    module = Action(num_segments=4, paths=paths, shift=None, name="action")
    model = keras_action.insert_layers(plain, {"next": module})
    module.set_weights([np.zeros(weight.shape) for weight in module.weights])  # all masks are 0.5
    x = frames(4, 8, 8, 16)
    expected = plain.predict(x, verbose=0)
    assert np.abs(model.predict(x, verbose=0) - expected).max() > 0.1
    divide_gain(model)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)


def test_imagenet_features_stay_what_they_are():
    options = {"weights": shared("weights/mobilenet_v2_imagenet.npz"), "input_size": 64}
    clip = np.random.default_rng(0).integers(0, 256, (1, 1, 64, 64, 3)).repeat(4, axis=1)

    def spread(build, **more):
        model = build("mobilenet_v2", 3, 4, **options, **more)
        return np.std(numpy(keras.Model(model.input, model.get_layer("block_16_project_BN").output)(clip)[2]))

    keras.utils.set_random_seed(0)
    plain = spread(keras_action.build_tsn)
    with_gain, without = (
        spread(keras_action.build_action_net, unit_gain=value, stages=(3, 4)) for value in (False, True)
    )
    assert abs(without / plain - 1) < abs(with_gain / plain - 1)


def test_what_cannot_be_scaled():
    inputs = keras.Input((8, 8, 16))
    model = keras.Model(inputs, keras.layers.ReLU(name="relu")(Action(4, name="action")(inputs)))
    with pytest.raises(ValueError, match=r"`unit_gain` needs a convolution.*behind which is 'relu' \(ReLU\)"):
        divide_gain(model)
    with pytest.raises(
        ValueError, match=r"weights of a network without modules\. Received: unit_gain=True, weights=None"
    ):
        keras_action.build_action_net("mobilenet_v2", 3, unit_gain=True)
