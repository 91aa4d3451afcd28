import functools

import keras
import numpy as np
import pytest

import keras_action
from keras_action.layers.temporal_shift import causal_kernel
from keras_action.models import load_motion_weights, save_motion_weights
from keras_action.weights import motion_files
from keras_action.weights.motion_files import MEMORY_UNITS, motion_path, read_motion_file

BUILDERS = {"action_net": keras_action.build_action_net, "tsm": keras_action.build_tsm}


def build(kind, num_classes=3, num_segments=4, input_size=32, **options):
    return BUILDERS[kind](
        "mobilenet_v2", num_classes, num_segments, input_size=input_size, **{"alpha": 0.35, "stages": (5,), **options}
    )


def scattered(model):
    """The model with weights in which no two layers agree: a fresh module's are symmetric."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(np.abs(weight + rng.normal(0, 0.1, weight.shape)))
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Function from a kind to a scattered model of it, and the file of its weights."""
    folder = tmp_path_factory.mktemp("motion")

    @functools.cache
    def make(kind):
        model = scattered(build(kind))
        return model, save_motion_weights(model, folder / f"{kind}.npz")

    return make


@pytest.mark.parametrize("kind", BUILDERS)
def test_weights_fit_other_classes_lengths_and_sizes(kind, saved):
    source, path = saved(kind)
    model = build(kind, num_classes=5, num_segments=8, input_size=64)
    classifier = model.get_layer("classifier").get_weights()
    load_motion_weights(model, path)
    for layer in source.layers:
        if layer.name != "classifier":
            for new, old in zip(model.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
                np.testing.assert_array_equal(new, old.astype(np.float16))
    for new, old in zip(model.get_layer("classifier").get_weights(), classifier, strict=True):
        np.testing.assert_array_equal(new, old)


def test_a_causal_model_gets_causal_kernels(saved):
    source, path = saved("action_net")
    model = build("action_net", causal=True)
    load_motion_weights(model, path)
    kernel = keras.ops.convert_to_numpy(source.get_layer("block_14_expand_action").temporal_shift.kernel)
    loaded = keras.ops.convert_to_numpy(model.get_layer("block_14_expand_action").temporal_shift.kernel)
    np.testing.assert_array_equal(loaded, causal_kernel(kernel.astype(np.float16).astype(np.float32)))


def test_a_memory_is_saved_with_its_causal_kernels(tmp_path):
    source = scattered(build("action_net", causal=True, memory=4))
    path = save_motion_weights(source, tmp_path / "memory.npz")
    model = build("action_net", num_classes=5, causal=True, memory=4, return_sequences=True)
    load_motion_weights(model, path)
    for name in ("memory", "block_14_expand_action"):
        for new, old in zip(model.get_layer(name).get_weights(), source.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(new, old.astype(np.float16))
    with pytest.raises(ValueError, match="differs in"):
        load_motion_weights(build("action_net", causal=True, memory=8), path)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("action_net", {"paths": ("me",)}),
        ("action_net", {"shift": None}),
        ("action_net", {"alpha": 0.5}),
        ("action_net", {"stages": (4, 5)}),
        ("action_net", {"location": 2}),
        ("tsm", {}),
    ],
)
def test_a_model_of_another_kind_is_an_error(kind, options, saved):
    _, path = saved("action_net")
    with pytest.raises(ValueError, match=r"are for a MobileNetV2 of width 1.0 with all three paths.*differs in"):
        load_motion_weights(build(kind, **options), path)


@pytest.mark.parametrize(
    ("builder", "arguments", "message"),
    [
        ("build_action_net", {"backbone": "resnet50"}, "is for backbone 'mobilenet_v2'.*Received.*'resnet50'"),
        ("build_action_net", {"variant": "keras"}, "for variant 'torchvision'.*variant='keras'"),
        ("build_action_net", {"zero_init_residual": True}, "from scratch"),
        ("build_tsn", {}, "a TSN sees no motion"),
        ("build_tsm", {"causal": True, "past_channels": "first"}, "Received.*past_channels='first'"),
    ],
)
def test_what_has_no_motion_weights(builder, arguments, message):
    arguments = {"backbone": "mobilenet_v2", "num_classes": 3, "weights": "motion", **arguments}
    with pytest.raises(ValueError, match=message):
        getattr(keras_action, builder)(**arguments)


def test_a_kind_without_a_file_is_an_error_that_says_how_to_make_one(monkeypatch, tmp_path):
    monkeypatch.setattr(motion_files, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no motion weights for 'tsm'.*`keras-action pretrain`"):
        keras_action.build_tsm("mobilenet_v2", 3, weights="motion")


@pytest.mark.parametrize("kind", [kind for kind in BUILDERS if motion_path(kind).is_file()])
@pytest.mark.parametrize("causal", [False, True])
def test_the_weights_of_this_package(kind, causal):
    assert motion_path(kind).stat().st_size <= 5e6
    model = BUILDERS[kind]("mobilenet_v2", 8, 2, weights="motion", input_size=32, causal=causal)
    assert model.get_layer("bn_Conv1").epsilon == 1e-5
    for name, arrays in read_motion_file(motion_path(kind)).items():
        if not name.endswith("_action"):
            for new, stored in zip(model.get_layer(name).get_weights(), arrays, strict=True):
                np.testing.assert_array_equal(new, stored)


def test_the_memory_of_this_package():
    path = motion_path("action_net", MEMORY_UNITS)
    assert path != motion_path("action_net") and path.stat().st_size <= 8e6
    options = {"weights": "motion", "input_size": 32, "causal": True}
    model = keras_action.build_action_net("mobilenet_v2", 8, 2, memory=MEMORY_UNITS, **options)
    stored = read_motion_file(path)["memory"]
    for new, old in zip(model.get_layer("memory").get_weights(), stored, strict=True):
        np.testing.assert_array_equal(new, old)
    assert motion_path("action_net", 2 * MEMORY_UNITS) == motion_path("action_net")
