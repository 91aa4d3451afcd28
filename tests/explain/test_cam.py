import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_action
from keras_action.explain.cam import find_map_layer
from tests import tiny
from tests.test_case import dtype_policy, numpy

ROOT = Path(__file__).resolve().parents[2]
BACKENDS = [name for name in ("tensorflow", "jax", "torch") if find_spec(name)]
FRAMES = 2


def clips(count=2, size=32):
    return np.random.default_rng(0).integers(0, 256, (count, FRAMES, size, size, 3), dtype="uint8")


def make_model(backbone="tiny", builder="build_action_net", size=32, **options):
    """A model whose logits are of the size of trained ones: its normalisations have seen a batch."""
    keras.utils.set_random_seed(0)
    model = getattr(keras_action, builder)(backbone, 5, FRAMES, input_size=size, batch_norm_momentum=0.0, **options)
    rng = np.random.default_rng(1)
    for weight in model.get_layer("classifier").weights:
        weight.assign(rng.normal(size=weight.shape))
    model(clips(size=size).astype("float32"), training=True)
    return model


@pytest.fixture
def model(monkeypatch):
    tiny.register(monkeypatch)
    return make_model()


def check_exact(model, size):
    """The mean of a frame's map, plus the bias, is the frame's logit, and their mean over the frames the clip's."""
    given = clips(size=size)
    classifier = model.get_layer("classifier")
    frame_logits = numpy(keras.Model(model.input, classifier.output)(given.astype("float32")))
    frame_logits = frame_logits.reshape(len(given), FRAMES, -1)
    scale = np.abs(frame_logits).max()
    for class_id in (3, 0):
        maps = keras_action.class_activation_maps(model, given, class_id)
        logits = maps.mean(axis=(2, 3)) + numpy(classifier.bias)[class_id]
        np.testing.assert_allclose(logits, frame_logits[..., class_id], atol=1e-5 * scale)
        clip_logits = numpy(model(given.astype("float32")))[:, class_id]
        np.testing.assert_allclose(logits.mean(axis=1), clip_logits, atol=1e-5 * scale)
    assert maps.dtype == np.float32
    return maps


def test_the_maps_of_a_frame_add_up_to_its_logit(model):
    assert check_exact(model, 32).shape == (2, FRAMES, 8, 8)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "options"), [("mobilenet_v2", {"alpha": 0.35}), ("resnet50", {}), ("bn_inception", {})]
)
@pytest.mark.parametrize("builder", ["build_action_net", "build_tsm", "build_tsn"])
def test_the_maps_of_every_backbone_are_exact(backbone, options, builder):
    model = make_model(backbone, builder, size=64, **options)
    maps = check_exact(model, 64)
    assert maps.shape == (2, FRAMES, 2, 2)
    # The same by gradients, which know nothing of pooling and classifier.
    gradients = keras_action.grad_cam(model, clips(size=64), class_ids=0, relu=False)
    np.testing.assert_allclose(gradients, maps, atol=1e-5 * np.abs(maps).max())
    assert keras_action.grad_cam(model, clips(size=64), 8).shape == (2, FRAMES, 8, 8)


def test_grad_cam_at_the_last_layer_is_the_class_activation_map(model):
    maps = keras_action.class_activation_maps(model, clips(), [1, 4])
    signed = keras_action.grad_cam(model, clips(), class_ids=[1, 4], relu=False)
    np.testing.assert_allclose(signed, maps, atol=1e-5 * np.abs(maps).max())
    np.testing.assert_array_equal(keras_action.grad_cam(model, clips(), class_ids=[1, 4]), np.maximum(signed, 0))
    np.testing.assert_array_equal(keras_action.class_activation_maps(model, clips(), 4)[1], maps[1])


def test_the_class_is_the_predicted_one_unless_another_is_asked_for(model):
    predicted = numpy(model(clips().astype("float32"))).argmax(axis=-1)
    for function in (keras_action.class_activation_maps, keras_action.grad_cam):
        np.testing.assert_array_equal(function(model, clips()), function(model, clips(), class_ids=predicted))
        assert (function(model, clips()) != function(model, clips(), class_ids=(predicted + 1) % 5)).any()


def test_grad_cam_in_a_branch(model):
    values = numpy(keras.Model(model.input, model.get_layer("norm").output)(clips(1).astype("float32")))
    # Behind `norm` the tiny model only adds the stem's output: what the branch adds to the logit is known.
    kernel = numpy(model.get_layer("classifier").kernel)[:, 2]
    expected = (values * kernel).sum(axis=-1)[None]
    actual = keras_action.grad_cam(model, clips(1), "norm", class_ids=2, relu=False)
    np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())


def test_each_clip_has_its_own_maps(model):
    both = keras_action.grad_cam(model, clips(), "stem", class_ids=0)
    for i in range(2):
        np.testing.assert_allclose(keras_action.grad_cam(model, clips()[i : i + 1], "stem", class_ids=0)[0], both[i])


def test_a_number_is_the_last_layer_of_that_stride():
    model = keras_action.build_action_net("mobilenet_v2", 5, FRAMES, input_size=32, weights=None, alpha=0.35)
    # Not within a block that a shortcut passes by, and not what is padded for the next stride.
    names = {stride: find_map_layer(model, stride) for stride in (None, 4, 8, 16, 32)}
    assert names == {
        None: "out_relu",
        4: "block_3_expand_relu",
        8: "block_6_expand_relu",
        16: "block_13_expand_relu",
        32: "out_relu",
    }
    with pytest.raises(ValueError, match=r"one of 1, 2, 4, 8, 16, 32\. Received: layer=5"):
        find_map_layer(model, 5)


def test_mixed_precision_keeps_the_gradient(monkeypatch, model):
    with dtype_policy("mixed_float16"):
        mixed = make_model()
    mixed.set_weights(model.get_weights())
    for layer in (None, "stem"):
        expected = keras_action.grad_cam(model, clips(), layer, class_ids=1)
        actual = keras_action.grad_cam(mixed, clips(), layer, class_ids=1)
        np.testing.assert_allclose(actual, expected, atol=0.02 * np.abs(expected).max())


@pytest.mark.skipif(len(BACKENDS) < 2, reason="one backend alone is installed")
@pytest.mark.slow
def test_the_maps_are_the_same_on_every_backend(model, tmp_path):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("runs all backends from one")
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "clips.npy", clips())
    code = """
import keras, numpy as np, keras_action
model, given = keras.saving.load_model("model.keras"), np.load("clips.npy")
np.savez(
    keras.backend.backend() + ".npz",
    cam=keras_action.class_activation_maps(model, given, 1),
    branch=keras_action.grad_cam(model, given, "branch", 1),
    predicted=keras_action.grad_cam(model, given),
    **keras_action.excitation_masks(model, given),
)
"""
    results = []
    for backend in BACKENDS:
        environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        with np.load(tmp_path / f"{backend}.npz") as archive:
            results.append({name: archive[name] for name in archive.files})
    for other in results[1:]:
        for name, expected in results[0].items():
            np.testing.assert_allclose(other[name], expected, atol=1e-4 * np.abs(expected).max(), err_msg=name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"clips": clips()[0]}, r"`clips` must be of shape \(None, 2, 32, 32, 3\)"),
        ({"clips": clips(size=40)}, "Received: clips.shape="),
        ({"clips": clips()[:0]}, "Received: clips.shape="),
        ({"class_ids": 5}, "below 5"),
        ({"class_ids": [0]}, "each of 2"),
        ({"class_ids": 1.5}, "Received: class_ids=1.5"),
        ({"layer": "brunch"}, "Did you mean 'branch'"),
        ({"layer": "classifier"}, r"gives \(None, 5\)"),
        ({"layer": "clip"}, "a map for each frame"),
        ({"layer": 3}, "one of 1, 4"),
    ],
)
def test_what_does_not_fit_is_refused(model, arguments, message):
    given = {"model": model, "clips": clips(), **arguments}
    with pytest.raises(ValueError, match=message):
        keras_action.grad_cam(**given)
    if "layer" not in given:
        with pytest.raises(ValueError, match=message):
            keras_action.class_activation_maps(**given)


def test_another_head_has_gradients_only(model):
    features = model.get_layer("pool").output
    logits = keras.layers.Reshape((FRAMES, -1))(features)
    logits = keras.layers.Dense(5)(keras.layers.LSTM(4)(logits))
    other = keras.Model(model.input, logits)
    with pytest.raises(ValueError, match="grad_cam takes any"):
        keras_action.class_activation_maps(other, clips())
    assert keras_action.grad_cam(other, clips(), 4).shape == (2, FRAMES, 8, 8)
    with pytest.raises(ValueError, match="A Keras model of clips"):
        keras_action.class_activation_maps(lambda clips: clips, clips())


def test_no_class_activation_maps_behind_a_memory(monkeypatch):
    tiny.register(monkeypatch)
    model = keras_action.build_action_net("tiny", 5, 2, input_size=32, causal=True, memory=4)
    with pytest.raises(ValueError, match=r"no class activation maps.*memory=4.*grad_cam"):
        keras_action.class_activation_maps(model, clips())
    assert np.isfinite(keras_action.grad_cam(model, clips())).all()
