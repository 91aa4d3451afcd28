"""Models that break one of the rules each: the conversion fails, says what is to blame, and writes nothing."""

import keras
import pytest

from keras_action.layers import FoldTime, UnfoldTime
from keras_action.litert import ConversionError, convert
from keras_action.litert.inspection import FileSummary, OperatorSummary
from keras_action.litert.layer_names import LayerNames
from keras_action.litert.partitions import Partitions
from keras_action.litert.requirements import check_requirements
from tests.litert.color_model import CLIP_SHAPE


class Spectrum(keras.layers.Layer):
    """Has an operator of TensorFlow's alone."""

    def call(self, inputs):
        real, _ = keras.ops.fft2((inputs[..., 0], inputs[..., 1]))
        return keras.ops.mean(real, axis=1)


class Counter(keras.layers.Layer):
    """Changes a variable when it is called."""

    def build(self, input_shape):
        self.calls = self.add_weight(shape=(), trainable=False, initializer="zeros", name="calls")

    def call(self, inputs):
        self.calls.assign(self.calls + 1.0)
        return keras.ops.mean(inputs, axis=(1, 2)) * self.calls


class Chooser(keras.layers.Layer):
    """Gives as many rows as there are bright frames."""

    def call(self, inputs):
        import tensorflow as tf

        means = keras.ops.mean(inputs, axis=(1, 2))
        return tf.boolean_mask(means, means[:, 0] > 100)

    def compute_output_shape(self, input_shape):
        return (None, input_shape[-1])


class Cutter(keras.layers.Layer):
    """Has an operator between others that XNNPACK lacks: an index that takes an axis away."""

    def call(self, inputs):
        return keras.ops.exp(keras.ops.mean(keras.ops.exp(inputs / 255)[:, 0], axis=1))


def frames_model(layer):
    clip = keras.Input(CLIP_SHAPE, name="clip")
    x = UnfoldTime(4)(keras.layers.Dense(4)(layer(FoldTime()(clip))))
    return keras.Model(clip, keras.layers.GlobalAveragePooling1D()(x))


def chooser_model():
    clip = keras.Input(CLIP_SHAPE, name="clip")
    rows = Chooser(name="odd")(FoldTime()(clip))
    return keras.Model(clip, keras.ops.mean(rows, axis=0, keepdims=True))


def cube_model():
    clip = keras.Input(CLIP_SHAPE, name="clip")
    x = keras.layers.Conv3D(4, 3, name="odd")(clip)
    return keras.Model(clip, keras.layers.GlobalAveragePooling3D()(x))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: frames_model(Spectrum(name="odd")), "LiteRT does not have these .*FFT2D of layer odd"),
        (lambda: frames_model(Counter(name="odd")), "variables must be frozen.*READ_VARIABLE.*odd"),
        (chooser_model, "all shapes must be known.*WHERE .* of odd"),
        (cube_model, r"above rank 4.*CONV_3D \(1, 2, 14, 14, 4\) of odd"),
        (
            lambda: frames_model(Cutter(name="odd")),
            "XNNPACK computes it in 2 parts.*STRIDED_SLICE .* of odd",
        ),
    ],
    ids=["Flex", "variable", "dynamic shape", "rank", "partitions"],
)
def test_a_model_that_breaks_a_rule(tmp_path, make, message):
    with pytest.raises(ConversionError, match=rf"(?s)The file is refused: .*{message}"):
        convert(make(), tmp_path / "model.tflite")
    assert list(tmp_path.iterdir()) == []


def test_partitions_may_be_allowed(tmp_path):
    report = convert(frames_model(Cutter(name="odd")), tmp_path / "model.tflite", max_partitions=None)
    assert report.summary.partitions.count == 2
    assert report.summary.partitions.outside_operators == {"STRIDED_SLICE": 1}
    assert "2; left outside: 1 STRIDED_SLICE" in str(report)


def summary(partitions=1, **changes):
    values = {
        "name": "CONV_2D",
        "tensors": ("litert_1/model_1/odd_1/convolution",),
        "inputs": (),
        "shape": (1, 8, 8, 4),
        "is_float": False,
        "is_foreign": False,
        "multiply_adds": 1,
        "per_channel": True,
    }
    parts = Partitions(partitions, () if partitions == 1 else (("CONV_2D", values["tensors"][0]),))
    return FileSummary(1, {}, {}, (OperatorSummary(**{**values, **changes}),), (), parts)


@pytest.fixture(scope="module")
def names():
    clip = keras.Input(CLIP_SHAPE)
    return LayerNames(keras.Model(clip, keras.layers.Dense(2, name="odd")(clip)))


def test_integer_files(names):
    check_requirements(summary(), "int8", names)
    check_requirements(summary(is_float=True), "float16", names)
    check_requirements(summary(is_float=True), "int8", names, kept_float={"litert_1/model_1/odd_1/convolution"})
    with pytest.raises(ConversionError, match=r"still compute with floats. Received: CONV_2D \(1, 8, 8, 4\) of odd"):
        check_requirements(summary(is_float=True), "int16x8", names)
    with pytest.raises(ConversionError, match="a scale for each channel"):
        check_requirements(summary(per_channel=False), "int8", names)


def test_nothing_delegated_is_too_few_where_xnnpack_has_kernels(names):
    check_requirements(summary(partitions=0), "int16x8", names)
    check_requirements(summary(partitions=7), "dynamic", names)
    with pytest.raises(ConversionError, match="0 parts"):
        check_requirements(summary(partitions=0), "int8", names)
