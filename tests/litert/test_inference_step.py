import keras
import numpy as np
import pytest

from keras_action import layers
from keras_action.layers import StreamingStep
from keras_action.litert.inference_step import InferenceStep, row_kernel, strip_kernel
from tests.layers import literal
from tests.layers.test_streaming_step import CASES, make, zeros
from tests.test_case import assert_close, frames, numpy


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 4), (2, 2), (3, 1), (5, 7)])
def test_three_strips_give_the_mean_of_the_convolution(height, width):
    x, kernel = frames(3, height, width, 4), frames(3, 3, 4, 1, seed=1)
    expected = literal.depthwise_conv(x, kernel).mean(axis=(1, 2))
    strips = np.stack([x.mean(axis=1), x[:, 0], x[:, -1]], axis=1)
    actual = (strips * strip_kernel(kernel, height, width)[..., 0]).sum(axis=(1, 2))
    assert_close(actual, expected, atol=1e-5)


def test_rows_as_channels_give_the_convolution_in_space_and_time():
    layer = layers.SpatioTemporalExcitation(3)
    layer.build((None, 5, 6, 1))
    x = frames(3, 5, 6, 1)
    expected = numpy(layer.excitation(x))[1]  # the frame in the middle sees all three
    rows = x[..., 0].transpose(1, 0, 2).reshape(1, 5, 1, 18)
    actual = keras.ops.sigmoid(keras.ops.conv(rows, row_kernel(numpy(layer.kernel), 6), padding="same"))
    assert_close(numpy(actual).reshape(5, 6, 1), expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 5, 6, 16), (1, 1, 2, 9)], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_frame_by_frame_it_gives_what_the_step_gives(case, shape):
    layer = make(case, (None, *shape[1:]))
    step = StreamingStep(layer)
    values = [zeros(layer, shape)] * 2
    step([keras.ops.convert_to_tensor(x) for x in (frames(*shape), *values[0])])
    inference = InferenceStep.like(step)
    inference.build([shape, *(x.shape for x in values[0])])
    inference.take_weights(step)
    for t in range(4):
        frame = frames(*shape, seed=t)
        outputs = []
        for i, form in enumerate((step, inference)):
            output, *after = form([keras.ops.convert_to_tensor(x) for x in (frame, *values[i])])
            outputs.append(output)
            values[i] = [numpy(x) for x in after]
        assert_close(outputs[1], outputs[0], atol=2e-5)


def test_its_name_and_configuration():
    layer = layers.Action(8, causal=True, name="x")
    step = StreamingStep(layer, name="x")
    inputs = [keras.Input(shape) for shape in ((6, 6, 32), *layer.state_shapes((1, 6, 6, 32)).values())]
    step(inputs)
    twin = InferenceStep.like(step)
    assert twin.get_config() == InferenceStep.from_config(twin.get_config()).get_config()
    assert twin.name == "x" and [x.shape for x in twin(inputs)] == [x.shape for x in inputs]
