import keras
import numpy as np
import pytest

from keras_action.litert.fake_quantization import RoundedActivations, RoundedLayer, round_kernel


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


@pytest.mark.parametrize(("shape", "depthwise"), [((3, 3, 4, 5), False), ((3, 3, 4, 2), True), ((4, 5), False)])
def test_kernels_have_255_steps_for_each_channel(shape, depthwise):
    kernel = np.random.default_rng(0).normal(size=shape).astype("float32") * np.arange(1, shape[-1] + 1)
    rounded = to_numpy(round_kernel(keras.ops.convert_to_tensor(kernel), depthwise))
    axes = tuple(range(len(shape) - 1 - depthwise))
    step = np.abs(kernel).max(axis=axes, keepdims=True) / 127
    np.testing.assert_allclose(rounded / step, np.round(kernel / step), atol=1e-3)


def test_a_channel_of_zeros_stays():
    np.testing.assert_array_equal(to_numpy(round_kernel(keras.ops.zeros((2, 3)), False)), np.zeros((2, 3)))


def test_activations_are_left_alone_before_training_and_rounded_after():
    layer = RoundedActivations(momentum=0.5)
    x = np.linspace(-1, 3, 1001).astype("float32")[None]
    np.testing.assert_array_equal(to_numpy(layer(x)), x)
    first = to_numpy(layer(x, training=True))
    step = 4 / 255
    assert np.abs(first - x).max() <= step / 2 + 1e-6 + abs(-1 - round(-1 / step) * step)
    assert len(np.unique(first.round(5))) <= 256
    assert 0 in first.round(6)
    layer(2 * x, training=True)
    np.testing.assert_allclose(to_numpy(layer.range), [1, -1.5, 4.5], rtol=1e-5)
    assert to_numpy(layer(10 * x)).max() == pytest.approx(4.5, abs=0.05)  # clipped


def test_the_layer_inside_keeps_its_exact_weights():
    inner = keras.layers.Dense(4)
    layer = RoundedLayer(inner)
    x = np.random.default_rng(0).normal(size=(2, 3)).astype("float32")
    outputs = to_numpy(layer(x))
    kernel = to_numpy(round_kernel(inner.kernel, False))
    np.testing.assert_allclose(outputs, x @ kernel, rtol=1e-4)
    assert np.abs(to_numpy(inner.kernel) - kernel).max() > 0
    assert layer.compute_output_shape((2, 3)) == (2, 4)
