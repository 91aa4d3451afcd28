import json

import keras
import numpy as np
import pytest

import keras_action
from keras_action.layers import Action
from keras_action.models import resize_model
from tests import tiny
from tests.test_case import assert_close, dtype_policy


def build(backbone, size, **options):
    return keras_action.build_action_net(backbone, num_classes=3, num_segments=2, input_size=size, **options)


def config_of(model):
    """A model's layers and how they are joined, without the names that Keras makes up for inputs inside."""

    def plain(value):
        if isinstance(value, dict):
            inner = value.get("class_name") == "InputLayer" and value["config"]["name"].startswith("input_layer")
            return {} if inner else {key: plain(part) for key, part in value.items()}
        return [plain(part) for part in value] if isinstance(value, (list, tuple)) else value

    return json.loads(json.dumps(plain(model.get_config()), default=str))


# Keras' variant of MobileNets and EfficientNets pads by a map's parity, torchvision's and ResNets' does not.
@pytest.mark.parametrize(
    ("backbone", "old", "new", "options"),
    [
        ("mobilenet_v2", 75, (64, 96), {"alpha": 0.35, "stages": (5,)}),
        pytest.param("mobilenet_v2", 64, 75, {"alpha": 0.35}, marks=pytest.mark.slow),
        pytest.param("mobilenet_v2", 64, 75, {"alpha": 0.35, "variant": "torchvision"}, marks=pytest.mark.slow),
        pytest.param("mobilenet_v3_small", 64, 75, {"paths": "ste", "shift": None}, marks=pytest.mark.slow),
    ],
)
def test_it_is_the_model_built_at_that_size_with_the_same_weights(backbone, old, new, options):
    model = build(backbone, old, **options)
    resized, built = resize_model(model, new), build(backbone, new, **options)
    assert config_of(resized) == config_of(built)
    for actual, expected in zip(resized.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(actual, expected)
    built.set_weights(model.get_weights())
    clips = np.random.default_rng(0).integers(0, 256, (1, *built.input_shape[1:]), "uint8")
    assert_close(resized(clips), built(clips), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", sorted(keras_action.BACKBONES))
def test_every_backbone(backbone):
    resized = resize_model(build(backbone, 96), 107)
    assert config_of(resized) == config_of(build(backbone, 107))


def test_a_saved_model_of_mixed_precision(tmp_path, monkeypatch):
    tiny.register(monkeypatch)
    with dtype_policy("mixed_bfloat16"):
        model = build("tiny", 32)
    model.save(tmp_path / "model.keras")
    resized = resize_model(keras.saving.load_model(tmp_path / "model.keras"), 48)
    assert resized.get_layer("stem").compute_dtype == "bfloat16"
    assert resized(np.zeros((1, 2, 48, 48, 3), "uint8")).shape == (1, 3)


def test_a_model_compiled_with_an_own_loss(monkeypatch):
    tiny.register(monkeypatch)
    model = build("tiny", 32)
    model.compile(loss=lambda labels, logits: logits[:, 0])
    resized = resize_model(model, np.int64(48))
    assert resized.input_shape[2:4] == (48, 48) and not resized.compiled


def test_a_sequential_model_of_frames():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 16)),
            keras.layers.ZeroPadding2D(2),
            Action(num_segments=2, name="action"),
            keras.Sequential([keras.layers.Conv2D(4, 3), keras.layers.ReLU()], name="inner"),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    resized = resize_model(model, (9, 11))
    assert resized.input_shape == (None, 9, 11, 16)
    assert resized.get_layer("inner").output.shape == (None, 11, 13, 4)
    x = np.random.default_rng(0).normal(size=(2, 9, 11, 16)).astype("float32")
    y = np.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)])
    convolution = model.get_layer("inner").layers[0]
    expected = np.maximum(convolution(model.get_layer("action")(y)), 0).mean(axis=(1, 2))
    assert_close(resized(x), expected, atol=1e-5)


def flat_model():
    inputs = keras.Input((4, 4, 3))
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(inputs)))


def two_inputs():
    inputs = [keras.Input((4, 4, 3)), keras.Input((4, 4, 3))]
    return keras.Model(inputs, keras.layers.add(inputs))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (flat_model, r"cannot be rebuilt.*input_size=8, .*\(None, 4, 4, 3\)"),
        (two_inputs, r"one input, is expected. Received: inputs of \[\(None, 4"),
        (lambda: keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]), r"Received: inputs of \[\(None, 4\)"),
        (lambda: lambda clips: clips, "functional or a built sequential"),
        (lambda: build("mobilenet_v2", 65, alpha=0.35, stages=(5,)), "set its weights. Received: layer 'block_1_pad'"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        resize_model(make(), 8)
