import dataclasses
import sys

import keras
import numpy as np
import pytest

import keras_action
from keras_action.training.run import write_run
from tests import tiny

LABELS = ("bright", "dark")
CLIPS = np.random.default_rng(0).integers(0, 256, (3, 2, 32, 32, 3), "uint8")


def tiny_model(**options):
    return keras_action.build_action_net("tiny", 2, num_segments=2, input_size=32, **options)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """A run's folder with a model that was not trained."""
    tiny.register(monkeypatch)
    folder = tmp_path / "run"
    write_run(folder, tiny.recipe(sampling="reference"), LABELS, 1.0)
    tiny_model().save(folder / "best.keras")
    return folder


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("file", [".", "best.keras"])
def test_a_run(run, file):
    opened = keras_action.load_model(run / file)
    assert (opened.num_segments, opened.input_size, opened.labels) == (2, (32, 32), LABELS)
    assert opened.recipe.sampling == "reference"
    np.testing.assert_array_equal(
        opened.model.predict(CLIPS, verbose=0), keras.saving.load_model(run / "best.keras").predict(CLIPS, verbose=0)
    )


def test_a_keras_file_alone(run, tmp_path):
    path = (run / "best.keras").rename(tmp_path / "model.keras")
    opened = keras_action.load_model(path)
    assert (opened.num_segments, opened.input_size, opened.labels, opened.recipe) == (2, (32, 32), None, None)
    assert keras_action.load_model(path, labels=["a", "b"]).labels == ("a", "b")


@pytest.mark.parametrize("quantization", ["float32", "int8"])
def test_a_litert_file(run, tmp_path, quantization):
    pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")
    pytest.importorskip("ai_edge_quantizer", reason="the extra litert is not installed")
    from keras_action import litert

    model = keras_action.load_model(run).model
    path = tmp_path / "gesture.tflite"
    litert.convert(model, path, quantization=quantization, representative_clips=CLIPS, labels=LABELS)
    opened = keras_action.load_model(path)
    assert (opened.num_segments, opened.input_size, opened.labels, opened.recipe) == (2, (32, 32), LABELS, None)
    expected = model.predict(CLIPS, verbose=0)
    tolerance = 1e-5 if quantization == "float32" else 0.2 * np.ptp(expected) + 1e-3
    np.testing.assert_allclose(opened.model(CLIPS), expected, atol=tolerance)


def test_a_litert_file_tells_how_it_was_trained(run, tmp_path):
    pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")
    from keras_action import litert

    recipe, path = tiny.recipe(sampling="reference", crop_to_aspect_ratio=False), tmp_path / "gesture.tflite"
    of_another_version = {**recipe.to_dict(), "is_new": 1}
    litert.convert(tiny_model(), path, clip_seconds=1.5, metadata={"recipe": of_another_version})
    opened = keras_action.load_model(path)
    assert (opened.recipe, opened.sampling, opened.crop_to_aspect_ratio, opened.clip_seconds) == (
        recipe,
        "reference",
        False,
        1.5,
    )

    metadata = litert.read_metadata(path)
    litert.write_metadata(path, dataclasses.replace(metadata, recipe=None))
    opened = keras_action.load_model(path)
    assert (opened.recipe, opened.sampling, opened.crop_to_aspect_ratio) == (None, "segments", True)

    litert.write_metadata(path, dataclasses.replace(metadata, recipe={"epochs": -1}))
    with pytest.raises(ValueError, match=r"gesture\.tflite: the recipe .*Received: epochs=-1"):
        keras_action.load_model(path)


def torch_state_dict(model):
    """A TSN of MobileNetV2 under the names, and in the layouts, of PyTorch."""
    from keras_action.weights.torch_names import FAMILIES

    names, arrays = FAMILIES[0], {}
    for layer in model.layers:
        if not layer.weights:
            continue
        prefix = "new_fc" if layer.name == "classifier" else f"base_model.{names.prefix(layer.name)}"
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        parts = ("weight", "bias", "running_mean", "running_var") if is_norm else ("weight", "bias")
        for part, value in zip(parts, layer.get_weights(), strict=False):
            if isinstance(layer, keras.layers.DepthwiseConv2D):
                value = value.transpose(2, 3, 0, 1)
            elif value.ndim == 4:
                value = value.transpose(3, 2, 0, 1)
            elif value.ndim == 2:
                value = value.T
            arrays[f"{prefix}.{part}"] = value
    return arrays


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A PyTorch checkpoint, and the same weights as a `.keras` file, made at another size."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("checkpoint")
    model = keras_action.build_tsn("mobilenet_v2", 2, num_segments=2, input_size=64, variant="torchvision")
    # As freshly made, without statistics, it would say the same of every clip.
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_variance.assign(0.05 * np.ones(layer.moving_variance.shape))
    model.get_layer("classifier").kernel.assign(np.random.default_rng(0).normal(size=(1280, 2)))
    np.savez(folder / "tsn.npz", **torch_state_dict(model))
    model.save(folder / "model.keras")
    return folder


@pytest.mark.usefixtures("eager")
def test_a_checkpoint_and_the_keras_file_made_of_it_give_the_same_numbers(checkpoint, tmp_path):
    from keras_action.data import read_annotations

    annotations = read_annotations(tiny.write_videos(tmp_path, per_class=2))
    reports = []
    for opened in (
        keras_action.load_model(checkpoint / "tsn.npz", num_segments=2),  # of 224 pixels
        keras_action.load_model(checkpoint / "model.keras"),
    ):
        report = keras_action.evaluate(
            opened.model,
            annotations,
            keras_action.evaluation.Protocol(2, 64, num_clips=2, num_crops=3, seed=0),
            progress=False,
        )
        reports.append(report)
    assert np.ptp(reports[0].logits) > 0.1
    np.testing.assert_allclose(reports[0].logits, reports[1].logits, atol=1e-5)
    assert reports[0].intervals == reports[1].intervals


def test_errors_of_a_checkpoint(checkpoint):
    with pytest.raises(ValueError, match="`num_segments` is needed for a PyTorch checkpoint"):
        keras_action.load_model(checkpoint / "tsn.npz")
    with pytest.raises(ValueError, match=r"2 classes.*Received: 3 labels"):
        keras_action.load_model(checkpoint / "tsn.npz", num_segments=2, labels="abc")


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("missing.pth", {}, FileNotFoundError, "no such model. Received: .*missing.pth"),
        ("notes.txt", {}, ValueError, r"a \.tflite file, or a PyTorch checkpoint.*Received: .*notes.txt"),
        ("notes.pth", {"num_segments": 8}, ValueError, "notes.pth"),
        ("notes.tflite", {}, ValueError, "not a LiteRT file"),
        ("", {}, FileNotFoundError, r"holds run\.json"),
        ("model.keras", {"num_segments": 8}, ValueError, "clips of 2 frames. Received: num_segments=8"),
        ("model.keras", {"kind": "tsm"}, ValueError, "Received: kind='tsm'"),
        ("image.keras", {}, ValueError, r"image\.keras: .*must take clips.*input_shape=\(None, 4\)"),
    ],
)
def test_errors(tmp_path, monkeypatch, name, options, error, message):
    tiny.register(monkeypatch)
    tiny_model().save(tmp_path / "model.keras")
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(tmp_path / "image.keras")
    for suffix in ("txt", "pth", "tflite"):
        (tmp_path / f"notes.{suffix}").write_text("these are notes, and no model")
    with pytest.raises(error, match=message):
        keras_action.load_model(tmp_path / name, **options)


def test_nothing_of_litert_is_needed_for_a_keras_file(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_action.litert", None)
    assert keras_action.load_model(run).labels == LABELS


@pytest.mark.parametrize("share", [0, 0.3, 0.95])
def test_a_cut_keras_file_is_named(run, tmp_path, share):
    data = (run / "best.keras").read_bytes()
    for path in (run / "best.keras", tmp_path / "alone.keras"):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(ValueError, match=rf"{path.name}: the \.keras file is damaged or truncated"):
            keras_action.load_model(path)
