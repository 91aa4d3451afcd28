import json

import numpy as np
import pytest

from keras_action import plots
from keras_action.litert import convert, quantization_error
from keras_action.models import streaming_model
from tests.litert.color_model import color_clips, make_causal_model


@pytest.fixture(scope="module")
def errors(model, reports):
    clips, _ = color_clips(8, seed=1)
    return {name: quantization_error(reports[name].path, model, clips) for name in ("int8", "int16x8")}


def test_more_bits_make_less_noise(errors):
    int8, int16 = (errors[name].operators[-1].snr_db for name in ("int8", "int16x8"))
    assert 30 < int8 < int16 - 10


def test_operators_are_known_by_their_layers(errors):
    layers = errors["int8"].layers
    assert {"widen", "classifier", "action/ste", "action/ce", "action/me"} <= set(layers)
    assert list(layers)[-1] == "logits"


def test_noise_is_what_it_says(model, reports, errors):
    """The last operator's ratio is that of the logits themselves."""
    from keras_action.litert import LiteRTModel

    clips, _ = color_clips(8, seed=1)
    floats, integers = (LiteRTModel(reports[name].path)(clips) for name in ("float32", "int8"))
    ratio = 10 * np.log10((floats**2).sum() / ((integers - floats) ** 2).sum())
    assert errors["int8"].operators[-1].snr_db == pytest.approx(ratio, abs=3)  # other kernels, other rounding


def test_worst_operators_and_tables(errors):
    report = errors["int8"]
    worst = report.worst(3)
    assert [operator.added for operator in worst] == sorted((x.added for x in report.operators), reverse=True)[:3]
    assert worst[0].layer in str(report)
    assert len(json.loads(json.dumps(report.to_dict()))["operators"]) == len(report.operators)


def test_figure(errors):
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed")
    figure = plots.quantization_error_figure(errors["int8"], labelled=2, title="noise")
    above, below = figure.axes
    assert len(above.lines[0].get_xdata()) == len(errors["int8"].operators) == len(below.patches)
    *numbers, names = (text.get_text() for text in below.texts)
    assert numbers == ["1", "2"]
    assert errors["int8"].worst(1)[0].layer in names.splitlines()[0]
    assert plots.figure_to_png_bytes(figure).startswith(b"\x89PNG")


def test_layers_kept_in_float_are_marked(model, tmp_path):
    clips, _ = color_clips()
    report = convert(
        model, tmp_path / "model.tflite", quantization="int8", representative_clips=clips, keep_float=["classifier"]
    )
    error = quantization_error(report.path, model, clips, limit=2)
    assert error.num_clips == 2
    assert {operator.layer for operator in error.operators if operator.is_float} == {"classifier"}


def test_files_without_integers(model, reports):
    with pytest.raises(ValueError, match="not an int8 or int16x8 file of this model"):
        quantization_error(reports["float32"].path, model, color_clips(2)[0])


def test_a_streaming_model_is_none_of_clips(reports):
    with pytest.raises(ValueError, match="must take clips of shape"):
        quantization_error(reports["int8"].path, streaming_model(make_causal_model()), color_clips(1)[0])
