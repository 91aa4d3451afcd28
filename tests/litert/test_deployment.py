import keras
import numpy as np
import pytest

from keras_action import build_action_net, build_tsm, build_tsn
from keras_action.layers import Action, ReverseChannels, TemporalShift
from keras_action.litert import LiteRTModel, convert
from keras_action.litert.deployment import AddToChannels, deployment_model
from keras_action.litert.inference_action import InferenceAction
from keras_action.litert.inference_pooling import InferencePooling
from keras_action.models.backbones import BACKBONES, Backbone, Preprocessing, Variant
from tests import tiny
from tests.test_case import assert_close, dtype_policy, numpy, randomise


def bottlenecks(input_shape, include_top, weights):
    """A backbone of two inverted bottlenecks, as small as one can be that has every location."""
    x = inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(16, 3, strides=4, padding="same", use_bias=False, name="stem")(x)
    x = keras.layers.BatchNormalization(name="stem_norm")(x)
    for block in ("one", "two"):
        y = keras.layers.Conv2D(32, 1, use_bias=False, name=f"{block}_expand")(x)
        y = keras.layers.ReLU(6.0, name=f"{block}_relu")(keras.layers.BatchNormalization(name=f"{block}_norm")(y))
        y = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{block}_depthwise")(y)
        y = keras.layers.Conv2D(16, 1, name=f"{block}_project")(y)
        x = keras.layers.Add(name=f"{block}_add")([x, keras.layers.BatchNormalization(name=f"{block}_last")(y)])
    return keras.Model(inputs, x)


@pytest.fixture(autouse=True)
def small_backbone(monkeypatch):
    variants = {"keras": Variant(Preprocessing((1 / 127.5,) * 3, (-1.0,) * 3))}
    monkeypatch.setitem(BACKBONES, "bottlenecks", Backbone(bottlenecks, variants))


def make(builder=build_action_net, backbone="bottlenecks", num_segments=2, input_size=32, **options):
    """A small model whose weights are all away from where they start, and clips for it."""
    if backbone == "mobilenet_v2":
        options.setdefault("alpha", 0.35)
    keras.utils.set_random_seed(0)
    model = builder(backbone, 5, num_segments, input_size=input_size, **options)
    for layer in model.layers:
        if isinstance(layer, (Action, TemporalShift, keras.layers.BatchNormalization)):
            randomise(layer)
    model.get_layer("classifier").kernel.assign(model.get_layer("classifier").kernel * 100)
    clips = np.random.default_rng(0).uniform(0, 255, (2, *model.input_shape[1:])).astype("float32")
    return model, clips


def assert_same_function(model, clips):
    deployed = deployment_model(model)
    # Not by `predict`: to trace the graphs takes longer than all else.
    expected = numpy(model(clips, training=False))
    assert np.isfinite(expected).all() and np.ptp(expected) > 0
    assert_close(deployed(clips, training=False), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    return deployed


def name_of(options):
    return "-".join(getattr(value, "__name__", str(value)) for value in options.values())


OPTIONS = [
    {"num_segments": 4},
    {"num_segments": 16, "location": 2},
    {"location": 3, "shift": None, "paths": ("ste", "ce")},
    {"location": 4, "shift": "fixed", "paths": ("me",), "include_preprocessing": False},
    {"builder": build_tsm, "input_size": (32, 64)},
    {"causal": True, "num_segments": 3},
]


@pytest.mark.parametrize("options", OPTIONS, ids=name_of)
def test_bottlenecks_are_the_same_function(options):
    model, clips = make(**options)
    assert any(isinstance(layer, (Action, TemporalShift)) for layer in model.layers)
    deployed = assert_same_function(model, clips)
    assert not any(isinstance(layer, (Action, TemporalShift)) for layer in deployed.layers)


@pytest.mark.parametrize(
    "options",
    [
        OPTIONS[0],
        *(
            pytest.param(options, marks=pytest.mark.slow)
            for options in (*OPTIONS[1:], {"builder": build_tsm, "variant": "torchvision", "input_size": (32, 64)})
        ),
    ],
    ids=name_of,
)
def test_mobilenet_is_the_same_function(options):
    deployed = assert_same_function(*make(backbone="mobilenet_v2", **options))
    assert not any(isinstance(layer, (Action, TemporalShift)) for layer in deployed.layers)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"backbone": "resnet50"},
        {"builder": build_tsm, "shift": "learnable", "causal": True},
        {"builder": build_tsm, "causal": True, "past_channels": "first"},
        {"backbone": "resnet50", "variant": "torchvision", "builder": build_tsm},
        {"backbone": "bn_inception", "stages": (3, 4)},
        {"backbone": "bn_inception", "builder": build_tsn},
        {"backbone": "efficientnet_b0", "stages": 4},
        {"backbone": "convnext_tiny", "stages": 3},
        {"backbone": "densenet121", "builder": build_tsm},
    ],
    ids=name_of,
)
def test_other_models_are_the_same_function(options):
    """In float64: a deep network of random weights magnifies the rounding of float32."""
    with dtype_policy("float64"):
        assert_same_function(*make(**options))


@pytest.mark.parametrize("variant", ["keras", "torchvision"])
def test_normalisation_goes_into_the_first_convolution(variant):
    model, clips = make(build_tsn, "mobilenet_v2", variant=variant)
    deployed = assert_same_function(model, clips)
    added = deployed.get_layer("preprocessing")
    assert isinstance(added, AddToChannels)
    assert not any(isinstance(layer, keras.layers.Rescaling) for layer in deployed.layers)
    mean = {"keras": [-127.5] * 3, "torchvision": [-123.675, -116.28, -103.53]}[variant]
    np.testing.assert_allclose(added.values, mean, rtol=1e-6)


def normalised(*layers):
    """Frames → logits, by the layers given and then a convolution."""
    inputs = x = keras.Input((8, 8, 3))
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


@pytest.mark.parametrize(
    ("make_layers", "folds"),
    [
        (lambda: [ReverseChannels(), keras.layers.Rescaling([0.1, 0.2, 0.3], [1, 2, 3])], True),
        (lambda: [keras.layers.Rescaling(1 / 255), keras.layers.ZeroPadding2D(2)], True),
        (lambda: [keras.layers.Rescaling(0.0, 1.0)], False),
        (lambda: [keras.layers.Rescaling(1 / 255), keras.layers.ReLU()], False),
        (lambda: [keras.layers.Rescaling(1 / 255), keras.layers.DepthwiseConv2D(3)], False),
    ],
    ids=["BGR", "padding", "no scale", "not linear", "depthwise"],
)
def test_only_what_a_convolution_can_take_over_is_folded(make_layers, folds):
    model = normalised(*make_layers(), keras.layers.Conv2D(4, 3, padding="same", name="conv"))
    frames = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype("float32")
    deployed = assert_same_function(model, frames)
    assert any(isinstance(layer, keras.layers.Rescaling) for layer in deployed.layers) != folds


@pytest.mark.parametrize("size", [(8, 8), (7, 9)], ids=str)
@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.AveragePooling2D(2),
        keras.layers.AveragePooling2D(3, 1, padding="same"),
        keras.layers.AveragePooling2D(3, 2, padding="same"),
        keras.layers.AveragePooling2D((2, 4), 3, padding="same"),
        keras.layers.AveragePooling2D(1, 2),
        keras.layers.MaxPooling2D(1, 2),
    ],
    ids=lambda layer: f"{type(layer).__name__}-{layer.pool_size}-{layer.strides}-{layer.padding}",
)
def test_means_and_pooling_of_single_pixels_become_convolutions(layer, size):
    inputs = keras.Input((*size, 3))
    model = keras.Model(inputs, type(layer).from_config(layer.get_config())(inputs))
    frames = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    deployed = assert_same_function(model, frames)
    assert isinstance(deployed.layers[-1], InferencePooling)
    assert deployed.output_shape == model.output_shape
    assert deployed.layers[-1].compute_output_shape((None, *size, 3)) == model.output_shape
    copy = InferencePooling.from_config(deployed.layers[-1].get_config())
    np.testing.assert_array_equal(numpy(copy(frames)), numpy(deployed(frames)))


@pytest.mark.parametrize("layer", [keras.layers.MaxPooling2D(2), keras.layers.AveragePooling2D(2, (1, 2))])
def test_other_pooling_stays(layer):
    inputs = keras.Input((8, 8, 3))
    assert type(deployment_model(keras.Model(inputs, layer(inputs))).layers[-1]) is type(layer)


@pytest.mark.parametrize("quantization", ["float32", "int8"])
def test_xnnpack_computes_a_file_with_pooling_in_one_part(quantization, monkeypatch, tmp_path):
    """It has no mean without the padding, none in int8, and no pooling of single pixels."""

    def pools(input_shape, include_top, weights):
        backbone = bottlenecks(input_shape, include_top, weights)
        x = backbone.output
        for layer in (
            keras.layers.AveragePooling2D(3, 1, padding="same"),
            keras.layers.MaxPooling2D(1, 2),
            keras.layers.AveragePooling2D(2),
        ):
            x = layer(x)
        return keras.Model(backbone.input, x)

    monkeypatch.setitem(BACKBONES, "bottlenecks", Backbone(pools, BACKBONES["bottlenecks"].variants))
    model, clips = make(build_tsn)
    report = convert(model, tmp_path / "model.tflite", quantization, representative_clips=clips)
    assert report.summary.partitions.count == 1
    expected = numpy(model(clips, training=False))
    atol = {"float32": 1e-4, "int8": 0.05}[quantization] * np.abs(expected).max()
    np.testing.assert_allclose(LiteRTModel(tmp_path / "model.tflite")(clips), expected, atol=atol)


def test_frames_that_others_see_too_stay_normalised():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(1 / 255, -0.5)(inputs)
    outputs = keras.layers.Conv2D(3, 3, padding="same")(x) + x
    frames = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype("float32")
    assert_same_function(keras.Model(inputs, outputs), frames)


def test_a_loaded_and_compiled_model_with_one_clip(tmp_path):
    model, clips = make()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.compile("adam", "mse")
    deployed = assert_same_function(loaded, clips[:1])
    assert not deployed.compiled


def test_the_model_stays_as_it_is():
    model, clips = make()
    expected, weights = numpy(model(clips)), [weight.copy() for weight in model.get_weights()]
    deployed = deployment_model(model)
    for weight in deployed.weights:
        weight.assign(weight * 0)
    assert_close(model(clips), expected)
    for now, before in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, before)
    layer = model.get_layer("two_expand_action")
    assert layer.output.shape == deployed.get_layer(layer.name).output.shape  # it still has one output alone
    assert isinstance(deployed.get_layer(layer.name), InferenceAction)


def test_a_model_that_is_not_functional():
    class Subclassed(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match=r"functional.*Received"):
        deployment_model(Subclassed())


def test_the_deployed_model_refuses_other_clips():
    deployed = deployment_model(make()[0])
    with pytest.raises(ValueError):
        deployed(np.zeros((1, 3, 32, 32, 3), "float32"))


def test_a_memory_becomes_steps_without_a_loop(monkeypatch):
    tiny.register(monkeypatch)
    model = build_action_net("tiny", 5, 4, input_size=32, causal=True, memory=6)
    copy = deployment_model(model)
    assert copy.get_layer("memory").unroll and not model.get_layer("memory").unroll
    x = np.random.default_rng(0).integers(0, 256, (2, 4, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(copy.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)
