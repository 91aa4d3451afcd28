"""The streaming twin gives frame by frame what the clip model gives for the clip."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_action
from benchmarks.litert import take_statistics
from keras_action import initial_states, state_bytes, streaming_model
from keras_action.layers import FoldTime, TemporalShift, UnfoldTime
from keras_action.models.backbones import BACKBONES
from keras_action.models.insertion import finalize_normalizations
from tests import tiny
from tests.test_case import dtype_policy, numpy

ROOT = Path(__file__).resolve().parents[2]
BACKENDS = [name for name in ("tensorflow", "jax", "torch") if importlib.util.find_spec(name)]
SMALLEST = {"inception_v3": 75, "inception_resnet_v2": 75, "xception": 71}  # pixels a side; of all others 32 will do
BUILDERS = {
    "action_net": keras_action.build_action_net,
    "tsm": keras_action.build_tsm,
    "tsn": keras_action.build_tsn,
}


pytestmark = pytest.mark.usefixtures("eager")
SLOW_GRAPH = [pytest.mark.slow, pytest.mark.graph]


@pytest.fixture(autouse=True)
def backbone(monkeypatch):
    tiny.register(monkeypatch)


def shake(model, seed=0):
    """Moves all weights a little, so that no path is at its start; the kernels stay in proportion."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        value, noise = numpy(weight), rng.standard_normal(weight.shape)
        is_variance = "variance" in weight.path
        scale = 0.1 * np.abs(value).mean() + 0.02
        weight.assign(value + scale * (np.abs(noise) if is_variance else noise))
    for layer in model.layers:
        finalize_normalizations(layer)


def make(backbone="tiny", kind="action_net", num_segments=4, size=32, **options):
    model = BUILDERS[kind](backbone, 5, num_segments=num_segments, input_size=size, causal=True, **options)
    shake(model)
    return model


def clips(batch, time, size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (batch, time, size, size, 3)).astype("float32")


def run(stream, frames):
    """Logits `(B, T, classes)` of clips `(B, T, H, W, 3)`, from zero states, and the states after them."""
    states, logits = initial_states(stream, len(frames)), []
    for frame in frames.swapaxes(0, 1):
        outputs = stream.predict_on_batch({"frame": frame, **states})
        logits.append(outputs.pop("logits"))
        states = outputs
    return np.stack(logits, axis=1), states


def check(model, stream, frames):
    """A clip's logits are the mean of its frames', from zero states and after a reset alike."""
    expected = np.concatenate([numpy(model(clip[None])) for clip in frames])
    for _ in range(2):
        logits, states = run(stream, frames)
        np.testing.assert_allclose(logits.mean(axis=1), expected, atol=1e-4 * np.ptp(logits) + 1e-6)
    return logits, states


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, marks=pytest.mark.graph),
        {"shift": "fixed"},
        pytest.param({"shift": None}, marks=pytest.mark.one_backend),
        pytest.param({"paths": ("ste",)}, marks=pytest.mark.one_backend),
        pytest.param({"paths": ("ce",)}, marks=pytest.mark.one_backend),
        pytest.param({"paths": ("me",), "shift": None}, marks=pytest.mark.one_backend),
        {"kind": "tsm"},
        pytest.param({"kind": "tsm", "shift": "learnable"}, marks=pytest.mark.one_backend),
        pytest.param({"kind": "tsn"}, marks=pytest.mark.one_backend),
        {"memory": 6},
    ],
    ids=str,
)
def test_frame_by_frame_equals_the_clip(options):
    model = make(**options)
    stream = streaming_model(model)
    check(model, stream, clips(2, 4, 32))
    names = {f"state_branch_{'action' if model.name == 'action_net' else 'shift'}_{part}" for part in ("shift", "ste")}
    assert set(stream.input) == set(stream.output) - {"logits"} | {"frame"}
    assert set(initial_states(stream)) & names or options.get("kind") == "tsn" or "paths" in options


@pytest.mark.one_backend
def test_each_frame_has_the_logits_of_the_clip_that_ends_with_it():
    frames, longest = clips(1, 6, 32), make(num_segments=6)
    logits, _ = run(streaming_model(longest), frames)
    for time in range(1, 7):  # a shorter clip is the beginning of a longer one
        model = make(num_segments=time)
        model.set_weights(longest.get_weights())
        clip = numpy(model(frames[:, :time]))
        np.testing.assert_allclose(clip, logits[:, :time].mean(axis=1), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "size", "options"),
    [
        pytest.param("mobilenet_v2", 32, {"alpha": 0.35}, marks=SLOW_GRAPH),
        pytest.param("resnet50", 32, {}, marks=SLOW_GRAPH),
        pytest.param("resnet50", 33, {"variant": "torchvision", "shift": "fixed"}, marks=SLOW_GRAPH),
        pytest.param("bn_inception", 64, {}, marks=SLOW_GRAPH),
    ],
)
def test_forty_frames_of_the_papers_backbones(name, size, options):
    """In float64: without training ResNet-50's values grow to 3e5, and with them the rounding of float32."""
    with dtype_policy("float64"):
        model = make(name, num_segments=40, size=size, **options)
        check(model, streaming_model(model), clips(1, 40, size))


@pytest.mark.graph
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(BACKBONES) - {"mobilenet_v2", "resnet50", "bn_inception"}))
def test_four_frames_of_all_other_backbones(name):
    """In float64: the rounding of float32 would grow over as many layers."""
    size = SMALLEST.get(name, 32)
    frames = clips(1, 4, size)
    with dtype_policy("float64"):
        model = make(name, size=size, **({"alpha": 0.35} if name.startswith("mobilenet") else {}))
        for layer in model.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0  # the statistics of blocks that were left out would not fit
        take_statistics(model, clips(4, 4, size))  # or what is seen of a frame would fade from layer to layer
        stream = streaming_model(model)
    logits, _ = check(model, stream, frames)
    assert np.isfinite(logits).all()
    # The frames are not the same to it, by far more than the two may differ.
    assert np.ptp(logits, axis=1).max() > 0.01 * np.ptp(logits) > 1e-4


def test_it_goes_on_beyond_a_clip_and_remembers_two_frames_a_layer():
    stream = streaming_model(make())
    frames = clips(1, 9, 32)
    logits, _ = run(stream, frames)
    other = clips(1, 9, 32, seed=1)
    other[:, 4:] = frames[:, 4:]
    later, _ = run(stream, other)
    assert np.abs(later[:, 3] - logits[:, 3]).max() > 1e-4
    # One layer: the shift reaches two frames back, the masks two frames further.
    np.testing.assert_allclose(later[:, 8:], logits[:, 8:], atol=1e-6)


@pytest.mark.parametrize("count", [pytest.param(1, marks=pytest.mark.one_backend), 4])
def test_the_mean_inside_equals_the_one_outside(count):
    model = make()
    frames = clips(2, 7, 32)
    logits, _ = run(streaming_model(model), frames)
    inside, _ = run(streaming_model(model, average_over=count), frames)
    padded = np.concatenate([np.zeros_like(logits[:, : count - 1]), logits], axis=1)
    outside = np.stack([padded[:, t : t + count].mean(axis=1) for t in range(logits.shape[1])], axis=1)
    np.testing.assert_allclose(inside, outside, atol=1e-5)
    if count == 4:
        np.testing.assert_allclose(inside[:, 3], numpy(model(frames[:, :4])), atol=1e-5)


def test_a_file_of_it_gives_the_same(tmp_path):
    stream = streaming_model(make())
    stream.save(tmp_path / "stream.keras")
    loaded = keras.saving.load_model(tmp_path / "stream.keras")
    frames = clips(1, 3, 32)
    np.testing.assert_allclose(run(loaded, frames)[0], run(stream, frames)[0], atol=1e-6)


@pytest.mark.one_backend
@pytest.mark.parametrize("kind", BUILDERS)
def test_it_knows_the_frames_of_a_clip(kind, tmp_path):
    stream = streaming_model(make(kind=kind))
    assert stream.num_segments == 4
    stream.save(tmp_path / "stream.keras")
    assert keras.saving.load_model(tmp_path / "stream.keras").num_segments == 4


@pytest.mark.one_backend
def test_no_tensor_above_rank_four_and_small_states():
    stream = streaming_model(make(shift="fixed"))
    for layer in stream.layers:
        for x in keras.tree.flatten([layer.input, layer.output]):
            assert len(x.shape) <= 4
    # Of maps 8 × 8 × 8: one channel, two means of channels, two squeezed vectors, one, and the flag.
    assert state_bytes(stream) == 4 * (64 + 2 * 64 + 2 + 1 + 1)
    assert state_bytes(streaming_model(make())) == 4 * (2 * 64 * 8 + 2 * 64 + 2 + 1 + 1)
    assert state_bytes(streaming_model(make(kind="tsn"))) == 0
    assert initial_states(stream, batch_size=3)["state_branch_action_ste"].shape == (3, 8, 16)


@pytest.mark.parametrize(
    "options",
    [{"memory": 6}, *(pytest.param(o, marks=pytest.mark.one_backend) for o in ({}, {"kind": "tsm", "memory": 6}))],
    ids=str,
)
def test_each_frame_of_a_model_that_returns_sequences(options, tmp_path):
    model, frames = make(return_sequences=True, **options), clips(2, 4, 32)
    assert model.output_shape == (None, 4, 5)
    stream = streaming_model(model)
    logits, _ = run(stream, frames)
    np.testing.assert_allclose(logits, numpy(model(frames)), atol=1e-4 * np.ptp(logits))
    assert ("state_memory_gru" in stream.input) == ("memory" in options)
    stream.save(tmp_path / "stream.keras")
    loaded = keras.saving.load_model(tmp_path / "stream.keras")
    assert loaded.return_sequences and not streaming_model(make()).return_sequences
    np.testing.assert_allclose(run(loaded, frames)[0], logits, atol=1e-6)


def test_a_memory_holds_what_was_long_ago():
    stream, frames = streaming_model(make(memory=6, shift="fixed")), clips(1, 12, 32)
    other = frames.copy()
    other[:, 0] = 255 - other[:, 0]
    # Three layers back at most see the shifts; the memory sees all.
    assert (np.abs(run(stream, frames)[0] - run(stream, other)[0])[0, -1] > 0).any()


def test_the_weights_are_copies():
    model = make()
    stream = streaming_model(model)
    frames = clips(1, 2, 32)
    before, _ = run(stream, frames)
    shake(model, seed=1)
    np.testing.assert_array_equal(run(stream, frames)[0], before)


def test_mixed_precision():
    with dtype_policy("mixed_float16"):
        model = make()
        stream = streaming_model(model)
    frames = clips(1, 4, 32)
    logits, states = run(stream, frames)
    assert {str(x.dtype) for x in states.values()} == {"float16"}
    np.testing.assert_allclose(logits.mean(axis=1), numpy(model(frames)), atol=0.02 * np.ptp(logits))


def own_model(end=keras.layers.GlobalAveragePooling1D):
    """A model that was not made by the builders."""
    clip = keras.Input((4, 6, 6, 8))
    x = FoldTime()(clip)
    x = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = TemporalShift(4, causal=True, name="between")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = UnfoldTime(4)(x)
    return keras.Model(clip, end()(x) if end else x)


def test_a_model_of_ones_own():
    model = own_model()
    stream = streaming_model(model)
    frames = np.random.default_rng(0).standard_normal((2, 4, 6, 6, 8)).astype("float32")
    check(model, stream, frames)
    assert list(initial_states(stream)) == ["state_between_shift"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: keras_action.build_action_net("tiny", 5, 4, input_size=32), "'branch_action' has causal=False"),
        (lambda: keras_action.build_tsm("tiny", 5, 4, input_size=32), "'branch_shift' has causal=False"),
        (lambda: own_model(end=keras.layers.GlobalMaxPooling1D), "take the mean"),
        (lambda: tiny.tiny_backbone((32, 32, 3), False, None), "take the mean"),
        (lambda: keras.layers.Dense(3), "A functional"),
    ],
)
def test_models_without_a_twin(model, message):
    with pytest.raises(ValueError, match=message) as error:
        streaming_model(model())
    assert "Received: " in str(error.value)


def test_bad_arguments():
    with pytest.raises(ValueError, match="average_over=0"):
        streaming_model(make(), average_over=0)
    with pytest.raises(ValueError, match="A model of `streaming_model`"):
        initial_states(make())


@pytest.mark.slow
@pytest.mark.skipif(len(BACKENDS) < 2, reason="one backend alone is installed")
def test_a_stream_is_the_same_on_every_backend(tmp_path):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("runs all backends from one")
    model = make("mobilenet_v2", num_segments=3, alpha=0.35)
    model.save(tmp_path / "model.keras")
    frames = clips(2, 3, 32)
    np.save(tmp_path / "frames.npy", frames)
    expected, _ = run(streaming_model(model), frames)
    for backend in BACKENDS:
        files = (str(tmp_path / name) for name in ("model.keras", "frames.npy", "logits.npy"))
        code = [sys.executable, "-m", "tests.models.stream_run", *files]
        environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(code, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), expected, atol=1e-4 * np.ptp(expected))
