"""ONNX files of the clip model and of its streaming twin, in ONNX Runtime."""

import keras
import numpy as np
import pytest

import keras_action
from keras_action import initial_states, streaming_model
from tests import tiny
from tests.models.test_streaming import clips, make, run

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("tf2onnx")
pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="Keras exports by tf2onnx here")


@pytest.fixture(autouse=True)
def backbone(monkeypatch):
    tiny.register(monkeypatch)


def test_a_clip_model_in_onnx_runtime(tmp_path):
    model = keras_action.build_action_net("tiny", 5, num_segments=4, input_size=32)
    frames = clips(2, 4, 32)
    expected = model(frames)
    model.export(tmp_path / "clip.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "clip.onnx")
    (logits,) = session.run(None, {"clip": frames})
    np.testing.assert_allclose(logits, expected, atol=1e-4 * np.ptp(expected))


@pytest.mark.parametrize("options", [{}, {"kind": "tsm"}, {"kind": "tsm", "past_channels": "first"}], ids=str)
def test_a_stream_in_onnx_runtime(options, tmp_path):
    stream = streaming_model(make(**options))
    stream.export(tmp_path / "stream.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "stream.onnx")
    assert [x.name for x in session.get_inputs()] == list(stream.input)
    names = [x.name for x in session.get_outputs()]
    assert sorted(names) == sorted(["logits", *(f"next_{name}" for name in initial_states(stream))])
    frames = clips(2, 5, 32)
    expected, _ = run(stream, frames)
    states, logits = initial_states(stream, batch_size=2), []
    for frame in frames.swapaxes(0, 1):
        outputs = dict(zip(names, session.run(None, {"frame": frame, **states}), strict=True))
        logits.append(outputs.pop("logits"))
        states = {name.removeprefix("next_"): value for name, value in outputs.items()}
    np.testing.assert_allclose(np.stack(logits, axis=1), expected, atol=1e-4 * np.ptp(expected))
