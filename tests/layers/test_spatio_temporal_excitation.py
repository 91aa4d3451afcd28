import pytest

from keras_action.layers import SpatioTemporalExcitation
from tests.layers import literal
from tests.test_case import assert_close, frames, numpy, randomise, run_layer_test


@pytest.mark.parametrize("t", [1, 3, *(pytest.param(t, marks=pytest.mark.one_backend) for t in (2, 8))])
def test_banded_2d_convolution_equals_the_3d_convolution(t):
    inputs = frames(2 * t, 5, 6, 10)
    layer = SpatioTemporalExcitation(num_segments=t)
    layer.build(inputs.shape)
    randomise(layer)
    mask = literal.spatio_temporal_mask(inputs, t, numpy(layer.kernel))
    assert_close(layer.excitation(inputs), mask, atol=1e-6)
    assert_close(layer(inputs), inputs + inputs * mask, atol=1e-5)


def test_layer(tmp_path):
    run_layer_test(lambda **extra: SpatioTemporalExcitation(4, **extra), frames(8, 5, 6, 16), tmp_path)


def test_bad_batch():
    with pytest.raises(ValueError, match="num_segments=4 divides"):
        SpatioTemporalExcitation(4)(frames(6, 4, 4, 16))
