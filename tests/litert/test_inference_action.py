import keras
import numpy as np
import pytest

from keras_action.layers import (
    Action,
    ChannelExcitation,
    MotionExcitation,
    SpatioTemporalExcitation,
    TemporalShift,
)
from keras_action.litert.inference_action import InferenceAction, motion_kernel, squeezed_means
from tests.test_case import assert_close, frames, numpy, randomise


def inference_form(layer, shape):
    inference = InferenceAction.like(layer)
    inference.build(shape)
    inference.take_weights(layer)
    return inference


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda **k: Action(4, **k), (8, 6, 5, 24)),
        (lambda **k: Action(1, **k), (3, 4, 4, 16)),
        (lambda **k: Action(16, **k), (16, 3, 3, 96)),
        (lambda **k: Action(4, **k), (4, 1, 7, 16)),
        (lambda **k: Action(4, **k), (4, 7, 1, 16)),
        (lambda **k: Action(4, shift="fixed", **k), (4, 5, 5, 16)),
        (lambda **k: Action(4, shift=None, paths=("ste", "ce"), **k), (4, 5, 5, 16)),
        (lambda **k: Action(4, paths="ste", **k), (4, 5, 5, 16)),
        (lambda **k: Action(4, paths="ce", **k), (4, 5, 5, 16)),
        (lambda **k: Action(4, paths="me", reduction=4, **k), (4, 5, 5, 16)),
        (lambda **k: TemporalShift(4, **k), (4, 6, 6, 32)),
        (lambda **k: TemporalShift(4, mode="fixed", **k), (4, 5, 5, 64)),
        (lambda **k: SpatioTemporalExcitation(4, **k), (4, 5, 5, 3)),
        (lambda **k: ChannelExcitation(4, **k), (4, 5, 5, 16)),
        (lambda **k: MotionExcitation(4, **k), (4, 5, 5, 48)),
    ],
)
def test_it_gives_what_the_layer_gives(make, shape, causal):
    layer = make(causal=causal)
    x = frames(*shape)
    layer(x)
    randomise(layer)
    inference = inference_form(layer, (None, *shape[1:]))
    assert_close(inference(x), layer(x), rtol=2e-5, atol=2e-5)


def test_squeezed_means_are_the_means_of_the_squeezed():
    x, kernel = frames(2, 5, 7, 6), frames(6, 3, seed=1)
    squeezed = x @ kernel
    corners = [squeezed[:, row, column] for row in (0, -1) for column in (0, -1)]
    borders = [squeezed[:, 0].mean(1), squeezed[:, -1].mean(1), squeezed[:, :, 0].mean(1), squeezed[:, :, -1].mean(1)]
    expected = np.stack([squeezed.mean((1, 2)), *borders, *corners], axis=1)[:, None]
    actual = squeezed_means(keras.ops.convert_to_tensor(x), x.mean((1, 2), keepdims=True), keras.ops.array(kernel))
    assert_close(actual, expected, atol=1e-5)


def test_motion_kernel_is_the_mean_of_the_motion():
    f, kernel = frames(2, 6, 5, 3), frames(3, 3, 3, 1, seed=1)
    convolved = numpy(keras.ops.depthwise_conv(f, kernel, padding="same"))
    expected = (convolved[1] - f[0]).mean((0, 1))
    means = squeezed_means(keras.ops.convert_to_tensor(f), f.mean((1, 2), keepdims=True), keras.ops.eye(3))
    actual = (numpy(means)[:, 0] * motion_kernel(kernel, 6, 5)[..., 0]).sum((0, 1))
    assert_close(actual, expected, atol=1e-5)


def test_it_is_saved_and_loaded(tmp_path):
    layer = Action(4, causal=True, name="action")
    x = frames(4, 5, 5, 16)
    layer(x)
    randomise(layer)
    inputs = keras.Input((5, 5, 16))
    inference = InferenceAction.like(layer)
    model = keras.Model(inputs, inference(inputs))
    inference.take_weights(layer)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("action").get_config() == inference.get_config()
    assert not loaded.trainable_weights
    assert_close(loaded(x), layer(x), atol=1e-5)


def test_frames_that_are_no_clips():
    with pytest.raises(ValueError, match=r"num_segments=4 divides.*Received: 6 frames"):
        InferenceAction(4)(frames(6, 4, 4, 16))
