import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from export.standalone import Recognizer, main
from keras_action.litert import LiteRTModel, convert
from tests.litert.color_model import LABELS, color_clips, make_causal_model, make_color_model

PROGRAM = Path(__file__).resolve().parents[2] / "export" / "standalone.py"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    clips, _ = color_clips()
    np.save(folder / "frames.npy", clips[1])  # red
    for dtype in ("float32", "uint8"):
        convert(
            make_color_model(),
            folder / f"{dtype}.tflite",
            quantization="int8",
            representative_clips=clips,
            labels=LABELS,
            clip_seconds=2,
            output_dtype=dtype,
        )
    return folder


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_clips(files, dtype, capsys):
    frames = np.load(files / "frames.npy")
    recognizer = Recognizer(files / f"{dtype}.tflite")
    assert (recognizer.labels, recognizer.time_step) == (list(LABELS), 0.5)
    assert [recognizer(frame) for frame in frames[:3]] == [None] * 3
    logits = LiteRTModel(files / f"{dtype}.tflite")(frames[None])[0]
    np.testing.assert_allclose(recognizer(frames[3]), np.exp(logits) / np.exp(logits).sum(), rtol=1e-4)
    recognizer.reset()
    assert recognizer(frames[0]) is None
    main(files / f"{dtype}.tflite", files / "frames.npy")
    assert capsys.readouterr().out.startswith("frame 3: red ")


def test_streams(tmp_path):
    """Its memory goes round: the probabilities are those of the streaming model."""
    import keras_action

    model = make_causal_model()
    stream = keras_action.streaming_model(model)
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (4, 16, 16, 3)).astype("uint8")
    path = convert(stream, tmp_path / "stream.tflite", labels=LABELS, clip_seconds=1).path
    recognizer = Recognizer(path)
    states = keras_action.initial_states(stream)
    for frame in frames:
        outputs = stream.predict_on_batch({"frame": frame[None].astype("float32"), **states})
        logits = np.asarray(outputs.pop("logits"))[0]
        states = outputs
        np.testing.assert_allclose(recognizer(frame), np.exp(logits) / np.exp(logits).sum(), atol=1e-4)


@pytest.mark.slow
def test_it_needs_numpy_and_litert_alone(files, tmp_path):
    python = tmp_path / "environment" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
    if subprocess.run([str(python), "-m", "pip", "install", "--quiet", "numpy", "ai-edge-litert"]).returncode:
        pytest.skip("ai-edge-litert can't be installed here")
    for name in ("tensorflow", "keras", "keras_action"):
        assert subprocess.run([str(python), "-c", f"import {name}"], cwd=tmp_path, capture_output=True).returncode
    arguments = [str(python), str(PROGRAM), str(files / "uint8.tflite"), str(files / "frames.npy")]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("frame 3: red ")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], [], ["one"]], ids=str)
def test_usage_does_without_litert(tmp_path, arguments):
    for name in ("numpy", "ai_edge_litert"):
        (tmp_path / f"{name}.py").write_text("raise ImportError")
    code = [sys.executable, str(PROGRAM), *arguments]
    done = subprocess.run(code, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    wanted, other = (done.stdout, done.stderr) if "-" in "".join(arguments) else (done.stderr, done.stdout)
    assert "python standalone.py gesture.tflite frames.npy" in wanted and not other
    assert done.returncode == (0 if wanted is done.stdout else 2)
