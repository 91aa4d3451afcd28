import pytest

from keras_action.layers import MotionExcitation
from keras_action.layers.motion_excitation import border_means, mean_of_depthwise_conv
from tests.layers import literal
from tests.test_case import assert_close, frames, numpy, randomise, run_layer_test


def literal_mask(layer, inputs, t, training):
    norm = layer.norm
    statistics = (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    weights = (layer.squeeze_kernel, *statistics, layer.spatial_kernel, layer.expand_kernel)
    return literal.motion_mask(inputs, t, *(numpy(w) for w in weights), training=training)


@pytest.mark.parametrize(
    ("height", "width"),
    [(1, 1), *(pytest.param(*s, marks=pytest.mark.one_backend) for s in ((1, 4), (2, 2), (3, 1))), (5, 7)],
)
def test_nine_sums_give_the_mean_of_the_convolution(height, width):
    x, kernel = frames(3, height, width, 4), frames(3, 3, 4, 1, seed=1)
    expected = literal.depthwise_conv(x, kernel).mean(axis=(1, 2))
    assert_close(mean_of_depthwise_conv(border_means(x), kernel), expected, atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("t", "channels"),
    [
        (1, 16),
        pytest.param(2, 3, marks=pytest.mark.one_backend),
        (4, 24),
        pytest.param(8, 64, marks=pytest.mark.one_backend),
    ],
)
def test_equals_the_literal_formula(t, channels, training):
    inputs = frames(2 * t, 5, 6, channels)
    layer = MotionExcitation(num_segments=t)
    layer.build(inputs.shape)
    randomise(layer)
    mask = literal_mask(layer, inputs, t, training)
    assert_close(layer.excitation(inputs, training=training), mask, atol=2e-6)
    assert_close(layer(inputs, training=training), inputs + inputs * mask, atol=1e-5)


def test_last_frame_has_no_motion_and_of_a_causal_layer_the_first():
    masks = []
    for causal in (False, True):
        layer = MotionExcitation(num_segments=4, causal=causal)
        inputs = frames(8, 5, 6, 16)
        layer.build(inputs.shape)
        randomise(layer)
        masks.append(numpy(layer.excitation(inputs)).reshape(2, 4, 16))
    assert_close(masks[0][:, -1], 0.5, atol=1e-6)
    assert_close(masks[1][:, 0], 0.5, atol=1e-6)
    assert_close(masks[1][:, 1:], masks[0][:, :-1], atol=1e-6)  # the same motions, one frame later


def test_layer(tmp_path):
    run_layer_test(lambda **extra: MotionExcitation(4, reduction=4, **extra), frames(8, 5, 6, 16), tmp_path)


@pytest.mark.parametrize(
    ("kwargs", "shape", "message"),
    [({"reduction": 0}, (8, 4, 4, 16), "at least 1"), ({}, (6, 4, 4, 16), "num_segments=4 divides")],
)
def test_bad_arguments(kwargs, shape, message):
    with pytest.raises(ValueError, match=message):
        MotionExcitation(4, **kwargs)(frames(*shape))
