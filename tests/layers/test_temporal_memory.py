import keras
import numpy as np
import pytest

from keras_action.layers import StreamingStep, TemporalMemory
from tests.test_case import assert_close, numpy, run_layer_test


def features(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


def literal_gru(x, kernel, recurrent, bias):
    """A GRU over `(T, C)` as its equations say, with the reset after the product; the outputs `(T, units)`."""
    state, outputs = np.zeros(len(recurrent)), []
    for frame in x:
        inside, before = frame @ kernel + bias[0], state @ recurrent + bias[1]
        update, reset = (
            1 / (1 + np.exp(-(a + b))) for a, b in zip(_thirds(inside)[:2], _thirds(before)[:2], strict=True)
        )
        candidate = np.tanh(_thirds(inside)[2] + reset * _thirds(before)[2])
        state = update * state + (1 - update) * candidate
        outputs.append(state)
    return np.stack(outputs)


def _thirds(x):
    return np.split(x, 3)


@pytest.mark.parametrize("unroll", [False, pytest.param(True, marks=pytest.mark.one_backend)])
def test_each_clip_is_a_sequence_of_its_own(unroll):
    layer, x = TemporalMemory(7, num_segments=5, unroll=unroll), features(10, 6)
    outputs = numpy(layer(x))
    rng = np.random.default_rng(1)
    layer.set_weights([0.5 * rng.standard_normal(weight.shape) for weight in layer.weights])
    outputs = numpy(layer(x))
    weights = [numpy(weight) for weight in layer.weights]
    expected = np.concatenate([literal_gru(clip, *weights) for clip in x.reshape(2, 5, 6)])
    assert_close(outputs, expected, atol=1e-5)


def test_frame_by_frame_equals_the_clip():
    layer, x = TemporalMemory(7, num_segments=5), features(10, 6)
    expected = numpy(layer(x)).reshape(2, 5, 7)
    step, state = StreamingStep(layer), np.zeros((2, 7), "float32")
    for time, frame in enumerate(x.reshape(2, 5, 6).swapaxes(0, 1)):
        output, state = step([frame, state])
        assert_close(output, expected[:, time], atol=1e-6)


def test_layer(tmp_path):
    run_layer_test(lambda **extra: TemporalMemory(6, 4, **extra), features(8, 6), tmp_path)


@pytest.mark.parametrize("units", [0, -3, 2.5, True])
def test_units(units):
    with pytest.raises(ValueError, match="`units` must be a positive integer"):
        TemporalMemory(units)


@pytest.mark.parametrize(
    ("shape", "message"),
    [((7, 6), "a batch that num_segments=4 divides"), ((8, 2, 2, 6), r"features of shape \(B·T, C\)")],
)
def test_inputs_that_are_no_whole_clips(shape, message):
    with pytest.raises(ValueError, match=f"TemporalMemory expects {message}.* Received: "):
        TemporalMemory(3, num_segments=4)(keras.ops.ones(shape))
