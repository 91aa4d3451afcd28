import pytest

from keras_action.layers import ChannelExcitation
from tests.layers import literal
from tests.test_case import assert_close, frames, numpy, randomise, run_layer_test


@pytest.mark.parametrize(
    ("t", "channels"),
    [(2, 3), (4, 24), *(pytest.param(*s, marks=pytest.mark.one_backend) for s in ((1, 16), (8, 64)))],
)
def test_equals_the_literal_formula(t, channels):
    inputs = frames(2 * t, 5, 6, channels)
    layer = ChannelExcitation(num_segments=t)
    layer.build(inputs.shape)
    assert layer.squeeze_kernel.shape == (channels, max(1, channels // 16))
    randomise(layer)
    weights = (numpy(w) for w in (layer.squeeze_kernel, layer.temporal_kernel, layer.expand_kernel))
    mask = literal.channel_mask(inputs, t, *weights)
    assert_close(layer.excitation(inputs), mask, atol=1e-6)
    assert_close(layer(inputs), inputs + inputs * mask, atol=1e-5)


def test_layer(tmp_path):
    run_layer_test(lambda **extra: ChannelExcitation(4, reduction=4, **extra), frames(8, 5, 6, 16), tmp_path)


@pytest.mark.parametrize(
    ("kwargs", "shape", "message"),
    [({"reduction": 0}, (8, 4, 4, 16), "at least 1"), ({}, (6, 4, 4, 16), "num_segments=4 divides")],
)
def test_bad_arguments(kwargs, shape, message):
    with pytest.raises(ValueError, match=message):
        ChannelExcitation(4, **kwargs)(frames(*shape))
