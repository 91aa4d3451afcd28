import keras
import numpy as np
import pytest

import keras_action
from keras_action.weights.torch_names import bn_inception_wrapped, tonylins_name
from tests.test_case import reference, shared
from tests.weights.resnet_keys import resnet_shapes

MODELS = [
    "action_mobilenetv2_83c_8f_224px.npz",
    "action_resnet50_83c_8f_112px.npz",
    "action_bninception_83c_8f_224px.npz",
    "tsm_mobilenetv2_27c_8f_112px.npz",
    "tsm_resnet50_27c_8f_112px.npz",
    "tsm_bninception_27c_8f_224px.npz",
    "tsn_mobilenetv2_27c_8f_112px.npz",
]
MOBILENET, RESNET, INCEPTION = MODELS[:3]


def load(name, **kwargs):
    module = reference()
    arrays = module.load(name)
    model = keras_action.load_torch_checkpoint(
        module.state_dict(name),
        num_segments=8,
        input_size=arrays["meta"]["size"],
        include_preprocessing=False,
        kind="tsm" if name.startswith("tsm_bninception") else None,
        **kwargs,
    )
    return model, module.clips(name), arrays


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_the_original_models(name):
    model, clips, arrays = load(name)
    logits = model.predict(clips, batch_size=1, verbose=0)
    assert np.abs(logits - arrays["logits"]).max() < 1e-4 * np.ptp(arrays["logits"])
    kind = name.split("_")[0]
    assert model.name == {"action": "action_net"}.get(kind, kind)
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trainable == arrays["meta"]["params"]


@pytest.mark.parametrize("name", [MOBILENET, RESNET, INCEPTION])
def test_each_action_modules_output_is_the_original_models(name):
    model, clips, arrays = load(name)
    modules = [layer for layer in model.layers if layer.name.endswith("_action")]
    names = [key.removeprefix("action/") for key in arrays if key.startswith("action/")]  # in the network's order
    outputs = keras.Model(model.input, [layer.output for layer in modules]).predict(clips[:1], verbose=0)
    assert len(modules) == {MOBILENET: 10, RESNET: 16, INCEPTION: 10}[name]
    for layer, output, original in zip(modules, outputs, names, strict=True):
        expected = arrays[f"action/{original}"]
        height, width = output.shape[1:3]
        thinned = output[0, :: height // 4, :: width // 4][:5, :5]
        assert np.abs(thinned - expected).max() < 1e-4 * np.ptp(expected), layer.name
        means = arrays[f"action_mean/{original}"].reshape(-1)[: len(output)]
        np.testing.assert_allclose(output.mean(axis=(1, 2, 3)), means, atol=1e-4 * np.ptp(expected))


def state_dict(name=MOBILENET):
    return reference().state_dict(name)


def assert_same_weights(model, expected):
    for new, old in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)


def test_file_with_module_prefixes(tmp_path):
    state = {f"module.{key}": value for key, value in state_dict().items()}
    np.savez(tmp_path / "checkpoint.npz", **state)
    model = keras_action.load_torch_checkpoint(tmp_path / "checkpoint.npz", input_size=64)
    np.testing.assert_array_equal(model.get_layer("classifier").get_weights()[1], state["module.new_fc.bias"])


def test_training_checkpoint_of_torch_with_bn_inceptions_doubled_names(tmp_path):
    torch = pytest.importorskip("torch", reason="makes the file")
    plain = state_dict(INCEPTION)
    doubled = dict(plain)
    for block in ("2", "3a", "3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a"):
        conv = next(c for c in bn_inception_wrapped(f"shift_{block}") if f"base_model.{c}.weight" in plain)
        for part in ("weight", "bias"):
            doubled[f"base_model.shift_{block}.net.{part}"] = plain[f"base_model.{conv}.{part}"]
    saved = {f"module.{key}": torch.tensor(value) for key, value in doubled.items()}
    optimizer = {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 0.01, "params": [0]}]}
    checkpoint = {"epoch": 50, "arch": "BNInception", "best_prec1": 93.1, "optimizer": optimizer, "state_dict": saved}
    torch.save(checkpoint, tmp_path / "ckpt.best.pth.tar")
    model = keras_action.load_torch_checkpoint(tmp_path / "ckpt.best.pth.tar", input_size=64)
    assert_same_weights(model, keras_action.load_torch_checkpoint(plain, input_size=64))

    doubled["base_model.shift_3a.net.weight"] = doubled["base_model.shift_3a.net.weight"] + 1
    with pytest.raises(ValueError, match=r"shift_3a.net.weight must hold.*inception_3b_1x1"):
        keras_action.load_torch_checkpoint(doubled, input_size=64)


def without(state, key):
    return {name: value for name, value in state.items() if name != key}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: without(s, "base_model.features.5.conv.1.bias"), r"Missing keys: features.5.conv.1.bias\. Unused"),
        (lambda s: {**s, "base_model.extra": np.zeros(3)}, r"Unused keys: extra\. "),
        (
            lambda s: {**s, "base_model.features.5.conv.1.bias": np.zeros(7, "float32")},
            r"another shape: features.5.conv.1.bias of shape \(7,\) for a Keras weight of shape \(192,\)",
        ),
        (lambda s: without(s, "new_fc.weight"), "has no classifier"),
        (lambda s: {"first.weight": np.zeros(3)}, r"Received keys: first.weight"),
        (
            lambda s: {**s, "new_fc.weight": np.zeros((83, 7), "float32")},
            r"another shape: classifier.weight of shape \(83, 7\) for a Keras weight of shape \(1280, 83\)",
        ),
        (lambda s: {**s, "new_fc.bias": np.zeros(5, "float32")}, r"another shape: classifier.bias of shape \(5,\)"),
        (
            lambda s: {**s, "module.new_fc.bias": s["new_fc.bias"] + 1},
            r"two weights of one name, 'new_fc.bias'. Received: 'module.new_fc.bias'",
        ),
        (
            lambda s: {**s, "base_model.features.3.conv.0.weight": s["base_model.features.3.conv.0.net.weight"] + 1},
            r"two weights of one name, 'features.3.conv.0.weight'",
        ),
        (lambda s: {}, "Received: dict"),
        (lambda s: {"model": s}, "There is a dict under 'model': pass that"),
        (lambda s: {1: np.zeros(3)}, "Received: dict 1"),
        (lambda s: {"epoch": 3, "arch": "resnet50"}, "Received: dict arch, epoch"),
        (lambda s: {"state_dict": [1, 2]}, "Received: list"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        keras_action.load_torch_checkpoint(change(state_dict()), input_size=64)


def test_every_missing_key_is_named():
    state = {key: value for key, value in state_dict().items() if ".conv.7." not in key}
    with pytest.raises(ValueError) as error:
        keras_action.load_torch_checkpoint(state, input_size=64)
    for block in range(2, 18):
        assert f"features.{block}.conv.7.running_var" in str(error.value)


def test_temporal_modules_at_other_places():
    state = state_dict("tsm_resnet50_27c_8f_112px.npz")
    state["base_model.layer2.1.conv1.weight"] = state.pop("base_model.layer2.1.conv1.net.weight")
    with pytest.raises(ValueError, match=r"Only in the file: none\. Only in the model: layer2\.1\.conv1"):
        keras_action.load_torch_checkpoint(state, input_size=64)
    with pytest.raises(ValueError, match=r"Only in the file: layer1\.0\.conv1.* Only in the model: none"):
        keras_action.load_torch_checkpoint(state_dict("tsm_resnet50_27c_8f_112px.npz"), input_size=64, kind="tsn")


def test_a_bn_inception_without_modules_needs_its_kind():
    state = state_dict("tsm_bninception_27c_8f_224px.npz")
    with pytest.raises(ValueError, match="do not tell a TSM from a TSN"):
        keras_action.load_torch_checkpoint(state, input_size=64)
    assert keras_action.load_torch_checkpoint(state, input_size=64, kind="tsn").name == "tsn"


def test_unknown_kind():
    with pytest.raises(ValueError, match="kind='slow'"):
        keras_action.load_torch_checkpoint(state_dict(), kind="slow")


def test_a_file_that_is_no_state_dict(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"x.pth"):
        keras_action.load_torch_checkpoint("x.pth")
    path = tmp_path / "hostile.npz"
    np.savez(path, **{"base_model.features.0.0.weight": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(ValueError, match="file of arrays, without objects"):
        keras_action.load_torch_checkpoint(path)


def test_tensors_of_torch_in_memory():
    torch = pytest.importorskip("torch", reason="makes the tensors")
    state = state_dict()
    tensors = {key: torch.nn.Parameter(torch.tensor(value)) for key, value in state.items() if value.ndim}
    assert_same_weights(
        keras_action.load_torch_checkpoint(tensors, input_size=64),
        keras_action.load_torch_checkpoint(state, input_size=64),
    )
    half = {key: value.detach().bfloat16() for key, value in tensors.items()}
    bias = keras_action.load_torch_checkpoint(half, input_size=64).get_layer("classifier").get_weights()[1]
    np.testing.assert_array_equal(bias, half["new_fc.bias"].float().numpy())


def test_a_video_checkpoint_is_a_start_for_other_classes(tmp_path):
    np.savez(tmp_path / "action.npz", **state_dict())
    np.savez(tmp_path / "tsm.npz", **state_dict("tsm_mobilenetv2_27c_8f_112px.npz"))
    whole = keras_action.load_torch_checkpoint(tmp_path / "action.npz", input_size=64)
    model = keras_action.build_action_net("mobilenet_v2", 5, input_size=64, weights=tmp_path / "action.npz")
    for layer in whole.layers:
        if layer.weights and layer.name != "classifier":
            for old, new in zip(layer.get_weights(), model.get_layer(layer.name).get_weights(), strict=True):
                np.testing.assert_array_equal(old, new)
    from_tsm = keras_action.build_action_net("mobilenet_v2", 5, input_size=64, weights=tmp_path / "tsm.npz")
    assert from_tsm.get_layer("bn_Conv1").epsilon == 1e-5
    with pytest.raises(ValueError, match=r"Unused keys: features.3.conv.0.action_shift.weight"):
        keras_action.build_tsm("mobilenet_v2", 5, input_size=64, weights=tmp_path / "action.npz")


def test_a_model_in_another_geometry_is_an_error():
    model = keras_action.build_tsn("mobilenet_v2", 3, num_segments=1, input_size=64, variant="keras")
    with pytest.raises(ValueError, match=r"model in variant 'torchvision'.*Received: a model with epsilon 0.001"):
        keras_action.models.load_torch_backbone(model, image_state(MOBILENET, "classifier", 1280))
    inception = keras_action.build_tsn("bn_inception", 3, num_segments=1, input_size=64)
    with pytest.raises(ValueError, match=r"Missing keys: conv1_7x7_s2.weight"):
        keras_action.models.load_torch_backbone(inception, image_state(MOBILENET, "classifier", 1280))


# === Image models ===


def shapes(name):
    """Names and shapes of an image model: those of a reference model without its modules, with 5 classes."""
    keys = dict(reference().load(name)["meta"]["keys"])
    keys = {key.replace(".net.", "."): shape for key, shape in keys.items() if ".action_" not in key}
    return {key.removeprefix("base_model."): tuple(shape) for key, shape in keys.items() if "new_fc" not in key}


def image_state(name, classifier, features):
    draw = reference().draw
    state = {key: draw(key, shape, 1) for key, shape in shapes(name).items()}
    return {**state, **{f"{classifier}.weight": draw("fc", (5, features), 1), f"{classifier}.bias": np.zeros(5, "f")}}


@pytest.mark.parametrize(
    ("name", "classifier", "features"),
    [
        (MOBILENET, "classifier.1", 1280),  # torchvision, and tonylins at first
        (MOBILENET, "classifier", 1280),  # tonylins now
        (RESNET, "fc", 2048),  # torchvision
        (INCEPTION, "fc", 1024),  # the TSN release's
        (INCEPTION, "last_linear", 1024),  # pretrainedmodels'
    ],
)
def test_image_models_become_a_tsn_and_a_backbone(name, classifier, features, tmp_path):
    state = image_state(name, classifier, features)
    model = keras_action.load_torch_checkpoint(state, num_segments=2, input_size=64)
    assert model.name == "tsn"
    assert model.output_shape == (None, 5)
    np.savez(tmp_path / "image.npz", **state)
    backbone = {MOBILENET: "mobilenet_v2", RESNET: "resnet50", INCEPTION: "bn_inception"}[name]
    fresh = keras_action.build_action_net(backbone, 3, 2, input_size=64, weights=tmp_path / "image.npz")
    for layer in model.layers:
        if layer.weights and layer.name != "classifier":
            for old, new in zip(layer.get_weights(), fresh.get_layer(layer.name).get_weights(), strict=True):
                np.testing.assert_array_equal(old, new)


def test_batch_normalisation_of_one_row_as_in_the_first_bn_inception():
    state = image_state(INCEPTION, "fc", 1024)
    rows = {key: value[None] if "_bn." in key and value.ndim == 1 else value for key, value in state.items()}
    first, second = (keras_action.load_torch_checkpoint(s, num_segments=1, input_size=64) for s in (rows, state))
    assert_same_weights(first, second)


def test_torchvisions_names_of_mobilenet_v2():
    """Against what torchvision's `InvertedResidual` nests: expansion, depthwise, projection."""
    names = {
        "features.0.0.weight": "features.0.0.weight",
        "features.1.conv.0.0.weight": "features.1.conv.0.weight",
        "features.1.conv.0.1.running_mean": "features.1.conv.1.running_mean",
        "features.1.conv.1.weight": "features.1.conv.3.weight",
        "features.1.conv.2.bias": "features.1.conv.4.bias",
        "features.2.conv.0.0.weight": "features.2.conv.0.weight",
        "features.2.conv.0.1.weight": "features.2.conv.1.weight",
        "features.2.conv.1.0.weight": "features.2.conv.3.weight",
        "features.2.conv.1.1.running_var": "features.2.conv.4.running_var",
        "features.2.conv.2.weight": "features.2.conv.6.weight",
        "features.17.conv.3.bias": "features.17.conv.7.bias",
        "features.18.1.weight": "features.18.1.weight",
    }
    assert {name: tonylins_name(name) for name in names} == names


def test_a_mobilenet_v2_under_torchvisions_names_is_the_same_under_tonylins():
    state = image_state(MOBILENET, "classifier.1", 1280)
    back = {}
    for block in range(1, 18):  # every name of a block, by the same rule turned round
        parts = {0: "0.0", 1: "0.1", 3: "1.0", 4: "1.1", 6: "2", 7: "3"}
        parts = {0: "0.0", 1: "0.1", 3: "1", 4: "2"} if block == 1 else parts
        back.update({f"features.{block}.conv.{old}": f"features.{block}.conv.{new}" for old, new in parts.items()})
    named = {}
    for key, value in state.items():
        prefix, part = key.rsplit(".", 1)
        named[f"{back.get(prefix, prefix)}.{part}"] = value
    assert "features.5.conv.1.1.running_mean" in named
    first, second = (keras_action.load_torch_checkpoint(s, num_segments=1, input_size=64) for s in (named, state))
    assert_same_weights(first, second)


def test_a_resnet_of_basic_blocks_is_an_error():
    state = {"conv1.weight": np.zeros((64, 3, 7, 7)), "layer1.0.conv2.weight": np.zeros((64, 64, 3, 3))}
    with pytest.raises(ValueError, match=r"ResNet-50, -101 or -152.*Received keys: conv1.weight"):
        keras_action.load_torch_checkpoint(state)


def test_imagenet_backbone_leaves_the_rest_fresh_and_names_what_is_missing():
    with np.load(shared("weights/mobilenet_v2_imagenet.npz")) as archive:
        state = {key: archive[key] for key in archive.files}
    model = keras_action.build_tsm("mobilenet_v2", 3, num_segments=2, input_size=64, variant="torchvision")
    classifier = {"classifier.1.weight": np.zeros((1000, 1280)), "classifier.1.bias": np.zeros(1000)}
    keras_action.models.load_torch_backbone(model, {**state, **classifier})
    norm = model.get_layer("block_5_project_BN").get_weights()
    np.testing.assert_array_equal(norm[3], state["features.6.conv.7.running_var"])
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"Missing keys: features.18.0.weight\."):
        keras_action.models.load_torch_backbone(model, without(state, "features.18.0.weight"))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_keys_of_the_deeper_resnets():
    """Their names by the rule of torchvision's `ResNet`: every key of a state dict made so finds its place."""
    for depth, blocks in (("resnet101", (3, 4, 23, 3)), ("resnet152", (3, 8, 36, 3))):
        state = resnet_shapes(blocks, num_classes=5)
        arrays = {key: np.zeros(shape, "float32") for key, shape in state.items()}
        model = keras_action.load_torch_checkpoint(arrays, num_segments=1, input_size=32)
        assert len([layer for layer in model.layers if isinstance(layer, keras.layers.Add)]) == sum(blocks), depth
