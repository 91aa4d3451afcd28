import functools
import re

import keras
import numpy as np
import pytest

import keras_action
from keras_action.weights.torch_names import bn_inception_wrapped, tonylins_name
from tests.test_case import numpy, reference, shared
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


def load(name):
    model = keras_action.load_torch_checkpoint(
        state_dict(name),
        num_segments=8,
        input_size=reference().load(name)["meta"]["size"],
        include_preprocessing=False,
        kind="tsm" if name.startswith("tsm_bninception") else None,
    )
    return model


@pytest.fixture(scope="module")
def originals():
    """Function from a name to the model of that reference file; tests do not change it."""
    return functools.cache(load)


# TSM's shift is the same on each backbone, and each backbone is there with ACTION.
SLOW = ("tsm_resnet50_27c_8f_112px.npz", "tsm_bninception_27c_8f_224px.npz")


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in MODELS])
def test_logits_are_the_original_models(name, originals):
    model, clips, arrays = originals(name), reference().clips(name), reference().load(name)
    modules = [layer for layer in model.layers if layer.name.endswith("_action")]
    outputs = keras.Model(model.input, {"logits": model.output, "features": [layer.output for layer in modules]})
    predicted = [outputs(clip[None]) for clip in clips]  # not `predict`: to trace a graph takes longer
    logits = np.concatenate([numpy(outputs["logits"]) for outputs in predicted])
    features = [numpy(output) for output in predicted[0]["features"]]
    assert np.abs(logits - arrays["logits"]).max() < 1e-4 * np.ptp(arrays["logits"])
    kind = name.split("_")[0]
    assert model.name == {"action": "action_net"}.get(kind, kind)
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trainable == arrays["meta"]["params"]
    assert len(modules) == {MOBILENET: 10, RESNET: 16, INCEPTION: 10}.get(name, 0)

    # The output of each ACTION module for the first clip, in the network's order.
    names = [key.removeprefix("action/") for key in arrays if key.startswith("action/")]
    for layer, output, original in zip(modules, features, names, strict=True):
        expected = arrays[f"action/{original}"]
        height, width = output.shape[1:3]
        thinned = output[0, :: height // 4, :: width // 4][:5, :5]
        assert np.abs(thinned - expected).max() < 1e-4 * np.ptp(expected), layer.name
        means = arrays[f"action_mean/{original}"].reshape(-1)[: len(output)]
        np.testing.assert_allclose(output.mean(axis=(1, 2, 3)), means, atol=1e-4 * np.ptp(expected))


@functools.lru_cache(maxsize=2)
def drawn(name):
    return reference().state_dict(name)


def state_dict(name=MOBILENET):
    return dict(drawn(name))


def assert_same_weights(model, expected):
    for new, old in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize(
    "prefix",
    [
        *(pytest.param(prefix, marks=pytest.mark.slow) for prefix in ("module.", "model.", "_orig_mod.")),
        "module.module.",
        "model._orig_mod.module.",
    ],
)
def test_file_with_prefixes_of_wrappers(prefix, tmp_path):
    state = {f"{prefix}{key}": value for key, value in state_dict().items()}
    np.savez(tmp_path / "checkpoint.npz", **state)
    model = keras_action.load_torch_checkpoint(tmp_path / "checkpoint.npz", num_segments=1, input_size=32)
    np.testing.assert_array_equal(model.get_layer("classifier").get_weights()[1], state[f"{prefix}new_fc.bias"])


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


@pytest.fixture(scope="module")
def one_action_net():
    """`build_action_net` that makes each model once, for checkpoints that do not fit: they leave it as it was."""
    return functools.cache(keras_action.build_action_net)


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
def test_what_does_not_fit_is_named(change, message, one_action_net, monkeypatch):
    monkeypatch.setattr("keras_action.models.torch_checkpoint.build_action_net", one_action_net)
    with pytest.raises(ValueError, match=message):
        keras_action.load_torch_checkpoint(change(state_dict()), input_size=64)


@pytest.mark.parametrize(
    "state",
    [
        {f"x{number}.{'y' * 500}.weight": np.zeros(3) for number in range(500)},
        {f"x{number}.{'y' * 500}": "no array" for number in range(500)},
        {"model": {"z" * 5000: 1}, **{f"{'w' * 999}{number}": {} for number in range(99)}},
    ],
)
def test_messages_stay_short(state):
    with pytest.raises(ValueError, match="Received") as error:
        keras_action.load_torch_checkpoint(state)
    assert len(str(error.value)) <= 1000


def test_missing_keys_are_named_and_counted():
    state = {key: value for key, value in state_dict().items() if ".conv.7." not in key}
    state |= {f"base_model.extra.{number}.{'x' * 100}": np.zeros(3) for number in range(99)}
    with pytest.raises(
        ValueError, match=r"Missing keys: features\.2\.conv\.7\.weight, .* and 5\d more\. Unus"
    ) as error:
        keras_action.load_torch_checkpoint(state, input_size=32)
    assert len(str(error.value)) <= 1000


def test_temporal_modules_at_other_places():
    state = state_dict("tsm_mobilenetv2_27c_8f_112px.npz")
    state["base_model.features.5.conv.0.weight"] = state.pop("base_model.features.5.conv.0.net.weight")
    with pytest.raises(ValueError, match=r"Only in the file: none\. Only in the model: features\.5\.conv\.0"):
        keras_action.load_torch_checkpoint(state, input_size=64)
    with pytest.raises(ValueError, match=r"Only in the file: features\.10\.conv\.0.* Only in the model: none"):
        keras_action.load_torch_checkpoint(state_dict("tsm_mobilenetv2_27c_8f_112px.npz"), input_size=64, kind="tsn")


def test_a_bn_inception_without_modules_needs_its_kind():
    state = state_dict("tsm_bninception_27c_8f_224px.npz")
    with pytest.raises(ValueError, match="do not tell TSM from TSN"):
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


def test_a_video_checkpoint_is_a_start_for_other_classes(tmp_path, originals):
    np.savez(tmp_path / "action.npz", **state_dict())
    np.savez(tmp_path / "tsm.npz", **state_dict("tsm_mobilenetv2_27c_8f_112px.npz"))
    model = keras_action.build_action_net("mobilenet_v2", 5, input_size=64, weights=tmp_path / "action.npz")
    for layer in originals(MOBILENET).layers:
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


# === MMAction2 ===


def mmaction_state(name):
    """A reference model's arrays under the names of `mmaction.models.backbones` and `cls_head.fc_cls`."""
    original = state_dict(name)
    stages = [(1, 1), (2, 2), (4, 3), (7, 4), (11, 3), (14, 3), (17, 1)]  # MobileNetV2's first blocks and lengths
    blocks = {first + i: f"layer{stage}.{i}" for stage, (first, n) in enumerate(stages, start=1) for i in range(n)}
    state = {}
    for key, value in original.items():
        key = key.removeprefix("base_model.").replace("new_fc.", "cls_head.fc_cls.")
        if match := re.fullmatch(r"features\.(0|18)\.(\d)\.(\w+)", key):
            module, part = ("conv1", "conv2")[match[1] == "18"], ("conv", "bn")[int(match[2])]
            key = f"{module}.{part}.{match[3]}"
        elif match := re.fullmatch(r"features\.(\d+)\.conv\.(\d)\.(net\.)?(\w+)", key):
            block, place = int(match[1]), int(match[2])
            # The shift wraps the whole module of convolution and batch normalisation.
            wrapped = f"base_model.features.{block}.conv.0.net.weight" in original and place < 2
            key = f"{blocks[block]}.conv.{place // 3}.{'net.' * wrapped}{('conv', 'bn')[place % 3]}.{match[4]}"
        else:
            key = re.sub(r"downsample\.(\d)", lambda m: f"downsample.{('conv', 'bn')[int(m[1])]}", key)
            key = re.sub(r"(^|\.)(conv|bn)(\d)\.", r"\1conv\3.\2.", key)
        state[key if key.startswith("cls_head.") else f"backbone.{key}"] = value
    return state


@pytest.mark.parametrize("name", [MODELS[3], MODELS[4], pytest.param(MODELS[6], marks=pytest.mark.slow)])
def test_keys_of_mmaction(name, originals):
    state = mmaction_state(name)
    assert {
        MODELS[3]: "backbone.layer2.1.conv.0.net.conv.weight",
        MODELS[4]: "backbone.layer1.0.conv1.conv.net.weight",
        MODELS[6]: "backbone.layer7.0.conv.2.bn.running_var",
    }[name] in state
    loaded = keras_action.load_torch_checkpoint(state, num_segments=1, input_size=32)
    assert loaded.name == name[:3]
    assert_same_weights(loaded, originals(name))


# === TSM's online model ===

ONLINE = "tsm_online_mobilenetv2_27c_8f_112px.npz"


def online(**options):
    return keras_action.load_torch_checkpoint(
        state_dict(ONLINE), input_size=112, include_preprocessing=False, kind="tsm_online", **options
    )


def frame_logits(stream, clips):
    """Logits `(B, T, classes)` of a streaming model, frame by frame from zero states."""
    states, logits = keras_action.initial_states(stream, len(clips)), []
    for frame in clips.swapaxes(0, 1):
        outputs = stream.predict_on_batch({"frame": frame, **states})
        logits.append(outputs.pop("logits"))
        states = outputs
    return np.stack(logits, axis=1)


def test_tsm_online_gives_the_original_models_logits_as_clip_and_frame_by_frame():
    model, arrays = online(), reference().load(ONLINE)
    clips, expected = reference().clips(ONLINE), arrays["frame_logits"]
    tolerance = 1e-4 * np.ptp(expected)
    whole = np.concatenate([numpy(model(clip[None])) for clip in clips])
    assert np.abs(whole - arrays["logits"]).max() < tolerance
    logits = frame_logits(keras_action.streaming_model(model), clips)
    assert np.abs(logits - expected).max() < tolerance
    layer = model.get_layer("block_2_expand_shift")
    assert (layer.causal, layer.past_channels) == (True, "first")


@pytest.mark.slow
def test_tsm_online_is_not_the_causal_model_that_starts_from_a_clip_model():
    model, clips = online(), reference().clips(ONLINE)
    second = keras_action.build_tsm(
        "mobilenet_v2", 27, input_size=112, include_preprocessing=False, variant="torchvision", causal=True
    )
    second.set_weights(model.get_weights())
    logits = reference().load(ONLINE)["logits"]
    assert np.abs(second.predict(clips, batch_size=1, verbose=0) - logits).max() > 1e-2 * np.ptp(logits)


@pytest.mark.slow
@pytest.mark.parametrize(("quantization", "largest_error"), [("float32", 1e-4), ("int8", 0.25)])
def test_a_streaming_file_of_tsm_online_keeps_the_class_where_the_margin_allows(quantization, largest_error, tmp_path):
    litert = pytest.importorskip("keras_action.litert")
    pytest.importorskip("ai_edge_litert", reason="runs the file")
    model = keras_action.load_torch_checkpoint(state_dict(ONLINE), input_size=112, kind="tsm_online")
    # Two clips, in each four frames of one picture and four of another.
    coarse = np.random.default_rng(0).uniform(0, 256, (4, 5, 5, 3))
    pictures = numpy(keras.ops.image.resize(coarse, (112, 112), interpolation="bilinear")).astype("uint8")
    clips = pictures.repeat(4, axis=0).reshape(2, 8, 112, 112, 3)

    # A classifier that tells the four pictures apart: ridge regression.
    features = keras.Model(model.input, model.get_layer("pool").output).predict(clips, verbose=0)
    centered = features - features.mean(axis=0)
    gram = centered @ centered.T
    kernel = centered.T @ np.linalg.solve(gram + np.trace(gram) / 16 * np.eye(16), np.eye(4, 27).repeat(4, axis=0))
    model.get_layer("classifier").set_weights([kernel, -features.mean(axis=0) @ kernel])

    stream = keras_action.streaming_model(model)
    expected = frame_logits(stream, clips.astype("float32"))
    report = litert.convert(stream, tmp_path / "online.tflite", quantization, representative_clips=clips)
    step, logits = litert.LiteRTStream(report.path), []
    for clip in clips:
        step.reset()
        logits.append([step(frame) for frame in clip])
    error = np.abs(np.array(logits) - expected).max()
    ranked = np.sort(expected, axis=-1)
    decided = 2 * error < ranked[..., -1] - ranked[..., -2]
    print(f"error {error / np.ptp(expected):.2g} of the spread; {decided.mean():.0%} of the frames are decided")
    assert error < largest_error * np.ptp(expected)
    assert decided.mean() > 0.5
    np.testing.assert_array_equal(np.argmax(logits, axis=-1)[decided], expected.argmax(axis=-1)[decided])


def test_keys_of_an_image_model_need_their_kind():
    with pytest.raises(ValueError, match=r'kind="tsm_online"`. Received: kind=None, 27 classes'):
        keras_action.load_torch_checkpoint(state_dict(ONLINE), input_size=64)
    assert keras_action.load_torch_checkpoint(state_dict(ONLINE), input_size=64, kind="tsn").name == "tsn"
    with pytest.raises(ValueError, match=r"Only in the file: none. Only in the model: features.10.conv.0"):
        keras_action.load_torch_checkpoint(state_dict(ONLINE), input_size=64, kind="tsm")


def test_tsm_online_brings_the_names_of_jesters_classes(tmp_path):
    np.savez(tmp_path / "online.npz", **state_dict(ONLINE))
    opened = keras_action.load_model(tmp_path / "online.npz", num_segments=2, kind="tsm_online")
    assert opened.labels[:3] == ("Doing other things", "Drumming Fingers", "No gesture")
    assert (len(opened.labels), opened.labels[20], opened.labels[26]) == (
        27,
        "Thumb Up",
        "Zooming Out With Two Fingers",
    )
    assert keras_action.load_model(tmp_path / "online.npz", num_segments=2, kind="tsn").labels is None


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


@pytest.fixture(scope="module")
def image_models():
    """Function from the arguments of `image_state` to the TSN of that state; tests do not change it."""

    @functools.cache
    def load_image(*arguments):
        return keras_action.load_torch_checkpoint(image_state(*arguments), num_segments=2, input_size=64, kind="tsn")

    return load_image


@pytest.mark.parametrize(
    ("name", "classifier", "features"),
    [
        (MOBILENET, "classifier.1", 1280),  # torchvision, and tonylins at first
        pytest.param(MOBILENET, "classifier", 1280, marks=pytest.mark.slow),  # tonylins now
        (RESNET, "fc", 2048),  # torchvision
        (INCEPTION, "fc", 1024),  # the TSN release's
        pytest.param(INCEPTION, "last_linear", 1024, marks=pytest.mark.slow),  # pretrainedmodels'
    ],
)
def test_image_models_become_a_tsn_and_a_backbone(name, classifier, features, tmp_path, image_models):
    state, model = image_state(name, classifier, features), image_models(name, classifier, features)
    assert model.name == "tsn"
    assert model.output_shape == (None, 5)
    np.savez(tmp_path / "image.npz", **state)
    backbone = {MOBILENET: "mobilenet_v2", RESNET: "resnet50", INCEPTION: "bn_inception"}[name]
    build = keras_action.build_action_net if name == MOBILENET else keras_action.build_tsm  # which is built faster
    fresh = build(backbone, 3, 2, input_size=64, weights=tmp_path / "image.npz")
    for layer in model.layers:
        if layer.weights and layer.name != "classifier":
            for old, new in zip(layer.get_weights(), fresh.get_layer(layer.name).get_weights(), strict=True):
                np.testing.assert_array_equal(old, new)


def test_batch_normalisation_of_one_row_as_in_the_first_bn_inception(image_models):
    state = image_state(INCEPTION, "fc", 1024)
    rows = {key: value[None] if "_bn." in key and value.ndim == 1 else value for key, value in state.items()}
    model = keras_action.load_torch_checkpoint(rows, num_segments=2, input_size=64, kind="tsn")
    assert_same_weights(model, image_models(INCEPTION, "fc", 1024))


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


def test_a_mobilenet_v2_under_torchvisions_names_is_the_same_under_tonylins(image_models):
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
    model = keras_action.load_torch_checkpoint(named, num_segments=2, input_size=64, kind="tsn")
    assert_same_weights(model, image_models(MOBILENET, "classifier.1", 1280))


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


@pytest.mark.slow
def test_keys_of_the_deeper_resnets():
    """Their names by the rule of torchvision's `ResNet`: every key of a state dict made so finds its place."""
    for depth, blocks in (("resnet101", (3, 4, 23, 3)), ("resnet152", (3, 8, 36, 3))):
        state = resnet_shapes(blocks, num_classes=5)
        arrays = {key: np.zeros(shape, "float32") for key, shape in state.items()}
        model = keras_action.load_torch_checkpoint(arrays, num_segments=1, input_size=32, kind="tsn")
        assert len([layer for layer in model.layers if isinstance(layer, keras.layers.Add)]) == sum(blocks), depth
