import warnings

import pytest

from export.quantize_aware import main
from keras_action import load_run
from keras_action.litert import LiteRTModel, convert
from tests.litert.color_model import color_clips


def test_a_run_is_trained_on_and_converted(run, clips, tmp_path, capsys):
    output = tmp_path / "rounded"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main([str(run), "--train", str(clips), "--output", str(output), "--epochs", "1", "--learning-rate", "1e-4"])
    assert f"keras-action convert {output}" in capsys.readouterr().out
    inputs, ids = color_clips(8)
    model = load_run(output).load_model()
    report = convert(model, tmp_path / "m.tflite", quantization="int8", representative_clips=inputs)
    assert (LiteRTModel(report.path)(inputs).argmax(axis=-1) == ids).all()


@pytest.mark.parametrize("option", [["--train", "missing.csv"], ["--train", "missing.csv", "--epochs", "0"]])
def test_bad_input(run, tmp_path, option):
    with pytest.raises(SystemExit, match="error: "):
        main([str(run), *option, "--output", str(tmp_path / "rounded")])
