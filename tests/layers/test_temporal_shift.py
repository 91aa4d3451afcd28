import numpy as np
import pytest

from keras_action.layers import TemporalShift
from keras_action.layers.temporal_shift import causal_kernel
from tests.layers import literal
from tests.test_case import assert_close, frames, numpy, randomise, run_layer_test


@pytest.mark.parametrize("mode", ["fixed", "learnable"])
@pytest.mark.parametrize(
    ("t", "channels", "divisor"),
    [
        (4, 16, 8),
        pytest.param(4, 24, 8, marks=pytest.mark.one_backend),
        pytest.param(1, 8, 8, marks=pytest.mark.one_backend),
        pytest.param(8, 9, 4, marks=pytest.mark.one_backend),
        (2, 7, 3),
    ],
)
def test_starts_as_the_shift_of_tsm(mode, t, channels, divisor):
    inputs = frames(2 * t, 3, 4, channels)
    outputs = numpy(TemporalShift(t, divisor, mode=mode)(inputs)).reshape(2, t, 3, 4, channels)
    clips, fold = inputs.reshape(outputs.shape), channels // divisor
    expected = clips.copy()
    expected[..., : 2 * fold] = 0
    expected[:, :-1, ..., :fold] = clips[:, 1:, ..., :fold]
    expected[:, 1:, ..., fold : 2 * fold] = clips[:, :-1, ..., fold : 2 * fold]
    assert_close(outputs, expected, atol=1e-6)


@pytest.mark.parametrize("past_channels", ["first", "second"])
@pytest.mark.parametrize("mode", ["fixed", "learnable"])
@pytest.mark.parametrize(
    ("t", "channels", "divisor"),
    [
        (4, 16, 8),
        pytest.param(1, 8, 8, marks=pytest.mark.one_backend),
        pytest.param(8, 9, 4, marks=pytest.mark.one_backend),
        (2, 7, 2),
    ],
)
def test_some_channels_of_a_causal_one_take_the_frame_before(past_channels, mode, t, channels, divisor):
    inputs = frames(2 * t, 3, 4, channels)
    layer = TemporalShift(t, divisor, mode=mode, causal=True, past_channels=past_channels)
    outputs = numpy(layer(inputs)).reshape(2, t, 3, 4, channels)
    clips, fold = inputs.reshape(outputs.shape), channels // divisor
    past = slice(0, fold) if past_channels == "first" else slice(fold, 2 * fold)
    expected = clips.copy()
    expected[:, 1:, ..., past] = clips[:, :-1, ..., past]
    expected[:, 0, ..., past] = 0
    assert_close(outputs, expected, atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_any_kernel_equals_the_literal_formula(causal):
    inputs = frames(8, 3, 4, 16)
    layer = TemporalShift(num_segments=4, causal=causal)
    layer.build(inputs.shape)
    randomise(layer)
    assert_close(layer(inputs), literal.shift(inputs, 4, numpy(layer.kernel), causal), atol=1e-5)


def test_a_causal_kernel_takes_of_the_frame_what_was_taken_of_the_next():
    kernel = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    np.testing.assert_array_equal(causal_kernel(kernel), [[0, 0], [1, 2], [8, 10]])


@pytest.mark.parametrize("mode", [pytest.param("fixed", marks=pytest.mark.one_backend), "learnable"])
def test_layer(mode, tmp_path):
    run_layer_test(lambda **extra: TemporalShift(4, mode=mode, **extra), frames(8, 5, 6, 16), tmp_path)


@pytest.mark.one_backend
def test_layer_of_the_online_tsm(tmp_path):
    options = {"mode": "fixed", "causal": True, "past_channels": "first"}
    run_layer_test(lambda **extra: TemporalShift(4, **options, **extra), frames(8, 5, 6, 16), tmp_path)


def test_fixed_has_no_weights():
    layer = TemporalShift(4, mode="fixed")
    layer.build((8, 5, 6, 16))
    assert layer.weights == []


@pytest.mark.parametrize(
    ("kwargs", "shape", "message"),
    [
        ({"mode": "free"}, (8, 4, 4, 16), "`mode` must be"),
        ({"past_channels": "third", "causal": True}, (8, 4, 4, 16), "past_channels='third'"),
        ({"past_channels": "first"}, (8, 4, 4, 16), "past_channels='first', causal=False"),
        ({}, (6, 4, 4, 16), "num_segments=4 divides"),
        ({}, (8, 4, 4, 4), "shifts nothing below 8 channels"),
        ({}, (8, 16), "expects frames"),
    ],
)
def test_bad_arguments(kwargs, shape, message):
    with pytest.raises(ValueError, match=message):
        TemporalShift(4, **kwargs)(frames(*shape))
