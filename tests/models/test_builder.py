import dataclasses

import keras
import numpy as np
import pytest

import keras_action
from keras_action.layers import Action, TemporalShift
from keras_action.models.backbones import BACKBONES
from tests import tiny
from tests.test_case import assert_close, dtype_policy, frames, numpy, shared

BUILDERS = {
    "action_net": keras_action.build_action_net,
    "tsm": keras_action.build_tsm,
    "tsn": keras_action.build_tsn,
}


def build(kind, **kwargs):
    kwargs = {"num_classes": 5, "num_segments": 4, "input_size": 64, "alpha": 0.35, **kwargs}
    return BUILDERS[kind]("mobilenet_v2", **kwargs)


def clips(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3)).astype("uint8")


@pytest.fixture(scope="module")
def models():
    """Each kind as `build` makes it, when it is asked for; tests that change a model build their own."""

    class Models(dict):
        def __missing__(self, kind):
            return self.setdefault(kind, build(kind))

    return Models()


@pytest.mark.one_backend
@pytest.mark.parametrize("kind", BUILDERS)
def test_from_bytes_to_logits_with_any_batch(kind, models):
    """Behind a compiled graph are the layers of test_rectangular_input_and_one_frame, of a tiny backbone."""
    model, x = models[kind], clips(2, 4, 64, 64)
    assert model.input_shape == (None, 4, 64, 64, 3)
    assert model.output_shape == (None, 5)
    logits = numpy(model(x))
    assert logits.shape == (2, 5)
    assert np.isfinite(logits).all()
    assert model.input.name == "clip"
    assert model.layers[-1].name == "logits"


# The stride-1 residual blocks with expansion.
POINTS = [f"block_{i}_expand" for i in (2, 4, 5, 7, 8, 9, 11, 12, 14, 15)]


@pytest.mark.one_backend
def test_a_layer_before_the_start_of_each_residual_branch(models):
    model = models["action_net"]
    for point in POINTS:
        action = model.get_layer(f"{point}_action")
        assert isinstance(action, Action)
        # The module is on the branch alone: the sum after it takes what the module took.
        add = model.get_layer(point.replace("_expand", "_add"))
        assert add.input[0] is action.input
        assert model.get_layer(point).input is action.output
    shifts = [layer for layer in models["tsm"].layers if isinstance(layer, TemporalShift)]
    assert [layer.name for layer in shifts] == [f"{point}_shift" for point in POINTS]


@pytest.mark.one_backend
def test_nothing_but_the_temporal_layers_differs(models):
    names = [{layer.name for layer in models[kind].layers} for kind in ("action_net", "tsm", "tsn")]
    assert names[0] - names[2] == {f"{point}_action" for point in POINTS}
    assert names[1] - names[2] == {f"{point}_shift" for point in POINTS}
    assert names[2] < names[0] and names[2] < names[1]


@pytest.mark.one_backend
def test_number_of_parameters_is_the_released_codes():
    model = keras_action.build_action_net("mobilenet_v2", num_classes=83)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == 2_355_455


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "kind", ["action_net", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("tsm", "tsn"))]
)
def test_keras_file_loads_without_custom_code(kind, tmp_path, models):
    model = models[kind]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = clips(2, 4, 64, 64)
    assert_close(loaded(x), model(x), atol=1e-6)


@pytest.mark.one_backend
@pytest.mark.parametrize("kind", BUILDERS)
def test_only_a_tsn_cannot_tell_a_clip_from_its_reverse(kind):
    model = build(kind)
    for weight in model.weights:  # as large as He's, so that what is seen reaches the logits
        if weight.path.endswith("kernel") and len(weight.shape) > 1 and "_action" not in weight.path:
            fan_in = 9 if "depthwise" in weight.path else np.prod(weight.shape[:-1])
            weight.assign(frames(*weight.shape) * np.sqrt(2 / fan_in))
    x = clips(2, 4, 64, 64)
    forward, backward = numpy(model(x)), numpy(model(x[:, ::-1]))
    gap = np.abs(forward - backward).max() / np.ptp(forward)
    assert gap < 1e-5 if kind == "tsn" else gap > 1e-3


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("action_net", marks=pytest.mark.graph),
        *(pytest.param(k, marks=pytest.mark.one_backend) for k in ("tsm", "tsn")),
    ],
)
def test_training_changes_every_weight(kind, monkeypatch):
    """Of a tiny backbone, as a real one takes long to compile; test_backbones.py trains real ones."""
    tiny.register(monkeypatch)
    model = BUILDERS[kind]("tiny", num_classes=5, num_segments=4, input_size=32, dropout=0.0)
    model.compile(
        optimizer=keras.optimizers.SGD(0.1), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    # Dark to bright, so that the one squeezed channel of each excitation is positive for some clips.
    x, y = clips(4, 4, 32, 32) // 4 + np.arange(0, 256, 64, "uint8")[:, None, None, None, None], np.arange(4)
    before = [numpy(weight).copy() for weight in model.weights]
    model.fit(x, y, batch_size=4, epochs=2, verbose=0)
    for old, weight in zip(before, model.weights, strict=True):
        assert np.isfinite(numpy(weight)).all() and np.any(numpy(weight) != old), weight.path


@pytest.mark.one_backend
def test_preprocessing_is_what_keras_applications_expects(models):
    x = clips(2, 4, 64, 64)
    inside, outside = models["tsn"], build("tsn", include_preprocessing=False)
    outside.set_weights(inside.get_weights())
    prepared = keras.applications.mobilenet_v2.preprocess_input(x.astype("float32"))
    assert_close(outside(prepared), inside(x), atol=1e-5)


def test_rectangular_input_and_one_frame(monkeypatch):
    """Of a tiny backbone; test_backbones.py has rectangles for real ones."""
    tiny.register(monkeypatch)
    for shape in ((4, 32, 48), (1, 32, 32)):
        model = keras_action.build_action_net("tiny", 5, num_segments=shape[0], input_size=shape[1:])
        assert model.predict(clips(3, *shape), batch_size=2, verbose=0).shape == (3, 5)


@pytest.mark.one_backend  # JAX computes in float32 unless JAX_ENABLE_X64 is set
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float32", "float64"])
def test_logits_have_single_precision_at_least(policy, monkeypatch):
    tiny.register(monkeypatch)
    with dtype_policy(policy):
        model = keras_action.build_action_net("tiny", 5, num_segments=2, input_size=32)
    expected = "float64" if policy == "float64" else "float32"
    assert keras.backend.standardize_dtype(model(clips(1, 2, 32, 32)).dtype) == expected


def test_numpys_integers_are_integers(monkeypatch):
    tiny.register(monkeypatch)
    model = keras_action.build_tsn("tiny", np.int64(5), num_segments=np.int64(4), input_size=np.int64(32))
    assert model.input_shape == (None, 4, 32, 32, 3)


@pytest.mark.one_backend
def test_weights_of_keras_applications_from_a_file(tmp_path):
    source = keras.applications.MobileNetV2(input_shape=(64, 64, 3), alpha=0.35, include_top=False, weights=None)
    source.save_weights(tmp_path / "backbone.weights.h5")
    model = build("tsn", weights=tmp_path / "backbone.weights.h5")
    for name in ("Conv1", "block_9_project_BN", "Conv_1"):
        for new, old in zip(model.get_layer(name).get_weights(), source.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(new, old)


@pytest.mark.one_backend
def test_imagenet_weights_of_a_torch_file_bring_their_variant():
    path = shared("weights/mobilenet_v2_imagenet.npz")
    model = build("action_net", weights=path, alpha=1.0)
    with np.load(path) as archive:
        stem = archive["features.0.0.weight"]
    np.testing.assert_array_equal(model.get_layer("Conv1").get_weights()[0], stem.transpose(2, 3, 1, 0))
    assert model.get_layer("bn_Conv1").epsilon == 1e-5
    assert model.get_layer("Conv1_pad").padding == ((1, 1), (1, 1))


@pytest.mark.one_backend
def test_residual_branches_can_start_at_zero():
    model = build("action_net", zero_init_residual=True)
    zeros = [layer.name for layer in model.layers if hasattr(layer, "gamma") and not np.any(numpy(layer.gamma))]
    assert zeros == [point.replace("_expand", "_project_BN") for point in POINTS]


@pytest.mark.one_backend
def test_summary_is_readable(models):
    lines = []
    models["action_net"].summary(print_fn=lambda text, **_: lines.append(text), line_length=120)
    text = "\n".join(lines)
    for name in ("clip", "fold_time", "preprocessing", "block_2_expand_action (Action)", "classifier", "logits"):
        assert name in text
    assert "(None, 4, 64, 64, 3)" in text


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"weights": "missing.npz"}, FileNotFoundError, "Received: weights='missing.npz'"),
        ({"variant": "round"}, ValueError, r"must be one of \['keras', 'torchvision'\]"),
        ({"paths": ("xyz",)}, ValueError, "`paths` must be"),
        ({"zero_init_residual": True, "weights": "imagenet"}, ValueError, "from scratch"),
        ({"num_segments": 0}, ValueError, "`num_segments` must be a positive integer"),
        ({"stages": (1, 2)}, ValueError, r"some of \[2, 3, 4, 5\].*Received: stages=\(1, 2\)"),
        ({"stages": ()}, ValueError, r"Received: stages=\(\)"),
        ({"location": 5}, ValueError, "`location` must be from 1 to 4.*Received: location=5"),
        ({"weights": "imagenet", "variant": "torchvision"}, ValueError, "for variant 'keras'"),
        ({"stage": 2}, TypeError, "stage"),
        ({"num_segments": 2.5}, ValueError, "Received: num_segments=2.5"),
        ({"num_classes": 2.7}, TypeError, "integer"),
        ({"input_size": (64,)}, ValueError, r"Received: input_size=\(64,\)"),
        ({"input_size": 64.5}, ValueError, "Received: input_size=64.5"),
        ({"input_size": None}, ValueError, "Received: input_size=None"),
        ({"pooling": "avg"}, ValueError, "pooling"),
    ],
)
def test_bad_arguments(kwargs, error, message):
    with pytest.raises(error, match=message):
        build("action_net", **kwargs)


def test_unknown_backbone_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"'mobilenet_v2'.*Did you mean.*Received: backbone='mobilenet'"):
        keras_action.build_action_net("mobilenet", num_classes=5)


def test_channels_first_is_an_error():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="Only channels last"):
            build("tsn")
    finally:
        keras.config.set_image_data_format("channels_last")


@pytest.mark.one_backend
def test_weights_of_another_geometry_or_network_are_an_error(tmp_path):
    source = keras.applications.MobileNetV2(input_shape=(64, 64, 3), alpha=0.35, include_top=False, weights=None)
    source.save_weights(tmp_path / "backbone.weights.h5")
    with pytest.raises(ValueError, match=r"for variant 'keras'.*variant='torchvision'"):
        build("tsn", weights=tmp_path / "backbone.weights.h5", variant="torchvision")
    keys = ("features.0.0.weight", "features.17.conv.0.weight")
    np.savez(tmp_path / "torch.npz", **{key: np.zeros((32, 3, 3, 3), "float32") for key in keys})
    with pytest.raises(ValueError, match=r"file's weights are for variant 'torchvision'.*variant='keras'"):
        build("tsn", weights=tmp_path / "torch.npz", variant="keras")
    with pytest.raises(ValueError, match="must hold the weights of a 'resnet50'; it holds those of 'mobilenet_v2'"):
        keras_action.build_tsn("resnet50", 3, weights=tmp_path / "torch.npz")
    np.savez(tmp_path / "other.npz", weight=np.zeros(3))
    with pytest.raises(ValueError, match="an unknown network"):
        build("tsn", weights=tmp_path / "other.npz")


def test_imagenet_weights_without_internet(monkeypatch):
    def offline(**options):
        raise Exception("URL fetch failure on https://storage.example/weights.h5: None -- no name resolution")

    monkeypatch.setitem(BACKBONES, "mobilenet_v2", dataclasses.replace(BACKBONES["mobilenet_v2"], constructor=offline))
    with pytest.raises(ConnectionError, match=r"weights=None`, or the path of a file. Received: weights='imagenet'"):
        keras_action.build_tsn("mobilenet_v2", 3, weights="imagenet")


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_memory_looks_back_only(kind):
    with pytest.raises(ValueError, match=r"`memory` looks back only: it needs `causal=True`"):
        build(kind, memory=8)


def test_the_logits_of_each_frame_have_the_mean_that_a_clip_has(monkeypatch):
    tiny.register(monkeypatch)
    options = {"num_segments": 4, "input_size": 32}
    clip = keras_action.build_action_net("tiny", 5, **options)
    frame = keras_action.build_action_net("tiny", 5, return_sequences=True, **options)
    frame.set_weights(clip.get_weights())
    x = clips(2, 4, 32, 32)
    assert frame.output_shape == (None, 4, 5)
    assert_close(numpy(frame(x)).mean(axis=1), clip(x), atol=1e-5)
