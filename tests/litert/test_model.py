import builtins
import subprocess
import sys

import numpy as np
import pytest

from keras_action.litert import LiteRTModel
from tests.litert.color_model import color_clips


@pytest.mark.parametrize("quantization", ["float32", "int8"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_takes_clips_of_any_type(reports, quantization, dtype):
    model = LiteRTModel(reports[quantization].path, num_threads=2)
    clips, _ = color_clips()
    np.testing.assert_array_equal(model(clips.astype(dtype)), model(clips))


def test_a_batch_is_its_clips_one_by_one(reports):
    model = LiteRTModel(reports["float32"].path)
    clips, _ = color_clips(3)
    logits = model(clips)
    assert logits.shape == (3, *model.output_shape[1:])
    np.testing.assert_array_equal(logits, np.concatenate([model(clip[None]) for clip in clips]))


@pytest.mark.parametrize("shape", [(1, 5, 16, 16, 3), (4, 16, 16, 3), (0, 4, 16, 16, 3), (1, 4, 16, 16, 4)])
def test_wrong_clips(reports, shape):
    with pytest.raises(ValueError, match=r"Expected clips of shape .*Received: clips.shape="):
        LiteRTModel(reports["float32"].path)(np.zeros(shape))


@pytest.mark.parametrize("content", [b"", b"this is a text, not a model"])
def test_no_model(tmp_path, content):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model.tflite is not a LiteRT file"):
        LiteRTModel(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        LiteRTModel(tmp_path / "model.tflite")


def test_says_what_to_install(reports, monkeypatch):
    real_import = builtins.__import__

    def fake_import(name, *args, **kwargs):
        if name.startswith("ai_edge_litert"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.startswith("ai_edge_litert")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(builtins, "__import__", fake_import)
    with pytest.raises(ImportError, match=r"ai-edge-litert.*pip install 'keras_action\[litert\]'"):
        LiteRTModel(reports["float32"].path)


def test_says_nothing(reports):
    path = str(reports["float32"].path)
    code = (
        "import numpy as np\nfrom keras_action.litert import LiteRTModel\n"
        f"model = LiteRTModel({path!r})\nmodel(np.zeros((1, 4, 16, 16, 3)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout + result.stderr == ""
