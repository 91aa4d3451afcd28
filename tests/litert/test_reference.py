"""The paper's three models as float32 files: the original PyTorch models' logits come out of LiteRT."""

import numpy as np
import pytest

import keras_action
from tests.test_case import reference

pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["action_mobilenetv2_83c_8f_224px.npz", "action_resnet50_83c_8f_112px.npz", "action_bninception_83c_8f_224px.npz"],
)
def test_float32_files_give_the_original_models_logits(name, tmp_path):
    module = reference()
    arrays = module.load(name)
    size = arrays["meta"]["size"]
    model = keras_action.load_torch_checkpoint(
        module.state_dict(name), num_segments=8, input_size=size, include_preprocessing=False
    )
    keras_action.litert.convert(model, tmp_path / "model.tflite")
    clips = module.clips(name)
    logits = keras_action.litert.LiteRTModel(tmp_path / "model.tflite")(clips)
    assert np.abs(logits - arrays["logits"]).max() < 1e-3 * np.ptp(arrays["logits"])
