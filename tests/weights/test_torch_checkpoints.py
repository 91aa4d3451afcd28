import keras
import numpy as np
import pytest

import keras_action
from tests.test_case import reference, shared

MODELS = {
    "action": "action_mobilenetv2_83c_8f_224px.npz",
    "tsm": "tsm_mobilenetv2_27c_8f_112px.npz",
    "tsn": "tsn_mobilenetv2_27c_8f_112px.npz",
}


def load(kind, **kwargs):
    module, name = reference(), MODELS[kind]
    arrays = module.load(name)
    state = module.state_dict(name)
    model = keras_action.load_torch_checkpoint(
        state, num_segments=8, input_size=arrays["meta"]["size"], include_preprocessing=False, **kwargs
    )
    return model, module.clips(name), arrays


@pytest.mark.parametrize("kind", MODELS)
def test_logits_are_the_original_models(kind):
    model, clips, arrays = load(kind)
    logits = model.predict(clips, verbose=0)
    assert np.abs(logits - arrays["logits"]).max() < 1e-4 * np.ptp(arrays["logits"])
    assert model.name == {"action": "action_net"}.get(kind, kind)
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trainable == arrays["meta"]["params"]


def test_each_action_modules_output_is_the_original_models():
    model, clips, arrays = load("action")
    modules = [layer for layer in model.layers if layer.name.endswith("_action")]
    outputs = keras.Model(model.input, [layer.output for layer in modules]).predict(clips[:1], verbose=0)
    assert len(modules) == 10
    for layer, output in zip(modules, outputs, strict=True):
        block = int(layer.name.split("_")[1]) + 1
        expected = arrays[f"action/base_model.features.{block}.conv.0"]
        height, width = output.shape[1:3]
        thinned = output[0, :: height // 4, :: width // 4][:5, :5]
        assert np.abs(thinned - expected).max() < 1e-4 * np.ptp(expected), layer.name
        means = arrays[f"action_mean/base_model.features.{block}.conv.0"].reshape(-1)[: len(output)]
        np.testing.assert_allclose(output.mean(axis=(1, 2, 3)), means, atol=1e-4 * np.ptp(expected))


def state_dict():
    return reference().state_dict(MODELS["action"])


def test_file_with_module_prefixes(tmp_path):
    state = {f"module.{key}": value for key, value in state_dict().items()}
    np.savez(tmp_path / "checkpoint.npz", **state)
    model = keras_action.load_torch_checkpoint(tmp_path / "checkpoint.npz", input_size=64)
    np.testing.assert_array_equal(model.get_layer("classifier").get_weights()[1], state["module.new_fc.bias"])


def without(state, key):
    return {name: value for name, value in state.items() if name != key}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: without(s, "base_model.features.5.conv.1.bias"), r"Missing keys: \['features.5.conv.1.bias'\]"),
        (lambda s: {**s, "base_model.extra": np.zeros(3)}, r"Unused keys: \['extra'\]"),
        (
            lambda s: {**s, "base_model.features.5.conv.1.bias": np.zeros(7, "float32")},
            r"Received: features.5.conv.1.bias of shape \(7,\)",
        ),
        (lambda s: without(s, "new_fc.weight"), "no other backbone can be loaded yet"),
        (lambda s: {"conv1.weight": np.zeros(3)}, r"Received keys: \['conv1.weight'\]"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        keras_action.load_torch_checkpoint(change(state_dict()), input_size=64)


def test_unknown_kind():
    with pytest.raises(ValueError, match="kind='slow'"):
        keras_action.load_torch_checkpoint(state_dict(), kind="slow")


def test_a_file_that_is_no_state_dict(tmp_path):
    with pytest.raises(ValueError, match=r"Received: 'x.pth'"):
        keras_action.load_torch_checkpoint("x.pth")
    path = tmp_path / "hostile.npz"
    np.savez(path, **{"base_model.features.0.0.weight": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(ValueError, match="allow_pickle=False"):
        keras_action.load_torch_checkpoint(path)


def test_imagenet_backbone_leaves_the_rest_fresh_and_names_what_is_missing():
    with np.load(shared("weights/mobilenet_v2_imagenet.npz")) as archive:
        state = {key: archive[key] for key in archive.files}
    model = keras_action.build_tsm("mobilenet_v2", 3, num_segments=2, input_size=64, geometry="torchvision")
    keras_action.weights.load_torch_backbone(model, {**state, "classifier.1.weight": np.zeros((1000, 1280))})
    norm = model.get_layer("block_5_project_BN").get_weights()
    np.testing.assert_array_equal(norm[3], state["features.6.conv.7.running_var"])
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"Missing keys: \['features.18.0.weight'\]"):
        keras_action.weights.load_torch_backbone(model, without(state, "features.18.0.weight"))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
